"""Making a choice count: first its record, then its cookies.

*Granted* is acknowledged only after the record is durable, in the log or in the spool. *Denied*
holds at once, even when there is no room in either; such a record waits in memory and is written
before the next one, so that the log has the choices of a visitor in the order in which they were
made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from consentkit.log import Checkpoints, Event, Log, Notice, Spool, Upkeep, Writer

__all__ = ["Recorder"]

log = logging.getLogger("consentkit")


class Recorder:
    """Records choices.

    Args:
        store: where the records go.
        spool: where they go while the log cannot be written.
        checkpoints: written now and then while records come in; None: not at all.
        retention_days: how long they are kept; None: for ever.
        clock: monotonic seconds.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        store: Log,
        spool: Spool | None = None,
        *,
        checkpoints: Checkpoints | None = None,
        retention_days: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self._writer = Writer(store, spool, clock=clock)
        self._checkpoints = checkpoints
        self._upkeep = Upkeep(store, retention_days, wall)

    def record(self, event: Event, notice: Notice) -> Event:
        """Record an event; returns when it is durable, with the event as it is recorded.

        Raises:
            LogError: nothing was recorded.
        """
        self._upkeep.start()
        recorded = self._writer.append(event, notice)
        self._appended()
        return recorded

    def record_denial(self, event: Event, notice: Notice) -> Event:
        """Record an event in which nothing is granted; one that cannot be recorded now waits.

        Returns:
            The event as it is recorded; never raises.
        """
        self._upkeep.start()
        try:
            recorded = self._writer.append(event, notice, keep=True)
            self._appended()
            return recorded
        except Exception:  # the log will never take this event
            log.exception("the denial %s could not be recorded", event.id)
        return event

    def forget(self, consent_id: str, event: Event, notice: Notice) -> int:
        """Erase what is personal in a visitor's records; see ``consentkit.log.erasure.forget``."""
        count = self._writer.forget(consent_id, event, notice)
        self._appended()
        return count

    def _appended(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.appended()

    def close(self) -> None:
        """Record what waits, if that can be done, and let go of the log."""
        self._upkeep.stop()
        self._writer.close()
        if self._checkpoints is not None:
            self._checkpoints.close()
        self.store.close()
