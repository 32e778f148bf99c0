"""Killed or refused at any of its writes and syncs, by strace: the log is whole, and what was
acknowledged is in it, once."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from consentkit.log import Spool, Writer, verify
from consentkit.log.sqlite import SqliteLog
from tests.log.making import NOTICE, fill, make_event

_SPOOLED = 300  # more than are brought into the log at once
# What the writer thread does: SQLite writes by pwrite64 and syncs by fdatasync, the spool by write
# and fsync.
_CALLS = {
    "log": ("pwrite64", "fdatasync"),
    "spool": ("write", "fsync"),
    "drain": ("pwrite64", "fdatasync", "fsync", "unlink"),
}
_FAULTS = {"kill": "signal=SIGKILL", "EIO": "error=EIO", "ENOSPC": "error=ENOSPC"}
_MOST = 8  # places to try of one call, evenly from the first to the last


class Outcome(NamedTuple):
    """What a victim told, and how it ended."""

    tried: list[str]
    acknowledged: list[str]
    status: int


class Victims:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.log.victim"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={"PYTHONPATH": ":".join(filter(None, sys.path))},
        )

    def __enter__(self) -> Victims:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()

    def run(self, what: str, folder: Path, *options: str) -> Outcome:
        """Let one work while strace, with these options, looks at it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what} {folder}/consent.db {folder}/spool\n".encode())
        pid = self._line()
        command = ["strace", "-f", "-qq", *options, "-p", pid]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text(encoding="ascii"):
            assert tracer.poll() is None, "strace cannot attach"
            time.sleep(0.002)
        self._process.stdin.write(b"\n")
        told = []
        while not (line := self._line()).startswith("end "):
            told.append(line.split())
        tracer.wait(60)
        return Outcome(
            [words[1] for words in told if words[0] == "try"],
            [words[1] for words in told if words[0] == "ok"],
            int(line.split()[1]),
        )


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    with Victims() as victims:
        yield victims


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A log with three records and, for draining, a spool; the ids of all."""
    folder = tmp_path_factory.mktemp("template")
    with closing(SqliteLog(folder / "consent.db")) as log:
        ids = fill(log, 3)
    events = [make_event() for _ in range(_SPOOLED)]
    Spool(folder / "spool").append([(event, NOTICE) for event in events])
    return folder, ids + [event.id for event in events]


@pytest.mark.parametrize(
    ("what", "call"), [(what, call) for what, calls in _CALLS.items() for call in calls]
)
def test_at_any_call(
    victims: Victims, template: tuple[Path, list[str]], tmp_path: Path, what: str, call: str
) -> None:
    def fresh() -> Path:
        folder = tmp_path / "work"
        shutil.rmtree(folder, ignore_errors=True)
        if what == "drain":
            shutil.copytree(template[0], folder)
        else:
            folder.mkdir()
            shutil.copy(template[0] / "consent.db", folder)
        return folder

    before = set(template[1] if what == "drain" else template[1][:3])
    trace = tmp_path / "trace"
    outcome = victims.run(what, fresh(), "-o", str(trace), "-e", f"trace={call}")
    assert outcome.status == 0
    # strace counts the calls of each thread for itself; a line begins with the thread's number.
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    (_, count), *_ = Counter(line.split()[0] for line in lines).most_common()
    places = sorted({1 + (count - 1) * n // (_MOST - 1) for n in range(_MOST)})
    harmed = 0
    for name, fault in _FAULTS.items():
        for place in places:
            folder = fresh()
            inject = f"inject={call}:{fault}:when={place}"
            outcome = victims.run(what, folder, "-o", str(trace), "-e", inject)
            harmed += "INJECTED" in trace.read_text(encoding="utf-8", errors="replace") or (
                outcome.status == signal.SIGKILL
            )
            assert outcome.status in (0, signal.SIGKILL if name == "kill" else 0), inject
            check(folder, before, outcome, inject)
    assert harmed >= len(places) * len(_FAULTS) * 0.8  # the last calls are not always made


def check(folder: Path, before: set[str], outcome: Outcome, inject: str) -> None:
    """What the next process finds, once it has brought the spool into the log."""
    with closing(SqliteLog(folder / "consent.db")) as log:
        assert verify(log).faults == (), inject
        Writer(log, Spool(folder / "spool")).catch_up()
        stored = Counter(record.event.id for record in log.records())
        assert set(stored.values()) == {1}, inject
        assert before | set(outcome.acknowledged) <= set(stored), inject
        assert set(stored) <= before | set(outcome.tried), inject
        log.append(make_event(), NOTICE)
        assert verify(log).faults == (), inject
        assert not list(folder.glob("spool/*")), inject
