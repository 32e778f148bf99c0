"""What every store promises, tried on each: SQLite, PostgreSQL, MariaDB."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consentkit.errors import LogError, LogUnreadable
from consentkit.log import Event, Log, Notice, Record, new_id, open_reader, rfc3339, verify
from consentkit.log.merkle import Frontier
from tests.log.making import GERMAN, NOTICE, make_event

ONE_STORE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
TEXTS = st.text(max_size=40)  # lone surrogates too
LABELS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


def fill(log: Log, count: int) -> list[Record]:
    entries = []
    for number in range(count):
        notice = GERMAN if number % 4 == 3 else NOTICE
        event = make_event(
            consent_id=f"visitor-{number % 5}",
            time=rfc3339(1_790_000_000_000 + number * 977 - (number % 7) * 5000),
            action=("accept", "reject", "save")[number % 3],
            notice=notice.hash,
            outcome={"analytics": "granted" if number % 2 else "denied", "marketing": "denied"},
            services={"matomo": "granted"} if number % 5 == 0 else {},
            country=("DE", "FR", "")[number % 3],
            language=("de", "de-AT", "en")[number % 3],
            page="/" + "ä" * (number % 3) + str(number % 4),
            policy_version=str(number % 2),
        )
        entries.append((event, notice))
    return log.append_many(entries)


def test_nothing_is_there_before_the_first_record(log: Log, url: str) -> None:
    assert log.get(new_id()) is None
    assert log.by_consent_id("visitor-1") == []
    assert list(log.records(category="analytics", since="2026")) == []
    assert log.notice(NOTICE.hash) is None
    assert log.head() == (0, b"", -1)
    with closing(open_reader(url)) as reader, pytest.raises(LogUnreadable, match="no consent log"):
        reader.head()


def test_what_is_appended_is_read_back(log: Log, url: str) -> None:
    event = make_event(services={"matomo": "granted"}, gpc=True)
    record = log.append(event, NOTICE)
    assert (record.event, record.seq, record.redacted) == (event, 0, False)
    assert log.get(event.id) == record
    assert log.by_consent_id("visitor-1") == [record]
    assert log.notice(NOTICE.hash) == NOTICE
    with closing(open_reader(url)) as reader:
        assert reader.get(event.id) == record
        assert verify(reader).whole


@ONE_STORE
@given(page=TEXTS, language=TEXTS, country=LABELS, visitor=LABELS.filter(bool))
def test_any_text_comes_back_to_the_byte(
    log: Log, page: str, language: str, country: str, visitor: str
) -> None:
    event = make_event(page=page, language=language, country=country, consent_id=visitor)
    record = log.append(event, NOTICE)
    assert log.get(event.id) == record
    assert record.event.country == country
    assert record.event.page == re.sub("\0", "\ufffd", re.sub("[\ud800-\udfff]", "?", page))
    assert record in list(log.records(consent_id=visitor))
    assert record in list(log.records(page=record.event.page))
    assert record in list(log.records(country=country, reverse=True))
    found = verify(log)
    assert found.whole, found.faults


def test_the_longest_of_everything_is_taken(log: Log) -> None:
    event = make_event(
        page="ü" * 1024,
        language="x" * 1024,
        country="\U0001f36a" * 256,
        policy_version="v" * 256,
        outcome={f"{n:x<128}": "granted" for n in range(40)},
        services={f"{n:x<128}": "denied" for n in range(60)},
        consent_id="\U0001f36a" * 128,
    )
    record = log.append(event, NOTICE)
    assert log.get(event.id) == record
    for wanted in (
        {"page": event.page},
        {"category": f"{39:x<128}=granted"},
        {"service": f"{7:x<128}"},
    ):
        assert list(log.records(**wanted)) == [record]  # type: ignore[arg-type]
    for other in ({"page": "ü" * 1023}, {"category": f"{39:x<128}=denied"}):
        assert list(log.records(**other)) == []  # type: ignore[arg-type]


def test_places_are_dense_and_the_head_is_the_tree_of_the_leaves(log: Log) -> None:
    records = [*fill(log, 30), *fill(log, 7), log.append(make_event(), NOTICE)]
    assert [record.seq for record in records] == list(range(38))
    assert list(log.records()) == records
    tree = Frontier()
    for record in records:
        tree.push(record.leaf_hash)
    assert log.head() == (38, tree.packed(), 37)
    assert log.leaf_hashes(3, 100) == [record.leaf_hash for record in records[3:]]


def test_the_same_id_again_gives_the_record_stored_first(log: Log) -> None:
    event = make_event()
    first = log.append(event, NOTICE)
    log.append(make_event(), NOTICE)
    assert log.append(event, NOTICE) == first
    assert log.append(make_event(id=event.id, action="reject"), NOTICE) == first
    again = make_event()
    batch = log.append_many([(again, NOTICE), (event, NOTICE), (again, NOTICE)])
    assert batch == [batch[0], first, batch[0]]
    assert log.head().size == 3
    assert verify(log).whole


def test_a_batch_is_there_as_a_whole_or_not_at_all(log: Log) -> None:
    other = Notice.of(b"another", "en")
    wrong = Notice(hash=other.hash, html=b"not that", language="en")
    for bad in (
        (make_event(notice=GERMAN.hash), NOTICE),
        (make_event(notice=other.hash), wrong),
        (make_event(page="x", time="yesterday"), NOTICE),
    ):
        with pytest.raises(LogError):
            log.append_many([(make_event(), NOTICE), bad])
    assert log.head().size == 0
    fill(log, 3)
    assert log.notice_keys() == {(NOTICE.hash, "en")}


def test_subtrees_are_stored_when_they_are_complete(log: Log) -> None:
    for _ in range(5):
        fill(log, 130)
    leaves = log.leaf_hashes(0, 650)
    assert len(leaves) == 650

    def root(start: int) -> bytes:
        tree = Frontier()
        for leaf in leaves[start : start + 256]:
            tree.push(leaf)
        return tree.root()

    assert log.subtrees(8, 0, 10) == [root(0), root(256)]
    assert log.subtrees(8, 1, 1) == [root(256)]
    assert log.subtrees(16, 0, 1) == []
    assert verify(log).whole


FILTERS: dict[str, list[Any]] = {
    "action": ["accept", "gpc"],
    "category": ["analytics", "analytics=granted", "marketing=granted", "other"],
    "service": ["matomo", "matomo=denied"],
    "country": ["DE", "", "XX"],
    "language": ["de", "DE", "de-AT", "de "],
    "policy_version": ["0", "1"],
    "page": ["/0", "/ä1", "/ää2", "/a1"],
    "consent_id": ["visitor-1", "Visitor-1", "visitor-1 "],
    "since": [rfc3339(1_790_000_000_000 + n) for n in (0, 30_000, 90_000)],
    "until": [rfc3339(1_790_000_000_000 + n) for n in (0, 60_000, 10**9)],
    "after": [0, 40],
    "before": [70, 10],
    "limit": [1, 7],
    "reverse": [True],
}


def expected(records: list[Record], filters: dict[str, Any]) -> list[Record]:
    """The plain meaning of the filters."""

    def chosen(choices: dict[str, Any], wanted: str) -> bool:
        name, _, state = wanted.partition("=")
        return name in choices and state in ("", choices[name])

    def good(record: Record) -> bool:
        event: Event = record.event
        same = ("action", "country", "language", "policy_version", "page", "consent_id")
        return (
            all(getattr(event, name) == filters[name] for name in same if name in filters)
            and ("category" not in filters or chosen(event.outcome, filters["category"]))
            and ("service" not in filters or chosen(event.services, filters["service"]))
            and filters.get("since", "") <= event.time < filters.get("until", "9")
            and filters.get("after", -1) < record.seq < filters.get("before", 10**9)
        )

    found = [record for record in records if good(record)]
    if filters.get("reverse"):
        found.reverse()
    return found[: filters.get("limit")]


def test_filters_mean_what_they_say(log: Log) -> None:
    records = fill(log, 90)
    names = list(FILTERS)
    tried = hits = 0
    for count in (0, 1, 2):
        for chosen in itertools.combinations(names, count):
            for values in itertools.islice(
                itertools.product(*(FILTERS[n] for n in chosen)), 0, None, 2
            ):
                filters = dict(zip(chosen, values, strict=True))
                wanted = expected(records, filters)
                assert list(log.records(**filters)) == wanted, filters
                tried += 1
                hits += bool(wanted)
    assert tried > 300
    assert hits > 150


def test_forgetting_erases_a_visitor_and_says_so(log: Log) -> None:
    records = fill(log, 20)
    other = log.by_consent_id("visitor-2")
    entry = make_event(action="forget", outcome={}, consent_id="visitor-1")
    assert log.forget("visitor-1", entry, NOTICE) == 4
    assert log.by_consent_id("visitor-1") == []
    assert log.by_consent_id("visitor-2") == other
    kept = log.get(records[1].event.id)
    assert kept is not None
    assert kept.redacted
    assert (kept.leaf, kept.event.outcome) == (records[1].leaf, records[1].event.outcome)
    last = next(log.records(reverse=True, limit=1))
    assert (last.seq, last.event.action, last.event.consent_id, last.redacted) == (
        20,
        "forget",
        "",
        True,
    )
    found = verify(log)
    assert (found.whole, found.redacted, found.size) == (True, 5, 21)
    assert log.forget("visitor-1", make_event(action="forget"), NOTICE) == 0
    assert log.head().size == 21
    with pytest.raises(LogError, match="erasure"):
        log.forget("visitor-2", make_event(), NOTICE)


def test_pruning_leaves_places_and_hashes(log: Log) -> None:
    records = fill(log, 40)
    limit = records[25].event.time
    old = [record for record in records if record.event.time < limit]
    assert log.prune(limit) == len(old) > 0
    assert log.prune(limit) == 0
    assert list(log.records()) == [record for record in records if record.event.time >= limit]
    assert log.get(old[0].event.id) is None
    assert log.leaf_hashes(0, 40) == [record.leaf_hash for record in records]
    assert log.append(make_event(), NOTICE).seq == 40
    found = verify(log)
    assert (found.whole, found.pruned, found.size) == (True, len(old), 41), found.faults
    stamps = [row[0] for row in log.rows(None, 100) if row[3] is None]
    assert stamps == [record.seq for record in old]


def test_a_log_may_be_used_again_after_it_was_closed(url: str, open_: Callable[[str], Log]) -> None:
    log = open_(url)
    fill(log, 3)
    log.close()
    log.maintain()
    assert log.append(make_event(), NOTICE).seq == 3
    assert open_(url).head().size == 4
