"""The commands that take something out of a log: they ask, they do it, and it is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from consentkit.cli.main import main
from consentkit.log import Spool, verify
from consentkit.log.sqlite import SqliteLog
from tests.log.making import NOTICE, fill, make_event


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    """Nine records of three visitors, in use: the command runs beside a server."""
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 9)
    return log


def run(log: SqliteLog, *arguments: str, said: str = "") -> Result:
    command = ["log", arguments[0], "--log", f"sqlite:///{log.path}", *arguments[1:]]
    result = CliRunner().invoke(main, command, input=said)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_forgetting_a_visitor(log: SqliteLog) -> None:
    # One choice waits in the spool, beside the log, where the server left it.
    spool = Spool(log.path.with_name("consent.db-spool"))
    spool.append([(make_event(consent_id="visitor-1", page="/waiting"), NOTICE)])
    result = run(log, "forget", "visitor-1", "--yes")
    assert (result.exit_code, result.stdout) == (0, "erased: what was personal in 4 records\n")
    assert log.by_consent_id("visitor-1") == []
    assert not spool.waiting()
    newest = next(log.records(reverse=True))
    assert (newest.event.action, newest.redacted) == ("forget", True)
    found = verify(log)
    assert (found.whole, found.size, found.redacted) == (True, 11, 5)
    again = run(log, "forget", "visitor-1", "--yes")
    assert again.exit_code == 2
    assert "no records of visitor-1" in again.stderr
    assert verify(log).size == 11


@pytest.mark.parametrize("verb", [("forget", "visitor-1"), ("prune", "--before", "2030-01-01")])
@pytest.mark.parametrize("said", ["n\n", ""])
def test_without_a_yes_nothing_is_done(log: SqliteLog, verb: tuple[str, ...], said: str) -> None:
    result = run(log, *verb, said=said)
    assert result.exit_code != 0
    assert len(list(log.records())) == 9
    assert verify(log).redacted == 0


def test_asked_and_answered(log: SqliteLog) -> None:
    assert run(log, "forget", "visitor-1", said="y\n").exit_code == 0
    assert log.by_consent_id("visitor-1") == []


def test_pruning(log: SqliteLog, tmp_path: Path) -> None:
    result = run(log, "prune", "--before", "2026-11-22T10:00:05Z", "--yes")
    assert result.stdout == "pruned: 5 records before 2026-11-22T10:00:05.000Z\n"
    assert [record.seq for record in log.records()] == [5, 6, 7, 8]
    verified = run(log, "verify")
    assert verified.exit_code == 0
    assert "of 5 only the hashes" in verified.stdout
    assert run(log, "prune", "--yes").exit_code == 2  # how old is too old, nobody said
    settings = tmp_path / "site.toml"
    settings.write_text(
        f'secret_keys = ["{"k" * 32}"]\n[log]\nurl = "sqlite:///{log.path}"\nretention_days = 1\n',
        encoding="utf-8",
    )
    command = ["log", "prune", "--settings", str(settings), "--yes"]
    assert CliRunner().invoke(main, command).exit_code == 0


def test_where_there_is_no_log_none_is_made(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "none.db")
    for verb in (("forget", "visitor-1"), ("prune", "--before", "2030-01-01")):
        result = run(log, *verb, "--yes")
        assert result.exit_code == 2
        assert "no consent log" in result.stderr
    assert list(tmp_path.iterdir()) == []
