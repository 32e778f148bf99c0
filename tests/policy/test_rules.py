"""The rules for the browser. What they say of addresses: see tests/browser/test_rules.py."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from consentkit.catalogue.model import Global
from consentkit.catalogue.patterns import parse_global
from consentkit.errors import SettingsError
from consentkit.policy import Policy, browser_rules
from consentkit.settings import load_settings

KEY = "a-key-of-more-than-thirty-two-characters"


def rules(**settings: Any) -> dict[str, Any]:
    policy = Policy(load_settings({"secret_keys": [KEY], **settings}))
    found: dict[str, Any] = json.loads(browser_rules(policy, "later.js"))
    return found


def columns(found: dict[str, Any], column: int) -> dict[str, str]:
    """The column of each group by what the group needs, the site's own marked."""
    return {group[0] + "!" * group[1]: group[column] for group in found["groups"]}


OWN = {
    "id": "own",
    "name": "Own",
    "category": "marketing",
    "hosts": ["a.example/path with space", "*.b.*"],
    "globals": ["own()", "queue[]"],
    "cookies": [{"name": "own_*"}, {"name": "theirs", "party": "third"}, {"name": "two words"}],
}


def test_services_with_the_same_needs_are_one_group() -> None:
    found = rules(services=["google-analytics", "facebook", "youtube", OWN])
    needs = {"marketing!", "marketing", "analytics", "functional"}
    hidden = {f"{need} unclassified" for need in ("marketing", "analytics", "functional")}
    assert set(columns(found, 0)) == needs | hidden | {""}
    assert columns(found, 2)["marketing!"].split() == [r"a.example^/path\x20with\x20space", "*.b.*"]
    assert columns(found, 4)["marketing!"] == "own_*"
    assert "connect.facebook.net" in columns(found, 2)["marketing"]
    assert "snap.licdn.com" in columns(found, 2)["marketing unclassified"]


def test_calls_are_those_of_services_that_visitors_are_told_of() -> None:
    found = rules(services=["google-analytics", "google-ads", OWN])
    calls = {name: (kind, needs) for name, kind, needs in found["calls"]}
    assert calls["gtag"] == ("function", ["marketing", "analytics"])
    assert calls["dataLayer"] == ("array", ["marketing", "analytics"])
    assert calls["own"] == ("function", ["marketing"])
    assert "fbq" not in calls
    assert {"fbq", "zE", "twttr"} <= {name for name, _, _ in rules()["calls"]}
    assert rules(services=[{**OWN, "category": "necessary"}])["calls"] == []


def test_without_the_guard_there_is_no_list_of_hosts() -> None:
    found = rules(guard=False)
    assert found["guard"] == 0
    assert set(columns(found, 2).values()) == {""} == set(columns(found, 3).values())
    assert any(columns(found, 4).values())
    assert len(json.dumps(found)) < len(json.dumps(rules())) / 2


def test_expressions_are_such_as_every_browser_reads() -> None:
    """JavaScript has no possessive or atomic groups; Safari learned to look behind in 2023."""
    for group in rules()["groups"]:
        paths = [host.partition("^")[2] for host in group[2].split()]
        for pattern in (*paths, *group[3].split()):
            assert not re.search(r"[+*?}]\+|\(\?[<>PaimsxuL#]|\\[AZz]", pattern), pattern


def test_the_text_may_stand_in_a_script() -> None:
    own = {**OWN, "hosts": ["a.example/</script><!--\u2028"]}
    policy = Policy(load_settings({"secret_keys": [KEY], "services": [own]}))
    text = browser_rules(policy, "later.js")
    assert text.isascii()
    assert b"<" not in text


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("fbq()", "fbq", "function"),
        (" _paq[] ", "_paq", "array"),
        ("twttr.*", "twttr", "object"),
        ("$zopim.*", "$zopim", "object"),
    ],
)
def test_calls(text: str, name: str, kind: Any) -> None:
    assert parse_global(text) == Global(name=name, kind=kind)


@pytest.mark.parametrize(
    "text", ["", "fbq", "a.b()", "1a()", "a-b[]", "é()", "x()()", "x" * 65 + "()"]
)
def test_what_is_no_call_is_a_fault_of_the_settings(text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Policy(load_settings({"secret_keys": [KEY], "services": [{**OWN, "globals": [text]}]}))
    assert [fault.path for fault in raised.value.faults] == ["services[0].globals[0]"]


def test_the_shipped_calls_are_kept_when_a_site_adds_its_own() -> None:
    found = rules(services=[{"id": "facebook", "globals": ["fbq()", "pixel.*"]}])
    assert [call[:2] for call in found["calls"]] == [["fbq", "function"], ["pixel", "object"]]
