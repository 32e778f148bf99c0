"""The log in an SQLite file: the default store, for one machine.

``append`` returns after the commit of one transaction that holds record, personal part, notice and
the new head, with ``synchronous=FULL``: what was acknowledged survives a power cut. Processes and
threads may append to one file at will; the place of a record is given under the database's lock.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Unpack

from consentkit.errors import LogError, LogUnavailable
from consentkit.log.event import Event, Notice, Record
from consentkit.log.filelock import FileQueue
from consentkit.log.leaf import SALT_BYTES, make_record, read_record
from consentkit.log.merkle import Frontier
from consentkit.log.sqlite_handle import Handle
from consentkit.log.sqlite_reader import SqliteReader, connect
from consentkit.log.sqlite_schema import create, identify
from consentkit.log.store import Filters, Head, Row

__all__ = ["SqliteLog"]

_STRICT_TABLES = (3, 37)


class SqliteLog:
    """A log in the file ``path``, created by the first append.

    ``deadline`` is the most time, in seconds, that one append waits for its turn.
    """

    def __init__(
        self,
        path: Path,
        *,
        deadline: float = 5.0,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if sqlite3.sqlite_version_info < _STRICT_TABLES:
            raise LogError(f"SQLite 3.37 or newer is needed, not {sqlite3.sqlite_version}")
        # Absolute: a server that becomes a daemon changes its directory.
        self.path = path.absolute()
        self._deadline = deadline
        self._random_bytes = random_bytes
        self._handle = Handle(self.path, self._open)
        self._queue = FileQueue(self.path.with_name(self.path.name + "-lock"))
        self._reader = SqliteReader(self.path, live=True, timeout=deadline)

    def append(self, event: Event, notice: Notice) -> Record:
        """Append ``event``; durable on return. See ``Log.append``."""
        event.check()
        if event.notice != notice.hash:
            raise LogError("the event names another notice than the one it came with")
        salt = self._random_bytes(SALT_BYTES)
        deadline = time.monotonic() + self._deadline
        lock = self._handle.lock
        if not lock.acquire(timeout=self._deadline):
            raise LogUnavailable(f"{self.path} is busy: no turn within {self._deadline:g} s")
        try:
            with self._queue.turn(deadline):
                try:
                    return self._append(event, notice, salt, deadline)
                except BaseException:
                    # Also after a failed fsync a connection is not to be trusted any more.
                    self._handle.drop()
                    raise
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"{self.path} cannot be written: {error}") from error
        finally:
            lock.release()

    def _append(self, event: Event, notice: Notice, salt: bytes, deadline: float) -> Record:
        db = self._handle.get()
        left = max(0, int((deadline - time.monotonic()) * 1000))
        db.execute(f"PRAGMA busy_timeout = {left}")
        db.execute("BEGIN IMMEDIATE")
        known = db.execute(
            "SELECT leaf.seq, leaf.hash, leaf.body, personal.salt, personal.body "
            "FROM leaf LEFT JOIN personal USING (seq) WHERE leaf.id = ?",
            (event.id,),
        ).fetchone()
        if known is not None:
            db.execute("ROLLBACK")
            return read_record(*known)
        tree, prev = _head(db)
        record = make_record(
            event, notice_language=notice.language, seq=tree.size, prev=prev, salt=salt
        )
        _store_notice(db, notice)
        db.execute(
            "INSERT INTO leaf (seq, id, hash, body, time, action) VALUES (?, ?, ?, ?, ?, ?)",
            (record.seq, event.id, record.leaf_hash, record.leaf, event.time, event.action),
        )
        db.execute(
            "INSERT INTO personal (seq, consent_id, salt, body) VALUES (?, ?, ?, ?)",
            (record.seq, event.consent_id, record.salt, record.personal),
        )
        tree.push(record.leaf_hash)
        db.execute("UPDATE head SET size = ?, frontier = ?", (tree.size, tree.packed()))
        db.execute("COMMIT")
        if not self._handle.current():
            raise LogUnavailable(f"{self.path} was removed or replaced while it was written")
        return record

    def _open(self) -> sqlite3.Connection:
        with suppress(FileExistsError):
            # For its owner alone; SQLite gives its side files the same mode. Only a new file may
            # be opened here: closing a descriptor of it drops all this process's locks on a file.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        db = connect(self.path, "mode=rw", self._deadline)
        try:
            made = identify(db)  # first of all, so that nobody else's file is touched
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise LogUnavailable(
                    f"{self.path} cannot be used in WAL mode (SQLite answers {mode!r}); "
                    "a consent log needs a local file system"
                )
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone does not reach the disk
            db.execute("PRAGMA secure_delete = ON")
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("PRAGMA journal_size_limit = 67108864")
            if not made:
                create(db)
        except BaseException:
            db.close()
            raise
        return db

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
