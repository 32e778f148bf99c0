"""Visitors of one worker process, for the nemesis: each records choice after choice and tells what
came of it. The log's time-out is short, so that the spool is needed now and then."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from consentkit.errors import LogError
from consentkit.log import Spool, Writer
from consentkit.log.sqlite import SqliteLog
from tests.log.making import NOTICE, make_event


def visit(writer: Writer, visitor: str) -> None:
    number = 0
    while True:
        number += 1
        event = make_event(consent_id=visitor, page=f"/{number}")
        # One writev for a line: it is there as a whole, or not at all.
        os.writev(1, [f"try {event.id} {visitor} {number}\n".encode()])
        try:
            writer.append(event, NOTICE)
            word = "ok"
        except LogError:
            word = "fail"
        os.writev(1, [f"{word} {event.id} {visitor} {number}\n".encode()])


def main() -> None:
    log, spool, name, threads = sys.argv[1:]
    writer = Writer(SqliteLog(Path(log), deadline=0.2), Spool(Path(spool)))
    for number in range(int(threads)):
        threading.Thread(target=visit, args=(writer, f"{name}.{number}")).start()


if __name__ == "__main__":
    main()
