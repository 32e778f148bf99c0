"""The site: pure pages, the two raw applications, and what must stay whole under any consent."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
import turbohtml
from markupsafe import Markup

from consentkit.catalogue.load import load_catalogue
from consentkit.demo.site import PAGES, asgi_app, respond, settings_for_demo, wsgi_app
from consentkit.settings import load_settings
from tests.demo.markup import attribute

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

VALIDATED = validator(wsgi_app)


class Visitor:
    """A visitor who has agreed to some of it."""

    def __init__(self, *granted: str) -> None:
        self._granted = {"necessary", *granted}

    def granted(self, category: str, /) -> bool:
        return category in self._granted

    def settings_link(self) -> Markup:
        return Markup('<a href="/choose/">Choose again</a>')


@pytest.mark.parametrize("page", PAGES)
class TestPage:
    def test_is_a_whole_document(self, page: str) -> None:
        status, content_type, body = respond(page)
        document = turbohtml.parse(body)
        assert (status, content_type) == (200, "text/html; charset=utf-8")
        assert document.select("title")[0].text.endswith(" · Harrow & Wick")
        assert len(document.select("h1")) == 1
        assert len(document.select("main")) == 1
        assert document.select("html")[0].attrs["lang"] == "en-GB"

    @pytest.mark.parametrize("tag", ["script", "iframe", "img", "link", "form", "noscript"])
    def test_no_tag_is_lost_on_a_parser(self, page: str, tag: str) -> None:
        source = respond(page)[2].decode()
        # With scripting off, so that what stands in noscript counts too.
        assert len(turbohtml.parse(source).select(tag)) == source.count(f"<{tag}")

    def test_every_local_file_is_there(self, page: str) -> None:
        document = turbohtml.parse(respond(page)[2])
        links = {
            attribute(element, name)
            for name in ("src", "href")
            for element in document.select(f"[{name}]")
        }
        local = {link.partition("#")[0] for link in links if re.match(r"/(?!/)", link)}
        assert "/assets/site.css" in local
        for target in local - {"/consent/"}:
            assert respond(target)[0] == 200, target

    def test_has_a_link_to_the_settings(self, page: str) -> None:
        assert b'<a href="/consent/">Cookie settings</a>' in respond(page)[2]
        body = respond(page, Visitor())[2]
        assert b'<a href="/choose/">Choose again</a>' in body
        assert b'href="/consent/"' not in body

    def test_carries_what_consent_has_no_business_with(self, page: str) -> None:
        document = turbohtml.parse(respond(page)[2])
        data = json.loads(document.select("script[type='application/ld+json']")[0].text)
        state = json.loads(document.select("script#site-state")[0].text)
        own = [script.text for script in document.select("script:not([src])")]
        assert "https://www.facebook.com/harrowandwick" in data["sameAs"]
        assert state["page"] == page
        assert sum("dataLayer.push({pageType" in code for code in own) == 1
        assert len(document.select("script[src='/assets/site.js']")) == 1
        assert document.select("a[href^='https://www.facebook.com/sharer/']")

    def test_marks_nothing(self, page: str) -> None:
        # The tags are as the vendors publish them: holding them back is not the site's work.
        assert b"data-consent" not in respond(page)[2]
        assert b"text/plain" not in respond(page)[2]


def test_the_privacy_page_shows_the_choice() -> None:
    document = turbohtml.parse(respond("/privacy", Visitor("analytics"))[2])
    shown = {
        item.attrs["data-choice"]: item.select("span")[0].text
        for item in document.select("[data-choice]")
    }
    assert shown == {"necessary": "on", "functional": "off", "analytics": "on", "marketing": "off"}
    assert not turbohtml.parse(respond("/privacy")[2]).select("[data-choice]")


def test_the_product_page_draws_its_lamp_itself() -> None:
    lamp = turbohtml.parse(respond("/product")[2]).select("svg[data-lamp]")[0]
    assert lamp.attrs["style"] == "--shade: #a3541a"


def test_styles_and_script_are_local() -> None:
    css, js = respond("/assets/site.css"), respond("/assets/site.js")
    assert css[:2] == (200, "text/css; charset=utf-8")
    assert js[:2] == (200, "text/javascript; charset=utf-8")
    assert b'url("dots.svg")' in css[2]
    assert b"//" not in css[2].replace(b"/*", b"")
    assert b"hw_basket" in js[2]
    assert respond("/assets/dots.svg")[:2] == (200, "image/svg+xml")
    assert respond("/favicon.ico")[:2] == (200, "image/svg+xml")


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "",
        "/assets/",
        "/assets/../site.py",
        "/assets/..%2fsite.py",
        "/product/",
        "/\x00",
    ],
)
def test_nothing_else_is_there(path: str) -> None:
    status, content_type, body = respond(path)
    assert (status, content_type) == (404, "text/html; charset=utf-8")
    assert b"Nobody left a light on here." in body


class TestSettings:
    def test_are_valid_and_name_known_services(self, tmp_path: Path) -> None:
        settings = load_settings(settings_for_demo(f"sqlite:///{tmp_path}/demo.db"))
        declared = load_catalogue(settings.services).declared
        assert settings.site_name == "Harrow & Wick"
        assert settings.policy.url == "/privacy"
        assert declared is not None
        assert {"basket", "lead-forensics", "zendesk", "dynamics-365", "creatio"} <= set(declared)

    def test_the_key_stays(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/demo.db"
        key_file = tmp_path / "demo.db.key"
        first = settings_for_demo(url)["secret_keys"]
        assert settings_for_demo(url)["secret_keys"] == first
        assert key_file.read_text().strip() == first[0]
        assert key_file.stat().st_mode & 0o077 == 0
        assert settings_for_demo(f"sqlite:///{tmp_path}/other.db")["secret_keys"] != first

    def test_a_log_that_is_no_file_has_no_key_file(self, tmp_path: Path) -> None:
        key = settings_for_demo("postgresql+psycopg://localhost/consent")["secret_keys"][0]
        assert len(key) >= 32
        assert list(tmp_path.iterdir()) == []


class TestASGI:
    def ask(self, scope: dict[str, Any], *events: dict[str, Any]) -> list[dict[str, Any]]:
        incoming: Iterator[dict[str, Any]] = iter(events)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(incoming)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(asgi_app(scope, receive, send))
        return sent

    @pytest.mark.parametrize("path", [*PAGES, "/assets/site.css", "/nowhere"])
    def test_serves_what_respond_says(self, path: str) -> None:
        start, end = self.ask({"type": "http", "method": "GET", "path": path})
        status, content_type, body = respond(path)
        headers = dict(start["headers"])
        assert start["status"] == status
        assert headers[b"content-type"].decode() == content_type
        assert int(headers[b"content-length"]) == len(body)
        assert end["body"] == body

    def test_head_has_the_length_and_no_body(self) -> None:
        start, end = self.ask({"type": "http", "method": "HEAD", "path": "/"})
        assert int(dict(start["headers"])[b"content-length"]) == len(respond("/")[2])
        assert end["body"] == b""

    def test_other_methods_are_refused(self) -> None:
        start, _ = self.ask({"type": "http", "method": "POST", "path": "/"})
        assert start["status"] == 405

    def test_uses_the_consent_of_the_scope(self) -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "consentkit": Visitor()}
        assert b"Choose again" in self.ask(scope)[1]["body"]

    def test_lives_and_takes_no_websocket(self) -> None:
        events = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
        assert [message["type"] for message in self.ask({"type": "lifespan"}, *events)] == [
            "lifespan.startup.complete",
            "lifespan.shutdown.complete",
        ]
        assert self.ask({"type": "websocket"}) == [{"type": "websocket.close"}]


class TestWSGI:
    def ask(
        self, method: str, path: str, app: WSGIApplication = VALIDATED, /, **extra: Any
    ) -> tuple[str, dict[str, str], bytes]:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            **extra,
        }
        setup_testing_defaults(environ)
        seen: list[tuple[str, dict[str, str]]] = []

        def start_response(status: str, headers: Any, exc_info: Any = None, /) -> Any:
            seen.append((status, dict(headers)))
            return lambda data: None

        answer = app(environ, start_response)
        body = b"".join(answer)
        getattr(answer, "close", lambda: None)()
        return *seen[0], body

    @pytest.mark.parametrize("path", [*PAGES, "/assets/site.css", "/nowhere"])
    def test_serves_what_respond_says(self, path: str) -> None:
        status, headers, body = self.ask("GET", path)
        assert int(status.partition(" ")[0]) == respond(path)[0]
        assert headers["content-type"] == respond(path)[1]
        assert int(headers["content-length"]) == len(body)
        assert body == respond(path)[2]

    def test_head_has_the_length_and_no_body(self) -> None:
        _, headers, body = self.ask("HEAD", "/")
        assert int(headers["content-length"]) == len(respond("/")[2])
        assert body == b""

    def test_a_path_in_any_encoding_is_only_not_found(self) -> None:
        assert self.ask("GET", "/caf\xc3\xa9")[0] == "404 Not Found"
        assert self.ask("GET", "/\xff\xfe")[0] == "404 Not Found"

    def test_uses_the_consent_of_the_environ(self) -> None:
        # Past the validator, which wants a dot in the names of what is not text.
        assert b"Choose again" in self.ask("GET", "/", wsgi_app, consentkit=Visitor())[2]
