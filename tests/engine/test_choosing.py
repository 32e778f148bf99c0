"""POST /consent/: what a choice does, and that nothing counts before its record is durable."""

from __future__ import annotations

import itertools
import json
import threading
from typing import Any

import pytest

from consentkit.errors import LogError, LogUnreadable
from consentkit.log import Event
from tests.engine.making import NOW, MemoryLog, Site, down, token_of, values

ALL = {"functional": "granted", "analytics": "granted", "marketing": "granted"}
NONE = dict.fromkeys(ALL, "denied")


def outcomes(log: MemoryLog) -> list[dict[str, str]]:
    return [dict(event.outcome) for event in log.events]


@pytest.mark.parametrize(
    ("fields", "action", "outcome"),
    [
        ({"action": "accept"}, "accept", ALL),
        ({"action": "reject"}, "reject", NONE),
        ({"action": "save"}, "save", NONE),
        ({"action": "save", "category": "analytics"}, "save", {**NONE, "analytics": "granted"}),
        ({"action": "save", "category": list(ALL)}, "save", ALL),
        ({"action": "save", "category": ["necessary"]}, "save", NONE),
        ({"action": "reject", "category": "analytics"}, "reject", NONE),
    ],
)
def test_choices_of_a_form(fields: dict[str, Any], action: str, outcome: dict[str, str]) -> None:
    site = Site()
    visitor = site.visitor()
    reply = visitor.post(**fields, next="/shop?a=1")
    assert reply.status == 303
    assert values(reply.headers, b"location") == [b"/shop?a=1"]
    assert outcomes(site.log) == [outcome]
    assert site.log.actions == [action]
    assert {c: s for c, s in visitor.states.items() if c != "necessary"} == outcome
    event = site.log.events[0]
    assert event.consent_id == visitor.begin().decision.consent_id
    assert event.notice in site.log.notices
    assert event.time == "2027-01-15T08:00:00.000Z"
    assert event.fingerprints == {c: site.kit.policy.fingerprint(c) for c in ALL}


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"action": "accept"}, ALL),
        ({"action": "save", "categories": ["analytics"]}, {**NONE, "analytics": "granted"}),
        ({"action": "save", "category": "analytics"}, {**NONE, "analytics": "granted"}),
        ({"action": "save", "categories": {"analytics": True, "marketing": False}}, None),
        ({"action": "save", "categories": {"analytics": "granted", "marketing": "denied"}}, None),
        ({"action": "save", "categories": []}, NONE),
    ],
)
def test_choices_in_json(fields: dict[str, Any], outcome: dict[str, str] | None) -> None:
    site = Site()
    visitor = site.visitor()
    reply = visitor.post_json(**fields)
    assert reply.status == 200
    answer = json.loads(reply.body)
    expected = outcome or {**NONE, "analytics": "granted"}
    assert answer["categories"] == {"necessary": "granted", **expected}
    assert answer["state"] == "set"
    assert answer["reload"] is False
    assert answer["record"] == site.log.events[0].id
    assert answer["consent_id"] == site.log.events[0].consent_id
    state = json.loads(visitor.get("/consent/state").body)
    assert state["categories"] == answer["categories"]


