"""Putting a tag to sleep: it stays where it is, byte for byte, but fetches and runs nothing.

The fetching attributes get other names (``src`` becomes ``data-consent-src``), a script becomes a
block of data (``type="text/plain"``, its own type kept in ``data-consent-type``), and
``data-consent`` names the categories that wake it up. The client script undoes exactly this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from consentkit.gate.patterns import ATTRIBUTE, GAP, UNQUOTED, W, names

__all__ = ["Attribute", "attribute_values", "closes_itself", "hush", "parse_attributes"]

_NAME = re.compile(rb"</?[a-zA-Z][^" + W + rb"/>]*+")
# 13.2.5.32-40. It begins with the name: what stands before one is passed over, each byte once.
_ATTRIBUTE = re.compile(
    rb"([^" + W + rb"/>][^" + W + rb"/>=]*+)"
    rb"(?:[" + W + rb"]*+=[" + W + rb"]*+"
    rb"(?:\"([^\"]*+)\"|'([^']*+)'|(" + UNQUOTED + rb")|(?=>)))?+"
)


class Attribute(NamedTuple):
    """One attribute of a tag, and where it starts and ends in the tag's bytes."""

    name: bytes
    value: bytes
    start: int
    end: int


def attribute_values(tag: bytes, position: int) -> dict[bytes, bytes]:
    """The attributes from ``position`` on by name; of duplicates the first, as parsers do."""
    found = _ATTRIBUTE.findall(tag, position)
    found.reverse()  # so that the first one stays
    return {name.lower(): double or single or bare for name, double, single, bare in found}


def closes_itself(tag: bytes) -> bool:
    """Whether the slash before the ``>`` is one, not the end of an unquoted value (13.2.5.37)."""
    if not tag.endswith(b"/>"):
        return False
    attributes = parse_attributes(tag)
    return not attributes or attributes[-1].end < len(tag) - 1


def parse_attributes(tag: bytes) -> list[Attribute]:
    """All attributes of a complete tag, duplicates included, in order."""
    attributes = []
    for match in _ATTRIBUTE.finditer(tag, _name_end(tag)):
        value = match[match.lastindex] if match.lastindex and match.lastindex > 1 else b""
        attributes.append(Attribute(match[1].lower(), value, match.start(1), match.end()))
    return attributes


def hush(
    tag: bytes,
    rename: Iterable[bytes],
    categories: tuple[str, ...],
    *,
    script: bool = False,
    quoted: bool = True,
) -> bytes:
    """The tag with the attributes in ``rename`` put away and its categories named.

    All attributes of a name are put away, not the first alone: else a duplicate, which the parser
    would have dropped, came to life.
    """
    name_end = _name_end(tag)
    doomed = frozenset((*rename, b"type") if script else rename)
    pieces = [tag[:name_end], _mark(categories, script, quoted)]
    if doomed:
        for kept, attribute in _finder(doomed).findall(tag, name_end):
            pieces += (kept, b"data-consent-" + attribute if attribute else b">")
    else:
        pieces.append(tag[name_end:])
    return b"".join(pieces)


@lru_cache(maxsize=256)
def _finder(names_sought: frozenset[bytes]) -> re.Pattern[bytes]:
    """Finds the attributes of these names, each with what stands before it, and then the end."""
    sought = names(names_sought, rb"[" + W + rb"=/>]")
    kept = rb"((?:" + GAP + rb"|(?!" + sought + rb")" + ATTRIBUTE + rb")*+)"
    return re.compile(kept + rb"(?:(" + ATTRIBUTE + rb")|>)")


@lru_cache(maxsize=256)
def _mark(categories: tuple[str, ...], script: bool, quoted: bool) -> bytes:
    if quoted:
        mark = b' data-consent="' + " ".join(categories).encode() + b'"'
        return b' type="text/plain"' + mark if script else mark
    # The space at the end keeps a slash behind it from being part of the value.
    mark = b" data-consent=" + "&#32;".join(categories).encode() + b" "
    return b" type=text/plain" + mark if script else mark


def _name_end(tag: bytes) -> int:
    found = _NAME.match(tag)
    return found.end() if found else 0
