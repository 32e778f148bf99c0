"""Verification on demand: one run at a time, in a thread of its own, not again too soon."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from consentkit.errors import LogError
from consentkit.log import Reader, Verification, verify

__all__ = ["Runs", "Status"]

log = logging.getLogger("consentkit")

_PAUSE = 60.0  # seconds between two runs: each reads the whole log


class Status(Struct, frozen=True, kw_only=True):
    """How verification stands in this process.

    Attributes:
        running: whether a run is going on, and how many records it has ``seen``.
        finished: when the last run came to an end, RFC 3339; empty: there was none yet.
        result: of the last run; None with an ``error`` that kept it from an answer.
    """

    running: bool = False
    seen: int = 0
    finished: str = ""
    result: Verification | None = None
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """The status for programs."""
        found = self.result
        return {
            "running": self.running,
            "seen": self.seen,
            "finished": self.finished or None,
            "error": self.error or None,
            "result": found
            and {
                "whole": not found.faults,
                "size": found.size,
                "root": found.root.hex(),
                "redacted": found.redacted,
                "pruned": found.pruned,
                "faults": [{"seq": fault.seq, "why": fault.why} for fault in found.faults],
            },
        }


class Runs:
    """Runs verification.

    Args:
        reader: the log.
        now: the time, RFC 3339.
        clock: monotonic seconds.
    """

    def __init__(
        self, reader: Reader, now: Callable[[], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = reader
        self._now = now
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._again = float("-inf")
        self.status = Status()

    def start(self) -> float:
        """Start a run, unless one is going on; 0, or the seconds to wait until the next may."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return 0.0
            wait = self._again - self._clock()
            if wait > 0:
                return wait
            self.status = Status(running=True)
            self._thread = threading.Thread(target=self._run, name="consentkit-verify", daemon=True)
            self._thread.start()
        return 0.0

    def wait(self) -> None:
        """Wait for the run to end."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        def progress(count: int) -> None:
            self.status = Status(running=True, seen=self.status.seen + count)

        result, error = None, ""
        try:
            result = verify(self._reader, progress=progress)
        except LogError as failure:
            error = str(failure)
        except Exception:
            log.exception("the log could not be verified")
            error = "the log could not be verified; the server's log file has the reason"
        seen = result.size if result else self.status.seen
        self.status = Status(seen=seen, finished=self._now(), result=result, error=error)
        self._again = self._clock() + _PAUSE