def test_what_is_recorded_about_the_visitor() -> None:
    site = Site()
    site.visitor().post_json(
        headers=(
            (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Firefox/133.0"),
            (b"accept-language", b"de-CH, en;q=0.5"),
            (b"sec-gpc", b"1"),
        ),
        action="save",
        page="/shop/lamps?secret=1",
        source="banner",
    )
    (event,) = site.log.events
    assert (event.page, event.language, event.gpc) == ("/shop/lamps", "de-CH", True)
    assert (event.browser, event.os, event.device) == ("Firefox", "Linux", "desktop")
    assert b'data-consentkit="banner"' in site.log.notices[event.notice].html


def test_the_notice_is_what_was_shown() -> None:
    site = Site()
    visitor = site.visitor()
    page = visitor.get("/consent/").body
    visitor.post(action="accept", source="preferences", token=token_of(page))
    site.visitor().post(action="accept")  # a form that does not say is from that page
    assert len(site.log.notices) == 1
    (notice,) = site.log.notices.values()
    assert notice.html == page.replace(token_of(page).encode(), b"")


def test_a_withdrawal() -> None:
    site = Site()
    visitor = site.visitor()
    visitor.post(action="accept")
    site.now += 5
    reply = visitor.post_json(action="reject")
    assert json.loads(reply.body)["reload"] is True
    assert site.log.actions == ["accept", "withdraw"]
    assert len({event.consent_id for event in site.log.events}) == 1
    assert visitor.states["analytics"] == "denied"


def test_the_same_choice_again_is_no_new_record() -> None:
    site = Site()
    visitor = site.visitor()
    for _ in range(3):
        assert visitor.post(action="accept").status == 303
        assert visitor.post(action="save", category=list(ALL)).status == 303
    assert len(site.log.events) == 1
    assert values(visitor.post(action="accept").headers, b"set-cookie") == []


def test_a_double_submit_is_one_record() -> None:
    site = Site()
    token = token_of(site.visitor().page().body)
    # Two requests on their way at once: neither has the cookies of the other.
    first, second = site.visitor(), site.visitor()
    first.post(action="accept", token=token)
    second.post(action="accept", token=token)
    assert len(site.log.events) == 1
    assert first.begin().decision.consent_id == second.begin().decision.consent_id != ""
    # Another choice on the same page is another record, and so is the same one without a page.
    site.visitor().post(action="reject", token=token)
    site.visitor().post(action="accept")
    assert site.log.actions == ["accept", "reject", "accept"]


def test_there_and_back_with_one_token_is_three_records() -> None:
    site = Site()
    visitor = site.visitor()
    token = token_of(visitor.page().body)
    for action in ("accept", "reject", "accept"):
        visitor.post(action=action, token=token)
    assert site.log.actions == ["accept", "withdraw", "accept"]
    assert visitor.states["marketing"] == "granted"


def test_a_double_reject_has_one_pseudonym() -> None:
    site = Site()
    token = token_of(site.visitor().page().body)
    visitors = [site.visitor(), site.visitor()]
    for visitor in visitors:
        visitor.post(action="reject", token=token)
    (event,) = site.log.events
    assert {v.begin().decision.consent_id for v in visitors} == {event.consent_id}


def test_threads_that_submit_at_once() -> None:
    site = Site()
    token = token_of(site.visitor().page().body)
    replies: list[int] = []
    barrier = threading.Barrier(8)

    def submit() -> None:
        barrier.wait()
        replies.append(site.visitor().post(action="accept", token=token).status)

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [303] * 8
    assert len(site.log.events) == 1


def test_what_was_asked_has_changed() -> None:
    old = Site()
    token = token_of(old.visitor().page().body)
    new = Site(services=["google-analytics", "facebook", "youtube", "linkedin"])
    for granting in ({"action": "accept"}, {"action": "save", "category": "analytics"}):
        visitor = new.visitor()
        reply = visitor.post(**granting, token=token)
        assert reply.status == 409
        assert values(reply.headers, b"set-cookie") == []
        assert visitor.post_json(action="accept", token=token).status == 409
    assert new.log.events == []
    visitor = new.visitor()
    assert visitor.post(action="reject", token=token).status == 303
    assert visitor.states["marketing"] == "denied"
    assert new.log.actions == ["reject"]


@pytest.mark.parametrize("token", ["", "rubbish", "a.b.c", "\ud83d\ude00", "x" * 4000])
def test_a_token_is_no_password(token: str) -> None:
    site = Site()
    assert site.visitor().post_json(action="accept", token=token).status == 200
    assert len(site.log.events) == 1


def test_the_button_of_an_embed_asks_for_its_category_alone() -> None:
    site = Site()
    visitor = site.visitor()
    answer = json.loads(
        visitor.post_json(action="save", categories=["functional"], source="embed").body
    )
    assert answer["state"] == "unset"
    assert visitor.states["functional"] == "granted"
    assert visitor.states["marketing"] == "unset"
    assert outcomes(site.log) == [{"functional": "granted"}]
    visitor = site.decided("analytics")
    visitor.post_json(action="save", categories=["functional"], source="embed")
    assert visitor.states == {
        "necessary": "granted",
        "functional": "granted",
        "analytics": "granted",
        "marketing": "denied",
    }


# --- the log is out of order -----------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [down(), LogUnreadable("no"), LogError("no"), RuntimeError("no"), MemoryError()]
)
@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_is_granted_without_a_record(error: Exception, *, as_json: bool) -> None:
    site = Site()
    visitor = site.visitor()
    site.log.error = error
    reply = (visitor.post_json if as_json else visitor.post)(action="accept")
    assert reply.status == 503
    assert values(reply.headers, b"retry-after") == [b"30"]
    assert values(reply.headers, b"set-cookie") == []
    if as_json:
        assert "could not be recorded" in json.loads(reply.body)["error"]
    site.log.error = None
    site.kit.recorder._writer._again = 0
    assert visitor.post(action="accept").status == 303
    assert site.log.actions == ["accept"]


