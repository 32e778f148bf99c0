"""Putting a tag to sleep: it stays where it is, byte for byte, but fetches and runs nothing.

The fetching attributes get other names (``src`` becomes ``data-consent-src``), a script becomes a
block of data (``type="text/plain"``, its own type kept in ``data-consent-type``), and
``data-consent`` names the categories that wake it up. The client script undoes exactly this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Attribute", "hush", "parse_attributes", "tag_name"]

_W = rb"\t\n\f\r "
_NAME = re.compile(rb"<(/?)([a-zA-Z][^" + _W + rb"/>]*+)")
_ATTRIBUTE = re.compile(
    rb"[" + _W + rb"/]*+(?:([^" + _W + rb"/>][^" + _W + rb"/>=]*+)"
    rb"(?:[" + _W + rb"]*+=[" + _W + rb"]*+"
    rb"(?:\"([^\"]*+)\"|'([^']*+)'|([^" + _W + rb">\"'][^" + _W + rb">]*+)|(?=>)))?+)"
)


class Attribute(NamedTuple):
    """One attribute of a tag, and where it starts and ends in the tag's bytes."""

    name: bytes
    value: bytes
    start: int
    end: int


def tag_name(tag: bytes) -> tuple[bool, bytes]:
    """Whether a tag is an end tag, and its name in lower case (WHATWG HTML 13.2.5.8)."""
    found = _NAME.match(tag)
    if found is None:
        return False, b""
    return bool(found[1]), found[2].lower()


def parse_attributes(tag: bytes) -> list[Attribute]:
    """All attributes of a complete tag, duplicates included, in order."""
    found = _NAME.match(tag)
    if found is None:
        return []
    attributes = []
    position = found.end()
    while match := _ATTRIBUTE.match(tag, position):
        value = match[match.lastindex] if match.lastindex and match.lastindex > 1 else b""
        attributes.append(Attribute(match[1].lower(), value, match.start(1), match.end()))
        position = match.end()
    return attributes


def hush(
    tag: bytes,
    attributes: Iterable[Attribute],
    rename: Iterable[bytes],
    categories: tuple[str, ...],
    *,
    script: bool = False,
) -> bytes:
    """The tag with the attributes in ``rename`` put away and its categories named.

    All attributes of a name are put away, not the first alone: else a duplicate, which the parser
    would have dropped, came to life.
    """
    doomed = frozenset(rename)
    name_end = 1 + len(tag_name(tag)[1])
    mark = b' data-consent="' + " ".join(categories).encode() + b'"'
    if script:
        mark = b' type="text/plain"' + mark
        doomed |= {b"type"}
    pieces = [tag[:name_end], mark]
    position = name_end
    for attribute in attributes:
        if attribute.name in doomed:
            pieces += (tag[position : attribute.start], b"data-consent-")
            position = attribute.start
    pieces.append(tag[position:])
    return b"".join(pieces)
