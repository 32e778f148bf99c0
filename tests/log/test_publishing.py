"""Checkpoints put elsewhere: where, when, and never two that contradict each other."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from consentkit.errors import LogError, LogForked, LogUnavailable, NoteRefused, SettingsError
from consentkit.log.checkpoint import Checkpoint
from consentkit.log.merkle import Frontier
from consentkit.log.notes import Signer, generate
from consentkit.log.publishing import Checkpoints
from consentkit.log.sqlite import SqliteLog
from consentkit.settings import CheckpointSettings
from tests.log.making import fill, names
from tests.log.test_verification import changing

ORIGIN = "shop.example/consent"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 5)
    yield log
    log.close()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(generate(ORIGIN) + "\n")
    return path


def settings(*to: str | Path, key: str | Path = "", **more: object) -> CheckpointSettings:
    given = {"origin": ORIGIN, "key": str(key), "to": tuple(map(str, to)), **more}
    return CheckpointSettings(**given)  # type: ignore[arg-type]


def test_a_file_holds_the_last_one(log: SqliteLog, tmp_path: Path, key: Path) -> None:
    target = tmp_path / "points" / "last"
    target.parent.mkdir()
    checkpoints = Checkpoints(log, settings(target, key=key))
    note = checkpoints.write()
    assert target.read_bytes() == note
    assert Checkpoint.read(note, checkpoints.keys).size == 5
    fill(log, 2)
    assert Checkpoint.read(checkpoints.write(), checkpoints.keys).size == 7
    assert Checkpoint.read(target.read_bytes(), checkpoints.keys).size == 7
    assert names(target.parent) == [".last.lock", "last"]


def test_a_folder_holds_all(log: SqliteLog, tmp_path: Path) -> None:
    folder = tmp_path / "points"
    checkpoints = Checkpoints(log, settings(f"{folder}/"))
    for _ in range(3):
        checkpoints.write()
        checkpoints.write()  # nothing new: nothing more
        fill(log, 4)
    sizes = [int(name.partition("-")[2]) for name in names(folder) if name != ".lock"]
    assert sizes == [5, 9, 13]


def test_without_a_place_it_is_only_made(log: SqliteLog, tmp_path: Path) -> None:
    before = names(tmp_path)
    note = Checkpoints(log, settings()).write()
    assert Checkpoint.read(note) == Checkpoint(ORIGIN, 5, log.head().tree().root())
    assert names(tmp_path) == before


def cut(log: SqliteLog, size: int) -> None:
    """Cut the end off, head and all, so that the log is whole in itself."""
    log.close()
    with changing(log.path) as db:
        for table in ("leaf", "personal"):
            db.execute(f"DELETE FROM {table} WHERE seq >= ?", (size,))  # noqa: S608
        tree = Frontier()
        for (digest,) in db.execute("SELECT hash FROM leaf ORDER BY seq"):
            tree.push(digest)
        db.execute("UPDATE head SET size = ?, frontier = ?", (size, tree.packed()))


@pytest.mark.parametrize("more", [0, 1, 5])
def test_a_contradiction_is_never_signed(
    log: SqliteLog, tmp_path: Path, key: Path, more: int
) -> None:
    folder = tmp_path / "points"
    checkpoints = Checkpoints(log, settings(f"{folder}/", key=key))
    before = checkpoints.write()
    cut(log, 4)
    fill(log, more)
    with pytest.raises(LogForked):
        checkpoints.write()
    assert [path.read_bytes() for path in folder.glob("checkpoint-*")] == [before]


def test_a_damaged_last_one_stops(log: SqliteLog, tmp_path: Path, key: Path) -> None:
    target = tmp_path / "last"
    checkpoints = Checkpoints(log, settings(target, key=key))
    note = bytearray(checkpoints.write())
    for position in range(0, len(note), 7):
        changed = bytearray(note)
        changed[position] ^= 1
        target.write_bytes(changed)
        with pytest.raises((NoteRefused, LogForked, LogError)):
            checkpoints.write()
    target.write_bytes(note)
    assert checkpoints.write() == note


def test_keys_are_changed_without_a_gap(log: SqliteLog, tmp_path: Path, key: Path) -> None:
    target = tmp_path / "last"
    Checkpoints(log, settings(target)).write()  # before there was a key
    old = Checkpoints(log, settings(target, key=key))
    old.write()
    newer = tmp_path / "newer"
    newer.write_text(generate(ORIGIN))
    with pytest.raises(NoteRefused, match="no key that is known"):
        Checkpoints(log, settings(target, key=newer)).write()
    vkeys = tuple(verifier.vkey() for verifier in old.keys)
    new = Checkpoints(log, settings(target, key=newer, verify=vkeys))
    note = new.write()
    assert target.read_bytes() == note
    assert Checkpoint.read(note, new.keys[:1]).size == 5
    with pytest.raises(NoteRefused):
        Checkpoint.read(note, old.keys)


def test_the_key_in_the_environment(
    log: SqliteLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = generate(ORIGIN)
    monkeypatch.setenv("SHOP_KEY", text)
    checkpoints = Checkpoints(log, settings(tmp_path / "last", key="env:SHOP_KEY"))
    assert checkpoints.keys == (Signer(text).verifier,)
    for wrong in ("env:NONE", str(tmp_path / "missing"), str(tmp_path)):
        with pytest.raises(SettingsError, match=r"environment variable|cannot be read") as caught:
            Checkpoints(log, settings(key=wrong))
        assert [fault.path for fault in caught.value.faults] == ["log.checkpoint.key"]
    vkey = checkpoints.keys[0].vkey()
    with pytest.raises(SettingsError, match=r"log\.checkpoint\.verify\[1\]"):
        Checkpoints(log, settings(verify=(vkey, vkey.replace("+", "0+", 1))))


def test_a_place_belongs_to_one_log(log: SqliteLog, tmp_path: Path) -> None:
    Checkpoints(log, settings(tmp_path / "last")).write()
    other = settings(tmp_path / "last", origin="other.example")
    with pytest.raises(LogError, match="of its own"):
        Checkpoints(log, other).write()


def test_a_place_that_cannot_be_written(log: SqliteLog, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "no" / "folder", tmp_path / "file" / "last"):
        with pytest.raises((LogUnavailable, OSError)):
            Checkpoints(log, settings(place)).write()


@contextmanager
def archive(status: int) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server that takes checkpoints; what it was sent."""
    received: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.headers["Content-Type"], body))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            received.append(("followed", b""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/checkpoints", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_url_is_sent_each_new_one(log: SqliteLog, tmp_path: Path) -> None:
    with archive(204) as (url, received):
        checkpoints = Checkpoints(log, settings(tmp_path / "last", url))
        first = checkpoints.write()
        checkpoints.write()
        fill(log, 1)
        second = checkpoints.write()
    assert received == [("text/plain; charset=utf-8", note) for note in (first, second)]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_url_that_does_not_take_it(log: SqliteLog, tmp_path: Path, status: int) -> None:
    with archive(status) as (url, received):
        checkpoints = Checkpoints(log, settings(tmp_path / "last", url))
        with pytest.raises(LogUnavailable, match="could not be sent"):
            checkpoints.write()
    assert len(received) == 1
    assert Checkpoint.read((tmp_path / "last").read_bytes()).size == 5
    fill(log, 1)
    with pytest.raises(LogUnavailable, match="could not be sent"):
        checkpoints.write()  # nobody listens any more


class Timers:
    """Timers that go off when they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set: list[float] = []
        self.waiting: Callable[[], None] | None = None
        timers = self

        class Timer:
            name, daemon = "", False

            def __init__(self, seconds: float, function: Callable[[], None]) -> None:
                timers.set.append(seconds)
                self.function = function

            def start(self) -> None:
                timers.waiting = self.function

            def cancel(self) -> None:
                timers.waiting = None

        monkeypatch.setattr("consentkit.log.publishing.threading.Timer", Timer)

    def fire(self) -> None:
        assert self.waiting is not None
        waiting, self.waiting = self.waiting, None
        waiting()


def test_the_schedule(log: SqliteLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timers = Timers(monkeypatch)
    clock = [1_000_000.0]
    target = tmp_path / "last"
    checkpoints = Checkpoints(log, settings(target, every=30), now=lambda: clock[0])
    checkpoints.appended()
    checkpoints.appended()
    assert timers.set == [1.0]  # there is none yet
    timers.fire()
    assert Checkpoint.read(target.read_bytes()).size == 5
    assert checkpoints.due() == 1800
    clock[0] += 600
    fill(log, 1)
    checkpoints.appended()
    checkpoints.appended()
    assert timers.set[1:] == [1200]
    os.utime(target, (clock[0], clock[0]))  # another process wrote one
    clock[0] += 1200
    timers.fire()
    assert timers.set[2:] == [600]
    clock[0] += 600
    timers.fire()
    assert Checkpoint.read(target.read_bytes()).size == 6
    assert timers.waiting is None
    fill(log, 1)
    checkpoints.appended()
    checkpoints.close()
    checkpoints.close()
    assert timers.waiting is None
    assert Checkpoint.read(target.read_bytes()).size == 7


def test_nothing_is_scheduled_without_a_place(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers = Timers(monkeypatch)
    checkpoints = Checkpoints(log, settings())
    checkpoints.appended()
    checkpoints.close()
    assert timers.set == []


def test_a_failure_on_schedule_is_logged(
    log: SqliteLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    timers = Timers(monkeypatch)
    target = tmp_path / "last"
    target.write_text("rubbish")
    checkpoints = Checkpoints(log, settings(target))
    os.utime(target, (0, 0))
    checkpoints.appended()
    with caplog.at_level(logging.ERROR, "consentkit"):
        timers.fire()
    assert "no checkpoint of the consent log could be written" in caplog.text
    assert target.read_text() == "rubbish"


def test_a_forked_child_has_a_timer_of_its_own(
    log: SqliteLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers = Timers(monkeypatch)
    checkpoints = Checkpoints(log, settings(tmp_path / "last"))
    checkpoints.appended()
    monkeypatch.setattr("consentkit.log.publishing.os.getpid", lambda: -1)
    checkpoints.close()  # nothing of the child's
    assert timers.waiting is not None
    checkpoints.appended()
    assert timers.set == [1.0, 1.0]


def test_the_log_that_cannot_be_read(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 3)
    checkpoints = Checkpoints(log, settings(tmp_path / "last"))
    log.close()
    with sqlite3.connect(log.path) as db:
        db.execute("PRAGMA application_id = 7")
    db.close()
    with pytest.raises(LogError):
        checkpoints.write()
    assert not (tmp_path / "last").exists()
    log.close()
