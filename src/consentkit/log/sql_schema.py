"""The tables of a log in PostgreSQL or MariaDB.

What is looked for besides ids, times and actions are columns that the database derives from the
stored bytes itself, so that nothing can contradict what was hashed. Each of them is indexed
together with the sequence number: a page of a list is then a walk along one index, whatever the
size of the log.

There are no foreign keys: on Galera they make concurrent inserts fail one another.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import SchemaItem

__all__ = ["BLOCK_BITS", "DERIVED", "SCHEMA_VERSION", "Tables", "tables"]

SCHEMA_VERSION = 1

# The times of 2**12 records in a row are known as a range: what is asked for is in the order of
# the log, and the ranges tell which parts of it can hold a time, whatever a clock did.
BLOCK_BITS = 12

_LONGEST = 1000  # characters of a derived column; whoever compares longer ones looks at the body

# The derived columns: table, member of the JSON object in the body, whether that is an object.
DERIVED = {
    "country": ("leaf", "country", False),
    "policy_version": ("leaf", "policy", False),
    "outcome": ("leaf", "outcome", True),
    "services": ("leaf", "services", True),
    "consent_id": ("personal", "consent_id", False),
    "language": ("personal", "language", False),
    "page": ("personal", "page", False),
}


class Tables(NamedTuple):
    """The tables for one kind of database."""

    metadata: MetaData
    head: Table
    leaf: Table
    personal: Table
    notice: Table
    subtree: Table
    block: Table


class _Kind(NamedTuple):
    """How one kind of database writes its types and derived columns."""

    ascii: Any
    text: Any
    body: Any
    hash: Any
    blob: Any
    options: dict[str, Any]
    derived: str
    derived_object: str


# Bytes compare as bytes everywhere: no collation takes two spellings for one, none pads.
_POSTGRESQL = _Kind(
    ascii=lambda length: String(length, collation="C"),
    text=lambda length: String(length, collation="C"),
    # As text, since the database derives columns from it; UTF-8 in the database is a condition.
    body=Text(collation="C"),
    hash=LargeBinary(32),
    blob=LargeBinary(),
    options={},
    derived="left(body::json ->> '{name}', {longest})",
    derived_object="left(body::json ->> '{name}', {longest})",
)
_MARIADB = _Kind(
    ascii=lambda length: mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"),
    text=lambda length: mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_nopad_bin"),
    body=mysql.LONGBLOB(),
    hash=mysql.BINARY(32),
    blob=mysql.LONGBLOB(),
    options={
        "mysql_engine": "InnoDB",
        "mysql_charset": "utf8mb4",
        "mysql_collate": "utf8mb4_nopad_bin",
        "mysql_row_format": "DYNAMIC",
    },
    derived="left(json_value(convert(body using utf8mb4), '$.{name}'), {longest})",
    derived_object="left(json_query(convert(body using utf8mb4), '$.{name}'), {longest})",
)


@cache
def tables(dialect: str) -> Tables:
    """The tables for SQLAlchemy's ``postgresql`` or ``mysql`` (which stands for MariaDB too)."""
    kind = _POSTGRESQL if dialect == "postgresql" else _MARIADB
    metadata = MetaData()

    def table(name: str, *parts: SchemaItem) -> Table:
        return Table(f"consent_log_{name}", metadata, *parts, **kind.options)

    def derived(of: str) -> list[Column[Any]]:
        return [
            Column(
                name,
                kind.text(_LONGEST),
                Computed(
                    (kind.derived_object if nested else kind.derived).format(
                        name=member, longest=_LONGEST
                    ),
                    persisted=True,
                ),
            )
            for name, (owner, member, nested) in DERIVED.items()
            if owner == of
        ]

    def indexes(of: str, names: list[str]) -> list[Index]:
        return [
            # 191 characters: a key of InnoDB's has room for 3072 bytes, four a character.
            Index(f"consent_log_{of}_{name}", name, "seq", mysql_length={name: 191})
            for name in names
        ]

    head = table(
        "head",
        Column("one", SmallInteger, primary_key=True, autoincrement=False),
        Column("version", Integer, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("frontier", kind.blob, nullable=False),
        CheckConstraint("one = 1"),
    )
    # A pruned record keeps its place and hash alone.
    leaf = table(
        "leaf",
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("hash", kind.hash, nullable=False),
        Column("time", kind.ascii(24)),
        Column("action", kind.ascii(16)),
        Column("id", kind.ascii(36)),
        Column("body", kind.body),
        *derived("leaf"),
        UniqueConstraint("id"),
        CheckConstraint("seq >= 0"),
        Index("consent_log_leaf_action", "action", "seq"),
        *indexes("leaf", [name for name, (of, _, _) in DERIVED.items() if of == "leaf"]),
    )
    personal = table(
        "personal",
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("salt", kind.hash, nullable=False),
        Column("body", kind.body, nullable=False),
        *derived("personal"),
        *indexes("personal", [name for name, (of, _, _) in DERIVED.items() if of == "personal"]),
    )
    notice = table(
        "notice",
        Column("hash", kind.ascii(64), primary_key=True),
        Column("language", kind.text(256), primary_key=True),
        Column("html", kind.blob, nullable=False),
    )
    subtree = table(
        "subtree",
        Column("level", SmallInteger, primary_key=True, autoincrement=False),
        Column("position", BigInteger, primary_key=True, autoincrement=False),
        Column("hash", kind.hash, nullable=False),
    )
    block = table(
        "block",
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("first", kind.ascii(24), nullable=False),
        Column("last", kind.ascii(24), nullable=False),
    )
    return Tables(metadata, head, leaf, personal, notice, subtree, block)
