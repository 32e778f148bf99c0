"""Global Privacy Control: it only ever takes away, and is recorded once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.making import NOW, Site, Visitor

GPC = (b"sec-gpc", b"1")
US = (b"cf-ipcountry", b"US")
UK = (b"cf-ipcountry", b"GB")
OBJECTION = {"analytics": "objection", "marketing": "objection"}
REGIMES = [
    {"id": "us", "countries": ["US"], "modes": OBJECTION},
    {"id": "uk", "countries": ["GB"], "modes": {"analytics": "objection"}, "gpc": False},
]


def us_site(**settings: Any) -> Site:
    return Site(regimes=REGIMES, country_header="CF-IPCountry", **settings)


def states(visitor: Visitor, *headers: tuple[bytes, bytes]) -> str:
    found = visitor.begin(headers=headers).decision.states
    return "".join(found[key][0] for key in ("functional", "analytics", "marketing"))


def marks(visitor: Visitor, *headers: tuple[bytes, bytes]) -> bytes:
    body = visitor.page(sent=headers).body
    return body.partition(b'data-gpc="')[2].partition(b'"')[0]


def test_by_regime() -> None:
    visitor = us_site().visitor()
    assert states(visitor) == states(visitor, GPC) == "uuu"
    assert states(visitor, US) == "ugg"
    assert states(visitor, US, GPC) == "udd"
    assert states(visitor, UK) == states(visitor, UK, GPC) == "ugu"  # where it does not count


@pytest.mark.parametrize(
    ("values", "on"),
    [
        ([b"1"], True),
        ([b"0"], False),
        ([b"true"], False),
        ([b"01"], False),
        ([b""], False),
        ([b"0", b"1"], True),
        ([b"0, 1"], True),
        ([b"1;q=0"], False),
    ],
)
def test_exactly_one(values: list[bytes], on: bool) -> None:
    visitor = us_site().visitor()
    assert states(visitor, US, *((b"sec-gpc", v) for v in values)) == ("udd" if on else "ugg")


OUTCOMES = st.dictionaries(
    st.sampled_from(["functional", "analytics", "marketing"]),
    st.sampled_from(["granted", "denied"]),
)


@given(OUTCOMES, st.sampled_from([(), (US,), (UK,)]), st.booleans())
def test_it_never_grants(chosen: dict[str, str], place: Any, marked: bool) -> None:
    site = us_site()
    visitor = site.visitor(**{f"consent_{c}": site.cookie(c, o) for c, o in chosen.items()})
    if marked:
        visitor.cookies["consent_gpc"] = site.kit.cookies.value("gpc", "denied", "someone", "0")
    without = visitor.begin(headers=place).decision.grants
    assert visitor.begin(headers=(*place, GPC)).decision.grants <= without


def test_one_record_for_each_browser() -> None:
    site = us_site()
    visitor = site.visitor()
    for _ in range(50):
        assert marks(visitor, US, GPC) == b"record"
    assert site.log.events == []  # pages write nothing
    for _ in range(3):
        reply = visitor.post_json(action="gpc", headers=(US, GPC))
        assert json.loads(reply.body)["reload"] is False
    assert marks(visitor, US, GPC) == b""
    (event,) = site.log.events
    assert (event.action, event.gpc, event.regime, event.country) == ("gpc", True, "us", "US")
    assert event.outcome == {"analytics": "denied", "marketing": "denied"}
    assert states(visitor, US) == "udd"


def test_it_beats_what_was_chosen_before_but_not_what_is_chosen_with_it() -> None:
    site = us_site()
    visitor = site.visitor()
    visitor.post_json(action="accept", headers=(US,))
    assert states(visitor, US) == "ggg"
    assert states(visitor, US, GPC) == "gdd"
    visitor.post_json(action="gpc", headers=(US, GPC))
    assert states(visitor, US, GPC) == "gdd"
    site.now += 60
    visitor.post_json(action="save", categories=["analytics"], headers=(US, GPC))
    assert states(visitor, US, GPC) == "dgd"
    assert [(e.action, e.gpc) for e in site.log.events] == [
        ("accept", False),
        ("gpc", True),
        ("withdraw", True),
    ]


def test_a_choice_with_it_is_its_record_too() -> None:
    site = us_site()
    visitor = site.visitor()
    visitor.post(action="accept", headers=(US, GPC))
    assert states(visitor, US, GPC) == "ggg"
    assert marks(visitor, US, GPC) == b""
    assert [(e.action, e.gpc) for e in site.log.events] == [("accept", True)]


def test_a_header_that_was_taken_off_on_the_way() -> None:
    site = us_site()
    visitor = site.visitor()
    assert marks(visitor, US) == b"watch"
    answer = json.loads(visitor.post_json(action="gpc", headers=(US,)).body)
    assert answer["reload"] is True  # what it objects to is on the page already
    assert states(visitor, US) == "udd"
    assert marks(visitor, US) == b""
    visitor.post_json(action="gpc", headers=(US,))
    assert site.log.actions == ["gpc"]


def test_where_there_is_nothing_to_object_to() -> None:
    site = us_site()
    for headers in ((), (UK,)):
        visitor = site.visitor()
        assert marks(visitor, *headers, GPC) == marks(visitor, *headers) == b""
        visitor.post_json(action="gpc", headers=(*headers, GPC))
        assert visitor.cookies == {}
    assert site.log.events == []


def test_it_is_shown() -> None:
    site = us_site()
    text = b"Global Privacy Control"
    assert text in site.visitor().get("/consent/", headers=(US, GPC)).body
    assert text not in site.visitor().get("/consent/", headers=(US,)).body
    asked = site.visitor().page(sent=(US, GPC))
    assert asked.banner
    assert text in asked.body
    # Where nothing is to be decided there is no banner to say it.
    quiet = Site(categories=[{"id": "marketing", "mode": "objection"}], services=None)
    visitor = quiet.visitor()
    told = visitor.page(sent=(GPC,))
    assert not told.banner
    assert text in told.body.partition(b'data-consentkit="gpc"')[2]
    assert text not in visitor.page().body
    visitor.post_json(action="gpc", headers=(GPC,))
    assert text not in visitor.page(sent=(GPC,)).body
    assert site.visitor().begin(headers=(US, GPC)).consent.gpc
    assert not site.visitor().begin(headers=(UK, GPC)).consent.gpc


def test_a_forged_mark_is_none() -> None:
    site = us_site()
    visitor = site.visitor()
    visitor.cookies["consent_gpc"] = site.cookie("analytics", "denied")
    assert marks(visitor, US, GPC) == b"record"


def test_caches_are_told() -> None:
    shown = us_site().visitor().page()
    assert shown.values(b"vary") == [b"Cookie, Sec-GPC, CF-IPCountry, Accept-Language"]
    assert shown.values(b"cache-control") == [b"private"]
    plain = Site(honour_gpc=False, languages=["en"]).visitor().page()
    assert plain.values(b"vary") == [b"Cookie"]


def test_the_support_resource() -> None:
    reply = Site(policy={"effective": "2027-01-31"}).visitor().get("/.well-known/gpc.json")
    assert json.loads(reply.body) == {"gpc": True, "lastUpdate": "2027-01-31"}
    told = Site(policy={"effective": "last spring"}).visitor().get("/.well-known/gpc.json")
    assert json.loads(told.body)["lastUpdate"] == "2026-11-22"
    headers = dict(reply.headers)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"cache-control"].startswith(b"public")


def test_a_day_later_it_is_still_known() -> None:
    site = us_site()
    visitor = site.visitor()
    visitor.post_json(action="gpc", headers=(US, GPC))
    site.now = NOW + 86_400 * 179
    assert marks(visitor, US, GPC) == b""
    site.now = NOW + 86_400 * 181
    assert marks(visitor, US, GPC) == b"record"
