"""Services chosen one by one: what the cookie says, what comes alive, what is recorded.

The oracle is a set of services that a visitor has, changed as the words of each choice say.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentkit import gate_html
from consentkit.errors import SettingsError
from consentkit.settings import load_settings
from tests.engine.making import KEY, Site, Visitor, down, token_of, values

OF = {
    "analytics": ["counter", "heat-map", "replay.tool"],
    "functional": ["videos"],
    "marketing": list[str](),
}
ALL = {service for services in OF.values() for service in services}
SERVICES = [
    {
        "id": service,
        "name": service.title(),
        "category": category,
        "hosts": [f"{service}.example"],
        "embed": category == "functional",
        "cookies": [{"name": f"_{service}"}],
    }
    for category, services in OF.items()
    for service in services
]
PAGE = b"<!doctype html><html><head></head><body>%b</body></html>" % b"".join(
    b'<script src="https://%b.example/x.js"></script>' % service.encode() for service in sorted(ALL)
)


SHOP = Site(services=SERVICES, granularity="service", limits={"rate_per_minute": 1_000_000})


def site() -> Site:
    """A site whose log is new; the rest of it is made once."""
    SHOP.log.__init__()  # type: ignore[misc]
    return SHOP


def alive(visitor: Visitor) -> set[str]:
    body = visitor.page(PAGE).body
    return {s for s in ALL if b'<script src="https://%b.example' % s.encode() in body}


choices = st.one_of(
    st.just({"action": "accept"}),
    st.just({"action": "reject"}),
    st.fixed_dictionaries(
        {
            "action": st.just("save"),
            "service": st.lists(st.sampled_from(sorted(ALL)), unique=True),
            "category": st.lists(st.sampled_from(sorted(OF)), unique=True),
            "source": st.sampled_from(["banner", "preferences"]),
        }
    ),
)


def meant(choice: dict[str, Any]) -> set[str]:
    """The services that somebody wants who says this."""
    if choice["action"] != "save":
        return set(ALL) if choice["action"] == "accept" else set()
    had = set()
    for category, services in OF.items():
        named = set(services) & set(choice["service"])
        had |= named or (set(services) if category in choice["category"] else set())
    return had


@given(st.lists(choices, min_size=1, max_size=4))
def test_exactly_what_was_chosen_comes_alive_and_is_recorded(said: list[dict[str, Any]]) -> None:
    shop = site()
    visitor = shop.visitor()
    assert alive(visitor) == set()
    for choice in said:
        before = len(shop.log.events)
        assert visitor.post(**choice).status == 303
        had = meant(choice)
        assert alive(visitor) == had
        decision = visitor.begin().decision
        assert {s for s, state in decision.services.items() if state == "granted"} == had
        assert set(decision.services) == ALL
        assert not decision.undecided
        for category, services in OF.items():
            granted = bool(had & set(services)) if services else decision.granted(category)
            start = "granted." if granted else "denied."
            assert visitor.cookies[f"consent_{category}"].startswith(start)
        for event in shop.log.events[before:]:
            assert {s for s, outcome in event.services.items() if outcome == "granted"} == had
            assert set(event.services) == ALL
        state = json.loads(visitor.get("/consent/state").body)
        assert {s for s, outcome in state["services"].items() if outcome == "granted"} == had


@given(choices, choices)
def test_less_than_before_is_a_withdrawal(first: dict[str, Any], second: dict[str, Any]) -> None:
    shop = site()
    visitor = shop.visitor()
    visitor.post(**first)
    marketing = visitor.begin().decision.granted("marketing")
    reply = json.loads(visitor.post_json(**second).body)
    less = bool(meant(first) - meant(second))
    less = less or (marketing and not visitor.begin().decision.granted("marketing"))
    assert reply["reload"] == less
    if len(shop.log.events) == 2:
        assert (shop.log.events[1].action == "withdraw") == less


@settings(max_examples=25)  # each with a site of its own, whose log is out of order afterwards
@given(choices, choices)
def test_when_nothing_can_be_recorded_things_only_end(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    shop = Site(services=SERVICES, granularity="service")
    visitor = shop.visitor()
    visitor.post(**first)
    shop.log.error = down()
    reply = visitor.post(**second)
    expected = meant(first) & meant(second)
    assert alive(visitor) == expected
    assert reply.status in {303, 503}


def test_a_service_of_an_embed_is_granted_alone_and_others_stay() -> None:
    shop = site()
    visitor = shop.visitor()
    page = b"<!doctype html><body><iframe src='https://videos.example/1'></iframe>"
    shown = visitor.page(page).body
    assert b'data-consentkit-grant="service:videos"' in shown
    assert "Always allow “Videos”".encode("ascii", "xmlcharrefreplace") in shown
    visitor.post_json(action="save", categories=["service:videos"], source="embed")
    decision = visitor.begin().decision
    assert decision.services["videos"] == "granted"
    assert decision.services["counter"] == "unset"
    assert decision.undecided == ("analytics", "marketing")
    assert b"<iframe src='https://videos.example/1'>" in visitor.page(page).body

    visitor.post(action="save", service="counter")
    visitor.post_json(action="save", services=["heat-map"], source="embed")
    assert alive(visitor) == {"counter", "heat-map"}


def test_the_client_is_told_of_services_by_name() -> None:
    visitor = site().visitor()
    visitor.post(action="save", service="counter")
    body = visitor.page(PAGE).body
    assert b'data-granted="necessary analytics service:counter"' in body
    assert b'data-consent="analytics service:heat-map"' in body


def test_a_tag_marked_by_hand_with_a_category_needs_all_of_it_unless_it_names_its_service() -> None:
    visitor = site().visitor()
    visitor.post(action="save", service=["counter", "heat-map"])
    for mark, live in (
        (b"analytics", False),
        (b"analytics service:counter", True),
        (b"service:counter", True),
        (b"service:replay.tool", False),
        (b"marketing", False),
    ):
        page = b'<!doctype html><body><img data-consent="%b" src="/own.gif">' % mark
        assert (b' src="/own.gif"' in visitor.page(page).body) == live, mark
    visitor.post(action="accept")
    page = b'<!doctype html><body><img data-consent="analytics" src="/own.gif">'
    assert b' src="/own.gif"' in visitor.page(page).body


def test_cookies_of_refused_services_alone_are_deleted_and_kept_out() -> None:
    visitor = site().visitor(_counter="1")
    visitor.cookies["_heat-map"] = "1"
    visitor.post(action="save", service="counter")
    assert "_counter" in visitor.cookies
    assert "_heat-map" not in visitor.cookies
    told = [(b"set-cookie", b"_counter=2"), (b"set-cookie", b"_heat-map=2")]
    shown = visitor.page(headers=((b"content-type", b"text/html"), *told))
    assert shown.values(b"set-cookie") == [b"_counter=2"]


def test_another_list_of_services_is_another_question() -> None:
    visitor = site().visitor()
    visitor.post(action="save", service="counter")
    fewer = Site(services=SERVICES[1:], granularity="service")
    later = fewer.visitor(**visitor.cookies)
    assert later.begin().decision.services["heat-map"] == "unset"
    assert "analytics" in later.begin().decision.undecided


def test_where_objection_is_enough_a_stale_refusal_of_one_service_counts_for_all() -> None:
    facts: dict[str, Any] = {
        "categories": {"analytics": {"mode": "objection"}},
        "granularity": "service",
    }
    own = [service for service in SERVICES if service["category"] == "analytics"]
    visitor = Site(services=own, **facts).visitor()
    assert visitor.begin().decision.services["counter"] == "granted"
    visitor.post(action="save", service=["counter", "heat-map"])
    after = Site(services=own[:2], **facts).visitor(**visitor.cookies).begin().decision
    assert after.services == {"counter": "denied", "heat-map": "denied"}


def test_the_page_asks_about_each_service_and_shows_what_stands() -> None:
    visitor = site().visitor()
    visitor.post(action="save", service=["counter", "replay.tool"])
    html = visitor.get().body.decode()
    boxes = {
        re.search(r'value="([^"]*)"', box)[1]: " checked" in box  # type: ignore[index]
        for box in re.findall(r'<input class="consentkit-box"[^>]*name="service"[^>]*>', html)
    }
    assert boxes == {"counter": True, "heat-map": False, "replay.tool": True, "videos": False}
    assert "2 of 3 allowed" in html
    assert re.findall(r'name="category" value="([^"]*)"', html) == ["marketing"]
    assert "Heat-Map</bdi>: Not allowed" in html
    visitor.post(action="save", service="counter", token=token_of(html.encode()))
    assert alive(visitor) == {"counter"}


@pytest.mark.parametrize("field", ["service", "category"])
def test_a_service_that_nobody_asked_about_is_refused(field: str) -> None:
    name = "nobody" if field == "service" else "service:nobody"
    assert site().visitor().post(action="save", **{field: name}).status == 400
    by_category = Site(services=SERVICES).visitor()
    name = name.replace("nobody", "counter")
    assert by_category.post(action="save", **{field: name}).status == 400


def test_settings_that_cannot_be_asked_service_by_service() -> None:
    with pytest.raises(SettingsError, match="granularity"):
        load_settings({"secret_keys": [KEY], "granularity": "service"})
    with pytest.raises(SettingsError, match="no shared_cache"):
        Site(services=SERVICES, granularity="service", shared_cache=True)
    many = [{"id": f"s{n}", "name": "x", "category": "analytics"} for n in range(513)]
    with pytest.raises(SettingsError, match="at most 512"):
        Site(services=many, granularity="service")


def test_the_gate_alone_takes_a_category_for_all_of_its_services() -> None:
    facts = {"secret_keys": [KEY], "services": SERVICES, "granularity": "service"}
    tag = '<script src="https://counter.example/x.js"></script>'
    assert gate_html(tag, facts, granted=["analytics"]) == tag
    assert gate_html(tag, facts, granted=["analytics", "service:counter"]) == tag
    assert gate_html(tag, facts, granted=["analytics", "service:heat-map"]) != tag


def test_the_cookie_stays_small() -> None:
    many = [{"id": f"s{n}", "name": f"S{n}", "category": "analytics"} for n in range(512)]
    shop = Site(services=many, granularity="service", limits={"body_bytes": 65_536})
    visitor = shop.visitor()
    visitor.post_json(action="save", services=["s0"])
    assert len(visitor.cookies["consent_analytics"]) < 400
    assert visitor.begin().decision.services["s0"] == "granted"
    assert visitor.begin().decision.services["s511"] == "denied"
    assert not values(visitor.page(PAGE).plan.headers, b"set-cookie")
