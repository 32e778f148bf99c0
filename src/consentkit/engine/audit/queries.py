"""What may be asked of the interface: each parameter once, for reading it and for describing it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl, urlencode

from consentkit.errors import RequestRefused
from consentkit.log import ACTIONS, Filters
from consentkit.log.tally import BY, STEPS

__all__ = ["EXPORT", "FILTERS", "LIST", "STATISTICS", "Parameter", "filters_of", "link", "read"]

_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z)?$"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_CHOICE = r"^[!-<>-~]{1,128}(=(granted|denied))?$"
_PLACES = 2**53 - 1
_WHOLE = re.compile(r"0|[1-9][0-9]{0,15}")


class Parameter(NamedTuple):
    """A parameter of a query: its name, what it means, and its JSON Schema."""

    name: str
    text: str
    schema: dict[str, Any]

    def value(self, given: str) -> str | int:
        """What was given, if it is what the schema wants.

        Raises:
            ValueError: it is not.
        """
        schema = self.schema
        if schema["type"] == "integer":
            if not _WHOLE.fullmatch(given):
                raise ValueError("a whole number is expected")
            if not schema["minimum"] <= int(given) <= schema["maximum"]:
                raise ValueError(f"at least {schema['minimum']}, at most {schema['maximum']}")
            return int(given)
        if "enum" in schema and given not in schema["enum"]:
            raise ValueError("one of " + ", ".join(schema["enum"]))
        if not schema.get("minLength", 0) <= len(given) <= schema.get("maxLength", 1024):
            raise ValueError("it is too long" if given else "it is empty")
        if "pattern" in schema and not re.fullmatch(schema["pattern"][1:-1], given):
            raise ValueError("it is not of this form")
        # Nothing that is logged holds a NUL, and databases do not take one even in a question.
        return given.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _text(name: str, text: str, longest: int) -> Parameter:
    return Parameter(name, text, {"type": "string", "minLength": 1, "maxLength": longest})


def _number(name: str, text: str, least: int, most: int) -> Parameter:
    return Parameter(name, text, {"type": "integer", "minimum": least, "maximum": most})


def _one_of(name: str, text: str, choices: Iterable[str]) -> Parameter:
    return Parameter(name, text, {"type": "string", "enum": list(choices)})


def _form(name: str, text: str, pattern: str) -> Parameter:
    return Parameter(name, text, {"type": "string", "pattern": pattern})


FILTERS = (
    _form("since", "Records from this day or time (UTC) on.", _TIME),
    _form("until", "Records before this day or time (UTC).", _TIME),
    _one_of("action", "Records of this kind.", ACTIONS),
    _form("category", "Records with a choice for a category: `analytics=granted`.", _CHOICE),
    _form("service", "Records with a choice for a service: `matomo=denied`.", _CHOICE),
    _text("country", "Records from this country.", 256),
    _text("language", "Records of visitors with this language.", 256),
    _text("policy_version", "Records under this cookie policy.", 256),
    _text("consent_id", "Records of one visitor.", 128),
    _text("page", "Records of choices made on this page.", 1024),
    _number("after", "Records behind this place in the log.", 0, _PLACES),
    _number("before", "Records before this place in the log.", 0, _PLACES),
)
LIST = (
    *FILTERS,
    _one_of("order", "The newest or the oldest first.", ("newest", "oldest")),
    _number("limit", "The most records to give.", 1, 500),
)
EXPORT = (
    _one_of("form", "What the file is; `zip` holds all that proves it.", ("csv", "jsonl", "zip")),
    *FILTERS,
)
STATISTICS = (
    _one_of("by", "What to count by.", BY),
    _one_of("step", "The length of a period.", STEPS),
    _form("since", "The first day.", _DAY),
    _form("until", "The day after the last.", _DAY),
)


def read(query: str, parameters: Iterable[Parameter], *, form: bool = False) -> dict[str, Any]:
    """The parameters in a query string.

    Args:
        form: whether what is empty was not given; forms send every field.

    Raises:
        RequestRefused: 400 for what is not described.
    """
    known = {parameter.name: parameter for parameter in parameters}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError as error:
        raise RequestRefused(400, "This query could not be read.") from error
    found: dict[str, Any] = {}
    for name, given in pairs:
        if name not in known or name in found:
            why = "twice" if name in found else f"but only {', '.join(known)}"
            raise RequestRefused(400, f"There is {name[:40]!r}, {why}.")
        if given or not form:
            try:
                found[name] = known[name].value(given)
            except ValueError as error:
                raise RequestRefused(400, f"{name}: {error}") from error
    return found


def filters_of(asked: Mapping[str, Any]) -> Filters:
    """The filters among what was asked."""
    names = {parameter.name for parameter in FILTERS}
    filters = {name: value for name, value in asked.items() if name in names}
    for name in ("since", "until"):
        if name in filters:
            filters[name] = _moment(filters[name])
    return cast("Filters", filters)


def link(asked: Mapping[str, Any], **changes: Any) -> str:
    """The query string of what was asked, with changes; None takes a parameter out."""
    return urlencode({k: v for k, v in {**asked, **changes}.items() if v is not None})


def _moment(text: str) -> str:
    """A day or a time as the log writes times, so that they compare."""
    if len(text) == 10:
        return text + "T00:00:00.000Z"
    return text if "." in text else text.replace("Z", ".000Z")
