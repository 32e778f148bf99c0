"""Statistics that cost the same however long the log is: tallies of its records, kept beside them.

A tally is a number for a day, a dimension (such as the country), a value of it, a category and its
outcome. The first N records are counted in the store, in batches outside of the transactions that
append; whoever asks adds what came after, so that answers are exact. Tallies are derived from the
log and prove nothing: ``statistics(..., recount=True)`` counts the records themselves.

They hold nothing personal but in numbers, and of a language no more than its two letters; so they
stay when a visitor is forgotten or records are pruned.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Protocol, get_args

import msgspec
from msgspec import Struct

from consentkit.log.store import Count, Head, Key, LogDamaged, Row, Step

__all__ = [
    "BY",
    "DIMENSIONS",
    "STEPS",
    "By",
    "Statistics",
    "Tallying",
    "count_rows",
    "period",
    "statistics",
    "summarise",
]

By = Literal["category", "action", "country", "device", "language", "policy_version"]
BY: tuple[By, ...] = get_args(By)
STEPS: tuple[Step, ...] = get_args(Step)
DIMENSIONS = tuple(by for by in BY if by != "category")

# What is a choice: of the others, only the record itself is counted.
_CHOICES = frozenset({"accept", "reject", "save", "withdraw", "gpc"})
_BATCH = 4000
_LONGEST = 64
_LANGUAGE = re.compile(r"([A-Za-z]{2})(?:-|\Z)")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")


class Statistics(Struct, frozen=True, kw_only=True):
    """How often what was chosen.

    Attributes:
        by: what they are by.
        step: what a period is; a day (``2026-11-22``), a month (``2026-11``) or everything (empty).
        size: how many records the log has.
        counted: how many of them, from the first on, these numbers are of.
        counts: in the order of periods and values; without a category, of records.
    """

    by: By
    step: Step
    size: int
    counted: int
    counts: tuple[Count, ...]


class Tallying(Protocol):
    """What of a reader is needed here."""

    def head(self) -> Head:
        """The end of the log."""
        ...

    def rows(self, start: int | None, limit: int) -> Sequence[Row]:
        """Stored rows from a sequence number on."""
        ...

    def tallies(
        self, dimension: str, since: str, until: str, step: Step
    ) -> tuple[int, list[Count]]:
        """See ``Reader.tallies``."""
        ...


class _Keeping(Tallying, Protocol):
    def add_tallies(self, start: int, end: int, tallies: Mapping[Key, int]) -> bool:
        """See ``Log.add_tallies``."""
        ...


class _Leaf(Struct, gc=False):
    time: str
    action: str
    policy: str
    country: str
    outcome: dict[str, str]


class _Personal(Struct, gc=False):
    device: str
    language: str


_decode_leaf = msgspec.json.Decoder(_Leaf).decode
_decode_personal = msgspec.json.Decoder(_Personal).decode


def period(day: str, step: Step) -> str:
    """The period that a day is in."""
    return {"day": day, "month": day[:7], "total": ""}[step]


def statistics(
    log: Tallying,
    by: By,
    *,
    since: str = "",
    until: str = "9999",
    step: Step = "total",
    most: int | None = None,
    recount: bool = False,
) -> Statistics:
    """Count the choices.

    Args:
        log: the log.
        by: what to count by; for ``category`` the values are the categories.
        since: the first day, such as ``2026-11-22``.
        until: the day after the last.
        step: the length of a period.
        most: how many records to look at that are in no tally yet; None: all. ``counted`` tells how
            far that went.
        recount: whether to look at all records instead of using tallies.

    Raises:
        LogUnavailable, LogUnreadable: the log cannot be read.
        LogDamaged: the tallies are those of a longer log.
    """
    dimension = "action" if by == "category" else by
    stored: list[Count] = []
    counted = 0
    if not recount:
        counted, stored = log.tallies(dimension, since, until, step)
    size = log.head().size
    if counted > size:
        raise LogDamaged(f"{counted} records were counted, but the log has {size}")
    found: Counter[tuple[str, str, str, str]] = Counter()
    for count in stored:
        found[count[:4]] += count.number
    end = size if most is None else min(size, counted + most)
    while counted < end:
        rows = log.rows(counted, min(_BATCH, end - counted))
        if not rows:
            break
        for key, number in count_rows(rows, (dimension,)).items():
            if since <= key.day < until:
                found[period(key.day, step), key.value, key.category, key.state] += number
        counted = rows[-1][0] + 1
    if by == "category":
        found = _by_category(found)
    counts = tuple(Count(*key, number) for key, number in sorted(found.items()))
    return Statistics(by=by, step=step, size=size, counted=counted, counts=counts)


def summarise(
    log: _Keeping,
    seconds: float | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Count the records that are in no tally yet, and keep that.

    Args:
        log: the log.
        seconds: when to stop; the rest is for the next time. None: at the end.
        clock: monotonic seconds.
        progress: called with the number of records, after each batch.
    """
    until = None if seconds is None else clock() + seconds
    start, _ = log.tallies("action", "", "", "total")
    size = log.head().size
    while start < size and (until is None or clock() < until):
        rows = log.rows(start, min(_BATCH, size - start))
        if not rows:
            return
        end = rows[-1][0] + 1
        if not log.add_tallies(start, end, count_rows(rows, DIMENSIONS)):
            return  # another process is at it
        if progress is not None:
            progress(end - start)
        start = end


def count_rows(rows: Iterable[Row], dimensions: Sequence[str]) -> dict[Key, int]:
    """The tallies of stored rows; pruned ones, and those that are no leaf, count nothing."""
    alike: Counter[tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]] = Counter()
    for _, _, _, body, _, _, _, personal in rows:
        if body is None:
            continue
        try:
            leaf = _decode_leaf(body)
            own = None if personal is None else _decode_personal(personal)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue  # verification tells of it
        values = {
            "action": leaf.action[:_LONGEST],
            "country": _label(_COUNTRY.match(leaf.country), leaf.country),
            "device": own.device[:_LONGEST] if own else "",
            "language": _language(own.language) if own else "",
            "policy_version": leaf.policy[:_LONGEST],
        }
        outcome = tuple(leaf.outcome.items()) if leaf.action in _CHOICES else ()
        alike[leaf.time[:10], tuple(values[name] for name in dimensions), outcome] += 1
    tallies: Counter[Key] = Counter()
    for (day, known, outcome), number in alike.items():
        for dimension, value in zip(dimensions, known, strict=True):
            tallies[Key(dimension, day, value, "", "")] += number
            for category, state in outcome:
                tallies[Key(dimension, day, value, category, state)] += number
    return dict(tallies)


def _language(tag: str) -> str:
    """The two letters of a language: what visitors send has no end of variety."""
    found = _LANGUAGE.match(tag)
    return found[1].lower() if found else _label(None, tag)


def _label(found: re.Match[str] | None, text: str) -> str:
    return found[0] if found else "other" if text else ""


def _by_category(
    found: Mapping[tuple[str, str, str, str], int],
) -> Counter[tuple[str, str, str, str]]:
    regrouped: Counter[tuple[str, str, str, str]] = Counter()
    for (when, _, category, state), number in found.items():
        regrouped[when, category, category, state] += number
    return regrouped
