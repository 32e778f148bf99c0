"""From filters to SQL whose cost does not grow with the log, for PostgreSQL and MariaDB.

Every value that is looked for has an index that goes on in the order of the log, so a page is the
beginning of a walk along one. Where several values fit (the outcomes in which a category was
granted), the pages of all are merged. Values are cut in their columns and a page of a log may be
compared by its beginning there, so whoever asks compares again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, select, union_all
from sqlalchemy.sql import ColumnElement, FromClause

from consentkit.log.event import Event
from consentkit.log.sql_schema import BLOCK_BITS, DERIVED, Tables
from consentkit.log.store import Filters, matches

__all__ = ["Query", "fits"]

_Fetch = Callable[[Any], Sequence[Any]]
_LONGEST = 1000


class Query:
    """A query for pages of records.

    Args:
        fetch: runs a statement and gives its rows.
        tables: those of the database at hand.
        dialect: ``postgresql`` or ``mysql``.
        filters: what to look for.
    """

    def __init__(self, fetch: _Fetch, tables: Tables, dialect: str, filters: Filters) -> None:
        self._fetch = fetch
        self._tables = tables
        self._dialect = dialect
        self._filters = filters
        self._reverse = filters.get("reverse", False)
        self._after = filters.get("after", -1)
        self._before = filters.get("before", 2**62)
        self._narrow()
        self._equal = self._equalities()
        self._among = self._alternatives()

    def page(self, limit: int) -> Sequence[Any]:
        """The next records: sequence number, hash, body, salt and personal part."""
        if any(not values for _, values in self._among):
            return []
        leaf, personal = self._tables.leaf, self._tables.personal
        places = self._places(limit).subquery()
        order = places.c.seq.desc() if self._reverse else places.c.seq
        found = self._fetch(
            select(leaf.c.seq, leaf.c.hash, leaf.c.body, personal.c.salt, personal.c.body)
            .select_from(
                places.join(leaf, leaf.c.seq == places.c.seq).outerjoin(
                    personal, personal.c.seq == places.c.seq
                )
            )
            .order_by(order)
        )
        if found and self._reverse:
            self._before = found[-1][0]
        elif found:
            self._after = found[-1][0]
        return found

    def _places(self, limit: int) -> Select[Any]:
        """The sequence numbers of a page."""
        if len(self._among) != 1 or len(self._among[0][1]) == 1:
            return self._walk(limit, [column.in_(values) for column, values in self._among])
        # One walk for each value, since an index goes on in order within one value alone.
        column, values = self._among[0]
        walks = [select(self._walk(limit, [column == value]).subquery()) for value in values]
        merged = union_all(*walks).subquery()
        order = merged.c.seq.desc() if self._reverse else merged.c.seq
        return select(merged.c.seq).order_by(order).limit(limit)

    def _walk(self, limit: int, conditions: list[ColumnElement[bool]]) -> Select[Any]:
        leaf, personal = self._tables.leaf, self._tables.personal
        of_personal = any(column.table is personal for column, _ in self._equal)
        walked = personal if of_personal else leaf
        sources: FromClause = leaf
        if of_personal:
            sources = personal.join(leaf, leaf.c.seq == personal.c.seq)
        wanted = [
            walked.c.seq > self._after,
            walked.c.seq < self._before,
            leaf.c.id.is_not(None),
            *(column == value for column, value in self._equal),
            *conditions,
        ]
        if "since" in self._filters:
            wanted.append(leaf.c.time >= self._filters["since"])
        if "until" in self._filters:
            wanted.append(leaf.c.time < self._filters["until"])
        order = walked.c.seq.desc() if self._reverse else walked.c.seq
        return select(walked.c.seq).select_from(sources).where(*wanted).order_by(order).limit(limit)

    def _equalities(self) -> list[tuple[ColumnElement[Any], str]]:
        given: dict[str, Any] = dict(self._filters)
        found: list[tuple[ColumnElement[Any], str]] = []
        if "action" in given:
            found.append((self._tables.leaf.c.action, given["action"]))
        for name, (owner, _, nested) in DERIVED.items():
            if name in given and not nested:
                table = self._tables.leaf if owner == "leaf" else self._tables.personal
                found.append((table.c[name], given[name][:_LONGEST]))
        return found

    def _alternatives(self) -> list[tuple[ColumnElement[Any], list[str]]]:
        found: list[tuple[ColumnElement[Any], list[str]]] = []
        given: dict[str, Any] = dict(self._filters)
        for name, column in (("category", "outcome"), ("service", "services")):
            if name in given:
                values = self._distinct(column)
                fitting = [value for value in values if _may_match(value, given[name])]
                found.append((self._tables.leaf.c[column], fitting))
        return found

    def _distinct(self, name: str) -> list[str]:
        """Every value in an index, each found from the one before."""
        column = self._tables.leaf.c[name]
        if self._dialect == "mysql":  # which skips along the index by itself
            rows = self._fetch(select(column).where(column.is_not(None)).distinct())
            return [value for (value,) in rows]
        first = select(column.label("value")).where(column.is_not(None)).order_by(column).limit(1)
        found = select(first.subquery().c.value).cte("found", recursive=True)
        following = (
            select(column).where(column > found.c.value).order_by(column).limit(1).scalar_subquery()
        )
        found = found.union_all(select(following).where(found.c.value.is_not(None)))
        rows = self._fetch(select(found.c.value).where(found.c.value.is_not(None)))
        return [value for (value,) in rows]

    def _narrow(self) -> None:
        """Bring times down to bounds of the sequence number, whole blocks of it."""
        block = self._tables.block
        if "since" in self._filters:
            rows = self._fetch(
                select(block.c.number)
                .where(block.c.last >= self._filters["since"])
                .order_by(block.c.number)
                .limit(1)
            )
            first = rows[0][0] << BLOCK_BITS if rows else 2**62
            self._after = max(self._after, first - 1)
        if "until" in self._filters:
            rows = self._fetch(
                select(block.c.number)
                .where(block.c.first < self._filters["until"])
                .order_by(block.c.number.desc())
                .limit(1)
            )
            last = (rows[0][0] + 1) << BLOCK_BITS if rows else -1
            self._before = min(self._before, last)


def fits(event: Event, filters: Filters) -> bool:
    """Whether an event is what is looked for, in those parts that columns hold cut."""
    whole = all(
        name not in filters or getattr(event, name) == filters[name]
        for name in ("country", "language", "policy_version", "page")
    )
    category, service = filters.get("category"), filters.get("service")
    return (
        whole
        and (category is None or matches(event.outcome, category))
        and (service is None or matches(event.services, service))
    )


def _may_match(value: str, wanted: str) -> bool:
    try:
        return matches(msgspec.json.decode(value, type=dict[str, str]), wanted)
    except msgspec.MsgspecError:
        return True  # cut; the whole of it decides
