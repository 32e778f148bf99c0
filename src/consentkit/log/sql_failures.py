"""What a failure of the database means for the transaction that it ended.

The tables of codes are PostgreSQL's SQLSTATEs (its manual, appendix A) and the error numbers of
MariaDB's server and client (its manual, "MariaDB Error Codes").
"""

from __future__ import annotations

from enum import Enum

from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

__all__ = ["Failure", "judge", "says_no_table"]


class Failure(Enum):
    """What is to be done about it."""

    AGAIN = "lost against another transaction, which this one must now see: do it again"
    ELSEWHERE = (
        "the server is gone, going, or not able to write: connect anew, if need be elsewhere"
    )
    FINAL = "doing it again would not help"


# Serialization failure, deadlock, lock not available, unique violation (another process was the
# first to append this, or to make the tables).
_PG_AGAIN = frozenset({"40001", "40P01", "55P03", "23505", "42P07", "42710"})
# Read-only transaction (this was the primary once), too many connections, the server goes down or
# comes up, the transaction was idle for too long or ran out of time.
_PG_ELSEWHERE = frozenset({"25006", "53300", "57P01", "57P02", "57P03", "25P03", "57014"})

# Deadlock (Galera: certification failed), lock wait timeout, duplicate key, table exists.
_MY_AGAIN = frozenset({1213, 1205, 1062, 1050})
# Too many connections, server shuts down, not connected to the primary component, cannot commit
# (the primary component was lost meanwhile), connection killed, read-only, cannot connect, gone.
_MY_ELSEWHERE = frozenset(
    {1040, 1047, 1053, 1180, 1290, 1792, 1836, 1927, 2002, 2003, 2006, 2013, 2014, 4031}
)

_NO_TABLE = frozenset({"42P01", 1146})


def judge(error: SQLAlchemyError) -> Failure:
    """What a failure means. Whether a commit that it interrupted took place is not known then:
    whatever is done again has to look first."""
    if isinstance(error, (PoolTimeout, DisconnectionError)):
        return Failure.ELSEWHERE
    if not isinstance(error, DBAPIError):
        return Failure.FINAL
    code = _code(error)
    if code in _PG_AGAIN or code in _MY_AGAIN:
        return Failure.AGAIN
    if code in _PG_ELSEWHERE or code in _MY_ELSEWHERE:
        return Failure.ELSEWHERE
    if isinstance(code, str) and code.startswith("08"):  # connection exceptions
        return Failure.ELSEWHERE
    # Drivers that lose a connection often have no code for it.
    lost = error.connection_invalidated or isinstance(error, InterfaceError) or code in {None, 0}
    return Failure.ELSEWHERE if lost else Failure.FINAL


def says_no_table(error: SQLAlchemyError) -> bool:
    """Whether a failure says that there is no such table."""
    return isinstance(error, DBAPIError) and _code(error) in _NO_TABLE


def _code(error: DBAPIError) -> str | int | None:
    # PyMySQL's errors carry the number first, and an SQLSTATE that tells less.
    arguments = getattr(error.orig, "args", ())
    if arguments and isinstance(arguments[0], int):
        return arguments[0]
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None
