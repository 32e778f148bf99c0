"""What is no page passes message by message and object for object."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest

from consentkit import ConsentKit
from consentkit.asgi import ConsentMiddleware
from tests.adapters.site import PAGE, is_gated
from tests.asgi.harness import Client, Message, Receive, Send, answer, body, page, scope, start

pytestmark = pytest.mark.anyio

TYPES = [
    b"application/json",
    b"text/event-stream",
    b"application/x-ndjson",
    b"multipart/x-mixed-replace; boundary=frame",
    b"image/svg+xml",
    b"text/plain",
    b"text/vnd.turbo-stream.html",
    b"",
]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.decode() or "no type")
async def test_other_types_pass_untouched(kit: ConsentKit, kind: bytes) -> None:
    headers = [(b"Content-Type", kind)] if kind else [(b"x-content-type-options", b"nosniff")]
    messages = [
        start(*headers, (b"content-length", b"77"), (b"ETag", b'"x"')),
        body(b'data: <img src="https://www.facebook.com/tr">\n\n', more=True),
        body(b"", more=True),
        body(b"data: 2\n\n", more=True),
        body(),
    ]
    client = Client()
    await client.ask(ConsentMiddleware(answer(*messages), kit), scope())
    assert len(client.sent) == len(messages)
    assert all(a is b for a, b in zip(client.sent, messages, strict=True))


async def test_an_event_stream_opens_before_its_first_event(kit: ConsentKit) -> None:
    client = Client()
    began = start((b"content-type", b"text/event-stream"))
    await client.ask(ConsentMiddleware(answer(began), kit), scope())
    assert client.sent == [began]


@pytest.mark.parametrize("status", [100, 101, 204, 205, 304])
async def test_responses_without_a_body_get_none(kit: ConsentKit, status: int) -> None:
    client = Client()
    app = answer(start((b"content-type", b"text/html"), status=status), body())
    await client.ask(ConsentMiddleware(app, kit), scope())
    assert client.status == status
    assert client.body == b""
    assert client.header(b"content-length") == []


async def test_head_has_no_length_but_the_rest_of_the_headers(kit: ConsentKit) -> None:
    client = Client()
    app = page([b""], (b"content-length", b"%d" % len(PAGE)), (b"x-own", b"1"))
    await client.ask(ConsentMiddleware(app, kit), scope(method="HEAD"))
    assert client.body == b""
    assert client.header(b"content-length") == []
    assert client.header(b"x-own") == [b"1"]


async def test_partial_content_goes_under_the_closed_policy(kit: ConsentKit) -> None:
    client = Client()
    app = answer(
        start((b"content-type", b"text/html"), (b"content-range", b"bytes 0-9/99"), status=206),
        body(PAGE[:10]),
    )
    await client.ask(ConsentMiddleware(app, kit), scope())
    assert client.body == PAGE[:10]
    assert client.header(b"content-security-policy")[0].startswith(b"default-src 'self'")


@pytest.mark.parametrize("kind", ["websocket", "lifespan", "something.new"])
async def test_other_scopes_are_handed_on_as_they_are(kit: ConsentKit, kind: str) -> None:
    seen: list[object] = []

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        seen.extend((scope, receive, send))

    client = Client()
    given = {"type": kind, "path": "/consent/", "headers": []}
    receive, send = client.receive, client.send
    await ConsentMiddleware(app, kit)(given, receive, send)
    assert [a is b for a, b in zip(seen, (given, receive, send), strict=True)] == [True] * 3
    assert given == {"type": kind, "path": "/consent/", "headers": []}


async def test_a_fault_in_lifespan_is_the_apps_own(kit: ConsentKit) -> None:
    fault = NotImplementedError()

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        raise fault

    with pytest.raises(NotImplementedError) as raised:
        await Client().ask(ConsentMiddleware(app, kit), {"type": "lifespan"})
    assert raised.value is fault


async def test_receive_is_the_servers_own(kit: ConsentKit) -> None:
    seen: list[Receive] = []

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        seen.append(receive)

    client = Client()
    receive = client.receive
    await ConsentMiddleware(app, kit)(scope(), receive, client.send)
    assert seen[0] is receive


async def test_headers_keep_order_case_and_duplicates(kit: ConsentKit) -> None:
    headers = [
        (b"Content-Type", b"text/html"),
        (b"Set-Cookie", b"a=1; Path=/"),
        (b"X-Twice", b"1"),
        (b"set-cookie", b"b=2; HttpOnly"),
        (b"x-twice", b"2"),
        (b"Content-Security-Policy", b"img-src *"),
        (b"content-security-policy", b"default-src https:"),
        (b"Link", b"</a.css>; rel=preload"),
        (b"link", b"</b.css>; rel=preload"),
    ]
    client = Client()
    await client.ask(ConsentMiddleware(answer(start(*headers), body(PAGE)), kit), scope())
    assert [pair for pair in client.headers if pair in headers] == headers
    assert is_gated(client.body)


@pytest.mark.parametrize("form", [list, tuple, iter, lambda items: (item for item in items)])
@pytest.mark.parametrize("kind", [b"text/html", b"text/plain"])
async def test_headers_may_come_in_any_form(kit: ConsentKit, form: Any, kind: bytes) -> None:
    pairs = [(b"Content-TYPE", kind), (b"x-own", b"1")]
    client = Client()
    given = scope(headers=form([(b"HOST", b"shop.example"), (b"Accept", b"*/*")]))
    app = answer({**start(), "headers": form(pairs)}, body(PAGE))
    await client.ask(ConsentMiddleware(app, kit), given)
    assert (b"x-own", b"1") in client.headers
    assert client.body == PAGE if kind == b"text/plain" else is_gated(client.body)


async def test_a_start_without_headers_is_sniffed(kit: ConsentKit) -> None:
    client = Client()
    began: Message = {"type": "http.response.start", "status": 200}
    app = answer(began, body(b"", more=True), body(PAGE))
    await client.ask(ConsentMiddleware(app, kit), scope())
    assert is_gated(client.body)

    client = Client()
    await client.ask(ConsentMiddleware(answer(began, body(b"plain")), kit), scope())
    assert client.sent[0] is began
    assert client.body == b"plain"


async def test_an_app_that_says_nothing_is_left_to_the_server(kit: ConsentKit) -> None:
    client = Client()
    await client.ask(ConsentMiddleware(answer(), kit), scope())
    assert client.sent == []


async def test_a_start_without_a_body_still_goes_out(kit: ConsentKit) -> None:
    client = Client()
    await client.ask(
        ConsentMiddleware(answer(start((b"content-type", b"text/html"))), kit), scope()
    )
    assert [m["type"] for m in client.sent] == ["http.response.start"]


async def test_mistakes_of_the_app_reach_the_server(kit: ConsentKit) -> None:
    again = start((b"content-type", b"text/html"), status=500)
    late = body(b"late")
    unknown = {"type": "http.response.unknown"}
    app = answer(start((b"content-type", b"text/html")), again, unknown, body(PAGE), late)
    client = Client()
    await client.ask(ConsentMiddleware(app, kit), scope())
    assert [m["type"].rpartition(".")[2] for m in client.sent] == [
        *("start", "start", "unknown", "body", "body"),
    ]
    assert client.sent[1] is again
    assert client.sent[2] is unknown
    assert client.sent[4] is late
    assert is_gated(client.chunks[0])
