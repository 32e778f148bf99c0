"""``consentkit demo`` as people run it: what it says, what it serves, and how it ends."""

from __future__ import annotations

import re
import shlex
import signal
import socket
from pathlib import Path

import pytest

from consentkit.demo.site import PAGES, respond
from tests.demo.markup import fetched, foreign_hosts
from tests.demo.processes import CONSENTKIT, choose, get, running

DEMO = [*CONSENTKIT, "demo", "--port", "0"]


def address(line: str) -> str:
    found = re.fullmatch(r"  (http://\S+)/\n", line)
    assert found, line
    return found[1]


@pytest.mark.parametrize("server", [[], ["--wsgi"]], ids=["asgi", "wsgi"])
class TestServing:
    def test_behind_consentkit(self, tmp_path: Path, server: list[str]) -> None:
        log = tmp_path / "log folder" / "choices.db"
        log.parent.mkdir()
        with running([*DEMO, *server, "--log", str(log)], tmp_path) as demo:
            url = address(demo.read_until("http://127.0.0.1:"))
            demo.read_until("Ctrl-C stops it.")
            command = next(line for line in demo.said.splitlines() if "consentkit log list" in line)
            assert shlex.split(command)[-1] == f"sqlite:///{log}"
            assert str(log) in demo.said
            assert all(f"  {step}. " in demo.said for step in range(1, 6))
            for page in PAGES:
                status, _, text = get(url + page)
                assert status == 200
                assert 'data-consentkit="banner"' in text
                assert foreign_hosts(fetched(text, scripting=False)) == set()
            assert get(f"{url}/assets/site.css")[2] == respond("/assets/site.css")[2].decode()
            assert get(f"{url}/consent/policy")[0] == 200
            assert demo.end(signal.SIGINT) == 0
        assert demo.said.endswith("\nStopped.\n")
        assert "Traceback" not in demo.said

    def test_raw(self, tmp_path: Path, server: list[str]) -> None:
        with running([*DEMO, *server, "--raw"], tmp_path) as demo:
            url = address(demo.read_until("http://127.0.0.1:"))
            demo.read_until("Ctrl-C stops it.")
            assert "WITHOUT consentkit" in demo.said
            for page in PAGES:
                assert get(url + page)[2] == respond(page)[2].decode()
            assert get(f"{url}/consent/")[0] == 404
            assert demo.end(signal.SIGINT) == 0
        assert "Traceback" not in demo.said
        assert list(tmp_path.iterdir()) == []

    def test_ends_on_a_signal_that_its_parent_ignored(
        self, tmp_path: Path, server: list[str]
    ) -> None:
        # As a shell without job control starts what ends in "&".
        shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *DEMO, *server, "--raw"]
        with running(shell, tmp_path) as demo:
            demo.read_until("Ctrl-C stops it.")
            assert demo.end(signal.SIGINT) == 0
        assert demo.said.endswith("\nStopped.\n")

    def test_a_port_that_is_taken(self, tmp_path: Path, server: list[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            command = [*CONSENTKIT, "demo", *server, "--port", str(port), "--raw"]
            with running(command, tmp_path) as demo:
                assert demo.end() == 2
        assert demo.said.count("\n") == 1
        assert f"port {port}" in demo.said
        assert "--port" in demo.said

    def test_without_the_server_package(self, tmp_path: Path, server: list[str]) -> None:
        name = "waitress" if server else "uvicorn"
        # None in sys.modules is how Python itself says that a package is not to be found.
        start = f"import sys; sys.modules[{name!r}] = None; {CONSENTKIT[-1]}"
        with running([CONSENTKIT[0], "-c", start, "demo", *server], tmp_path) as demo:
            assert demo.end() == 2
        assert demo.said.count("\n") == 1
        assert name in demo.said
        assert 'pip install "consentkit[demo]"' in demo.said


def test_a_choice_outlives_a_restart(tmp_path: Path) -> None:
    cookies = ""
    for run in range(2):
        with running([*DEMO, "--log", "demo.db"], tmp_path) as demo:
            url = address(demo.read_until("http://127.0.0.1:"))
            if not cookies:
                cookies = choose(url, "accept")
            text = get(f"{url}/privacy", Cookie=cookies)[2]
            assert demo.end(signal.SIGINT) == 0, run
        assert text.count('<span class="on">on</span>') == 4
        assert "translate_a/element.js" in str(fetched(text, scripting=True))


def test_a_log_that_cannot_be_kept(tmp_path: Path) -> None:
    with running([*DEMO, "--log", str(tmp_path / "nowhere" / "demo.db")], tmp_path) as demo:
        assert demo.end() == 2
    assert demo.said.count("\n") == 1
    assert "nowhere" in demo.said


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.9"])
def test_an_address_that_is_not_ours(tmp_path: Path, host: str) -> None:
    with running([*DEMO, "--host", host, "--raw"], tmp_path) as demo:
        assert demo.end() == 2
    assert demo.said.count("\n") == 1
    assert host in demo.said


def test_help(tmp_path: Path) -> None:
    with running([*CONSENTKIT, "demo", "--help"], tmp_path) as demo:
        assert demo.end() == 0
    assert all(f"--{name}" in demo.said for name in ("wsgi", "host", "port", "log", "raw"))
