"""The smallest ASGI server there can be: it keeps every message as the object that it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any

import anyio

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Gone(OSError):
    """What a server raises from ``send`` when the client has left (ASGI HTTP spec 2.4)."""


def scope(path: str = "/", method: str = "GET", **more: Any) -> dict[str, Any]:
    """The scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"shop.example"), (b"accept", b"text/html")],
        "scheme": "https",
        "client": ("192.0.2.7", 40000),
        "server": ("shop.example", 443),
        **more,
    }


class Client:
    """Asks an app once.

    Args:
        body: the pieces of the request's body.
        leaves_after: with how many messages of the response the client goes away.
    """

    def __init__(self, body: Sequence[bytes] = (), leaves_after: int | None = None) -> None:
        self._body = list(body) or [b""]
        self._leaves_after = leaves_after
        self.sent: list[Message] = []

    async def ask(self, app: App, scope: MutableMapping[str, Any]) -> None:
        """Let the app answer."""
        await app(scope, self.receive, self.send)

    async def receive(self) -> Message:
        if self._leaves_after is not None and len(self.sent) >= self._leaves_after:
            return {"type": "http.disconnect"}
        if not self._body:
            await anyio.sleep_forever()  # the client waits for its answer
        chunk = self._body.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(self._body)}

    async def send(self, message: Message) -> None:
        if self._leaves_after is not None and len(self.sent) >= self._leaves_after:
            raise Gone
        self.sent.append(message)

    @property
    def status(self) -> int:
        (status,) = [m["status"] for m in self.sent if m["type"] == "http.response.start"]
        assert isinstance(status, int)
        return status

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        (headers,) = [m["headers"] for m in self.sent if m["type"] == "http.response.start"]
        return list(headers)

    def header(self, name: bytes) -> list[bytes]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def chunks(self) -> list[bytes]:
        return [m.get("body", b"") for m in self.sent if m["type"] == "http.response.body"]

    @property
    def body(self) -> bytes:
        """The whole body; the response must have come to its end exactly once."""
        ends = [
            index
            for index, m in enumerate(self.sent)
            if m["type"] == "http.response.body" and not m.get("more_body", False)
        ]
        assert len(ends) == 1
        assert all(m["type"] != "http.response.body" for m in self.sent[ends[0] + 1 :])
        return b"".join(self.chunks)


def start(*headers: tuple[bytes, bytes], status: int = 200, **more: Any) -> Message:
    """The start of a response."""
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(chunk: bytes = b"", *, more: bool = False) -> Message:
    """A piece of a response."""
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def answer(*messages: Message) -> App:
    """An app that sends these messages."""

    async def app(_scope: MutableMapping[str, Any], _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def page(chunks: Iterable[bytes], *headers: tuple[bytes, bytes]) -> App:
    """An app that sends an HTML page in these pieces."""
    pieces = list(chunks)

    async def app(_scope: MutableMapping[str, Any], _receive: Receive, send: Send) -> None:
        await send(start((b"content-type", b"text/html; charset=utf-8"), *headers))
        for index, piece in enumerate(pieces):
            await send(body(piece, more=index + 1 < len(pieces)))

    return app
