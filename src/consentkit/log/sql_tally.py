"""Tallies in PostgreSQL and MariaDB: made when they are first kept, no part of the log's format."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    Select,
    SmallInteger,
    String,
    Table,
    and_,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects import mysql, postgresql

from consentkit.log.store import Count, Key, Step

__all__ = ["add_tallies", "counts_of", "tallies_query", "tally_tables"]

_LONGEST = 128


class TallyTables(NamedTuple):
    """The tables for one kind of database."""

    metadata: MetaData
    tally: Table
    tallied: Table


@cache
def tally_tables(dialect: str) -> TallyTables:
    """The tables for ``postgresql`` or ``mysql``; text is compared as bytes in both."""
    metadata = MetaData()

    def text(length: int) -> Any:
        if dialect == "postgresql":
            return String(length, collation="C")
        return mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_nopad_bin")

    tally = Table(
        "consent_log_tally",
        metadata,
        Column("dimension", text(16), primary_key=True),
        Column("day", text(10), primary_key=True),
        Column("value", text(_LONGEST), primary_key=True),
        Column("category", text(_LONGEST), primary_key=True),
        Column("state", text(16), primary_key=True),
        Column("count", BigInteger, nullable=False),
        mysql_engine="InnoDB",
    )
    tallied = Table(
        "consent_log_tallied",
        metadata,
        Column("one", SmallInteger, primary_key=True, autoincrement=False),
        Column("size", BigInteger, nullable=False),
        mysql_engine="InnoDB",
    )
    return TallyTables(metadata, tally, tallied)


def tallies_query(
    tables: TallyTables, dimension: str, since: str, until: str, step: Step
) -> Select[Any]:
    """The number of records that are tallied, and with it, in the same moment, the sums."""
    tally, tallied = tables.tally, tables.tallied
    when = {"day": tally.c.day, "month": func.substr(tally.c.day, 1, 7), "total": literal("")}[step]
    keys = (when.label("period"), tally.c.value, tally.c.category, tally.c.state)
    sums = (
        select(*keys, func.sum(tally.c.count).label("count"))
        .where(and_(tally.c.dimension == dimension, tally.c.day >= since, tally.c.day < until))
        # By name: the same expression with another parameter is another one to PostgreSQL.
        .group_by("period", *keys[1:])
        .subquery()
    )
    columns = (sums.c.period, sums.c.value, sums.c.category, sums.c.state, sums.c.count)
    return select(tallied.c.size, *columns).select_from(tallied.outerjoin(sums, true()))


def counts_of(rows: Any) -> tuple[int, list[Count]]:
    """What the query above gives."""
    found = [tuple(row) for row in rows]
    if not found:
        return 0, []
    counts = [
        Count(period, value, category, state, int(number))
        for _, period, value, category, state, number in found
        if period is not None
    ]
    return int(found[0][0]), counts


def add_tallies(
    db: Connection, tables: TallyTables, start: int, end: int, tallies: Mapping[Key, int]
) -> bool:
    """See ``Log.add_tallies``; within a transaction, with the tables there."""
    tally, tallied = tables.tally, tables.tallied
    size = db.scalar(select(tallied.c.size).with_for_update())
    if (size or 0) != start:
        return False
    if size is None:
        db.execute(insert(tallied).values(one=1, size=end))
    else:
        db.execute(update(tallied).values(size=end))
    if tallies:
        values = [{**key._asdict(), "count": number} for key, number in tallies.items()]
        db.execute(_adding(db.dialect.name, tally), values)
    return True


def _adding(dialect: str, tally: Table) -> Any:
    if dialect == "postgresql":
        added = postgresql.insert(tally)
        total = tally.c.count + added.excluded.count
        return added.on_conflict_do_update(constraint=tally.primary_key, set_={"count": total})
    more = mysql.insert(tally)
    return more.on_duplicate_key_update(count=tally.c.count + more.inserted.count)