@pytest.mark.parametrize("error", [down(), LogUnreadable("no")])
def test_a_denial_holds_at_once_and_is_recorded_later(error: Exception) -> None:
    site = Site()
    visitor, other = site.decided("analytics"), site.visitor()
    site.log.error = error
    reply = visitor.post(action="reject")
    assert reply.status == 303
    assert visitor.states["analytics"] == "denied"
    assert other.post_json(action="reject").status == 200
    assert site.log.events == []
    site.log.error = None
    site.kit.recorder._writer._again = 0  # the moment that a log is given
    third = site.visitor()
    assert third.post(action="accept").status == 303
    assert site.log.actions == ["withdraw", "reject", "accept"]
    assert site.log.events[0].consent_id == "someone"


def test_a_log_that_failed_is_given_a_moment() -> None:
    site = Site()
    now = 0.0
    site.kit.recorder._writer._clock = lambda: now
    site.log.error = down()
    site.visitor().post(action="reject")
    tries = site.log.tries
    for _ in range(5):
        assert site.visitor().post(action="accept").status == 503
        assert site.visitor().post(action="reject").status == 303
    assert site.log.tries == tries
    now = 1.0
    site.log.error = None
    assert site.visitor().post(action="accept").status == 303
    assert site.log.actions == ["reject"] * 6 + ["accept"]


def test_a_change_of_mind_while_the_log_is_out_of_order() -> None:
    """Some granted, some withdrawn: nothing new is granted, the withdrawal holds."""
    site = Site()
    visitor = site.decided("analytics", "functional")
    before = dict(visitor.cookies)
    site.log.error = down()
    reply = visitor.post_json(action="save", categories=["marketing", "functional"])
    assert reply.status == 503
    assert visitor.states == {
        "necessary": "granted",
        "functional": "granted",
        "analytics": "denied",
        "marketing": "denied",
    }
    assert visitor.cookies["consent_functional"] == before["consent_functional"]
    assert visitor.cookies["consent_marketing"] == before["consent_marketing"]
    site.log.error = None
    site.kit.recorder._writer._again = 0
    assert visitor.post(action="save", category=["marketing", "functional"]).status == 303
    assert visitor.states["marketing"] == "granted"
    first, second = site.log.events
    assert (first.action, second.action) == ("withdraw", "save")
    assert first.outcome == {"functional": "granted", "analytics": "denied", "marketing": "denied"}
    assert second.outcome["marketing"] == "granted"
    assert first.consent_id == second.consent_id == "someone"


def test_an_event_that_no_log_will_take_blocks_no_other() -> None:
    site = Site()
    site.log.error = down()
    site.visitor().post(action="reject")
    site.visitor().post(action="reject")
    bad, notice = site.kit.recorder._writer._kept[0]
    site.kit.recorder._writer._kept[0] = (Event(**{**fields(bad), "id": "no id"}), notice)
    site.log.error = None
    site.kit.recorder._writer._again = 0
    assert site.visitor().post(action="accept").status == 303
    assert site.log.actions == ["reject", "accept"]
    # And one that comes while the log is well.
    site.kit.recorder.record_denial(Event(**{**fields(bad), "id": "no id"}), notice)
    assert len(site.kit.recorder._writer._kept) == 0


def fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_many_threads_while_the_log_comes_back() -> None:
    """Every denial once, each visitor's choices in their order."""
    site = Site()
    site.kit.recorder._writer._clock = itertools.count().__next__
    stop = threading.Event()

    def flicker() -> None:
        while not stop.wait(0.001):
            site.log.error = None if site.log.error else down()

    statuses: dict[int, list[int]] = {}

    def choose(number: int) -> None:
        visitor = site.decided("analytics")
        visitor.cookies = {
            name: site.cookie(name.removeprefix("consent_"), value.split(".")[0], f"v{number}")
            for name, value in visitor.cookies.items()
        }
        statuses[number] = []
        for _ in range(20):
            statuses[number].append(visitor.post(action="reject").status)
            while visitor.post(action="accept").status != 303:
                pass

    threads = [threading.Thread(target=choose, args=(i,)) for i in range(4)]
    flickering = threading.Thread(target=flicker)
    flickering.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    flickering.join()
    site.log.error = None
    site.kit.close()
    for number in range(4):
        assert statuses[number] == [303] * 20
        mine = [e.action for e in site.log.events if e.consent_id == f"v{number}"]
        assert mine == ["withdraw", "accept"] * 20


