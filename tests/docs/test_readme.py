"""The README's quick starts, as they stand there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from fastapi.responses import HTMLResponse
from starlette.testclient import TestClient

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PLACEHOLDER = "…a random key…"
PAGE = '<!doctype html><title>x</title><script src="https://connect.facebook.net/x.js"></script>'


def quick_start(heading: str) -> dict[str, Any]:
    """Run the code below a heading, with a real key; the names that it made."""
    found = re.search(rf"\*\*{heading}\*\*.*?```python\n(.*?)```", README, re.DOTALL)
    assert found
    names: dict[str, Any] = {"__name__": "quick_start", "INSTALLED_APPS": [], "MIDDLEWARE": ["x"]}
    code = textwrap.dedent(found[1]).replace(PLACEHOLDER, "k" * 48)
    exec(compile(code, f"README: {heading}", "exec"), names)  # noqa: S102 -- our own text
    return names


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default log is a file in the working directory."""
    monkeypatch.chdir(tmp_path)


def is_protected(html: str) -> bool:
    return 'data-consentkit="banner"' in html and ' src="https://connect' not in html


def test_starlette_and_fastapi() -> None:
    app = quick_start("Starlette and FastAPI")["app"]
    app.get("/", response_class=HTMLResponse)(lambda: PAGE)
    assert is_protected(TestClient(app).get("/").text)


def test_flask() -> None:
    app = quick_start("Flask")["app"]
    app.get("/")(lambda: PAGE)
    assert is_protected(app.test_client().get("/").text)


def test_django() -> None:
    names = quick_start("Django")
    assert names["INSTALLED_APPS"] == ["consentkit.django"]
    assert names["MIDDLEWARE"] == ["consentkit.django.ConsentMiddleware", "x"]
    assert list(names["CONSENTKIT"]) == ["secret_keys"]


def test_the_placeholder_is_no_key() -> None:
    # Whoever forgets to replace it is told so at start-up.
    assert PLACEHOLDER in README
    assert len(PLACEHOLDER) < 32
