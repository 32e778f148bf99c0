"""Responses under WSGI: every style of PEP 3333, gated or passed on, closed exactly once."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any, Never
from wsgiref.util import FileWrapper

import pytest

from consentkit import ConsentKit
from consentkit.engine import exchange
from consentkit.gate import Gate
from consentkit.wsgi import ConsentMiddleware
from tests.adapters.site import CLOSED, HTML, PAGE, is_gated
from tests.wsgi.harness import App, Closing, Environ, Server, checked, environ, page

HALVES = [PAGE[:150], PAGE[150:]]


def early(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", HTML), ("Content-Length", str(len(PAGE)))])
    return HALVES


def late(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", HTML), ("Content-Length", str(len(PAGE)))])
    yield from HALVES


def writing(environ: Environ, start_response: Any) -> Iterable[bytes]:
    write = start_response("200 OK", [("Content-Type", HTML)])
    for half in HALVES:
        write(half)
    return []


def both(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", HTML)])(HALVES[0])
    return [HALVES[1]]


def empty_chunks(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", HTML)])
    yield b""
    yield HALVES[0]
    yield b""
    yield HALVES[1]
    yield b""


def bytewise(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", HTML)])
    for at in range(len(PAGE)):
        yield PAGE[at : at + 1]


def recovered(environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        headers = [("Content-Type", HTML), ("Content-Length", str(len(PAGE)))]
        start_response("500 Internal Server Error", headers, sys.exc_info())
    return HALVES


STYLES = [early, late, writing, both, empty_chunks, bytewise, recovered]


@pytest.mark.parametrize("app", STYLES, ids=lambda app: app.__name__)
def test_every_style_of_answering_is_gated(kit: ConsentKit, app: App) -> None:
    server = Server()
    server.ask(checked(app, kit), environ())
    assert is_gated(server.body)
    assert server.header("content-length") == []
    assert server.header("content-type") == [HTML]
    assert server.status[:3] == ("500" if app is recovered else "200")


def test_a_middleware_answers_chunk_by_chunk(kit: ConsentKit) -> None:
    """PEP 3333: for each chunk of the app one of ours, so that nobody waits for a second."""
    server, taken = Server(), []

    def chunks() -> Iterator[bytes]:
        for chunk in (b"<!doctype html><p>one</p>", b"<im", b"g>", b"two"):
            taken.append(chunk)
            yield chunk

    result = iter(ConsentMiddleware(page(chunks()), kit)(environ(), server.start_response))
    out = [next(result)]
    assert taken == [b"<!doctype html><p>one</p>"]
    assert out[0].endswith(b"<p>one</p>")
    assert next(result) == b""
    assert next(result) == b"<img>"
    assert next(result) == b"two"
    assert len(taken) == 4


class Sniffed:
    """A response without a type, which its first bytes decide about."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return list(self.chunks)


def test_what_has_no_type_is_sniffed(kit: ConsentKit) -> None:
    server = Server()
    server.ask(ConsentMiddleware(Sniffed(b"", b"", *HALVES, b""), kit), environ())
    assert is_gated(server.body)
    for chunks in ([b"plain", b" text"], [], [b""]):
        server = Server()
        server.ask(ConsentMiddleware(Sniffed(*chunks), kit), environ())
        assert server.body == b"".join(chunks)
        assert server.headers == []


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/event-stream"])
def test_other_responses_are_the_apps_own_objects(kit: ConsentKit, kind: str) -> None:
    files = FileWrapper(BytesIO(PAGE))
    for result in (files, [PAGE], (PAGE,), iter([PAGE]), Closing([PAGE])):
        server = Server()
        app = page(result, kind, ("X-Own", "1"), ("x-own", "2"))
        given = ConsentMiddleware(app, kit)(environ(), server.start_response)
        assert given is result
        assert server.headers == [("Content-Type", kind), ("X-Own", "1"), ("x-own", "2")]


def test_a_file_that_is_a_page_is_no_file_to_the_server(kit: ConsentKit) -> None:
    files = FileWrapper(BytesIO(PAGE))
    server = Server()
    result = ConsentMiddleware(page(files), kit)(environ(), server.start_response)
    assert not isinstance(result, FileWrapper)
    assert is_gated(b"".join(result))


def test_writing_what_is_no_page(kit: ConsentKit) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])(PAGE)
        return [b"end"]

    server = Server()
    server.ask(checked(app, kit), environ())
    assert server.chunks == [PAGE, b"end"]


def test_writing_what_has_no_type(kit: ConsentKit) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(PAGE)
        return []

    server = Server()
    server.ask(ConsentMiddleware(app, kit), environ())
    assert is_gated(server.body)


ENDINGS = ["normal", "early", "unread", "theirs", "head", "ours"]


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_the_iterable_is_closed_once(
    kit: ConsentKit, monkeypatch: pytest.MonkeyPatch, ending: str, kind: str
) -> None:
    def chunks() -> Iterator[bytes]:
        yield HALVES[0]
        if ending == "theirs":
            raise ZeroDivisionError("app")
        yield HALVES[1]

    if ending == "ours":
        monkeypatch.setattr(Gate, "feed", broken)
    result = Closing(chunks())
    server = Server()
    method = "HEAD" if ending == "head" else "GET"
    stop = {"early": 1, "unread": 0}.get(ending)
    app = checked(page(result, kind), kit)
    if ending == "theirs":
        with pytest.raises(ZeroDivisionError):
            server.ask(app, environ(method=method), stop)
    elif ending == "head":  # what has no length sends bodies, as many servers let it
        server.ask(ConsentMiddleware(page(result, kind), kit), environ(method=method), stop)
    else:
        server.ask(app, environ(method=method), stop)
    assert result.closed == 1