def test_closing_records_what_waits() -> None:
    site = Site()
    site.log.error = down()
    site.visitor().post(action="reject")
    site.kit.close()
    assert site.log.closed
    site.log.error = None
    site.kit.close()
    assert site.log.actions == ["reject"]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consentkit.log.writer._KEPT", 3)
    site = Site()
    site.log.error = down()
    for _ in range(5):
        visitor = site.visitor()
        assert visitor.post(action="reject").status == 303
        assert visitor.states["analytics"] == "denied"
    assert len(site.kit.recorder._writer._kept) == 3


# --- cookies ---------------------------------------------------------------------------------


def test_cookies_of_vendors_are_deleted_on_withdrawal() -> None:
    site = Site()
    visitor = site.decided("analytics", "marketing")
    visitor.cookies |= {"_ga": "1", "_ga_ABC": "2", "_fbp": "3", "session": "4"}
    reply = visitor.post(action="save", category=["marketing"])
    deleted = [v.decode() for v in values(reply.headers, b"set-cookie") if b"Max-Age=0" in v]
    assert deleted == [
        f"{name}=; Path=/; Max-Age=0{domain}"
        for name in ("_ga", "_ga_ABC")
        for domain in ("", "; Domain=www.shop.example", "; Domain=shop.example")
    ]
    assert set(visitor.cookies) >= {"session", "_fbp"}


def test_a_cookie_that_another_service_may_use_stays() -> None:
    own = [
        {"id": f"own-{c}", "name": c, "category": c, "cookies": [{"name": "shared"}]}
        for c in ("analytics", "marketing")
    ]
    site = Site(services=own)
    visitor = site.decided("analytics", "marketing")
    visitor.cookies["shared"] = "1"
    visitor.post(action="save", category="analytics")
    assert "shared" in visitor.cookies
    visitor.post(action="reject")
    assert "shared" not in visitor.cookies


def test_our_own_cookies_are_never_deleted() -> None:
    own = {"id": "own", "name": "o", "category": "marketing", "cookies": [{"name": "*"}]}
    site = Site(services=[own])
    visitor = site.decided("marketing")
    visitor.cookies["x"] = "1"
    visitor.post(action="reject")
    assert set(visitor.cookies) == {f"consent_{c}" for c in ALL}


@pytest.mark.parametrize(
    "host", [b"a." * 5000, b"\xff\xfe", b"a\r\nb", b"", b"127.0.0.1:80", b"[::1]"]
)
def test_hosts_that_are_none(host: bytes) -> None:
    site = Site()
    exchange = site.visitor(_ga="1").begin(
        "/consent/", "POST", ((b"content-type", b"application/json"),)
    )
    request = exchange.request
    headers = tuple((n, host if n == b"host" else v) for n, v in request.headers)
    changed = type(request)(method="POST", path="/consent/", headers=headers)
    reply = site.kit.begin(changed).respond(b'{"action": "reject"}')
    assert reply.status == 200
    for value in values(reply.headers, b"set-cookie"):
        assert value.decode("ascii").isprintable()


@pytest.mark.parametrize(
    ("scheme", "origin", "secure"),
    [
        ("http", None, False),
        ("https", None, True),
        ("http", b"https://www.shop.example", True),
        ("http", b"http://www.shop.example", False),
    ],
)
def test_secure_on_https_alone(scheme: str, origin: bytes | None, *, secure: bool) -> None:
    site = Site()
    headers = [(b"content-type", b"application/json")]
    headers += [(b"origin", origin)] if origin else []
    exchange = site.visitor().begin("/consent/", "POST", headers, scheme=scheme)
    cookies = values(exchange.respond(b'{"action": "reject"}').headers, b"set-cookie")
    assert len(cookies) == 3
    assert all((b"; Secure" in cookie) is secure for cookie in cookies)


def test_a_choice_expires() -> None:
    site = Site()
    visitor = site.visitor()
    visitor.post(action="accept")
    site.now = NOW + 180 * 86_400 + 1
    assert visitor.states["analytics"] == "unset"
    assert visitor.page().banner
