"""Several processes on one file: no fork of the tree, nothing lost, nobody left waiting."""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path

import pytest

from consentkit.log import verify
from consentkit.log.sqlite import SqliteLog
from tests.log.making import NOTICE, make_event, output, python

# In a process of its own, as forking one with threads (the test runner's) is warned about.
MANY = """
import multiprocessing, sys
from pathlib import Path
from tests.log.workers import append_some
if __name__ == "__main__":
    method, path = sys.argv[1], Path(sys.argv[2])
    context = multiprocessing.get_context(method)
    with context.Pool(6) as pool:
        done = pool.starmap(append_some, [(path, 30)] * 6)
    print("\\n".join(id for ids in done for id in ids))
"""


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_processes_append_at_once(tmp_path: Path, method: str) -> None:
    path = tmp_path / "consent.db"
    acknowledged = output(MANY, method, path).split()
    assert len(acknowledged) == 180
    log = SqliteLog(path)
    records = list(log.records())
    assert [record.seq for record in records] == list(range(180))
    assert sorted(record.event.id for record in records) == sorted(acknowledged)
    found = verify(log)
    assert (found.faults, found.size) == ((), 180)


FORK = """
import os, sys, threading
from pathlib import Path
from consentkit.log.sqlite import SqliteLog
from tests.log.making import make_event, NOTICE
log = SqliteLog(Path(sys.argv[1]), deadline=60)
log.append(make_event(), NOTICE)
list(log.records())
# The worst moment: another thread is in the middle of an append and never comes to its end here.
log._handle.lock.acquire()
log._reader._handle.lock.acquire()
children = []
for number in range(4):
    pid = os.fork()
    if pid == 0:
        for _ in range(10):
            log.append(make_event(), NOTICE)
            list(log.records(limit=3))
        log.close()
        sys.exit(0)  # with all of the interpreter's own tidying up
    children.append(pid)
log._handle.lock.release()
log._reader._handle.lock.release()
for _ in range(10):
    log.append(make_event(), NOTICE)
codes = [os.waitpid(pid, 0)[1] for pid in children]
assert codes == [0] * 4, codes
for _ in range(10):
    log.append(make_event(), NOTICE)
print(len(list(log.records())))
"""


def test_children_never_touch_the_connection_they_inherit(tmp_path: Path) -> None:
    path = tmp_path / "consent.db"
    assert output(FORK, path) == "61\n"
    found = verify(SqliteLog(path))
    assert (found.faults, found.size) == ((), 61)


ORPHAN = """
import os, sys, time
from pathlib import Path
from consentkit.log.filelock import FileQueue
with FileQueue(Path(sys.argv[1])).turn(time.monotonic() + 60):
    if os.fork() == 0:
        print("ready", flush=True)
        sys.stdin.read()
        os._exit(0)
    time.sleep(60)
"""


def test_a_child_does_not_keep_the_queue_of_a_parent_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "consent.db"
    log = SqliteLog(path, deadline=60)
    with python(ORPHAN, tmp_path / "consent.db-lock") as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None
        assert parent.stdout.readline() == "ready\n"
        parent.kill()
        parent.wait()
        assert log.append(make_event(), NOTICE).seq == 0
        parent.stdin.close()


WRITE = """
import sys
from pathlib import Path
from consentkit.log.sqlite import SqliteLog
from tests.log.making import make_event, NOTICE
log = SqliteLog(Path(sys.argv[1]), deadline=60)
while True:
    event = make_event(page="/" + "p" * 900)
    print("try", event.id, flush=True)
    log.append(event, NOTICE)
    print("ok", event.id, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "consent.db"
    chance = random.Random(20261122)  # noqa: S311 - for repeatable moments
    acknowledged: set[str] = set()
    tried: set[str] = set()
    for _ in range(12):
        with python(WRITE, path) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline()]
            time.sleep(chance.uniform(0, 0.25))
            writer.kill()
            lines += writer.stdout.read().splitlines(keepends=True)
        for line in lines:
            if line.endswith("\n"):  # the last may be cut short
                word, record_id = line.split()
                (acknowledged if word == "ok" else tried).add(record_id)
        log = SqliteLog(path, deadline=60)
        stored = [record.event.id for record in log.records()]
        assert len(stored) == len(set(stored))
        assert acknowledged <= set(stored) <= tried
        assert verify(log).faults == ()
        # A record that was stored but never acknowledged is found by its id when it is sent again.
        for record_id in sorted(tried - acknowledged):
            log.append(make_event(id=record_id), NOTICE)
            acknowledged.add(record_id)
        assert verify(log).size == len(acknowledged)
        log.close()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()
