"""The spool: what was acknowledged is in it, whole, once; what was torn or changed is told."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consentkit.errors import LogUnavailable
from consentkit.log import Event, Notice, Spool, rfc3339
from consentkit.log.filelock import locked
from tests.log.making import GERMAN, NOTICE, make_event, python

Entry = tuple[Event, Notice]


def entries(count: int, start: int = 0) -> list[Entry]:
    return [
        (make_event(time=rfc3339(1_800_000_000_000 + n), page=f"/{n}", notice=notice.hash), notice)
        for n in range(start, start + count)
        for notice in ((NOTICE, GERMAN)[n % 2],)
    ]


def drained(spool: Spool) -> list[Entry]:
    found: list[Entry] = []
    count = spool.drain(found.extend)
    assert count == len(found)
    assert not spool.waiting()
    return found


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def file_of(spool: Spool) -> Path:
    return spool.folder / f"{os.getpid()}.spool"


def test_what_goes_in_comes_out_once(spool: Spool) -> None:
    assert not spool.waiting()
    given_ = entries(700)
    spool.append(given_[:1])
    spool.append(given_[1:400])
    assert spool.waiting()
    spool.append(given_[400:])
    assert drained(spool) == given_
    assert drained(spool) == []
    spool.append(given_[:2])
    assert drained(spool) == given_[:2]


def test_a_notice_is_written_once_a_file(spool: Spool) -> None:
    html = b"<p>" + os.urandom(2000).hex().encode()
    notice = Notice.of(html, "en")
    for _ in range(20):
        spool.append([(make_event(notice=notice.hash), notice)])
    assert file_of(spool).read_bytes().count(html) == 1
    assert len(drained(spool)) == 20
    spool.append([(make_event(notice=notice.hash), notice)])
    assert drained(spool)[0][1] == notice


def test_files_are_for_their_owner_alone(spool: Spool) -> None:
    spool.append(entries(1))
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file_of(spool).stat().st_mode) == 0o600


def test_a_store_that_fails_leaves_everything(spool: Spool) -> None:
    given_ = entries(600)
    spool.append(given_)
    taken: list[Entry] = []

    def store(chunk: Sequence[Entry]) -> None:
        if taken:
            raise LogUnavailable("down again")
        taken.extend(chunk)

    with pytest.raises(LogUnavailable):
        spool.drain(store)
    assert 0 < len(taken) < 600
    assert drained(spool) == given_


def test_files_of_several_processes_are_drained_in_the_order_of_time(spool: Spool) -> None:
    given_ = entries(90)
    for number in range(3):
        spool.append(given_[number::3])
        file_of(spool).rename(spool.folder / f"{number}.spool")
    assert drained(spool) == given_


@given(data=st.data())
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_a_torn_end_costs_only_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, data: st.DataObject
) -> None:
    """Cut anywhere: every frame before the cut comes out, and it is told, not kept."""
    spool = Spool(tmp_path / "spool")
    given_ = entries(3)
    sizes = [0]
    for entry in given_:
        spool.append([entry])
        sizes.append(file_of(spool).stat().st_size)
    cut = data.draw(st.integers(1, sizes[-1] - 1))
    os.truncate(file_of(spool), cut)
    caplog.clear()
    found = drained(spool)
    assert found == given_[: max(n for n in range(4) if sizes[n] <= cut)]
    assert list(spool.folder.iterdir()) == []
    if cut not in sizes:  # between notice and event the cut cannot be seen, nor need it be
        notice_only = len(found) < 2 and not caplog.records
        assert notice_only or "cut off in the midst" in caplog.text


@given(data=st.data())
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_any_flipped_bit_is_found_and_costs_no_other_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, data: st.DataObject
) -> None:
    spool = Spool(tmp_path / "spool")
    given_ = [(make_event(page=f"/{n}"), NOTICE) for n in range(4)]
    spool.append(given_)
    content = bytearray(file_of(spool).read_bytes())
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    file_of(spool).write_bytes(content)
    caplog.clear()
    found = drained(spool)
    assert all(entry in given_ for entry in found)
    in_the_notice = bit // 8 < content.index(b"CKsp", 4) if b"CKsp" in content[4:] else False
    assert len(found) >= (0 if in_the_notice else 3)
    assert len(found) < 4
    assert "are damaged" in caplog.text
    (kept,) = spool.folder.iterdir()
    assert kept.read_bytes() == bytes(content)
    assert kept.name.endswith(".damaged")
    spool.forget_damaged()
    assert list(spool.folder.iterdir()) == []


@given(st.binary(max_size=300))
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_any_bytes_can_be_drained(tmp_path: Path, content: bytes) -> None:
    spool = Spool(tmp_path / "spool")
    spool.append(entries(2))
    path = file_of(spool)
    path.write_bytes(content + path.read_bytes() + content)
    assert len(drained(spool)) == 2
    spool.forget_damaged()


def test_what_follows_a_torn_frame_is_read(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    """A process died while it wrote, and another of the same number went on in its file."""
    given_ = entries(4)
    spool.append(given_[:2])
    os.truncate(file_of(spool), file_of(spool).stat().st_size - 7)
    Spool(spool.folder).append(given_[2:])
    assert drained(spool) == [given_[0], *given_[2:]]
    assert "are damaged" in caplog.text


def test_the_spool_has_a_bound(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", most_bytes=5000)
    taken: list[Entry] = []

    def fill() -> None:
        for entry in entries(50):
            spool.append([entry])
            taken.append(entry)

    with pytest.raises(LogUnavailable, match="full"):
        fill()
    assert file_of(spool).stat().st_size <= 5000
    assert len(taken) > 3
    assert drained(spool) == taken
    spool.append(taken[:1])


def test_a_write_that_fails_leaves_nothing(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    given_ = entries(3)
    spool.append(given_[:1])

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(LogUnavailable, match="Input/output"):
        spool.append(given_[1:2])
    monkeypatch.undo()
    spool.append(given_[2:])
    assert drained(spool) == [given_[0], given_[2]]


def test_a_folder_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "spool").write_text("a file", encoding="ascii")
    spool = Spool(tmp_path / "spool")
    assert not spool.waiting()
    with pytest.raises(LogUnavailable):
        spool.append(entries(1))
    assert caplog.records == []


HOLD = """
import sys, time
from pathlib import Path
from consentkit.log.filelock import locked
with locked(Path(sys.argv[1]), time.monotonic() + 60, create=False):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_file_that_another_process_holds(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("consentkit.log.spool._PATIENCE", 0.05)
    given_ = entries(2)
    spool.append(given_)
    with python(HOLD, file_of(spool)) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        found: list[Entry] = []
        for _ in range(3):
            assert spool.drain(found.extend) == 0
        assert [r.levelno for r in caplog.records] == [logging.WARNING]  # once, not each time
        with pytest.raises(LogUnavailable, match="locked"):
            spool.append(given_)
        holder.communicate("")
    assert drained(Spool(spool.folder)) == given_


MANY = """
import sys
from pathlib import Path
from consentkit.log import Spool
from tests.log.making import NOTICE, make_event
spool = Spool(Path(sys.argv[1]))
for n in range(int(sys.argv[2])):
    event = make_event()
    spool.append([(event, NOTICE)])
    print(event.id)
"""


def test_writing_and_draining_at_once(spool: Spool) -> None:
    """Files are removed under those who write to them, and nothing is lost with them."""
    writers = [python(MANY, spool.folder, "25") for _ in range(2)]
    found: list[Entry] = []
    while any(writer.poll() is None for writer in writers):
        spool.drain(found.extend)
    spool.drain(found.extend)
    acknowledged = []
    for writer in writers:
        out, err = writer.communicate()
        assert (writer.returncode, err) == (0, "")
        acknowledged += out.split()
    assert len(acknowledged) == 50
    assert sorted(event.id for event, _ in found) == sorted(acknowledged)


def test_a_lock_is_given_back_whatever_happens(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(ZeroDivisionError), locked(path, 0, create=True):
        raise ZeroDivisionError
    with locked(path, 0, create=False):
        pass
    with pytest.raises(FileNotFoundError), locked(tmp_path / "none", 0, create=False):
        pass
