"""The WSGI middleware: Flask, Django, Pyramid, Bottle, Falcon, any WSGI app (PEP 3333).

A response that is no page is returned as the very object that the app gave, so that
``wsgi.file_wrapper`` keeps working. ``write()`` goes the same way as the iterable; ``close()`` is
called exactly once, however the response ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import cached_property
from http import HTTPStatus
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import quote

from consentkit.engine import Consent, ConsentKit, Exchange, Plan, Reply, Request
from consentkit.engine.coding import is_html
from consentkit.engine.passing import passes, wanted_codings
from consentkit.settings import Settings

__all__ = ["ConsentMiddleware", "read_body", "read_headers", "read_request", "write_headers"]

Environ = dict[str, Any]
NativeHeaders = list[tuple[str, str]]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]
App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

KEY = "consentkit"
_SAFE = "/:@!$&'()*+,;=~-._"  # in a path (RFC 3986 3.3)
_ENDURED = 4_000_000  # bytes of a body that is too long
# Those request headers that the exchange may change for the app.
_CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")
_TELLING = ("HTTP_SEC_FETCH_DEST", "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING")
_CHANGED = (b"if-none-match", b"if-modified-since", b"accept-encoding")


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
        if self.kit.may_answer(environ.get("PATH_INFO", "")):
            exchange = self.kit.begin(read_request(environ))
            if exchange.is_endpoint:
                reply = exchange.respond(read_body(environ, environ["wsgi.input"], exchange))
                return _send_reply(reply, exchange.request.method, start_response)
        response = _Response(self.kit, environ, start_response)
        return response.run(self.app, response.inner_environ())


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_headers(environ: Mapping[str, Any]) -> tuple[tuple[bytes, bytes], ...]:
    """The request headers in an ``environ``, or in what Django calls ``META``."""
    headers = [
        (key[5:].replace("_", "-").lower().encode("latin-1", "replace"), _bytes(value))
        for key, value in environ.items()
        if key.startswith("HTTP_") and isinstance(value, str)
    ]
    for key, name in (("CONTENT_TYPE", b"content-type"), ("CONTENT_LENGTH", b"content-length")):
        if environ.get(key):
            headers.append((name, _bytes(str(environ[key]))))
    if "HTTP_HOST" not in environ and environ.get("SERVER_NAME"):
        host = f"{environ['SERVER_NAME']}:{environ.get('SERVER_PORT', '80')}"
        headers.append((b"host", _bytes(host)))
    return tuple(headers)


def write_headers(environ: MutableMapping[str, Any], exchange: Exchange) -> None:
    """Give the app those request headers that the exchange allows."""
    wanted = exchange.inward_headers()
    if wanted is exchange.request.headers:
        return
    for name in _CHANGED:
        key = "HTTP_" + name.decode("ascii").upper().replace("-", "_")
        value = next((value for header, value in wanted if header == name), None)
        if value is None:
            environ.pop(key, None)
        else:
            environ[key] = value.decode("latin-1")


def read_body(environ: Mapping[str, Any], stream: _Readable, exchange: Exchange) -> bytes:
    """The body of a request, or as much of it as shows that it is too long.

    More of it is read, but not kept: servers stumble over a body that nobody takes, and clients
    listen to an answer only after they have said everything. A body that ends before its announced
    length was cut on its way: the choice in it may be another than the one that was made, so that
    nothing of it is taken.
    """
    length = str(environ.get("CONTENT_LENGTH") or "")
    terminated = environ.get("wsgi.input_terminated", "wsgi.version" not in environ)
    if length.isdecimal() and length.isascii():
        left = min(_ENDURED, int(length[:18]))
    else:
        left = _ENDURED if terminated else 0
    if exchange.request.method != "POST":
        return b""
    chunks, size = [], 0
    try:
        while left > 0 and (chunk := stream.read(min(left, 65_536))):
            if size <= exchange.body_limit:
                chunks.append(chunk)
            size += len(chunk)
            left -= len(chunk)
    except OSError:  # the client is gone
        return b""
    return b"" if length and left else b"".join(chunks)


def read_request(environ: Mapping[str, Any]) -> Request:
    """The facts of a WSGI request."""
    root = _bytes(environ.get("SCRIPT_NAME", "")).rstrip(b"/")
    path = _bytes(environ.get("PATH_INFO", ""))
    query = environ.get("QUERY_STRING", "")
    url = quote(root + path, _SAFE) or "/"
    return Request(
        method=environ.get("REQUEST_METHOD", "GET").upper(),
        path=path.decode("utf-8", "replace") or "/",
        root=root.decode("utf-8", "replace"),
        url=f"{url}?{quote(_bytes(query), _SAFE + '%?')}" if query else url,
        query=query,
        headers=read_headers(environ),
        scheme=environ.get("wsgi.url_scheme", "http"),
        client=environ.get("REMOTE_ADDR") or "",
    )


def _bytes(native: str) -> bytes:
    """A native string of PEP 3333 stands for bytes; what cannot be one becomes a ``?``."""
    return native.encode("latin-1", "replace")


def _native(headers: Iterable[tuple[bytes, bytes]]) -> NativeHeaders:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _raw(headers: NativeHeaders) -> list[tuple[bytes, bytes]]:
    return [(_bytes(name), _bytes(value)) for name, value in headers]


def _send_reply(reply: Reply, method: str, start_response: Callable[..., Any]) -> list[bytes]:
    """Send one of our own replies."""
    headers = _native(reply.headers)
    if not any(name == "content-length" for name, _ in headers):
        headers.append(("content-length", str(len(reply.body))))
    start_response(_status_line(reply.status), headers)
    return [] if method == "HEAD" else [reply.body]


def _status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


class _Response:
    """One response on its way from the app to the server, which iterates over it.

    What is no page is planned at once; the rest when its first bytes are known.
    """

    def __init__(
        self, kit: ConsentKit, environ: Environ, start_response: Callable[..., Any]
    ) -> None:
        self._kit = kit
        self._environ = environ
        self._start_response = start_response
        self._conditional = False
        self._held: tuple[str, NativeHeaders, ExcInfo | None] | None = None
        self._plan: Plan | None = None
        self._write: Callable[[bytes], Any] | None = None
        self._silent = False  # nothing of the app's body goes out
        self._handed_over = False  # the server has the app's iterable itself
        self._result: Iterable[bytes] | None = None
        self._chunks: Iterator[bytes] = iter(())

    @cached_property
    def _exchange(self) -> Exchange:
        return self._kit.begin(read_request(self._environ))

    def inner_environ(self) -> Environ:
        """The environ for the app: a copy, with what it finds of us."""
        inner = dict(self._environ)
        inner[KEY] = Consent(lambda: self._exchange)
        if any(key in inner for key in _CONDITIONS):
            self._conditional = True
            write_headers(inner, self._exchange)
            return inner
        told = [_bytes(inner.get(key, "")) for key in _TELLING]
        wanted = wanted_codings(*told)
        if wanted is not None and wanted != told[2]:
            inner["HTTP_ACCEPT_ENCODING"] = wanted.decode("latin-1")
        return inner

    def run(self, app: App, environ: Environ) -> Iterable[bytes]:
        """Call the app; returns what the server iterates over."""
        result = app(environ, self._begin)
        if self._plan is not None and self._plan.body is None and not self._silent:
            self._handed_over = True
            return result
        self._result = result
        chunks = self._iterate(result)
        # PEP 3333 lets apps tell their head late; Granian loses the headers of those that do.
        try:
            first = list(islice(chunks, 1))
        except BaseException:
            self.close()
            raise
        self._chunks = chain(first, chunks)
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """Called by the server when it is done, early or not."""
        result, self._result = self._result, None
        close = getattr(result, "close", None)
        if close is not None:
            close()

    def _begin(
        self, status: str, headers: NativeHeaders, exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """The ``start_response`` that the app is given."""
        again = self._plan is not None
        if exc_info is None and (again or self._held is not None):
            raise AssertionError("start_response was called twice without exc_info")
        self._held = (status, list(headers), exc_info)
        if again:  # an error page after the first plan cannot wait for its first bytes
            self._start(b"<")
        elif passes(int(status[:3]), raw := _raw(headers), self._conditional):
            self._held = None
            self._plan = Plan(headers=raw)
            extra = () if exc_info is None else (exc_info,)
            self._write = self._start_response(status, headers, *extra)
        elif not is_html(raw, b"<"):  # whatever its first bytes will be
            self._start(b"")
        return self._imperative

    def _start(self, first: bytes) -> None:
        """Tell the server, which raises what ``exc_info`` holds when the head is out already."""
        if self._held is None:
            return  # the app never called start_response, which the server notices as well
        (status, native, exc_info), self._held = self._held, None
        headers = _raw(native)
        plan = self._exchange.start(int(status[:3]), headers, first)
        if plan.body is not None and self._handed_over:
            # A page in place of something else whose body is past us: its trackers stay closed.
            plan = Plan(headers=[*headers, self._kit.closed])
        if plan.instead is not None:
            status, native = _status_line(plan.instead.status), _native(plan.instead.headers)
        elif plan.headers is not headers:
            native = _native(plan.headers)
        extra = () if exc_info is None else (exc_info,)
        self._write = self._start_response(status, native, *extra)
        self._plan = plan
        # Waitress sends a body to HEAD when there is no length, as there is none for our pages.
        muted = self._exchange.request.method == "HEAD" and plan.headers is not headers
        self._silent = plan.instead is not None or muted

    def _imperative(self, data: bytes) -> None:
        """The ``write`` of PEP 3333: goes the same way as the iterable."""
        for piece in self._feed(bytes(data)):
            if self._write is not None:
                self._write(piece)

    def _iterate(self, result: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in result:
            empty = True
            for piece in self._feed(chunk):
                empty = False
                yield piece
            if empty and self._plan is not None:
                yield b""  # PEP 3333: middleware must not wait for more than one chunk
        if self._plan is None:
            self._start(b"")
        plan = self._plan
        if (
            plan is not None
            and plan.instead is not None
            and self._exchange.request.method != "HEAD"
        ):
            yield plan.instead.body
        elif plan is not None and plan.body is not None:
            yield plan.body.close()

    def _feed(self, chunk: bytes) -> Iterator[bytes]:
        """What goes out for a chunk of the app."""
        if self._plan is None and chunk:
            self._start(chunk)
        if self._silent or (self._plan is None and not chunk):
            return
        if self._plan is None or self._plan.body is None:
            yield chunk
        else:
            yield from self._plan.body.feed(chunk)
