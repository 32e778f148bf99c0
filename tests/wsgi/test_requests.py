"""Requests under WSGI: where our pages are, what the app sees, and bodies of any kind."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from consentkit import ConsentKit
from consentkit.wsgi import ConsentMiddleware
from tests.adapters.site import FORM, PAGE, choice, is_gated, records, settings
from tests.wsgi.harness import App, Environ, Server, checked, environ, page

JSON = {"CONTENT_TYPE": "application/json"}


def remembering() -> tuple[App, list[Environ]]:
    seen: list[Environ] = []

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        seen.append(environ)
        return page([PAGE])(environ, start_response)

    return app, seen


# SCRIPT_NAME, PATH_INFO, whether it is ours, and the address of the preferences
PLACES = [
    ("", "/consent/", True, "/consent/"),
    ("", "/consent", True, "/consent/"),
    ("", "/consentX", False, "/consent/"),
    ("", "/x/consent/", False, "/consent/"),
    ("", "", False, "/consent/"),
    ("/app", "/consent/", True, "/app/consent/"),
    ("/app/", "/consent/", True, "/app/consent/"),
    ("/app", "/app/consent/", False, "/app/consent/"),
    ("/app", "", False, "/app/consent/"),
    ("/consent", "/consent/", True, "/consent/consent/"),
    ("/caf\u00c3\u00a9", "/consent/", True, "/caf%C3%A9/consent/"),
    ('/a"><script>', "/consent/", True, "/a%22%3E%3Cscript%3E/consent/"),
]


@pytest.mark.parametrize(("script", "path", "ours", "home"), PLACES)
def test_where_our_pages_are(
    kit: ConsentKit, script: str, path: str, ours: bool, home: str
) -> None:
    app, seen = remembering()
    server = Server()
    server.ask(ConsentMiddleware(app, kit), environ(path, SCRIPT_NAME=script, PATH_INFO=path))
    assert bool(seen) is not ours
    if seen:
        assert seen[0]["consentkit"].settings_url == home
        assert b'data-action="' + home.encode() + b'"' in server.body
    elif path.endswith("/"):
        assert server.status == "200 OK"
        assert b'action="' + home.encode() + b'"' in server.body
    else:
        assert server.header("location") == [home]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"PATH_INFO": "/a b"}, b"/a%20b"),
        ({"PATH_INFO": "/100%"}, b"/100%25"),
        ({"PATH_INFO": "/caf\u00c3\u00a9"}, b"/caf%C3%A9"),
        ({"PATH_INFO": "/\u20ac"}, b"/%3F"),  # no native string, which a server would never give
        ({"PATH_INFO": "/x", "QUERY_STRING": "a=1&b=%20"}, b"/x?a=1&amp;b=%20"),
        ({"PATH_INFO": "/x", "QUERY_STRING": 'q="><script>'}, b"/x?q=%22%3E%3Cscript%3E"),
        ({"PATH_INFO": "/x", "SCRIPT_NAME": "/app"}, b"/app/x"),
    ],
)
def test_the_banner_leads_back_to_the_page(kit: ConsentKit, more: Environ, expected: bytes) -> None:
    server = Server()
    server.ask(ConsentMiddleware(page([PAGE]), kit), environ(**more))
    assert is_gated(server.body)
    assert b'name="next" value="' + expected + b'"' in server.body


def test_handlers_find_the_decision(kit: ConsentKit) -> None:
    app, seen = remembering()
    given = environ()
    Server().ask(ConsentMiddleware(app, kit), given)
    assert not seen[0]["consentkit"].granted("analytics")
    assert "consentkit" not in given


def test_twice_is_once(kit: ConsentKit) -> None:
    app, seen = remembering()
    server = Server()
    server.ask(ConsentMiddleware(ConsentMiddleware(app, kit), kit), environ())
    assert is_gated(server.body, banners=1)
    assert len(seen) == 1


def test_the_app_sees_conditions_it_may_judge_by(kit: ConsentKit) -> None:
    app, seen = remembering()
    given = environ(
        HTTP_IF_NONE_MATCH='"elsewhere"',
        HTTP_IF_MODIFIED_SINCE="Mon, 23 Nov 2026 08:00:00 GMT",
        HTTP_ACCEPT_ENCODING="br, gzip",
        HTTP_X_OWN="1",
    )
    Server().ask(checked(app, kit), given)
    assert "HTTP_IF_NONE_MATCH" not in seen[0]
    assert "HTTP_IF_MODIFIED_SINCE" not in seen[0]
    assert seen[0]["HTTP_ACCEPT_ENCODING"] == "gzip"
    assert seen[0]["HTTP_X_OWN"] == "1"
    assert given["HTTP_ACCEPT_ENCODING"] == "br, gzip"


def test_a_page_that_did_not_change_is_not_sent_again(kit: ConsentKit) -> None:
    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_IF_NONE_MATCH", "").startswith('"v1"'):
            start_response("304 Not Modified", [("ETag", '"v1"')])
            return []
        return page([PAGE], "text/html", ("ETag", '"v1"'))(environ, start_response)

    first, second, third = Server(), Server(), Server()
    first.ask(checked(app, kit), environ())
    (tag,) = first.header("etag")
    assert tag.startswith('W/"v1-ck.')
    second.ask(checked(app, kit), environ(HTTP_IF_NONE_MATCH=tag))
    assert second.status == "304 Not Modified"
    assert second.header("etag") == [tag]
    # Another state of consent: the same tag stands for another page.
    value = kit.cookies.value("analytics", "granted", "v", kit.policy.fingerprint("analytics"))
    third.ask(
        checked(app, kit),
        environ(HTTP_IF_NONE_MATCH=tag, HTTP_COOKIE=f"consent_analytics={value}"),
    )
    assert third.status == "200 OK"
    assert third.header("etag") != [tag]


def post(kit: ConsentKit, **more: Any) -> Server:
    server = Server()
    server.ask(ConsentMiddleware(page([PAGE]), kit), environ("/consent/", "POST", **JSON | more))
    return server


def test_a_choice(kit: ConsentKit, tmp_path: Path) -> None:
    server = Server()
    body = b"action=save&category=analytics&next=/shop%3Fpage=2"
    app = ConsentMiddleware(page([PAGE]), kit)
    server.ask(app, environ("/consent/", "POST", body=body, CONTENT_TYPE=FORM))
    assert server.status == "303 See Other"
    assert server.header("location") == ["/shop?page=2"]
    assert len(server.header("set-cookie")) == 3
    (record,) = records(tmp_path)
    assert record.event.outcome["analytics"] == "granted"


@pytest.mark.parametrize("length", [None, "", "garbage", "-1", "+5", "\u0661", "0", "1e3"])
def test_a_length_that_says_nothing(kit: ConsentKit, tmp_path: Path, length: str | None) -> None:
    more = {"wsgi.input": BytesIO(choice())}
    server = post(kit, **(more if length is None else {**more, "CONTENT_LENGTH": length}))
    assert server.status.startswith("400 ")
    assert not (tmp_path / "consent.db").exists()


def test_a_body_without_a_length_that_the_server_ends(kit: ConsentKit, tmp_path: Path) -> None:
    class Chunked:
        """Gives a few bytes at a time, whatever it is asked for."""

        def __init__(self) -> None:
            self._stream = BytesIO(choice())

        def read(self, size: int) -> bytes:
            return self._stream.read(min(size, 5))

    server = post(kit, **{"wsgi.input": Chunked(), "wsgi.input_terminated": True})
    assert server.status == "200 OK"
    assert len(records(tmp_path)) == 1


@pytest.mark.parametrize("terminated", [False, True])
def test_a_body_that_breaks_off_is_no_choice(
    kit: ConsentKit, tmp_path: Path, terminated: bool
) -> None:
    """What is left of a longer form may read like another choice."""
    more = {"wsgi.input_terminated": terminated, "CONTENT_TYPE": FORM, "CONTENT_LENGTH": "80"}
    server = post(kit, **more, **{"wsgi.input": BytesIO(b"action=save&category=analytics")})
    assert server.status.startswith("400 ")
    assert not (tmp_path / "consent.db").exists()


def test_a_client_that_leaves_while_it_sends(kit: ConsentKit, tmp_path: Path) -> None:
    class Gone:
        def read(self, size: int) -> bytes:
            raise ConnectionResetError

    server = post(kit, CONTENT_LENGTH="30", **{"wsgi.input": Gone()})
    assert server.status.startswith("400 ")
    assert not (tmp_path / "consent.db").exists()


@pytest.mark.parametrize("terminated", [False, True])
def test_a_long_body_is_not_read_for_ever(kit: ConsentKit, terminated: bool) -> None:
    stream = BytesIO(b"x" * 9_000_000)
    more: Environ = {} if terminated else {"CONTENT_LENGTH": "9000000"}
    server = post(kit, **{"wsgi.input": stream, "wsgi.input_terminated": terminated}, **more)
    assert server.status.startswith("413 ")
    assert stream.tell() < 5_000_000


@pytest.mark.parametrize("path", ["/consent/", "/consent/state", "/consent/policy"])
def test_head_is_get_without_the_body(kit: ConsentKit, path: str) -> None:
    got, head = Server(), Server()
    got.ask(checked(page([]), kit), environ(path))
    head.ask(checked(page([]), kit), environ(path, "HEAD"))
    assert head.body == b""
    assert head.header("content-length") == got.header("content-length") == [str(len(got.body))]


def test_the_server_name_stands_in_for_a_host(tmp_path: Path) -> None:
    """HTTP/1.0 clients send no ``Host``; the site is first party all the same."""
    kit = ConsentKit(settings(tmp_path, gate="strict"))
    given = environ(SERVER_NAME="shop.example", SERVER_PORT="443")
    del given["HTTP_HOST"]
    server = Server()
    html = b'<!doctype html><script src="https://shop.example/a.js"></script>'
    server.ask(ConsentMiddleware(page([html]), kit), given)
    assert b'<script src="https://shop.example/a.js">' in server.body


def test_unusual_environs(kit: ConsentKit) -> None:
    server = Server()
    more: Environ = {"HTTP_X": "\u20ac", "HTTP_Y": 5, "REMOTE_ADDR": None, "HTTP_COOKIE": "\udcff"}
    server.ask(ConsentMiddleware(page([PAGE]), kit), environ(**more))
    assert is_gated(server.body)
