from __future__ import annotations

import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.errors import LogError, LogUnavailable, LogUnreadable
from consentkit.log import Notice, new_id, verify
from consentkit.log.merkle import Frontier
from consentkit.log.sqlite import SqliteLog
from tests.log.making import GERMAN, NOTICE, fill, make_event


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    return SqliteLog(tmp_path / "consent.db", deadline=60)


def test_nothing_is_made_before_the_first_record(log: SqliteLog) -> None:
    assert log.get(new_id()) is None
    assert log.by_consent_id("visitor-1") == []
    assert list(log.records()) == []
    assert log.notice(NOTICE.hash) is None
    assert log.head() == (0, b"", -1)
    log.close()
    assert list(log.path.parent.iterdir()) == []


def test_what_is_appended_is_read_back(log: SqliteLog) -> None:
    event = make_event(services={"matomo": "granted"}, gpc=True)
    record = log.append(event, NOTICE)
    assert record.event == event
    assert record.seq == 0
    assert log.get(event.id) == record
    assert log.by_consent_id("visitor-1") == [record]
    assert log.notice(NOTICE.hash) == NOTICE
    assert not record.redacted


def test_the_journal_and_the_sync_are_those_promised(log: SqliteLog) -> None:
    log.append(make_event(), NOTICE)
    db = log._handle.get()
    answers = {
        name: db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "secure_delete")
    }
    assert answers == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


def test_places_are_dense_and_the_head_is_the_tree_of_the_leaves(log: SqliteLog) -> None:
    ids = fill(log, 37)
    records = list(log.records())
    assert [record.seq for record in records] == list(range(37))
    assert [record.event.id for record in records] == ids
    tree = Frontier()
    for record in records:
        tree.push(record.leaf_hash)
    assert log.head() == (37, tree.packed(), 36)


def test_the_same_id_again_gives_the_record_stored_first(log: SqliteLog) -> None:
    event = make_event()
    first = log.append(event, NOTICE)
    log.append(make_event(), NOTICE)
    assert log.append(event, NOTICE) == first
    assert log.append(make_event(id=event.id, action="reject"), NOTICE) == first
    assert log.head().size == 2
    assert verify(log).whole


def test_notices_are_stored_once(log: SqliteLog) -> None:
    fill(log, 12)
    assert log.notice_keys() == {(NOTICE.hash, "en"), (GERMAN.hash, "de")}
    assert log.notice(GERMAN.hash) == GERMAN
    assert log.notice("0" * 64) is None


def test_a_notice_that_is_not_the_event_s_is_refused(log: SqliteLog) -> None:
    with pytest.raises(LogError, match="another notice"):
        log.append(make_event(), GERMAN)
    forged = Notice(hash=NOTICE.hash, html=b"something else", language="en")
    with pytest.raises(LogError, match="hash"):
        log.append(make_event(), forged)
    assert log.head().size == 0
    log.append(make_event(), NOTICE)
    assert verify(log).whole


def test_an_event_of_another_form_leaves_nothing_behind(log: SqliteLog) -> None:
    log.append(make_event(), NOTICE)
    with pytest.raises(LogError):
        log.append(make_event(country="\ud800"), NOTICE)
    log.append(make_event(), NOTICE)
    assert verify(log).size == 2
    assert verify(log).whole


def test_salts_are_never_used_twice(log: SqliteLog) -> None:
    same = {"consent_id": "visitor-1", "page": "/"}
    records = [log.append(make_event(**same), NOTICE) for _ in range(20)]
    assert len({record.personal for record in records}) == 1
    assert len({record.salt for record in records}) == 20


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE leaf SET action = 'reject'",
        "DELETE FROM leaf",
        "UPDATE personal SET body = x''",
        "UPDATE personal SET seq = 77",
        "DELETE FROM personal",
        "UPDATE leaf SET body = NULL, id = NULL, time = NULL, action = NULL, hash = zeroblob(32)",
        "UPDATE subtree SET hash = zeroblob(32)",
        "DELETE FROM subtree",
        "UPDATE notice SET html = x''",
        "DELETE FROM notice",
        "UPDATE head SET size = size - 1",
        "DELETE FROM head",
    ],
)
def test_the_database_itself_refuses_changes(log: SqliteLog, statement: str) -> None:
    log.append_many([(make_event(), NOTICE) for _ in range(256)])
    db = sqlite3.connect(log.path)
    with pytest.raises(sqlite3.IntegrityError, match="only appended to"):
        db.execute(statement)
    db.close()


