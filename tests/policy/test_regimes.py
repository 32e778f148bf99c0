"""Which modes apply where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.errors import SettingsError
from consentkit.policy.regimes import Regimes, country_of
from consentkit.settings import load_settings

KEY = "a-key-of-more-than-thirty-two-characters"
US = {
    "id": "us",
    "countries": ["US"],
    "modes": {"analytics": "objection", "marketing": "objection"},
}
CALIFORNIA = {"id": "california", "countries": ["US-CA"], "modes": {"marketing": "objection"}}
UK = {"id": "uk", "countries": ["GB"], "modes": {"analytics": "objection"}, "gpc": False}


def regimes(*given: dict[str, Any], **settings: Any) -> Regimes:
    given_settings = {"secret_keys": [KEY], "country_header": "CF-IPCountry", **settings}
    return Regimes(load_settings({**given_settings, "regimes": list(given)}))


def modes(found: Regimes, country: str) -> dict[str, str]:
    return dict(found.of(country_of(country)).modes)


@pytest.mark.parametrize(
    ("country", "regime", "analytics", "marketing"),
    [
        ("US", "us", "objection", "objection"),
        ("us", "us", "objection", "objection"),
        ("US-NY", "us", "objection", "objection"),
        ("US-CA", "california", "consent", "objection"),
        ("GB", "uk", "objection", "consent"),
        ("DE", "default", "consent", "consent"),
        ("", "default", "consent", "consent"),
        ("XX", "default", "consent", "consent"),
        ("T1", "default", "consent", "consent"),
        ("USA", "default", "consent", "consent"),
        ("US, DE", "default", "consent", "consent"),
        ("U\u017f", "default", "consent", "consent"),
    ],
)
def test_by_country(country: str, regime: str, analytics: str, marketing: str) -> None:
    found = regimes(US, CALIFORNIA, UK).of(country_of(country))
    told = found.modes
    assert (found.id, told["analytics"], told["marketing"]) == (regime, analytics, marketing)
    assert told["necessary"] == "none"


def test_unknown_is_the_strictest_of_all() -> None:
    loose = [{"id": "analytics", "mode": "objection"}, {"id": "marketing", "mode": "objection"}]
    strict = {"id": "eu", "countries": ["DE"], "modes": {"marketing": "consent"}}
    found = regimes(strict, categories=loose)
    assert modes(found, "FR")["marketing"] == "objection"
    assert modes(found, "?") == {
        "necessary": "none",
        "analytics": "objection",
        "marketing": "consent",
    }


def test_gpc_counts_where_the_settings_say_so() -> None:
    found = regimes(US, UK)
    assert (found.of("US").gpc, found.of("GB").gpc, found.of("").gpc) == (True, False, True)
    found = regimes({**US, "gpc": True}, UK, honour_gpc=False)
    assert (found.of("US").gpc, found.of("DE").gpc, found.of("").gpc) == (True, False, True)


@given(st.text(max_size=12))
def test_any_header(header: str) -> None:
    country = country_of(header)
    found = regimes(US, UK)
    if not country:
        assert found.of(country).modes == found.strictest.modes


def with_modes(**modes: str) -> dict[str, Any]:
    return {"regimes": [{**US, "modes": modes}]}


@pytest.mark.parametrize(
    ("given_settings", "path", "hint"),
    [
        (with_modes(analitics="objection"), "regimes[0].modes.analitics", "analytics"),
        (with_modes(necessary="consent"), "regimes[0].modes.necessary", ""),
        (with_modes(analytics="objektion"), "regimes[0].modes.analytics", "objection"),
        (with_modes(analytics="none"), "regimes[0].modes.analytics", ""),
        ({"regimes": [US, {**US, "countries": ["DE"]}]}, "regimes[1].id", ""),
        ({"regimes": [US, {**UK, "countries": ["US"]}]}, "regimes[1].countries[0]", ""),
        ({"regimes": [{**US, "countries": ["usa"]}]}, "regimes[0].countries[0]", ""),
        ({"regimes": [{**US, "countries": []}]}, "regimes[0].countries", ""),
        ({"regimes": [{"id": "x"}]}, "regimes[0].countries", ""),
        ({"regimes": [US], "country_header": ""}, "country_header", ""),
        ({"categories": ["gpc"]}, "categories[0].id", ""),
    ],
)
def test_mistakes(given_settings: dict[str, Any], path: str, hint: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings({"secret_keys": [KEY], "country_header": "X", **given_settings})
    (fault,) = error.value.faults
    assert (fault.path, fault.suggestion) == (path, hint)
