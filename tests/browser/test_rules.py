"""The rules in the browser say what the gate says: two readings of one catalogue, compared."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from consentkit.gate import Judge
from consentkit.policy import Policy
from consentkit.settings import load_settings
from tests.browser.shop import KEY, opened

# Paths that rules of the catalogue ask for, near misses of them, and ordinary ones.
TARGETS = (
    "/",
    "/a/b.js?c=d",
    "/gtag/js?id=G-ABC123",
    "/gtag/js?id=AW-123",
    "/gtag/js?l=x&id=GT-1",
    "/gtag/destination?id=DC-1",
    "/gtm.js?id=GTM-ABC123",
    "/metrics/?id=G-ABCDEF1",
    "/g/collect?v=2&tid=G-1",
    "/js/12345.js",
    "/JS/sc/12345.js",
    "/12345.png",
    "/track/capture.aspx?trk_user=1",
    "/tr?id=1",
    "/tra",
    "/plugins/like.php",
    "/v2.0/plugins/page.php",
    "/en_US/fbevents.js",
    "/embed/abc",
    "/maps/embed?pb=1",
    "/maps?output=embed",
    "/recaptcha/api.js",
    "/firebasejs/9/firebase-analytics.js",
    "/pagead/1",
    "/ads/ga-audiences",
    "/px/li_sync",
    "/jsEmbed.aspx",
    "/subscribe/post-json?u=1",
    "/wp-content/js/devicepx.js",
    "/wp-content/plugins/pixelyoursite/a.js",
    "/x/y?embedded=true",
    "/i/adsct",
)
SETTINGS: list[dict[str, Any]] = [
    {},
    {
        "gate": "strict",
        "services": [
            "google-analytics",
            {
                "id": "own",
                "name": "Own",
                "category": "functional",
                "hosts": ["www.google.com/maps"],
            },
            {
                "id": "all",
                "name": "All",
                "category": "necessary",
                "hosts": ["*.facebook.com", "t.*"],
            },
            "facebook-plugins",
        ],
        "allow": ["cdn.example", "*.wp.com"],
    },
    {"gate": "declared", "services": ["youtube", "google-maps", "lead-forensics"]},
]


def addresses(policy: Policy) -> list[str]:
    """Every host that any rule names, with its neighbours, each with every path."""
    names = {"example.org", "127.0.0.1", "secure.abcd1efgh.com", "cdn.example", "x.cdn.example"}
    for service in policy.catalogue.services.values():
        for host in service.hosts:
            for end in (".de", ".co.uk", ".evil.example") if host.any_suffix else ("",):
                name = host.name + end
                names |= {name, f"a.b.{name}", f"not{name}", f"{name}.example"}
    return [f"https://{name}{target}" for name, target in product(sorted(names), TARGETS)]


@pytest.mark.parametrize("changes", SETTINGS, ids=["known", "strict", "declared"])
def test_addresses(browser: Browser, tmp_path: Path, changes: dict[str, Any]) -> None:
    policy = Policy(load_settings({"secret_keys": [KEY], **changes}))
    judge = Judge(policy, policy.always, "127.0.0.1")
    urls = addresses(policy)
    expected = {url: set(judge.url(url.encode()).categories) for url in urls}
    assert sum(map(bool, expected.values())) > 1000
    with opened(tmp_path, browser, **changes) as (shop, world):
        page = world.goto(shop.page())
        found = page.evaluate(
            """urls => urls.map(url => {
                const script = document.createElement("script");
                script.src = url;
                return script.getAttribute("data-consent") ?? "";
            })""",
            urls,
        )
    wrong = [
        (url, expected[url], said)
        for url, said in zip(urls, found, strict=True)
        if set(said.split()) - policy.always != expected[url] - policy.always
    ]
    assert wrong == []


def test_cookies(browser: Browser, tmp_path: Path) -> None:
    policy = Policy(load_settings({"secret_keys": [KEY]}))
    names = {"session", "basket", "_gax", "x_ga"}
    for service in policy.services:
        for cookie in service.cookies:
            if not cookie.name.startswith("__") and ":" not in cookie.name:
                names |= {cookie.name.replace("*", ""), cookie.name.replace("*", "12_x")}
    ordered = sorted(names)
    expected = [
        any(
            not policy.always.issuperset(policy.requirements(service))
            for service in policy.matcher.cookie(name)
        )
        for name in ordered
    ]
    with opened(tmp_path, browser) as (shop, world):
        page = world.goto(shop.page())
        held = page.evaluate(
            """names => names.map(name => {
                document.cookie = name + "=1";
                const held = !document.cookie.includes(name + "=1");
                document.cookie = name + "=;max-age=0";
                return held;
            })""",
            ordered,
        )
    assert [n for n, a, b in zip(ordered, held, expected, strict=True) if a != b] == []
    assert sum(expected) > 100
