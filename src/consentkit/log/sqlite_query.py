"""From filters to SQL whose cost does not grow with the log.

A page of a list is some fifty of ten million records, in the order of the log. What is asked for is
either common, then a walk along the log meets it soon; or rare, then an index knows the few places.
Which it is, is found out by counting in the indexes, up to a limit.
"""
# ruff: noqa: S608 - no value is ever put into a statement

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from consentkit.log.sqlite_columns import MARKS, mark
from consentkit.log.sqlite_schema import BLOCK_BITS, ERASED
from consentkit.log.store import Filters, matches

__all__ = ["OWN_BODY", "PERSONAL", "RECORD", "Query", "places_of"]

_ERASED = ERASED.format("personal.")
OWN_BODY = f"CASE WHEN {_ERASED} THEN NULL ELSE personal.body END"
PERSONAL = f"CASE WHEN {_ERASED} THEN NULL ELSE personal.salt END, {OWN_BODY}"
"""Salt and body, NULL when they were erased."""
RECORD = f"leaf.seq, leaf.hash, leaf.body, {PERSONAL}"

_FEW = 20_000
"""Places that are sorted rather than met on a walk: they take a few milliseconds."""

_Fetch = Callable[[str, tuple[object, ...]], list[Any]]

# By what columns. Of a personal field the column has but a mark, so that the value itself is looked
# at as well.
_COLUMNS = {"country": "country", "policy_version": "policy", "action": "action"}


class _Test(NamedTuple):
    """Something that records are looked for by: a column, and the values that it may have."""

    table: str
    column: str
    values: tuple[str | bytes, ...]
    also: str = ""
    """A value of a personal field, to be looked at in the row itself."""

    def sql(self, *, indexed: bool) -> str:
        """The test. With a plus sign SQLite looks at the row, not at an index."""
        place = f"{'' if indexed else '+'}{self.table}.{self.column}"
        if len(self.values) == 1:
            return f"{place} = ?"
        return f"{place} IN (SELECT value FROM json_each(?))"

    @property
    def parameter(self) -> str | bytes:
        if len(self.values) == 1:
            return self.values[0]
        return msgspec.json.encode(self.values).decode()

    @property
    def exact(self) -> str:
        """The test of the value itself, if the column has but a mark. A damaged body has none."""
        if self.table == "leaf":
            return ""
        text = "CAST(personal.body AS TEXT)"
        value = f"json_extract({text}, '$.{self.column}')"
        return f"CASE WHEN json_valid({text}) THEN {value} = ? END"


