from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from consentkit.cli.main import main
from consentkit.log.sqlite import SqliteLog
from tests.log.making import GERMAN, NOTICE, fill, make_event


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    """Ten records, in use: the command runs beside a server."""
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 10)
    return log


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def on(log: SqliteLog, *arguments: str) -> Result:
    return run("log", arguments[0], "--log", f"sqlite:///{log.path}", *arguments[1:])


def test_list_for_people(log: SqliteLog) -> None:
    result = on(log, "list")
    header, first, *rest = result.stdout.splitlines()
    assert header.split() == ["SEQ", "ID", "TIME", "ACTION", "SOURCE", "OUTCOME"]
    assert first.split()[2:] == [
        "2026-11-22T10:00:00.000Z",
        "accept",
        "banner",
        "analytics=denied",
        "marketing=denied",
    ]
    assert header.index("OUTCOME") == first.index("analytics")
    assert len(rest) == 9
    assert (result.exit_code, result.stderr) == (0, "")


def test_list_for_programs(log: SqliteLog) -> None:
    rows = [json.loads(line) for line in on(log, "list", "--json").stdout.splitlines()]
    assert [row["id"] for row in rows] == [record.event.id for record in log.records()]
    assert rows[1]["outcome"] == {"analytics": "granted", "marketing": "denied"}
    assert rows[1]["notice"] == NOTICE.hash
    assert rows[1]["redacted"] is False


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], list(range(10))),
        (["--action", "save"], [2, 5, 8]),
        (["--category", "analytics=granted"], [1, 3, 5, 7, 9]),
        (["--consent-id", "visitor-1"], [1, 4, 7]),
        (["--consent-id", "nobody"], []),
        (["--since", "2026-11-22T10:00:07Z"], [7, 8, 9]),
        (["--until", "2026-11-22T12:00:02+02:00"], [0, 1]),
        (["--since", "2026-11-22"], list(range(10))),
        (["--since", "2026-11-23"], []),
        (["--limit", "3"], [0, 1, 2]),
        (["--limit", "3", "--after", "2"], [3, 4, 5]),
    ],
    ids=str,
)
def test_filters(log: SqliteLog, arguments: list[str], expected: list[int]) -> None:
    for command in ("list", "export"):
        more = ["--json"] if command == "list" else []
        lines = on(log, command, *more, *arguments).stdout.splitlines()
        assert [json.loads(line)["seq"] for line in lines] == expected


def test_show(log: SqliteLog) -> None:
    record = next(log.records(after=2))
    people = on(log, "show", record.event.id).stdout.splitlines()
    assert f"notice           {GERMAN.hash}" in people
    assert "consent_id       visitor-0" in people
    program = json.loads(on(log, "show", record.event.id, "--json").stdout)
    assert program["leaf"].encode() == record.leaf
    assert program["leaf_hash"] == record.leaf_hash.hex()
    assert on(log, "show", record.event.id, "--notice").stdout_bytes == GERMAN.html


def test_show_something_that_is_not_there(log: SqliteLog) -> None:
    result = on(log, "show", "no\x1b[31msuch")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "consentkit: there is no record no\\x1b[31msuch\n"


def test_what_visitors_sent_does_not_drive_the_terminal(log: SqliteLog) -> None:
    event = make_event(page="/\x1b]0;owned\x07\n\u202egnp.exe", browser="Ünïcode ✓")
    log.append(event, NOTICE)
    shown = on(log, "show", event.id).stdout
    assert "page             /\\x1b]0;owned\\x07\\n\\u202egnp.exe\n" in shown
    assert "browser          Ünïcode ✓\n" in shown


def test_export_to_a_file(log: SqliteLog, tmp_path: Path) -> None:
    target = tmp_path / "records.csv"
    result = on(log, "export", "--format", "csv", "-o", str(target))
    assert (result.exit_code, result.output) == (0, "")
    rows = list(csv.DictReader(io.StringIO(target.read_bytes().decode(), newline="")))
    assert [row["seq"] for row in rows] == [str(number) for number in range(10)]
    # An export that cannot be made does not cost the one there is.
    before = target.read_bytes()
    result = run("log", "export", "--log", f"sqlite:///{tmp_path}/none.db", "-o", str(target))
    assert result.exit_code == 2
    assert target.read_bytes() == before


def test_export_to_nowhere(log: SqliteLog, tmp_path: Path) -> None:
    result = on(log, "export", "-o", str(tmp_path / "missing" / "file"))
    assert result.exit_code == 2
    assert result.stderr.startswith("consentkit: ")
    assert result.stderr.count("\n") == 1


