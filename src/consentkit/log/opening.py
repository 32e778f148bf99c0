"""From a URL to a log."""

from __future__ import annotations

from pathlib import Path

from consentkit.errors import LogError
from consentkit.log.spool import Spool
from consentkit.log.sqlite import SqliteLog
from consentkit.log.sqlite_reader import SqliteReader
from consentkit.log.store import Log, Reader

__all__ = ["open_log", "open_reader", "open_spool"]

_FORMS = "sqlite:///relative.db or sqlite:////absolute/path.db"


def open_log(url: str) -> Log:
    """The log at ``url``, to append to and to read. Nothing is opened before it is used."""
    return SqliteLog(_sqlite_path(url))


def open_reader(url: str) -> Reader:
    """The log at ``url``, to read only: no file is ever created or changed."""
    return SqliteReader(_sqlite_path(url))


def open_spool(url: str, where: bool | str) -> Spool | None:
    """The spool of the log at ``url``.

    Args:
        url: the log's.
        where: a folder; True: beside the log's file, ``consent.db-spool``; False: there is none.
    """
    if where is False:
        return None
    if where is True:
        path = _sqlite_path(url)
        return Spool(path.with_name(path.name + "-spool"))
    return Spool(Path(where))


def _sqlite_path(url: str) -> Path:
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise LogError(f"{url!r} is not the URL of a log; a log has a URL like {_FORMS}")
    if scheme != "sqlite":
        raise LogError(f"logs in {scheme!r} are not supported; supported are {_FORMS}")
    # As in SQLAlchemy: the third slash ends an empty host, what follows is the path.
    path = rest.removeprefix("/")
    if path == rest or path in {"", ":memory:"}:
        raise LogError(f"{url!r} names no file, and a log must last; supported are {_FORMS}")
    if "?" in path:
        raise LogError(f"{url!r}: the URL of a log takes no options")
    return Path(path)
