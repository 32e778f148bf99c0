from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.errors import LogError, LogTampered
from consentkit.log import Event, Notice
from consentkit.log.leaf import make_record, read_record
from tests.log.making import NOTICE, make_event

SALT = bytes(range(32))
PREV = hashlib.sha256(b"before").digest()


def record_of(event: Event, **changes: Any) -> Any:
    fields: dict[str, Any] = {"notice_language": "en", "seq": 7, "prev": PREV, "salt": SALT}
    return make_record(event, **(fields | changes))


def test_the_leaf_is_what_the_documentation_says() -> None:
    # A golden value: leaves written today must be readable and verifiable for ever.
    event = make_event(id="017f22e2-79b0-74c3-98c4-dc0c0c07398f", services={"matomo": "granted"})
    record = record_of(event)
    personal = (
        b'{"browser":"Firefox","consent_id":"visitor-1","device":"desktop",'
        b'"language":"en-GB","os":"Linux","page":"/secret/page"}'
    )
    commitment = hashlib.sha256(b"consentkit personal v1\n" + SALT + personal).hexdigest()
    assert record.personal == personal
    assert record.leaf == (
        b'{"action":"save","country":"DE",'
        b'"fingerprints":{"analytics":"a1","functional":"f1","marketing":"m1"},"gpc":false,'
        b'"id":"017f22e2-79b0-74c3-98c4-dc0c0c07398f","notice":"' + NOTICE.hash.encode() + b'",'
        b'"notice_language":"en",'
        b'"outcome":{"analytics":"granted","functional":"granted","marketing":"denied"},'
        b'"personal":"' + commitment.encode() + b'","policy":"2026-11",'
        b'"prev":"' + PREV.hex().encode() + b'","regime":"gdpr","seq":7,'
        b'"services":{"matomo":"granted"},"source":"banner",'
        b'"time":"2026-11-22T10:00:00.000Z","v":1}'
    )
    assert record.leaf_hash == hashlib.sha256(b"\x00" + record.leaf).digest()


def test_nothing_personal_is_in_the_leaf() -> None:
    event = make_event(consent_id="who", language="xx-lang", page="/pp", browser="BB", os="OO")
    leaf = record_of(event).leaf
    for value in (b"who", b"xx-lang", b"/pp", b"BB", b"OO", b"desktop", b'"page"', b"consent_id"):
        assert value not in leaf


def test_there_is_no_field_for_an_address_or_a_raw_user_agent() -> None:
    names = set(Event.__struct_fields__)
    assert not names & {"ip", "address", "user_agent", "ua", "referrer", "url", "query"}
    with pytest.raises(TypeError):
        make_event(user_agent="Mozilla/5.0")


@given(st.text(), st.text(), st.text())
def test_stored_bytes_give_the_record_back(page: str, browser: str, country: str) -> None:
    event = make_event(page=page, browser=browser, country=country[:256])
    try:
        made = record_of(event)
    except LogError:
        # Only what goes into the leaf is strict about text that is none.
        assert country.encode("utf-8", "replace").decode() != country
        return
    read = read_record(7, made.leaf_hash, made.leaf, made.salt, made.personal)
    assert read == made
    assert read.event.country == event.country
    assert not read.redacted


def test_odd_descriptions_never_cost_the_visitor_the_choice() -> None:
    record = record_of(make_event(page="/\udcff" + "x" * 10_000, browser="\ud800"))
    assert record.event.page == "/?" + "x" * 1022
    assert record.event.browser == "?"


def test_an_erased_record_keeps_everything_that_is_not_personal() -> None:
    made = record_of(make_event())
    read = read_record(7, made.leaf_hash, made.leaf, None, None)
    assert read.redacted
    assert read.leaf == made.leaf
    event = read.event
    assert event.outcome == made.event.outcome
    personal = (
        event.consent_id, event.page, event.language, event.browser, event.os, event.device,
    )  # fmt: skip
    assert personal == ("",) * 6


def test_a_row_that_was_touched_is_not_read() -> None:
    made = record_of(make_event())
    good = (7, made.leaf_hash, made.leaf, made.salt, made.personal)
    other = json.dumps({"not": "a leaf"}).encode()
    touched: list[tuple[Any, ...]] = [
        (8, *good[1:]),
        (7, bytes(32), *good[2:]),
        (7, good[1], good[2].replace(b'"denied"', b'"granted"'), *good[3:]),
        (7, hashlib.sha256(b"\x00" + other).digest(), other, *good[3:]),
        (*good[:3], bytes(32), good[4]),
        (*good[:4], good[4].replace(b"visitor-1", b"visitor-2")),
    ]
    assert read_record(*good) == made
    for row in touched:
        with pytest.raises(LogTampered) as caught:
            read_record(*row)
        assert caught.value.seq == row[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "1"},
        {"id": "017f22e2-79b0-44c3-98c4-dc0c0c07398f"},
        {"id": "017f22e2-79b0-74c3-98c4-dc0c0c07398f\n"},
        {"time": "2026-11-22T10:00:00Z"},
        {"time": "2026-11-22T10:00:00.000+00:00"},
        {"action": "maybe"},
        {"source": "elsewhere"},
        {"outcome": {"analytics": "yes"}},
        {"outcome": {"ana lytics": "granted"}},
        {"services": {"ä": "granted"}},
        {"notice": "abc"},
        {"gpc": 1},
        {"page": None},
        {"consent_id": ""},
        {"fingerprints": {"analytics": 1}},
    ],
    ids=str,
)
def test_events_of_another_form_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LogError, match="cannot be logged"):
        make_event(**wrong).check()


def test_a_notice_is_found_by_the_hash_of_its_bytes() -> None:
    notice = Notice.of(b"abc", "en")
    assert notice.hash == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
