"""What a batch of events adds to a log: computed from its head, stored by whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from consentkit.errors import LogError
from consentkit.log.event import Event, Notice, Record
from consentkit.log.leaf import make_record
from consentkit.log.merkle import Frontier
from consentkit.log.store import SUBTREE_LEVELS

__all__ = ["Batch", "Entry", "blank", "make_batch", "make_entry"]


class Entry(NamedTuple):
    """An event that is to be appended, with the notice it answers. ``kept`` is whether its personal
    part is stored."""

    event: Event
    notice: Notice
    salt: bytes
    kept: bool = True


class Batch(NamedTuple):
    """What is new.

    Attributes:
        records: one for each entry, known ones too.
        added: those of them that are new, in their order, and whether their personal part is kept.
        notices: those that the new ones name, each once, by hash and language.
        roots: level, position and root of each subtree that became complete.
    """

    records: list[Record]
    added: list[tuple[Record, bool]]
    notices: dict[tuple[str, str], Notice]
    roots: list[tuple[int, int, bytes]]


def make_entry(event: Event, notice: Notice, salt: bytes) -> Entry:
    """The entry of an event; ``LogError`` when no log would take it."""
    event.check()
    if event.notice != notice.hash:
        raise LogError("the event names another notice than the one it came with")
    if Notice.of(notice.html, notice.language).hash != notice.hash:
        raise LogError("the notice does not have the hash it came with")
    return Entry(event, notice, salt)


def blank(entry: Entry) -> Entry:
    """The entry of an erasure, which names nobody."""
    nobody = dict.fromkeys(("consent_id", "language", "page", "browser", "os", "device"), "")
    return entry._replace(event=msgspec.structs.replace(entry.event, **nobody), kept=False)


def make_batch(
    entries: Iterable[Entry], tree: Frontier, prev: bytes, known: Mapping[str, Record]
) -> Batch:
    """Append to ``tree``, whose last leaf has the hash ``prev``.

    Args:
        entries: in the order in which they are to stand.
        tree: of the log so far; the new leaves are pushed to it.
        known: the records, by id, that the log has already of these entries.
    """
    batch = Batch([], [], {}, [])
    stored = dict(known)
    for entry in entries:
        record = stored.get(entry.event.id)
        if record is None:
            record = make_record(
                entry.event,
                notice_language=entry.notice.language,
                seq=tree.size,
                prev=prev,
                salt=entry.salt,
            )
            stored[entry.event.id] = record
            prev = record.leaf_hash
            batch.added.append((record, entry.kept))
            batch.notices[entry.notice.hash, entry.notice.language] = entry.notice
            batch.roots.extend(tree.completed(prev, SUBTREE_LEVELS))
            tree.push(prev)
        batch.records.append(record)
    return batch
