"""The site's own scripts under its own policies, in a real browser: nothing of ours breaks them."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright

from tests.browser.live import live_site, visiting
from tests.browser.stage import chromium_browser

OWN = "window.ran = ['inline'];"
SHA = base64.b64encode(hashlib.sha256(OWN.encode()).digest()).decode()
GA = "https://www.google-analytics.com"
TRACKER = f"{GA}/analytics.js"
SERVICES = ["google-analytics", "facebook"]


def page_of(nonce: str = "", meta: str = "") -> str:
    mark = f' nonce="{nonce}"' if nonce else ""
    return (
        f"<!doctype html><html lang=en><head>{meta}<title>Lamps</title>"
        f"<script{mark}>{OWN}</script>"
        f'<script{mark} src="/own.js"></script>'
        f'<script{mark} async src="{TRACKER}"></script>'
        f"</head><body><h1>Lamps</h1></body></html>"
    )


# The site's policies, and the nonce of its scripts.
CASES = {
    "none": ([], ""),
    "unsafe-inline": (["script-src 'self' 'unsafe-inline' " + GA], ""),
    "nonce": (["script-src 'nonce-r4nd0m'"], "r4nd0m"),
    "both": ([f"script-src 'self' 'unsafe-inline' 'nonce-r4nd0m' {GA}"], "r4nd0m"),
    "hash": ([f"script-src 'self' 'sha256-{SHA}' {GA}"], ""),
    "strict-dynamic": (["script-src 'strict-dynamic' 'nonce-r4nd0m' 'unsafe-inline'"], "r4nd0m"),
    "self": ([f"default-src 'self' 'sha256-{SHA}' {GA}"], ""),
    "two": (["script-src 'nonce-r4nd0m' " + GA, "script-src 'nonce-r4nd0m' 'self'"], "r4nd0m"),
}


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: Path) -> Iterator[Browser]:
    with chromium_browser(playwright, chromium) as browser:
        yield browser


def violations(page: Page) -> list[str]:
    found: list[str] = page.evaluate("window.violations")
    return found


def until(page: Page, condition: str) -> None:
    """Wait for a condition. Playwright's own way needs ``eval``, which policies forbid."""
    for _ in range(200):
        try:
            if page.evaluate(condition):
                return
        except Error:  # the page is being loaded anew
            pass
        time.sleep(0.05)
    pytest.fail(f"this never came true: {condition}")


def is_whole(page: Page) -> None:
    """The site's own scripts ran, ours did, and nothing was violated."""
    until(page, "typeof consentkit === 'object'")
    assert page.evaluate("window.ran") == ["inline", "own"]
    assert page.evaluate("dataLayer[0][0]") == "consent"
    assert violations(page) == []


@pytest.mark.parametrize(
    ("case", "csp"), [*((case, "derive") for case in CASES), ("none", "enforce")]
)
def test_the_site_s_own_scripts_run_and_nothing_is_violated(
    browser: Browser, case: str, csp: str
) -> None:
    policies, nonce = CASES[case]
    with live_site(services=SERVICES, csp=csp) as site:
        headers = {"Content-Security-Policy": ", ".join(policies)} if policies else {}
        site.pages["/"] = (headers, page_of(nonce))
        site.pages["/own.js"] = ({}, "window.ran.push('own');")
        with visiting(browser) as (context, asked):
            page = context.new_page()
            page.goto(site.url)
            is_whole(page)
            assert asked == []
            page.evaluate("window.stayed = true")
            fenced = page.query_selector("script[data-consentkit=client][data-reload]") is not None
            # What was not granted can come alive in place, but under a policy without it.
            assert fenced == (csp == "enforce" or any(GA in policy for policy in policies))
            with page.expect_response("**/consent/"):
                page.click("[data-consentkit=accept]")
            until(page, "(window.vendors || []).length > 0")
            assert asked == [TRACKER]
            assert page.evaluate("window.stayed === true") is not fenced
            assert page.evaluate("window.ran") == ["inline", "own"]
            assert violations(page) == []


def test_what_scripts_insert_later_stops_at_the_second_policy(browser: Browser) -> None:
    with live_site(services=SERVICES, guard=False) as site:  # which would have come first
        policy = f"img-src 'self' {GA} https://pictures.example"
        site.pages["/"] = ({"Content-Security-Policy": policy}, page_of())
        site.pages["/own.js"] = ({}, "")
        with visiting(browser) as (context, asked):
            page = context.new_page()
            page.goto(site.url)
            page.evaluate(
                """urls => Promise.all(urls.map((url) => new Promise((done) => {
                  const image = new Image(); image.onload = image.onerror = done; image.src = url;
                })))""",
                [f"{GA}/collect?v=1", "https://pictures.example/lamp.png"],
            )
            assert asked == ["https://pictures.example/lamp.png"]
            assert violations(page) == [f"img-src {GA}/collect?v=1"]


def test_a_policy_in_the_page_is_the_page_s_own(browser: Browser) -> None:
    meta = f"<meta http-equiv=content-security-policy content=\"script-src 'self' 'sha256-{SHA}'\">"
    with live_site(services=SERVICES) as site:
        site.pages["/"] = ({}, page_of(meta=meta))
        site.pages["/own.js"] = ({}, "window.ran.push('own');")
        with visiting(browser) as (context, asked):
            page = context.new_page()
            page.goto(site.url)
            is_whole(page)
            assert asked == []


def test_reports_reach_the_owner(browser: Browser) -> None:
    with live_site(services=SERVICES, csp="report") as site:
        site.pages["/"] = ({}, page_of())
        site.pages["/own.js"] = ({}, "")
        with visiting(browser) as (context, _):
            page = context.new_page()
            page.goto(site.url)
            with page.expect_request("**/consent/csp"):
                page.evaluate("new Image().src = 'https://undeclared.example/x.gif?who=17'")
            for _ in range(100):
                if site.kit.reports.hosts():
                    break
                page.wait_for_timeout(50)
            assert site.kit.reports.hosts() == {"undeclared.example": {"img-src": 1}}
