"""Logs of earlier releases are brought up to date, those of later ones left alone."""

from __future__ import annotations

import gzip
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from consentkit.errors import LogUnavailable, LogUnreadable
from consentkit.log import Reader, open_log, open_reader, verify
from consentkit.log.sqlite import SqliteLog
from consentkit.log.sqlite_files import file_system, frames_cut_off
from consentkit.log.sqlite_reader import SqliteReader
from consentkit.log.sqlite_schema import SCHEMA_VERSION, migrate
from tests.log.making import NOTICE, fill, make_event, output

DATA = Path(__file__).with_name("data")
# Each as its release left it: 300 records, those at 7 and 256 redacted.
ROOTS = {
    "version-1.db.gz": "4a0566af7437d435a5e31ee6454aa6b86e5aff8b7db9df537bf9787d478a6d3e",
    "version-2.db.gz": "41897a6cb73e277c55ac85bcffa40f8efb9dcd01a793cba7fce7f4ce52a51e5a",
}
VERSIONS = sorted(DATA.glob("version-*.db.gz"))


def restored(source: Path, folder: Path) -> Path:
    path = folder / "consent.db"
    path.write_bytes(gzip.decompress(source.read_bytes()))
    return path


def check(log: Reader, source: Path) -> None:
    found = verify(log)
    assert (found.faults, found.size, found.redacted) == ((), 300, 2)
    assert found.root.hex() == ROOTS[source.name]
    assert len(log.subtrees(8, 0, 9)) == 1
    assert len(log.leaf_hashes(0, 999)) == 300
    assert [r.seq for r in log.records(consent_id="visitor-1", reverse=True, limit=2)] == [298, 295]
    assert len(list(log.records(category="analytics=granted", country="DE"))) == 150


def test_there_is_a_file_of_every_version() -> None:
    assert [path.name for path in VERSIONS] == [
        f"version-{number}.db.gz" for number in range(1, SCHEMA_VERSION + 1)
    ]


@pytest.mark.parametrize("source", VERSIONS, ids=lambda path: path.name)
def test_a_tool_reads_it_and_leaves_it_alone(source: Path, tmp_path: Path) -> None:
    path = restored(source, tmp_path)
    before = path.read_bytes()
    with closing(open_reader(f"sqlite:///{path}")) as reader:
        check(reader, source)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["consent.db"]


@pytest.mark.parametrize("source", VERSIONS, ids=lambda path: path.name)
@pytest.mark.parametrize("first", ["read", "append"])
def test_the_server_brings_it_up_to_date(source: Path, tmp_path: Path, first: str) -> None:
    path = restored(source, tmp_path)
    with closing(open_log(f"sqlite:///{path}")) as log:
        if first == "read":
            check(log, source)
        record = log.append(make_event(), NOTICE)
        assert record.seq == 300
        assert verify(log).whole
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        made = dict(db.execute("SELECT name, sql FROM sqlite_schema").fetchall())
    fresh = SqliteLog(tmp_path / "fresh.db")
    fill(fresh, 1)
    fresh.close()
    with closing(sqlite3.connect(fresh.path)) as db:
        expected = dict(db.execute("SELECT name, sql FROM sqlite_schema").fetchall())
    assert made == expected
    # Of what was in tables that are gone nothing stays behind.
    with closing(sqlite3.connect(path)) as db:
        salt = db.execute("SELECT salt FROM personal WHERE seq = 1").fetchone()[0]
    assert path.read_bytes().count(salt) == 1


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = restored(VERSIONS[0], tmp_path)
    with closing(SqliteReader(path)) as reader:
        before = verify(reader)

    def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("consentkit.log.sqlite_schema.Frontier.completed", broken)
        with closing(open_log(f"sqlite:///{path}")) as log, pytest.raises(LogUnavailable):
            log.append(make_event(), NOTICE)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM leaf").fetchone() == (300,)
    with closing(open_log(f"sqlite:///{path}")) as log:
        assert log.append(make_event(), NOTICE).seq == 300
        assert verify(log).whole
    assert before.size == 300


MIGRATE = """
import sys
from consentkit.log import open_log
from tests.log.making import make_event, NOTICE
log = open_log("sqlite:///" + sys.argv[1])
print(log.append(make_event(), NOTICE).event.id)
"""