def test_verify_a_whole_log(log: SqliteLog) -> None:
    result = on(log, "verify")
    assert result.exit_code == 0
    assert result.stdout.startswith("whole: 10 records\nroot: ")
    found = json.loads(on(log, "verify", "--json").stdout)
    assert (found["whole"], found["size"], found["first"]) == (True, 10, None)
    assert found["root"] in result.stdout


def test_verify_a_changed_log(log: SqliteLog) -> None:
    with sqlite3.connect(log.path) as db:
        for trigger in ("leaf_no_update", "personal_no_delete"):
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute("UPDATE leaf SET hash = zeroblob(32) WHERE seq = 6")
        db.execute("DELETE FROM personal WHERE seq = 2")
    db.close()
    result = on(log, "verify")
    assert result.exit_code == 1
    first, *rest = result.stdout.splitlines()
    assert first == "changed: first bad record: 6 (of 10 records, 1 of them redacted)"
    assert rest[0] == "record 6: the leaf does not have the hash stored with it"
    found = on(log, "verify", "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["first"] == 6
    listed = on(log, "list")
    assert listed.exit_code == 1
    assert listed.stderr.startswith("consentkit: record 6: ")
    assert len(listed.stdout.splitlines()) == 7


@pytest.mark.parametrize("command", ["list", "show x", "export", "verify"])
def test_a_log_that_is_not_there(tmp_path: Path, command: str) -> None:
    name, *rest = command.split()
    result = run("log", name, "--log", f"sqlite:///{tmp_path}/none.db", *rest)
    assert result.exit_code == 2
    assert result.stderr == f"consentkit: there is no consent log {tmp_path}/none.db\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["log", "list"],
        ["log", "list", "--log", "sqlite:///a.db", "--settings", "b.toml"],
        ["log", "list", "--log", "a.db"],
        ["log", "list", "--log", "sqlite:///a.db", "--since", "yesterday"],
        ["log", "list", "--log", "sqlite:///a.db", "--limit", "0"],
        ["log", "list", "--log", "sqlite:///a.db", "--action", "maybe"],
        ["log", "list", "--settings", "/nowhere/settings.toml"],
        ["log", "burn"],
        ["burn"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_exit_code_2_and_never_a_traceback(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    assert result.stderr


def test_settings_name_the_log(log: SqliteLog, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(f'secret_keys = ["{"k" * 32}"]\nlog = "sqlite:///{log.path}"\n')
    result = run("log", "verify", "--settings", str(settings))
    assert (result.exit_code, result.stderr) == (0, "")
    settings.write_text("secret_keys = 1\n")
    result = run("log", "verify", "--settings", str(settings))
    assert result.exit_code == 2
    assert result.stderr.startswith("consentkit: ")


def command(*arguments: str, locale: str) -> subprocess.CompletedProcess[bytes]:
    """The command as the console script runs it."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from consentkit.cli.main import main; main(prog_name='consentkit')",
            *arguments,
        ],
        capture_output=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONIOENCODING": locale,
        },
    )


@pytest.mark.parametrize("locale", ["utf-8", "ascii"])
def test_the_real_command(log: SqliteLog, tmp_path: Path, locale: str) -> None:
    log.append(make_event(consent_id="visitor-ü"), NOTICE)
    url = f"sqlite:///{log.path}"
    listed = command("log", "list", "--json", "--log", url, locale=locale)
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert "visitor-ü" in listed.stdout.decode("utf-8")
    whole = command("log", "verify", "--log", url, locale=locale)
    assert (whole.returncode, whole.stderr) == (0, b"")
    missing = command("log", "verify", "--log", f"sqlite:///{tmp_path}/x.db", locale=locale)
    assert (missing.returncode, missing.stdout) == (2, b"")
    with sqlite3.connect(log.path) as db:
        db.execute("DROP TRIGGER leaf_no_update")
        db.execute("UPDATE leaf SET time = 'x' WHERE seq = 0")
    db.close()
    changed = command("log", "verify", "--log", url, locale=locale)
    assert (changed.returncode, changed.stderr) == (1, b"")


def test_a_reader_that_has_seen_enough(log: SqliteLog) -> None:
    fill(log, 600)
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from consentkit.cli.main import main; main(prog_name='consentkit')",
            "log", "list", "--json", "--log", f"sqlite:///{log.path}",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
