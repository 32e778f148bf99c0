"""The WSGI middleware: Flask, Django, Pyramid, Bottle, Falcon, any WSGI app (PEP 3333).

A response that is no page is returned as the very object that the app gave, so that
``wsgi.file_wrapper`` keeps working. ``start_response`` is called when the first bytes of a page
are known; ``write()`` goes the same way as the iterable; ``close()`` is called exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from consentkit.engine import ConsentKit, Exchange, Plan, Reply, Request
from consentkit.settings import Settings

__all__ = ["ConsentMiddleware"]

Environ = dict[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]
App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

KEY = "consentkit"


class ConsentMiddleware:
    """Wraps a WSGI app.

    Args:
        app: the app.
        settings: a dict, :class:`~consentkit.Settings`, the path of a TOML file, or a
            :class:`~consentkit.ConsentKit` that was made before.

    Raises:
        SettingsError: with every mistake in the settings.
    """

    def __init__(
        self, app: App, settings: Settings | Mapping[str, Any] | str | Path | ConsentKit
    ) -> None:
        self.app = app
        self.kit = settings if isinstance(settings, ConsentKit) else ConsentKit(settings)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handle one request."""
        if KEY in environ:  # the second middleware on a way does nothing
            return self.app(environ, start_response)
        exchange = self.kit.begin(read_request(environ))
        if exchange.is_endpoint:
            reply = exchange.respond(_body(environ, exchange))
            return send_reply(reply, exchange.request.method, start_response)
        inner = dict(environ)
        inner[KEY] = exchange.consent
        _set_headers(inner, exchange)
        return _Response(exchange, start_response).run(self.app, inner)


def read_request(environ: Environ) -> Request:
    """The facts of a WSGI request."""
    root = _text(environ.get("SCRIPT_NAME", "")).rstrip("/")
    path = _text(environ.get("PATH_INFO", ""))
    query = environ.get("QUERY_STRING", "")
    url = quote(root + path, safe="/:@!$&'()*+,;=~-._") or "/"
    headers = [
        (key[5:].replace("_", "-").lower().encode("latin-1"), value.encode("latin-1"))
        for key, value in environ.items()
        if key.startswith("HTTP_") and isinstance(value, str)
    ]
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(key):
            name = key.replace("_", "-").lower().encode("ascii")
            headers.append((name, environ[key].encode("latin-1")))
    if not any(name == b"host" for name, _ in headers) and environ.get("SERVER_NAME"):
        headers.append((b"host", _server(environ)))
    return Request(
        method=environ.get("REQUEST_METHOD", "GET").upper(),
        path=path or "/",
        root=root,
        url=f"{url}?{query}" if query else url,
        query=query,
        headers=tuple(headers),
        scheme=environ.get("wsgi.url_scheme", "http"),
        client=environ.get("REMOTE_ADDR", ""),
    )


def _server(environ: Environ) -> bytes:
    return f"{environ['SERVER_NAME']}:{environ.get('SERVER_PORT', '80')}".encode("latin-1")


def _text(native: str) -> str:
    """A native string of PEP 3333, which holds bytes as latin-1, as the text that it stands for."""
    return native.encode("latin-1").decode("utf-8", "replace")


def _set_headers(environ: Environ, exchange: Exchange) -> None:
    """Give the app the request headers that the exchange allows."""
    wanted = exchange.inward_headers()
    if wanted is exchange.request.headers:
        return
    for name in (b"if-none-match", b"if-modified-since", b"accept-encoding"):
        key = "HTTP_" + name.decode("ascii").upper().replace("-", "_")
        value = next((value for header, value in wanted if header == name), None)
        if value is None:
            environ.pop(key, None)
        else:
            environ[key] = value.decode("latin-1")


def _body(environ: Environ, exchange: Exchange) -> bytes:
    """The body of a request, or as much of it as shows that it is too long."""
    if exchange.request.method != "POST":
        return b""
    limit = exchange.body_limit + 1
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        wanted = limit
    else:
        try:
            wanted = min(limit, max(0, int(environ.get("CONTENT_LENGTH") or 0)))
        except ValueError:
            wanted = 0
    chunks: list[bytes] = []
    while wanted > 0:
        chunk = stream.read(wanted)
        if not chunk:
            break
        chunks.append(chunk)
        wanted -= len(chunk)
    return b"".join(chunks)


