"""Any change is found, and at its place."""
# ruff: noqa: S608 - the tables named are our own

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from consentkit.errors import LogError, LogTampered, LogUnreadable
from consentkit.log import Checkpoint, Verification, verify
from consentkit.log.merkle import Frontier
from consentkit.log.pages import faultless
from consentkit.log.sqlite import SqliteLog
from consentkit.log.sqlite_columns import LEAF_COLUMNS, MARKS
from consentkit.log.sqlite_reader import SqliteReader
from tests.log.making import GERMAN, NOTICE, fill, make_event

COUNT = 11
REDACTED = 5


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed log with eleven records, one of them redacted. Only ever copied."""
    log = SqliteLog(tmp_path_factory.mktemp("original") / "consent.db")
    fill(log, COUNT)
    log.close()
    with changing(log.path) as db:
        db.execute("DELETE FROM personal WHERE seq = ?", (REDACTED,))
    return log.path


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path))


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that nothing stops, for somebody who leaves no other trace."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        for name, sql in triggers.fetchall():
            db.execute(f"DROP TRIGGER {name}")
            assert sql
        db.execute("PRAGMA ignore_check_constraints = ON")
        yield db
        db.execute("PRAGMA journal_mode = DELETE")


def found(path: Path) -> Verification:
    with closing(SqliteReader(path)) as reader:
        return verify(reader)


def test_the_original_is_whole(original: Path) -> None:
    verification = found(original)
    assert verification.faults == ()
    assert (verification.size, verification.redacted) == (COUNT, 1)
    tree = Frontier()
    with closing(SqliteReader(original)) as reader:
        for record in reader.records():
            tree.push(record.leaf_hash)
    assert verification.root == tree.root()


def rewritten(db: sqlite3.Connection, seq: int) -> None:
    """Change a record and everything in its row that depends on it."""
    (body,) = db.execute("SELECT body FROM leaf WHERE seq = ?", (seq,)).fetchone()
    body = body.replace(b'"marketing":"denied"', b'"marketing":"granted"')
    digest = hashlib.sha256(b"\x00" + body).digest()
    db.execute("UPDATE leaf SET body = ?, hash = ? WHERE seq = ?", (body, digest, seq))


def swapped(db: sqlite3.Connection, one: int, other: int) -> None:
    """Exchange two records with all that belongs to them."""
    for table in ("leaf", "personal"):
        for before, after in ((one, -1), (other, one), (-1, other)):
            db.execute(f"UPDATE {table} SET seq = ? WHERE seq = ?", (after, before))


def doubled(db: sqlite3.Connection, seq: int) -> None:
    db.execute(
        "INSERT INTO leaf SELECT ?, hash, time, action, country, policy, outcome, services, "
        "'017f22e2-79b0-74c3-98c4-dc0c0c07398f', body FROM leaf WHERE seq = ?",
        (COUNT, seq),
    )
    db.execute("UPDATE head SET size = size + 1")


def cut(db: sqlite3.Connection, size: int) -> None:
    for table in ("leaf", "personal"):
        db.execute(f"DELETE FROM {table} WHERE seq >= ?", (size,))


def shifted(db: sqlite3.Connection, seq: int) -> None:
    """Take a record out and close the gap."""
    for table in ("leaf", "personal"):
        db.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))
        for later in range(seq + 1, COUNT):
            db.execute(f"UPDATE {table} SET seq = ? WHERE seq = ?", (later - 1, later))


Change = Callable[[sqlite3.Connection], Any]


def sql(statement: str) -> Change:
    return lambda db: db.execute(statement)


CHANGES: list[tuple[str, Change, int | None]] = [
    ("leaf bytes", sql("UPDATE leaf SET body = CAST(body || ' ' AS BLOB) WHERE seq = 4"), 4),
    ("leaf hash", sql("UPDATE leaf SET hash = randomblob(32) WHERE seq = 4"), 4),
    ("leaf bytes and hash", lambda db: rewritten(db, 4), 4),
    ("first leaf and hash", lambda db: rewritten(db, 0), 0),
    ("last leaf and hash", lambda db: rewritten(db, COUNT - 1), COUNT - 1),
    ("no leaf at all", sql("UPDATE leaf SET body = x'' WHERE seq = 4"), 4),
    ("gap", sql("DELETE FROM leaf WHERE seq = 4"), 4),
    ("first missing", sql("DELETE FROM leaf WHERE seq = 0"), 0),
    ("gap closed", lambda db: shifted(db, 4), 4),
    ("before the first", sql("UPDATE leaf SET seq = -7 WHERE seq = 4"), -7),
    ("swapped neighbours", lambda db: swapped(db, 4, 5), 4),
    ("swapped far apart", lambda db: swapped(db, 2, 8), 2),
    ("doubled", lambda db: doubled(db, 4), COUNT),
    ("tail missing", lambda db: cut(db, 7), 7),
    ("all missing", lambda db: cut(db, 0), 0),
    ("head too small", sql("UPDATE head SET size = 7"), 7),
    ("head cut in order", sql("UPDATE head SET size = 8, frontier = substr(frontier, 1, 32)"), 8),
    ("frontier", sql("UPDATE head SET frontier = zeroblob(96)"), 7),
    ("frontier too short", sql("UPDATE head SET frontier = x''"), None),
    ("head missing", sql("DELETE FROM head"), None),
    ("second head", sql("INSERT INTO head SELECT 2, size, frontier FROM head"), None),
    ("notice missing", sql(f"DELETE FROM notice WHERE hash = '{GERMAN.hash}'"), 3),
    (
        "notice changed",
        sql("UPDATE notice SET html = CAST(html || ' ' AS BLOB) WHERE language = 'de'"),
        3,
    ),
    ("notice language", sql("UPDATE notice SET language = 'fr' WHERE language = 'de'"), 3),
    ("notice too many", sql("INSERT INTO notice VALUES ('ab', 'en', x'')"), None),
    ("personal bytes", sql("UPDATE personal SET body = randomblob(99) WHERE seq = 6"), 6),
    ("personal salt", sql("UPDATE personal SET salt = randomblob(32) WHERE seq = 6"), 6),
    ("personal given back", sql(f"UPDATE personal SET seq = {REDACTED} WHERE seq = 6"), REDACTED),
    ("personal of nobody", sql("UPDATE personal SET seq = 99 WHERE seq = 6"), 99),
    ("half erased", sql("UPDATE personal SET salt = zeroblob(32) WHERE seq = 6"), 6),
    ("otherwise erased", sql("UPDATE personal SET body = zeroblob(length(body)) WHERE seq = 6"), 6),
    ("half pruned", sql("UPDATE leaf SET body = NULL WHERE seq = 6"), 6),
    ("id column", sql("UPDATE leaf SET id = 'x' WHERE seq = 6"), 6),
    ("time column", sql("UPDATE leaf SET time = 'x' WHERE seq = 6"), 6),
    ("action column", sql("UPDATE leaf SET action = 'gpc' WHERE seq = 6"), 6),
]


@pytest.mark.parametrize(("change", "first"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_changes_are_found_at_their_place(copy: Path, change: Change, first: int | None) -> None:
    with changing(copy) as db:
        change(db)
    verification = found(copy)
    assert not verification.whole
    assert verification.first == first, verification.faults


def test_a_rewritten_log_without_an_earlier_root_is_not_excluded(copy: Path) -> None:
    # Said in the documentation and by the command; this test is here so that it stays true there.
    before = found(copy)
    with changing(copy) as db:
        cut(db, 8)
        tree = Frontier()
        for (digest,) in db.execute("SELECT hash FROM leaf ORDER BY seq"):
            tree.push(digest)
        db.execute("UPDATE head SET size = 8, frontier = ?", (tree.packed(),))
    after = found(copy)
    assert after.whole
    assert (after.size, after.root) != (before.size, before.root)


def test_all_faults_are_told_up_to_a_hundred(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 120)
    log.close()
    with changing(log.path) as db:
        db.execute("UPDATE leaf SET time = 'x' WHERE seq > 2")
    faults = found(log.path).faults
    assert [fault.seq for fault in faults] == list(range(3, 103))


CELLS = {
    "leaf": ["seq", "hash", "body", *LEAF_COLUMNS],
    "personal": ["seq", "salt", "body", *MARKS],
    "notice": ["hash", "language", "html"],
    "head": ["one", "size", "frontier"],
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_of_any_cell_is_found(original: Path, copy: Path, data: Any) -> None:
    shutil.copy(original, copy)
    table = data.draw(st.sampled_from(sorted(CELLS)))
    column = data.draw(st.sampled_from(CELLS[table]))
    with changing(copy) as db:
        rows = db.execute(
            f"SELECT rowid, typeof({column}), CAST({column} AS BLOB) FROM {table}"
        ).fetchall()
        rowid, kind, value = data.draw(st.sampled_from(rows))
        if kind == "integer":
            changed: Any = int(value) ^ 1 << data.draw(st.integers(0, 62))
            expression = "?"
        else:
            assume(value)
            position = data.draw(st.integers(0, len(value) - 1))
            flipped = bytearray(value)
            flipped[position] ^= 1 << data.draw(st.integers(0, 7))
            changed = bytes(flipped)
            expression = "CAST(? AS TEXT)" if kind == "text" else "?"
        try:
            db.execute(
                f"UPDATE {table} SET {column} = {expression} WHERE rowid = ?", (changed, rowid)
            )
        except sqlite3.IntegrityError:
            assume(False)  # two rows with one key: the database has no place for that
    assert not found(copy).whole


def everything(path: Path) -> list[Any]:
    """All that can be read from a log, by every way there is."""
    with closing(SqliteReader(path)) as reader:
        records = list(reader.records())
        return [
            records,
            [reader.get(record.event.id) for record in records],
            [reader.by_consent_id(f"visitor-{number}") for number in range(3)],
            [reader.notice(notice.hash) for notice in (NOTICE, GERMAN)],
            reader.head(),
        ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_of_the_file_is_found_or_changes_nothing(
    original: Path, copy: Path, data: Any
) -> None:
    content = bytearray(original.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    copy.write_bytes(content)
    try:
        whole = found(copy).whole
    except LogUnreadable:
        return
    if whole:
        assert everything(copy) == everything(original)


def test_a_damaged_file_is_read_as_far_as_it_goes(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as db:
        (root_page,) = db.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'leaf'"
        ).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    content = bytearray(copy.read_bytes())
    content[(root_page - 1) * size] = 0xFF
    copy.write_bytes(content)
    verification = found(copy)
    assert not verification.whole
    with pytest.raises(LogError):
        everything(copy)


def test_reading_a_changed_record_says_so(copy: Path) -> None:
    with changing(copy) as db:
        rewritten(db, 4)
        db.execute("UPDATE leaf SET body = CAST(body || ' ' AS BLOB) WHERE seq = 6")
    with closing(SqliteReader(copy)) as reader:
        records = reader.records()
        # Consistent in itself, so only verification can tell.
        assert [next(records).seq for _ in range(6)] == list(range(6))
        with pytest.raises(LogTampered) as caught:
            next(records)
    assert caught.value.seq == 6
    assert found(copy).first == 4


# More than one tile of the tree: stored subtree roots, pruned rows, checkpoints along the way.

LONG = 700


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven hundred records: the first sixty are pruned, one visitor of the rest is forgotten."""
    log = SqliteLog(tmp_path_factory.mktemp("long") / "consent.db")
    fill(log, LONG - 1)
    log.prune("2026-11-22T10:01:00.000Z")
    erased = make_event(consent_id="visitor-1", action="forget", outcome={})
    assert log.forget("visitor-1", erased, NOTICE) == 213
    log.close()
    return log.path


