"""What vendors hear, in a real browser: the queues in their order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright

from tests.browser.live import LiveSite, live_site, visiting
from tests.browser.stage import chromium_browser

GTAG_URL = "https://www.googletagmanager.com/gtag/js?id=G-ABC1234567"
PAGE = f"""<!doctype html><html lang=en><head><title>Lamps</title>
<script>window.dataLayer = window.dataLayer || []; dataLayer.push({{own: 1}});</script>
<script async src="{GTAG_URL}"></script>
<script>window.dataLayer = window.dataLayer || [];
function gtag(){{dataLayer.push(arguments);}} gtag('js', 1);
gtag('config', 'G-ABC1234567');</script>
</head><body><h1>Lamps</h1></body></html>"""
SERVICES = ["google-analytics", "google-ads", "microsoft-uet", "microsoft-clarity", "facebook"]
STATES = ("ad_storage", "ad_user_data", "ad_personalization", "analytics_storage",
          "functionality_storage", "personalization_storage", "security_storage")  # fmt: skip
# The entries of a queue: whether each is an Arguments object, and what is in it.
ENTRIES = """name => [...(window[name] || [])].map((entry) => [
  Object.prototype.toString.call(entry) === "[object Arguments]",
  entry && typeof entry.length === "number" && typeof entry !== "string" ? [...entry] : entry,
])"""


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: Path) -> Iterator[Browser]:
    with chromium_browser(playwright, chromium) as browser:
        yield browser


@pytest.fixture
def site() -> Iterator[LiveSite]:
    with live_site(services=SERVICES) as site:
        site.pages["/"] = ({}, PAGE)
        yield site


def commands(page: Page) -> list[Any]:
    """The consent commands in the dataLayer, each of which has to be an Arguments object."""
    entries = page.evaluate(ENTRIES, "dataLayer")
    found = [said for _, said in entries if isinstance(said, list) and said[0] == "consent"]
    assert all(real for real, said in entries if isinstance(said, list) and said[0] == "consent")
    return found


def types(*granted: str) -> dict[str, str]:
    return {key: "granted" if key in granted else "denied" for key in STATES}


def choose(page: Page, action: str) -> None:
    with page.expect_response("**/consent/"):
        page.click(f"[data-consentkit={action}]")
    page.wait_for_selector("html[data-consentkit-state=set]")


def test_the_default_comes_first_and_each_choice_is_one_update(
    browser: Browser, site: LiveSite
) -> None:
    with visiting(browser) as (context, asked):
        page = context.new_page()
        page.goto(site.url)
        first = page.evaluate(ENTRIES, "dataLayer")[0]
        assert first == [True, ["consent", "default", types("security_storage")]]
        assert commands(page) == [first[1]]
        assert asked == []  # basic mode: nothing loads, not even to say that nothing is granted
        assert page.evaluate("Array.from(uetq)") == ["consent", "default", {"ad_storage": "denied"}]
        assert page.evaluate("clarity.q.map((said) => [...said])") == [
            ["consentv2", {"ad_Storage": "denied", "analytics_Storage": "denied"}]
        ]
        # No stub of signals, which would keep Meta's own away; what stands in for it gives way.
        assert page.evaluate("'get' in Object.getOwnPropertyDescriptor(window, 'fbq')")
        choose(page, "accept")
        page.wait_for_function("(window.vendors || []).length > 0")
        update = ["consent", "update", types(*STATES)]
        assert commands(page) == [first[1], update]
        said = [entry[1] for entry in page.evaluate(ENTRIES, "dataLayer")]
        tags = [place for place, words in enumerate(said) if words == ["js", 1]]
        assert said.index(update) < tags[0]
        assert page.evaluate("Array.from(uetq)")[3:] == [
            "consent", "update", {"ad_storage": "granted"}
        ]  # fmt: skip
        page.reload()  # who comes back is known from the start
        assert commands(page) == [["consent", "default", types(*STATES)]]
        page.evaluate("consentkit.save(['analytics'])")
        page.wait_for_function("() => dataLayer[0][2].ad_storage === 'denied'")
        kept = types("analytics_storage", "security_storage")
        assert commands(page) == [["consent", "default", kept]]


def test_who_refuses_is_told_of_too(browser: Browser, site: LiveSite) -> None:
    with visiting(browser) as (context, asked):
        page = context.new_page()
        page.goto(site.url)
        choose(page, "reject")
        denied = types("security_storage")
        assert commands(page) == [["consent", "default", denied], ["consent", "update", denied]]
        assert asked == []


def test_a_vendor_that_is_there_already_hears_the_update(browser: Browser, site: LiveSite) -> None:
    heard = """window.heard = [];
      dataLayer.push = function (entry) {
        heard.push([...entry]);
        return Array.prototype.push.call(this, entry);
      };
      window.uetq = { push: (...said) => heard.push(said) };
      window.fbq = (...said) => heard.push(said);"""
    with visiting(browser) as (context, _):
        page = context.new_page()
        page.goto(site.url)
        page.evaluate(heard)
        choose(page, "accept")
        told = page.evaluate("heard")
        assert ["consent", "update", types(*STATES)] in told
        assert ["consent", "update", {"ad_storage": "granted"}] in told
        assert ["consent", "grant"] in told


def test_advanced_mode(browser: Browser) -> None:
    mode = {
        "mode": "advanced",
        "url_passthrough": True,
        "regions": [{"regions": ["US-CA"], "granted": ["analytics_storage"]}],
    }
    with live_site(services=SERVICES, consent_mode=mode) as site:
        site.pages["/"] = ({}, PAGE)
        with visiting(browser) as (context, asked):
            page = context.new_page()
            page.goto(site.url)
            page.wait_for_function("(window.vendors || []).length > 0")
            assert asked == [GTAG_URL]
            wait = {"wait_for_update": 500}
            region, rest = commands(page)
            assert region == [
                "consent",
                "default",
                {**types("analytics_storage", "security_storage"), "region": ["US-CA"], **wait},
            ]
            assert rest == ["consent", "default", {**types("security_storage"), **wait}]
            said = [entry[1] for entry in page.evaluate(ENTRIES, "dataLayer")]
            assert said[2:4] == [
                ["set", "ads_data_redaction", True],
                ["set", "url_passthrough", True],
            ]
            choose(page, "reject")
            assert commands(page)[2:] == [["consent", "update", types("security_storage")]]


def test_global_privacy_control_is_recorded_once(browser: Browser) -> None:
    signal = "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"
    objection = [{"id": "analytics", "mode": "objection"}]
    settings = {"services": ["google-analytics"], "categories": objection}
    for headers in ({"Sec-GPC": "1"}, {}):  # and where something has taken the header off
        with live_site(**settings) as site:
            site.pages["/"] = ({}, PAGE)
            with visiting(browser, extra_http_headers=headers) as (context, asked):
                context.add_init_script(signal)
                page = context.new_page()
                with page.expect_response("**/consent/"):
                    page.goto(site.url)
                # The page may just be on its way to being loaded anew.
                page.wait_for_function("window.consentkit?.granted('analytics') === false")
                note = page.query_selector("[data-consentkit=gpc]")
                assert (note is not None and note.is_visible()) == bool(headers)
                for _ in range(3):
                    page.goto(site.url)
                assert commands(page) == [["consent", "default", types("security_storage")]]
                assert site.log.actions == ["gpc"]
                assert bool(asked) == (not headers)  # by then it had loaded once


def test_a_signal_that_cannot_be_recorded_leaves_the_visitor_where_they_are(
    browser: Browser,
) -> None:
    objection = [{"id": "analytics", "mode": "objection"}]
    with live_site(services=["google-analytics"], categories=objection) as site:
        site.pages["/"] = ({}, PAGE)
        with visiting(browser, extra_http_headers={"Sec-GPC": "1"}) as (context, asked):
            context.route("**/consent/", lambda route: route.abort())
            page = context.new_page()
            with page.expect_event("requestfailed"):
                page.goto(site.url)
            page.wait_for_timeout(300)
            assert page.url == site.url + "/"
            assert asked == []
            context.unroute("**/consent/")
            with page.expect_response("**/consent/"):
                page.goto(site.url)
            assert site.log.actions == ["gpc"]


def test_a_shared_page_finds_out_by_itself(browser: Browser) -> None:
    with live_site(services=SERVICES, shared_cache=True) as site:
        site.pages["/"] = ({}, PAGE)
        with visiting(browser) as (context, asked):
            page = context.new_page()
            page.goto(site.url)
            page.wait_for_selector("html[data-consentkit-state=unset]")
            assert page.is_visible("[data-consentkit=banner]")
            assert commands(page) == [["consent", "default", types("security_storage")]]
            choose(page, "accept")
            page.wait_for_function("(window.vendors || []).length > 0")
            page.goto(site.url)
            page.wait_for_selector("html[data-consentkit-state=set]")
            assert not page.is_visible("[data-consentkit=banner]")
            page.wait_for_function("(window.vendors || []).length > 0")
            assert commands(page) == [["consent", "default", types(*STATES)]]
            assert asked == [GTAG_URL] * 2
            # A choice about another list of services is none.
            value = next(c["value"] for c in context.cookies() if c["name"] == "consent_marketing")
            old = ".".join((*value.split(".")[:2], "0" * 12, *value.split(".")[3:]))
            context.add_cookies([{"name": "consent_marketing", "value": old, "url": site.url}])
            page.goto(site.url)
            page.wait_for_selector("html[data-consentkit-state=unset]")
            assert commands(page)[0][2]["ad_storage"] == "denied"
            assert site.log.actions == ["accept"]
