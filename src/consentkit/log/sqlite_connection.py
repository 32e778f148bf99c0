"""Opening the file of a log in SQLite: how connections are made, and what a writer's promises."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from urllib.parse import quote

from consentkit.errors import LogError, LogUnavailable
from consentkit.log.sqlite_files import NETWORK, file_system
from consentkit.log.sqlite_schema import create, migrate, version_of

__all__ = ["OLDEST", "check_sqlite", "connect", "connect_to_write"]

log = logging.getLogger("consentkit")

OLDEST = (3, 38)  # STRICT tables, and JSON functions that are always there


def check_sqlite() -> None:
    """``LogError`` when Python's SQLite is too old."""
    if sqlite3.sqlite_version_info < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise LogError(f"SQLite {oldest} or newer is needed, not {sqlite3.sqlite_version}")


def connect(path: Path, options: str, timeout: float) -> sqlite3.Connection:
    """A connection in autocommit mode that any thread may use, one at a time."""
    return sqlite3.connect(
        f"file:{quote(str(path))}?{options}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=timeout,
    )


def connect_to_write(path: Path, timeout: float) -> sqlite3.Connection:
    """A connection whose commits are durable, to a log with the tables of this version."""
    db = connect(path, "mode=rw", timeout)
    try:
        version = version_of(db)  # first of all, so that nobody else's file is touched
        _set_journal(db, path)
        db.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone does not reach the disk
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA journal_size_limit = 67108864")
        if version == 0:
            create(db)
        elif version == 1:
            migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _set_journal(db: sqlite3.Connection, path: Path) -> None:
    name = file_system(path.parent)
    wanted = "delete" if name in NETWORK else "wal"
    (mode,) = db.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
    if mode != wanted:
        raise LogUnavailable(
            f"{path} cannot be used in {wanted.upper()} mode (SQLite answers {mode!r}); "
            "a consent log needs a local file system"
        )
    if wanted == "delete":
        log.warning(
            "the consent log %s is on a network file system (%s): slower, without a write-ahead "
            "log, and only as safe as the locks there; better put it on a local disk",
            path,
            name,
        )
        # In this mode FULL does not sync the folder after the journal is deleted.
        db.execute("PRAGMA synchronous = EXTRA")
    else:
        db.execute("PRAGMA synchronous = FULL")
