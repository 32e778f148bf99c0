"""What a log needs now and then: records that are too old are pruned, journals kept short."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable
from random import SystemRandom

from consentkit.errors import LogError
from consentkit.log.ids import rfc3339
from consentkit.log.store import Log

__all__ = ["Upkeep", "oldest_kept"]

log = logging.getLogger("consentkit")

_DAY = 86_400
_ROUND = 60.0  # seconds between two rounds
# Of its own: a forked process must not wake with its brother.
_chance = SystemRandom()
_ROUNDS_TO_PRUNE = 60

_all: weakref.WeakSet[Upkeep] = weakref.WeakSet()


def oldest_kept(retention_days: int, now: float) -> str:
    """The time, as the log writes it, before which records are too old at ``now`` (since 1970)."""
    return rfc3339(max(0, int((now - retention_days * _DAY) * 1000)))


class Upkeep:
    """Looks after ``store`` in a thread of its own, from ``start`` on.

    Args:
        store: the log.
        retention_days: older records are pruned, once an hour; None: none.
        clock: seconds since 1970.
    """

    def __init__(self, store: Log, retention_days: int | None, clock: Callable[[], float]) -> None:
        self._store = store
        self._days = retention_days
        self._clock = clock
        self._reset()
        _all.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        # The thread ends with this object, which it holds no longer than for a round.
        weakref.finalize(self, self._over.set).atexit = False

    def start(self) -> None:
        """Begin, unless it is going on already; in a forked child it has to begin anew."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                self._over.clear()
                thread = threading.Thread(
                    target=_run,
                    args=(weakref.ref(self), self._over),
                    name="consentkit-upkeep",
                    daemon=True,
                )
                try:
                    thread.start()
                except RuntimeError:  # out of threads, or at the interpreter's end
                    log.exception("the consent log is not looked after")
                    return
                self._thread = thread

    def stop(self) -> None:
        """Come to an end, soon."""
        with self._lock:
            self._over.set()
            self._thread = None

    def once(self, *, prune: bool) -> None:
        """One round. What fails is tried again in the next one."""
        try:
            if prune and self._days is not None:
                pruned = self._store.prune(oldest_kept(self._days, self._clock()))
                if pruned:
                    log.info("%d records older than %d days were pruned", pruned, self._days)
            self._store.maintain()
        except LogError as error:
            log.warning("the consent log could not be looked after: %s", error)
        except Exception:  # a fault of ours must not end it
            log.exception("the consent log could not be looked after")


def _run(look_up: weakref.ref[Upkeep], over: threading.Event) -> None:
    # Not all processes at the same moments.
    rounds = _chance.randrange(_ROUNDS_TO_PRUNE)
    while not over.wait(_ROUND * _chance.uniform(0.5, 1.5)):
        upkeep = look_up()
        if upkeep is None:
            return
        rounds += 1
        upkeep.once(prune=rounds % _ROUNDS_TO_PRUNE == 0)
        del upkeep


def _reset_all() -> None:
    for upkeep in list(_all):
        upkeep._reset()  # noqa: SLF001 - of this very module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
