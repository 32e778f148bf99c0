"""Group commit: answered after the commit, in order, each once, whoever fails or goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from consentkit.errors import LogError, LogUnavailable, LogUnreadable
from consentkit.log import Event, Notice, Record, Spool, Upkeep, Writer, erasure, rfc3339, verify
from consentkit.log.sqlite import SqliteLog
from tests.log.making import GERMAN, NOTICE, fill, make_event, output, python

Entry = tuple[Event, Notice]


class Watched(SqliteLog):
    """A log that can be held up and made to fail, and remembers what it was given at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, deadline=60)
        self.go_on = threading.Event()
        self.go_on.set()
        self.begun = threading.Event()
        self.error: Exception | None = None
        self.poison: set[str] = set()
        self.batches: list[list[str]] = []
        self.tries = 0

    def append_many(self, entries: Sequence[Entry]) -> list[Record]:
        self.begun.set()
        self.tries += 1
        assert self.go_on.wait(60)
        if self.error is not None:
            raise self.error
        if any(event.id in self.poison for event, _ in entries):
            raise LogError("poison")
        records = super().append_many(entries)
        self.batches.append([event.id for event, _ in entries])
        return records


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Watched]:
    log = Watched(tmp_path / "consent.db")
    yield log
    log.go_on.set()
    log.close()


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def writer(log: Watched, clock: list[float]) -> Iterator[Writer]:
    writer = Writer(log, clock=lambda: clock[0])
    yield writer
    log.go_on.set()
    writer.close()


@pytest.fixture
def spooling(log: Watched, clock: list[float], tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(log, Spool(tmp_path / "spool"), clock=lambda: clock[0])
    yield writer
    log.go_on.set()
    writer.close()


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def held_up(log: Watched, writer: Writer) -> tuple[ThreadPoolExecutor, Any]:
    """A pool whose first record is on its way into a log that is held up."""
    pool = ThreadPoolExecutor(64)
    log.go_on.clear()
    log.begun.clear()
    first = pool.submit(writer.append, make_event(), NOTICE)
    assert log.begun.wait(60)
    return pool, first


def test_nobody_is_answered_before_the_commit(log: Watched, writer: Writer) -> None:
    pool, first = held_up(log, writer)
    others = [pool.submit(writer.append, make_event(), NOTICE) for _ in range(40)]
    until(lambda: len(writer._queue) == 40)
    assert not any(future.done() for future in (first, *others))
    log.go_on.set()
    ids = {future.result().id for future in (first, *others)}
    pool.shutdown()
    assert ids == {record.event.id for record in log.records()}
    assert [len(batch) for batch in log.batches] == [1, 40]
    assert verify(log).whole


def test_a_visitor_s_choices_are_in_their_order(log: Watched, writer: Writer) -> None:
    def visit(number: int) -> None:
        for step in range(12):
            writer.append(make_event(consent_id=f"v{number}", page=f"/{step}"), NOTICE)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(visit, range(8)))
    for number in range(8):
        pages = [record.event.page for record in log.by_consent_id(f"v{number}")]
        assert pages == [f"/{step}" for step in range(12)]
    assert max(map(len, log.batches)) > 1


def test_the_same_id_from_many_threads_is_one_record(log: Watched, writer: Writer) -> None:
    event = make_event()
    pool, first = held_up(log, writer)
    same = [pool.submit(writer.append, event, NOTICE) for _ in range(10)]
    log.go_on.set()
    assert [future.result() for future in same] == [event] * 10
    first.result()
    pool.shutdown()
    assert log.head().size == 2
    assert writer.append(make_event(id=event.id, action="reject"), NOTICE) == event


def test_a_poisoned_record_harms_only_itself(log: Watched, writer: Writer) -> None:
    pool, first = held_up(log, writer)
    events = [make_event() for _ in range(9)]
    log.poison = {events[4].id}
    futures = [pool.submit(writer.append, event, NOTICE) for event in events]
    until(lambda: len(writer._queue) == 9)
    log.go_on.set()
    with pytest.raises(LogError, match="poison"):
        futures.pop(4).result()
    assert len([future.result() for future in (first, *futures)]) == 9
    pool.shutdown()
    assert log.head().size == 9
    with pytest.raises(LogError, match="another notice"):
        writer.append(make_event(), GERMAN)
    with pytest.raises(LogError, match="cannot be logged"):
        writer.append(make_event(id="none"), NOTICE)
    assert verify(log).whole


