"""Decisions: never granted without a reason that holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.consent import ChoiceCookies, Signals, decide, nothing_granted
from consentkit.policy import Policy
from consentkit.settings import load_settings

KEY = "a-key-of-more-than-thirty-two-characters"
NOW = 1_800_000_000


class Site:
    """A policy with its cookies."""

    def __init__(self, **settings: Any) -> None:
        loaded = load_settings({"secret_keys": [KEY], **settings})
        self.policy = Policy(loaded)
        self.cookies = ChoiceCookies(loaded.secret_keys, loaded.cookies, lambda: NOW)

    def cookie(self, category: str, outcome: Any, consent_id: str = "visitor") -> str:
        return self.cookies.value(category, outcome, consent_id, self.policy.fingerprint(category))

    def decide(self, values: dict[str, list[str]] | None = None, *, gpc: bool = False) -> Any:
        named = {f"consent_{category}": value for category, value in (values or {}).items()}
        return decide(self.policy, self.cookies, Signals(cookies=named, gpc=gpc))


MODES = Site(
    categories=[
        "analytics",
        {"id": "marketing", "mode": "objection"},
        {"id": "security", "mode": "none"},
    ]
)
MINE = {
    (category, outcome): MODES.cookie(category, outcome)
    for category in ("analytics", "marketing")
    for outcome in ("granted", "denied")
}
STALE = {
    (category, outcome): MODES.cookies.value(category, outcome, "visitor", "abc")
    for category in ("analytics", "marketing")
    for outcome in ("granted", "denied")
}


def test_a_first_visit() -> None:
    decision = MODES.decide()
    assert decision.states == {
        "necessary": "granted",
        "analytics": "unset",
        "marketing": "granted",
        "security": "granted",
    }
    assert decision.why["marketing"] == "no objection"
    assert decision.undecided == ("analytics",)
    assert decision.consent_id == ""
    assert decision.grants == {"necessary", "marketing", "security"}
    assert not decision.granted("no such category")


def test_choices_count() -> None:
    decision = MODES.decide(
        {
            "analytics": [MINE["analytics", "granted"]],
            "marketing": [MINE["marketing", "denied"]],
            "security": ["denied.x"],
        }
    )
    assert decision.states["analytics"] == "granted"
    assert decision.states["marketing"] == "denied"
    assert decision.states["security"] == "granted"
    assert decision.undecided == ()
    assert decision.consent_id == "visitor"


def test_gpc_is_an_objection() -> None:
    decision = MODES.decide(gpc=True)
    assert decision.states["marketing"] == "denied"
    assert decision.why["marketing"] == "gpc"
    assert decision.states["analytics"] == "unset"
    off = Site(categories=[{"id": "marketing", "mode": "objection"}], honour_gpc=False)
    assert off.decide(gpc=True).states["marketing"] == "granted"
    assert not off.decide(gpc=True).gpc


def test_an_objection_outlives_the_list_that_it_was_about() -> None:
    decision = MODES.decide({"marketing": [STALE["marketing", "denied"]]})
    assert (decision.states["marketing"], decision.why["marketing"]) == ("denied", "stale")
    decision = MODES.decide({"marketing": [STALE["marketing", "granted"]]}, gpc=True)
    assert decision.states["marketing"] == "denied"


def test_a_stale_choice_is_none_but_keeps_its_pseudonym() -> None:
    decision = MODES.decide({"analytics": [STALE["analytics", "granted"]]})
    assert (decision.states["analytics"], decision.why["analytics"]) == ("unset", "stale")
    assert decision.undecided == ("analytics",)
    assert decision.consent_id == "visitor"


VALUES = st.lists(
    st.sampled_from([*MINE.values(), *STALE.values()])
    | st.text()
    | st.sampled_from([value[:-1] for value in MINE.values()])
    | st.sampled_from([value.replace("denied", "granted") for value in MINE.values()]),
    max_size=4,
)


@given(
    values=st.dictionaries(st.sampled_from(["analytics", "marketing", "security", "x"]), VALUES),
    gpc=st.booleans(),
)
def test_never_granted_without_a_reason(values: dict[str, list[str]], *, gpc: bool) -> None:
    decision = MODES.decide(values, gpc=gpc)
    assert set(decision.states) == {"necessary", "analytics", "marketing", "security"}
    for category in ("analytics", "marketing"):
        mine = values.get(category, [])
        agreed = MINE[category, "granted"] in mine and not (
            {MINE[category, "denied"], STALE[category, "denied"]} & set(mine)
        )
        if decision.granted(category) and decision.why[category] != "no objection":
            assert agreed
        if decision.granted("analytics"):
            assert decision.why["analytics"] == "choice"
        if decision.why[category] == "no objection":
            assert category == "marketing"
            assert not gpc
    without = MODES.decide(values)
    with_gpc = MODES.decide(values, gpc=True)
    assert with_gpc.grants <= without.grants  # it never grants anything


def test_a_new_service_asks_again_about_its_category_alone() -> None:
    before = Site(services=["google-analytics", "facebook", "youtube"])
    after = Site(services=["google-analytics", "facebook", "youtube", "linkedin"])
    cookies = {c.id: [before.cookie(c.id, "granted")] for c in before.policy.choosable}
    assert before.decide(cookies).undecided == ()
    assert after.decide(cookies).undecided == ("marketing",)
    assert after.decide(cookies).granted("analytics")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "google-analytics", "purpose": "Something else."},
        {"id": "google-analytics", "name": "Other"},
        {"id": "google-analytics", "provider": "Other"},
    ],
)
def test_what_visitors_are_told_counts(change: dict[str, str]) -> None:
    before = Site(services=["google-analytics", "facebook"])
    cookies = {c.id: [before.cookie(c.id, "granted")] for c in before.policy.choosable}
    assert Site(services=[change, "facebook"]).decide(cookies).undecided == ("analytics",)
    reordered = Site(services=["facebook", "google-analytics"])
    assert reordered.decide(cookies).undecided == ()


def test_without_a_list_of_services_a_new_catalogue_asks_nobody() -> None:
    site = Site()
    cookies = {c.id: [site.cookie(c.id, "granted")] for c in site.policy.choosable}
    catalogue = site.policy.catalogue
    fewer = dict(list(catalogue.services.items())[:3])
    policy = Policy(site.policy.settings, type(catalogue)(services=fewer))
    named = {f"consent_{category}": value for category, value in cookies.items()}
    assert decide(policy, site.cookies, Signals(cookies=named)).undecided == ()


def test_a_new_version_of_the_policy_asks_everybody() -> None:
    before, after = Site(), Site(policy={"version": "2"})
    cookies = {c.id: [before.cookie(c.id, "granted")] for c in before.policy.choosable}
    assert after.decide(cookies).undecided == ("functional", "analytics", "marketing")


def test_another_mode_asks_again() -> None:
    before = Site(categories=[{"id": "analytics", "mode": "objection"}])
    after = Site(categories=["analytics"])
    assert after.decide({"analytics": [before.cookie("analytics", "granted")]}).undecided


def test_the_key_tells_states_apart() -> None:
    keys = set()
    count = 0
    for a in (None, "granted", "denied"):
        for m in (None, "granted", "denied"):
            for gpc in (False, True):
                values = {}
                if a:
                    values["analytics"] = [MINE["analytics", a]]
                if m:
                    values["marketing"] = [MINE["marketing", m]]
                decision = MODES.decide(values, gpc=gpc)
                keys.add((decision.key, tuple(decision.states.items()), decision.gpc))
                count += 1
    # As many keys as there are different things to show.
    assert len({key for key, *_ in keys}) == len(keys)
    assert len(keys) < count  # an objection made by hand looks like one by signal, and so on


def test_of_a_visitor_nothing_is_known_of_nothing_is_granted() -> None:
    decision = nothing_granted(MODES.policy)
    assert decision.grants == {"necessary", "security"}
    assert decision.undecided == ("analytics",)
    assert set(decision.why) == set(decision.states)
