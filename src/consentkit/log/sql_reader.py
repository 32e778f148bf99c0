"""Reading a log in PostgreSQL or MariaDB.

A reader for tools (``live=False``) takes a database without a log for a mistake; one inside the
server (``live=True``) takes it for an empty log. Everything is read in short statements.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Unpack

from sqlalchemy import func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from consentkit.errors import LogUnavailable, LogUnreadable
from consentkit.log.event import Notice, Record
from consentkit.log.leaf import read_record
from consentkit.log.sql_engine import Engine
from consentkit.log.sql_failures import Failure, judge, says_no_table
from consentkit.log.sql_query import Query, fits
from consentkit.log.sql_schema import BLOCK_BITS, SCHEMA_VERSION, tables
from consentkit.log.sql_tally import counts_of, tallies_query, tally_tables
from consentkit.log.store import (
    SUBTREE_LEVELS,
    Count,
    Filters,
    Head,
    LogDamaged,
    Row,
    Step,
)

__all__ = ["SqlReader", "bytes_of", "record_of"]

_PAGE = 500


class SqlReader:
    """The log in a database."""

    def __init__(self, engine: Engine, *, live: bool = False) -> None:
        self._engine = engine
        self._live = live
        self._tables = tables(engine.dialect)
        self._known = False

    def get(self, record_id: str) -> Record | None:
        """The record with this id."""
        leaf, personal = self._tables.leaf, self._tables.personal
        rows = self._fetch(
            select(leaf.c.seq, leaf.c.hash, leaf.c.body, personal.c.salt, personal.c.body)
            .select_from(leaf.outerjoin(personal, personal.c.seq == leaf.c.seq))
            .where(leaf.c.id == record_id)
        )
        return record_of(rows[0]) if rows else None

    def by_consent_id(self, consent_id: str) -> list[Record]:
        """The records of one visitor, oldest first."""
        return list(self.records(consent_id=consent_id))

    def records(self, **filters: Unpack[Filters]) -> Iterator[Record]:
        """Records in the order of the log; see ``Filters``."""
        left = filters.get("limit", -1)
        query = Query(self._fetch, self._tables, self._engine.dialect, filters)
        while left != 0:
            size = _PAGE if left < 0 else min(left, _PAGE)
            page = query.page(size)
            for row in page:
                record = record_of(row)
                if fits(record.event, filters):
                    yield record
                    left = max(-1, left - 1)
            if len(page) < size:
                return

    def notice(self, notice_hash: str) -> Notice | None:
        """The notice with this hash."""
        notice = self._tables.notice
        rows = self._fetch(
            select(notice.c.hash, notice.c.html, notice.c.language)
            .where(notice.c.hash == notice_hash)
            .order_by(notice.c.language)
            .limit(1)
        )
        if not rows:
            return None
        return Notice(hash=rows[0][0], html=bytes(rows[0][1]), language=rows[0][2])

    def head(self) -> Head:
        """The end of the log."""
        head, leaf = self._tables.head, self._tables.leaf
        last = select(func.coalesce(func.max(leaf.c.seq), -1)).scalar_subquery()
        rows = self._fetch(select(head.c.size, head.c.frontier, last))
        if not rows and not self._known:
            return Head(0, b"", -1)
        if len(rows) != 1:
            raise LogDamaged(f"there should be one head of the log, not {len(rows)}")
        size, frontier, place = rows[0]
        return Head(size, bytes(frontier), place)

    def tallies(
        self, dimension: str, since: str, until: str, step: Step
    ) -> tuple[int, list[Count]]:
        """How many records are tallied, and the sums of their tallies."""
        kept = tally_tables(self._engine.dialect)
        try:
            with self._engine.connect() as db:
                rows = db.execute(tallies_query(kept, dimension, since, until, step)).fetchall()
        except SQLAlchemyError as error:
            if says_no_table(error):
                return 0, []
            raise LogUnavailable(f"the consent log cannot be read: {error}") from error
        return counts_of(rows)

    def rows(self, start: int | None, limit: int) -> Sequence[Row]:
        """Stored rows in the order of their sequence numbers."""
        leaf, personal = self._tables.leaf, self._tables.personal
        found = self._fetch(
            select(
                leaf.c.seq,
                leaf.c.id,
                leaf.c.hash,
                leaf.c.body,
                leaf.c.time,
                leaf.c.action,
                personal.c.salt,
                personal.c.body,
            )
            .select_from(leaf.outerjoin(personal, personal.c.seq == leaf.c.seq))
            .where(leaf.c.seq >= (-(2**63) if start is None else start))
            .order_by(leaf.c.seq)
            .limit(limit)
        )
        return [(row[0], *(None if v is None else bytes_of(v) for v in row[1:])) for row in found]

    def leaf_hashes(self, start: int, count: int) -> list[bytes]:
        """The stored hashes of leaves."""
        leaf = self._tables.leaf
        rows = self._fetch(
            select(leaf.c.seq, leaf.c.hash)
            .where(leaf.c.seq >= start, leaf.c.seq < start + count)
            .order_by(leaf.c.seq)
        )
        return _unbroken(start, rows, "leaf")

    def subtrees(self, level: int, start: int, count: int) -> list[bytes]:
        """The stored roots of perfect subtrees."""
        subtree = self._tables.subtree
        rows = self._fetch(
            select(subtree.c.position, subtree.c.hash)
            .where(
                subtree.c.level == level,
                subtree.c.position >= start,
                subtree.c.position < start + count,
            )
            .order_by(subtree.c.position)
        )
        return _unbroken(start, rows, f"subtree of level {level}")

    def notice_keys(self) -> set[tuple[str, str]]:
        """Hash and language of every stored notice."""
        notice = self._tables.notice
        rows = self._fetch(select(notice.c.hash, notice.c.language))
        return {(digest, language) for digest, language in rows}

    def notice_html(self, key: tuple[str, str]) -> bytes | None:
        """The bytes of one of them."""
        notice = self._tables.notice
        rows = self._fetch(
            select(notice.c.html).where(notice.c.hash == key[0], notice.c.language == key[1])
        )
        return bytes(rows[0][0]) if rows else None

    def damage(self) -> Iterator[tuple[int | None, str]]:
        """What is there beside the records and contradicts them."""
        leaf, personal, subtree, block, head = (
            self._tables.leaf,
            self._tables.personal,
            self._tables.subtree,
            self._tables.block,
            self._tables.head,
        )
        for (seq,) in self._fetch(
            select(personal.c.seq)
            .select_from(personal.outerjoin(leaf, leaf.c.seq == personal.c.seq))
            .where(leaf.c.seq.is_(None))
            .order_by(personal.c.seq)
            .limit(100)
        ):
            yield seq, "personal fields are stored for a record that does not exist"
        size = select(func.max(head.c.size)).scalar_subquery()
        width = func.power(2, subtree.c.level)
        for level, position in self._fetch(
            select(subtree.c.level, subtree.c.position)
            .where(
                or_(
                    subtree.c.level.not_in(SUBTREE_LEVELS),
                    (subtree.c.position + 1) * width > size,
                )
            )
            .limit(100)
        ):
            yield None, f"there is a root for a subtree {position} of level {level}, which is not"
        # A range of times that is too narrow would hide records from those who ask for a time.
        for seq, time in self._fetch(
            select(leaf.c.seq, leaf.c.time)
            .select_from(leaf.outerjoin(block, block.c.number == leaf.c.seq // (1 << BLOCK_BITS)))
            .where(
                leaf.c.time.is_not(None),
                or_(
                    block.c.number.is_(None),
                    leaf.c.time < block.c.first,
                    leaf.c.time > block.c.last,
                ),
            )
            .order_by(leaf.c.seq)
            .limit(100)
        ):
            yield seq, f"its time {time} is outside of the times that its block is said to have"

    def close(self) -> None:
        """Let go of the database. The next call connects again."""
        self._engine.dispose()

    def _fetch(self, statement: Any) -> Sequence[Any]:
        for attempt in (1, 2):
            try:
                with self._engine.connect() as db:
                    if not self._known:
                        self._identify(db)
                    return db.execute(statement).fetchall()
            except SQLAlchemyError as error:
                if says_no_table(error):
                    if self._live:
                        return []
                    raise LogUnreadable("there is no consent log in this database") from error
                if attempt == 1 and judge(error) is not Failure.FINAL:
                    self._engine.elsewhere()
                    continue
                raise LogUnavailable(f"the consent log cannot be read: {error}") from error
        raise AssertionError("unreachable")  # pragma: no cover

    def _identify(self, db: Any) -> None:
        rows = db.execute(select(self._tables.head.c.version)).fetchall()
        check_version([version for (version,) in rows])
        self._known = True


def check_version(versions: Sequence[int]) -> None:
    """``LogUnreadable`` unless this is the one version of tables known here."""
    for version in versions:
        if version != SCHEMA_VERSION:
            raise LogUnreadable(
                f"this consent log has tables of version {version}; this version of consentkit "
                f"knows version {SCHEMA_VERSION}"
            )


def record_of(row: Sequence[Any]) -> Record:
    """The record in the columns seq, hash, body, salt and personal body."""
    seq, digest, body, salt, personal = row
    return read_record(
        seq,
        bytes(digest),
        bytes_of(body),
        None if salt is None else bytes(salt),
        None if personal is None else bytes_of(personal),
    )


def bytes_of(value: str | bytes) -> bytes:
    """A value as it was stored, whatever type of column it comes from."""
    return value.encode() if isinstance(value, str) else bytes(value)


def _unbroken(start: int, rows: Sequence[Any], what: str) -> list[bytes]:
    for expected, (number, _) in enumerate(rows, start):
        if number != expected:
            raise LogDamaged(f"{what} {expected} is missing")
    return [bytes(digest) for _, digest in rows]
