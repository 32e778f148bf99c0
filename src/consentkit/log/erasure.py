"""Erasure: what is personal in a visitor's records goes, wherever it is, and a record says so."""

from __future__ import annotations

import time
from collections.abc import Callable

from consentkit.log.event import Event, Notice
from consentkit.log.ids import new_id, rfc3339
from consentkit.log.spool import Spool
from consentkit.log.store import Log

__all__ = ["erasure", "forget"]

# A record names the notice it belongs to; of an erasure by the site's owner, this is it.
_NOTICE = Notice.of(
    b"<p>At the request of a visitor or of the site, what was personal in this visitor's records "
    b"was erased.</p>",
    "en",
)


def erasure(policy_version: str, clock: Callable[[], float] = time.time) -> tuple[Event, Notice]:
    """The event of an erasure that was not asked for on a page, and its notice.

    Args:
        policy_version: of the cookie policy.
        clock: seconds since 1970.
    """
    event = Event(
        id=new_id(),
        time=rfc3339(int(clock() * 1000)),
        consent_id="erased",
        action="forget",
        outcome={},
        policy_version=policy_version,
        fingerprints={},
        notice=_NOTICE.hash,
        source="api",
    )
    return event, _NOTICE


def forget(log: Log, spool: Spool | None, consent_id: str, event: Event, notice: Notice) -> int:
    """Erase what is personal in the records of a visitor, in the spool too.

    Args:
        log: the log.
        spool: where records of that visitor may wait.
        consent_id: the visitor's pseudonym.
        event: whose action is ``forget``; nothing personal of it is recorded.
        notice: the event's.

    Returns:
        How many records were erased; 0: the log has none, and nothing was recorded.

    Raises:
        LogError: something is not erased; doing it again may help.
    """
    if spool is not None:
        # Through the log: only there can it be told whose a record is, and be erased.
        if spool.waiting():
            spool.drain(log.append_many)
        spool.forget_damaged()
    return log.forget(consent_id, event, notice)