def send_reply(reply: Reply, method: str, start_response: Callable[..., Any]) -> list[bytes]:
    """Send one of our own replies."""
    headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in reply.headers]
    if not any(name == "content-length" for name, _ in headers):
        headers.append(("content-length", str(len(reply.body))))
    start_response(_status_line(reply.status), headers)
    return [] if method == "HEAD" else [reply.body]


def _status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


class _Response:
    """One response on its way from the app to the server."""

    def __init__(self, exchange: Exchange, start_response: Callable[..., Any]) -> None:
        self._exchange = exchange
        self._start_response = start_response
        self._started: tuple[str, list[tuple[str, str]], ExcInfo | None] | None = None
        self._plan: Plan | None = None
        self._write: Callable[[bytes], Any] | None = None
        self._written: list[bytes] = []

    def run(self, app: App, environ: Environ) -> Iterable[bytes]:
        """Call the app; returns what the server iterates over."""
        result = app(environ, self._begin)
        if self._started is not None and self._plan is None and not self._written:
            # The app has told everything: a response that is no page need not be touched.
            headers = self._headers()
            if self._passes(headers):
                self._send_start(b"")
                return result
        return _Iteration(self, result)

    def _begin(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """The ``start_response`` that the app is given: it only takes note."""
        if self._plan is not None:
            if exc_info is None:
                raise AssertionError("start_response was called twice")
            self._start_response(status, headers, exc_info)  # raises, for the head is out
            return self.write
        self._started = (status, list(headers), exc_info)
        return self.write

    def _headers(self) -> list[tuple[bytes, bytes]]:
        if self._started is None:
            raise AssertionError("start_response was not called")
        return [(n.encode("latin-1"), v.encode("latin-1")) for n, v in self._started[1]]

    def _passes(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """Whether a response is no page whatever its first bytes are."""
        return any(name.lower() == b"content-type" for name, _ in headers) and not any(
            b"html" in value.lower() for name, value in headers if name.lower() == b"content-type"
        )

    def _send_start(self, first: bytes) -> None:
        if self._started is None:
            raise AssertionError("start_response was not called")
        status, native, exc_info = self._started
        headers = self._headers()
        plan = self._plan = self._exchange.start(int(status[:3]), headers, first)
        if plan.instead is not None:
            native = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in plan.instead.headers]
            status = _status_line(plan.instead.status)
        elif plan.headers is not headers:
            native = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in plan.headers]
        if exc_info is None:
            self._write = self._start_response(status, native)
        else:
            self._write = self._start_response(status, native, exc_info)

    def write(self, data: bytes) -> None:
        """The imperative way of PEP 3333: goes the same way as the iterable."""
        for piece in self.feed(bytes(data)):
            if piece and self._write is not None:
                self._write(piece)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What goes out for a chunk of the app."""
        if self._plan is None:
            if not chunk:
                yield b""  # PEP 3333: middleware must not wait for more than one chunk
                return
            self._send_start(chunk)
        plan = self._plan
        if plan is None or plan.instead is not None:
            return
        if plan.body is None:
            yield chunk
        else:
            yield from plan.body.feed(chunk)

    def finish(self) -> Iterator[bytes]:
        """What goes out after the last chunk."""
        if self._plan is None:
            self._send_start(b"")
        plan = self._plan
        if plan is None:
            return
        if plan.instead is not None:
            if self._exchange.request.method != "HEAD":
                yield plan.instead.body
        elif plan.body is not None:
            yield plan.body.close()


class _Iteration:
    """The iterable for the server: gated chunks, and a ``close`` that reaches the app's own."""

    def __init__(self, response: _Response, result: Iterable[bytes]) -> None:
        self._result = result
        self._chunks = self._iterate(response, result)
        self._closed = False

    def _iterate(self, response: _Response, result: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in result:
            empty = True
            for piece in response.feed(chunk):
                empty = False
                yield piece
            if empty:
                yield b""
        yield from response.finish()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """Called by the server when it is done, early or not."""
        if not self._closed:
            self._closed = True
            close = getattr(self._result, "close", None)
            if close is not None:
                close()
