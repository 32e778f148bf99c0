"""The documentation is complete and true, as far as a program can tell."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from consentkit.cli.main import main
from consentkit.settings import load_settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(group: click.Group, name: str) -> list[str]:
    found = []
    context = click.Context(group)
    for part in group.list_commands(context):
        found.append(f"{name} {part}")
        command = group.get_command(context, part)
        if isinstance(command, click.Group):
            found += commands(command, found[-1])
    return found


def test_every_command_is_documented() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert isinstance(main, click.Group)
    names = commands(main, "consentkit")
    assert {"consentkit gate", "consentkit demo", "consentkit log verify"} <= set(names)
    assert [name for name in names if name not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_in_the_documentation_are_valid(page: Path) -> None:
    for example in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        data = tomllib.loads(example)
        load_settings({"secret_keys": ["k" * 48], **data.get("consentkit", data)})
