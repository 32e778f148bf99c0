"""Letting auditors in, counting on the command line, and the pages on one's own machine."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner, Result

from consentkit.cli.main import main
from consentkit.engine.audit import token_hash
from consentkit.log.sqlite import SqliteLog
from consentkit.settings import load_settings
from tests.log.making import fill, names


@pytest.fixture
def url(tmp_path: Path) -> str:
    with closing(SqliteLog(tmp_path / "consent.db")) as log:
        fill(log, 9)
    return f"sqlite:///{tmp_path / 'consent.db'}"


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_a_token_fits_into_the_settings() -> None:
    result = run("audit", "token", 'Anna "the eye" \\', "--role", "export")
    found = re.search(r"ckaudit_\S{43}", result.stdout)
    assert found is not None
    part = tomllib.loads(result.stdout[result.stdout.index("[[") :])
    settings = load_settings({"secret_keys": ["k" * 32], **part})
    assert settings.audit is not None
    (token,) = settings.audit.tokens
    assert (token.name, token.role) == ('Anna "the eye" \\', "export")
    assert token.hash == token_hash(found[0])
    assert found[0] not in run("audit", "token", "Anna").stdout
    assert run("audit", "token", "x" * 65).exit_code == 2


def test_numbers_as_a_table_and_as_json(url: str, tmp_path: Path) -> None:
    before = names(tmp_path)
    result = run("log", "stats", "--log", url, "--step", "total")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "PERIOD      VALUE                        RECORDS     CHOICES     GRANTED        RATE",
            "all         -                                  9           0           0           -",
            "all         analytics                          -           9           4       44.4%",
            "all         marketing                          -           9           0        0.0%",
        ],
    )
    assert names(tmp_path) == before
    result = run("log", "stats", "--log", url, "--by", "action", "--json")
    found = json.loads(result.stdout)
    assert (found["size"], found["counted"], found["step"]) == (9, 9, "month")
    kinds = {c["value"]: c["number"] for c in found["counts"] if not c["category"]}
    assert kinds == {"accept": 3, "reject": 3, "save": 3}
    assert run("log", "stats", "--log", url, "--since", "today").exit_code == 2


def test_numbers_are_kept_when_asked_for_and_not_trusted_when_not(url: str, tmp_path: Path) -> None:
    path = tmp_path / "consent.db"
    assert run("log", "stats", "--log", url, "--update").exit_code == 0
    with closing(SqliteLog(path)) as log:
        assert log.tallies("action", "", "9999", "total")[0] == 9
        assert log.add_tallies(9, 9, {})
        with log._transaction() as db:
            db.execute("UPDATE tally SET count = count + 100")
    wrong = run("log", "stats", "--log", url, "--json").stdout
    right = run("log", "stats", "--log", url, "--json", "--recount").stdout
    assert max(c["number"] for c in json.loads(wrong)["counts"]) > 100
    assert max(c["number"] for c in json.loads(right)["counts"]) == 9


def test_the_pages_on_this_machine(url: str, tmp_path: Path) -> None:
    before = (tmp_path / "consent.db").read_bytes()
    command = [sys.executable, "-c", "from consentkit.cli.main import main; main()"]
    with subprocess.Popen(
        [*command, "log", "serve", "--log", url, "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            said = ""
            while "Ctrl-C" not in said:
                line = process.stdout.readline()
                assert line, "it ended"
                said += line
            (home,) = re.findall(r"http://127\.0\.0\.1:\d+/audit/", said)
            (token,) = re.findall(r"ckaudit_\S+", said)
            asked = Request(home, headers={"Authorization": f"Bearer {token}"})
            with urlopen(asked) as reply:
                page = reply.read().decode()
                assert "default-src 'none'" in reply.headers["content-security-policy"]
            assert "Consent rate by category" in page
            (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
            with urlopen(home.removesuffix("/audit/") + style) as reply:
                assert reply.headers["content-type"] == "text/css; charset=utf-8"
            with urlopen(home.removesuffix("audit/")) as reply:
                assert reply.url == home + "login"
            with pytest.raises(HTTPError, match="401"):
                urlopen(f"{home}api/records")
            erase = Request(f"{home}api/forget", b"{}", dict(asked.headers))
            with pytest.raises(HTTPError, match="403"):
                urlopen(erase)
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert (tmp_path / "consent.db").read_bytes() == before


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    result = run("log", "serve", "--log", f"sqlite:///{tmp_path / 'none.db'}", "--port", "0")
    assert result.exit_code == 2
    assert "there is no consent log" in result.stderr
