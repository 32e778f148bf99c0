"""The log in an SQLite file: the default store, for one machine.

What writes returns after the commit of one transaction, with ``synchronous=FULL``: what was
acknowledged survives a power cut. Processes and threads may write to one file at will; the place
of a record is given under the database's lock.
"""
# ruff: noqa: S608 - no value is ever put into a statement

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Unpack

import msgspec

from consentkit.errors import LogError, LogUnavailable
from consentkit.log.event import Event, Notice, Record
from consentkit.log.filelock import FileQueue
from consentkit.log.leaf import SALT_BYTES, make_record, read_record
from consentkit.log.merkle import Frontier
from consentkit.log.sqlite_columns import LEAF_COLUMNS, MARKS, leaf_columns, personal_marks
from consentkit.log.sqlite_connection import check_sqlite, connect_to_write
from consentkit.log.sqlite_handle import Handle
from consentkit.log.sqlite_query import RECORD, places_of
from consentkit.log.sqlite_reader import SqliteReader
from consentkit.log.sqlite_schema import BLOCK_BITS, ERASE, ERASED, PRUNE
from consentkit.log.sqlite_tally import add_tallies
from consentkit.log.store import SUBTREE_LEVELS, Count, Filters, Head, Key, Row, Step
from consentkit.log.tally import summarise

__all__ = ["SqliteLog"]

_PRUNED_AT_ONCE = 1000
_COUNTING = 5.0  # seconds that a round of counting may take; each of its transactions is short
_DISTANCE = 500  # rows; three pages of a database hold far fewer
_WAL_BYTES = 4 * 1024 * 1024  # SQLite's own checkpoints, each 1000 pages, keep it below this


class _Entry(NamedTuple):
    event: Event
    notice: Notice
    salt: bytes
    kept: bool = True
    """Whether the personal part is stored."""


