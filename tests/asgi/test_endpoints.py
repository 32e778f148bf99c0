"""Our own pages under ASGI: bodies in any pieces, cancellation, and faults of ours."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Never

import anyio
import pytest

from consentkit import ConsentKit
from consentkit.asgi import ConsentMiddleware
from consentkit.engine import endpoints, exchange
from consentkit.gate import Gate
from consentkit.log import Event, Notice
from consentkit.log.event import Record
from tests.adapters.site import CLOSED, PAGE, choice, is_gated, records, settings
from tests.asgi.harness import App, Client, Message, answer, body, page, scope, start

pytestmark = pytest.mark.anyio

JSON = [(b"host", b"shop.example"), (b"content-type", b"application/json")]


async def post(app: App, *chunks: bytes, **more: Any) -> Client:
    client = Client(chunks)
    await client.ask(app, scope("/consent/", "POST", **{"headers": JSON, **more}))
    return client


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_choice_in_any_pieces(kit: ConsentKit, tmp_path: Path, size: int) -> None:
    whole = choice("save", "analytics")
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    client = await post(ConsentMiddleware(answer(), kit), b"", *chunks, b"")
    assert client.status == 200
    assert len(client.header(b"set-cookie")) == 3
    (record,) = records(tmp_path)
    assert record.event.outcome == {
        "functional": "denied",
        "analytics": "granted",
        "marketing": "denied",
    }


async def test_a_long_body_is_not_read_for_ever(kit: ConsentKit, tmp_path: Path) -> None:
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x" * 4096, "more_body": True}

    client = Client()
    app = ConsentMiddleware(answer(), kit)
    await app(scope("/consent/", "POST", headers=JSON), receive, client.send)
    assert client.status == 413
    assert asked * 4096 < 5_000_000
    assert not (tmp_path / "consent.db").exists()


async def test_a_body_that_breaks_off_is_no_choice(kit: ConsentKit, tmp_path: Path) -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": choice(), "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    client = Client()
    app = ConsentMiddleware(answer(), kit)
    await app(scope("/consent/", "POST", headers=JSON), receive, client.send)
    assert client.sent == []
    assert not (tmp_path / "consent.db").exists()


@pytest.mark.parametrize("path", ["/consent/", "/consent/state", "/consent/policy"])
async def test_head_is_get_without_the_body(kit: ConsentKit, path: str) -> None:
    app = ConsentMiddleware(answer(), kit)
    got, head = Client(), Client()
    await got.ask(app, scope(path))
    await head.ask(app, scope(path, "HEAD"))
    assert head.status == got.status == 200
    assert head.body == b""
    (length,) = got.header(b"content-length")
    assert int(length) == len(got.body)
    # The form's token differs from time to time, but never in its length.
    assert head.header(b"content-length") == [length]


async def test_cancelling_a_request_loses_no_record(kit: ConsentKit, tmp_path: Path) -> None:
    """The visitor's connection ends while the log writes: the write is finished all the same."""
    begun, go_on, written = threading.Event(), threading.Event(), threading.Event()
    append = kit.recorder.store.append_many

    def slowly(entries: Sequence[tuple[Event, Notice]]) -> list[Record]:
        begun.set()
        go_on.wait(30)
        done = append(entries)
        written.set()
        return done

    kit.recorder.store.append_many = slowly  # type: ignore[method-assign]
    app = ConsentMiddleware(answer(), kit)
    async with anyio.create_task_group() as group:
        group.start_soon(post, app, choice())
        assert await anyio.to_thread.run_sync(begun.wait, 30)
        group.cancel_scope.cancel()
        go_on.set()
    assert written.wait(30)
    assert len(records(tmp_path)) == 1


async def test_the_event_loop_goes_on_while_the_log_is_waited_for(kit: ConsentKit) -> None:
    begun, go_on = threading.Event(), threading.Event()
    append = kit.recorder.store.append_many

    def slowly(entries: Sequence[tuple[Event, Notice]]) -> list[Record]:
        begun.set()
        assert go_on.wait(30)
        return append(entries)

    kit.recorder.store.append_many = slowly  # type: ignore[method-assign]
    app = ConsentMiddleware(page([PAGE]), kit)
    async with anyio.create_task_group() as group:
        group.start_soon(post, app, choice())
        assert await anyio.to_thread.run_sync(begun.wait, 30)
        client = Client()
        await client.ask(app, scope())
        assert is_gated(client.body)
        go_on.set()


