"""The message catalogues: `locale/*.po` are the sources, the package holds them compiled.

    python scripts/languages.py update     add new sentences to every .po, drop those that are gone
    python scripts/languages.py compile    write src/consentkit/banner/locale/*.mo
    python scripts/languages.py check      fail when a sentence is open or was not compiled

Needs Babel, which brings the Unicode CLDR: names of countries, dates, units of time. These go into
the compiled catalogues, so that the package itself needs no Babel.
"""

from __future__ import annotations

import gettext
import io
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from babel import Locale
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po, write_po
from babel.numbers import format_decimal
from babel.units import format_unit

from consentkit.banner.countries import COUNTRIES
from consentkit.banner.texts import ENGLISH, ENGLISH_PLURALS
from consentkit.catalogue import shipped_services

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "locale"
COMPILED = ROOT / "src" / "consentkit" / "banner" / "locale"

# Keys of ENGLISH_PLURALS that the CLDR has words for.
UNITS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")

_SLOT = re.compile(r"\{\w+\}")
# Babel writes when and with what it was run; neither matters here.
_STILL = datetime(2026, 1, 1, tzinfo=UTC)
_CHANGING = re.compile(
    r'^"(?:Project-Id-Version|Report-Msgid-Bugs-To|POT-Creation-Date|PO-Revision-Date'
    r'|Last-Translator|Language-Team|Generated-By|Content-Transfer-Encoding): .*"\n',
    re.MULTILINE,
)


def template() -> Catalog:
    """Every English sentence that is shown to visitors."""
    catalog = Catalog(charset="utf-8", creation_date=_STILL)
    for key, text in ENGLISH.items():
        catalog.add(text, auto_comments=[key])
    for key, forms in ENGLISH_PLURALS.items():
        if key not in UNITS:
            catalog.add(forms, auto_comments=[key])
    for service in shipped_services().values():
        for purpose in service.purposes:
            catalog.add(purpose, auto_comments=["why software is used"])
        for cookie in service.cookies:
            if cookie.purpose:
                catalog.add(cookie.purpose, auto_comments=["what a cookie does"])
    return catalog


def update() -> int:
    """Bring every source up to date with the English sentences."""
    for path in _sources():
        catalog = _read(path)
        catalog.update(template(), no_fuzzy_matching=True)
        catalog.obsolete.clear()
        buffer = io.BytesIO()
        write_po(buffer, catalog, width=0)
        text = re.sub(r"\A(?:#.*\n)+", "", buffer.getvalue().decode())
        path.write_text(_CHANGING.sub("", text), encoding="utf-8")
    return 0


def compile_all() -> int:
    """Write the compiled catalogues."""
    COMPILED.mkdir(exist_ok=True)
    for path in _sources():
        COMPILED.joinpath(f"{path.stem}.mo").write_bytes(_compiled(path))
    return 0


def check() -> int:
    """Whether every sentence is translated, keeps its slots, and is in the compiled catalogue."""
    faults = []
    for path in _sources():
        compiled = COMPILED / f"{path.stem}.mo"
        if not compiled.exists():
            faults.append(f"{compiled.name} is missing")
            continue
        with compiled.open("rb") as file:
            loaded = gettext.GNUTranslations(file)
        source = _read(path)
        for wanted in template():
            if wanted.id:
                faults += [f"{path.name}: {fault}" for fault in _faults(wanted, source, loaded)]
    for name in sorted({p.stem for p in COMPILED.glob("*.mo")} - {p.stem for p in _sources()}):
        faults.append(f"{name}.mo has no source")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"languages: {len(_sources())} and English, {len(faults)} faults")
    return 1 if faults else 0


def _faults(wanted, source: Catalog, loaded: gettext.GNUTranslations) -> list[str]:  # type: ignore[no-untyped-def]
    message = source.get(wanted.id)
    plural = isinstance(wanted.id, tuple)
    english = wanted.id if plural else (wanted.id,)
    strings = () if message is None else message.string if plural else (message.string,)
    if not strings or not all(strings):
        return [f"not translated: {english[0]!r}"]
    if message.fuzzy:
        return [f"marked fuzzy: {english[0]!r}"]
    slots = sorted(_SLOT.findall(english[-1]))
    faults = [
        f"slots differ: {string!r}"
        for string in strings
        # The form for one or two things may do without the number.
        if sorted(_SLOT.findall(string)) != slots and not (plural and not _SLOT.search(string))
    ]
    if plural:
        kept = all(loaded.ngettext(*english, n) in strings for n in range(200))
    else:
        kept = loaded.gettext(english[0]) == strings[0]
    return faults if kept else [*faults, f"not compiled: {english[0]!r}; run: make languages"]


def _compiled(path: Path) -> bytes:
    locale = Locale.parse(path.stem, sep="-")
    catalog = Catalog(locale=locale, charset="utf-8", creation_date=_STILL, revision_date=_STILL)
    for message in _read(path):
        if message.id and message.string:
            catalog.add(message.id, message.string)
    for code in COUNTRIES:
        if code in locale.territories:
            catalog.add(code, locale.territories[code], context="country")
    # No other era than the common one is ever written.
    pattern = locale.date_formats["long"].pattern.replace("G", f"'{locale.eras['abbreviated'][1]}'")
    catalog.add("date", pattern, context="cldr")
    months = locale.months["format"]["wide"]
    catalog.add("months", "|".join(months[n] for n in range(1, 13)), context="cldr")
    plural = get_plural(locale)
    index = gettext.c2py(plural.plural_expr)  # type: ignore[attr-defined]
    for key in UNITS:
        if locale.language == "mt":
            catalog.add(ENGLISH_PLURALS[key], _MALTESE[key[:-1]])
            continue
        forms = [""] * plural.num_plurals
        for number in reversed(range(200)):
            forms[index(number)] = _amount(number, key[:-1], locale)
        catalog.add(ENGLISH_PLURALS[key], tuple(forms))
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


# Babel's CLDR has no words for these in Maltese. The forms are those for one; for few (0, and 2 to
# 10 after the hundreds); for 11 to 19; for all others.
_MALTESE = {
    "second": ("{count} sekonda", "{count} sekondi", "{count} -il sekonda", "{count} sekonda"),
    "minute": ("{count} minuta", "{count} minuti", "{count} -il minuta", "{count} minuta"),
    "hour": ("{count} siegħa", "{count} sigħat", "{count} -il siegħa", "{count} siegħa"),
    "day": ("{count} jum", "{count} jiem", "{count} -il jum", "{count} jum"),
    "week": ("{count} ġimgħa", "{count} ġimgħat", "{count} -il ġimgħa", "{count} ġimgħa"),
    "month": ("{count} xahar", "{count} xhur", "{count} -il xahar", "{count} xahar"),
    "year": ("{count} sena", "{count} snin", "{count} -il sena", "{count} sena"),
}


def _amount(number: int, unit: str, locale: Locale) -> str:
    """So many days, with a slot for the number; the CLDR leaves "long" out where it is "short"."""
    for length in ("long", "short", "narrow"):
        text = format_unit(number, f"duration-{unit}", length, locale=locale)
        if f"duration-{unit}" not in text:
            return text.replace(format_decimal(number, locale=locale), "{count}")
    raise SystemExit(f"the CLDR has no word for {unit} in {locale}")


def _sources() -> list[Path]:
    return sorted(SOURCES.glob("*.po"))


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.stem.replace("-", "_"))


COMMANDS: dict[str, Callable[[], int]] = {
    "update": update,
    "compile": compile_all,
    "check": check,
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    sys.exit(COMMANDS[sys.argv[1]]())
