"""Connections to PostgreSQL or MariaDB: which host, how long to wait, and what a fork leaves."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from consentkit.errors import LogError

__all__ = ["Engine", "parse_url"]

log = logging.getLogger("consentkit")

_PATIENCE = 3  # seconds for a connection to a host
_DRIVERS = {
    "postgresql": ("postgresql+psycopg", "postgresql"),
    "postgresql+psycopg": ("postgresql+psycopg", "postgresql"),
    "mysql": ("mysql+pymysql", "mysql"),
    "mysql+pymysql": ("mysql+pymysql", "mysql"),
    "mariadb": ("mariadb+pymysql", "mysql"),
    "mariadb+pymysql": ("mariadb+pymysql", "mysql"),
}


def parse_url(text: str) -> tuple[URL, list[tuple[str, int | None]]]:
    """The URL of a database with its first host, and all hosts in their order.

    Of several hosts, ``user:password@one:5432,two:5432/name``, one is written to; the next is tried
    when that one is gone. ``LogError`` says what is wrong; a password is never repeated.
    """
    scheme, _, rest = text.partition("://")
    driver, extra = _DRIVERS[scheme]
    place, slash, name = rest.partition("/")
    user, at, hosts = place.rpartition("@")
    first, *others = hosts.split(",")
    try:
        url = make_url(f"{driver}://{user}{at}{first}{slash}{name}")
        found = [(url.host or "", url.port)]
        for host in others:
            parsed = make_url(f"{driver}://{host}/")
            found.append((parsed.host or "", parsed.port))
        url.get_dialect().import_dbapi()
    except (ArgumentError, ValueError):
        raise LogError(f"the URL of the log ({scheme}://...) cannot be understood") from None
    except (ImportError, NoSuchModuleError) as error:
        raise LogError(
            f"a log in {extra} needs more packages: pip install consentkit[{extra}] ({error})"
        ) from error
    if not url.database:
        raise LogError(f"the URL of the log ({scheme}://...) names no database")
    return url, found


class Engine:
    """Makes connections to the host that answered last, else to the next one that answers.

    Args:
        url: with the first host.
        hosts: all of them.
        deadline: seconds after which the server gives up on a statement, and on a transaction that
            stands still, so that a frozen process of ours cannot hold up the others for longer.
    """

    def __init__(self, url: URL, hosts: Sequence[tuple[str, int | None]], deadline: float) -> None:
        self.dialect = "postgresql" if url.get_backend_name() == "postgresql" else "mysql"
        self._hosts = hosts
        self._preferred = 0
        self._deadline = max(1, int(deadline))
        self._warned = False
        self._lock = threading.Lock()
        arguments: dict[str, Any] = {"connect_timeout": _PATIENCE}
        if self.dialect == "mysql":
            arguments |= {"read_timeout": self._deadline + 5, "write_timeout": self._deadline + 5}
        self._engine = create_engine(
            url,
            isolation_level="READ COMMITTED",
            connect_args=arguments,
            pool_size=2,
            max_overflow=8,
            pool_timeout=deadline,
            pool_recycle=1800,
            hide_parameters=True,  # an error is logged, what belongs to a visitor is not
        )
        event.listen(self._engine, "do_connect", self._connect)
        event.listen(self._engine, "connect", self._greet)
        _engines.add(self)

    def begin(self) -> Any:
        """A transaction, as a context manager that gives the connection."""
        return self._engine.begin()

    def connect(self) -> Connection:
        """A connection on which each statement stands alone."""
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def elsewhere(self) -> None:
        """The host in use did not do: let go of its connections, and begin with the next one."""
        with self._lock:
            self._preferred = (self._preferred + 1) % len(self._hosts)
        self._engine.dispose()

    def dispose(self) -> None:
        """Close all connections. The next use opens others."""
        self._engine.dispose()

    def forget(self) -> None:
        """In a forked child: leave the parent's connections alone."""
        self._lock = threading.Lock()
        self._engine.dispose(close=False)

    def _connect(self, dialect: Dialect, _record: Any, cargs: Any, cparams: dict[str, Any]) -> Any:
        start = self._preferred
        last: Exception | None = None
        for step in range(len(self._hosts)):
            number = (start + step) % len(self._hosts)
            host, port = self._hosts[number]
            place = {"host": host} if port is None else {"host": host, "port": port}
            try:
                connection = dialect.connect(*cargs, **(cparams | place if host else cparams))
            except dialect.loaded_dbapi.Error as error:
                last = error
                continue
            self._preferred = number
            return connection
        assert last is not None  # noqa: S101 - there is at least one host
        raise last

    def _greet(self, connection: Any, _record: Any) -> None:
        """What every session of ours is told. An acknowledged record must last."""
        limit = self._deadline
        cursor = connection.cursor()
        if self.dialect == "postgresql":
            cursor.execute("SELECT current_setting('synchronous_commit')")
            if cursor.fetchone()[0] == "off":
                cursor.execute("SET SESSION synchronous_commit = on")
            cursor.execute(f"SET SESSION statement_timeout = '{limit}s'")
            cursor.execute(f"SET SESSION idle_in_transaction_session_timeout = '{limit}s'")
            connection.commit()
        else:
            cursor.execute(f"SET SESSION idle_transaction_timeout = {limit}")
            cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {limit}")
            # On another node of a cluster, what this process has just written must be seen.
            cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
            row = cursor.fetchone()
            if row and row[1] == "ON":
                cursor.execute("SET SESSION wsrep_sync_wait = 7")
            cursor.execute("SELECT @@innodb_flush_log_at_trx_commit")
            if cursor.fetchone()[0] != 1 and not self._warned:
                self._warned = True
                log.warning(
                    "the consent log's MariaDB does not flush each commit "
                    "(innodb_flush_log_at_trx_commit is not 1): a power cut may lose records"
                )
        cursor.close()


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _forget_all() -> None:
    for engine in list(_engines):
        engine.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
