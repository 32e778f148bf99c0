"""The tables of a log in SQLite, how to tell such a file from any other, and how to bring one of an
older version up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from consentkit.errors import LogUnreadable
from consentkit.log.merkle import Frontier
from consentkit.log.sqlite_columns import (
    LEAF_COLUMNS,
    MARKS,
    leaf_columns,
    personal_marks,
)
from consentkit.log.store import SUBTREE_LEVELS

__all__ = [
    "APPLICATION_ID",
    "BLOCK_BITS",
    "DAMAGED",
    "ERASE",
    "ERASED",
    "PRUNE",
    "SCHEMA_VERSION",
    "create",
    "migrate",
    "version_of",
]

# In the file's header, so that tools (and we) know whose file it is: "CKLG".
APPLICATION_ID = 0x434B4C47
SCHEMA_VERSION = 2

# SQLite's codes for a file that holds no database, or a broken one. ERROR: among others, a format
# number it does not know, or a schema that it cannot make sense of.
DAMAGED = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# Times are indexed within blocks of 2**12 records. What is asked for is in the order of the log,
# and a clock may go back: a few probes a block tell which blocks can hold a time, whatever it did.
BLOCK_BITS = 12


# Columns of ``leaf`` other than ``body`` are an index. A pruned record keeps its place and hash
# alone, and all or nothing of the rest. What is long comes last: the rest can be read without it.
_LEAF = f"""CREATE TABLE leaf (
        seq INTEGER PRIMARY KEY CHECK (seq >= 0),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        {" ".join(f"{name} TEXT," for name in LEAF_COLUMNS)}
        body BLOB,
        UNIQUE (id),
        {", ".join(f"CHECK (({name} IS NULL) = (body IS NULL))" for name in LEAF_COLUMNS)}
    ) STRICT"""
_MARKED = tuple(MARKS.items())
# What is personal. To erase it, a row is overwritten with as many zeros where it is: the rows
# beside it are not moved, so that no copies of them are left behind when their turn comes.
_PERSONAL = f"""CREATE TABLE personal (
        seq INTEGER PRIMARY KEY,
        {"".join(f"{name} BLOB NOT NULL CHECK (length({name}) = {n})," for name, n in _MARKED)}
        salt BLOB NOT NULL CHECK (length(salt) = 32),
        body BLOB NOT NULL
    ) STRICT"""
_ZEROS = {"salt": "zeroblob(32)", "body": "zeroblob(length({0}body))"} | {
    name: f"zeroblob({length})" for name, length in MARKS.items()
}
ERASE = ", ".join(f"{name} = {zeros.format('')}" for name, zeros in _ZEROS.items())
"""What to set in such a row."""
ERASED = f"({' AND '.join(f'{{0}}{name} = {zeros}' for name, zeros in _ZEROS.items())})"
"""The test for such a row; {0} stands for the table's name and a dot, or for nothing."""
PRUNE = ", ".join(f"{name} = NULL" for name in (*LEAF_COLUMNS, "body"))
"""What to set in a row of ``leaf``."""
_OTHERS = (
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
)
_SUBTREE = """CREATE TABLE subtree (
        level INTEGER NOT NULL,
        position INTEGER NOT NULL CHECK (position >= 0),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        PRIMARY KEY (level, position)
    ) STRICT, WITHOUT ROWID"""
_INDEXES = (
    f"CREATE INDEX leaf_time ON leaf (seq >> {BLOCK_BITS}, time) WHERE time IS NOT NULL",
    *(
        f"CREATE INDEX leaf_{name} ON leaf ({name})"
        for name in ("action", "country", "policy", "outcome", "services")
    ),
    *(f"CREATE INDEX personal_{name} ON personal ({name})" for name in MARKS),
)


# The triggers stop mistakes, not attackers; against those there is verification.
def _refusal(table: str, verb: str, when: str = "") -> str:
    condition = f"WHEN {when} " if when else ""
    return (
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} {condition}"
        "BEGIN SELECT RAISE(ABORT, 'a consent log is only appended to'); END"
    )


