"""Filters give what a plain look at every record gives, whichever way the database goes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consentkit.errors import LogUnreadable
from consentkit.log import Event, Record, erasure
from consentkit.log.merkle import Frontier
from consentkit.log.sqlite import SqliteLog
from consentkit.log.store import SUBTREE_LEVELS, LogDamaged, matches
from tests.log.making import NOTICE, make_event

COUNT = 9000  # more than two blocks of times, 35 subtrees


def time_of(number: int) -> str:
    # A clock that goes back every thousand records, and now and then is far ahead.
    day = 1 + (number + (4000 if number % 500 == 0 else 0)) // 1000 - (number % 1000 > 900)
    return f"2026-10-{day + 1:02}T{number % 24:02}:00:00.000Z"


def event_of(number: int) -> Event:
    return make_event(
        time=time_of(number),
        consent_id=f"visitor-{number % 1000}",
        action="withdraw" if number % 333 == 0 else "save",
        outcome={"analytics": "granted" if number % 3 else "denied"}
        | ({"rare": "granted"} if number % 1000 == 7 else {}),
        services={"matomo": "granted" if number % 2 else "denied"} if number % 100 == 0 else {},
        policy_version="old" if number < 3000 else "new",
        country="LI" if number == 4567 else ("DE", "FR")[number % 2],
        language="de" if number % 2 else "en",
        page=f"/page/{number % 50}",
    )


@pytest.fixture(scope="module")
def log() -> Iterator[SqliteLog]:
    with tempfile.TemporaryDirectory() as folder:
        log = SqliteLog(Path(folder, "consent.db"))
        for start in range(0, COUNT, 1000):
            log.append_many([(event_of(n), NOTICE) for n in range(start, start + 1000)])
        log.prune("2026-10-02T00:00:00.000Z")
        log.forget("visitor-13", *erasure("old"))
        yield log
        log.close()


class Records(list[Record]):
    def __repr__(self) -> str:
        return f"<{len(self)} records>"


@pytest.fixture(scope="module")
def records(log: SqliteLog) -> Records:
    """All there are, read without any filter."""
    found = Records(log.records())
    assert 8000 < len(found) < COUNT
    return found


_TESTS: dict[str, Callable[[Record, Any], bool]] = {
    "action": lambda record, value: record.event.action == value,
    "category": lambda record, value: matches(dict(record.event.outcome), value),
    "service": lambda record, value: matches(dict(record.event.services), value),
    "country": lambda record, value: record.event.country == value,
    "language": lambda record, value: record.event.language == value and not record.redacted,
    "policy_version": lambda record, value: record.event.policy_version == value,
    "page": lambda record, value: record.event.page == value and not record.redacted,
    "since": lambda record, value: record.event.time >= value,
    "until": lambda record, value: record.event.time < value,
    "consent_id": lambda record, value: record.event.consent_id == value and not record.redacted,
    "after": lambda record, value: record.seq > value,
    "before": lambda record, value: record.seq < value,
}
_TIMES = st.builds("2026-10-{:02}T{:02}:00:00.000Z".format, st.integers(1, 20), st.integers(0, 23))
_FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(["save", "withdraw", "forget", "gpc"]),
        "category": st.sampled_from(
            ["analytics", "analytics=denied", "rare", "rare=granted", "rare=denied", 'a"\\%', ""]
        ),
        "service": st.sampled_from(["matomo", "matomo=granted", "other", ""]),
        "country": st.sampled_from(["DE", "FR", "LI", ""]),
        "language": st.sampled_from(["de", "en", "", "fr"]),
        "policy_version": st.sampled_from(["old", "new", "none"]),
        "page": st.sampled_from(["/page/7", "/page/13", "/", ""]),
        "since": _TIMES,
        "until": _TIMES,
        "consent_id": st.sampled_from(["visitor-7", "visitor-13", "nobody", ""]),
        "after": st.integers(-5, COUNT + 5),
        "before": st.integers(-5, COUNT + 5),
        "limit": st.integers(0, 60),
        "reverse": st.booleans(),
    },
)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(filters=_FILTERS, few=st.sampled_from([1, 50, 20_000]))
def test_any_filters(log: SqliteLog, records: Records, few: int, filters: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("consentkit.log.sqlite_query._FEW", few)
        patch.setattr("consentkit.log.sqlite_reader._PAGE", 700)
        found = [record.seq for record in log.records(**filters)]
    expected = [
        record.seq
        for record in (reversed(records) if filters.get("reverse") else records)
        if all(test(record, filters[name]) for name, test in _TESTS.items() if name in filters)
    ]
    assert found == expected[: filters.get("limit")]


def test_paging_there_and_back(log: SqliteLog, records: Records) -> None:
    for reverse in (False, True):
        seen: list[int] = []
        while True:
            where: dict[str, Any] = {}
            if seen:
                where = {"before" if reverse else "after": seen[-1]}
            page = list(log.records(language="de", limit=499, reverse=reverse, **where))
            seen += [record.seq for record in page]
            if len(page) < 499:
                break
        expected = [r.seq for r in records if r.event.language == "de" and not r.redacted]
        assert seen == (expected[::-1] if reverse else expected)


def test_hashes_and_roots_are_those_of_the_tree(log: SqliteLog) -> None:
    leaves = [bytes(row[2]) for row in log.rows(None, COUNT + 10)]
    assert log.leaf_hashes(0, COUNT + 10) == leaves
    assert log.leaf_hashes(255, 3) == leaves[255:258]
    assert log.leaf_hashes(COUNT + 1, 3) == []
    for level in SUBTREE_LEVELS:
        size = 1 << level
        expected = []
        for start in range(0, len(leaves) - size + 1, size):
            tree = Frontier()
            for leaf in leaves[start : start + size]:
                tree.push(leaf)
            expected.append(tree.root())
        assert log.subtrees(level, 0, 10**6) == expected
        assert log.subtrees(level, 3, 2) == expected[3:5]
    assert len(log.subtrees(8, 0, 10**6)) == 35


def test_a_root_or_a_leaf_that_is_missing(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    log.append_many([(make_event(), NOTICE) for _ in range(800)])
    db = log._handle.get()
    for table in ("leaf", "subtree"):
        db.execute(f"DROP TRIGGER {table}_no_delete")
    db.execute("DELETE FROM subtree WHERE position = 1")
    db.execute("DELETE FROM leaf WHERE seq = 300")
    with pytest.raises(LogDamaged, match="subtree of level 8 1 is missing"):
        log.subtrees(8, 0, 3)
    with pytest.raises(LogDamaged, match="leaf 300 is missing"):
        log.leaf_hashes(200, 200)
    assert issubclass(LogDamaged, LogUnreadable)
    log.close()
