"""What every store of the log offers, whatever database is behind it.

``Reader`` is enough for queries, exports, proofs and verification; ``Log`` can be written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypedDict, Unpack

from consentkit.errors import LogUnreadable
from consentkit.log.event import Event, Notice, Record
from consentkit.log.merkle import Frontier

__all__ = [
    "SUBTREE_LEVELS",
    "Count",
    "Filters",
    "Head",
    "Key",
    "Log",
    "LogDamaged",
    "Reader",
    "Row",
    "Step",
    "matches",
]

SUBTREE_LEVELS = (8, 16, 24)
"""Of which perfect subtrees (of 2**level leaves) the roots are stored."""


class LogDamaged(LogUnreadable):
    """This is a log, but what stores it is damaged."""


# seq, id, hash, leaf, time, action, salt, personal. The last two are None when the personal part is
# erased; of a pruned record there is nothing but seq and hash. All but seq are
# bytes as stored, so that a value which is no longer text can be told from one that is. A plain
# tuple: verification makes one a record.
Row = tuple[
    int,
    bytes | None,
    bytes,
    bytes | None,
    bytes | None,
    bytes | None,
    bytes | None,
    bytes | None,
]


class Head(NamedTuple):
    """The log's own idea of its end, and the highest sequence number there is (-1: none)."""

    size: int
    frontier: bytes
    last: int

    def tree(self) -> Frontier:
        """The frontier; ``LogDamaged`` when size and hashes do not belong together."""
        try:
            return Frontier(self.size, self.frontier)
        except ValueError as error:
            raise LogDamaged(f"the head of the log is damaged: {error}") from error


Step = Literal["day", "month", "total"]
"""What a period of the statistics is."""


class Key(NamedTuple):
    """What a tally counts. Without a category: records; with one: those with this outcome."""

    dimension: str
    day: str
    value: str
    category: str
    state: str


class Count(NamedTuple):
    """One number of the statistics: ``value`` is that of what they are asked by."""

    period: str
    value: str
    category: str
    state: str
    number: int


class Filters(TypedDict, total=False):
    """What records to give; without any, all of them.

    ``category`` is a category with a recorded choice, or ``category=granted`` / ``=denied``;
    ``service`` the same for services. ``country``, ``language``, ``policy_version`` and ``page``
    are compared as they stand. ``since`` is inclusive, ``until`` exclusive, both as ``rfc3339()``
    writes times. ``after`` and ``before`` are sequence numbers that records lie strictly behind and
    before, ``limit`` is the most records to give, ``reverse`` gives the newest first: to go on
    with a list, pass the last record's number as ``after``, or as ``before`` when reversed.
    """

    action: str
    category: str
    service: str
    country: str
    language: str
    policy_version: str
    page: str
    since: str
    until: str
    consent_id: str
    after: int
    before: int
    reverse: bool
    limit: int


class Reader(Protocol):
    """A log that can be read. Every method raises ``LogUnavailable`` or ``LogUnreadable``."""

    def get(self, record_id: str) -> Record | None:
        """The record with this id; None also when it was pruned."""
        ...

    def by_consent_id(self, consent_id: str) -> list[Record]:
        """The records of one visitor, oldest first."""
        ...

    def records(self, **filters: Unpack[Filters]) -> Iterator[Record]:
        """Records in the order of the log, read in pages; ``LogTampered`` at one that is not
        what was appended. Pruned records are left out."""
        ...

    def notice(self, notice_hash: str) -> Notice | None:
        """The notice with this hash."""
        ...

    def head(self) -> Head:
        """The end of the log."""
        ...

    def rows(self, start: int | None, limit: int) -> Sequence[Row]:
        """At most ``limit`` stored rows from sequence number ``start`` on (None: the lowest)."""
        ...

    def leaf_hashes(self, start: int, count: int) -> list[bytes]:
        """The stored hashes of ``count`` leaves from ``start`` on, pruned ones too; fewer where the
        log ends. ``LogDamaged`` when one of them is missing."""
        ...

    def subtrees(self, level: int, start: int, count: int) -> list[bytes]:
        """The stored roots of perfect subtrees of 2**``level`` leaves (``SUBTREE_LEVELS``).

        The first is that over the leaves from ``start`` * 2**``level`` on. Fewer where the log
        ends; ``LogDamaged`` when one of them is missing.
        """
        ...

    def tallies(
        self, dimension: str, since: str, until: str, step: Step
    ) -> tuple[int, list[Count]]:
        """How many records, from the first on, are tallied, and the sums of their tallies.

        Args:
            dimension: one of ``tally.DIMENSIONS``.
            since: the first day.
            until: the day after the last.
            step: what to sum up to.
        """
        ...

    def notice_keys(self) -> set[tuple[str, str]]:
        """Hash and language of every stored notice."""
        ...

    def notice_html(self, key: tuple[str, str]) -> bytes | None:
        """The bytes of one of them."""
        ...

    def damage(self) -> Iterator[tuple[int | None, str]]:
        """What the database itself finds wrong: a sequence number if there is one, and why."""
        ...

    def close(self) -> None:
        """Let go of the database. The next call opens it again."""
        ...


class Log(Reader, Protocol):
    """A log that can be written. Every method raises ``LogUnavailable`` or ``LogUnreadable``; what
    failed is not there, not even half of it."""

    def append(self, event: Event, notice: Notice) -> Record:
        """Append ``event`` and return when it is durable. An id that is in the log already gives
        the record stored then. ``LogError`` when no log would take it."""
        ...

    def append_many(self, entries: Sequence[tuple[Event, Notice]]) -> list[Record]:
        """Append all or none, in this order and one transaction; the records, as ``append`` would
        give them. ``LogError`` when one of them is such that no log would take it."""
        ...

    def forget(self, consent_id: str, event: Event, notice: Notice) -> int:
        """Erase what is personal in every record of a visitor, for good: from the database, its
        journals and free pages. In the same transaction ``event``, whose action is ``forget``, is
        appended without its personal fields; the record says that something was erased, but not of
        whom. Returns how many records were erased; without any, nothing is appended."""
        ...

    def prune(self, before: str) -> int:
        """Erase the records with a time before this one; only their places and hashes stay, so that
        the tree does. Returns how many; in small transactions, so that others can append
        meanwhile, and a failure in the midst leaves the rest for the next time."""
        ...

    def add_tallies(self, start: int, end: int, tallies: Mapping[Key, int]) -> bool:
        """Add the tallies of the records from ``start`` to before ``end``. False, and nothing is
        done, when those before ``start`` are not what is tallied now."""
        ...

    def maintain(self) -> None:
        """What is to be done now and then to keep the store in shape. Quick when there is nothing
        to be done; does not wait for others."""
        ...


def matches(choices: Mapping[str, str], wanted: str) -> bool:
    """Whether there is a choice for a category or service (see ``Filters``)."""
    name, equals, state = wanted.partition("=")
    return choices.get(name) == state if equals else name in choices
