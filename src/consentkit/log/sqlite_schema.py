"""The tables of a log in SQLite, and how to tell such a file from any other."""

from __future__ import annotations

import sqlite3

from consentkit.errors import LogUnreadable

__all__ = ["APPLICATION_ID", "DAMAGED", "SCHEMA_VERSION", "create", "identify"]

# In the file's header, so that tools (and we) know whose file it is: "CKLG".
APPLICATION_ID = 0x434B4C47
SCHEMA_VERSION = 1

# SQLite's codes for a file that holds no database, or a broken one. ERROR: among others, a format
# number it does not know, or a schema that it cannot make sense of.
DAMAGED = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# Columns of ``leaf`` other than ``body`` are an index: what counts are the bytes in ``body``.
# ``personal`` is the only place that knows a consent id, so that deleting its row forgets it.
# The triggers stop mistakes, not attackers; against those there is verification.
_STATEMENTS = (
    """CREATE TABLE leaf (
        seq INTEGER PRIMARY KEY CHECK (seq >= 0),
        id TEXT NOT NULL UNIQUE,
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        body BLOB NOT NULL,
        time TEXT NOT NULL,
        action TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE personal (
        seq INTEGER PRIMARY KEY,
        consent_id TEXT NOT NULL,
        salt BLOB NOT NULL CHECK (length(salt) = 32),
        body BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX personal_consent_id ON personal (consent_id)",
    """CREATE TABLE notice (
        hash TEXT NOT NULL,
        language TEXT NOT NULL,
        html BLOB NOT NULL,
        PRIMARY KEY (hash, language)
    ) STRICT""",
    """CREATE TABLE head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        size INTEGER NOT NULL CHECK (size >= 0),
        frontier BLOB NOT NULL
    ) STRICT""",
    "INSERT INTO head (one, size, frontier) VALUES (1, 0, x'')",
    *(
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'a consent log is only appended to'); END"
        for table, verb in (
            ("leaf", "update"),
            ("leaf", "delete"),
            ("personal", "update"),
            ("notice", "update"),
            ("notice", "delete"),
            ("head", "delete"),
        )
    ),
    """CREATE TRIGGER head_only_grows BEFORE UPDATE ON head WHEN new.size <= old.size
        BEGIN SELECT RAISE(ABORT, 'a consent log is only appended to'); END""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


def identify(db: sqlite3.Connection) -> bool:
    """True for a log, False for an empty database; ``LogUnreadable`` for anything else."""
    try:
        # One statement, hence one snapshot.
        application, version, tables = db.execute(
            "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) "
            "FROM pragma_application_id, pragma_user_version"
        ).fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in DAMAGED:
            raise LogUnreadable(f"this is no consent log: {error}") from error
        raise
    if application == 0 and tables == 0:
        return False
    if application != APPLICATION_ID:
        raise LogUnreadable("this is an SQLite database, but no consent log")
    if version != SCHEMA_VERSION:
        raise LogUnreadable(
            f"this consent log has format {version}; "
            f"this version of consentkit reads format {SCHEMA_VERSION}"
        )
    return True


def create(db: sqlite3.Connection) -> None:
    """Make the tables of an empty database, or none of them. Others may be about to do the same."""
    db.execute("BEGIN IMMEDIATE")
    if not identify(db):
        for statement in _STATEMENTS:
            db.execute(statement)
    db.execute("COMMIT")
