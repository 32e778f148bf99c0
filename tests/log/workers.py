"""What worker processes run; by itself, so that a spawned process can import it."""

from __future__ import annotations

from pathlib import Path

from consentkit.log.sqlite import SqliteLog
from tests.log.making import NOTICE, make_event


def append_some(path: Path, count: int) -> list[str]:
    log = SqliteLog(path, deadline=60)
    ids = [log.append(make_event(), NOTICE).event.id for _ in range(count)]
    log.close()
    return ids
