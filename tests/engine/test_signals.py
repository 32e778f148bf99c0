"""What pages tell vendors about consent, before any tag."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from consentkit.catalogue import shipped_services, shipped_signals
from consentkit.catalogue.signals import decode_signals
from consentkit.errors import CatalogueError, SettingsError
from tests.engine.making import HTML, Shown, Site

CSP = b"content-security-policy"
GTAG = b'<script async src="https://www.googletagmanager.com/gtag/js?id=G-ABC1234567"></script>'
TYPES = {
    "ad_storage": "marketing",
    "ad_user_data": "marketing",
    "ad_personalization": "marketing",
    "analytics_storage": "analytics",
    "functionality_storage": "functional",
    "personalization_storage": "functional",
    "security_storage": True,
}


def tag(shown: Shown) -> dict[str, str]:
    """The attributes of the tag, and its text under an empty name."""
    found = re.search(rb'<script (data-consentkit="signals"[^>]*)>(.*?)</script>', shown.body, re.S)
    if found is None:
        return {}
    pairs = re.findall(r'([a-z-]+)(?:="([^"]*)")?', found[1].decode())
    return {"": found[2].decode(), **{name: html.unescape(value) for name, value in pairs}}


def said(site: Site) -> dict[str, dict[str, Any]]:
    """By the queue of each vendor."""
    attributes = tag(site.visitor().page())
    return {each["q"]: each for each in json.loads(attributes.get("data-signals", "[]"))}


def test_it_stands_before_every_script_of_the_page() -> None:
    page = Site(services=None).visitor().page().body
    assert b'<head><script data-consentkit="signals"' in page


def test_who_is_told() -> None:
    assert set(said(Site(services=["google-analytics"]))) == {"dataLayer"}
    assert set(said(Site(services=["facebook", "microsoft-clarity"]))) == {"fbq", "clarity"}
    assert set(said(Site(services=None))) == {"dataLayer", "uetq", "clarity"}
    assert said(Site(services=["youtube"])) == {}
    own = {"id": "matomo", "name": "Matomo", "category": "analytics", "hosts": ["stats.example"]}
    assert said(Site(services=[own])) == {
        "_paq": {
            "q": "_paq",
            "h": "items",
            "d": ["requireConsent"],
            "c": "analytics",
            "g": ["setConsentGiven"],
            "n": ["forgetConsentGiven"],
        }
    }
    assert said(Site(consent_mode="off")) == {}


def test_google_gets_all_seven_types() -> None:
    google = said(Site())["dataLayer"]
    assert google["t"] == TYPES
    assert (google["h"], google["d"], google["u"]) == (
        "arguments",
        ["consent", "default"],
        ["consent", "update"],
    )
    assert google["o"] == [["set", "ads_data_redaction", True]]
    assert "w" not in google  # in basic mode there is nothing that waits


def test_the_spelling_of_the_others() -> None:
    site = Site(services=["microsoft-uet", "microsoft-clarity", "facebook"])
    assert said(site) == {
        "uetq": {
            "q": "uetq",
            "h": "push",
            "d": ["consent", "default"],
            "u": ["consent", "update"],
            "t": {"ad_storage": "marketing"},
        },
        "clarity": {
            "q": "clarity",
            "h": "call",
            "d": ["consentv2"],
            "u": ["consentv2"],
            "t": {"ad_Storage": "marketing", "analytics_Storage": "analytics"},
        },
        "fbq": {
            "q": "fbq",
            "h": "existing",
            "c": "marketing",
            "g": ["consent", "grant"],
            "n": ["consent", "revoke"],
        },
    }


def test_the_settings_have_their_say() -> None:
    mode = {
        "mode": "advanced",
        "wait_for_update": 800,
        "url_passthrough": True,
        "ads_data_redaction": False,
        "regions": [{"regions": ["US", "CA-ON"], "granted": ["analytics_storage"]}],
        "types": {"ad_user_data": "functional"},
    }
    google = said(Site(consent_mode=mode))["dataLayer"]
    assert google["t"] == {**TYPES, "ad_user_data": "functional"}
    assert google["o"] == [["set", "url_passthrough", True]]
    assert google["r"] == [{"region": ["US", "CA-ON"], "granted": ["analytics_storage"]}]
    assert google["w"] == 800


def test_a_category_that_the_site_does_not_have_is_never_granted() -> None:
    site = Site(categories=["statistics"], services=None)
    assert said(site)["dataLayer"]["t"] == {**dict.fromkeys(TYPES, False), "security_storage": True}
    mode = {"types": {"analytics_storage": "statistics"}}
    own = Site(categories=["statistics"], services=None, consent_mode=mode)
    assert said(own)["dataLayer"]["t"]["analytics_storage"] == "statistics"
    with pytest.raises(SettingsError, match=r"consent_mode\.types\.x.*analytics"):
        Site(consent_mode={"types": {"x": "analitics"}})


def test_the_stored_state_is_there_at_once() -> None:
    site = Site()
    assert tag(site.visitor().page())["data-granted"] == "necessary"
    assert "data-undecided" in tag(site.visitor().page())
    decided = tag(site.decided("analytics").page())
    assert decided["data-granted"] == "necessary analytics"
    assert "data-undecided" not in decided


@pytest.mark.parametrize(
    ("policy", "inline", "nonce"),
    [
        (None, True, None),
        (b"default-src 'self'", False, None),
        (b"script-src 'self' 'unsafe-inline'", True, None),
        (b"script-src 'self' 'sha256-abc='", False, None),
        (b"script-src 'nonce-n0nce' 'strict-dynamic'", True, "n0nce"),
    ],
)
def test_inline_only_where_it_may_run(
    policy: bytes | None, inline: bool, nonce: str | None
) -> None:
    headers = [HTML, *([(CSP, policy)] if policy else [])]
    visitor = Site().visitor()
    found = tag(visitor.page(headers=headers))
    assert bool(found[""]) is inline
    assert ("src" in found) is not inline
    assert found.get("nonce") == nonce
    if not inline:
        reply = visitor.get(found["src"])
        assert reply.status == 200
        assert reply.body.decode().strip() == tag(visitor.page())[""]


def test_the_tag_may_have_a_nonce() -> None:
    """No attribute holds what takes a nonce away (CSP3 6.7.3, "is element nonceable")."""
    for site in (Site(services=None), Site(services=list(shipped_services()))):
        attributes = tag(site.visitor().page())
        text = " ".join(value for name, value in attributes.items() if name).lower()
        assert "<script" not in text
        assert "<style" not in text
        assert "</script" not in attributes[""].lower()
        assert "<!--" not in attributes[""]


def test_basic_mode_holds_tags_back_and_advanced_lets_those_load_that_can_be_told() -> None:
    pixel = b'<script src="https://connect.facebook.net/en_US/fbevents.js"></script>'
    page = b"<!doctype html><head>" + GTAG + pixel + b"</head>"
    services = ["google-analytics", "google-tag-manager", "facebook"]
    assert GTAG not in Site(services=services).visitor().page(page).body
    advanced = Site(services=services, consent_mode="advanced")
    shown = advanced.visitor().page(page).body
    assert GTAG in shown
    assert b'data-consent-src="https://connect.facebook.net' in shown
    assert advanced.visitor().begin().decision.grants == {"necessary"}
    # What visitors are not told of loads in no mode.
    undeclared = Site(services=["google-ads", "facebook"], consent_mode="advanced")
    assert GTAG not in undeclared.visitor().page(page).body


def test_the_data() -> None:
    known = shipped_services()
    later = {"tiktok", "pinterest", "matomo", "hubspot"}  # told as soon as the catalogue has them
    for signal in shipped_signals():
        assert set(signal.services) <= known.keys() | later
    assert len({signal.id for signal in shipped_signals()}) == len(shipped_signals())


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ("[[signal]]\nid='x'\nservices=['y']\nqueue='q'\nhow='push'", "types or a category"),
        ("[[signal]]\nid='x'\nservices=[]\nqueue='q'\nhow='shout'\ncategory='c'", "shout"),
        (
            "[[signal]]\nid='x'\nservices=[]\nadvanced=['z']\nqueue='q'\nhow='push'\ncategory='c'",
            "advanced",
        ),
        ("[[signal]]\nid='x'\nqueues='q'", "queues"),
    ],
)
def test_faults_in_the_data(data: str, fault: str) -> None:
    with pytest.raises(CatalogueError, match=fault):
        decode_signals(data.encode(), "signals.toml")
