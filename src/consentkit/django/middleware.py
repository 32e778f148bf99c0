"""The Django middleware, sync and async.

Being a middleware and no wrapper of the whole application, it sees requests after the handlers of
static files; put it first. Streams stay streams of their own kind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from http.cookies import CookieError, Morsel
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from consentkit.engine import ConsentKit, Exchange, Plan, Reply, Request
from consentkit.engine.body import Body

__all__ = ["ConsentMiddleware"]

_CONDITIONS = (b"if-none-match", b"if-modified-since", b"accept-encoding")


class ConsentMiddleware:
    """Gates what Django answers.

    Raises:
        SettingsError: with every mistake in ``settings.CONSENTKIT``.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.kit = ConsentKit(getattr(settings, "CONSENTKIT", {}))
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Handle one request."""
        if self._is_async:
            return self._handle_async(request)
        if hasattr(request, "consent"):  # the second middleware on a way does nothing
            response: HttpResponseBase = self.get_response(request)
            return response
        exchange = self._begin(request)
        if exchange.is_endpoint:
            return _response(exchange.respond(_body(request, exchange)))
        return _gated(self.get_response(request), exchange)

    async def _handle_async(self, request: HttpRequest) -> HttpResponseBase:
        if hasattr(request, "consent"):
            response: HttpResponseBase = await self.get_response(request)
            return response
        exchange = self._begin(request)
        if exchange.is_endpoint:
            body = _body(request, exchange)
            respond = sync_to_async(exchange.respond, thread_sensitive=False)
            return _response(await respond(body))
        return _gated(await self.get_response(request), exchange)

    def _begin(self, request: HttpRequest) -> Exchange:
        exchange = self.kit.begin(_request(request))
        request.consent = exchange.consent  # type: ignore[attr-defined]
        if not exchange.is_endpoint:
            _set_headers(request, exchange)
        return exchange


def _request(request: HttpRequest) -> Request:
    headers = [
        (key[5:].replace("_", "-").lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for key, value in request.META.items()
        if key.startswith("HTTP_") and isinstance(value, str)
    ]
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if request.META.get(key):
            name = key.replace("_", "-").lower().encode("ascii")
            headers.append((name, str(request.META[key]).encode("latin-1", "replace")))
    root = request.path.removesuffix(request.path_info).rstrip("/")
    return Request(
        method=(request.method or "GET").upper(),
        path=request.path_info,
        root=root,
        url=request.get_full_path(),
        query=request.META.get("QUERY_STRING", ""),
        headers=tuple(headers),
        scheme=request.scheme or "http",
        client=request.META.get("REMOTE_ADDR", "") or "",
    )


def _set_headers(request: HttpRequest, exchange: Exchange) -> None:
    wanted = exchange.inward_headers()
    if wanted is exchange.request.headers:
        return
    for name in _CONDITIONS:
        key = "HTTP_" + name.decode("ascii").upper().replace("-", "_")
        value = next((value for header, value in wanted if header == name), None)
        if value is None:
            request.META.pop(key, None)
        else:
            request.META[key] = value.decode("latin-1")


def _body(request: HttpRequest, exchange: Exchange) -> bytes:
    return request.read(exchange.body_limit + 1) if request.method == "POST" else b""


def _response(reply: Reply) -> HttpResponse:
    response = HttpResponse(reply.body, status=reply.status)
    del response.headers["Content-Type"]
    for name, value in reply.headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        if key == "set-cookie":
            _add_cookie(response, text)
        else:
            response.headers[key] = text
    return response


def _add_cookie(response: HttpResponse, header: str) -> None:
    """Add a ``Set-Cookie``. Django has one place for each name; a deletion needs several."""
    pair, *attributes = header.split("; ")
    name, _, value = pair.partition("=")
    morsel: Morsel[str] = Morsel()
    try:
        morsel.set(name, value, value)
    except CookieError:  # a name that the browser sent, but that Python would not send back
        return
    for attribute in attributes:
        key, _, text = attribute.partition("=")
        morsel[key] = text or True
    dict.__setitem__(response.cookies, f"{name} {len(response.cookies)}", morsel)


def _gated(response: HttpResponseBase, exchange: Exchange) -> HttpResponseBase:
    headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in response.items()]
    cookies = [(b"set-cookie", name.encode("latin-1", "replace")) for name in response.cookies]
    streaming = bool(getattr(response, "streaming", False))
    first = b"" if streaming else getattr(response, "content", b"")[:1024]
    given = [*headers, *cookies]
    plan = exchange.start(response.status_code, given, first)
    if plan.instead is not None:
        response.close()
        return _response(plan.instead)
    if plan.headers is not given:
        _replace_headers(response, plan)
    if plan.body is None:
        return response
    if isinstance(response, StreamingHttpResponse):
        _stream(response, plan.body)
    elif isinstance(response, HttpResponse):
        response.content = b"".join(plan.body.feed(response.content)) + plan.body.close()
        response.headers["Content-Length"] = str(len(response.content))
    return response


def _replace_headers(response: HttpResponseBase, plan: Plan) -> None:
    for name in list(response.headers):
        del response.headers[name]
    kept = set()
    for raw_name, raw_value in plan.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name == "set-cookie":
            kept.add(value)
        elif name in response.headers:
            response.headers[name] = f"{response.headers[name]}, {value}"
        else:
            response.headers[name] = value
    for name in list(response.cookies):
        if name not in kept:
            del response.cookies[name]


def _stream(response: StreamingHttpResponse, body: Body) -> None:
    content = response.streaming_content
    if response.is_async:

        async def stream_async() -> AsyncIterator[bytes]:
            async for chunk in content:  # type: ignore[union-attr]
                for piece in body.feed(bytes(chunk)):
                    yield piece
            yield body.close()

        response.streaming_content = stream_async()
        return

    def stream() -> Iterator[bytes]:
        for chunk in content:  # type: ignore[union-attr]
            yield from body.feed(bytes(chunk))
        yield body.close()

    response.streaming_content = stream()