def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    path = restored(VERSIONS[0], tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db)
        migrate(db)
    assert output(MIGRATE, path).strip()
    assert verify(SqliteLog(path)).size == 301


def test_a_newer_log_is_left_alone(tmp_path: Path) -> None:
    path = restored(VERSIONS[-1], tmp_path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with closing(open_log(f"sqlite:///{path}")) as log:
        for use in (
            lambda: log.append(make_event(), NOTICE),
            lambda: log.prune("2030-01-01T00:00:00.000Z"),
            lambda: list(log.records()),
        ):
            with pytest.raises(LogUnreadable, match=f"format {SCHEMA_VERSION + 1}"):
                use()
    with closing(open_reader(f"sqlite:///{path}")) as reader, pytest.raises(LogUnreadable):
        verify(reader)
    assert path.read_bytes() == before


# --- where it lies ------------------------------------------------------------------------------


def test_the_file_system_of_a_folder(tmp_path: Path) -> None:
    assert file_system(Path("/proc")) == "proc"
    assert file_system(tmp_path) not in ("", "proc")
    assert file_system(tmp_path / "missing") == ""


@pytest.mark.parametrize("name", ["nfs4", "cifs", "9p", "virtiofs", "fuse.sshfs"])
def test_over_a_network_there_is_no_write_ahead_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    monkeypatch.setattr("consentkit.log.sqlite_connection.file_system", lambda _: name)
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 5)
    db = log._handle.get()
    assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert db.execute("PRAGMA synchronous").fetchone() == (3,)
    assert not (tmp_path / "consent.db-wal").exists()
    assert f"network file system ({name})" in caplog.text
    with closing(SqliteReader(log.path)) as reader:
        assert verify(reader).whole
    assert log.prune("2030-01-01T00:00:00.000Z") == 5
    assert verify(log).whole
    log.close()


# --- a write-ahead log that is damaged ----------------------------------------------------------


@pytest.mark.parametrize("flipped", ["checksum", "page", "header"])
def test_transactions_behind_a_damaged_frame_are_told(tmp_path: Path, flipped: str) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 12)
    assert frames_cut_off(log.path) == 0
    content = bytearray((tmp_path / "consent.db-wal").read_bytes())
    page = struct.unpack_from(">I", content, 8)[0]
    frame = 32 + (24 + page) * (len(content) // (24 + page) // 2)
    content[{"checksum": frame + 17, "page": frame + 99, "header": 9}[flipped]] ^= 1
    (folder / "consent.db").write_bytes(log.path.read_bytes())
    (folder / "consent.db-wal").write_bytes(content)
    with closing(SqliteReader(folder / "consent.db")) as reader:
        if flipped == "header":  # SQLite takes the whole write-ahead log for none
            with pytest.raises(LogUnreadable):
                verify(reader)
        else:
            found = verify(reader)
            assert found.size < 12
            assert "write-ahead log is damaged" in found.faults[-1].why
    # A crash leaves one transaction that was not synced: that is no damage.
    content = bytearray((tmp_path / "consent.db-wal").read_bytes())
    last = 32 + (24 + page) * (len(content) // (24 + page) - 2)
    content[last + 99] ^= 1
    (folder / "consent.db-wal").write_bytes(content)
    with closing(SqliteReader(folder / "consent.db")) as reader:
        assert verify(reader).faults == ()
        assert verify(reader).size == 11
    log.close()


def test_a_write_ahead_log_that_grew_is_cut_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    wal = tmp_path / "consent.db-wal"
    monkeypatch.setattr("consentkit.log.sqlite._WAL_BYTES", 100_000)
    log.maintain()
    assert not wal.exists()
    log.append(make_event(), NOTICE)
    with closing(sqlite3.connect(log.path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM leaf").fetchone()
        fill(log, 50)
        log.maintain()  # somebody reads an earlier state: not now, and without waiting
        size = wal.stat().st_size
        assert size > 100_000
        db.execute("COMMIT")
    log.maintain()
    assert wal.stat().st_size == 0
    assert verify(log).size == 51
    log.close()
