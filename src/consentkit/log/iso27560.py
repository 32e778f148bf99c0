"""Records in the shape of ISO/IEC TS 27560:2023, one JSON object a line.

The field names are those of the W3C's guide to the standard (Data Privacy Vocabulary), the states
its IRIs. What the standard wants told of processing, recipients, rights and withdrawal stands in
the notice, which is referred to by its hash and comes with a bundle. docs/audit.md has the mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from consentkit.log.event import Event, Record

__all__ = ["SCHEMA", "as_iso27560", "to_iso27560"]

SCHEMA = "ISO/IEC TS 27560:2023 consentkit/1"

_DPV = "https://w3id.org/dpv#"
# Of a category that is denied; one that is granted has been given by whatever the action was.
_DENIED = {
    "withdraw": "ConsentWithdrawn",
    "expire": "ConsentExpired",
    "forget": "ConsentTerminated",
}
_LAWFUL_BASIS = {
    "gdpr": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-a",
    "eu": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-a",
}


def as_iso27560(record: Record) -> dict[str, Any]:
    """The record as a consent record of the standard (clauses 6.3.3 to 6.3.7)."""
    event = record.event
    principal = event.consent_id or None
    return {
        "schema_version": SCHEMA,
        "record_id": event.id,
        "pii_principal_id": principal,
        "pii_processing": {
            "privacy_notice": f"urn:sha256:{event.notice}",
            "privacy_notice_version": event.policy_version,
            "language": record.notice_language,
            "purposes": [_purpose(event, name) for name in sorted(event.outcome)],
            "recipient_third_parties": [
                {"party_id": name, "event_state": _state(event, state)}
                for name, state in sorted(event.services.items())
            ],
            "lawful_basis": _LAWFUL_BASIS.get(event.regime),
            "jurisdiction": event.regime or None,
            "geographic_restrictions": event.country or None,
            "collection_method": event.source,
            "withdrawal_method": f"urn:sha256:{event.notice}",
            "privacy_rights": f"urn:sha256:{event.notice}",
        },
        "consent_event": {
            "event_time": event.time,
            "event_type": event.action,
            "entity_id": principal,
            "global_privacy_control": event.gpc,
        },
        "evidence": {"seq": record.seq, "leaf_hash": record.leaf_hash.hex()},
    }


def to_iso27560(records: Iterable[Record]) -> Iterator[bytes]:
    """One JSON object a line; UTF-8."""
    for record in records:
        yield msgspec.json.encode(as_iso27560(record)) + b"\n"


def _purpose(event: Event, name: str) -> dict[str, Any]:
    return {
        "purpose": name,
        "event_state": _state(event, event.outcome[name]),
        "services_fingerprint": event.fingerprints.get(name),
    }


def _state(event: Event, choice: str) -> str:
    state = "ConsentGiven" if choice == "granted" else _DENIED.get(event.action, "ConsentRefused")
    return _DPV + state
