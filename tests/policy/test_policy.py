"""The policy: what each service needs, what a choice is about, what is never held back."""

from __future__ import annotations

from typing import Any

import pytest

from consentkit.errors import SettingsError
from consentkit.policy import Policy
from consentkit.settings import UNCLASSIFIED, load_settings

KEY = "a-key-of-more-than-thirty-two-characters"
OWN = {"id": "own", "name": "Own", "category": "analytics", "hosts": ["stats.own.example"]}


def policy(**settings: Any) -> Policy:
    return Policy(load_settings({"secret_keys": [KEY], **settings}))


def needs(made: Policy, service: str) -> tuple[str, ...]:
    return made.requirements(made.catalogue.services[service])


def test_what_a_service_needs() -> None:
    assert needs(policy(), "google-analytics") == ("analytics",)
    listed = policy(services=["google-analytics", OWN])
    assert needs(listed, "google-analytics") == ("analytics",)
    assert needs(listed, "own") == ("analytics",)
    # Nobody was told of it, so that nobody can have agreed to it.
    assert needs(listed, "facebook") == ("marketing", UNCLASSIFIED)
    # A category that the site does not have cannot be granted.
    assert needs(policy(categories=["marketing"]), "google-analytics") == (UNCLASSIFIED,)
    assert needs(policy(services=[{**OWN, "category": "necessary"}]), "own") == ("necessary",)


def test_a_category_that_is_always_on_needs_no_declaration() -> None:
    made = policy(categories=[{"id": "analytics", "mode": "none"}], services=[])
    assert needs(made, "google-analytics") == ("analytics",)


@pytest.mark.parametrize(
    ("gate", "found"), [("known", True), ("strict", True), ("declared", False)]
)
def test_the_gate_decides_who_is_looked_for(gate: str, *, found: bool) -> None:
    made = policy(services=[OWN], gate=gate)
    assert bool(made.matcher.url("www.google-analytics.com", "/analytics.js")) is found
    assert made.matcher.url("stats.own.example", "/x.js")


def test_fingerprints() -> None:
    made = policy(services=["google-analytics", OWN])
    prints = {c.id: made.fingerprint(c.id) for c in made.choosable}
    assert len(set(prints.values())) == 3
    assert all(len(value) == 12 for value in prints.values())
    assert "necessary" not in prints
    for change in (
        {**OWN, "name": "Other"},
        {**OWN, "provider": "Other"},
        {**OWN, "purpose": "Other"},
        {**OWN, "id": "other"},
        {**OWN, "category": "marketing"},
    ):
        other = policy(services=["google-analytics", change])
        assert other.fingerprint("analytics") != prints["analytics"]
        assert other.fingerprint("functional") == prints["functional"]
    # How it is found is nothing that visitors are told.
    same = policy(services=[{**OWN, "hosts": ["x.example"]}, "google-analytics"])
    assert same.fingerprint("analytics") == prints["analytics"]


def test_purposes_are_not_run_together() -> None:
    one = policy(services=[{**OWN, "purpose": ["a", "b"]}])
    two = policy(services=[{**OWN, "purpose": ["ab"]}])
    three = policy(services=[{**OWN, "purpose": ["a"], "provider": "b"}])
    assert len({made.fingerprint("analytics") for made in (one, two, three)}) == 3


def test_the_build_covers_all_that_decides_but_no_key() -> None:
    base = policy()
    assert base.build == policy().build == policy(secret_keys=[KEY + "x"]).build
    builds = {
        made.build
        for made in (
            base,
            policy(gate="strict"),
            policy(allow=["a.example"]),
            policy(services=[OWN]),
            policy(services=[{**OWN, "hosts": ["other.example"]}]),
            policy(services=[{**OWN, "signatures": ["ownTracker("]}]),
            policy(policy={"version": "2"}),
        )
    }
    assert len(builds) == 7


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("cdn.example.com", True),
        ("x.cdn.example.com", False),
        ("example.org", True),
        ("a.b.example.org", True),
        ("badexample.org", False),
        ("example.org.evil.example", False),
        ("upper.example", True),
    ],
)
def test_allowed_hosts(host: str, *, allowed: bool) -> None:
    made = policy(allow=["cdn.example.com", "*.example.org", "UPPER.example"])
    assert made.allows(host) is allowed
    assert not policy().allows(host)


def test_strangers() -> None:
    strict = policy(gate="strict")
    assert strict.is_stranger("cdn.example.net", "www.shop.example")
    assert not strict.is_stranger("static.shop.example", "www.shop.example")
    assert strict.is_stranger("cdn.example.net", "")
    assert not policy().is_stranger("cdn.example.net", "www.shop.example")


def test_holding_nothing() -> None:
    everything = frozenset({"necessary", "functional", "analytics", "marketing"})
    assert policy().holds_nothing(everything)
    assert not policy().holds_nothing(everything - {"analytics"})
    assert not policy(gate="strict").holds_nothing(everything)
    assert not policy(services=[OWN]).holds_nothing(everything)
    assert policy(services=[OWN], gate="declared").holds_nothing(frozenset({"analytics"}))
    assert policy(services=[], gate="declared").holds_nothing(frozenset())


def test_order_and_names() -> None:
    made = policy()
    assert made.ordered(["marketing", "zzz", "necessary", "aaa", "marketing"]) == (
        "necessary",
        "marketing",
        "aaa",
        "zzz",
    )
    assert made.known(["marketing"]) == {"marketing"}
    with pytest.raises(SettingsError) as caught:
        made.known(["marketing", "analitics", "x"])
    assert [(fault.value, fault.suggestion) for fault in caught.value.faults] == [
        ("'analitics'", "analytics"),
        ("'x'", ""),
    ]


def test_services_are_listed_in_the_order_of_the_site() -> None:
    made = policy(services=["microsoft-clarity", OWN, "google-analytics", "facebook"])
    assert [service.id for service in made.declared("analytics")] == [
        "microsoft-clarity",
        "own",
        "google-analytics",
    ]
    assert policy().declared("analytics") == ()


def test_mistakes_in_the_list_of_services() -> None:
    with pytest.raises(SettingsError) as caught:
        policy(services=["google-analitics", "youtube", "youtube"])
    assert [fault.path for fault in caught.value.faults] == ["services[0]", "services[2]"]
    with pytest.raises(SettingsError) as caught:
        policy(services=["facebook", "google-analytics"], categories=["analytics", "marketting"])
    (fault,) = caught.value.faults
    assert (fault.path, fault.suggestion) == ("services[0].category", "marketting")
