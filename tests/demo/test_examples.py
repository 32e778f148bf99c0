"""The examples start with the command that their README gives, serve the shop, and ask first."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from consentkit.demo.site import PAGES, respond
from tests.demo.markup import fetched, foreign_hosts
from tests.demo.processes import ROOT, choose, free_port, get, running, wait

EXAMPLES = ROOT / "examples"
# What the READMEs call by name, as a module of the interpreter that runs the tests.
MODULES = {
    "flask": ["-m", "flask"],
    "uvicorn": ["-m", "uvicorn"],
    "python": [],
}


def documented(folder: Path) -> list[list[str]]:
    """The commands of a README, each to be started from the root of the checkout."""
    lines = re.findall(r"^\$ pip install -e \S+ && (.+)$", (folder / "README.md").read_text(), re.M)
    return [line.split() for line in lines]


COMMANDS = [
    pytest.param(command, id=f"{folder.name}-{command[0]}")
    for folder in sorted(EXAMPLES.iterdir())
    if folder.is_dir()
    for command in documented(folder)
]


def runnable(command: list[str], port: int) -> list[str]:
    name, *rest = command
    arguments = [
        str(ROOT / argument) if argument.startswith("examples/") else argument for argument in rest
    ]
    # The port is the last argument of each; a free one instead of the documented one. Django's
    # reloader is a second process, of which a test has no use.
    arguments[-1] = str(port)
    extra = ["--noreload"] if "runserver" in arguments else []
    return [sys.executable, *MODULES[name], *arguments, *extra]


def test_every_example_is_run() -> None:
    assert [command.id for command in COMMANDS] == [
        "django_app-python",
        "django_app-uvicorn",
        "flask_app-flask",
        "starlette_app-uvicorn",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_example(command: list[str], tmp_path: Path) -> None:
    port = free_port()
    with running(runnable(command, port), tmp_path) as server:
        url = f"http://127.0.0.1:{port}"
        wait(server, port)
        for page in PAGES:
            status, _, text = get(url + page)
            assert status == 200
            assert 'data-consentkit="banner"' in text
            assert foreign_hosts(fetched(text, scripting=False)) == set()
        assert get(f"{url}/assets/site.css")[2] == respond("/assets/site.css")[2].decode()
        assert get(f"{url}/nowhere")[0] == 404
        assert "desk_visits" in get(f"{url}/consent/policy")[2]

        asked = get(f"{url}/desk", Cookie="desk_visits=7")
        assert "We are not counting your visits" in asked[2]
        assert "These visits are measured" not in asked[2]
        assert foreign_hosts(fetched(asked[2], scripting=False)) == set()
        assert "desk_visits=7" not in str(asked[1].get_all("Set-Cookie"))
        assert 'data-consentkit="settings"' in asked[2]

        cookies = choose(url, "save", "functional", "analytics")
        agreed = get(f"{url}/desk", Cookie=f"{cookies}; desk_visits=7")
        assert "Visit number 8." in agreed[2]
        assert "These visits are measured" in agreed[2]
        assert foreign_hosts(fetched(agreed[2], scripting=False)) == {"www.youtube.com"}
        assert "desk_visits=8" in str(agreed[1].get_all("Set-Cookie"))
        server.kill()
    assert any(path.suffix == ".db" for path in tmp_path.iterdir())
    assert "Traceback" not in server.said


@pytest.mark.parametrize(
    "file", sorted(EXAMPLES.rglob("*.py")), ids=lambda file: str(file.relative_to(EXAMPLES))
)
def test_examples_are_short(file: Path) -> None:
    assert len(file.read_text().splitlines()) < 150