def test_the_apps_exceptions_are_the_same_objects(kit: ConsentKit) -> None:
    fault = ZeroDivisionError("app")

    def before(environ: Environ, start_response: Any) -> Never:
        raise fault

    def between(environ: Environ, start_response: Any) -> Never:
        start_response("200 OK", [("Content-Type", HTML)])
        raise fault

    def after(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", HTML)])
        yield HALVES[0]
        raise fault

    for app in (before, between, after):
        with pytest.raises(ZeroDivisionError) as raised:
            Server().ask(checked(app, kit), environ())
        assert raised.value is fault


def test_an_error_after_the_first_bytes_reaches_the_app(kit: ConsentKit) -> None:
    """``start_response`` with ``exc_info`` raises it when it is too late for another head."""
    fault = ZeroDivisionError("app")
    caught = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", HTML)])
        yield PAGE
        try:
            raise fault
        except ZeroDivisionError:
            try:
                start_response("500 No", [("Content-Type", HTML)], sys.exc_info())
            except ZeroDivisionError as again:
                caught.append(again)
                raise

    server = Server()
    with pytest.raises(ZeroDivisionError) as raised:
        server.ask(checked(app, kit), environ())
    assert raised.value is fault
    assert caught == [fault]
    assert server.status == "200 OK"


@pytest.mark.parametrize("kind", [HTML, "application/json"])
def test_an_error_page_in_place_of_what_was_begun(kit: ConsentKit, kind: str) -> None:
    """Nothing is out yet, so that a fault in the iterable may still become a page."""

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", kind), ("Content-Length", "2")])
        return body(start_response)

    def body(start_response: Any) -> Iterator[bytes]:
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            headers = [("Content-Type", HTML), ("Content-Length", str(len(PAGE)))]
            start_response("500 Internal Server Error", headers, sys.exc_info())
        yield PAGE

    server = Server()
    server.ask(checked(app, kit), environ())
    assert server.status == "500 Internal Server Error"
    if kind == HTML:
        assert is_gated(server.body)
        assert server.header("content-length") == []
    else:  # the server has the iterable itself; the trackers are closed by policy
        assert server.body == PAGE
        assert server.header("content-security-policy") == [CLOSED]


def test_starting_twice_is_the_apps_mistake(kit: ConsentKit) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", HTML)])
        start_response("200 OK", [("Content-Type", HTML)])
        return []

    with pytest.raises(AssertionError, match="twice"):
        Server().ask(ConsentMiddleware(app, kit), environ())


def test_never_starting_is_left_to_the_server(kit: ConsentKit) -> None:
    server = Server()
    result = ConsentMiddleware(lambda environ, start_response: [b"x"], kit)(
        environ(), server.start_response
    )
    assert list(result) == [b"x"]
    assert server.starts == 0


@pytest.mark.parametrize("length", [[], [("Content-Length", str(len(PAGE)))]])
@pytest.mark.parametrize("chunks", [[], [b""], HALVES])
def test_head_of_a_page_sends_nothing(
    kit: ConsentKit, chunks: list[bytes], length: list[tuple[str, str]]
) -> None:
    server = Server()
    app = ConsentMiddleware(page(chunks, HTML, *length), kit)
    server.ask(app, environ(method="HEAD"))
    assert server.body == b""
    assert server.header("content-length") == []
    assert server.header("content-type") == [HTML]


def test_head_of_a_file_keeps_its_length(kit: ConsentKit) -> None:
    server = Server()
    result: list[bytes] = []
    app = ConsentMiddleware(page(result, "image/png", ("Content-Length", "9")), kit)
    assert app(environ(method="HEAD"), server.start_response) is result
    assert server.header("content-length") == ["9"]


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_responses_without_a_body_get_none(kit: ConsentKit, status: str) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response(status, [("ETag", '"x"')])
        return []

    server = Server()
    server.ask(checked(app, kit), environ())
    assert server.status == status
    assert server.body == b""


def test_an_empty_page(kit: ConsentKit) -> None:
    server = Server()
    server.ask(checked(page([]), kit), environ())
    assert server.starts == 1
    assert b"consentkit" not in server.body


def test_several_headers_of_one_name(kit: ConsentKit) -> None:
    own = [("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("Vary", "Accept"), ("Vary", "X")]
    server = Server()
    server.ask(checked(page([PAGE], HTML, *own), kit), environ())
    assert [pair for pair in server.headers if pair in own] == own


def broken(*_: Any, **__: Any) -> Never:
    raise RuntimeError("a fault of ours")


@pytest.mark.parametrize("place", ["is_html", "gate_headers", "Gate", "Body", "Judge"])
def test_a_fault_of_ours_closes_the_trackers(
    kit: ConsentKit, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(exchange, place, broken)
    server = Server()
    own = (("X-Own", "1"), ("Set-Cookie", "session=1"))
    server.ask(checked(page(HALVES, HTML, *own), kit), environ())
    assert server.status == "200 OK"
    assert server.header("x-own") == ["1"]
    assert server.body == PAGE
    assert server.header("content-security-policy") == [CLOSED]


def test_a_page_that_cannot_be_read_may_be_refused() -> None:
    strict = ConsentKit({"secret_keys": ["k" * 40], "on_unprotected": "503"})
    for method in ("GET", "HEAD"):
        server = Server()
        result = Closing([PAGE, PAGE])
        app = page(result, HTML, ("Content-Encoding", "x-unknown"))
        server.ask(ConsentMiddleware(app, strict), environ(method=method))
        assert server.status.startswith("503 ")
        assert b"google-analytics" not in server.body
        assert bool(server.body) is (method == "GET")
        assert result.closed == 1
