"""Making a choice count: first its record, then its cookies.

*Granted* is acknowledged only after the record is durable. *Denied* holds at once, even when the
log is out of order; such a record waits in memory and is written before the next one, so that the
log has the choices of a visitor in the order in which they were made.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from consentkit.errors import LogUnavailable, LogUnreadable
from consentkit.log import Event, Log, Notice, Record

__all__ = ["Recorder"]

log = logging.getLogger("consentkit")

_WAITING = 10_000
_PAUSE = 1.0  # seconds in which a log that has just failed is not tried again
_OUT_OF_ORDER = (LogUnavailable, LogUnreadable)


class Recorder:
    """Appends to a log, and keeps denials that could not be appended yet.

    Args:
        store: where the records go.
        clock: monotonic seconds.
    """

    def __init__(self, store: Log, clock: Callable[[], float]) -> None:
        self.store = store
        self._clock = clock
        self._waiting: deque[tuple[Event, Notice]] = deque()
        self._catching_up = threading.Lock()
        self._again = float("-inf")

    def record(self, event: Event, notice: Notice) -> Record:
        """Append an event; returns when it is durable.

        Raises:
            LogError: nothing was recorded.
        """
        if self._waiting:
            self._catch_up()
        return self.store.append(event, notice)

    def record_denial(self, event: Event, notice: Notice) -> Event:
        """Append an event in which nothing is granted; one that cannot be appended now waits.

        Returns:
            The event as it is recorded; never raises.
        """
        try:
            return self.record(event, notice).event
        except _OUT_OF_ORDER:
            log.exception("the consent log is out of order; a denial waits to be recorded")
            if len(self._waiting) < _WAITING:
                self._waiting.append((event, notice))
            else:
                log.error("too many denials wait to be recorded; %s is lost", event.id)
        except Exception:  # the log will never take this event, so it must not block others
            log.exception("the denial %s could not be recorded", event.id)
        return event

    def close(self) -> None:
        """Write what waits, if the log can be written again, and let go of it."""
        try:
            self._again = float("-inf")
            self._catch_up()
        except _OUT_OF_ORDER:
            log.exception("%d denials were not recorded", len(self._waiting))
        self.store.close()

    def _catch_up(self) -> None:
        """Write what waits, one thread at a time; the others wait no longer than for one try."""
        with self._catching_up:
            while self._waiting:
                if self._clock() < self._again:
                    raise LogUnavailable("the consent log has just failed and is given a moment")
                event, notice = self._waiting[0]
                try:
                    self.store.append(event, notice)
                except _OUT_OF_ORDER:
                    self._again = self._clock() + _PAUSE
                    raise
                except Exception:
                    log.exception("the denial %s could not be recorded", event.id)
                self._waiting.popleft()
