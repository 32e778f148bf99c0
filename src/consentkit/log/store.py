"""What every store of the log offers, whatever database is behind it.

``Reader`` is enough for queries, exports and verification; ``Log`` can be appended to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypedDict, Unpack

from consentkit.errors import LogUnreadable
from consentkit.log.event import Event, Notice, Record
from consentkit.log.merkle import Frontier

__all__ = ["Filters", "Head", "Log", "LogDamaged", "Reader", "Row", "matches"]


class LogDamaged(LogUnreadable):
    """This is a log, but what stores it is damaged."""


# seq, id, hash, leaf, time, action, consent id, salt, personal. The last three are None when the
# personal part is erased. All but seq are bytes as stored, so that a value which is no longer text
# can be told from one that is. A plain tuple: verification makes one a record.
Row = tuple[int, bytes, bytes, bytes, bytes, bytes, bytes | None, bytes | None, bytes | None]


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


class Filters(TypedDict, total=False):
    """What records to give; without any, all of them.

    ``category`` is a category with a recorded choice, or ``category=granted`` / ``=denied``.
    ``since`` is inclusive, ``until`` exclusive, both as ``rfc3339()`` writes times. ``after`` is
    the sequence number to go on behind, ``limit`` the most records to give.
    """

    action: str
    category: str
    since: str
    until: str
    consent_id: str
    after: int
    limit: int


class Reader(Protocol):
    """A log that can be read. Every method raises ``LogUnavailable`` or ``LogUnreadable``."""

    def get(self, record_id: str) -> Record | None:
        """The record with this id."""
        ...

    def by_consent_id(self, consent_id: str) -> list[Record]:
        """The records of one visitor, oldest first."""
        ...

    def records(self, **filters: Unpack[Filters]) -> Iterator[Record]:
        """Records in the order of the log, read in pages; ``LogTampered`` at one that is not
        what was appended."""
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
    """A log that can be written."""

    def append(self, event: Event, notice: Notice) -> Record:
        """Append ``event`` and return when it is durable. An id that is in the log already gives
        the record stored then. Raises ``LogUnavailable``; nothing is half-written."""
        ...


def matches(event: Event, category: str) -> bool:
    """Whether the event has a choice for ``category`` (see ``Filters``)."""
    name, equals, state = category.partition("=")
    return event.outcome.get(name) == state if equals else name in event.outcome
