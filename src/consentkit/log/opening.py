"""From a URL to a log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from consentkit.errors import LogError
from consentkit.log.spool import Spool
from consentkit.log.sqlite import SqliteLog
from consentkit.log.sqlite_reader import SqliteReader
from consentkit.log.store import Log, Reader

if TYPE_CHECKING:
    from consentkit.log.sql_engine import Engine

__all__ = ["open_log", "open_reader", "open_spool"]

_FORMS = (
    "sqlite:///relative.db, sqlite:////absolute/path.db, postgresql://user@host/name or "
    "mysql://user@host/name"
)
_DATABASES = frozenset(
    "postgresql postgresql+psycopg mysql mysql+pymysql mariadb mariadb+pymysql".split()
)
_DEADLINE = 10.0  # seconds; a Galera cluster needs six to do without a node that went silent


def open_log(url: str) -> Log:
    """The log at ``url``, to append to and to read. Nothing is opened before it is used."""
    if _scheme(url) in _DATABASES:
        from consentkit.log.sql import SqlLog  # noqa: PLC0415 - SQLAlchemy is an extra

        return SqlLog(_engine(url), deadline=_DEADLINE)
    return SqliteLog(_sqlite_path(url))


def open_reader(url: str) -> Reader:
    """The log at ``url``, to read only: no file is ever created or changed."""
    if _scheme(url) in _DATABASES:
        from consentkit.log.sql_reader import SqlReader  # noqa: PLC0415 - SQLAlchemy is an extra

        return SqlReader(_engine(url))
    return SqliteReader(_sqlite_path(url))


def open_spool(url: str, where: bool | str) -> Spool | None:
    """The spool of the log at ``url``.

    Args:
        url: the log's.
        where: a folder; True: beside the log's file, ``consent.db-spool``, or for a log in a
            database ``consent-spool`` where the server runs; False: there is none.
    """
    if where is False:
        return None
    if where is True and _scheme(url) in _DATABASES:
        return Spool(Path("consent-spool").absolute())
    if where is True:
        path = _sqlite_path(url)
        return Spool(path.with_name(path.name + "-spool"))
    return Spool(Path(where))


def _scheme(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise LogError(f"{url!r} is not the URL of a log; a log has a URL like {_FORMS}")
    if scheme != "sqlite" and scheme not in _DATABASES:
        raise LogError(f"logs in {scheme!r} are not supported; supported are {_FORMS}")
    if scheme in _DATABASES:
        try:
            import sqlalchemy  # noqa: F401, PLC0415
        except ImportError as error:
            extra = "postgresql" if scheme.startswith("postgresql") else "mysql"
            raise LogError(
                f"a log in {extra} needs more packages: pip install consentkit[{extra}]"
            ) from error
    return scheme


def _engine(url: str) -> Engine:
    from consentkit.log.sql_engine import Engine, parse_url  # noqa: PLC0415

    return Engine(*parse_url(url), deadline=_DEADLINE)


def _sqlite_path(url: str) -> Path:
    rest = url.partition("://")[2]
    # As in SQLAlchemy: the third slash ends an empty host, what follows is the path.
    path = rest.removeprefix("/")
    if path == rest or path in {"", ":memory:"}:
        raise LogError(f"{url!r} names no file, and a log must last; supported are {_FORMS}")
    if "?" in path:
        raise LogError(f"{url!r}: the URL of a log takes no options")
    return Path(path)
