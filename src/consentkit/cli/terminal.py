"""Plain text for people: aligned tables, times, and nothing that a terminal would obey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import click

from consentkit.log import Record, rfc3339

__all__ = ["counted", "plain", "since", "table", "until"]

_COLUMNS = (("SEQ", 7), ("ID", 36), ("TIME", 24), ("ACTION", 8), ("SOURCE", 11), ("OUTCOME", 0))


def plain(value: Any) -> str:
    """``value`` as one line. What came from a visitor cannot move the cursor or colour anything."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        value = " ".join(f"{name}={value[name]}" for name in sorted(value))
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(value))


def counted(count: int, what: str) -> str:
    """``1 record``, ``2 records``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def table(records: Iterable[Record]) -> Iterator[bytes]:
    """A line a record under a header; written as they come, so the widths are fixed."""
    yield _line(name for name, _ in _COLUMNS)
    for record in records:
        event = record.event
        yield _line(
            plain(value)
            for value in (
                record.seq, event.id, event.time, event.action, event.source, event.outcome,
            )
        )  # fmt: skip


def _line(cells: Iterable[str]) -> bytes:
    padded = (f"{cell:{width}}" for cell, (_, width) in zip(cells, _COLUMNS, strict=True))
    return "  ".join(padded).rstrip().encode() + b"\n"


def _instant(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    """An RFC 3339 time or a date (its first moment), UTC unless it says otherwise."""
    if given is None:
        return None
    try:
        instant = datetime.fromisoformat(given)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        return rfc3339(round(instant.timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{given!r} is no time; write 2026-11-22 or 2026-11-22T10:00:00Z"
        ) from error


since = until = _instant
