"""Django's settings come first: they may be made but once in a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.core.cache import cache
from django.test import override_settings

from tests.adapters.site import settings
from tests.django.project import OURS, Chunks

django.setup()


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> Iterator[Any]:
    """A project with a log of its own; ``project(MIDDLEWARE=[…])`` changes its settings."""
    changed: list[override_settings] = []

    def change(**more: Any) -> None:
        changed.append(override_settings(**more))
        changed[-1].enable()

    change(CONSENTKIT=settings(tmp_path), MIDDLEWARE=[OURS])
    Chunks.made.clear()
    cache.clear()
    yield change
    while changed:
        changed.pop().disable()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # Django knows no other
