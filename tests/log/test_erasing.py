"""What is forgotten or pruned is gone, byte for byte; what stays can be verified."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentkit.errors import LogError, LogUnavailable
from consentkit.log import Spool, erasure, forget, oldest_kept, rfc3339, verify
from consentkit.log.sqlite import SqliteLog
from tests.log.making import NOTICE, fill, make_event


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    return SqliteLog(tmp_path / "consent.db", deadline=60)


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@settings(max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 900), min_size=1, max_size=60),
    mine=st.sets(st.integers(0, 59), min_size=1),
)
def test_nothing_of_a_forgotten_visitor_is_left(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], mine: set[int]
) -> None:
    """In no file, whatever pages the rows were on; neither the values nor what would open them."""
    folder = tmp_path_factory.mktemp("forgotten")
    log = SqliteLog(folder / "consent.db")
    entries = [
        (
            make_event(
                consent_id="the-forgotten-one" if number in mine else f"visitor-{number}",
                page=("/hidden-place/" if number in mine else "/shop/") + "p" * length,
                language="xx-hidden" if number in mine else "en",
            ),
            NOTICE,
        )
        for number, length in enumerate(lengths)
    ]
    records = log.append_many(entries)
    erased = [r for r in records if r.event.consent_id == "the-forgotten-one"]
    before = log.head()
    assert log.forget("the-forgotten-one", *erasure("1")) == len(erased)
    left = everything(folder)
    for trace in (b"the-forgotten-one", b"hidden", *(record.salt for record in erased)):
        assert trace not in left
    for record in records:
        if record.event.consent_id != "the-forgotten-one":
            assert record.salt in left
    assert log.head().size == before.size + bool(erased)
    found = verify(log)
    assert (found.faults, found.redacted) == ((), len(erased) + bool(erased))
    log.close()


def test_an_erasure_is_a_record_of_nobody(log: SqliteLog) -> None:
    fill(log, 6)
    event, notice = erasure("2026-11")
    assert log.forget("visitor-1", event, notice) == 2
    record = log.get(event.id)
    assert record is not None
    assert (record.event.action, record.event.consent_id, record.redacted) == ("forget", "", True)
    assert log.notice(event.notice) == notice
    assert log.forget("visitor-1", event, notice) == 0
    assert log.forget("nobody", *erasure("1")) == 0
    assert log.head().size == 7
    with pytest.raises(LogError, match="erasure"):
        log.forget("visitor-2", make_event(), NOTICE)
    assert len(log.by_consent_id("visitor-2")) == 2


def test_forgetting_reaches_the_spool(log: SqliteLog, tmp_path: Path) -> None:
    fill(log, 3)
    spool = Spool(tmp_path / "spool")
    spool.append([(make_event(consent_id="visitor-1", page="/hidden-place"), NOTICE)])
    (tmp_path / "spool" / "7.spool-1.damaged").write_bytes(b"something of visitor-1")
    assert forget(log, spool, "visitor-1", *erasure("1")) == 2
    assert b"visitor-1" not in everything(tmp_path)
    assert b"hidden" not in everything(tmp_path)
    assert verify(log).size == 5


def test_a_reader_of_an_earlier_state_holds_an_erasure_up(log: SqliteLog) -> None:
    fill(log, 6)
    log._deadline = 0.2
    with closing(sqlite3.connect(log.path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM leaf").fetchone()
        with pytest.raises(LogUnavailable, match="write-ahead log"):
            log.forget("visitor-1", *erasure("1"))
        db.execute("ROLLBACK")
    # Done again, it finds nothing to erase; but what was erased leaves the write-ahead log.
    assert log.forget("visitor-1", *erasure("1")) == 0
    assert b"visitor-1" not in everything(log.path.parent)


def test_a_damaged_record_can_be_erased(log: SqliteLog) -> None:
    fill(log, 6)
    with closing(sqlite3.connect(log.path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER personal_no_update")
        db.execute("DROP TRIGGER leaf_no_update")
        db.execute("UPDATE personal SET body = x'7bff00' WHERE seq = 1")
        db.execute("UPDATE leaf SET body = x'7b' WHERE seq = 4")
    assert log.forget("visitor-1", *erasure("1")) == 1  # whose the other one is, nobody can tell
    assert log.prune("2026-11-22T10:00:05.000Z") == 5
    assert verify(log).whole


def test_pruning(log: SqliteLog) -> None:
    fill(log, 30)
    log.append(make_event(time="2026-11-22T10:00:01.500Z"), NOTICE)  # by a clock that was wrong
    root = verify(log).root
    records = list(log.records(limit=10))
    assert log.prune("2026-11-22T10:00:10.000Z") == 11
    left = everything(log.path.parent)
    for record in records:
        for trace in (record.leaf, record.salt, record.event.id.encode()):
            assert trace not in left
    assert [record.seq for record in log.records()] == list(range(10, 30))
    assert len(log.leaf_hashes(0, 100)) == 31
    found = verify(log)
    assert (found.faults, found.pruned, found.size, found.root) == ((), 11, 31, root)
    assert log.prune("2026-11-22T10:00:10.000Z") == 0
    assert log.append(make_event(), NOTICE).seq == 31
    assert log.prune("2027-01-01T00:00:00.000Z") == 21
    assert list(log.records()) == []
    assert (verify(log).whole, verify(log).pruned) == (True, 32)


def test_pruning_goes_step_by_step(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small transactions, and a time that stands in many blocks."""
    monkeypatch.setattr("consentkit.log.sqlite._PRUNED_AT_ONCE", 7)
    times = [f"2026-11-{1 + n % 20:02}T10:00:00.000Z" for n in range(5000)]
    for start in range(0, 5000, 1000):
        log.append_many([(make_event(time=t), NOTICE) for t in times[start : start + 1000]])
    assert log.prune("2026-11-03T00:00:00.000Z") == 500
    assert {record.event.time[8:10] for record in log.records()} == {
        f"{day:02}" for day in range(3, 21)
    }
    assert verify(log).pruned == 500


def test_what_is_left_of_a_pruned_record_is_a_fault(log: SqliteLog) -> None:
    fill(log, 6)
    rows = log.rows(0, 1)
    log.prune("2026-11-22T10:00:03.000Z")
    with closing(sqlite3.connect(log.path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER personal_no_update")
        db.execute("UPDATE personal SET salt = ?, body = ? WHERE seq = 0", rows[0][6:])
    assert verify(log).first == 0


def test_how_old_is_too_old() -> None:
    assert oldest_kept(1, 1_800_000_000.25) == rfc3339(1_800_000_000_250 - 86_400_000)
    assert oldest_kept(2**31, 1_800_000_000) == "1970-01-01T00:00:00.000Z"
