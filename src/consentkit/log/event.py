"""What the log is given and what it gives back: events, notices, records. Values only.

An event is one choice of one visitor. It has no field for an address or for the browser's own
description of itself, so neither can be logged by mistake; browser, system and device are families.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from consentkit.errors import LogError

__all__ = ["ACTIONS", "Action", "Event", "Notice", "Record", "Source", "State"]

Action = Literal["accept", "reject", "save", "withdraw", "gpc", "expire", "forget"]
Source = Literal["banner", "preferences", "embed", "api"]
State = Literal["granted", "denied"]
ACTIONS: tuple[Action, ...] = ("accept", "reject", "save", "withdraw", "gpc", "expire", "forget")

# \Z, as $ would let a line feed through.
Id = Annotated[
    str,
    Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z"),
]
Time = Annotated[
    str,
    Meta(pattern=r"^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{3}Z\Z"),
]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Key = Annotated[str, Meta(pattern=r"^[!-~]+\Z", max_length=128)]
# A NUL ends a text for some databases, others refuse it.
Label = Annotated[str, Meta(max_length=256, pattern=r"^[^\x00]*\Z")]


class Notice(Struct, frozen=True, kw_only=True):
    """A banner or page as it was shown, found by the SHA-256 (hex) of its bytes."""

    hash: Sha256
    html: bytes
    language: Label

    @classmethod
    def of(cls, html: bytes, language: str) -> Notice:
        """The notice with these bytes."""
        return cls(hash=hashlib.sha256(html).hexdigest(), html=html, language=language)


class Event(Struct, frozen=True, kw_only=True):
    """One choice.

    Attributes:
        id: UUID version 7; appending the same id again stores nothing new.
        time: of the server's clock, RFC 3339 in UTC with milliseconds.
        consent_id: the visitor's pseudonym. Personal, like ``page``, ``language``, ``browser``,
            ``os`` and ``device``: these can be erased from the log, the rest stays.
        outcome: every category that can be chosen, denied ones too.
        services: the same for single services, where they are asked one by one.
        fingerprints: per category, of the services that the visitor was told of.
        notice: SHA-256 of the notice that was shown.
        source: where the choice was made.
    """

    id: Id
    time: Time
    consent_id: Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00]*\Z")]
    action: Action
    outcome: dict[Key, State]
    services: dict[Key, State] = {}
    policy_version: Label
    fingerprints: dict[Key, Label]
    notice: Sha256
    source: Source
    regime: Label = ""
    country: Label = ""
    language: str = ""
    page: str = ""
    browser: str = ""
    os: str = ""
    device: str = ""
    gpc: bool = False

    def check(self) -> None:
        """Raise ``LogError`` unless every field is of the type and form declared above."""
        try:
            msgspec.convert(msgspec.structs.asdict(self), Event)
        except msgspec.ValidationError as error:
            raise LogError(f"this event cannot be logged: {error}") from error


class Record(Struct, frozen=True, kw_only=True):
    """An event in its place in the log.

    Attributes:
        seq: place in the log, from 0.
        leaf: the exact bytes that were hashed.
        leaf_hash: SHA-256 of a zero byte and ``leaf`` (RFC 9162 section 2.1.1).
        event: what was appended; when ``redacted``, its personal fields are empty.
        notice_language: of the notice.
        salt: with ``personal``, opens the leaf's commitment; both empty when redacted.
        personal: canonical bytes of the personal fields.
    """

    seq: int
    leaf: bytes
    leaf_hash: bytes
    event: Event
    notice_language: str
    salt: bytes = b""
    personal: bytes = b""

    @property
    def redacted(self) -> bool:
        """Whether the personal part was erased."""
        return not self.salt
