"""Reading settings from plain values: every mistake is collected, none stops the rest."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from consentkit.errors import Fault, SettingsError
from consentkit.settings.checks import cross_checks, nearest, show
from consentkit.settings.model import (
    DEFAULT_CATEGORIES,
    NECESSARY,
    CategorySettings,
    CookieSettings,
    ServiceSettings,
    Settings,
)

__all__ = ["load_settings"]

T = TypeVar("T", bound=Struct)


def load_settings(source: Settings | Mapping[str, Any] | str | Path) -> Settings:
    """Check settings and freeze them.

    Args:
        source: a mapping, the path of a TOML file, or settings that were loaded before.

    Raises:
        SettingsError: with every mistake that was found.
    """
    if isinstance(source, Settings):
        return source
    if isinstance(source, (str, Path)):
        source = _read_toml(Path(source))
    if not isinstance(source, Mapping):
        raise SettingsError(
            (Fault(path="settings", value=show(source), expected="a dict or a path to TOML"),)
        )
    reader = _Reader()
    settings = reader.settings(_normalised(source))
    faults = (*reader.faults, *cross_checks(settings))
    if faults:
        raise SettingsError(faults)
    return settings


def _read_toml(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fault = Fault(path="settings", value=repr(str(path)), expected=f"a readable file ({error})")
        raise SettingsError((fault,)) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fault = Fault(path="settings", value=repr(str(path)), expected=f"valid TOML ({error})")
        raise SettingsError((fault,)) from error
    inner = data.get("consentkit")
    return inner if isinstance(inner, Mapping) else data


def _normalised(source: Mapping[str, Any]) -> dict[str, Any]:
    """Spell the short forms out: ``log`` as a URL, categories by name, one key as a string."""
    data = dict(source)
    if isinstance(data.get("log"), str):
        data["log"] = {"url": data["log"]}
    if isinstance(data.get("secret_keys"), str):
        data["secret_keys"] = [data["secret_keys"]]
    categories = data.get("categories")
    if isinstance(categories, Mapping):
        categories = [
            {"id": key, **value} if isinstance(value, Mapping) else value
            for key, value in categories.items()
        ]
    if isinstance(categories, Sequence) and not isinstance(categories, str):
        data["categories"] = _with_defaults(categories)
    return data


def _with_defaults(categories: Sequence[Any]) -> list[Any]:
    known = {category.id: msgspec.to_builtins(category) for category in DEFAULT_CATEGORIES}
    listed: list[Any] = []
    for entry in categories:
        value = {"id": entry} if isinstance(entry, str) else entry
        if isinstance(value, CategorySettings):
            value = msgspec.to_builtins(value)
        if isinstance(value, Mapping):
            value = {**known.get(str(value.get("id")), {}), **value}
        listed.append(value)
    if not any(isinstance(value, Mapping) and value.get("id") == NECESSARY for value in listed):
        listed.insert(0, known[NECESSARY])
    return listed


class _Reader:
    """Turns plain values into structs and collects what is wrong instead of stopping at it."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def settings(self, data: Mapping[str, Any]) -> Settings:
        """Read all keys; one that is wrong keeps its default, so that the rest can be checked."""
        values = {
            name: value
            for name, value in self.fields(Settings, data, "").items()
            if value is not None
        }
        values.setdefault("secret_keys", ())
        for name, kind in _PARTS.items():
            if name in values:  # a stand-in keeps the numbers of the entries after it right
                values[name] = tuple(
                    kind(id=f"faulty-{i}") if entry is None else entry
                    for i, entry in enumerate(values[name])
                )
        return Settings(**values)

    def struct(self, kind: type[T], data: Mapping[str, Any], path: str) -> T | None:
        before = len(self.faults)
        values = self.fields(kind, data, path)
        return kind(**values) if len(self.faults) == before else None

    def fields(self, kind: type[Struct], data: Mapping[str, Any], path: str) -> dict[str, Any]:
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        values: dict[str, Any] = {}
        for key, value in data.items():
            where = f"{path}.{key}" if path else str(key)
            if key not in fields:
                expected = "one of the keys " + ", ".join(fields)
                hint = nearest(str(key), fields)
                self.faults.append(
                    Fault(path=where, value=show(value), expected=expected, suggestion=hint)
                )
                continue
            values[key] = self.value(fields[key].type, value, where)
        for name, field in fields.items():
            if field.required and name not in data:
                where = f"{path}.{name}" if path else name
                self.faults.append(Fault(path=where, value="nothing", expected="a value"))
        return values

    def value(self, kind: Any, value: Any, path: str) -> Any:
        part = _PARTS.get(path.split("[", maxsplit=1)[0])
        if part is not None and isinstance(value, (list, tuple)):
            return tuple(self._entry(part, v, f"{path}[{i}]") for i, v in enumerate(value))
        if isinstance(kind, type) and issubclass(kind, Struct):
            return self._entry(kind, value, path)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            self._convert_fault(error, value, path)
            return None

    def _entry(self, kind: type[Struct], value: Any, path: str) -> Any:
        if isinstance(value, kind) or (kind is ServiceSettings and isinstance(value, str)):
            return value
        if isinstance(value, Mapping):
            return self.nested(kind, value, path)
        names = ", ".join(field.name for field in msgspec.structs.fields(kind))
        self.faults.append(
            Fault(path=path, value=show(value), expected=f"a table with the keys {names}")
        )
        return None

    def nested(self, kind: type[Struct], value: Mapping[str, Any], path: str) -> Any:
        if kind is ServiceSettings and isinstance(value.get("cookies"), (list, tuple)):
            cookies = tuple(
                self._entry(CookieSettings, cookie, f"{path}.cookies[{i}]")
                for i, cookie in enumerate(value["cookies"])
            )
            rest = {key: item for key, item in value.items() if key != "cookies"}
            made = self.struct(ServiceSettings, rest, path)
            return made and msgspec.structs.replace(made, cookies=cookies)
        return self.struct(kind, value, path)

    def _convert_fault(self, error: msgspec.ValidationError, value: Any, path: str) -> None:
        text = str(error)
        message, _, inner = text.partition(" - at `$")
        inner = inner.rstrip("`")
        found: Any = value
        for index in re.findall(r"\[(\d+)\]", inner):
            if isinstance(found, (list, tuple)) and int(index) < len(found):
                found = found[int(index)]
        expected = message.partition(", got")[0].removeprefix("Expected ").replace("`", "")
        hint = ""
        if expected.startswith("Invalid enum value"):
            choices = _choices(path)
            expected = "one of " + ", ".join(choices)
            hint = nearest(str(found), choices)
        elif "matching regex" in expected:
            expected = "a name such as " + ("'consent_'" if "prefix" in path else "'analytics'")
        shown = _secret(found) if path == "secret_keys" else show(found)
        self.faults.append(
            Fault(path=path + inner, value=shown, expected=expected, suggestion=hint)
        )


_PARTS: Mapping[str, type[CategorySettings] | type[ServiceSettings]] = {
    "categories": CategorySettings,
    "services": ServiceSettings,
}

_CHOICES = {
    "gate": ("known", "strict", "declared"),
    "bots": ("no-banner", "banner"),
    "on_unprotected": ("serve", "503"),
    "cookies.same_site": ("Lax", "Strict", "None"),
    "mode": ("consent", "objection", "none"),
    "party": ("first", "third"),
    "storage": ("cookie", "local", "session"),
    "cookies.secure": ("true", "false", "auto"),
}


def _choices(path: str) -> tuple[str, ...]:
    return _CHOICES.get(path) or _CHOICES.get(path.rpartition(".")[2], ())


def _secret(value: Any) -> str:
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    return f"a value of type {type(value).__name__}"