class SqliteLog:
    """A log in the file ``path``, created by the first append.

    ``deadline`` is the most time, in seconds, that a write waits for its turn.
    """

    def __init__(
        self,
        path: Path,
        *,
        deadline: float = 5.0,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        check_sqlite()
        # Absolute: a server that becomes a daemon changes its directory.
        self.path = path.absolute()
        self._deadline = deadline
        self._random_bytes = random_bytes
        self._handle = Handle(self.path, self._open)
        self._queue = FileQueue(self.path.with_name(self.path.name + "-lock"))
        self._reader = SqliteReader(self.path, live=True, timeout=deadline)

    def append(self, event: Event, notice: Notice) -> Record:
        """Append ``event``; durable on return. See ``Log.append``."""
        return self.append_many([(event, notice)])[0]

    def append_many(self, entries: Sequence[tuple[Event, Notice]]) -> list[Record]:
        """Append all or none; durable on return. See ``Log.append_many``."""
        made = [self._entry(event, notice) for event, notice in entries]
        if not made:
            return []
        with self._transaction() as db:
            return _append(db, made)

    def forget(self, consent_id: str, event: Event, notice: Notice) -> int:
        """Erase what is personal in a visitor's records. See ``Log.forget``."""
        if event.action != "forget":
            raise LogError(f"an erasure is recorded as such, not as {event.action!r}")
        entry = self._entry(event, notice)
        nobody = dict.fromkeys(("consent_id", "language", "page", "browser", "os", "device"), "")
        blank = msgspec.structs.replace(event, **nobody)
        with self._transaction() as db:
            erased = _erase(db, places_of(db, consent_id))
            if erased:
                _append(db, [entry._replace(event=blank, kept=False)])
        self._empty_journal(self._deadline)
        return erased

    def prune(self, before: str) -> int:
        """Erase what is older. See ``Log.prune``."""
        pruned, block = 0, 0
        if not self.path.exists():
            return 0
        while True:
            with self._transaction() as db:
                # Of a block that has something, as much as fits into one transaction.
                block = _block_with_time_before(db, block, before)
                if block < 0:
                    break
                pruned += _prune(db, block, before)
        if pruned:
            self._empty_journal(self._deadline)
        return pruned

    def maintain(self) -> None:
        """Give back the room of a write-ahead log that long readers let grow; count records."""
        wal = self.path.with_name(self.path.name + "-wal")
        with suppress(OSError):
            if wal.stat().st_size > _WAL_BYTES:
                self._empty_journal(0.0)
        if self.path.exists():
            summarise(self, _COUNTING)

    def add_tallies(self, start: int, end: int, tallies: Mapping[Key, int]) -> bool:
        """Keep the tallies of some records. See ``Log.add_tallies``."""
        with self._transaction() as db:
            return add_tallies(db, start, end, tallies)

    def _entry(self, event: Event, notice: Notice) -> _Entry:
        event.check()
        if event.notice != notice.hash:
            raise LogError("the event names another notice than the one it came with")
        return _Entry(event, notice, self._random_bytes(SALT_BYTES))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction when it is our turn; committed at the end, or not there at all."""
        with self._turn() as (db, deadline):
            left = max(0, int((deadline - time.monotonic()) * 1000))
            db.execute(f"PRAGMA busy_timeout = {left}")
            db.execute("BEGIN IMMEDIATE")
            before = db.total_changes
            yield db
            # Nothing to sync when nothing was changed.
            db.execute("COMMIT" if db.total_changes > before else "ROLLBACK")
            if not self._handle.current():
                raise LogUnavailable(f"{self.path} was removed or replaced while it was written")

    @contextmanager
    def _turn(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        deadline = time.monotonic() + self._deadline
        lock = self._handle.lock
        if not lock.acquire(timeout=self._deadline):
            raise LogUnavailable(f"{self.path} is busy: no turn within {self._deadline:g} s")
        try:
            with self._queue.turn(deadline):
                try:
                    yield self._handle.get(), deadline
                except BaseException:
                    # Also after a failed fsync a connection is not to be trusted any more.
                    self._handle.drop()
                    raise
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"{self.path} cannot be written: {error}") from error
        finally:
            lock.release()

    def _empty_journal(self, patience: float) -> None:
        """Copy the write-ahead log into the database and cut it to nothing, so that what was
        erased is in neither. Readers of an earlier state can hold that up for their moment."""
        until = time.monotonic() + patience
        while True:
            with self._turn() as (db, _):
                db.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
                if not db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    return
            if time.monotonic() >= until:
                if patience:
                    raise LogUnavailable(
                        f"{self.path}: what was erased is still in the write-ahead log, as "
                        "somebody has been reading an earlier state of it; do it again"
                    )
                return

    def _open(self) -> sqlite3.Connection:
        with suppress(FileExistsError):
            # For its owner alone; SQLite gives its side files the same mode. Only a new file may
            # be opened here: closing a descriptor of it drops all this process's locks on a file.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return connect_to_write(self.path, self._deadline)

    # Reading has a connection of its own: it need not wait for those who append.

    def get(self, record_id: str) -> Record | None:
        """The record with this id."""
        return self._reader.get(record_id)

    def by_consent_id(self, consent_id: str) -> list[Record]:
        """The records of one visitor, oldest first."""
        return self._reader.by_consent_id(consent_id)

    def records(self, **filters: Unpack[Filters]) -> Iterator[Record]:
        """Records in the order of the log; see ``Filters``."""
        return self._reader.records(**filters)

    def notice(self, notice_hash: str) -> Notice | None:
        """The notice with this hash."""
        return self._reader.notice(notice_hash)

    def head(self) -> Head:
        """The end of the log."""
        return self._reader.head()

    def rows(self, start: int | None, limit: int) -> Sequence[Row]:
        """Stored rows, for verification."""
        return self._reader.rows(start, limit)

    def leaf_hashes(self, start: int, count: int) -> list[bytes]:
        """The stored hashes of leaves."""
        return self._reader.leaf_hashes(start, count)

    def subtrees(self, level: int, start: int, count: int) -> list[bytes]:
        """The stored roots of perfect subtrees."""
        return self._reader.subtrees(level, start, count)

    def tallies(
        self, dimension: str, since: str, until: str, step: Step
    ) -> tuple[int, list[Count]]:
        """How many records are tallied, and the sums of their tallies."""
        return self._reader.tallies(dimension, since, until, step)

    def notice_keys(self) -> set[tuple[str, str]]:
        """Hash and language of every stored notice."""
        return self._reader.notice_keys()

    def notice_html(self, key: tuple[str, str]) -> bytes | None:
        """The bytes of one of them."""
        return self._reader.notice_html(key)

    def damage(self) -> Iterator[tuple[int | None, str]]:
        """What SQLite finds wrong with the file."""
        return self._reader.damage()

    def close(self) -> None:
        """Let go of the file. Using the log again opens it again."""
        self._reader.close()
        with self._handle.lock:
            self._handle.drop()


def _append(db: sqlite3.Connection, entries: Sequence[_Entry]) -> list[Record]:
    tree, prev = _head(db)
    known = _known(db, entries)
    records: list[Record] = []
    leaves: list[tuple[object, ...]] = []
    personal: list[tuple[object, ...]] = []
    roots: list[tuple[int, int, bytes]] = []
    notices: set[tuple[str, str]] = set()
    for event, notice, salt, kept in entries:
        if event.id in known:
            records.append(known[event.id])
            continue
        record = make_record(
            event, notice_language=notice.language, seq=tree.size, prev=prev, salt=salt
        )
        prev = record.leaf_hash
        records.append(record)
        known[event.id] = record
        leaves.append((record.seq, prev, *leaf_columns(record.leaf), record.leaf))
        if kept:
            marks = personal_marks(record.personal)
            personal.append((record.seq, *marks, record.salt, record.personal))
        if (notice.hash, notice.language) not in notices:
            notices.add((notice.hash, notice.language))
            _store_notice(db, notice)
        roots += tree.completed(prev, SUBTREE_LEVELS)
        tree.push(prev)
    if leaves:
        _insert(db, f"leaf (seq, hash, {', '.join(LEAF_COLUMNS)}, body)", leaves)
        _insert(db, f"personal (seq, {', '.join(MARKS)}, salt, body)", personal)
        _insert(db, "subtree (level, position, hash)", roots)
        db.execute("UPDATE head SET size = ?, frontier = ?", (tree.size, tree.packed()))
    return records


def _known(db: sqlite3.Connection, entries: Sequence[_Entry]) -> dict[str, Record]:
    """Which of them are in the log already."""
    ids = msgspec.json.encode([entry.event.id for entry in entries]).decode()
    rows = db.execute(
        f"SELECT {RECORD} FROM leaf LEFT JOIN personal USING (seq) "
        "WHERE leaf.id IN (SELECT value FROM json_each(?))",
        (ids,),
    ).fetchall()
    return {record.event.id: record for record in (read_record(*row) for row in rows)}


def _insert(db: sqlite3.Connection, into: str, rows: Sequence[tuple[object, ...]]) -> None:
    """All in one statement: between two, Python would let other threads have their turn."""
    if rows:
        row = f"({', '.join('?' * len(rows[0]))})"
        values = [value for row_ in rows for value in row_]
        db.execute(f"INSERT INTO {into} VALUES {', '.join([row] * len(rows))}", values)


def _block_with_time_before(db: sqlite3.Connection, start: int, before: str) -> int:
    """The first block of records, from ``start`` on, that holds an earlier time; -1: none."""
    row = db.execute(
        f"WITH RECURSIVE block(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM block "
        f"WHERE n < (SELECT max(seq) >> {BLOCK_BITS} FROM leaf)) SELECT n FROM block WHERE "
        f"(SELECT time FROM leaf WHERE seq >> {BLOCK_BITS} = n AND time IS NOT NULL "
        "ORDER BY time LIMIT 1) < ? LIMIT 1",
        (start, before),
    ).fetchone()
    return row[0] if row else -1


def _prune(db: sqlite3.Connection, block: int, before: str) -> int:
    places = db.execute(
        f"SELECT seq FROM leaf WHERE seq >> {BLOCK_BITS} = ? AND time < ? LIMIT ?",
        (block, before, _PRUNED_AT_ONCE),
    ).fetchall()
    _erase(db, places)
    db.executemany(f"UPDATE leaf SET {PRUNE} WHERE seq = ?", places)
    # The room is given back at a distance from what is kept: SQLite moves the rows around those
    # that it deletes, and would leave copies behind.
    first = db.execute(
        "SELECT seq FROM personal WHERE salt <> zeroblob(32) ORDER BY seq LIMIT 1"
    ).fetchone()
    end = first[0] if first else 2**62
    db.execute("DELETE FROM personal WHERE seq < ?", (end - _DISTANCE,))
    return len(places)


def _erase(db: sqlite3.Connection, places: Sequence[tuple[int]]) -> int:
    """Overwrite what is personal in the records at these places. Returns in how many there was."""
    return db.executemany(
        f"UPDATE personal SET {ERASE} WHERE seq = ? AND NOT {ERASED.format('')}",
        places,
    ).rowcount


def _head(db: sqlite3.Connection) -> tuple[Frontier, bytes]:
    """The tree so far and the hash of its last leaf; never append to a head that does not fit."""
    rows = db.execute(
        "SELECT head.size, head.frontier, last.seq, last.hash FROM head LEFT JOIN "
        "(SELECT seq, hash FROM leaf ORDER BY seq DESC LIMIT 1) AS last"
    ).fetchall()
    if len(rows) == 1:
        size, frontier, last, prev = rows[0]
        if size == (0 if last is None else last + 1):
            return Head(size, frontier, size - 1).tree(), prev or b""
    raise LogUnavailable("the head of the log and its records disagree; run: consentkit log verify")


def _store_notice(db: sqlite3.Connection, notice: Notice) -> None:
    key = (notice.hash, notice.language)
    if db.execute("SELECT 1 FROM notice WHERE hash = ? AND language = ?", key).fetchone() is None:
        if Notice.of(notice.html, notice.language).hash != notice.hash:
            raise LogError("the notice does not have the hash it came with")
        db.execute(
            "INSERT INTO notice (hash, language, html) VALUES (?, ?, ?)", (*key, notice.html)
        )
