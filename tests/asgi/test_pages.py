"""Pages go out gated, whatever pieces they come in, with nothing held longer than it must be."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
from collections.abc import MutableMapping
from typing import Any

import pytest

from consentkit import ConsentKit
from consentkit.asgi import ConsentMiddleware
from tests.adapters.site import PAGE, is_gated, is_live
from tests.asgi.harness import (
    Client,
    Gone,
    Message,
    Receive,
    Send,
    answer,
    body,
    page,
    scope,
    start,
)

pytestmark = pytest.mark.anyio


def pieces(count: int) -> list[bytes]:
    size = max(1, len(PAGE) // count)
    cut = [PAGE[at : at + size] for at in range(0, size * (count - 1), size)]
    return [*cut, PAGE[size * (count - 1) :]]


@pytest.mark.parametrize("count", [1, 2, 3, 50, 1000])
async def test_any_number_of_chunks(kit: ConsentKit, count: int) -> None:
    client = Client()
    await client.ask(ConsentMiddleware(page(pieces(count)), kit), scope())
    assert is_gated(client.body)
    assert [m["type"] for m in client.sent].count("http.response.start") == 1


async def test_empty_chunks_change_nothing(kit: ConsentKit) -> None:
    chunks = [b"", PAGE[:150], b"", b"", PAGE[150:], b"", b""]
    client = Client()
    await client.ask(ConsentMiddleware(page(chunks), kit), scope())
    assert is_gated(client.body)


async def test_a_page_of_one_piece_has_its_exact_length(kit: ConsentKit) -> None:
    client = Client()
    app = page([PAGE], (b"content-length", b"%d" % len(PAGE)), (b"Content-Length", b"7"))
    await client.ask(ConsentMiddleware(app, kit), scope())
    assert [m["type"] for m in client.sent] == ["http.response.start", "http.response.body"]
    assert client.header(b"content-length") == [b"%d" % len(client.body)]
    assert is_gated(client.body)


async def test_a_page_of_several_pieces_has_no_length(kit: ConsentKit) -> None:
    client = Client()
    app = page([PAGE[:100], PAGE[100:]], (b"content-length", b"%d" % len(PAGE)))
    await client.ask(ConsentMiddleware(app, kit), scope())
    assert client.header(b"content-length") == []
    assert is_gated(client.body)


async def test_the_start_waits_for_the_first_piece_of_a_page(kit: ConsentKit) -> None:
    client = Client()
    counts = []

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await send(start((b"content-type", b"text/html")))
        counts.append(len(client.sent))
        await send(body(PAGE, more=True))
        counts.append(len(client.sent))
        await send(body())

    await client.ask(ConsentMiddleware(app, kit), scope())
    assert counts == [0, 2]


async def test_each_chunk_goes_out_up_to_an_open_tag(kit: ConsentKit) -> None:
    """What of a chunk is complete has left before the next chunk is asked for."""
    client = Client()
    out = []

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await send(start((b"content-type", b"text/html")))
        await send(body(b"<!doctype html><html><head></head><body><p>one</p>", more=True))
        out.append(b"".join(client.chunks))
        await send(body(b"<p>two</p><p>thr", more=True))
        out.append(b"".join(client.chunks))
        await send(body(b'ee</p><img class="x', more=True))
        out.append(b"".join(client.chunks))
        await send(body(b'" src="/own.png">', more=True))
        out.append(b"".join(client.chunks))
        await send(body())

    await client.ask(ConsentMiddleware(app, kit), scope())
    assert out[0].endswith(b"<p>one</p>")
    assert out[1].endswith(b"<p>two</p><p>thr")
    assert out[2].endswith(b"three</p>")
    assert out[3].endswith(b'three</p><img class="x" src="/own.png">')


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_memory_stays_flat_on_a_long_page(kit: ConsentKit) -> None:
    """50 MB go through; none of it is kept."""
    chunk = b"<p>" + b"word " * 3275 + b"</p>\n"
    count = 50_000_000 // len(chunk)

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await send(start((b"content-type", b"text/html")))
        for _ in range(count):
            await send(body(chunk, more=True))
        await send(body())

    total = 0

    async def send(message: Message) -> None:
        nonlocal total
        total += len(message.get("body", b""))

    gc.collect()
    tracemalloc.start()
    try:
        await ConsentMiddleware(app, kit)(scope(), Client().receive, send)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == count * len(chunk)  # a fragment, into which nothing is put
    assert peak < 2_000_000


async def test_a_visitor_who_agreed_gets_the_page_as_it_is(kit: ConsentKit) -> None:
    values = {c: kit.cookies.value(c, "granted", "visitor", kit.policy.fingerprint(c))
              for c in ("functional", "analytics", "marketing")}  # fmt: skip
    # HTTP/2 clients may send each cookie in a header of its own.
    cookies = [(b"cookie", f"consent_{c}={value}".encode()) for c, value in values.items()]
    client = Client()
    headers = [(b"host", b"shop.example"), *cookies]
    await client.ask(ConsentMiddleware(page([PAGE]), kit), scope(headers=headers))
    assert is_live(client.body)
    assert b'data-consentkit="banner"' not in client.body
    assert client.header(b"set-cookie") == []


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("kind", [b"text/html", b"text/plain", b""])
async def test_the_apps_exceptions_are_the_same_objects(
    kit: ConsentKit, kind: bytes, begun: bool
) -> None:
    fault = ZeroDivisionError("app")

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if begun:
            await send(start((b"content-type", kind)) if kind else start())
            await send(body(PAGE[:200], more=True))
        raise fault

    client = Client()
    with pytest.raises(ZeroDivisionError) as raised:
        await client.ask(ConsentMiddleware(app, kit), scope())
    assert raised.value is fault
    assert raised.value.__cause__ is raised.value.__context__ is None
    assert bool(client.sent) is begun
    assert all(m.get("more_body", True) for m in client.sent)


async def test_a_fault_between_start_and_body_leaves_the_server_free_to_answer(
    kit: ConsentKit,
) -> None:
    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await send(start((b"content-type", b"text/html")))
        raise ZeroDivisionError

    client = Client()
    with pytest.raises(ZeroDivisionError):
        await client.ask(ConsentMiddleware(app, kit), scope())
    assert client.sent == []


@pytest.mark.parametrize("messages", range(6))
async def test_a_client_that_leaves_at_any_message(kit: ConsentKit, messages: int) -> None:
    """The server's exception reaches the app as it is, and what the app clears up is cleared up."""
    cleared = []

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            await page(pieces(4))(scope, receive, send)
        finally:
            cleared.append(True)

    client = Client(leaves_after=messages)
    with pytest.raises(Gone) if messages < 5 else contextlib.nullcontext():
        await client.ask(ConsentMiddleware(app, kit), scope())
    assert cleared == [True]
    assert len(client.sent) == min(messages, 5)


