"""Reading a log in SQLite.

A reader for tools (``live=False``) never creates a file, not even the side files that SQLite likes
to make beside a database in WAL mode: made by another user than the server's, those would stop the
server. It works on a copy that cannot be written. A reader inside the server (``live=True``) is
less strict, and takes a log that is not there yet for an empty one.

Everything is read in short statements, never in one long transaction, which would keep the
server's WAL file growing.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import quote

from consentkit.errors import LogUnavailable, LogUnreadable
from consentkit.log.event import Notice, Record
from consentkit.log.leaf import read_record
from consentkit.log.sqlite_handle import Handle
from consentkit.log.sqlite_schema import DAMAGED, identify
from consentkit.log.store import Filters, Head, LogDamaged, Row, matches

__all__ = ["SqliteReader", "connect"]

_PAGE = 500
_RECORD = "SELECT leaf.seq, leaf.hash, leaf.body, personal.salt, personal.body FROM leaf"


def connect(path: Path, options: str, timeout: float) -> sqlite3.Connection:
    """A connection in autocommit mode that any thread may use, one at a time."""
    return sqlite3.connect(
        f"file:{quote(str(path))}?{options}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=timeout,
    )


class _NotThereError(Exception):
    """There is no log yet, and that is fine."""


class SqliteReader:
    """The log in the file ``path``. ``timeout``: seconds to wait for a lock on it."""

    def __init__(self, path: Path, *, live: bool = False, timeout: float = 5.0) -> None:
        self.path = path
        self._live = live
        self._timeout = timeout
        self._handle = Handle(path, self._open)
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._still: tuple[int, ...] | None = None

    # Queries

    def get(self, record_id: str) -> Record | None:
        """The record with this id."""
        rows = self._fetch(
            f"{_RECORD} LEFT JOIN personal USING (seq) WHERE leaf.id = ?", (record_id,)
        )
        return read_record(*rows[0]) if rows else None

    def by_consent_id(self, consent_id: str) -> list[Record]:
        """The records of one visitor, oldest first."""
        return list(self.records(consent_id=consent_id))

    def records(self, **filters: Unpack[Filters]) -> Iterator[Record]:
        """Records in the order of the log; see ``Filters``."""
        sql, parameters = _query(filters)
        category = filters.get("category")
        left = filters.get("limit", -1)
        after = filters.get("after", -1)
        while left != 0:
            page = self._fetch(sql, (*parameters, after))
            for row in page:
                after = row[0]
                record = read_record(*row)
                if category is None or matches(record.event, category):
                    yield record
                    left -= 1
                    if left == 0:
                        return
            if len(page) < _PAGE:
                return

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

    # Verification

    def rows(self, start: int | None, limit: int) -> Sequence[Row]:
        """Stored rows in the order of their sequence numbers."""
        # CAST: whatever stands in a text column is to be compared, not decoded.
        return self._fetch(
            "SELECT leaf.seq, CAST(leaf.id AS BLOB), leaf.hash, leaf.body, "
            "CAST(leaf.time AS BLOB), CAST(leaf.action AS BLOB), "
            "CAST(personal.consent_id AS BLOB), personal.salt, personal.body "
            "FROM leaf LEFT JOIN personal USING (seq) "
            "WHERE leaf.seq >= ? ORDER BY leaf.seq LIMIT ?",
            (-(2**63) if start is None else start, limit),
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
        """Personal rows that belong to no record; tables and indexes that contradict each other."""
        for (seq,) in self._fetch(
            "SELECT seq FROM personal WHERE seq NOT IN (SELECT seq FROM leaf) "
            "ORDER BY seq LIMIT 100"
        ):
            yield seq, "personal fields are stored for a record that does not exist"
        for (text,) in self._fetch("PRAGMA integrity_check(10)"):
            if text != "ok":
                yield None, f"the database is damaged: {text}"

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
            except (sqlite3.Error, OSError) as error:
                self._drop()
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                kind = LogDamaged if code in DAMAGED else LogUnavailable
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
            if not identify(connection):
                if self._live:
                    raise _NotThereError
                raise LogUnreadable(f"{self.path} is empty, not a consent log")
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        if self._live:
            # Able to write, as reading after a crash may have to begin with tidying up.
            connection = connect(self.path, "mode=rw", self._timeout)
            connection.execute("PRAGMA query_only = ON")
            return connection
        wal, shared = (self.path.with_name(self.path.name + end) for end in ("-wal", "-shm"))
        still = self._stillness()
        if not wal.exists():
            # Closed in good order, so everything is in the file itself. "immutable" keeps SQLite
            # from making side files, and from noticing writers: see _fetch.
            self._still = still
            return connect(self.path, "mode=ro&immutable=1", self._timeout)
        if shared.exists():
            return connect(self.path, "mode=ro", self._timeout)
        # Copied without its -shm file: SQLite would have to create one.
        self._copy = tempfile.TemporaryDirectory(prefix="consentkit-")
        copy = Path(self._copy.name, "log")
        shutil.copyfile(self.path, copy)
        shutil.copyfile(wal, copy.with_name("log-wal"))
        return connect(copy, "mode=ro", self._timeout)

    def _stillness(self) -> tuple[int, ...]:
        """What changes when somebody writes."""
        status = self.path.stat()
        wal = self.path.with_name(self.path.name + "-wal").exists()
        return status.st_ino, status.st_size, status.st_mtime_ns, wal


def _query(filters: Filters) -> tuple[str, tuple[object, ...]]:
    tests: list[str] = []
    parameters: list[object] = []
    # An inner join over the consent id's own index, else every row, redacted ones too.
    join = "JOIN" if "consent_id" in filters else "LEFT JOIN"
    for test, value in (
        ("personal.consent_id = ?", filters.get("consent_id")),
        ("leaf.action = ?", filters.get("action")),
        ("leaf.time >= ?", filters.get("since")),
        ("leaf.time < ?", filters.get("until")),
    ):
        if value is not None:
            tests.append(test)
            parameters.append(value)
    where = " AND ".join([*tests, "leaf.seq > ?"])
    sql = f"{_RECORD} {join} personal USING (seq) WHERE {where} ORDER BY leaf.seq LIMIT {_PAGE}"
    return sql, tuple(parameters)


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")
