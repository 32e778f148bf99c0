"""Making a choice count: first its record, then its cookies.

*Granted* is acknowledged only after the record is durable. *Denied* holds at once, even when the
log is out of order; such a record waits in memory and is written before the next one.
"""

from __future__ import annotations

import logging
import threading
from collections import deque

from consentkit.errors import LogError
from consentkit.log import Event, Log, Notice, Record

__all__ = ["Recorder"]

log = logging.getLogger("consentkit")

_WAITING = 10_000


class Recorder:
    """Appends to a log, and keeps denials that could not be appended yet.

    Args:
        store: where the records go.
    """

    def __init__(self, store: Log) -> None:
        self._store = store
        self._waiting: deque[tuple[Event, Notice]] = deque(maxlen=_WAITING)
        self._lock = threading.Lock()

    @property
    def store(self) -> Log:
        """The log itself."""
        return self._store

    def record(self, event: Event, notice: Notice) -> Record:
        """Append an event; returns when it is durable.

        Raises:
            LogError: nothing was recorded.
        """
        self._catch_up()
        return self._store.append(event, notice)

    def record_denial(self, event: Event, notice: Notice) -> None:
        """Append an event in which nothing is granted; one that cannot be appended now waits."""
        try:
            self.record(event, notice)
        except LogError:
            log.exception("the consent log is out of order; a denial waits to be recorded")
            with self._lock:
                self._waiting.append((event, notice))

    def _catch_up(self) -> None:
        while self._waiting:
            with self._lock:
                if not self._waiting:
                    return
                event, notice = self._waiting[0]
                self._store.append(event, notice)
                self._waiting.popleft()
