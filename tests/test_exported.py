"""What ``import consentkit`` offers, and what it does not bring along."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import consentkit

ROOT = Path(__file__).parent.parent
FRAMEWORKS = "anyio asgiref django flask starlette uvicorn waitress werkzeug user_agents".split()


def test_all_is_there() -> None:
    for name in consentkit.__all__:
        assert getattr(consentkit, name) is not None
    assert len(set(consentkit.__all__)) == len(consentkit.__all__)


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert consentkit.__version__ == project["version"]


def test_errors_have_one_root() -> None:
    for name in consentkit.__all__:
        value = getattr(consentkit, name)
        if isinstance(value, type) and issubclass(value, Exception):
            assert issubclass(value, consentkit.ConsentKitError)


def test_no_framework_comes_along() -> None:
    code = (
        "import sys, consentkit\n"
        "kit = consentkit.ConsentKit({'secret_keys': ['k' * 32]})\n"
        f"print([name for name in {FRAMEWORKS!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == "[]"
