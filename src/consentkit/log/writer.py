"""Group commit: one thread a process writes what all its requests have to record.

While a transaction is synced to the disk, the next requests queue up; they share the next sync.
Those who have just been answered are given a moment to come again: a part of the time that a commit
takes, so that a commit for half of them is not what the others have to wait for.
``append`` returns after the commit of its own record, and nobody's cancelled request takes a record
along: what was handed over is written.

What becomes of a record when the log is out of order: it goes to the spool, a file on the local
disk (``consentkit.log.spool``), and from there to the log when it can be written again, before
anything newer. Without a spool it is refused, unless it is a denial: that is kept in memory. A log
that has just failed is left alone for a moment, so that not every request waits for its time-out.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from consentkit.errors import LogError, LogUnavailable, LogUnreadable
from consentkit.log.erasure import forget
from consentkit.log.event import Event, Notice
from consentkit.log.spool import Spool
from consentkit.log.store import Log

__all__ = ["Entry", "Writer"]

log = logging.getLogger("consentkit")

Entry = tuple[Event, Notice]

_BATCH = 256
_QUEUE = 4096  # requests that may wait for the writer
_KEPT = 10_000  # denials that are kept in memory when they can be written nowhere
_PATIENCE = 15.0  # seconds that a record may stand in the queue: a log's time-out, and once more
_PAUSE = 1.0  # seconds in which a log that has just failed is left alone, at least
_LONGEST_PAUSE = 60.0
_LINGER = 0.25  # of the time that the last commit took
_LONGEST_LINGER = 0.005  # seconds
_IDLE = 5.0  # seconds after which the thread ends, for the next record to begin another
_OUT_OF_ORDER = (LogUnavailable, LogUnreadable)

_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


class _Item:
    """A record on its way; ``done`` is let go when ``recorded`` or ``error`` is there."""

    __slots__ = ("done", "entry", "error", "keep", "recorded")

    def __init__(self, entry: Entry, *, keep: bool) -> None:
        self.entry = entry
        self.keep = keep
        self.recorded: Event | None = None
        self.error: Exception | None = None
        # A bare lock: the cheapest thing that one thread can wait for and another let go.
        self.done = threading.Lock()
        self.done.acquire()


class Writer:
    """Writes to ``store``, or else to ``spool``. Its thread begins with the first record.

    Args:
        store: the log.
        spool: where records wait while the log cannot be written; None: nowhere.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        store: Log,
        spool: Spool | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.spool = spool
        self._clock = clock
        # Denials that could be written nowhere; older than all that is in the queue.
        self._kept: deque[Entry] = deque()
        self._again = float("-inf")  # when the log may be tried again
        self._reset()
        _writers.add(self)

    def _reset(self) -> None:
        """With nothing in hand; also in a forked child, as what the parent has is the parent's."""
        self._pid = os.getpid()
        self._changed = threading.Condition(threading.Lock())
        self._writing = threading.Lock()
        self._queue: deque[_Item] = deque()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._expected = 1  # how many records are worth a moment's wait
        self._linger = 0.0
        self._kept.clear()

    def append(self, event: Event, notice: Notice, *, keep: bool = False) -> Event:
        """Record an event; returns when it is durable, in the log or in the spool.

        Args:
            event: what to record.
            notice: what the visitor was shown.
            keep: when it can be recorded nowhere now, keep it in memory and try again later.

        Returns:
            The event as recorded: of an id that was recorded before, the earlier one.

        Raises:
            LogUnavailable: it is recorded nowhere.
            LogError: no log would take it.
        """
        event.check()
        item = _Item((event, notice), keep=keep)
        if not self._hand_over(item):
            item.error = LogUnavailable("too many choices wait to be recorded")
        elif not item.done.acquire(timeout=_PATIENCE):
            with self._changed:
                waiting = item in self._queue
                if waiting:
                    self._queue.remove(item)
                    item.error = LogUnavailable("the consent log is too slow")
            if not waiting:
                item.done.acquire()  # it is being written: that ends, one way or the other
        if item.recorded is not None:
            return item.recorded
        if keep and isinstance(item.error, _OUT_OF_ORDER):
            log.error("the consent log is out of order; a denial waits: %s", item.error)
            self._keep(item.entry)
            return event
        assert item.error is not None  # noqa: S101 - for the type checker
        raise item.error

    def catch_up(self) -> None:
        """Write what was kept and spooled; ``LogUnavailable`` or ``LogUnreadable`` if it fails."""
        with self._writing:
            self._again = float("-inf")
            self._catch_up()

    def forget(self, consent_id: str, event: Event, notice: Notice) -> int:
        """Erase what is personal in a visitor's records; those that wait are written first.

        Returns:
            How many were erased.

        Raises:
            LogError: something is not erased; doing it again may help.
        """
        with self._writing:
            self._again = float("-inf")
            self._catch_up()
            return forget(self.store, self.spool, consent_id, event, notice)

    def close(self) -> None:
        """Write what is queued and, if that can be done, what was kept. The next record begins
        anew."""
        with self._changed:
            self._closing = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(_PATIENCE)
        with self._changed:
            self._closing = False
            if self._thread is not None:
                log.error("the consent log's writer did not come to its end")
                return
        try:
            self.catch_up()
        except _OUT_OF_ORDER as error:
            if self._kept:
                log.error("%d denials were not recorded: %s", len(self._kept), error)
            else:
                log.warning("what is in the spool waits for the next start: %s", error)

    # In the threads of requests

    def _hand_over(self, item: _Item) -> bool:
        with self._changed:
            if len(self._queue) >= _QUEUE:
                return False
            self._queue.append(item)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="consentkit-log", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # out of threads, or the interpreter is at its end
                    self._queue.remove(item)
                    item.error = LogUnavailable(f"the log's writer cannot be started: {error}")
                    item.done.release()
                    return True
                self._thread = thread
            if len(self._queue) in (1, self._expected):
                self._changed.notify()
        return True

    def _keep(self, entry: Entry) -> None:
        if len(self._kept) < _KEPT:
            self._kept.append(entry)
        else:
            log.error("too many denials wait to be recorded; %s is lost", entry[0].id)

    # In the writer's thread

    def _run(self) -> None:
        while True:
            pause = self._until_next_try()
            with self._changed:
                if not self._queue and not self._closing:
                    self._changed.wait(_IDLE if pause is None else pause)
                if 0 < len(self._queue) < self._expected and not self._closing:
                    self._changed.wait(self._linger)
                batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
                if not batch and (self._closing or pause is None):
                    self._thread = None
                    return
            begun = time.monotonic()
            try:
                with self._writing:
                    self._write(batch)
            except Exception as error:  # whatever it is, nobody may wait for ever
                log.exception("the writer of the consent log failed")
                for item in batch:
                    if item.recorded is None and item.error is None:
                        item.error = LogError(f"it could not be recorded: {error!r}")
            finally:
                took = time.monotonic() - begun
                with self._changed:
                    self._expected = min(_BATCH, len(batch) + len(self._queue))
                    self._linger = min(_LINGER * took, _LONGEST_LINGER)
                for item in batch:
                    item.done.release()

    def _until_next_try(self) -> float | None:
        """Seconds until the log is to be tried again for the sake of what waits; None: nothing."""
        if not self._kept and (self.spool is None or not self.spool.waiting()):
            return None
        return max(0.2, self._again - self._clock())

    def _write(self, batch: list[_Item]) -> None:
        begun = self._clock()
        try:
            if begun < self._again:
                raise LogUnavailable("the consent log has just failed and is given a moment")
            try:
                self._catch_up()
                self._store(batch)
            except _OUT_OF_ORDER:
                # A try that took long, such as a time-out, is not to be what most requests meet.
                pause = max(_PAUSE, 4 * (self._clock() - begun))
                self._again = self._clock() + min(pause, _LONGEST_PAUSE)
                raise
        except _OUT_OF_ORDER as error:
            self._put_aside(batch, error)

    def _catch_up(self) -> None:
        if self.spool is not None and self.spool.waiting():
            drained = self.spool.drain(self._store_entries)
            if drained:
                log.warning("%d records came from the spool into the consent log", drained)
        while self._kept:
            entries = [self._kept[n] for n in range(min(_BATCH, len(self._kept)))]
            self._store_entries(entries)
            for _ in entries:
                self._kept.popleft()

    def _store_entries(self, entries: Sequence[Entry]) -> None:
        items = [_Item(entry, keep=False) for entry in entries]
        self._store(items)
        for item in items:
            if item.error is not None:
                log.error("%s can never be recorded: %s", item.entry[0].id, item.error)

    def _store(self, items: Sequence[_Item]) -> None:
        """To the log, in this order; one that no log would take costs no other."""
        if not items:
            return
        try:
            records = self.store.append_many([item.entry for item in items])
        except _OUT_OF_ORDER:
            raise
        except Exception as error:
            if len(items) > 1:
                for item in items:
                    self._store([item])
            else:
                log.exception("%s cannot be recorded", items[0].entry[0].id)
                items[0].error = error if isinstance(error, LogError) else LogError(repr(error))
            return
        for item, record in zip(items, records, strict=True):
            item.recorded = record.event

    def _put_aside(self, batch: Sequence[_Item], why: Exception) -> None:
        """To the spool, if there is one that takes them."""
        rest = [item for item in batch if item.recorded is None and item.error is None]
        if rest and self.spool is not None:
            try:
                self.spool.append([item.entry for item in rest])
            except _OUT_OF_ORDER as error:
                why = LogUnavailable(f"{why}; {error}")
            else:
                log.warning("%d choices went to the spool: %s", len(rest), why)
                for item in rest:
                    item.recorded = item.entry[0]
                return
        for item in rest:
            # Each its own: one exception raised in many threads would collect their tracebacks.
            item.error = LogUnavailable(str(why))
            item.error.__cause__ = why


def _reset_all() -> None:
    for writer in list(_writers):
        writer._reset()  # noqa: SLF001 - of this very module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)


@atexit.register
def _close_all() -> None:
    for writer in list(_writers):
        with suppress(Exception):
            writer.close()
