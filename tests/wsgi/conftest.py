from __future__ import annotations

from pathlib import Path

import pytest

from consentkit import ConsentKit
from tests.adapters.site import settings


@pytest.fixture
def kit(tmp_path: Path) -> ConsentKit:
    return ConsentKit(settings(tmp_path))
