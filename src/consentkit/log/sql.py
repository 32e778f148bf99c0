"""The log in PostgreSQL or MariaDB (a Galera cluster too): for sites on more than one machine.

The place of a record is given under a lock on the row that holds the head of the log. On Galera
that lock holds on one node alone; there, certification lets one of two transactions that changed
the row fail, and it is done again. Whatever ends a transaction, it is done again as a whole until
the deadline, and looks for its ids first: so it does not matter whether a commit that a lost
connection left open took place.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from random import SystemRandom
from typing import TypeVar

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from consentkit.errors import LogError, LogUnavailable
from consentkit.log.batch import Batch, Entry, blank, make_batch, make_entry
from consentkit.log.event import Event, Notice, Record
from consentkit.log.leaf import SALT_BYTES
from consentkit.log.merkle import Frontier
from consentkit.log.sql_engine import Engine
from consentkit.log.sql_failures import Failure, judge, says_no_table
from consentkit.log.sql_reader import SqlReader, check_version, record_of
from consentkit.log.sql_schema import BLOCK_BITS, SCHEMA_VERSION
from consentkit.log.sql_tally import add_tallies, tally_tables
from consentkit.log.store import Head, Key
from consentkit.log.tally import summarise

__all__ = ["SqlLog"]

log = logging.getLogger("consentkit")

# Of its own: a forked process must not wait as long as its brother.
_chance = SystemRandom()

_PRUNED_AT_ONCE = 1000
_COUNTING = 5.0  # seconds that a round of counting may take
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.25

Result = TypeVar("Result")


class _NotMadeError(Exception):
    """Somebody is making the tables: MariaDB shows each as soon as it is made."""


class SqlLog(SqlReader):
    """A log in a database; its tables are made by the first append.

    ``deadline`` is the time, in seconds, after which a write is not tried again.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        deadline: float = 10.0,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        super().__init__(engine, live=True)
        self._deadline = deadline
        self._random_bytes = random_bytes

    def append(self, event: Event, notice: Notice) -> Record:
        """Append ``event``; durable on return. See ``Log.append``."""
        return self.append_many([(event, notice)])[0]

    def append_many(self, entries: Sequence[tuple[Event, Notice]]) -> list[Record]:
        """Append all or none; durable on return. See ``Log.append_many``."""
        made = [self._entry(event, notice) for event, notice in entries]
        return self._transact(lambda db: self._append(db, made)) if made else []

    def forget(self, consent_id: str, event: Event, notice: Notice) -> int:
        """Erase what is personal in a visitor's records. See ``Log.forget``.

        What the server keeps besides its tables (journals for replication, backups) is its own: see
        docs/log.md.
        """
        if event.action != "forget":
            raise LogError(f"an erasure is recorded as such, not as {event.action!r}")
        entry = blank(self._entry(event, notice))
        personal = self._tables.personal

        def work(db: Connection) -> int:
            self._head(db)  # takes the lock before anything else, as appending does
            done = db.execute(delete(personal).where(personal.c.consent_id == consent_id))
            if done.rowcount:
                self._append(db, [entry])
            return int(done.rowcount)

        erased = self._transact(work)
        if erased:
            self._vacuum()
        return erased

    def prune(self, before: str) -> int:
        """Erase what is older. See ``Log.prune``."""
        leaf, personal = self._tables.leaf, self._tables.personal
        nothing = dict.fromkeys(("time", "action", "id", "body"))

        def work(db: Connection) -> int:
            self._head(db)
            places = db.scalars(
                select(leaf.c.seq).where(leaf.c.time < before).limit(_PRUNED_AT_ONCE)
            ).all()
            if places:
                db.execute(delete(personal).where(personal.c.seq.in_(places)))
                db.execute(update(leaf).where(leaf.c.seq.in_(places)).values(nothing))
            return len(places)

        pruned = 0
        while done := self._transact(work):
            pruned += done
        if pruned:
            self._vacuum()
        return pruned

    def maintain(self) -> None:
        """Count records; for the rest these databases look after themselves."""
        if self.head().size:
            summarise(self, _COUNTING)

    def add_tallies(self, start: int, end: int, tallies: Mapping[Key, int]) -> bool:
        """Keep the tallies of some records. See ``Log.add_tallies``."""
        kept = tally_tables(self._engine.dialect)
        if start == 0:
            try:
                with self._engine.begin() as db:
                    kept.metadata.create_all(db)
            except SQLAlchemyError as error:  # somebody else is making them, or nobody may
                raise LogUnavailable(f"the consent log cannot be counted: {error}") from error
        return self._transact(lambda db: add_tallies(db, kept, start, end, tallies))

    def _entry(self, event: Event, notice: Notice) -> Entry:
        return make_entry(event, notice, self._random_bytes(SALT_BYTES))

    def _append(self, db: Connection, entries: Sequence[Entry]) -> list[Record]:
        tree, prev = self._head(db)
        batch = make_batch(entries, tree, prev, self._stored(db, entries))
        if batch.added:
            self._store(db, batch, tree)
        return batch.records

    def _head(self, db: Connection) -> tuple[Frontier, bytes]:
        """The tree so far and the hash of its last leaf, which are ours until the commit."""
        head, leaf = self._tables.head, self._tables.leaf
        rows = db.execute(
            select(head.c.version, head.c.size, head.c.frontier).with_for_update()
        ).fetchall()
        check_version([version for version, _, _ in rows])
        last = db.execute(
            select(leaf.c.seq, leaf.c.hash).order_by(leaf.c.seq.desc()).limit(1)
        ).first()
        if not rows and last is None:
            raise _NotMadeError
        if len(rows) == 1:
            _, size, frontier = rows[0]
            if size == (0 if last is None else last.seq + 1):
                prev = b"" if last is None else bytes(last.hash)
                return Head(size, bytes(frontier), size - 1).tree(), prev
        raise LogUnavailable(
            "the head of the log and its records disagree; run: consentkit log verify"
        )

    def _stored(self, db: Connection, entries: Sequence[Entry]) -> dict[str, Record]:
        leaf, personal = self._tables.leaf, self._tables.personal
        rows = db.execute(
            select(
                leaf.c.id, leaf.c.seq, leaf.c.hash, leaf.c.body, personal.c.salt, personal.c.body
            )
            .select_from(leaf.outerjoin(personal, personal.c.seq == leaf.c.seq))
            .where(leaf.c.id.in_([entry.event.id for entry in entries]))
        ).fetchall()
        return {row[0]: record_of(row[1:]) for row in rows}

    def _store(self, db: Connection, batch: Batch, tree: Frontier) -> None:
        text_body = self._engine.dialect == "postgresql"

        def body(stored: bytes) -> str | bytes:
            return stored.decode() if text_body else stored

        head, leaf, personal, notice, subtree = (
            self._tables.head,
            self._tables.leaf,
            self._tables.personal,
            self._tables.notice,
            self._tables.subtree,
        )
        db.execute(
            insert(leaf),
            [
                {
                    "seq": record.seq,
                    "hash": record.leaf_hash,
                    "time": record.event.time,
                    "action": record.event.action,
                    "id": record.event.id,
                    "body": body(record.leaf),
                }
                for record, _ in batch.added
            ],
        )
        own = [
            {
                "seq": record.seq,
                "salt": record.salt,
                "body": body(record.personal),
            }
            for record, kept in batch.added
            if kept
        ]
        if own:
            db.execute(insert(personal), own)
        for (digest, language), shown in batch.notices.items():
            there = select(notice.c.hash).where(
                notice.c.hash == digest, notice.c.language == language
            )
            if db.execute(there).first() is None:
                values = {"hash": digest, "language": language, "html": shown.html}
                db.execute(insert(notice).values(values))
        if batch.roots:
            names = ("level", "position", "hash")
            db.execute(insert(subtree), [dict(zip(names, r, strict=True)) for r in batch.roots])
        self._times(db, [record for record, _ in batch.added])
        db.execute(update(head).values(size=tree.size, frontier=tree.packed()))

    def _times(self, db: Connection, records: list[Record]) -> None:
        """Widen the range of times of each block that has new records."""
        block = self._tables.block
        ranges: dict[int, tuple[str, str]] = {}
        for record in records:
            number, moment = record.seq >> BLOCK_BITS, record.event.time
            first, last = ranges.get(number, (moment, moment))
            ranges[number] = min(first, moment), max(last, moment)
        for number, (first, last) in ranges.items():
            known = db.execute(
                select(block.c.first, block.c.last).where(block.c.number == number)
            ).first()
            if known is None:
                db.execute(insert(block).values(number=number, first=first, last=last))
            elif first < known.first or last > known.last:
                db.execute(
                    update(block)
                    .where(block.c.number == number)
                    .values(first=min(first, known.first), last=max(last, known.last))
                )

    def _transact(self, work: Callable[[Connection], Result]) -> Result:
        """Do ``work`` in a transaction, again and again until it is committed or time is up."""
        until = time.monotonic() + self._deadline
        pause = _FIRST_PAUSE
        while True:
            try:
                with self._engine.begin() as db:
                    return work(db)
            except _NotMadeError:
                self._create(until)
                continue
            except SQLAlchemyError as error:
                if says_no_table(error):
                    self._create(until)
                    continue
                failure = judge(error)
                if failure is Failure.FINAL or time.monotonic() + pause > until:
                    raise LogUnavailable(f"the consent log cannot be written: {error}") from error
                if failure is Failure.ELSEWHERE:
                    self._engine.elsewhere()
            time.sleep(pause * _chance.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _create(self, until: float) -> None:
        """Make the tables. Other processes may be doing the same; on MariaDB each statement stands
        alone, so half of them may be there already."""
        head = self._tables.head
        while True:
            try:
                with self._engine.begin() as db:
                    if self._engine.dialect == "postgresql":
                        encoding = db.scalar(text("SHOW server_encoding"))
                        if encoding != "UTF8":
                            raise LogError(
                                f"the log needs a database in UTF8, this one is in {encoding}"
                            )
                    self._tables.metadata.create_all(db)
                    if db.scalar(select(func.count()).select_from(head)) == 0:
                        values = {"one": 1, "version": SCHEMA_VERSION, "size": 0, "frontier": b""}
                        db.execute(insert(head).values(values))
                return
            except SQLAlchemyError as error:
                if judge(error) is Failure.FINAL or time.monotonic() > until:
                    raise LogUnavailable(f"the consent log cannot be made: {error}") from error
            time.sleep(_LONGEST_PAUSE * _chance.uniform(0.5, 1.0))

    def _vacuum(self) -> None:
        """Have PostgreSQL give up the dead rows of what was erased, rather sooner than later."""
        if self._engine.dialect != "postgresql":
            return  # MariaDB purges by itself
        try:
            with self._engine.connect() as db:
                for table in (self._tables.personal, self._tables.leaf):
                    db.execute(text(f"VACUUM {table.name}"))
        except SQLAlchemyError:
            log.warning("the consent log's tables could not be vacuumed; PostgreSQL will do so")
