"""Who read what: a line of JSON for each time that an auditor saw personal rows.

A file to which lines are appended is enough: it must outlive the process and be readable without
us, it is small, and putting reads into the log itself would make every look at it change it. The
line is on disk before the rows are sent; if it cannot be written, they are not. Python's logger
``consentkit.audit`` gets the same line.

What is personal in a question (a consent id, a page) is left out, as it could not be erased from
here; the numbers of the records that were shown lead to the rest for as long as that exists.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from consentkit.engine.audit.access import Auditor
from consentkit.errors import LogUnavailable

__all__ = ["Trail", "trail_path"]

log = logging.getLogger("consentkit.audit")

_PERSONAL = ("consent_id", "page", "language")
_LISTED = 1000


def trail_path(where: bool | str, url: str) -> Path | None:
    """The file that a setting means, of a log at ``url``: only SQLite's has a file to be beside."""
    if isinstance(where, str):
        return Path(where)
    scheme, _, rest = url.partition("://")
    if not where or scheme != "sqlite":
        return None
    path = Path(rest.removeprefix("/"))
    return path.with_name(path.name + "-access.jsonl")


class Trail:
    """The list of who read what, in ``path`` if there is one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path.absolute() if path else None
        self._lock = threading.Lock()

    def note(
        self,
        who: Auditor,
        what: str,
        time: str,
        *,
        records: Sequence[int] = (),
        filters: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Write down that somebody saw or did something; durable on return.

        Args:
            who: the auditor.
            what: a word for it.
            time: RFC 3339.
            records: the numbers of the records that were shown.
            filters: what was asked for.

        Raises:
            LogUnavailable: it could not be written.
        """
        asked = {
            name: "(given)" if name in _PERSONAL else value
            for name, value in (filters or {}).items()
        }
        entry: dict[str, Any] = {"time": time, "who": who.name, "role": who.role, "what": what}
        if asked:
            entry["filters"] = asked
        if records:
            entry["count"] = len(records)
            entry["records"] = (
                list(records) if len(records) <= _LISTED else [min(records), max(records)]
            )
        line = msgspec.json.encode(entry | more)
        log.info("%s", line.decode())
        if self._path is not None:
            try:
                self._write(line + b"\n")
            except OSError as error:
                raise LogUnavailable(f"what is read cannot be written down: {error}") from error

    def _write(self, line: bytes) -> None:
        assert self._path is not None  # noqa: S101 - for the type checker
        with self._lock:
            # Opened each time: it may be rotated away, and other processes append to it too.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
