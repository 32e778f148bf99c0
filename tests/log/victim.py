"""A process that waits to be harmed: forks a child for each order, which works while a test traces
it and makes its system calls fail.

An order is a line: what to do, the log, the spool. The child says its number, waits for a line, and
tells what came of each record. It tells so by ``writev``, which no test makes fail.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from consentkit.errors import LogError, LogUnavailable
from consentkit.log import Event, Notice, Record, Spool, Writer
from consentkit.log.sqlite import SqliteLog
from tests.log.making import NOTICE, make_event

_PR_SET_PTRACER = 0x59616D61


class Down(SqliteLog):
    def append_many(self, entries: Sequence[tuple[Event, Notice]]) -> list[Record]:
        raise LogUnavailable(f"{len(entries)} records cannot be written")


def tell(text: str) -> None:
    os.writev(1, [text.encode() + b"\n"])


def append(writer: Writer, count: int) -> None:
    for number in range(count):
        event = make_event(page=f"/{number}")
        tell(f"try {event.id}")
        try:
            writer.append(event, NOTICE)
        except LogError:
            tell(f"fail {event.id}")
        else:
            tell(f"ok {event.id}")


def work(what: str, log: Path, spool: Path) -> None:
    store = (Down if what == "spool" else SqliteLog)(log, deadline=60)
    writer = Writer(store, Spool(spool))
    if what == "drain":
        try:
            writer.catch_up()
        except LogError:
            tell("failed")
    append(writer, 1 if what == "drain" else 5)
    writer.close()
    store.close()


def main() -> None:
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(_PR_SET_PTRACER, -1, 0, 0, 0)
            tell(str(os.getpid()))
            os.read(0, 1)
            what, log, spool = line.split()
            work(what, Path(log), Path(spool))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        tell(f"end {status}")


if __name__ == "__main__":
    main()
