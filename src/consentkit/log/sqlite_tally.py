"""Tallies in SQLite. They are no part of the log's format: a log without them is whole, and they
are made when they are first kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from consentkit.log.store import Count, Key, Step

__all__ = ["add_tallies", "read_tallies"]

_TABLES = (
    """CREATE TABLE IF NOT EXISTS tally (
        dimension TEXT NOT NULL,
        day TEXT NOT NULL,
        value TEXT NOT NULL,
        category TEXT NOT NULL,
        state TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (dimension, day, value, category, state)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS tallied (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        size INTEGER NOT NULL CHECK (size >= 0)
    ) STRICT""",
)
_PERIODS: dict[Step, str] = {"day": "day", "month": "substr(day, 1, 7)", "total": "''"}


def read_tallies(
    fetch: Callable[[str, tuple[object, ...]], list[Any]],
    dimension: str,
    since: str,
    until: str,
    step: Step,
) -> tuple[int, list[Count]]:
    """See ``Reader.tallies``."""
    if not fetch("SELECT 1 FROM sqlite_schema WHERE name = 'tallied'", ()):
        return 0, []
    when = _PERIODS[step]
    # One statement: the sums and the number of records that they are of belong together.
    rows = fetch(
        f"SELECT tallied.size, sums.* FROM tallied LEFT JOIN (SELECT {when} AS period, value, "  # noqa: S608
        "category, state, sum(count) FROM tally WHERE dimension = ? AND day >= ? AND day < ? "
        "GROUP BY period, value, category, state) AS sums ON 1",
        (dimension, since, until),
    )
    if not rows:
        return 0, []
    return rows[0][0], [Count(*row[1:]) for row in rows if row[1] is not None]


def add_tallies(db: sqlite3.Connection, start: int, end: int, tallies: Mapping[Key, int]) -> bool:
    """See ``Log.add_tallies``; within a transaction."""
    for statement in _TABLES:
        db.execute(statement)
    row = db.execute("SELECT size FROM tallied").fetchone()
    if (row[0] if row else 0) != start:
        return False
    db.executemany(
        "INSERT INTO tally VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
        "SET count = count + excluded.count",
        [(*key, number) for key, number in tallies.items()],
    )
    db.execute(
        "INSERT INTO tallied VALUES (1, ?) ON CONFLICT DO UPDATE SET size = excluded.size", (end,)
    )
    return True
