"""A loopback server that stands in for every host outside, and keeps a record of who came.

Chromium is told that every name lives at this server's port, so a request, a bare TCP connection or
a TLS handshake to any third party ends here. Plain HTTP and TLS share the port: the first byte of a
TLS connection is always 0x16 (RFC 8446 5.1: handshake record). The name comes from the TLS
handshake (SNI, RFC 6066 3) or from the Host header; a plain connection that says nothing has none
and counts all the same, for it is a leak.

It is also a DNS-over-HTTPS resolver (RFC 8484) that knows no name, for the browser that is told to
look names up instead: there, a look-up alone (dns-prefetch) shows.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import socketserver
import ssl
import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, Protocol
from urllib.parse import parse_qs, urlsplit

from tests.browser.certificate import Certificate

Kind = Literal["connection", "request", "lookup"]

#: The host of a connection that never said whom it was for.
UNNAMED = "(unnamed)"
#: The path of the resolver.
RESOLVER = "/dns-query"
#: The name that Chromium looks up on its own account, to see whether a resolver works.
_PROBE = "www.gstatic.com"

_TLS_HANDSHAKE = b"\x16"
_GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_PAGE = ("text/html", b"<!doctype html><title>sink</title>")
# What a browser says it wants (Sec-Fetch-Dest) ─► a small valid answer of that kind, so that no
# page of a test fails for want of one.
_ANSWERS: dict[str, tuple[str, bytes]] = {
    "script": ("text/javascript", b""),
    "style": ("text/css", b""),
    "iframe": _PAGE,
    "frame": _PAGE,
    "embed": _PAGE,
    "object": _PAGE,
    "document": _PAGE,
    "image": ("image/gif", _GIF),
    "empty": ("application/json", b"{}"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One thing that arrived: a connection, a request or the look-up of a name."""

    kind: Kind
    host: str
    target: str = ""


class Sink:
    """The server, a thread for each connection; its record may be read from any thread."""

    def __init__(self, certificate: Certificate) -> None:
        self._lock = threading.Lock()
        self._visits: list[Visit] = []
        self._silent = 0
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate.cert, certificate.key)
        self.tls.sni_callback = self._name_seen
        self._server = _Server(self)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Sink:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def visits(self) -> list[Visit]:
        """Everything that arrived in the order of its coming, then what has not said its name."""
        with self._lock:
            return self._visits + [Visit(kind="connection", host=UNNAMED)] * self._silent

    @property
    def silent(self) -> int:
        """How many connections are open that have not said whom they are for."""
        with self._lock:
            return self._silent

    def forget(self) -> None:
        """Start the record anew."""
        with self._lock:
            self._visits.clear()

    def record(self, kind: Kind, host: str, target: str = "") -> None:
        with self._lock:
            self._visits.append(Visit(kind=kind, host=host.lower(), target=target))

    def arrive(self) -> None:
        """A connection was opened."""
        with self._lock:
            self._silent += 1

    def speak(self) -> None:
        """It has said something, or it went without: in that case the caller records it."""
        with self._lock:
            self._silent -= 1

    def _name_seen(self, sock: object, name: str | None, context: object) -> None:
        # Before the handshake ends, so that a connection which is only opened (preconnect) counts.
        # One to an address has no name (RFC 6066 3): that is the browser asking its resolver.
        if name is not None:
            self.record("connection", name)


class _Stream(Protocol):
    """What a socket's file can do (`socket.makefile` is not typed as a BinaryIO)."""

    def readline(self) -> bytes: ...
    def read(self, size: int, /) -> bytes: ...
    def write(self, data: bytes, /) -> int: ...
    def flush(self) -> None: ...


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        super().__init__(("127.0.0.1", 0), _Connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser may go away at any moment, and what it wanted is recorded."""


class _Connection(socketserver.BaseRequestHandler):
    request: socket.socket
    server: _Server

    def handle(self) -> None:
        sink = self.server.sink
        sock = self.request
        sink.arrive()
        try:
            first = sock.recv(1, socket.MSG_PEEK)
            if first == _TLS_HANDSHAKE:
                sock = sink.tls.wrap_socket(sock, server_side=True)
            elif not first:
                sink.record("connection", UNNAMED)
        finally:
            sink.speak()
        with contextlib.closing(sock), sock.makefile("rwb") as stream:
            while _answer(sink, stream):
                pass


def _answer(sink: Sink, stream: _Stream) -> bool:
    """Answer one request; False when the browser has gone away."""
    method, _, rest = stream.readline().decode("latin-1").partition(" ")
    if not rest:
        return False
    target = rest.partition(" ")[0]
    fields: dict[str, str] = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    stream.read(int(fields.get("content-length", "0")))
    if target.startswith(RESOLVER):
        kind, body = "application/dns-message", _resolve(sink, target)
    else:
        sink.record("request", _host(fields.get("host", UNNAMED)), target)
        kind, body = _ANSWERS.get(fields.get("sec-fetch-dest", ""), ("text/plain", b""))
    head = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Access-Control-Allow-Origin": fields.get("origin", "*"),
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Headers": fields.get("access-control-request-headers", "*"),
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    lines = [f"HTTP/1.1 {HTTPStatus.OK} OK", *(f"{key}: {value}" for key, value in head.items())]
    stream.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
    stream.write(b"" if method == "HEAD" else body)
    stream.flush()
    return True


def _host(field: str) -> str:
    return urlsplit(f"//{field}").hostname or UNNAMED


def _resolve(sink: Sink, target: str) -> bytes:
    """Record the name a DNS query asks for, and answer that there is no such name."""
    encoded = parse_qs(urlsplit(target).query)["dns"][0]
    query = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    labels: list[str] = []
    at = 12  # RFC 1035 4.1.1: the header's length; 4.1.2: then the question's labels
    while size := query[at]:
        labels.append(query[at + 1 : at + 1 + size].decode("latin-1"))
        at += 1 + size
    if (name := ".".join(labels)) != _PROBE:
        sink.record("lookup", name)
    # Response, recursion desired and available, NXDOMAIN; the question alone, repeated.
    header = query[:2] + b"\x81\x83" + b"\x00\x01" + b"\x00\x00" * 3
    return header + query[12 : at + 5]
