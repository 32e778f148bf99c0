"""Events, notices and logs for the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from consentkit.log import Event, Notice, new_id
from consentkit.log.sqlite import SqliteLog

NOTICE = Notice.of(b'<section lang="en">We would like to count visits.</section>', "en")
GERMAN = Notice.of(b'<section lang="de">Wir w&#252;rden gern z&#228;hlen.</section>', "de")


def make_event(**changes: Any) -> Event:
    fields: dict[str, Any] = {
        "id": new_id(),
        "time": "2026-11-22T10:00:00.000Z",
        "consent_id": "visitor-1",
        "action": "save",
        "outcome": {"functional": "granted", "analytics": "granted", "marketing": "denied"},
        "policy_version": "2026-11",
        "fingerprints": {"functional": "f1", "analytics": "a1", "marketing": "m1"},
        "notice": NOTICE.hash,
        "source": "banner",
        "regime": "gdpr",
        "country": "DE",
        "language": "en-GB",
        "page": "/secret/page",
        "browser": "Firefox",
        "os": "Linux",
        "device": "desktop",
    }
    return Event(**(fields | changes))


def fill(log: SqliteLog, count: int) -> list[str]:
    """Append ``count`` events of three visitors; their ids."""
    ids = []
    for number in range(count):
        notice = GERMAN if number % 4 == 3 else NOTICE
        event = make_event(
            consent_id=f"visitor-{number % 3}",
            time=f"2026-11-22T10:{number // 60:02}:{number % 60:02}.000Z",
            action=("accept", "reject", "save")[number % 3],
            notice=notice.hash,
            outcome={"analytics": "granted" if number % 2 else "denied", "marketing": "denied"},
        )
        ids.append(log.append(event, notice).event.id)
    return ids


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def python(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Run ``code`` in an interpreter of its own, which can import what this one can."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def output(code: str, *arguments: str | Path) -> str:
    """What ``code`` prints; it must end well and quietly."""
    process = python(code, *arguments)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, ""), err
    return out
