"""The Django middleware, sync and async.

Being a middleware and no wrapper of the whole application, it does not see what is answered before
it in ``MIDDLEWARE`` or without it, such as ``runserver``'s static files. Streams stay streams of
their own kind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from http.cookies import CookieError, Morsel
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from consentkit.engine import ConsentKit, Exchange, Plan, Reply, Request
from consentkit.engine.body import Body
from consentkit.wsgi import KEY, read_body, read_headers, write_headers

__all__ = ["ConsentMiddleware"]

_MARK = "_consentkit"


class ConsentMiddleware:
    """Gates what Django answers.

    Raises:
        SettingsError: with every mistake in ``settings.CONSENTKIT``.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.kit = _kit(getattr(settings, "CONSENTKIT", {}))
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Handle one request."""
        if self._is_async:
            return self._handle_async(request)
        exchange = self._begin(request)
        if exchange is None:
            response: HttpResponseBase = self.get_response(request)
            return response
        if exchange.is_endpoint:
            return _response(exchange.respond(read_body(request.META, request, exchange)))
        return _gated(self.get_response(request), exchange)

    async def _handle_async(self, request: HttpRequest) -> HttpResponseBase:
        exchange = self._begin(request)
        if exchange is None:
            response: HttpResponseBase = await self.get_response(request)
            return response
        if exchange.is_endpoint:
            body = read_body(request.META, request, exchange)
            respond = sync_to_async(exchange.respond, thread_sensitive=False)
            return _response(await respond(body))
        return _gated(await self.get_response(request), exchange)

    def _begin(self, request: HttpRequest) -> Exchange | None:
        """The exchange; None when a consentkit further out has one already."""
        outer = request.META.get(KEY) or getattr(request, "scope", {}).get(KEY)
        if outer is not None:
            request.consent = outer  # type: ignore[attr-defined]
            return None
        exchange = self.kit.begin(_request(request))
        request.consent = request.META[KEY] = exchange.consent  # type: ignore[attr-defined]
        if not exchange.is_endpoint:
            write_headers(request.META, exchange)
            request.__dict__.pop("headers", None)  # Django's cached copy of them
        return exchange


_made: tuple[Any, ConsentKit] | None = None


def _kit(given: Any) -> ConsentKit:
    """One kit for all handlers of a process: test clients and previews make many of them."""
    global _made  # noqa: PLW0603
    made = _made
    if made is None or made[0] is not given:
        made = _made = (given, ConsentKit(given, audit_access=_audit_access()))
    return made[1]


def _audit_access() -> Callable[[Request], str | None] | None:
    """What ``CONSENTKIT_AUDIT_ACCESS`` names: a function, or where there is one."""
    named = getattr(settings, "CONSENTKIT_AUDIT_ACCESS", None)
    found: Callable[[Request], str | None] | None = (
        import_string(named) if isinstance(named, str) else named
    )
    return found


def _request(request: HttpRequest) -> Request:
    return Request(
        method=(request.method or "GET").upper(),
        path=request.path_info,
        root=request.path.removesuffix(request.path_info).rstrip("/"),
        url=request.get_full_path(),
        query=request.META.get("QUERY_STRING", ""),
        headers=read_headers(request.META),
        scheme=request.scheme or "http",
        client=request.META.get("REMOTE_ADDR") or "",
    )


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
    place = f"{name} {len(response.cookies)}" if name in response.cookies else name
    dict.__setitem__(response.cookies, place, morsel)


def _gated(response: HttpResponseBase, exchange: Exchange) -> HttpResponseBase:
    if getattr(response, _MARK, None) == exchange.state:
        return response  # a view let the handlers answer once more, as Wagtail does for previews
    setattr(response, _MARK, exchange.state)
    headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in response.items()]
    headers += [(b"set-cookie", name.encode("latin-1", "replace")) for name in response.cookies]
    # A stream cannot be looked into; one without a type is sniffed when it comes.
    first = b"<" if response.streaming else getattr(response, "content", b"")[:1024]
    plan = exchange.start(response.status_code, headers, first)
    if plan.instead is not None:
        response.close()
        return _response(plan.instead)
    if plan.headers is not headers:
        _replace_headers(response, plan)
        if exchange.request.method == "HEAD" and plan.body is None:
            _empty(response)  # whose length would not be that of the page
    if plan.body is None:
        return response
    if isinstance(response, StreamingHttpResponse):
        _stream(response, plan.body, sniff="Content-Type" not in response.headers)
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


def _empty(response: HttpResponseBase) -> None:
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = _nothing() if response.is_async else iter(())
    elif isinstance(response, HttpResponse):
        response.content = b""


async def _nothing() -> AsyncIterator[bytes]:
    chunks: tuple[bytes, ...] = ()
    for chunk in chunks:
        yield chunk


def _stream(response: StreamingHttpResponse, body: Body, *, sniff: bool) -> None:
    content = response.streaming_content
    page = not sniff

    def feed(chunk: bytes) -> Iterator[bytes]:
        nonlocal page, sniff
        if sniff and chunk:
            sniff, page = False, chunk.lstrip(b"\xef\xbb\xbf \t\r\n\f").startswith(b"<")
        yield from body.feed(chunk) if page else (chunk,)

    if response.is_async:

        async def stream_async() -> AsyncIterator[bytes]:
            async for chunk in content:  # type: ignore[union-attr]
                for piece in feed(bytes(chunk)):
                    yield piece
            if page:
                yield body.close()

        response.streaming_content = stream_async()
        return

    def stream() -> Iterator[bytes]:
        for chunk in content:  # type: ignore[union-attr]
            yield from feed(bytes(chunk))
        if page:
            yield body.close()

    response.streaming_content = stream()
