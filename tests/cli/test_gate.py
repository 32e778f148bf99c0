from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import consentkit
from consentkit.cli.main import main
from consentkit.settings import load_settings

PAGE = (
    b"<!doctype html><title>\xc3\xa4</title>\r\n"
    b'<script async src="https://www.google-analytics.com/analytics.js"></script>\n'
    b'<img src="/own.png">'
)
SETTINGS = {"secret_keys": ["k" * 32]}


def expected(*granted: str) -> bytes:
    return consentkit.gate_html(PAGE, load_settings(SETTINGS), granted=granted)


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_bytes(PAGE)
    result = CliRunner().invoke(main, ["gate", str(file)])
    assert result.exit_code == 0
    assert result.stdout_bytes == expected()
    assert b'src="https://www.google-analytics.com' in result.stdout_bytes
    assert b' src="https://www.google-analytics.com' not in result.stdout_bytes


def test_standard_input_and_grants() -> None:
    result = CliRunner().invoke(main, ["gate", "-", "--granted", "analytics"], input=PAGE)
    assert result.stdout_bytes == expected("analytics") == PAGE


def test_settings(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(f'secret_keys = ["{"k" * 32}"]\nallow = ["www.google-analytics.com"]\n')
    result = CliRunner().invoke(main, ["gate", "-", "--settings", str(settings)], input=PAGE)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout_bytes == PAGE


@pytest.mark.parametrize(
    "arguments",
    [["/nowhere/page.html"], ["-", "--settings", "/nowhere/settings.toml"]],
    ids=" ".join,
)
def test_what_cannot_be_read(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["gate", *arguments], input=PAGE)
    assert (result.exit_code, result.stdout) == (2, "")
    assert isinstance(result.exception, SystemExit)