def test_filters(log: SqliteLog) -> None:
    fill(log, 30)

    def places(**filters: object) -> list[int]:
        return [record.seq for record in log.records(**filters)]  # type: ignore[arg-type]

    assert places(action="reject") == list(range(1, 30, 3))
    assert places(category="analytics") == list(range(30))
    assert places(category="analytics=granted") == list(range(1, 30, 2))
    assert places(category="functional") == []
    assert places(since="2026-11-22T10:00:20.000Z") == list(range(20, 30))
    assert places(until="2026-11-22T10:00:20.000Z") == list(range(20))
    assert places(consent_id="visitor-2") == list(range(2, 30, 3))
    assert places(consent_id="visitor-2", action="accept") == []
    assert places(after=25) == [26, 27, 28, 29]
    assert places(limit=3) == [0, 1, 2]
    assert places(category="analytics=granted", after=10, limit=2) == [11, 13]
    assert places(limit=0) == []


def test_records_are_read_in_pages(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consentkit.log.sqlite_reader._PAGE", 7)
    monkeypatch.setattr("consentkit.log.verification._PAGE", 7)
    fill(log, 21)
    for filters, expected in (({}, 21), ({"action": "save"}, 7), ({"consent_id": "visitor-0"}, 7)):
        assert len(list(log.records(**filters))) == expected  # type: ignore[arg-type]
    assert verify(log).size == 21


def test_a_log_is_verified_while_it_is_appended_to(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consentkit.log.verification._PAGE", 3)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            notice = Notice.of(f"<p>{number % 50}</p>".encode(), "en")
            log.append(make_event(notice=notice.hash), notice)
            number += 1

    with ThreadPoolExecutor() as pool:
        writer = pool.submit(write)
        found = [verify(log) for _ in range(15)]
        stop.set()
        writer.result()
    assert [verification.faults for verification in found] == [()] * 15
    assert [v.size for v in found] == sorted(v.size for v in found)
    assert verify(log).whole


def test_threads_append_at_once(log: SqliteLog) -> None:
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(lambda _: log.append(make_event(), NOTICE), range(200)))
    assert sorted(record.seq for record in records) == list(range(200))
    assert verify(log).whole


def test_a_closed_log_opens_again(log: SqliteLog) -> None:
    log.append(make_event(), NOTICE)
    log.close()
    assert [path.name for path in log.path.parent.iterdir() if "-lock" not in path.name] == [
        "consent.db"
    ]
    log.append(make_event(), NOTICE)
    assert verify(log).size == 2


def test_new_files_are_for_their_owner_alone(log: SqliteLog) -> None:
    log.append(make_event(), NOTICE)
    modes = {path.name: path.stat().st_mode & 0o777 for path in log.path.parent.iterdir()}
    assert modes == {
        "consent.db": 0o600,
        "consent.db-wal": 0o600,
        "consent.db-shm": 0o600,
        "consent.db-lock": 0o600,
    }


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, "other", "newer"])
def test_other_files(log: SqliteLog, content: bytes | str) -> None:
    if isinstance(content, bytes):
        log.path.write_bytes(content)
    else:
        if content == "newer":
            log.append(make_event(), NOTICE)
            log.close()
        db = sqlite3.connect(log.path)
        db.execute("PRAGMA user_version = 99" if content == "newer" else "CREATE TABLE mine (x)")
        db.commit()
        db.close()
    if content == b"":
        # What a crash between making the file and filling it leaves.
        assert list(log.records()) == []
        log.append(make_event(), NOTICE)
        assert verify(log).whole
        return
    before = log.path.read_bytes()
    with pytest.raises(LogUnreadable):
        log.append(make_event(), NOTICE)
    with pytest.raises(LogUnreadable):
        verify(log)
    log.close()
    assert log.path.read_bytes() == before


@given(st.data())
def test_a_head_that_does_not_fit_is_not_appended_to(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = SqliteLog(Path(folder, "consent.db"))
        fill(log, 5)
        size = data.draw(st.integers(0, 20).filter(lambda size: size != 5))
        db = sqlite3.connect(log.path)
        db.execute("DROP TRIGGER head_no_update")
        db.execute("UPDATE head SET size = ?", (size,))
        db.commit()
        db.close()
        with pytest.raises(LogUnavailable, match="disagree"):
            log.append(make_event(), NOTICE)
        assert not verify(log).whole
        log.close()
