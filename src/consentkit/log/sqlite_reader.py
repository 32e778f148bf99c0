"""Reading a log in SQLite.

A reader for tools (``live=False``) never creates a file, not even the side files that SQLite likes
to make beside a database in WAL mode: made by another user than the server's, those would stop the
server. It works on a copy that cannot be written. A reader inside the server (``live=True``) is
less strict, and takes a log that is not there yet for an empty one.

Everything is read in short statements, never in one long transaction, which would keep the
server's WAL file growing.
"""
# ruff: noqa: S608 - no value is ever put into a statement

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Unpack

from consentkit.errors import LogUnavailable, LogUnreadable
from consentkit.log.event import Notice, Record
from consentkit.log.leaf import read_record
from consentkit.log.sqlite_columns import MARKS, UNSEEN_COLUMNS, differing
from consentkit.log.sqlite_connection import check_sqlite, connect, connect_to_write
from consentkit.log.sqlite_files import frames_cut_off
from consentkit.log.sqlite_handle import Handle
from consentkit.log.sqlite_query import OWN_BODY, PERSONAL, RECORD, Query
from consentkit.log.sqlite_schema import DAMAGED, SCHEMA_VERSION, migrate, version_of
from consentkit.log.sqlite_tally import read_tallies
from consentkit.log.store import Count, Filters, Head, LogDamaged, Row, Step

__all__ = ["SqliteReader"]

_PAGE = 500


class _NotThereError(Exception):
    """There is no log yet, and that is fine."""


