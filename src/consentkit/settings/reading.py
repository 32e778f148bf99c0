"""Reading settings from plain values: every mistake is collected, none stops the rest."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct

from consentkit.errors import Fault, SettingsError
from consentkit.settings.checks import cross_checks, nearest, show
from consentkit.settings.model import (
    DEFAULT_CATEGORIES,
    NECESSARY,
    AuditTokenSettings,
    CategorySettings,
    CookieSettings,
    RegimeSettings,
    RegionDefaultSettings,
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
    doubtful = frozenset(_top(fault) for fault in reader.faults)
    faults = [*reader.faults, *cross_checks(settings, doubtful)]
    if faults:
        raise SettingsError(_as_written(faults, source))
    if all(category.id != NECESSARY for category in settings.categories):
        categories = (DEFAULT_CATEGORIES[0], *settings.categories)
        settings = msgspec.structs.replace(settings, categories=categories)
    return settings


def _read_toml(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # not there, not UTF-8, or no possible path
        fault = Fault(path="settings", value=repr(str(path)), expected=f"a readable file ({error})")
        raise SettingsError((fault,)) from error
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        fault = Fault(path="settings", value=repr(str(path)), expected=f"valid TOML ({error})")
        raise SettingsError((fault,)) from error
    inner = data.get("consentkit")
    return inner if isinstance(inner, Mapping) else data


def _normalised(source: Mapping[str, Any]) -> dict[str, Any]:
    """Spell the short forms out: ``log`` as a URL, categories by name, one key as a string."""
    data = dict(source)
    if isinstance(data.get("log"), str):
        data["log"] = {"url": data["log"]}
    if isinstance(data.get("consent_mode"), str):
        data["consent_mode"] = {"mode": data["consent_mode"]}
    if isinstance(log := data.get("log"), Mapping):
        data["log"] = {**log, "checkpoint": _with_list(log.get("checkpoint", {}))}
    if isinstance(data.get("secret_keys"), str):
        data["secret_keys"] = [data["secret_keys"]]
    categories = data.get("categories")
    if isinstance(categories, Mapping):
        categories = [
            {"id": key, **value} if isinstance(value, Mapping) else value
            for key, value in categories.items()
        ]
    if isinstance(categories, (list, tuple)):
        data["categories"] = [_with_defaults(category) for category in categories]
    return data


def _with_list(checkpoint: Any) -> Any:
    """Checkpoint settings in which one place is a list of places."""
    one = isinstance(checkpoint, Mapping) and isinstance(checkpoint.get("to"), str)
    return {**checkpoint, "to": [checkpoint["to"]]} if one else checkpoint


def _with_defaults(category: Any) -> Any:
    """A category with what we know of one of its name."""
    known = {default.id: msgspec.to_builtins(default) for default in DEFAULT_CATEGORIES}
    value = {"id": category} if isinstance(category, str) else category
    return {**known.get(str(value.get("id")), {}), **value} if isinstance(value, Mapping) else value


def _top(fault: Fault) -> str:
    """The top-level key that a fault is about."""
    return re.split(r"[.\[]", fault.path, maxsplit=1)[0]


def _as_written(faults: Iterable[Fault], source: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Faults in the order of the settings, categories that were given as a table by their name."""
    order = {str(key): place for place, key in enumerate(source)}
    found = sorted(faults, key=lambda fault: order.get(_top(fault), len(order)))
    categories = source.get("categories")
    if not isinstance(categories, Mapping):
        return tuple(found)
    names = [f"categories.{key}" for key in categories]
    return tuple(
        Fault(
            path=re.sub(r"^categories\[(\d+)\]", lambda m: names[int(m[1])], fault.path),
            value=fault.value,
            expected=fault.expected,
            suggestion=fault.suggestion,
        )
        for fault in found
    )


