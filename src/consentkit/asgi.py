"""The ASGI middleware: Starlette, FastAPI, Litestar, Quart, Django under ASGI, any ASGI app.

Pure ASGI: no task is started for the app, ``receive`` is not touched, what is not HTML passes
message by message, object for object. The start of what is a page, or may be one, is held until its
first body message: only its first bytes tell what it is, and a page of one piece has its exact
length.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync
from msgspec import Struct

from consentkit.engine import Consent, ConsentKit, Exchange, Plan, Reply, Request
from consentkit.engine.coding import is_html
from consentkit.engine.passing import inward_headers, passes
from consentkit.settings import Settings

__all__ = ["ConsentMiddleware"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

KEY = "consentkit"
# With these a server sends a file itself, past the gate.
_SIDE_DOORS = ("http.response.pathsend", "http.response.zerocopysend")
# Checksums of a body that is not sent as it was (RFC 9530).
_DIGESTS = frozenset({b"content-digest", b"content-md5", b"digest", b"repr-digest"})
_SAFE = "/:@!$&'()*+,;=~-._"  # in a path (RFC 3986 3.3)
_PLAIN = re.compile(rb"[A-Za-z0-9/:@!$&'()*+,;=~._%-]*")
_ENDURED = 4_000_000  # bytes of a body that is too long
# Visitors who wait for the log take no thread away from the site's own handlers.
_THREADS = 8
_limiters: RunVar[CapacityLimiter] = RunVar("consentkit threads")


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
        if self.kit.may_answer(scope["path"]):
            exchange = self.kit.begin(_request(scope))
            if exchange.is_endpoint:
                await _endpoint(exchange, receive, send)
                return
        responder = _Responder(self.kit, scope, send)
        await self.app(responder.inner_scope(), receive, responder.send)
        if responder.held is not None:
            await responder.end()


def _request(scope: Scope) -> Request:
    path: str = scope["path"]
    root = str(scope.get("root_path") or "").rstrip("/")
    raw = scope.get("raw_path")
    if path == root or path.startswith(root + "/"):
        path = path[len(root) :]
    else:  # servers differ in whether the path has the root path in front (ASGI HTTP spec 2.3)
        raw = None
    if raw and _PLAIN.fullmatch(raw):
        url = raw.decode("ascii")
    elif raw:  # encoded already, save for bytes that should have been
        url = quote(bytes(raw).partition(b"?")[0], _SAFE + "%")
    else:
        url = quote(root + path, _SAFE)
    query = bytes(scope.get("query_string") or b"")
    client = scope.get("client")
    return Request(
        method=scope["method"].upper(),
        path=path or "/",
        root=root,
        url=f"{url}?{quote(query, _SAFE + '%?')}" if query else url,
        query=query.decode("latin-1"),
        headers=tuple([(name.lower(), value) for name, value in scope["headers"]]),
        scheme=scope.get("scheme", "http"),
        client=str(client[0]) if client else "",
    )


async def _endpoint(exchange: Exchange, receive: Receive, send: Send) -> None:
    """Answer one of our own pages. The log is waited for in a thread, never in the event loop.

    When the request is cancelled in the meantime, the thread still finishes what it writes.
    """
    body = await _body(exchange, receive)
    if body is None:
        return
    limiter = _limiters.get(None)
    if limiter is None:
        limiter = CapacityLimiter(_THREADS)
        _limiters.set(limiter)
    reply = await run_sync(exchange.respond, body, limiter=limiter)
    await _send_reply(reply, exchange.request.method, send)


async def _body(exchange: Exchange, receive: Receive) -> bytes | None:
    """The body of a request, or as much of it as shows that it is too long.

    More of it is read, but not kept: servers stumble over a body that nobody takes, and clients
    listen to an answer only after they have said everything.
    """
    chunks, size = [], 0
    while exchange.request.method == "POST" and size < _ENDURED:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        if size <= exchange.body_limit:
            chunks.append(chunk)
        size += len(chunk)
        if not message.get("more_body", False):
            break
    return b"".join(chunks)


async def _send_reply(reply: Reply, method: str, send: Send) -> None:
    headers = list(reply.headers)
    if not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if method == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})


class _Responder(Struct):  # a Struct is made in a third of the time
    """Takes the messages of one response and sends on what may go out."""

    _kit: ConsentKit
    _scope: Scope
    _send: Send
    held: Message | None = None
    _exchange: Exchange | None = None
    _conditional: bool = False
    _passing: bool = False
    _begun: bool = False
    _closed: bool = False
    _headers: Sequence[Header] = ()
    _plan: Plan | None = None

    def begin(self) -> Exchange:
        """The exchange, made when it is needed for the first time."""
        if self._exchange is None:
            self._exchange = self._kit.begin(_request(self._scope))
        return self._exchange

    def inner_scope(self) -> Scope:
        """The scope for the app: a copy, for ours is not the only eye on the original."""
        scope = self._scope
        inner = dict(scope)
        given = scope["headers"]
        headers = inward_headers(given) if type(given) is list else None
        if headers is None:
            self._conditional = True
            headers = list(self.begin().inward_headers())
        if headers is not given:
            inner["headers"] = headers
        consent = inner[KEY] = Consent(self.begin)
        state = scope.get("state")  # what Starlette's ``request.state`` looks at
        if state is None:
            inner["state"] = {"consent": consent}
        elif isinstance(state, MutableMapping):  # the server made it for this request alone
            state["consent"] = consent
        extensions = scope.get("extensions")
        if extensions and any(name in extensions for name in _SIDE_DOORS):
            inner["extensions"] = {k: v for k, v in extensions.items() if k not in _SIDE_DOORS}
        return inner

    def send(self, message: Message) -> Awaitable[None]:
        """Take a message. What is no page costs no coroutine of ours."""
        kind = message["type"]
        if kind == "http.response.body":
            if self._passing:
                return self._send(message)
        elif kind == "http.response.start" and not self._begun:
            headers = message.get("headers", ())
            if isinstance(headers, (list, tuple)) and passes(
                message["status"], headers, self._conditional
            ):
                self._begun = self._passing = True
                return self._send(message)
        return self._take(message)

    async def _take(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            await self._body(message)
        elif kind == "http.response.start" and not self._begun:
            await self._start(message)
        elif kind == "http.response.early_hint":
            await self._hints(message)
        elif kind == "http.response.trailers":
            await self._trailers(message)
        else:
            if kind != "http.response.debug":  # which comes before the start
                await self.end()
            await self._send(message)

    async def end(self) -> None:
        """Let the start go, if the app has sent one and then nothing."""
        if self.held is not None:
            await self._release(self._plan or self._make_plan(b""))

    def _make_plan(self, first: bytes) -> Plan:
        status = self.held["status"] if self.held else 0
        self._plan = self.begin().start(status, self._headers, first)
        return self._plan

    async def _start(self, message: Message) -> None:
        self._begun = True
        given = message.get("headers", ())
        if not isinstance(given, (list, tuple)):  # an iterator can be read but once
            message = {**message, "headers": list(given)}
        self.held = message
        self._headers = message.get("headers", ())
        if not is_html(self._headers, b"<"):  # whatever its first bytes will be
            await self._release(self._make_plan(b""))

    async def _release(self, plan: Plan, length: int | None = None) -> None:
        """Send the start of the response, if that was not done yet."""
        start, self.held = self.held, None
        if start is None:
            return
        if plan.instead is not None:
            await _send_reply(plan.instead, self.begin().request.method, self._send)
            return
        headers = plan.headers
        if length is not None and not start.get("trailers"):
            headers = [*headers, (b"content-length", b"%d" % length)]
        if headers is not self._headers:
            start = {**start, "headers": list(headers)}
        await self._send(start)

    async def _body(self, message: Message) -> None:
        plan, more = self._plan, message.get("more_body", False)
        if plan is None and self.held is not None:
            first = bytes(message.get("body", b""))
            if not first and more:
                return  # nothing is known yet; an empty message says nothing to the client
            plan = self._make_plan(first)
        if plan is not None and plan.instead is not None:
            await self._release(plan)
        elif plan is None or plan.body is None or self._closed:
            if plan is not None:
                await self._release(plan)
                if plan.headers is not self._headers and self.begin().request.method == "HEAD":
                    # Granian measures the body that is not sent, which is not that of the page.
                    message = {**message, "body": b""}
            await self._send(message)
        else:
            last = b""
            for piece in plan.body.feed(bytes(message.get("body", b""))):
                if last:
                    await self._piece(plan, last)
                last = piece
            if more:
                await self._piece(plan, last)
            else:
                self._closed = True
                last += plan.body.close()
                await self._release(plan, len(last))
                await self._send({**message, "body": last})

    async def _piece(self, plan: Plan, piece: bytes) -> None:
        await self._release(plan)
        if piece:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _hints(self, message: Message) -> None:
        """103 Early Hints (RFC 8297) come before the page, so they are gated by themselves."""
        links = [(b"link", bytes(link)) for link in message.get("links", ())]
        headers = self.begin().start(103, links).headers
        if headers is links:
            await self._send(message)
        elif headers and all(name == b"link" for name, _ in headers):
            await self._send({**message, "links": [value for _, value in headers]})

    async def _trailers(self, message: Message) -> None:
        if self._plan is not None and self._plan.instead is not None:
            return
        await self.end()
        if self._plan is not None and self._plan.body is not None:
            kept = [(n, v) for n, v in message.get("headers", ()) if n.lower() not in _DIGESTS]
            message = {**message, "headers": kept}
        await self._send(message)
