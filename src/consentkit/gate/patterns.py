"""The pieces that the gate's patterns are made of, after WHATWG HTML 13.2.5 (tokenization).

All are possessive: they never backtrack, so they take linear time whatever they are given.
Bytes are enough: in every encoding that is compatible with ASCII, ``<``, ``>``, quotes and ``=``
are never part of another character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = [
    "ATTRIBUTE",
    "GAP",
    "NAME",
    "NAME_END",
    "REST",
    "UNQUOTED",
    "W",
    "any_of",
    "heads",
    "names",
]

W = rb"\t\n\f\r "
"""White space, for use in a class."""

UNQUOTED = rb"[^" + W + rb">\"'][^" + W + rb">]*+"
"""A value without quotes (13.2.5.38)."""

# 13.2.5.32-40: what stands between the name of a tag and its ">". A name that a "=" follows must
# take its value along, or the pattern would resume inside a value that is not finished.
_VALUE = rb"[" + W + rb"]*+=[" + W + rb"]*+(?:\"[^\"]*+\"|'[^']*+'|" + UNQUOTED + rb"|(?=>))"
ATTRIBUTE = rb"[^" + W + rb"/>][^" + W + rb"/>=]*+(?:" + _VALUE + rb"|(?![" + W + rb"]*+=))"
"""One whole attribute."""

GAP = rb"[" + W + rb"/]++"
"""What stands between attributes."""

NAME_END = rb"(?=[" + W + rb"/>])"
"""What must follow a name for it to be the whole name of a tag."""

REST = rb"(?:" + GAP + rb"|" + ATTRIBUTE + rb")*+>"
"""All of a tag behind its name."""

NAME = rb"[a-zA-Z][^" + W + rb"/>]*+"
"""The name of a tag."""


def any_of(words: Iterable[bytes]) -> bytes:
    """A pattern for any of ``words`` in either case: a trie, so that a miss costs one look."""
    heads: dict[bytes, list[bytes]] = {}
    for word in sorted(words):
        heads.setdefault(word[:1], []).append(word[1:])
    branches = []
    for head, tails in heads.items():
        letter = b"[%c%c]" % (head[0], head.upper()[0]) if head.isalpha() else re.escape(head)
        rest = [tail for tail in tails if tail]
        more = any_of(rest) if rest else b""
        branches.append(letter + (more + b"?+" if more and b"" in tails else more))
    return b"(?:" + b"|".join(branches) + b")"


def heads(words: Iterable[bytes], most: int) -> bytes:
    """A class for each of the first letters that ``words`` have, at most ``most`` of them."""
    words = frozenset(words)
    shortest = min(map(len, words))
    letters = (sorted({word[i] for word in words}) for i in range(min(shortest, most)))
    return b"".join(b"[" + re.escape(bytes(c) + bytes(c).upper()) + b"]" for c in letters)


def names(words: Iterable[bytes], end: bytes = NAME_END) -> bytes:
    """A pattern for any of ``words`` and what must follow. Nearly all that is none of them is
    turned away by its first letters, one look each."""
    words = frozenset(words)
    return rb"(?=" + heads(words, 4) + rb")" + any_of(words) + end
