"""Tallies: what they say is what counting the records says, whatever was tallied and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentkit.log import erasure, open_reader, verify
from consentkit.log.sqlite import SqliteLog
from consentkit.log.store import Key, LogDamaged
from consentkit.log.tally import BY, DIMENSIONS, STEPS, count_rows, statistics, summarise
from tests.log.making import NOTICE, make_event

STATES = st.sampled_from(["granted", "denied"])
EVENTS = st.fixed_dictionaries(
    {
        "time": st.sampled_from(
            [
                f"20{y}-{m:02}-{d:02}T10:00:00.000Z"
                for y in (25, 26)
                for m in (1, 12)
                for d in (1, 9)
            ]
        ),
        "action": st.sampled_from(["accept", "reject", "save", "withdraw", "gpc", "expire"]),
        "outcome": st.dictionaries(st.sampled_from(["analytics", "marketing"]), STATES),
        "country": st.sampled_from(["", "DE", "FR", "de", "<script>"]),
        "language": st.sampled_from(["", "de", "DE-at", "fil", "xx-" + "y" * 99, "2"]),
        "device": st.sampled_from(["", "desktop", "mobile"]),
        "policy_version": st.sampled_from(["1", "2026-11"]),
    }
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_path / "consent.db")) as log:
        yield log


def append(log: SqliteLog, events: list[dict[str, Any]]) -> None:
    log.append_many([(make_event(**event), NOTICE) for event in events])


def plain(events: list[dict[str, Any]], by: str, since: str, until: str, length: int) -> Any:
    """The same in as few words as can be."""
    found: Counter[Any] = Counter()
    for event in events:
        day = event["time"][:10]
        if not since <= day < until:
            continue
        choices = event["outcome"].items() if event["action"] != "expire" else ()
        for category, state in [("", ""), *choices]:
            value = category if by == "category" else event[by]
            if by == "country" and value:
                value = value if value in ("DE", "FR") else "other"
            if by == "language" and value:
                value = (
                    "de" if value.lower()[:2] == "de" else "xx" if value[:3] == "xx-" else "other"
                )
            found[day[:length], value, category, state] += 1
    return dict(found)


@settings(max_examples=40, deadline=None)
@given(
    events=st.lists(EVENTS, min_size=1, max_size=30),
    tallied=st.integers(0, 30),
    by=st.sampled_from(BY),
    step=st.sampled_from(STEPS),
    since=st.sampled_from(["", "2025-12-02", "2026-01-09"]),
    until=st.sampled_from(["9999", "2026-12-01", "2026-01-09"]),
)
def test_any_part_tallied_gives_what_counting_gives(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[dict[str, Any]],
    tallied: int,
    by: Any,
    step: Any,
    since: str,
    until: str,
) -> None:
    path = tmp_path_factory.mktemp("log") / "consent.db"
    with closing(SqliteLog(path)) as log:
        append(log, events[:tallied])
        summarise(log)
        append(log, events[tallied:])
        wanted = plain(events, by, since, until, {"day": 10, "month": 7, "total": 0}[step])
        for recount in (False, True):
            found = statistics(log, by, since=since, until=until, step=step, recount=recount)
            assert {tuple(count[:4]): count.number for count in found.counts} == wanted
            assert (found.size, found.counted) == (len(events), len(events))


def test_each_record_is_tallied_once(log: SqliteLog) -> None:
    append(log, [{}] * 10)
    rows = log.rows(0, 10)
    tallies = count_rows(rows, DIMENSIONS)
    assert log.add_tallies(0, 10, tallies)
    assert not log.add_tallies(0, 10, tallies)
    assert not log.add_tallies(4, 12, tallies)
    log.maintain()
    assert log.tallies("action", "", "9999", "total") == (
        10,
        [("", "save", category, state, 10) for category, state in
         [("", ""), ("analytics", "granted"), ("functional", "granted"), ("marketing", "denied")]],
    )  # fmt: skip


def test_maintaining_a_log_counts_what_came_in_small_steps(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consentkit.log.tally._BATCH", 4)
    append(log, [{}] * 11)
    seen: list[int] = []
    ticks = iter(range(100))
    summarise(log, 2.0, clock=lambda: next(ticks), progress=seen.append)
    assert seen == [4]
    assert log.tallies("action", "", "9999", "total")[0] == 4
    log.maintain()
    assert log.tallies("action", "", "9999", "total")[0] == 11


def test_how_much_is_looked_at_can_be_bounded(log: SqliteLog) -> None:
    append(log, [{}] * 9)
    found = statistics(log, "action", most=5)
    assert (found.counted, found.size) == (5, 9)
    assert found.counts[0].number == 5


def test_counts_outlive_erasing_and_pruning(log: SqliteLog) -> None:
    append(log, [{"consent_id": "someone", "time": "2020-01-01T00:00:00.000Z"}, {}])
    log.maintain()
    before = statistics(log, "language", until="2027").counts
    event, notice = erasure("1", lambda: 0.0)
    assert log.forget("someone", event, notice) == 1
    assert log.prune("2021-01-01T00:00:00.000Z") == 2
    assert statistics(log, "language", since="2020", until="2027").counts == before
    assert verify(log).faults == ()


def test_what_is_erased_before_it_is_counted_has_no_language(log: SqliteLog) -> None:
    append(log, [{"consent_id": "someone"}])
    log.forget("someone", *erasure("1", lambda: 0.0))
    values = {count.value for count in statistics(log, "language").counts}
    assert values == {""}


def test_a_reader_changes_nothing_and_needs_no_tallies(log: SqliteLog, tmp_path: Path) -> None:
    append(log, [{}] * 3)
    log.close()
    with closing(open_reader(f"sqlite:///{log.path}")) as reader:
        assert statistics(reader, "action").counts[0].number == 3
    assert [path.name for path in tmp_path.iterdir() if "lock" not in path.name] == ["consent.db"]


def test_tallies_of_a_longer_log_are_damage(log: SqliteLog) -> None:
    append(log, [{}] * 3)
    assert log.add_tallies(0, 9, {Key("action", "2026-11-22", "save", "", ""): 9})
    with pytest.raises(LogDamaged, match="9 records were counted, but the log has 3"):
        statistics(log, "action")