def test_a_fault_of_ours_leaves_nobody_waiting(
    log: Watched, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(writer, "_write", broken)
    with pytest.raises(LogError, match="MemoryError"):
        writer.append(make_event(), NOTICE)
    monkeypatch.undo()
    writer.append(make_event(), NOTICE)


def test_a_full_queue_refuses(
    log: Watched, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consentkit.log.writer._QUEUE", 3)
    pool, first = held_up(log, writer)
    waiting = [pool.submit(writer.append, make_event(), NOTICE) for _ in range(3)]
    until(lambda: len(writer._queue) == 3)
    with pytest.raises(LogUnavailable, match="too many"):
        writer.append(make_event(), NOTICE)
    denied = make_event(action="reject")
    assert writer.append(denied, NOTICE, keep=True) == denied
    log.go_on.set()
    for future in (first, *waiting):
        future.result()
    pool.shutdown()
    writer.append(make_event(), NOTICE)
    assert log.head().size == 6
    assert log.get(denied.id) is not None


def test_who_waited_too_long_is_told_and_not_recorded(
    log: Watched, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, first = held_up(log, writer)
    monkeypatch.setattr("consentkit.log.writer._PATIENCE", 0.01)
    event = make_event()
    with pytest.raises(LogUnavailable, match="too slow"):
        writer.append(event, NOTICE)
    log.go_on.set()
    first.result()  # it was being written: that is waited for
    pool.shutdown()
    assert log.get(event.id) is None


def test_a_log_that_failed_is_left_alone_for_a_moment(
    log: Watched, writer: Writer, clock: list[float]
) -> None:
    for error in (LogUnavailable("down"), LogUnreadable("newer")):
        log.error = error
        tries = log.tries
        for _ in range(4):
            with pytest.raises(LogUnavailable):
                writer.append(make_event(), NOTICE)
        assert log.tries == tries + 1
        log.error = None
        clock[0] += 1.0
        writer.append(make_event(), NOTICE)


def test_a_try_that_took_long_is_not_repeated_soon(
    log: Watched, spooling: Writer, clock: list[float]
) -> None:
    def time_out(_: Sequence[Entry]) -> list[Record]:
        log.tries += 1
        clock[0] += 5.0
        raise LogUnavailable("busy")

    log.append_many = time_out  # type: ignore[method-assign, assignment]
    for _ in range(19):
        spooling.append(make_event(), NOTICE)
        clock[0] += 1.0
    assert log.tries == 1


def test_the_spool_takes_what_the_log_does_not(
    log: Watched, spooling: Writer, clock: list[float]
) -> None:
    log.error = LogUnavailable("down")
    events = [make_event(page=f"/{n}", time=rfc3339(n)) for n in range(5)]
    assert [spooling.append(event, NOTICE) for event in events] == events
    assert spooling.spool is not None
    assert spooling.spool.waiting()
    log.error = None
    clock[0] += 1.0
    last = make_event(page="/last")
    spooling.append(last, NOTICE)
    assert [record.event for record in log.records()] == [*events, last]
    assert not spooling.spool.waiting()


def test_the_spool_is_emptied_without_a_new_record(
    log: Watched, spooling: Writer, clock: list[float]
) -> None:
    log.error = LogUnavailable("down")
    event = make_event()
    spooling.append(event, NOTICE)
    log.error = None
    clock[0] += 1.0
    until(lambda: log.get(event.id))


def test_neither_log_nor_spool(
    log: Watched, spooling: Writer, clock: list[float], tmp_path: Path
) -> None:
    """A grant is refused; a denial is kept, and written before what comes later."""
    (tmp_path / "spool").write_text("in the way", encoding="ascii")
    log.error = LogUnavailable("down")
    with pytest.raises(LogUnavailable, match=r"down.*spool"):
        spooling.append(make_event(), NOTICE)
    denials = [make_event(action="reject", page=f"/{n}") for n in range(3)]
    for denial in denials:
        assert spooling.append(denial, NOTICE, keep=True) == denial
    log.error = None
    clock[0] += 1.0
    last = make_event(page="/last")
    spooling.append(last, NOTICE)
    assert [record.event for record in log.records()] == [*denials, last]


def test_closing_writes_what_is_queued_and_kept(log: Watched, writer: Writer) -> None:
    log.error = LogUnavailable("down")
    denial = make_event(action="reject")
    writer.append(denial, NOTICE, keep=True)
    log.error = None
    pool = ThreadPoolExecutor(8)
    log.go_on.clear()
    writer._again = float("-inf")
    futures = [pool.submit(writer.append, make_event(), NOTICE) for _ in range(5)]
    until(log.begun.is_set)
    closing = pool.submit(writer.close)
    log.go_on.set()
    closing.result()
    assert len({future.result().id for future in futures}) == 5
    assert log.head().size == 6
    assert writer._thread is None
    writer.append(make_event(), NOTICE)  # and begins anew
    pool.shutdown()
    assert log.head().size == 7


def test_closing_with_a_log_that_is_down(
    log: Watched, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    log.error = LogUnavailable("down")
    writer.append(make_event(), NOTICE, keep=True)
    writer.close()
    assert "1 denials were not recorded" in caplog.text
    log.error = None
    writer.close()
    assert log.head().size == 1


def test_the_thread_ends_when_nothing_is_to_be_done(
    log: Watched, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consentkit.log.writer._IDLE", 0.01)
    for _ in range(20):
        writer.append(make_event(), NOTICE)
        time.sleep(0.01)  # as it is about to end
    until(lambda: writer._thread is None)
    assert log.head().size == 20


def test_erasing_writes_first_what_waits(log: Watched, spooling: Writer, tmp_path: Path) -> None:
    log.error = LogUnavailable("down")
    spooling.append(make_event(page="/hidden-place"), NOTICE)
    log.error = None
    assert spooling.forget("visitor-1", *erasure("1")) == 1
    assert log.by_consent_id("visitor-1") == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"hidden-place" in path.read_bytes() for path in files)


def test_upkeep(log: Watched) -> None:
    fill(log, 20)
    now = [1_795_341_615.0]  # 2026-11-22T10:00:15Z
    upkeep = Upkeep(log, 1, lambda: now[0])
    upkeep.once(prune=True)
    assert len(list(log.records())) == 20
    now[0] += 86_400
    upkeep.once(prune=False)
    assert len(list(log.records())) == 20
    upkeep.once(prune=True)
    assert len(list(log.records())) == 20 - verify(log).pruned == 5
    Upkeep(log, None, lambda: now[0] * 2).once(prune=True)
    assert len(list(log.records())) == 5


def test_upkeep_survives_a_log_that_does_not(
    log: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("consentkit.log.upkeep._ROUND", 0.001)
    rounds = []

    def broken() -> None:
        rounds.append(1)
        raise (LogUnavailable("down"), ZeroDivisionError())[len(rounds) % 2]

    monkeypatch.setattr(log, "maintain", broken)
    upkeep = Upkeep(log, 1, lambda: 0.0)
    upkeep.start()
    thread = upkeep._thread
    assert thread is not None
    upkeep.start()
    assert upkeep._thread is thread
    until(lambda: len(rounds) > 4)
    upkeep.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert "down" in caplog.text


def test_upkeep_that_nobody_holds_ends(log: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consentkit.log.upkeep._ROUND", 0.001)
    upkeep = Upkeep(log, None, lambda: 0.0)
    upkeep.start()
    thread = upkeep._thread
    assert thread is not None
    del upkeep
    thread.join(60)
    assert not thread.is_alive()


FORK = """
import os, sys, threading
from pathlib import Path
from consentkit.log import Spool, Writer
from consentkit.log.sqlite import SqliteLog
from tests.log.making import make_event, NOTICE
log = SqliteLog(Path(sys.argv[1]), deadline=60)
writer = Writer(log, Spool(Path(sys.argv[2])))
writer.append(make_event(), NOTICE)
# The worst moment: the parent's writer is at work, and others hold its locks.
writer._changed.acquire(), writer._writing.acquire()
children = []
for number in range(3):
    pid = os.fork()
    if pid == 0:
        threads = [
            threading.Thread(target=lambda: [writer.append(make_event(), NOTICE) for _ in range(5)])
            for _ in range(3)
        ]
        [thread.start() for thread in threads], [thread.join() for thread in threads]
        sys.exit(0)  # with all of the interpreter's own tidying up
    children.append(pid)
writer._writing.release(), writer._changed.release()
for _ in range(5):
    writer.append(make_event(), NOTICE)
codes = [os.waitpid(pid, 0)[1] for pid in children]
assert codes == [0] * 3, codes
writer.append(make_event(), NOTICE)
print(log.head().size)
"""


def test_forked_children_have_writers_of_their_own(tmp_path: Path) -> None:
    assert output(FORK, tmp_path / "consent.db", tmp_path / "spool") == "52\n"
    assert verify(SqliteLog(tmp_path / "consent.db")).whole


LEAVE = """
import sys, threading, time
from pathlib import Path
from consentkit.errors import LogUnavailable
from consentkit.log import Spool, Writer
from consentkit.log.sqlite import SqliteLog
from tests.log.making import make_event, NOTICE
log = SqliteLog(Path(sys.argv[1]))
real, down = log.append_many, True
def append_many(entries):
    if down:
        raise LogUnavailable("down")
    return real(entries)
log.append_many = append_many
writer = Writer(log)
print(writer.append(make_event(action="reject"), NOTICE, keep=True).id)
down, writer._again = False, 0
for _ in range(3):  # requests that are still there when the interpreter goes
    # In one piece: what two threads print may get mixed up.
    choose = lambda: sys.stdout.write(writer.append(make_event(), NOTICE).id + "\\n")
    threading.Thread(target=choose, daemon=True).start()
"""


def test_a_process_that_ends_writes_what_it_has(tmp_path: Path) -> None:
    with python(LEAVE, tmp_path / "consent.db") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in err
    stored = {record.event.id for record in SqliteLog(tmp_path / "consent.db").records()}
    assert set(out.split()) <= stored
    assert out.split()[0] in stored
