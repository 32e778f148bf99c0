"""Processes and threads write at once while others of them are killed and stopped, and the log is
locked now and then. Then the history is checked, as Jepsen does: every *ok* is in the log, once;
what got no answer once or not at all; each visitor's choices are in their order."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

from consentkit.log import Spool, Writer, verify
from consentkit.log.sqlite import SqliteLog

_PROCESSES, _THREADS = 3, 4
_ROUNDS = 24


class Worker:
    """A process with some visitors; its history is read as it is written."""

    def __init__(self, folder: Path, name: str, history: list[list[str]]) -> None:
        paths = [str(folder / "consent.db"), str(folder / "spool")]
        command = [sys.executable, "-m", "tests.log.client", *paths, name, str(_THREADS)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._history = history
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                self._history.append(line.decode().split())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


def disturb(workers: list[Worker], folder: Path, history: list[list[str]]) -> None:
    dice = random.Random(20261122)  # noqa: S311 - for repeatable troubles
    for number in range(_ROUNDS):
        told = len(history)
        end = time.monotonic() + 5
        while len(history) < told + 20 and time.monotonic() < end:
            time.sleep(0.01)
        which = dice.randrange(len(workers))
        trouble = ("kill", "stop", "lock")[number % 3]
        if trouble == "kill":
            workers[which].kill()
            workers[which] = Worker(folder, f"w{number}", history)
        elif trouble == "stop":
            workers[which].process.send_signal(signal.SIGSTOP)
            time.sleep(dice.uniform(0, 0.3))
            workers[which].process.send_signal(signal.SIGCONT)
        else:
            with closing(sqlite3.connect(folder / "consent.db", isolation_level=None)) as db:
                db.execute("PRAGMA busy_timeout = 20000")
                db.execute("BEGIN IMMEDIATE")
                time.sleep(dice.uniform(0.1, 0.6))
                db.execute("ROLLBACK")


def test_the_history(tmp_path: Path) -> None:
    history: list[list[str]] = []
    workers = [Worker(tmp_path, f"p{number}", history) for number in range(_PROCESSES)]
    end = time.monotonic() + 60
    while len(history) < 100 and time.monotonic() < end:
        time.sleep(0.01)
    disturb(workers, tmp_path, history)
    for worker in workers:
        worker.kill()
    assert (tmp_path / "spool").is_dir()  # it was needed

    with closing(SqliteLog(tmp_path / "consent.db", deadline=60)) as log:
        Writer(log, Spool(tmp_path / "spool")).catch_up()
        stored = [record.event for record in log.records()]
        assert verify(log).faults == ()
    outcomes: dict[str, set[str]] = defaultdict(set)
    for word, *what in history:
        outcomes[word].add(what[0])
    counts = Counter(event.id for event in stored)
    assert len(outcomes["ok"]) > 200
    assert set(counts.values()) == {1}
    assert outcomes["ok"] <= set(counts)
    assert set(counts) <= outcomes["try"]
    steps: dict[str, list[int]] = defaultdict(list)
    for event in stored:
        steps[event.consent_id].append(int(event.page[1:]))
    assert [visitor for visitor, pages in steps.items() if pages != sorted(pages)] == []