@pytest.mark.parametrize("name", ["pathsend", "zerocopysend"])
async def test_files_cannot_be_sent_past_the_gate(kit: ConsentKit, name: str) -> None:
    door = f"http.response.{name}"

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        assert sorted(scope["extensions"]) == ["http.response.trailers", "tls"]
        await page([PAGE])(scope, receive, send)

    extensions = {door: {}, "tls": {"version": 1}, "http.response.trailers": {}}
    client = Client()
    given = scope(extensions=extensions)
    await client.ask(ConsentMiddleware(app, kit), given)
    assert is_gated(client.body)
    assert given["extensions"] is extensions
    assert door in extensions


async def test_early_hints_to_trackers_are_left_out(kit: ConsentKit) -> None:
    own, other = b"</own.css>; rel=preload", b"<https://www.google-analytics.com>; rel=preconnect"
    hints: list[Message] = [
        {"type": "http.response.early_hint", "links": links}
        for links in ([own], [own, other], [other], [own + b", " + other])
    ]
    client = Client()
    await client.ask(ConsentMiddleware(answer(*hints), kit), scope())
    assert client.sent[0] is hints[0]
    assert [m["links"] for m in client.sent] == [[own], [own], [own]]


async def test_trailers_pass_less_the_checksums_of_what_was_not_sent(kit: ConsentKit) -> None:
    end: Message = {
        "type": "http.response.trailers",
        "headers": [(b"Content-Digest", b"sha-256=:x:"), (b"x-took", b"3 ms")],
        "more_trailers": False,
    }
    for kind, kept in ((b"text/html", end["headers"][1:]), (b"text/plain", end["headers"])):
        client = Client()
        app = answer(start((b"content-type", kind), trailers=True), body(PAGE), end)
        await client.ask(ConsentMiddleware(app, kit), scope())
        assert client.sent[-1]["headers"] == kept
        assert client.header(b"content-length") == []
        assert client.sent[0]["trailers"] is True


async def test_debug_messages_come_before_the_start(kit: ConsentKit) -> None:
    debug = {"type": "http.response.debug", "info": {"template": "t"}}
    client = Client()
    app = answer(debug, start((b"content-type", b"text/html")), debug, body(PAGE))
    await client.ask(ConsentMiddleware(app, kit), scope())
    assert client.sent[0] is debug
    assert is_gated(client.body)


async def test_a_page_that_cannot_be_read_may_be_refused(kit: ConsentKit) -> None:
    strict = ConsentKit({"secret_keys": ["k" * 40], "on_unprotected": "503"})
    app = page([PAGE, PAGE, b""], (b"content-encoding", b"x-unknown"))
    client = Client()
    await client.ask(ConsentMiddleware(app, strict), scope())
    assert client.status == 503
    assert b"google-analytics" not in client.body
    client = Client()
    await client.ask(ConsentMiddleware(app, kit), scope())
    assert client.status == 200
    assert client.header(b"content-security-policy")[0].startswith(b"default-src 'self'")
    assert client.body == PAGE + PAGE
