"""Putting a tag to sleep: it stays where it is, byte for byte, but fetches and runs nothing.

The fetching attributes get other names (``src`` becomes ``data-consent-src``), a script becomes a
block of data (``type="text/plain"``, its own type kept in ``data-consent-type``), and
``data-consent`` names the categories that wake it up. The client script undoes exactly this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Attribute", "attribute_values", "closes_itself", "hush", "parse_attributes"]

_W = rb"\t\n\f\r "
_NAME = re.compile(rb"</?[a-zA-Z][^" + _W + rb"/>]*+")
# 13.2.5.32-40. It begins with the name: what stands before one is passed over, each byte once.
_ATTRIBUTE = re.compile(
    rb"([^" + _W + rb"/>][^" + _W + rb"/>=]*+)"
    rb"(?:[" + _W + rb"]*+=[" + _W + rb"]*+"
    rb"(?:\"([^\"]*+)\"|'([^']*+)'|([^" + _W + rb">\"'][^" + _W + rb">]*+)|(?=>)))?+"
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
    attributes: Iterable[Attribute],
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
    doomed = frozenset(rename)
    name_end = _name_end(tag)
    if quoted:
        mark = b' data-consent="' + " ".join(categories).encode() + b'"'
    else:  # the space at the end keeps a slash behind it from being part of the value
        mark = b" data-consent=" + "&#32;".join(categories).encode() + b" "
    if script:
        mark = (b' type="text/plain"' if quoted else b" type=text/plain") + mark
        doomed |= {b"type"}
    pieces = [tag[:name_end], mark]
    position = name_end
    for attribute in attributes:
        if attribute.name in doomed:
            pieces += (tag[position : attribute.start], b"data-consent-")
            position = attribute.start
    pieces.append(tag[position:])
    return b"".join(pieces)


def _name_end(tag: bytes) -> int:
    found = _NAME.match(tag)
    return found.end() if found else 0
