"""Record ids: UUID version 7 (RFC 9562), in increasing order within a process.

The order is a convenience for people who read ids; the log itself orders by sequence number alone.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

__all__ = ["IdSource", "new_id", "rfc3339"]


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class IdSource:
    """Makes ids from a clock and a source of random bytes.

    RFC 9562 section 6.2, method 1: the 12 bits after the version count up within a millisecond,
    from a random start below 2048. A clock that stands still or goes back keeps the last time; a
    counter that overflows borrows the next millisecond. The other 62 bits are random in each id,
    so that a forked child, which inherits time and counter, still makes ids of its own.
    """

    def __init__(
        self,
        now_ms: Callable[[], int] = _wall_ms,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._last = -1
        self._counter = 0
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            # Another thread may have held the lock at the moment of the fork.
            os.register_at_fork(after_in_child=self._new_lock)

    def _new_lock(self) -> None:
        self._lock = threading.Lock()

    def __call__(self) -> str:
        """The next id, as lower-case text with hyphens."""
        random = int.from_bytes(self._random_bytes(10), "big")
        with self._lock:
            now = self._now_ms()
            if now > self._last:
                self._last = now
                self._counter = (random >> 62) & 0x7FF
            elif self._counter < 0xFFF:
                self._counter += 1
            else:
                self._last += 1
                self._counter = (random >> 62) & 0x7FF
            ms, counter = self._last, self._counter
        bits = (ms & (1 << 48) - 1) << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62
        text = f"{bits | random & (1 << 62) - 1:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


new_id = IdSource()


def rfc3339(ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339 in UTC, always with three decimals and ``Z``."""
    whole, rest = divmod(ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{rest:03d}Z"
