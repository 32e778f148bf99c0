"""docs/settings.md names every key, with its type and its default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from consentkit.settings import (
    AuditSettings,
    AuditTokenSettings,
    BannerSettings,
    CategorySettings,
    CheckpointSettings,
    ChoiceCookieSettings,
    ConsentModeSettings,
    CookieSettings,
    LimitSettings,
    LogSettings,
    PolicySettings,
    RegimeSettings,
    RegionDefaultSettings,
    ServiceSettings,
    Settings,
)

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
# The section of each part, by its heading.
PARTS: dict[str, type[msgspec.Struct]] = {
    "Settings": Settings,
    "`categories`": CategorySettings,
    "`services`": ServiceSettings,
    "`services.cookies`": CookieSettings,
    "`policy`": PolicySettings,
    "`regimes`": RegimeSettings,
    "`consent_mode`": ConsentModeSettings,
    "`consent_mode.regions`": RegionDefaultSettings,
    "`banner`": BannerSettings,
    "`cookies`": ChoiceCookieSettings,
    "`log`": LogSettings,
    "`log.checkpoint`": CheckpointSettings,
    "`audit`": AuditSettings,
    "`audit.tokens`": AuditTokenSettings,
    "`limits`": LimitSettings,
}
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| (.+) \|$", re.M)


def sections() -> dict[str, dict[str, tuple[str, str, str]]]:
    text = PAGE.read_text(encoding="utf-8")
    found = {}
    for part in re.split(r"^#+ ", text, flags=re.M)[1:]:
        rows = ROW.findall(part)
        if rows:
            found[part.partition("\n")[0]] = {
                name: (kind, default, meaning) for name, default, kind, meaning in rows
            }
    return found


def test_every_part_has_its_section() -> None:
    assert set(sections()) == set(PARTS)


@pytest.mark.parametrize("heading", PARTS)
def test_every_key_is_there_in_order_and_no_other(heading: str) -> None:
    fields = [field.name for field in msgspec.structs.fields(PARTS[heading])]
    assert list(sections()[heading]) == fields


@pytest.mark.parametrize("heading", PARTS)
def test_the_defaults_are_true(heading: str) -> None:
    rows = sections()[heading]
    for field in msgspec.structs.fields(PARTS[heading]):
        kind, default, meaning = rows[field.name]
        assert kind.strip()
        assert len(meaning.strip()) > 10
        expected: Any = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            expected = field.default_factory()
        if field.required:
            assert default.strip() == "required", field.name
        elif default.startswith("`"):  # others are told in words
            assert default.strip("` ") == toml(expected), field.name
        else:
            assert expected is None or expected == "" or not isinstance(expected, str | int)


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[]" if not value else str(list(value))
    return str(value)