class SqliteReader:
    """The log in the file ``path``. ``timeout``: seconds to wait for a lock on it."""

    def __init__(self, path: Path, *, live: bool = False, timeout: float = 5.0) -> None:
        check_sqlite()
        self.path = path
        self._live = live
        self._timeout = timeout
        self._handle = Handle(path, self._open)
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._still: tuple[int, ...] | None = None
        self._opened = path

    # Queries

    def get(self, record_id: str) -> Record | None:
        """The record with this id."""
        rows = self._fetch(
            f"SELECT {RECORD} FROM leaf LEFT JOIN personal USING (seq) WHERE leaf.id = ?",
            (record_id,),
        )
        return read_record(*rows[0]) if rows else None

    def by_consent_id(self, consent_id: str) -> list[Record]:
        """The records of one visitor, oldest first."""
        return list(self.records(consent_id=consent_id))

    def records(self, **filters: Unpack[Filters]) -> Iterator[Record]:
        """Records in the order of the log; see ``Filters``."""
        left = filters.get("limit", -1)
        query = Query(self._fetch, filters)
        while left != 0:
            size = _PAGE if left < 0 else min(left, _PAGE)
            page = query.page(size)
            for row in page:
                yield read_record(*row)
            if len(page) < size:
                return
            left = max(-1, left - size)

    def notice(self, notice_hash: str) -> Notice | None:
        """The notice with this hash."""
        rows = self._fetch(
            "SELECT hash, html, language FROM notice WHERE hash = ? ORDER BY language LIMIT 1",
            (notice_hash,),
        )
        return Notice(hash=rows[0][0], html=rows[0][1], language=rows[0][2]) if rows else None

    def head(self) -> Head:
        """The end of the log."""
        rows = self._fetch(
            "SELECT count(*), max(one), max(size), max(frontier), "
            "(SELECT coalesce(max(seq), -1) FROM leaf) FROM head"
        )
        if not rows:
            return Head(0, b"", -1)
        count, one, size, frontier, last = rows[0]
        if (count, one) != (1, 1):
            raise LogDamaged(f"there should be one head of the log, not {count}")
        return Head(size, frontier, last)

    def tallies(
        self, dimension: str, since: str, until: str, step: Step
    ) -> tuple[int, list[Count]]:
        """How many records are tallied, and the sums of their tallies."""
        return read_tallies(self._fetch, dimension, since, until, step)

    # Verification

    def rows(self, start: int | None, limit: int) -> Sequence[Row]:
        """Stored rows in the order of their sequence numbers."""
        # CAST: whatever stands in a text column is to be compared, not decoded.
        return self._fetch(
            "SELECT leaf.seq, CAST(leaf.id AS BLOB), leaf.hash, leaf.body, "
            f"CAST(leaf.time AS BLOB), CAST(leaf.action AS BLOB), {PERSONAL} "
            "FROM leaf LEFT JOIN personal USING (seq) "
            "WHERE leaf.seq >= ? ORDER BY leaf.seq LIMIT ?",
            (-(2**63) if start is None else start, limit),
        )

    def leaf_hashes(self, start: int, count: int) -> list[bytes]:
        """The stored hashes of leaves."""
        return _unbroken(
            start,
            self._fetch(
                "SELECT seq, hash FROM leaf WHERE seq >= ? AND seq < ? ORDER BY seq",
                (start, start + count),
            ),
            "leaf",
        )

    def subtrees(self, level: int, start: int, count: int) -> list[bytes]:
        """The stored roots of perfect subtrees."""
        return _unbroken(
            start,
            self._fetch(
                "SELECT position, hash FROM subtree WHERE level = ? AND position >= ? "
                "AND position < ? ORDER BY position",
                (level, start, start + count),
            ),
            f"subtree of level {level}",
        )

    def notice_keys(self) -> set[tuple[str, str]]:
        """Hash and language of every stored notice."""
        rows = self._fetch("SELECT CAST(hash AS BLOB), CAST(language AS BLOB) FROM notice")
        return {(_text(digest), _text(language)) for digest, language in rows}

    def notice_html(self, key: tuple[str, str]) -> bytes | None:
        """The bytes of one of them."""
        rows = self._fetch("SELECT html FROM notice WHERE hash = ? AND language = ?", key)
        return rows[0][0] if rows else None

    def damage(self) -> Iterator[tuple[int | None, str]]:
        """Personal rows that belong to no record; tables and indexes that contradict each other.

        Long, so it is done in a connection of its own: others can read meanwhile.
        """
        with closing(SqliteReader(self.path, live=self._live, timeout=self._timeout)) as apart:
            yield from apart._damage()  # noqa: SLF001 - its own kind

    def _damage(self) -> Iterator[tuple[int | None, str]]:
        for (seq,) in self._fetch(
            "SELECT seq FROM personal WHERE seq NOT IN (SELECT seq FROM leaf) "
            "ORDER BY seq LIMIT 100"
        ):
            yield seq, "personal fields are stored for a record that does not exist"
        for level, position in self._fetch(
            "SELECT level, position FROM subtree WHERE level NOT IN (8, 16, 24) "
            "OR (position + 1) << level > (SELECT max(size) FROM head) LIMIT 100"
        ):
            yield None, f"there is a root for a subtree {position} of level {level}, which is not"
        for (text,) in self._fetch("PRAGMA integrity_check(10)"):
            if text != "ok":
                yield None, f"the database is damaged: {text}"
        for seq in self._columns_that_differ():
            yield seq, "the columns that are an index differ from the record"
        cut = frames_cut_off(self._opened)
        if cut:
            yield (
                None,
                (
                    f"the write-ahead log is damaged: {cut} transactions that were durable are "
                    "cut off by a frame with a wrong checksum"
                ),
            )

    def _columns_that_differ(self) -> Iterator[int]:
        columns = [
            *(f"CAST(leaf.{name} AS BLOB)" for name in UNSEEN_COLUMNS),  # CAST, as in rows()
            OWN_BODY,
            *(f"personal.{name}" for name in MARKS),
        ]
        start = -(2**63)
        while rows := self._fetch(
            f"SELECT leaf.seq, leaf.body, {', '.join(columns)} FROM leaf LEFT JOIN personal "
            "USING (seq) WHERE leaf.seq > ? AND leaf.body IS NOT NULL ORDER BY leaf.seq LIMIT ?",
            (start, _PAGE),
        ):
            yield from differing(rows)
            start = rows[-1][0]

    def close(self) -> None:
        """Let go of the file."""
        with self._handle.lock:
            self._drop()

    # The connection

    def _fetch(self, sql: str, parameters: tuple[object, ...] = ()) -> list[Any]:
        with self._handle.lock:
            try:
                while True:
                    rows = self._handle.get().execute(sql, parameters).fetchall()
                    if self._still is None or self._still == self._stillness():
                        return rows
                    # Somebody began to write to a file taken for one at rest: read again.
                    self._drop()
            except _NotThereError:
                return []
            except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
                self._drop()
                # Text that is none comes of damage: in what is read, or quoted in SQLite's message.
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                damaged = code in DAMAGED or isinstance(error, UnicodeDecodeError)
                kind = LogDamaged if damaged else LogUnavailable
                raise kind(f"the consent log {self.path} cannot be read: {error}") from error

    def _drop(self) -> None:
        self._handle.drop()
        self._still = None
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None

    def _open(self) -> sqlite3.Connection:
        if not self.path.exists():
            if self._live:
                raise _NotThereError
            raise LogUnreadable(f"there is no consent log {self.path}")
        if not self.path.is_file():
            raise LogUnreadable(f"{self.path} is not a file")
        connection = self._connect()
        try:
            version = version_of(connection)
            if version == 0:
                if self._live:
                    raise _NotThereError
                raise LogUnreadable(f"{self.path} is empty, not a consent log")
            if version < SCHEMA_VERSION:
                return self._brought_up_to_date(connection)
            if self._live:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        self._opened = self.path
        if self._live:
            # Able to write, as reading after a crash may have to begin with tidying up.
            return connect(self.path, "mode=rw", self._timeout)
        wal, shared, journal = (
            self.path.with_name(self.path.name + end) for end in ("-wal", "-shm", "-journal")
        )
        still = self._stillness()
        if not wal.exists() and not journal.exists():
            # Closed in good order, so everything is in the file itself. "immutable" keeps SQLite
            # from making side files, and from noticing writers: see _fetch.
            self._still = still
            return connect(self.path, "mode=ro&immutable=1", self._timeout)
        if shared.exists() or journal.exists():
            return connect(self.path, "mode=ro", self._timeout)
        # Copied without its -shm file: SQLite would have to create one.
        copy = self._place_for_copy()
        shutil.copyfile(self.path, copy)
        shutil.copyfile(wal, copy.with_name("log-wal"))
        return connect(copy, "mode=ro", self._timeout)

    def _brought_up_to_date(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """A connection to the log in today's format; inside the server the log itself is changed,
        a tool works on a copy."""
        with closing(connection):
            if self._live:
                connect_to_write(self.path, self._timeout).close()
                return self._open()
            earlier = self._copy  # may be what the connection reads
            copy = self._place_for_copy()
            with closing(connect(copy, "mode=rwc", self._timeout)) as target:
                connection.backup(target)
                migrate(target)
        if earlier is not None:
            earlier.cleanup()
        self._still = None
        return connect(copy, "mode=ro", self._timeout)

    def _place_for_copy(self) -> Path:
        self._copy = tempfile.TemporaryDirectory(prefix="consentkit-")
        self._opened = Path(self._copy.name, "log")
        return self._opened

    def _stillness(self) -> tuple[int, ...]:
        """What changes when somebody writes."""
        status = self.path.stat()
        wal = self.path.with_name(self.path.name + "-wal").exists()
        return status.st_ino, status.st_size, status.st_mtime_ns, wal


def _unbroken(start: int, rows: list[tuple[int, bytes]], what: str) -> list[bytes]:
    for expected, (number, _) in enumerate(rows, start):
        if number != expected:
            raise LogDamaged(f"{what} {expected} is missing")
    return [digest for _, digest in rows]


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")
