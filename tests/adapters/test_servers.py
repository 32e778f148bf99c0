"""Real servers, by raw socket: what they put on the wire of what we give them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.adapters.apps import DATA, put_files
from tests.adapters.site import FORM, is_gated, is_live, records
from tests.adapters.wire import Answer, Connection
from tests.browser.servers import free_port, serve

ASGI, WSGI = "tests.adapters.apps:asgi", "tests.adapters.apps:wsgi"


def python(*arguments: str) -> Callable[[int], list[str]]:
    """The command of a server, in whose arguments PORT stands for its port."""
    return lambda port: [
        sys.executable,
        "-m",
        *(argument.replace("PORT", str(port)) for argument in arguments),
    ]


_UVICORN = ("uvicorn", "--port", "PORT", "--log-level", "warning", ASGI)
_GUNICORN = ("gunicorn", "--bind", "127.0.0.1:PORT", "--log-level", "warning", WSGI)
_GRANIAN = ("granian", "--port", "PORT", "--log-level", "warning", "--no-ws")
SERVERS = {
    "uvicorn-h11": python(*_UVICORN, "--http", "h11"),
    "uvicorn-httptools": python(*_UVICORN, "--http", "httptools"),
    "hypercorn": python("hypercorn", "--bind", "127.0.0.1:PORT", ASGI),
    "granian-asgi": python(*_GRANIAN, "--interface", "asgi", ASGI),
    "granian-wsgi": python(*_GRANIAN, "--interface", "wsgi", WSGI),
    "gunicorn-sync": python(*_GUNICORN),
    "gunicorn-gthread": python(*_GUNICORN, "--threads", "4"),
    "waitress": python("waitress", "--listen=127.0.0.1:PORT", WSGI),
}


class Visitor:
    """A browser of sorts: one connection, kept as long as the server keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: Connection | None = None

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        if self._connection is None:
            self._connection = Connection(self._port)
        answer = self._connection.ask(method, path, body, **headers)
        if not answer.stays:
            self.close()
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, Path]]:
    port, folder = free_port(), tmp_path_factory.mktemp(request.param)
    put_files(folder)
    with serve(SERVERS[request.param](port), port, folder=folder):
        yield port, folder


@pytest.fixture
def visitor(server: tuple[int, Path]) -> Iterator[Visitor]:
    made = Visitor(server[0])
    yield made
    made.close()


@pytest.mark.parametrize("path", ["/", "/stream", "/page.html"])
def test_pages_are_gated(visitor: Visitor, path: str) -> None:
    for _ in range(2):  # the second on the same connection, where the server keeps it
        answer = visitor.ask("GET", path)
        assert answer.status == 200
        assert is_gated(answer.body)
        assert answer.header("set-cookie") == []


@pytest.mark.parametrize("path", ["/", "/stream", "/page.html", "/consent/"])
def test_head_leaves_nothing_on_the_connection(visitor: Visitor, path: str) -> None:
    head = visitor.ask("HEAD", path)
    assert head.status == 200
    if path != "/consent/":
        assert head.header("content-length") == []
    assert is_gated(visitor.ask("GET", "/").body)


def test_not_modified_leaves_nothing_on_the_connection(visitor: Visitor) -> None:
    (tag,) = visitor.ask("GET", "/").header("etag")
    assert tag.startswith('W/"v1-ck.')
    answer = visitor.ask("GET", "/", If_None_Match=tag)
    assert answer.status == 304
    assert answer.header("etag") == [tag]
    assert is_gated(visitor.ask("GET", "/").body)


def test_a_choice_without_javascript(visitor: Visitor, server: tuple[int, Path]) -> None:
    before = len(records(server[1]))
    body = b"action=accept&next=/stream"
    answer = visitor.ask("POST", "/consent/", body, Content_Type=FORM, Sec_Fetch_Site="same-origin")
    assert (answer.status, answer.header("location")) == (303, ["/stream"])
    assert len(answer.header("set-cookie")) == 3
    assert len(records(server[1])) == before + 1
    live = visitor.ask("GET", "/stream", Cookie=answer.cookies)
    assert is_live(live.body)
    state = visitor.ask("GET", "/consent/state", Cookie=answer.cookies)
    assert b'"analytics":"granted"' in state.body
    refused = visitor.ask("POST", "/consent/", body, Content_Type=FORM, Sec_Fetch_Site="cross-site")
    assert refused.status == 403


def test_files_that_are_no_pages_are_whole(visitor: Visitor) -> None:
    answer = visitor.ask("GET", "/data.bin")
    assert answer.body == DATA
    assert answer.header("content-length") == [str(len(DATA))]


@pytest.mark.parametrize("size", [20_000, 1_000_000])
def test_the_connection_is_good_after_a_long_body(visitor: Visitor, size: int) -> None:
    answer = visitor.ask("POST", "/consent/", b"x" * size, Content_Type=FORM)
    assert answer.status == 413
    assert is_gated(visitor.ask("GET", "/").body)


def test_a_chunked_choice(server: tuple[int, Path]) -> None:
    body = b"action=reject"
    head = f"POST /consent/ HTTP/1.1\r\nHost: shop.example\r\nContent-Type: {FORM}\r\n"
    with Connection(server[0]) as connection:
        connection.send_raw(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(len(body)):
            connection.send_raw(b"1\r\n" + body[at : at + 1] + b"\r\n")
        connection.send_raw(b"0\r\n\r\n")
        assert connection.read("POST").status == 303


def test_a_body_that_breaks_off_is_no_choice(visitor: Visitor, server: tuple[int, Path]) -> None:
    before = len(records(server[1]))
    head = f"POST /consent/ HTTP/1.1\r\nHost: shop.example\r\nContent-Type: {FORM}\r\n"
    with Connection(server[0]) as connection:
        connection.send_raw(head.encode() + b"Content-Length: 90\r\n\r\naction=accept")
    assert is_gated(visitor.ask("GET", "/").body)
    assert len(records(server[1])) == before


def test_a_client_that_leaves_in_the_middle(visitor: Visitor, server: tuple[int, Path]) -> None:
    for _ in range(5):
        with Connection(server[0]) as connection:
            connection.send("GET", "/data.bin")
    assert is_gated(visitor.ask("GET", "/").body)
