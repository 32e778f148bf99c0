"""Which law applies to a visitor, as far as the settings say: the mode of each category by country.

A country is what the CDN's header says: two letters (ISO 3166-1), or these with a part of the
country (3166-2, ``US-CA``), which counts for more. A country without a regime has the modes that
the categories have. Of a visitor whose country cannot be known, each category has the strictest
mode that it has anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from consentkit.settings import RegimeSettings, Settings

__all__ = ["DEFAULT", "Regime", "Regimes", "country_of"]

DEFAULT = "default"
"""The regime of countries that no regime names."""

_COUNTRY = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")
# What CDNs say when they do not know; Tor (T1) and proxies (A1) have no two letters anyway.
_NOWHERE = frozenset({"XX", "ZZ"})
_ORDER = ("none", "objection", "consent")


class Regime(Struct, frozen=True, kw_only=True):
    """What applies to a visitor.

    Attributes:
        id: for the record.
        modes: of every category: ``consent``, ``objection`` or ``none``.
        gpc: whether Global Privacy Control is an objection.
    """

    id: str
    modes: Mapping[str, str]
    gpc: bool

    @property
    def objects(self) -> bool:
        """Whether there is anything here that is on until somebody objects."""
        return "objection" in self.modes.values()


class Regimes:
    """The regimes of one site.

    Args:
        settings: checked settings.
    """

    def __init__(self, settings: Settings) -> None:
        modes = {category.id: category.mode for category in settings.categories}
        self.default = Regime(id=DEFAULT, modes=modes, gpc=settings.honour_gpc)
        made = [(each, self._made(each, settings.honour_gpc)) for each in settings.regimes]
        self._by_country = {place: regime for each, regime in made for place in each.countries}
        every = [self.default, *(regime for _, regime in made)]
        self.strictest = Regime(
            id=DEFAULT,
            modes={key: max((r.modes[key] for r in every), key=_ORDER.index) for key in modes},
            gpc=any(regime.gpc for regime in every),
        )

    def _made(self, each: RegimeSettings, honour_gpc: bool) -> Regime:
        gpc = honour_gpc if each.gpc is None else each.gpc
        return Regime(id=each.id, modes={**self.default.modes, **each.modes}, gpc=gpc)

    def of(self, country: str) -> Regime:
        """The regime of a country as :func:`country_of` gives it; nowhere is the strictest."""
        if not country:
            return self.strictest
        return self._by_country.get(country) or self._by_country.get(country[:2]) or self.default


def country_of(header: str) -> str:
    """The country in a CDN's header; empty when it names none."""
    text = header.strip().upper().replace("_", "-")
    if not header.isascii() or not _COUNTRY.fullmatch(text) or text in _NOWHERE:
        return ""
    return text
