"""The ASGI middleware: Starlette, FastAPI, Litestar, Quart, Django under ASGI, any ASGI app.

Pure ASGI: no task is started for the app, ``receive`` is not touched, what is not HTML passes
message by message as it came. The start of a response is held until its first body message,
because only then is it known how the page has to be sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio.to_thread

from consentkit.engine import ConsentKit, Exchange, Plan, Reply, Request
from consentkit.settings import Settings

__all__ = ["ConsentMiddleware"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY = "consentkit"
# With these a server sends a file itself, past the gate.
_SIDE_DOORS = ("http.response.pathsend", "http.response.zerocopysend")


class ConsentMiddleware:
    """Wraps an ASGI app.

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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or KEY in scope:  # the second middleware on a way does nothing
            await self.app(scope, receive, send)
            return
        exchange = self.kit.begin(_request(scope))
        if exchange.is_endpoint:
            await _endpoint(exchange, receive, send)
            return
        inner = dict(scope)
        inner["headers"] = list(exchange.inward_headers())
        inner[KEY] = exchange.consent
        _set_state(inner, exchange)
        if scope.get("extensions"):
            inner["extensions"] = {
                name: value
                for name, value in scope["extensions"].items()
                if name not in _SIDE_DOORS
            }
        await self.app(inner, receive, _Responder(exchange, send))


def _set_state(scope: Scope, exchange: Exchange) -> None:
    """Put ``consent`` where Starlette's ``request.state`` finds it."""
    state = scope.setdefault("state", {})
    if isinstance(state, MutableMapping):  # the server made this one for this request alone
        state["consent"] = exchange.consent


def _request(scope: Scope) -> Request:
    path: str = scope["path"]
    root = str(scope.get("root_path") or "").rstrip("/")
    # Servers differ in whether the path still has the root path in front (ASGI HTTP spec 2.3).
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
        encoded = scope.get("raw_path")
    else:
        encoded = None
    query = bytes(scope.get("query_string") or b"").decode("latin-1")
    url = _encoded(root + path if encoded is None else encoded)
    client = scope.get("client")
    return Request(
        method=scope["method"].upper(),
        path=path or "/",
        root=root,
        url=f"{url}?{query}" if query else url,
        query=query,
        headers=tuple((bytes(n).lower(), bytes(v)) for n, v in scope["headers"]),
        scheme=scope.get("scheme", "http"),
        client=str(client[0]) if client else "",
    )


def _encoded(path: str | bytes) -> str:
    if isinstance(path, bytes):
        return path.partition(b"?")[0].decode("latin-1")
    return quote(path, safe="/:@!$&'()*+,;=~-._")


async def _endpoint(exchange: Exchange, receive: Receive, send: Send) -> None:
    """Answer one of our own pages. The log is waited for in a thread, never in the event loop."""
    body = await _body(exchange, receive)
    if body is None:
        return
    reply = await anyio.to_thread.run_sync(exchange.respond, body)
    await _send_reply(reply, exchange.request.method, send)


async def _body(exchange: Exchange, receive: Receive) -> bytes | None:
    """The body of a request, or as much of it as shows that it is too long."""
    chunks, size = [], 0
    while exchange.request.method == "POST":
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > exchange.body_limit or not message.get("more_body", False):
            break
    return b"".join(chunks)


async def _send_reply(reply: Reply, method: str, send: Send) -> None:
    headers = list(reply.headers)
    if not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if method == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})


class _Responder:
    """Takes the messages of one response and sends on what may go out."""

    def __init__(self, exchange: Exchange, send: Send) -> None:
        self._exchange = exchange
        self._send = send
        self._held: Message | None = None
        self._plan: Plan | None = None
        self._closed = False

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._held = {**message, "headers": list(message.get("headers", ()))}
        elif kind == "http.response.body":
            await self._body(message)
        elif kind == "http.response.early_hint":
            await self._hints(message)
        else:
            if kind != "http.response.debug":  # which comes before the start
                await self._start(b"")
            await self._send(message)

    async def _start(self, first: bytes) -> None:
        """Send the start of the response, now that its first bytes are known."""
        start = self._held
        if start is None:
            return
        self._held = None
        plan = self._plan = self._exchange.start(start["status"], start["headers"], first)
        if plan.instead is None:
            await self._send({**start, "headers": list(plan.headers)})
        else:
            self._closed = True
            await _send_reply(plan.instead, self._exchange.request.method, self._send)

    async def _body(self, message: Message) -> None:
        chunk = bytes(message.get("body", b""))
        more = message.get("more_body", False)
        if self._held is not None:
            if not chunk and more:
                return  # nothing is known yet; an empty message says nothing to the client
            await self._start(chunk)
        if self._closed:
            return
        body = self._plan.body if self._plan else None
        if body is None:
            await self._send(message)
            return
        for piece in body.feed(chunk):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        if not more:
            self._closed = True
            await self._send({**message, "body": body.close()})

    async def _hints(self, message: Message) -> None:
        """103 Early Hints (RFC 8297) come before the page, so they are gated by themselves."""
        links = [(b"link", bytes(link)) for link in message.get("links", ())]
        plan = self._exchange.start(103, links)
        kept = [value for name, value in plan.headers if name == b"link"]
        if kept:
            await self._send({**message, "links": kept})