@pytest.fixture
def long_copy(long: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(long, tmp_path))


def test_redacted_and_pruned_records_are_counted(long: Path) -> None:
    verification = found(long)
    assert verification.faults == ()
    assert (verification.size, verification.pruned, verification.redacted) == (LONG, 60, 214)


LONG_CHANGES: list[tuple[str, Change, int | None]] = [
    ("root of a tile", sql("UPDATE subtree SET hash = randomblob(32) WHERE position = 1"), 511),
    ("tile missing", sql("DELETE FROM subtree WHERE position = 0"), 255),
    ("tile too many", sql("INSERT INTO subtree VALUES (8, 2, randomblob(32))"), None),
    ("level too many", sql("INSERT INTO subtree VALUES (9, 0, randomblob(32))"), None),
    ("hash of a pruned leaf", sql("UPDATE leaf SET hash = randomblob(32) WHERE seq = 7"), 255),
    ("pruned row missing", sql("DELETE FROM leaf WHERE seq = 7"), 7),
    ("pruned last", sql("UPDATE leaf SET hash = randomblob(32) WHERE seq = 59"), 59),
    ("half pruned", sql("UPDATE leaf SET body = NULL WHERE seq = 300"), 300),
    ("pruned, but personal", sql("UPDATE personal SET salt = randomblob(32) WHERE seq = 7"), 7),
    ("in the last page", sql("UPDATE leaf SET time = 'x' WHERE seq = 699"), 699),
    ("in a whole tile", sql("UPDATE leaf SET action = 'x' WHERE seq = 300"), 300),
    ("leaf and hash", lambda db: rewritten(db, 300), 300),
    ("swapped", lambda db: swapped(db, 300, 301), 300),
]