async def test_waiting_visitors_take_no_thread_from_the_site(kit: ConsentKit) -> None:
    """More choices than we have threads, all of them stuck: the site's own threads are free."""
    go_on = threading.Event()
    append = kit.recorder.store.append_many

    def stuck(entries: Sequence[tuple[Event, Notice]]) -> list[Record]:
        assert go_on.wait(30)
        return append(entries)

    kit.recorder.store.append_many = stuck  # type: ignore[method-assign]
    app = ConsentMiddleware(answer(), kit)
    async with anyio.create_task_group() as group:
        for _ in range(60):
            group.start_soon(post, app, choice())
        await anyio.wait_all_tasks_blocked()
        limiter = anyio.to_thread.current_default_thread_limiter()
        assert limiter.borrowed_tokens == 0
        assert await anyio.to_thread.run_sync(lambda: "free") == "free"
        go_on.set()


# --- faults of ours -----------------------------------------------------------------------------


def broken(*_: Any, **__: Any) -> Never:
    raise RuntimeError("a fault of ours")


@pytest.mark.parametrize("kind", [b"text/html", b"text/plain", b""])
@pytest.mark.parametrize("place", ["is_html", "gate_headers", "Gate", "Body", "Judge"])
async def test_a_fault_before_the_page_leaves_page_and_trackers_apart(
    kit: ConsentKit, monkeypatch: pytest.MonkeyPatch, place: str, kind: bytes
) -> None:
    monkeypatch.setattr(exchange, place, broken)
    headers = [(b"content-type", kind)] if kind else []
    headers += [(b"x-own", b"1"), (b"set-cookie", b"session=1")]
    app = answer(start(*headers, status=203), body(PAGE))
    client = Client()
    await client.ask(ConsentMiddleware(app, kit), scope())
    assert client.status == 203
    assert client.header(b"x-own") == [b"1"]
    assert client.body == PAGE
    if kind == b"text/html":
        assert client.header(b"content-security-policy") == [CLOSED.encode()]


async def test_a_fault_in_reading_the_request_grants_nothing(
    kit: ConsentKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consentkit.engine.kit.parse_cookies", broken)
    client = Client()
    await client.ask(ConsentMiddleware(page([PAGE]), kit), scope())
    assert client.status == 200
    assert is_gated(client.body)


async def test_a_fault_in_early_hints_drops_them(
    kit: ConsentKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "gate_headers", broken)
    hint: Message = {"type": "http.response.early_hint", "links": [b"<https://t.example>"]}
    client = Client()
    await client.ask(ConsentMiddleware(answer(hint), kit), scope())
    assert client.sent == []


async def test_a_fault_within_the_page_lets_no_tracker_out(
    kit: ConsentKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()

    class Failing(Gate):
        def feed(self, chunk: bytes) -> bytes:
            if b"<p>" in chunk:
                raise RuntimeError("a fault of ours")
            return super().feed(chunk)

    monkeypatch.setattr(exchange, "Gate", Failing)
    at = PAGE.index(b"<p>")
    await client.ask(ConsentMiddleware(page([PAGE[:at], PAGE[at:]]), kit), scope())
    assert client.status == 200
    assert b"<p>Hello</p>" in client.body
    assert b"<img" not in client.body
    assert b'<script async src="https://www.google' not in client.body


async def test_a_fault_at_the_end_of_the_page_ends_it(
    kit: ConsentKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gate, "close", broken)
    client = Client()
    await client.ask(ConsentMiddleware(page([PAGE]), kit), scope())
    assert is_gated(client.body)


async def test_a_fault_in_our_own_page_is_answered(
    kit: ConsentKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints.Endpoints, "_preferences", broken)
    client = Client()
    await client.ask(ConsentMiddleware(answer(), kit), scope("/consent/"))
    assert client.status == 503


async def test_a_log_that_cannot_be_written_grants_nothing(tmp_path: Path) -> None:
    kit = ConsentKit(settings(tmp_path, log=f"sqlite:///{tmp_path / 'missing' / 'consent.db'}"))
    app = ConsentMiddleware(page([PAGE]), kit)
    client = await post(app, choice())
    assert client.status == 503
    assert client.header(b"set-cookie") == []
    client = await post(app, choice("reject"))
    assert client.status == 200
    assert all(b"=denied." in cookie for cookie in client.header(b"set-cookie"))
    client = Client()
    await client.ask(app, scope())
    assert is_gated(client.body)


async def test_only_own_messages_are_read(kit: ConsentKit) -> None:
    """GET does not touch ``receive``, which may be another's by then."""

    async def receive() -> Message:
        raise AssertionError

    client = Client()
    await ConsentMiddleware(answer(), kit)(scope("/consent/"), receive, client.send)
    assert client.status == 200
