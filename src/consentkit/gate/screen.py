"""A quick look at a start tag in HTML content: whether it may stay as it is.

Only attributes that could matter are read, and all of them are judged, whatever else the tag says.
A tag that passes is one that :class:`consentkit.gate.tags.TagRewriter` would leave alone; one that
does not may still be left alone after a closer look.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from consentkit.gate.carriers import carriers
from consentkit.gate.patterns import ATTRIBUTE, GAP, UNQUOTED, W, names
from consentkit.gate.scanner import INTERESTING

__all__ = ["Screen", "screen_of"]


class Screen(NamedTuple):
    """What to read of a tag.

    Attributes:
        pattern: finds the attributes that matter, as name and value in three spellings; at the end
            of a tag nothing.
        kinds: how their values are judged, by name; the others need a closer look.
    """

    pattern: re.Pattern[bytes]
    kinds: Mapping[bytes, str]


# What decides about a tag beside its carriers. A "content" does nothing without "http-equiv".
_DECIDING: Mapping[bytes, tuple[bytes, ...]] = {
    b"script": (b"type", b"language"),
    b"style": (b"type",),
    b"iframe": (b"srcdoc",),
    b"meta": (b"http-equiv",),
}


def _screen(name: bytes) -> Screen:
    kinds = {
        key: carrier.kind
        for key, carrier in carriers(name, False).items()
        if carrier.kind != "refresh"
    }
    words = {*kinds, b"data-consent", *_DECIDING.get(name, ())}
    dull = rb"(?!" + names(words, rb"[" + W + rb"=/>]") + rb")" + ATTRIBUTE
    value = (
        rb"(?:[" + W + rb"]*+=[" + W + rb"]*+"
        rb"(?:\"([^\"]*+)\"|'([^']*+)'|(" + UNQUOTED + rb")|(?=>)))?+"
    )
    wanted = rb"([^" + W + rb"/>][^" + W + rb"/>=]*+)" + value
    pattern = rb"(?:" + GAP + rb"|" + dull + rb")*+(?:" + wanted + rb"|>)"
    return Screen(re.compile(pattern), kinds)


_ANY = _screen(b"")
_SCREENS = {name: _screen(name) for name in INTERESTING | {b"meta"}}


def screen_of(name: bytes) -> Screen:
    """The screen for elements of this name, in lower case."""
    return _SCREENS.get(name, _ANY)