class _Reader:
    """Turns plain values into structs and collects what is wrong instead of stopping at it."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def settings(self, data: Mapping[str, Any]) -> Settings:
        """Read all keys; one that is wrong keeps its default, so that the rest can be checked."""
        values = {
            name: value
            for name, value in self._fields(Settings, data, "").items()
            if value is not None
        }
        values.setdefault("secret_keys", ())
        for name, kind in _NUMBERED.items():
            if name in values:  # a stand-in keeps the numbers of the entries after it right
                values[name] = tuple(
                    kind(id=f"faulty-{i}") if entry is None else entry
                    for i, entry in enumerate(values[name])
                )
        if None in values.get("regimes", ()):
            del values["regimes"]
        return Settings(**values)

    def _struct(self, kind: type[T], data: Mapping[str, Any], path: str) -> T | None:
        before = len(self.faults)
        values = self._fields(kind, data, path)
        return kind(**values) if len(self.faults) == before else None

    def _fields(self, kind: type[Struct], data: Mapping[str, Any], path: str) -> dict[str, Any]:
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        values: dict[str, Any] = {}
        for key, value in data.items():
            where = f"{path}.{key}" if path else str(key)
            if key not in fields:
                hint = nearest(str(key), fields)
                shown = _hidden(value) if _is_secret(where, hint) else show(value)
                expected = "one of the keys " + ", ".join(fields)
                self._fault(where, shown, expected, hint)
                continue
            values[key] = self._value(fields[key].type, value, where)
        for name, field in fields.items():
            if field.required and name not in data:
                self._fault(f"{path}.{name}" if path else name, "nothing", "a value")
        return values

    def _value(self, kind: Any, value: Any, path: str) -> Any:
        part: type[Struct] | None = _PARTS.get(path)
        if part is None and path.startswith("services[") and path.endswith("].cookies"):
            part = CookieSettings
        if path == "audit.tokens":
            part = AuditTokenSettings
        if isinstance(value, (list, tuple)):
            if part is not None:
                return tuple(self._entry(part, v, f"{path}[{i}]") for i, v in enumerate(value))
            if (item := _item_type(kind)) is not None:
                before = len(self.faults)
                for i, each in enumerate(value):
                    self._value(item, each, f"{path}[{i}]")
                if len(self.faults) > before:
                    return None
        if (struct := _struct_type(kind)) is not None and value is not None:
            return self._entry(struct, value, path)
        if get_origin(kind) is Mapping and isinstance(value, Mapping):
            before = len(self.faults)
            item = get_args(kind)[1]
            read = {key: self._value(item, each, f"{path}.{key}") for key, each in value.items()}
            return read if len(self.faults) == before else None
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            self._convert_fault(str(error), value, path)
        except ValueError:  # an integer beyond all bounds
            self._fault(path, show(value), "a smaller number")
        return None

    def _entry(self, kind: type[Struct], value: Any, path: str) -> Any:
        if isinstance(value, kind) or (kind is ServiceSettings and isinstance(value, str)):
            return value
        if isinstance(value, Mapping):
            return self._struct(kind, value, path)
        names = ", ".join(field.name for field in msgspec.structs.fields(kind))
        self._fault(path, show(value), f"a table with the keys {names}")
        return None

    def _convert_fault(self, error: str, value: Any, path: str) -> None:
        expected = error.partition(", got")[0].partition(" - at ")[0].removeprefix("Expected ")
        choices: tuple[str, ...] = ()
        if expected.startswith("Invalid enum value"):
            choices = _choices(path)
            expected = "one of " + ", ".join(choices)
        elif "matching regex" in expected:
            expected = "a name such as " + ("'consent_'" if "prefix" in path else "'analytics'")
            if path.startswith("audit."):
                expected = "a hash as 'consentkit audit token' prints it"
        expected = re.sub(r"`([^`]*)`", _plain, expected)
        shown = _hidden(value) if _is_secret(path) else show(value)
        hint = nearest(value, choices) if isinstance(value, str) else ""
        self._fault(path, shown, expected, hint)

    def _fault(self, path: str, value: str, expected: str, suggestion: str = "") -> None:
        self.faults.append(Fault(path=path, value=value, expected=expected, suggestion=suggestion))


def _struct_type(kind: Any) -> type[Struct] | None:
    """The struct that a value has to be, if it may be one."""
    kinds = [kind, *get_args(kind)] if isinstance(kind, UnionType) else [kind]
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, Struct)), None)


def _item_type(kind: Any) -> Any:
    """The type of the items of a tuple, or of the tuple that a union allows; None for others."""
    if get_origin(kind) is Annotated:
        return _item_type(get_args(kind)[0])
    if get_origin(kind) is tuple:
        return get_args(kind)[0]
    return next((item for each in get_args(kind) if (item := _item_type(each)) is not None), None)


_NUMBERED: Mapping[str, type[CategorySettings] | type[ServiceSettings]] = {
    "categories": CategorySettings,
    "services": ServiceSettings,
}
_PARTS: Mapping[str, type[Struct]] = {
    **_NUMBERED,
    "regimes": RegimeSettings,
    "consent_mode.regions": RegionDefaultSettings,
}

# msgspec's words for types, in those of people who write TOML or Python.
_PLAIN = {
    "array": "a list",
    "object": "a table",
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "null": "nothing",
}

_CHOICES = {
    "gate": ("known", "strict", "declared"),
    "csp": ("off", "derive", "enforce", "report"),
    "consent_mode.mode": ("basic", "advanced", "off"),
    "role": ("read", "export", "erase"),
    "bots": ("no-banner", "banner"),
    "on_unprotected": ("serve", "503"),
    "cookies.same_site": ("Lax", "Strict", "None"),
    "mode": ("consent", "objection", "none"),
    "party": ("first", "third"),
    "storage": ("cookie", "local", "session"),
    "cookies.secure": ("true", "false", "auto"),
}


def _choices(path: str) -> tuple[str, ...]:
    if ".modes." in path:
        return ("consent", "objection")
    return _CHOICES.get(path) or _CHOICES.get(path.rpartition(".")[2], ())


def _plain(found: re.Match[str]) -> str:
    return " or ".join(_PLAIN.get(name, name) for name in found[1].split(" | "))


def _is_secret(path: str, meant: str = "") -> bool:
    # Whoever writes the token where its hash belongs is not to find it in a log file.
    return meant == "secret_keys" or "secret" in path.lower() or path.startswith("audit.tokens[")


def _hidden(value: Any) -> str:
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    return f"a value of type {type(value).__name__}"
