"""The columns of a log in SQLite that are only an index, and what they hold of the stored bytes.

What counts are the bytes in ``body``; a column that says something else is a fault.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw, Struct

__all__ = [
    "LEAF_COLUMNS",
    "MARKS",
    "UNSEEN_COLUMNS",
    "differing",
    "leaf_columns",
    "mark",
    "personal_marks",
]

LEAF_COLUMNS = ("time", "action", "country", "policy", "outcome", "services", "id")
UNSEEN_COLUMNS = ("country", "policy", "outcome", "services")
"""Those that are in no ``Row``, and so not seen by verification."""

# SQLite leaves copies of an index's entries behind in the unused room of its pages, when it splits
# or joins them, and "secure_delete" does not reach these. So what can be erased is in no index; a
# few bits of its hash are: enough to leave few records to look at, and no telling what it was.
MARKS = {"consent_id": 2, "language": 1, "page": 2}
"""Of which personal fields there is a mark, and of how many bytes."""


class _Leaf(Struct, gc=False):
    time: str
    action: str
    country: str
    policy: str
    outcome: Raw
    services: Raw
    id: str


class _Personal(Struct, gc=False):
    consent_id: str
    language: str
    page: str


_leaf = msgspec.json.Decoder(_Leaf).decode
_personal = msgspec.json.Decoder(_Personal).decode


def leaf_columns(body: bytes) -> tuple[str, ...]:
    """The ``LEAF_COLUMNS`` of a leaf; ``ValueError`` if it is none."""
    leaf = _leaf(body)
    outcome, services = str(leaf.outcome, "utf-8"), str(leaf.services, "utf-8")
    return leaf.time, leaf.action, leaf.country, leaf.policy, outcome, services, leaf.id


def personal_marks(body: bytes) -> tuple[bytes, ...]:
    """The ``MARKS`` of a personal part; ``ValueError`` if it is none."""
    own = _personal(body)
    return (
        mark("consent_id", own.consent_id),
        _common("language", own.language),
        _common("page", own.page),
    )


def mark(name: str, value: str) -> bytes:
    """The mark of a personal field with this value."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()[: MARKS[name]]


_common = lru_cache(1024)(mark)  # for what many records share


def differing(rows: Iterable[tuple[Any, ...]]) -> Iterator[int]:
    """Where columns differ from the bytes.

    Args:
        rows: sequence number, body, ``UNSEEN_COLUMNS`` (as bytes), the body of the personal part,
            its marks. A body that is None or damaged is passed over, as that is for others to tell.

    Yields:
        Sequence numbers.
    """
    for seq, body, country, policy, outcome, services, own, *marks in rows:
        try:
            leaf = _leaf(body)
            right = (
                bytes(leaf.outcome) == outcome
                and bytes(leaf.services) == services
                and leaf.country.encode() == country
                and leaf.policy.encode() == policy
                and (own is None or tuple(marks) == personal_marks(own))
            )
        except (ValueError, TypeError):
            continue
        if not right:
            yield seq
