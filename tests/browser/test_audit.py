"""The pages for auditors in a browser: WCAG rules, no script, a frame that may do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from consentkit import ConsentKit
from consentkit.engine import Request
from consentkit.engine.audit import token_hash
from consentkit.log import Notice
from consentkit.log.sqlite import SqliteLog
from tests.browser.test_accessibility import AXE
from tests.log.making import fill, make_event

TOKEN = "t" * 43
ORIGIN = "http://audit.example"
SHOWN = (
    b'<section lang="en"><h2 id="shown">May we?</h2><form action="/consent/forget" method="post">'
    b"<button>Yes</button></form><script>parent.hacked = 1</script>"
    b'<img src="http://tracker.example/x.png" alt=""></section>'
)


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[ConsentKit]:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 30)
    notice = Notice.of(SHOWN, "en")
    log.append(make_event(notice=notice.hash), notice)
    token = {"name": "anna", "hash": token_hash(TOKEN), "role": "erase"}
    kit = ConsentKit(
        {"secret_keys": ["k" * 32], "site_name": "Shop", "audit": {"tokens": [token]}}, log=log
    )
    yield kit
    kit.close()


def pages(browser: Browser, kit: ConsentKit, scheme: str, width: int) -> tuple[Page, list[str]]:
    """A page whose requests the kit answers itself; and those that went anywhere else."""
    context = browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 800},
    )
    elsewhere: list[str] = []

    def answer(route: Route) -> None:
        url, sent = route.request.url, route.request
        if not url.startswith(ORIGIN):
            elsewhere.append(url)
            route.abort()
            return
        path, _, query = url.removeprefix(ORIGIN).partition("?")
        headers = [(name.encode(), value.encode()) for name, value in sent.all_headers().items()]
        headers.append((b"authorization", f"Bearer {TOKEN}".encode()))
        headers.append((b"host", b"audit.example"))
        request = Request(method=sent.method, path=path, query=query, headers=tuple(headers))
        reply = kit.begin(request).respond(sent.post_data_buffer or b"")
        told = {name.decode(): value.decode() for name, value in reply.headers}
        route.fulfill(status=reply.status, headers=told, body=reply.body)

    context.route("**/*", answer)
    return context.new_page(), elsewhere


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
def test_no_rule_of_accessibility_is_broken(
    browser: Browser, kit: ConsentKit, scheme: str, width: int
) -> None:
    page, elsewhere = pages(browser, kit, scheme, width)
    home = f"{ORIGIN}/consent/audit"
    for path in ("/login", "/", "/?by=country&step=day&since=2026-01-01", "/records", "/nothing"):
        page.goto(home + path)
        for summary in page.locator("summary").all():
            summary.click()
        found = Axe().run(page, options=AXE).response["violations"]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.goto(f"{home}/records")
    page.locator("tbody a").first.click()
    found = Axe().run(page, options=AXE).response["violations"]
    assert [v["id"] for v in found] == []
    frame = page.frame_locator("iframe.notice")
    frame.locator("#shown").wait_for()
    frame.locator("button").click()
    assert frame.locator("#shown").is_visible()  # the form goes nowhere
    assert page.evaluate("window.hacked") is None
    assert elsewhere == []
    page.context.close()
