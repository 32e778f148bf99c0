"""An SQLite connection for one process and one file, however processes and files come and go.

A connection must be neither used nor closed in a forked child (SQLite's "How to corrupt a database
file", 2.6), so a child forgets the one it inherits and opens its own. A file that was deleted or
replaced lives on behind an open connection, where everything written is lost; so each use asks
whether the path still means the file that was opened.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from consentkit.log.sqlite_files import file_identity

__all__ = ["Handle"]

_handles: weakref.WeakSet[Handle] = weakref.WeakSet()


class Handle:
    """A connection made by ``opener`` at its first use. Callers hold ``lock`` while they use it."""

    def __init__(self, path: Path, opener: Callable[[], sqlite3.Connection]) -> None:
        self.path = path
        self.lock = threading.Lock()
        self._opener = opener
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._pid = os.getpid()
        _handles.add(self)

    def get(self) -> sqlite3.Connection:
        """The connection, to the file that the path means now."""
        if self._pid != os.getpid():
            self.forget()
        if self._connection is not None and not self.current():
            self.drop()
        if self._connection is None:
            connection = self._opener()
            self._connection = connection
            self._identity = file_identity(self.path)
        return self._connection

    def current(self) -> bool:
        """Whether the path still means the file that is open."""
        return file_identity(self.path) == self._identity

    def drop(self) -> None:
        """Close the connection. What it had begun is rolled back; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def forget(self) -> None:
        """In a forked child: leave the parent's connection alone, for ever."""
        if self._connection is not None:
            # A reference nobody ever gives back: even the child's exit must not close it.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))
        self._connection = None
        self._pid = os.getpid()
        self.lock = threading.Lock()  # another thread of the parent may have held it


def _forget_all() -> None:
    for handle in list(_handles):
        handle.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
