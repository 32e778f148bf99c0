"""The visitor's own records: to read with their proofs, and to have erased.

Whose they are is told by the signed cookies alone. Each record comes with all that ``verify.py`` of
an export needs to check it (docs/audit.md), so it is worth something without this site's word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from consentkit.engine.choices import Wish
from consentkit.log import erasure
from consentkit.log.bundle import proof_of
from consentkit.log.checkpoint import Checkpoint
from consentkit.log.event import Record

if TYPE_CHECKING:
    from consentkit.engine.choices import Choices
    from consentkit.engine.exchange import Exchange
    from consentkit.engine.kit import ConsentKit

__all__ = ["Receipt", "Receipts", "wants_json"]

_AT_ONCE = 100


class Receipt(Struct, frozen=True, kw_only=True):
    """What the log holds of one visitor.

    Attributes:
        records: at most 100, oldest first.
        checkpoint: size and root of the log that they are proved to be in; None without records.
        proofs: one for each record, as ``consentkit log proof`` prints them.
        more: the place behind which there are more records, or None.
    """

    consent_id: str
    records: tuple[Record, ...] = ()
    checkpoint: Checkpoint | None = None
    proofs: tuple[dict[str, Any], ...] = ()
    more: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The receipt for programs."""
        return {"consent_id": self.consent_id, "proofs": list(self.proofs), "after": self.more}


class Receipts:
    """Reads and erases a visitor's records.

    Args:
        kit: policy, cookies and log.
        choices: what is told of the cookies that denied services left.
    """

    def __init__(self, kit: ConsentKit, choices: Choices) -> None:
        self._kit = kit
        self._choices = choices

    def read(self, exchange: Exchange, after: int = -1) -> Receipt:
        """The records of the visitor behind ``after``.

        Raises:
            LogError: the log cannot be read, or what is stored cannot be proved.
        """
        consent_id = exchange.decision.consent_id
        if not consent_id:
            return Receipt(consent_id="")
        store = self._kit.recorder.store
        found = list(store.records(consent_id=consent_id, after=after, limit=_AT_ONCE + 1))
        records, more = tuple(found[:_AT_ONCE]), len(found) > _AT_ONCE
        if not records:
            return Receipt(consent_id=consent_id)
        # Made after they were read, so that they are in it.
        note = self._kit.checkpoints.current()
        keys = self._kit.checkpoints.keys
        return Receipt(
            consent_id=consent_id,
            records=records,
            checkpoint=Checkpoint.read(note),
            proofs=tuple(proof_of(store, record, note, keys) for record in records),
            more=records[-1].seq if more else None,
        )

    def forget(self, exchange: Exchange) -> tuple[int, tuple[str, ...]]:
        """Erase what is personal in the visitor's records, wherever they are.

        Returns:
            How many records there were, and the ``Set-Cookie`` values that end the choice: its own
            cookies, and those of the services that are not allowed any more.

        Raises:
            LogError: something is not erased. The cookies name the records, so they have to stay.
        """
        kit, before = self._kit, exchange.decision
        erased = 0
        if before.consent_id:
            event, notice = erasure(kit.settings.policy.version, kit.clock)
            erased = kit.recorder.forget(before.consent_id, event, notice)
        wanted = {category.id: Wish(outcome="denied") for category in kit.policy.choosable}
        after = msgspec.structs.replace(
            before, states={**before.states, **dict.fromkeys(wanted, "denied")}, services={}
        )
        ended = [kit.cookies.expired(category, secure=exchange.is_secure) for category in wanted]
        return erased, (*ended, *self._choices.deletions(exchange, after, wanted))


def wants_json(exchange: Exchange) -> bool:
    """Whether JSON is asked for: by ``?format=json``, or by whoever accepts it and no HTML."""
    if exchange.query.get("format") == "json":
        return True
    accept = exchange.request.header(b"accept").lower()
    return b"application/json" in accept and b"text/html" not in accept
