"""A queue of processes at a lock file, with a deadline.

SQLite's own waiting is a poll with growing pauses: under load one process can starve for seconds
while others commit. Processes that wait in the kernel instead are served about in turn. This is
for fairness only; what keeps the log whole is the database's own lock.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["FileQueue", "locked"]

_POLL = 0.005  # seconds

# Descriptors of ours that are open now. A forked child shares the lock through its copies, and
# would hold it until it ends should the parent be killed; so it closes them.
_open: set[int] = set()


def _close_in_child() -> None:
    for descriptor in _open:
        with suppress(OSError):
            os.close(descriptor)
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


@contextmanager
def locked(path: Path, deadline: float, *, create: bool) -> Iterator[int]:
    """A descriptor of the file ``path``, to append to, while nobody else has its lock.

    ``TimeoutError`` if it is not had by ``deadline`` (monotonic time). Polls, so it is for where
    one seldom has to wait. On Windows nothing is locked.
    """
    descriptor = _open_file(path, os.O_APPEND | (os.O_CREAT if create else 0))
    try:
        while not _lock(descriptor, wait=False):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"another process keeps {path} locked")
            time.sleep(_POLL)
    except BaseException:
        _close(descriptor)
        raise
    try:
        yield descriptor
    finally:
        _release(descriptor)


class FileQueue:
    """The queue at the file ``path``. Threads of one process must come to it one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiter: _Waiter | None = None
        self._pid = os.getpid()

    @contextmanager
    def turn(self, deadline: float) -> Iterator[None]:
        """Hold the lock; ``TimeoutError`` if it is not had by ``deadline`` (monotonic time)."""
        if sys.platform == "win32":
            yield  # No flock there: the database's own lock must do.
            return
        descriptor = self._acquire(deadline)
        try:
            yield
        finally:
            _release(descriptor)

    def _acquire(self, deadline: float) -> int:
        if self._pid != os.getpid():
            self._waiter, self._pid = None, os.getpid()  # its thread stayed behind in the parent
        # A waiter that an earlier caller gave up on is taken over: however long the lock is held
        # and however often we are asked, a process has one thread waiting.
        if self._waiter is None or not self._waiter.wanted_again():
            descriptor = _open_file(self._path)
            if _lock(descriptor, wait=False):
                return descriptor
            _close(descriptor)
            self._waiter = _Waiter(self._path)
        got = self._waiter.wait(deadline)
        if got is None:
            raise TimeoutError(f"other processes kept {self._path} locked")
        self._waiter = None
        return got


class _Waiter:
    """Waits for the lock in a thread, as flock has no time limit of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._ready = threading.Event()
        self._wanted = True
        self._descriptor: int | None = None
        self._error: OSError | None = None
        self._over = False
        threading.Thread(target=self._run, name="consentkit-log-queue", daemon=True).start()

    def wanted_again(self) -> bool:
        """Whether it is still in the queue; if so, it may be waited for once more."""
        with self._mutex:
            self._wanted = not self._over
            return self._wanted

    def wait(self, deadline: float) -> int | None:
        """The locked descriptor, or None when it is not had in time."""
        self._ready.wait(max(0.0, deadline - time.monotonic()))
        with self._mutex:
            self._wanted = False
            if self._error is not None:
                raise self._error
            return self._descriptor

    def _run(self) -> None:
        try:
            descriptor = _open_file(self._path)
            _lock(descriptor, wait=True)
        except OSError as error:
            self._error = error
            descriptor = -1
        with self._mutex:
            self._over = True
            if descriptor >= 0 and self._wanted:
                self._descriptor = descriptor
            elif descriptor >= 0:
                _release(descriptor)
        self._ready.set()


def _open_file(path: Path, flags: int = os.O_CREAT) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
    _open.add(descriptor)
    return descriptor


def _lock(descriptor: int, *, wait: bool) -> bool:
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
    return True


def _release(descriptor: int) -> None:
    if sys.platform != "win32":
        # Unlocked by name: a copy in a forked child would keep a merely closed lock alive.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    _close(descriptor)


def _close(descriptor: int) -> None:
    _open.discard(descriptor)
    os.close(descriptor)
