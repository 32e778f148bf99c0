from __future__ import annotations

import importlib.metadata

import pytest
from click.testing import CliRunner

from consentkit.cli.main import main


def test_help_names_the_commands() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name in ("demo", "gate", "log"):
        assert f"\n  {name} " in result.output


@pytest.mark.parametrize("version", ["1.2.3", None])
def test_version(monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    def installed(name: str) -> str:
        assert name == "consentkit"
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", installed)
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.output) == (0, f"consentkit {version or '(not installed)'}\n")
