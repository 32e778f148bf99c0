"""The languages of the banner: which there are, which one a page gets, and its sentences.

The language of a page decides (its `lang`, as the banner is part of it), else what the visitor's
browser asks for, else the site's default. Catalogues are gettext's; `scripts/languages.py` compiles
them from `locale/`, together with what the Unicode CLDR knows of a language: names of countries,
how long dates are written, and how long a duration is in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import Literal

__all__ = ["DEFAULT", "direction", "languages", "negotiate", "translations", "written_date"]

DEFAULT = "en"

# Unicode CLDR, "characterOrder" of the layout data.
_RIGHT_TO_LEFT = frozenset({"ar", "he", "fa", "ur"})

# Tags that browsers and pages use for a language that has another tag here (RFC 5646 section 2.2.9
# and the CLDR's "languageAlias"; for Chinese, the script that is usual in the region).
_ALIASES = {
    "in": "id",
    "iw": "he",
    "mo": "ro",
    "nn": "nb",
    "no": "nb",
    "zh": "zh-hans",
    "zh-cn": "zh-hans",
    "zh-hk": "zh-hant",
    "zh-mo": "zh-hant",
    "zh-my": "zh-hans",
    "zh-sg": "zh-hans",
    "zh-tw": "zh-hant",
}
_TAG = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,8}\Z")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T.*)?\Z", re.S)
# The fields of a CLDR date pattern, or text between apostrophes (UTS 35, part 4, section 8).
_FIELD = re.compile(r"'([^']*)'|d+|[ML]+|y+")


_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
).split("|")


@cache
def languages() -> tuple[str, ...]:
    """The tags of all languages there are, in order; `en` is always among them."""
    found = {DEFAULT}
    for entry in files("consentkit.banner").joinpath("locale").iterdir():
        tag, dot, ending = entry.name.rpartition(".")
        if dot and ending == "mo":
            found.add(tag)
    return tuple(sorted(found))


def negotiate(page: str, accepted: Iterable[str], offered: Sequence[str]) -> str:
    """The best of the ``offered`` languages (RFC 4647 section 3.4, "lookup").

    Args:
        page: the page's own language tag, or an empty string.
        accepted: the visitor's tags, the dearest first.
        offered: at least one tag; the first is the default.
    """
    known = {tag.lower(): tag for tag in offered}
    for wanted in (page, *accepted):
        if _TAG.match(wanted):
            found = _look_up(wanted.lower().replace("_", "-"), known)
            if found:
                return found
    return offered[0]


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of a language; for English, and for any other there is none of, an empty one.

    Loaded once. Ask for tags out of ``languages()`` only: others are not worth remembering.
    """
    if language == DEFAULT or language not in languages():
        return NullTranslations()
    with files("consentkit.banner").joinpath("locale", f"{language}.mo").open("rb") as file:
        return GNUTranslations(file)


def direction(language: str) -> Literal["ltr", "rtl"]:
    """Which way the language is written."""
    return "rtl" if language.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"


def written_date(catalogue: NullTranslations, date: str) -> str:
    """A date of the form 2026-11-22, or one with a time, as the language writes it out.

    What is no such date stays as it is.
    """
    found = _DATE.match(date)
    if found is None:
        return date
    year, month, day = found.groups()
    months = catalogue.pgettext("cldr", "months").split("|")
    pattern = catalogue.pgettext("cldr", "date")
    if len(months) != 12:
        months, pattern = _MONTHS, "d MMMM y"
    if not 1 <= int(month) <= 12:
        return date

    def field(part: re.Match[str]) -> str:
        text = part.group()
        if text[0] == "'":
            return part.group(1)
        if text[0] == "y":
            return year
        if text[0] == "d":
            return str(int(day)).zfill(len(text))
        return months[int(month) - 1] if len(text) > 2 else str(int(month)).zfill(len(text))

    return _FIELD.sub(field, pattern)


def _look_up(tag: str, known: dict[str, str]) -> str:
    while tag:
        for candidate in (tag, _ALIASES.get(tag, tag)):
            if candidate in known:
                return known[candidate]
        head, _, _ = tag.rpartition("-")
        if not head:
            break
        tag = head
    # pt is well served by pt-BR where that is all there is.
    return next((known[name] for name in sorted(known) if name.startswith(f"{tag}-")), "")
