"""HTTP/1.1 by hand: a connection on which every byte is accounted for."""

from __future__ import annotations

import socket
from typing import Self

from msgspec import Struct


class Answer(Struct, frozen=True, kw_only=True):
    """A response, and whether its connection stays open."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    stays: bool

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def cookies(self) -> str:
        """The cookies that were set, as a browser sends them back."""
        return "; ".join(value.partition(";")[0] for value in self.header("set-cookie"))


class Connection:
    """A connection to a server on loopback. What comes unasked makes the next answer unreadable."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 20)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send a request and read the whole answer to it."""
        self.send(method, path, body, **headers)
        return self.read(method)

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: shop.example", "Accept: text/html"]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + (body or b""))

    def send_raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, method: str = "GET") -> Answer:
        while True:
            version, status, *_ = self._line().split(" ")
            assert version in ("HTTP/1.1", "HTTP/1.0")
            headers = []
            while line := self._line():
                name, _, value = line.partition(":")
                headers.append((name.lower(), value.strip()))
            if not status.startswith("1"):
                break
        fields: dict[str, str] = dict(headers)
        stays = version == "HTTP/1.1" and fields.get("connection", "").lower() != "close"
        lengths = {value for name, value in headers if name == "content-length"}
        assert len(lengths) <= 1
        if method == "HEAD" or status in ("204", "304"):
            body = b""
        elif fields.get("transfer-encoding") == "chunked":
            assert not lengths
            body = self._chunked()
        elif lengths:
            size = int(lengths.pop())
            body = self._file.read(size)
            assert len(body) == size
        else:
            assert not stays
            body = self._file.read()
        return Answer(status=int(status), headers=headers, body=body, stays=stays)

    def _line(self) -> str:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError(f"the connection ended with {line!r}")
        return line[:-2].decode("latin-1")

    def _chunked(self) -> bytes:
        chunks = []
        while size := int(self._line().partition(";")[0], 16):
            chunks.append(self._file.read(size))
            assert len(chunks[-1]) == size
            assert self._line() == ""
        assert self._line() == ""
        return b"".join(chunks)
