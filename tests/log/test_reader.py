from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from consentkit.errors import LogError, LogUnreadable
from consentkit.log import open_log, open_reader, verify
from consentkit.log.sqlite import SqliteLog
from consentkit.log.sqlite_reader import SqliteReader
from tests.log.making import NOTICE, fill, make_event, names


@pytest.mark.parametrize("content", [None, b"", b"\x00" * 4096, b"text", "folder", "other"])
def test_what_is_no_log_is_said_so_and_left_alone(
    tmp_path: Path, content: bytes | str | None
) -> None:
    path = tmp_path / "consent.db"
    if content == "folder":
        path.mkdir()
    elif content == "other":
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE leaf (seq, id, hash, body)")
    elif isinstance(content, bytes):
        path.write_bytes(content)
    before = {p: p.stat() for p in tmp_path.iterdir()}
    with pytest.raises(LogUnreadable):
        verify(SqliteReader(path))
    assert {p: p.stat() for p in tmp_path.iterdir()} == before


def test_reading_a_closed_log_makes_no_file(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 5)
    log.close()
    (tmp_path / "consent.db-lock").unlink()
    with closing(SqliteReader(log.path)) as reader:
        assert verify(reader).whole
        assert len(list(reader.records())) == 5
        assert names(tmp_path) == ["consent.db"]
    assert names(tmp_path) == ["consent.db"]


def test_reading_a_log_in_use_makes_no_file(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 5)
    before = names(tmp_path)
    with closing(SqliteReader(log.path)) as reader:
        assert verify(reader).size == 5
        log.append(make_event(), NOTICE)
        assert verify(reader).size == 6
        assert names(tmp_path) == before
    log.close()


def test_a_log_at_rest_that_is_written_to_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consentkit.log.sqlite_reader._PAGE", 2)
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 6)
    log.close()
    with closing(SqliteReader(log.path)) as reader:
        records = reader.records()
        seen = [next(records).seq]
        log.append(make_event(), NOTICE)
        seen += [record.seq for record in records]
        assert seen == list(range(7))
        assert verify(reader).size == 7
    log.close()


def test_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(open_log("sqlite:///here.db")) as log:
        (tmp_path / "sub").mkdir()
        monkeypatch.chdir(tmp_path / "sub")  # a daemon's chdir comes after the settings
        log.append(make_event(), NOTICE)
    with closing(open_reader(f"sqlite:///{tmp_path}/here.db")) as reader:
        assert verify(reader).size == 1


@pytest.mark.parametrize(
    ("name", "url_path"), [("a b%20c#d.db", "a b%20c#d.db"), ("ü&x=1.db", "ü&x=1.db")]
)
def test_file_names_are_taken_as_they_are(tmp_path: Path, name: str, url_path: str) -> None:
    with closing(open_log(f"sqlite:///{tmp_path}/{url_path}")) as log:
        log.append(make_event(), NOTICE)
        assert verify(log).whole
    with closing(open_reader(f"sqlite:///{tmp_path}/{url_path}")) as reader:
        assert verify(reader).whole
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize(
    "url",
    [
        "consent.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://host/consent.db",
        "sqlite:///consent.db?mode=ro",
        "oracle://db/consent",
    ],
)
def test_urls_that_mean_no_file(url: str) -> None:
    for opener in (open_log, open_reader):
        with pytest.raises(LogError, match=r"sqlite:///|no options"):
            opener(url)