class Query:
    """A query for pages of records.

    Args:
        fetch: runs a statement and gives its rows.
        filters: what to look for.
    """

    def __init__(self, fetch: _Fetch, filters: Filters) -> None:
        self._fetch = fetch
        self._reverse = filters.get("reverse", False)
        self._after = filters.get("after", -1)
        self._before = filters.get("before", 2**62)
        self._times = [
            (f"+leaf.time {sign} ?", time)
            for sign, time in ((">=", filters.get("since")), ("<", filters.get("until")))
            if time is not None
        ]
        self._narrow(filters)
        self._tests = self._all_tests(filters)
        self._leading = self._leader()

    def page(self, limit: int) -> list[Any]:
        """The next records: sequence number, hash, body, salt and personal part."""
        if any(not test.values for test in self._tests):
            return []
        few, tables = self._sources()
        conditions = [f"{few}.seq > ?", f"{few}.seq < ?", "leaf.body IS NOT NULL"]
        parameters: list[object] = [self._after, self._before]
        for test in self._tests:
            conditions.append(test.sql(indexed=test is self._leading))
            parameters.append(test.parameter)
            if test.exact:
                conditions.append(test.exact)
                parameters.append(test.also)
        for condition, time in self._times:
            conditions.append(condition)
            parameters.append(time)
        order = "DESC" if self._reverse else "ASC"
        found = self._fetch(
            f"SELECT {RECORD} FROM (SELECT {few}.seq AS seq FROM {tables} "
            f"WHERE {' AND '.join(conditions)} ORDER BY {few}.seq {order} LIMIT ?) AS page "
            f"CROSS JOIN leaf USING (seq) LEFT JOIN personal USING (seq) ORDER BY page.seq {order}",
            (*parameters, limit),
        )
        if found:
            if self._reverse:
                self._before = found[-1][0]
            else:
                self._after = found[-1][0]
        return found

    def _sources(self) -> tuple[str, str]:
        """The table to walk along, and the join. CROSS JOIN: the first is the outer loop."""
        tables = {test.table for test in self._tests}
        if self._leading is not None and self._leading.table == "personal":
            return "personal", "personal CROSS JOIN leaf USING (seq)"
        return "leaf", "leaf CROSS JOIN personal USING (seq)" if "personal" in tables else "leaf"

    def _narrow(self, filters: Filters) -> None:
        """Bring times down to bounds of the sequence number, whole blocks of it."""
        # Not min() and max(): for these SQLite would look at all the times of a block.
        block = (
            f"(SELECT time FROM leaf WHERE seq >> {BLOCK_BITS} = n AND time IS NOT NULL "
            "ORDER BY time {} LIMIT 1)"
        )
        # Two queries in one: of min() and max() in one query SQLite would look at every row.
        low, high = (f"(SELECT {m}(seq) >> {BLOCK_BITS} FROM leaf)" for m in ("min", "max"))
        ends = f"(SELECT {low} AS low, {high} AS high)"
        if "since" in filters:
            rows = self._fetch(
                f"WITH RECURSIVE block(n) AS (SELECT low FROM {ends} UNION ALL SELECT n + 1 "
                f"FROM block, {ends} WHERE n < high) "
                f"SELECT n FROM block WHERE {block.format('DESC')} >= ? LIMIT 1",
                (filters["since"],),
            )
            first = rows[0][0] << BLOCK_BITS if rows else 2**62
            self._after = max(self._after, first - 1)
        if "until" in filters:
            # The last block is left open: it may be growing.
            rows = self._fetch(
                f"WITH RECURSIVE block(n) AS (SELECT high FROM {ends} UNION ALL SELECT n - 1 "
                f"FROM block, {ends} WHERE n > low) "
                f"SELECT n, n = high FROM block, {ends} WHERE {block.format('ASC')} < ? LIMIT 1",
                (filters["until"],),
            )
            if not rows:
                self._before = -1
            elif not rows[0][1]:
                self._before = min(self._before, rows[0][0] + 1 << BLOCK_BITS)

    def _all_tests(self, filters: Filters) -> list[_Test]:
        given: dict[str, Any] = dict(filters)
        tests = [
            _Test("personal", name, (mark(name, given[name]),), given[name])
            for name in MARKS
            if name in given
        ]
        tests += [
            _Test("leaf", column, (given[name],))
            for name, column in _COLUMNS.items()
            if name in given
        ]
        for name, column in (("category", "outcome"), ("service", "services")):
            if name in given:
                texts = (text for text in self._distinct(column) if text != "{}")
                fitting = (t for t in texts if matches(msgspec.json.decode(t), given[name]))
                tests.append(_Test("leaf", column, tuple(fitting)))
        return tests

    def _distinct(self, column: str) -> list[str]:
        """Every value in an index, each found from the one before."""
        least = f"SELECT {column} FROM leaf WHERE {column}"
        rows = self._fetch(
            f"WITH RECURSIVE found(value) AS (SELECT * FROM ({least} > '' "
            f"ORDER BY {column} LIMIT 1) UNION ALL SELECT ({least} > found.value "
            f"ORDER BY {column} LIMIT 1) FROM found WHERE found.value IS NOT NULL) "
            "SELECT value FROM found WHERE value IS NOT NULL",
            (),
        )
        return [value for (value,) in rows]

    def _leader(self) -> _Test | None:
        """The test whose index leads the way, if one is better than a walk along the log."""
        if not self._tests:
            return None
        counts = [self._count(test) for test in self._tests]
        fewest = min(range(len(counts)), key=counts.__getitem__)
        if counts[fewest] < _FEW:
            return self._tests[fewest]
        # Many places would have to be sorted, unless they are those of a single value.
        return next((test for test in self._tests if len(test.values) == 1), None)

    def _count(self, test: _Test) -> int:
        rows = self._fetch(
            f"SELECT count(*) FROM (SELECT 1 FROM {test.table} WHERE {test.sql(indexed=True)} "
            "AND seq > ? AND seq < ? LIMIT ?)",
            (test.parameter, self._after, self._before, _FEW),
        )
        return int(rows[0][0]) if rows else 0


def places_of(db: sqlite3.Connection, consent_id: str) -> list[tuple[int]]:
    """Where the records of a visitor are."""
    test = _Test("personal", "consent_id", (mark("consent_id", consent_id),), consent_id)
    return db.execute(
        f"SELECT seq FROM personal WHERE {test.sql(indexed=True)} AND {test.exact}",
        (test.parameter, test.also),
    ).fetchall()
