"""The visitor's own records: shown with proofs that hold without us, and erased for good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from consentkit.engine import Reply
from consentkit.log import standalone, verify
from consentkit.log.sqlite import SqliteLog
from tests.engine.making import MemoryLog, Site, Visitor, down, token_of, values

FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json")
ACCEPTS = (b"accept", b"application/json")
HTTPS = (b"origin", b"https://www.shop.example")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_path / "consent.db")) as log:
        yield log


@pytest.fixture
def site(log: Any) -> Iterator[Site]:
    site = Site(log)
    yield site
    site.kit.close()


def receipt(visitor: Visitor, query: str = "") -> dict[str, Any]:
    reply = visitor.get("/consent/receipt", (ACCEPTS,), query=query)
    assert reply.status == 200
    (kind,) = values(reply.headers, b"content-type")
    assert kind == b"application/json"
    found: dict[str, Any] = json.loads(reply.body)
    return found


def forget(visitor: Visitor, *headers: Any, method: str = "POST") -> Reply:
    exchange = visitor.begin("/consent/forget", method, headers or (FORM,))
    return visitor._keep(exchange.respond(b""))


def test_a_visitor_sees_the_own_records_and_no_others(site: Site) -> None:
    one, other = site.visitor(), site.visitor()
    one.post(action="accept")
    other.post(action="reject")
    one.post(action="reject")
    found = receipt(one)
    events = [proof["record"] for proof in found["proofs"]]
    assert [event["action"] for event in events] == ["accept", "withdraw"]
    assert {event["consent_id"] for event in events} == {found["consent_id"]}
    page = one.get("/consent/receipt").body.decode()
    for event in events:
        assert event["id"] in page
        assert event["leaf_hash"] in page
    assert receipt(other)["proofs"][0]["record"]["id"] not in page


def test_each_proof_holds_for_whoever_checks_it_alone(site: Site, tmp_path: Path) -> None:
    for _ in range(4):
        site.visitor().post(action="accept")
    visitor = site.visitor()
    visitor.post(action="accept")
    (proof,) = receipt(visitor)["proofs"]
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof))
    assert standalone.main([str(file)]) == 0
    proof["record"]["leaf"] = proof["record"]["leaf"].replace("granted", "denied", 1)
    file.write_text(json.dumps(proof))
    assert standalone.main([str(file)]) == 1


def test_more_records_than_fit_come_in_turn(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consentkit.engine.receipts._AT_ONCE", 2)
    visitor = site.visitor()
    for action in ("accept", "reject", "accept"):
        visitor.post(action=action)
        site.now += 1
    first = receipt(visitor)
    assert (len(first["proofs"]), first["after"]) == (2, 1)
    rest = receipt(visitor, f"after={first['after']}")
    assert ([p["record"]["seq"] for p in rest["proofs"]], rest["after"]) == ([2], None)
    assert b"receipt?after=1" in visitor.get("/consent/receipt").body


def test_without_a_choice_there_is_nothing(site: Site, log: SqliteLog) -> None:
    stranger = site.visitor()
    assert receipt(stranger) == {"consent_id": "", "proofs": [], "after": None}
    assert b"no record" in stranger.get("/consent/receipt").body
    forged = site.visitor(consent_analytics="granted.someone.abc.def.ghi")
    assert receipt(forged)["proofs"] == []
    assert forget(stranger).status == 303
    assert log.head().size == 0


def test_forgetting_erases_and_ends_the_choice(site: Site, log: SqliteLog) -> None:
    visitor, other = site.visitor(), site.visitor()
    visitor.post(action="accept")
    other.post(action="accept")
    consent_id = receipt(visitor)["consent_id"]
    visitor.cookies["_ga"] = "GA1.1.1.1"
    reply = forget(visitor)
    assert reply.status == 303
    assert values(reply.headers, b"location") == [b"/consent/receipt?forgotten=1"]
    assert visitor.cookies == {}
    page = visitor.get("/consent/receipt", query="forgotten=1").body
    assert b'role="status"' in page
    assert set(visitor.states.values()) == {"unset", "granted"}  # necessary is always on
    assert log.by_consent_id(consent_id) == []
    stored = list(log.records())
    assert [record.redacted for record in stored] == [True, False, True]
    assert stored[2].event.action == "forget"
    assert verify(log).faults == ()
    assert len(receipt(other)["proofs"]) == 1


def test_programs_are_told_how_many(site: Site) -> None:
    visitor = site.visitor()
    visitor.post(action="accept")
    visitor.post(action="reject")
    assert json.loads(forget(visitor, JSON).body) == {"erased": 2}
    assert json.loads(forget(visitor, JSON).body) == {"erased": 0}


def test_the_cookies_end_with_the_attributes_they_had(log: Any) -> None:
    site = Site(log, cookies={"prefix": "__Host-", "secure": True})
    visitor = site.visitor()
    visitor.post(action="accept")
    ended = values(forget(visitor).headers, b"set-cookie")
    assert len(ended) == 3
    for cookie in ended:
        assert cookie.startswith(b"__Host-")
        assert b"; Secure" in cookie
        assert b"; Max-Age=0" in cookie
        assert b"; Path=/;" in cookie


@pytest.mark.parametrize(
    "header", [(b"sec-fetch-site", b"cross-site"), (b"origin", b"https://evil.example")]
)
def test_no_other_site_can_have_it_done(site: Site, log: SqliteLog, header: Any) -> None:
    visitor = site.visitor()
    visitor.post(action="accept")
    assert forget(visitor, FORM, header).status == 403
    assert forget(visitor, method="GET").status == 405
    assert values(forget(visitor, method="GET").headers, b"allow") == [b"POST"]
    assert visitor.cookies
    assert not log.get(receipt(visitor)["proofs"][0]["record"]["id"]).redacted  # type: ignore[union-attr]


def test_with_the_log_down_nothing_is_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    def unwilling(*_: Any, **__: Any) -> int:
        raise down()

    site = Site()
    visitor = site.visitor()
    visitor.post(action="accept")
    before = dict(visitor.cookies)
    site.log.error = down()
    for verb in ("forget", "records"):
        monkeypatch.setattr(MemoryLog, verb, unwilling, raising=False)
    reply = forget(visitor)
    assert reply.status == 503
    assert values(reply.headers, b"retry-after") == [b"30"]
    assert b"could not be erased" in reply.body
    assert visitor.cookies == before
    assert visitor.get("/consent/receipt").status == 503


def test_too_many_and_too_long(log: Any) -> None:
    site = Site(log, limits={"rate_per_minute": 2, "body_bytes": 10})
    visitor = site.visitor()
    assert visitor.begin("/consent/forget", "POST", (FORM,)).respond(b"x" * 11).status == 413
    assert visitor.get("/consent/receipt").status == 200
    assert visitor.get("/consent/receipt").status == 429
    assert forget(visitor).status == 429


def test_the_preferences_lead_there(site: Site) -> None:
    visitor = site.visitor()
    visitor.post(action="accept")
    page = visitor.get("/consent/").body
    assert b'href="/consent/receipt"' in page
    assert b'action="/consent/forget"' in page
    assert token_of(page)
