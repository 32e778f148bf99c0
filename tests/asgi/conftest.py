"""Every asynchronous test of this folder runs under asyncio and under trio."""

from __future__ import annotations

from pathlib import Path

import pytest

from consentkit import ConsentKit
from tests.adapters.site import settings


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


@pytest.fixture
def kit(tmp_path: Path) -> ConsentKit:
    return ConsentKit(settings(tmp_path))