_TRIGGERS = (
    _refusal(
        "leaf", "update", "new.body IS NOT NULL OR new.seq <> old.seq OR new.hash <> old.hash"
    ),
    _refusal("leaf", "delete"),
    _refusal("personal", "update", f"NOT {ERASED.format('new.')} OR new.seq <> old.seq"),
    _refusal("personal", "delete", f"NOT {ERASED.format('old.')}"),
    *(_refusal(table, verb) for table in ("notice", "subtree") for verb in ("update", "delete")),
    _refusal("head", "delete"),
    _refusal("head", "update", "new.size <= old.size"),
)
_MARKS = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


def version_of(db: sqlite3.Connection) -> int:
    """The version of a log's tables, 0 for an empty database; ``LogUnreadable`` for anything else,
    and for a log that is newer than this program."""
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
    except UnicodeDecodeError as error:  # of SQLite's message, which quotes a damaged schema
        raise LogUnreadable("this is no consent log, or its schema is damaged") from error
    if application == 0 and tables == 0:
        return 0
    if application != APPLICATION_ID:
        raise LogUnreadable("this is an SQLite database, but no consent log")
    if not 1 <= version <= SCHEMA_VERSION:
        raise LogUnreadable(
            f"this consent log has format {version}; this version of consentkit reads the formats "
            f"up to {SCHEMA_VERSION}"
        )
    return int(version)


def create(db: sqlite3.Connection) -> None:
    """Make the tables of an empty database, or none of them. Others may be about to do the same."""
    db.execute("BEGIN IMMEDIATE")
    if version_of(db) == 0:
        for statement in (_LEAF, _PERSONAL, *_OTHERS, _SUBTREE, *_INDEXES, *_TRIGGERS, *_MARKS):
            db.execute(statement)
    db.execute("COMMIT")


def migrate(db: sqlite3.Connection) -> None:
    """Bring a log of an older version up to date, in one transaction. Others may be doing it."""
    db.execute("BEGIN IMMEDIATE")
    if version_of(db) == 1:
        _from_1(db)
    db.execute("COMMIT")


def _from_1(db: sqlite3.Connection) -> None:
    """Version 1 could not prune, had no subtrees, and no index but for ids."""
    names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for statement in (
        *(f"DROP TRIGGER {name}" for (name,) in names),
        "ALTER TABLE personal RENAME TO personal_1",
        "ALTER TABLE leaf RENAME TO leaf_1",
        _PERSONAL,
        _LEAF,
        _SUBTREE,
    ):
        db.execute(statement)
    db.executemany(
        "INSERT INTO personal (seq, consent_id, language, page, salt, body) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        _personal_of_1(db),
    )
    db.executemany(
        "INSERT INTO leaf (seq, hash, time, action, country, policy, outcome, services, id, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        _leaves_of_1(db),
    )
    tree = Frontier()
    for (leaf,) in db.execute("SELECT hash FROM leaf ORDER BY seq"):
        roots = tree.completed(leaf, SUBTREE_LEVELS)
        db.executemany("INSERT INTO subtree VALUES (?, ?, ?)", roots)
        tree.push(leaf)
    for statement in (
        "DROP TABLE personal_1",
        "DROP TABLE leaf_1",
        *_INDEXES,
        *_TRIGGERS,
        *_MARKS,
    ):
        db.execute(statement)


def _personal_of_1(db: sqlite3.Connection) -> Iterator[tuple[object, ...]]:
    for seq, salt, body in db.execute("SELECT seq, salt, body FROM personal_1 ORDER BY seq"):
        try:
            marks = personal_marks(body)
        except ValueError:  # it is damaged: that is for verification to tell
            marks = tuple(bytes(length) for length in MARKS.values())
        yield seq, *marks, salt, body


def _leaves_of_1(db: sqlite3.Connection) -> Iterator[tuple[object, ...]]:
    rows = db.execute("SELECT seq, hash, time, action, id, body FROM leaf_1 ORDER BY seq")
    for seq, digest, time, action, record_id, body in rows:
        try:
            _, _, country, policy, outcome, services, _ = leaf_columns(body)
        except ValueError:
            country = policy = outcome = services = ""
        yield seq, digest, time, action, country, policy, outcome, services, record_id, body
