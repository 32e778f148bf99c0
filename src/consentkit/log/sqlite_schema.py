"""The tables of a log in SQLite, how to tell such a file from any other, and how to bring one of an
older version up to date."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from consentkit.errors import LogUnreadable
from consentkit.log.merkle import Frontier
from consentkit.log.store import SUBTREE_LEVELS

__all__ = [
    "APPLICATION_ID",
    "BLOCK_BITS",
    "DAMAGED",
    "ERASED",
    "INDEXED",
    "SCHEMA_VERSION",
    "Index",
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


def _part(name: str) -> str:
    # NULL where a body is damaged: that must not stop anybody from erasing it.
    text = "CAST({0}body AS TEXT)"
    return f"CASE WHEN json_valid({text}) THEN json_extract({text}, '$.{name}') END"


class Index(NamedTuple):
    """What records are looked for by: the table, the SQL of the value, and that of what is in the
    index. In these {0} stands for the table's name and a dot, or for nothing, and {1} for a value.

    Most are indexes of what is in a body instead of columns, so that there is nothing more that
    could contradict the bytes that were hashed; SQLite's own integrity check compares the two.
    """

    table: str
    value: str
    rough: str = "{1}"

    def key(self, value: str) -> str:
        """The SQL of what is in the index for a value."""
        return self.rough.replace("{1}", value)


# When SQLite splits or joins pages of an index, copies of entries stay behind in the unused room of
# these pages, where "secure_delete" does not reach them. So what can be erased is not in any index:
# only a few bits of it are, enough to leave one in hundreds to look at.
_ROUGHLY = (
    "(coalesce(unicode({1}), 0) * 7 + coalesce(unicode(substr({1}, -1)), 0) * 31 + length({1}) * 3"
    " + coalesce(unicode(substr({1}, length({1}) / 2)), 0)) % 509"
)
INDEXED = {
    "action": Index("leaf", "{0}action"),
    "country": Index("leaf", _part("country")),
    "policy_version": Index("leaf", _part("policy")),
    "outcome": Index("leaf", _part("outcome")),
    "services": Index("leaf", _part("services")),
    # Of a random text, so that these three characters are as good as any 18 bits.
    "consent_id": Index("personal", _part("consent_id"), "substr({1}, 1, 3)"),
    "language": Index("personal", _part("language"), _ROUGHLY),
    "page": Index("personal", _part("page"), _ROUGHLY),
}

# Columns of ``leaf`` other than ``body`` are an index: what counts are the bytes in ``body``. A
# pruned record keeps its place and hash alone, and has neither or all of the rest.
_LEAF = """CREATE TABLE leaf (
        seq INTEGER PRIMARY KEY CHECK (seq >= 0),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        time TEXT CHECK ((time IS NULL) = (body IS NULL)),
        action TEXT CHECK ((action IS NULL) = (body IS NULL)),
        id TEXT UNIQUE CHECK ((id IS NULL) = (body IS NULL)),
        body BLOB
    ) STRICT"""
# What is personal. To erase it, a row is overwritten with as many zeros where it is: the rows
# beside it are not moved, so that no copies of them are left behind when their turn comes.
_PERSONAL = """CREATE TABLE personal (
        seq INTEGER PRIMARY KEY,
        salt BLOB NOT NULL CHECK (length(salt) = 32),
        body BLOB NOT NULL
    ) STRICT"""
ERASED = "({0}salt = zeroblob(32) AND {0}body = zeroblob(length({0}body)))"
"""The test for such a row; {0} as above."""
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
        f"CREATE INDEX {index.table}_{name} ON {index.table} ({index.key(index.value).format('')})"
        for name, index in INDEXED.items()
    ),
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
    """Version 1 could not prune, had no subtrees, and indexes for ids alone."""
    names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for statement in (
        *(f"DROP TRIGGER {name}" for (name,) in names),
        "ALTER TABLE personal RENAME TO personal_1",
        _PERSONAL,
        "INSERT INTO personal SELECT seq, salt, body FROM personal_1 ORDER BY seq",
        "DROP TABLE personal_1",
        "ALTER TABLE leaf RENAME TO leaf_1",
        _LEAF,
        """INSERT INTO leaf (seq, hash, time, action, id, body)
            SELECT seq, hash, time, action, id, body FROM leaf_1 ORDER BY seq""",
        "DROP TABLE leaf_1",
        _SUBTREE,
        *_INDEXES,
    ):
        db.execute(statement)
    tree = Frontier()
    for (leaf,) in db.execute("SELECT hash FROM leaf ORDER BY seq"):
        roots = tree.completed(leaf, SUBTREE_LEVELS)
        db.executemany("INSERT INTO subtree VALUES (?, ?, ?)", roots)
        tree.push(leaf)
    for statement in (*_TRIGGERS, *_MARKS):
        db.execute(statement)