@pytest.mark.parametrize(
    ("change", "first"), [c[1:] for c in LONG_CHANGES], ids=[c[0] for c in LONG_CHANGES]
)
def test_changes_of_a_long_log(long_copy: Path, change: Change, first: int | None) -> None:
    with changing(long_copy) as db:
        change(db)
    verification = found(long_copy)
    assert not verification.whole
    assert verification.first == first, verification.faults


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_of_hashes_and_nodes_is_found(
    long: Path, long_copy: Path, data: Any
) -> None:
    shutil.copy(long, long_copy)
    table = data.draw(st.sampled_from(["leaf", "subtree"]))
    key = "seq" if table == "leaf" else "position"
    place = data.draw(st.integers(0, 70 if table == "leaf" else 1))
    with changing(long_copy) as db:
        where = f"FROM {table} WHERE {key} = ?"
        flipped = bytearray(db.execute(f"SELECT hash {where}", (place,)).fetchone()[0])
        bit = data.draw(st.integers(0, 255))
        flipped[bit // 8] ^= 1 << bit % 8
        db.execute(f"UPDATE {table} SET hash = ? WHERE {key} = ?", (bytes(flipped), place))
    assert not found(long_copy).whole


def checked(path: Path, *checkpoints: Checkpoint) -> Verification:
    with closing(SqliteReader(path)) as reader:
        return verify(reader, checkpoints)


def checkpoint_at(path: Path, size: int) -> Checkpoint:
    tree = Frontier()
    with closing(SqliteReader(path)) as reader:
        for digest in reader.leaf_hashes(0, size):
            tree.push(digest)
    return Checkpoint("shop.example", size, tree.root())


def test_checkpoints_of_every_size(long: Path) -> None:
    sizes = [0, 1, 2, 59, 60, 61, 255, 256, 257, 300, 511, 512, 513, LONG - 1, LONG]
    checkpoints = [checkpoint_at(long, size) for size in sizes]
    verification = checked(long, *reversed(checkpoints), checkpoints[4])
    assert verification.faults == ()
    assert verification.agreed == LONG
    assert checked(long, *checkpoints[:3]).agreed == 2
    assert checked(long).agreed is None
    for place, checkpoint in enumerate(checkpoints):
        wrong = checkpoint._replace(root=bytes(32))
        verification = checked(long, *checkpoints[:place], wrong)
        assert not verification.whole
        assert verification.agreed == (sizes[place - 1] if place else None)
        assert any(wrong.text().rstrip() in why for _, why in verification.faults)


def test_a_checkpoint_of_more_than_there_is(long: Path) -> None:
    later = Checkpoint("shop.example", LONG + 5, bytes(32))
    verification = checked(long, checkpoint_at(long, 300), later)
    assert verification.faults == ((LONG, f"missing: a checkpoint counts {LONG + 5} records"),)
    assert verification.agreed == 300


def test_checkpoints_that_contradict_each_other_are_both_told(long: Path) -> None:
    for right, wrong in ((300, 300), (300, 400), (400, 300)):
        one = checkpoint_at(long, right)
        other = checkpoint_at(long, wrong)._replace(root=bytes(32))
        faults = [why for _, why in checked(long, one, other).faults]
        (both,) = [why for why in faults if "contradict each other" in why]
        assert one.text().rstrip() in both
        assert other.text().rstrip() in both


def test_progress_is_told(long: Path) -> None:
    told: list[int] = []
    with closing(SqliteReader(long)) as reader:
        verify(reader, progress=told.append)
    assert sum(told) == LONG


def test_pages_and_single_rows_come_to_the_same(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_page = found(long)
    monkeypatch.setattr("consentkit.log.verification.faultless", lambda *_: None)
    assert found(long) == by_page


def linked(rows: Any, first: bytes, second: bytes) -> list[Any]:
    """Two rows with other bodies, which follow each other as far as their hashes can tell."""
    made = []
    prev = rows[1][2]
    for row, body in zip(rows, (first, second), strict=True):
        following = body.replace(rows[0][2].hex().encode(), prev.hex().encode())
        prev = hashlib.sha256(b"\x00" + following).digest()
        made.append((row[0], row[1], prev, following, *row[4:]))
    return made


@pytest.mark.parametrize(
    ("end", "start"),
    [(b',{"x":"', b'",'), (b',{"x":[{"v":1}', b'{"v":1}],'), (b',{"x":[{"a":"v","v":1}', b"{}],")],
)
def test_two_bodies_that_only_together_are_two_leaves(
    original: Path, end: bytes, start: bytes
) -> None:
    with closing(SqliteReader(original)) as reader:
        rows = reader.rows(0, 2)
    one, two = rows[0][3], rows[1][3]
    assert one is not None
    assert two is not None
    assert faultless(linked(rows, one, two), 0, "") is not None
    made = linked(rows, one + end, start + two[1:])
    joined = b"[" + made[0][3] + b"," + made[1][3] + b"]"
    assert [leaf["seq"] for leaf in json.loads(joined)] == [0, 1]
    assert faultless(made, 0, "") is None


@pytest.mark.parametrize("extra", [b",{}", b',{"q\\"v":1}', b"]", b",["])
def test_a_body_with_something_behind_it(original: Path, extra: bytes) -> None:
    with closing(SqliteReader(original)) as reader:
        rows = reader.rows(0, 2)
    one, two = rows[0][3], rows[1][3]
    assert one is not None
    assert two is not None
    assert faultless(linked(rows, one + extra, two), 0, "") is None
    assert faultless(linked(rows, one, two + extra), 0, "") is None
