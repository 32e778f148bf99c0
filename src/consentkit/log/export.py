"""Records as JSON lines and as CSV, one at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from consentkit.log.event import Record

__all__ = ["COLUMNS", "as_dict", "to_csv", "to_jsonl"]

COLUMNS = (
    "seq",
    "id",
    "time",
    "action",
    "outcome",
    "services",
    "source",
    "policy_version",
    "fingerprints",
    "notice",
    "notice_language",
    "regime",
    "country",
    "gpc",
    "redacted",
    "consent_id",
    "language",
    "page",
    "browser",
    "os",
    "device",
    "leaf_hash",
)

# A spreadsheet takes text that begins so for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_dict(record: Record, *, proof: bool = False) -> dict[str, Any]:
    """The record's fields in the order of ``COLUMNS``.

    ``proof`` adds the exact leaf and what opens its commitment, so that the hashes can be computed
    again from what was exported.
    """
    fields = {
        **msgspec.structs.asdict(record.event),
        "seq": record.seq,
        "notice_language": record.notice_language,
        "redacted": record.redacted,
        "leaf_hash": record.leaf_hash.hex(),
    }
    ordered = {name: fields[name] for name in COLUMNS}
    if proof:
        ordered["leaf"] = record.leaf.decode()
        ordered["salt"] = record.salt.hex()
        ordered["personal"] = record.personal.decode()
    return ordered


def to_jsonl(records: Iterable[Record]) -> Iterator[bytes]:
    """One JSON object a line, with all that is needed to verify it; UTF-8."""
    for record in records:
        yield msgspec.json.encode(as_dict(record, proof=True)) + b"\n"


def to_csv(records: Iterable[Record]) -> Iterator[bytes]:
    """RFC 4180 with a header line; UTF-8. No cell can be taken for a formula."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for record in records:
        yield _taken(buffer)
        writer.writerow([_cell(value) for value in as_dict(record).values()])
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        value = " ".join(f"{name}={value[name]}" for name in sorted(value))
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
