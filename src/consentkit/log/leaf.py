"""Leaves: the bytes that are hashed for an event, and the way back from stored bytes to a record.

docs/log.md describes the format so that a verifier can be written without this module.

Beside the event a leaf holds its own place (``seq``) and the hash of the leaf before it (``prev``).
The Merkle root alone would show that something was changed, but not where; with these two, moved,
doubled and consistently replaced records are each found at their place.

What is personal is not in the leaf. The leaf commits to it by a hash with a random salt of 32
bytes; erasing salt and value leaves nothing to guess from, and the tree whole.
"""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

from consentkit.errors import LogError, LogTampered
from consentkit.log.canonical import canonical
from consentkit.log.event import Action, Event, Record, Source, State
from consentkit.log.merkle import leaf_hash

__all__ = ["DOMAIN", "LEAF_VERSION", "SALT_BYTES", "Leaf", "commit", "make_record", "read_record"]

LEAF_VERSION = 1
SALT_BYTES = 32

# Descriptive fields come from requests; an odd one must never cost the visitor the choice.
_LONGEST = 1024

DOMAIN = b"consentkit personal v1\n"


class Leaf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a leaf."""

    v: int
    seq: int
    prev: str
    id: str
    time: str
    action: Action
    outcome: dict[str, State]
    services: dict[str, State]
    policy: str
    fingerprints: dict[str, str]
    notice: str
    notice_language: str
    source: Source
    regime: str
    country: str
    gpc: bool
    personal: str


class _Personal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    browser: str
    consent_id: str
    device: str
    language: str
    os: str
    page: str


_decode_leaf = msgspec.json.Decoder(Leaf).decode
_decode_personal = msgspec.json.Decoder(_Personal).decode


def commit(salt: bytes, personal: bytes) -> str:
    """The commitment to the personal bytes, in hex."""
    return hashlib.sha256(DOMAIN + salt + personal).hexdigest()


def make_record(
    event: Event, *, notice_language: str, seq: int, prev: bytes, salt: bytes
) -> Record:
    """The record of ``event`` at place ``seq``, after the leaf with hash ``prev``."""
    try:
        personal = canonical(
            {
                "browser": _tidy(event.browser),
                "consent_id": event.consent_id,
                "device": _tidy(event.device),
                "language": _tidy(event.language),
                "os": _tidy(event.os),
                "page": _tidy(event.page),
            }
        )
        leaf = Leaf(
            v=LEAF_VERSION,
            seq=seq,
            prev=prev.hex(),
            id=event.id,
            time=event.time,
            action=event.action,
            outcome=event.outcome,
            services=event.services,
            policy=event.policy_version,
            fingerprints=event.fingerprints,
            notice=event.notice,
            notice_language=notice_language,
            source=event.source,
            regime=event.regime,
            country=event.country,
            gpc=event.gpc,
            personal=commit(salt, personal),
        )
        body = canonical(msgspec.structs.asdict(leaf))
    except ValueError as error:
        raise LogError(f"this event cannot be logged: {error}") from error
    return _record(leaf, body, leaf_hash(body), salt, personal)


def read_record(
    seq: int, stored_hash: bytes, body: bytes, salt: bytes | None, personal: bytes | None
) -> Record:
    """The record in a stored row; ``LogTampered`` unless row, leaf and commitment agree."""
    if leaf_hash(body) != stored_hash:
        raise LogTampered(seq, "the leaf does not have the hash stored with it")
    try:
        leaf = _decode_leaf(body)
        if leaf.seq != seq:
            raise LogTampered(seq, f"it holds the leaf of record {leaf.seq}")
        if salt is None or personal is None:
            return _record(leaf, body, stored_hash, b"", b"")
        if commit(salt, personal) != leaf.personal:
            raise LogTampered(seq, "its personal fields are not those it was made with")
        return _record(leaf, body, stored_hash, salt, personal)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LogTampered(seq, f"it holds no leaf: {error}") from error


def _record(leaf: Leaf, body: bytes, digest: bytes, salt: bytes, personal: bytes) -> Record:
    own = _decode_personal(personal) if personal else None
    return Record(
        seq=leaf.seq,
        leaf=body,
        leaf_hash=digest,
        notice_language=leaf.notice_language,
        salt=salt,
        personal=personal,
        event=Event(
            id=leaf.id,
            time=leaf.time,
            consent_id=own.consent_id if own else "",
            action=leaf.action,
            outcome=leaf.outcome,
            services=leaf.services,
            policy_version=leaf.policy,
            fingerprints=leaf.fingerprints,
            notice=leaf.notice,
            source=leaf.source,
            regime=leaf.regime,
            country=leaf.country,
            language=own.language if own else "",
            page=own.page if own else "",
            browser=own.browser if own else "",
            os=own.os if own else "",
            device=own.device if own else "",
            gpc=leaf.gpc,
        ),
    )


def _tidy(text: str) -> str:
    """Bounded, without NULs, and without the lone surrogates that undecodable bytes of a request
    leave."""
    return text[:_LONGEST].replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
