"""Pages that are the same for everybody, and what debug adds to a page."""

from __future__ import annotations

import logging
import re

import pytest

from consentkit.errors import SettingsError
from tests.engine.making import GA, HTML, PAGE, Site

SHARED = Site(shared_cache=True)
PUBLIC = [
    HTML,
    (b"cache-control", b"public, s-maxage=600"),
    (b"vary", b"Accept-Encoding"),
    (b"surrogate-control", b"max-age=600"),
    (b"etag", b'"v1"'),
]


def test_the_same_bytes_and_headers_for_everybody() -> None:
    visitors = [
        SHARED.visitor(),
        SHARED.decided(),
        SHARED.decided("analytics", "marketing", "functional"),
    ]
    sent = [
        (),
        ((b"sec-gpc", b"1"),),
        ((b"user-agent", b"Googlebot/2.1"),),
        ((b"accept-language", b"de"),),
    ]
    pages = [
        (shown.body, tuple(shown.plan.headers))
        for visitor in visitors
        for headers in sent
        for shown in [visitor.page(headers=PUBLIC, sent=headers, url="/a?private=1")]
    ]
    assert len(set(pages)) == 1
    body, headers = pages[0]
    assert GA not in body
    assert b"private=1" not in body
    assert b'name="token" value=""' in body
    for header in PUBLIC[:4]:
        assert header in headers
    assert {name for name, _ in headers} == {name for name, _ in PUBLIC}


def test_the_page_waits_for_the_browser() -> None:
    body = SHARED.visitor().page().body
    assert b'<html data-consentkit-state="shared">' in body
    assert b'data-consentkit="banner"' in body
    assert b"data-granted" not in body
    prints = re.findall(rb'data-prints="([^"]*)"', body)
    assert len(prints) == 2
    for category in SHARED.kit.policy.choosable:
        told = f"{category.id}={SHARED.kit.policy.fingerprint(category.id)}".encode()
        assert told in prints[0].split()


def test_a_choice_does_not_make_a_cached_page_stale() -> None:
    first = SHARED.visitor().page(headers=PUBLIC)
    (tag,) = first.values(b"etag")
    exchange = SHARED.decided("analytics").begin(headers=((b"if-none-match", tag),))
    assert (b"if-none-match", b'"v1", W/"v1"') in exchange.inward_headers()


def test_the_site_s_own_code_still_knows_its_visitor() -> None:
    assert SHARED.decided("analytics").begin().consent.granted("analytics")


def test_cookies_of_trackers_are_never_set_by_a_shared_page() -> None:
    headers = [HTML, (b"set-cookie", b"_ga=1"), (b"set-cookie", b"session=1")]
    shown = SHARED.decided("analytics").page(headers=headers)
    assert shown.values(b"set-cookie") == [b"session=1"]


def test_no_policy_can_follow_the_visitor() -> None:
    policy = (b"content-security-policy", b"img-src https://www.google-analytics.com")
    shown = SHARED.visitor().page(headers=[HTML, policy])
    assert shown.values(b"content-security-policy") == [policy[1]]
    with pytest.raises(SettingsError, match="csp"):
        Site(shared_cache=True, csp="enforce")


def test_a_page_that_cannot_be_read_is_closed_for_all() -> None:
    shown = SHARED.decided("analytics", "marketing", "functional").page(
        headers=[HTML, (b"content-encoding", b"br")]
    )
    assert shown.closed


# --- debug -----------------------------------------------------------------------------------


def test_debug_tells_what_was_held_back_and_why(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "consentkit"):
        site = Site(debug=True)
    assert "debug is on" in caplog.text
    shown = site.decided("marketing").page()
    (header,) = shown.values(b"x-consentkit")
    assert header.startswith(b"necessary=granted (always); functional=denied (choice); ")
    assert header.endswith(b"regime=default country=unknown; gpc=off")
    comment = shown.body.rpartition(b"<!-- ")[2]
    assert shown.body.startswith(PAGE[:15])
    assert b"held back: google-analytics needs analytics -->" in comment
    open_ = site.decided("analytics", "marketing", "functional").page().body
    assert open_.endswith(b"held back: nothing -->\n")


def test_a_debug_comment_cannot_be_left() -> None:
    services = [{"id": "a--b", "name": "x", "category": "analytics", "hosts": ["t.example"]}]
    page = b'<!doctype html><img src="https://t.example/">'
    body = Site(debug=True, services=services).visitor().page(page).body
    assert b"a- -b needs analytics" in body


def test_without_debug_there_is_nothing_of_it() -> None:
    shown = Site().visitor().page()
    assert shown.values(b"x-consentkit") == []
    assert b"<!--" not in shown.body
