"""Whatever the world does, append is durable or it says so, and later works again."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from consentkit.errors import LogUnavailable
from consentkit.log import open_log, verify
from consentkit.log.filelock import FileQueue
from consentkit.log.sqlite import SqliteLog
from tests.log.making import NOTICE, fill, make_event, names, output, python

HOLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
db.execute("ROLLBACK")
db.close()
"""

QUEUE = """
import sys, time
from pathlib import Path
from consentkit.log.filelock import FileQueue
with FileQueue(Path(sys.argv[1])).turn(time.monotonic() + 60):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    return SqliteLog(tmp_path / "consent.db", deadline=60)


@pytest.mark.parametrize("code", [HOLD, QUEUE], ids=["database", "queue"])
def test_a_lock_that_another_process_holds(log: SqliteLog, code: str) -> None:
    log.append(make_event(), NOTICE)
    path = log.path if code is HOLD else log.path.with_name("consent.db-lock")
    event = make_event()
    with python(code, path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        log._deadline = 0.1
        for _ in range(3):
            with pytest.raises(LogUnavailable) as caught:
                log.append(event, NOTICE)
            assert isinstance(caught.value.__cause__, (sqlite3.OperationalError, TimeoutError))
        # Reading goes on, and however often it was asked, one thread waits at most.
        assert len(list(log.records())) == 1
        waiting = [t for t in threading.enumerate() if t.name == "consentkit-log-queue"]
        assert len(waiting) == (code is QUEUE)
        holder.communicate("")
    log._deadline = 60
    assert log.append(event, NOTICE).seq == 1
    assert verify(log).whole


def test_a_waiter_that_nobody_wants_any_more_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with python(QUEUE, path) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(TimeoutError), FileQueue(path).turn(time.monotonic() + 0.05):
            pass
        holder.communicate("")
    with FileQueue(path).turn(time.monotonic() + 60):
        pass


def test_threads_of_one_process_wait_no_longer_than_the_deadline(log: SqliteLog) -> None:
    log.append(make_event(), NOTICE)
    log._deadline = 0.1
    with log._handle.lock, pytest.raises(LogUnavailable, match="no turn"):
        log.append(make_event(), NOTICE)
    log._deadline = 60
    assert log.append(make_event(), NOTICE).seq == 1


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "missing" / "consent.db")
    with pytest.raises(LogUnavailable) as caught:
        log.append(make_event(), NOTICE)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert not log.path.parent.exists()
    log.path.parent.mkdir()
    assert log.append(make_event(), NOTICE).seq == 0


@pytest.mark.parametrize("how", ["deleted", "replaced", "folder"])
def test_a_file_that_goes_away_while_it_is_open(log: SqliteLog, how: str) -> None:
    fill(log, 3)
    copy = log.path.with_name("copy.db")
    db = sqlite3.connect(log.path)
    db.execute("VACUUM INTO ?", (str(copy),))
    db.close()
    content = copy.read_bytes()
    if how == "folder":
        shutil.rmtree(log.path.parent)
        log.path.parent.mkdir()
    else:
        for path in log.path.parent.glob("consent.db*"):
            path.unlink()
    if how == "replaced":
        log.path.write_bytes(content)
    expected = 3 if how == "replaced" else 0
    assert len(list(log.records())) == expected
    assert log.append(make_event(), NOTICE).seq == expected
    assert verify(log).whole
    assert verify(open_log(f"sqlite:///{log.path}")).size == expected + 1


def test_a_file_replaced_during_the_write_is_noticed(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append(make_event(), NOTICE)
    event = make_event()
    answers = iter([True, False])
    monkeypatch.setattr(log._handle, "current", lambda: next(answers))
    with pytest.raises(LogUnavailable, match="replaced"):
        log.append(event, NOTICE)
    monkeypatch.undo()
    assert log.append(event, NOTICE).event == event
    assert verify(log).whole


def test_a_file_whose_making_was_cut_short(log: SqliteLog) -> None:
    # Until it is in WAL mode, a database has a rollback journal, and reading must begin with it.
    made = log.path.with_name("made.db")
    with closing(sqlite3.connect(made, isolation_level=None)) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE junk (x)")
        for _ in range(100):
            db.execute("INSERT INTO junk VALUES (randomblob(4000))")
        shutil.copy(made, log.path)
        shutil.copy(made.with_name("made.db-journal"), log.path.with_name("consent.db-journal"))
    assert log.path.stat().st_size > 0
    assert list(log.records()) == []
    assert log.append(make_event(), NOTICE).seq == 0
    assert verify(log).whole


FULL = """
import resource, sys
from pathlib import Path
from consentkit.errors import LogUnavailable
from consentkit.log.sqlite import SqliteLog
from tests.log.making import make_event, NOTICE
log = SqliteLog(Path(sys.argv[1]))
acknowledged, failed = [log.append(make_event(), NOTICE).event.id], None
limit = resource.getrlimit(resource.RLIMIT_FSIZE)
size = Path(sys.argv[1] + "-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, limit[1]))
for _ in range(200):
    event = make_event()
    try:
        acknowledged.append(log.append(event, NOTICE).event.id)
    except LogUnavailable as error:
        failed = event
        assert error.__cause__ is not None
        break
assert failed is not None
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
for _ in range(3):
    try:
        log.append(failed, NOTICE)
    except LogUnavailable:
        pass
    else:
        raise SystemExit("there should be no room")
resource.setrlimit(resource.RLIMIT_FSIZE, limit)
acknowledged.append(log.append(failed, NOTICE).event.id)
print("\\n".join(acknowledged))
log.close()
"""


def test_a_full_disk(log: SqliteLog) -> None:
    acknowledged = output(FULL, log.path).split()
    assert [record.event.id for record in log.records()] == acknowledged
    assert verify(log).whole


READ_ONLY = """
import contextlib, os, sys
from consentkit.errors import LogUnavailable
from consentkit.log import open_log, open_reader, verify
from tests.log.making import make_event, NOTICE
if os.getuid() == 0:
    os.setuid(65534)
url = "sqlite:///" + sys.argv[1]
with contextlib.closing(open_reader(url)) as log:
    found = verify(log)
    print(found.size, found.whole, len(list(log.records())))
print(sorted(os.listdir(os.path.dirname(sys.argv[1]))))
with contextlib.closing(open_log(url)) as log:
    try:
        log.append(make_event(), NOTICE)
    except LogUnavailable:
        print("unavailable")
"""


@pytest.mark.parametrize("state", ["closed", "copied with wal and shm", "copied with wal"])
@pytest.mark.parametrize("folder_mode", [0o555, 0o777], ids=["frozen", "writable"])
def test_a_copy_that_cannot_be_written(log: SqliteLog, state: str, folder_mode: int) -> None:
    # Not in tmp_path, whose parents are closed to the other user that root has to become.
    with tempfile.TemporaryDirectory(prefix="consentkit-test-") as parent:
        Path(parent).chmod(0o755)
        folder = Path(parent, "copy")
        folder.mkdir()
        fill(log, 10)
        if state == "closed":
            log.close()
        for path in log.path.parent.iterdir():
            if "-lock" in path.name or (state.endswith("wal") and "-shm" in path.name):
                continue
            shutil.copy(path, folder)
            (folder / path.name).chmod(0o444)
        folder.chmod(folder_mode)
        before = names(folder)
        lines = output(READ_ONLY, folder / "consent.db").splitlines()
        assert lines == ["10 True 10", str(before), "unavailable"]
        folder.chmod(stat.S_IRWXU)
