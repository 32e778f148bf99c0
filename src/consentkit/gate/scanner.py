"""Finding the next thing that matters in HTML bytes, after WHATWG HTML 13.2.5 (tokenization).

Everything here is a pattern or a small resumable finder over bytes; what to do with a finding is
the rewriter's business. The patterns are possessive throughout: they never backtrack, so they
take linear time whatever they are given. Bytes are enough: in every encoding that is compatible
with ASCII, ``<``, ``>``, quotes and ``=`` are never part of another character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = [
    "BREAKOUT",
    "FOREIGN_ENDS",
    "NAME_END",
    "RAW_TEXT",
    "TagEnd",
    "dull",
    "dull_foreign",
    "dull_watchful",
    "tag",
    "text",
]

_W = rb"\t\n\f\r "

# 13.2.5.32-40: what stands between the name of a tag and its ">". A name that a "=" follows must
# take its value along, or the pattern would resume inside a value that is not finished.
_UNQUOTED = rb"[^" + _W + rb">\"'][^" + _W + rb">]*+"
_VALUE = rb"[" + _W + rb"]*+=[" + _W + rb"]*+(?:\"[^\"]*+\"|'[^']*+'|" + _UNQUOTED + rb"|(?=>))"
_ATTRIBUTE = rb"[^" + _W + rb"/>][^" + _W + rb"/>=]*+(?:" + _VALUE + rb"|(?![" + _W + rb"]*+=))"
_GAP = rb"[" + _W + rb"/]++"
NAME_END = rb"(?=[" + _W + rb"/>])"
"""What must follow a name for it to be the whole name of a tag."""

_REST = rb"(?:" + _GAP + rb"|" + _ATTRIBUTE + rb")*+>"
_NAME = rb"[a-zA-Z][^" + _W + rb"/>]*+"

tag = re.compile(rb"<(/?)(" + _NAME + rb")" + _REST)
"""A whole tag, with its slash and name; no match means that its end is not here yet."""

RAW_TEXT = frozenset(b"title textarea style xmp iframe noembed noframes noscript script".split())
"""HTML elements whose content is text up to their own end tag (13.2.6.4.4, .7)."""

_INTERESTING = frozenset(
    b"script img image iframe frame fencedframe portal source video audio bgsound track model "
    b"input embed object applet param link amp-img amp-iframe amp-pixel amp-analytics base "
    b"title textarea style xmp noembed noframes noscript plaintext svg math mglyph malignmark "
    b"select frameset template col".split()
)

# 13.2.6.5: start tags that leave foreign content ("font" only with color, face or size).
BREAKOUT = frozenset(
    b"b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img "
    b"li listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul "
    b"var".split()
)
_FOREIGN_INTERESTING = (
    BREAKOUT
    | _INTERESTING
    | frozenset(
        b"foreignobject desc title mi mo mn ms mtext annotation-xml font script style use feimage "
        b"textpath mpath pattern filter lineargradient radialgradient animate set".split()
    )
)

FOREIGN_ENDS = frozenset(
    b"svg math foreignobject desc title mi mo mn ms mtext annotation-xml".split()
)
"""End tags that may lead back into foreign content from HTML content within it."""


def _any_of(names: Iterable[bytes]) -> bytes:
    """A pattern for any of ``names`` in either case: a trie, so that a miss costs one look."""
    heads: dict[bytes, list[bytes]] = {}
    for name in sorted(names):
        heads.setdefault(name[:1], []).append(name[1:])
    branches = []
    for head, tails in heads.items():
        letter = b"[%c%c]" % (head[0], head.upper()[0]) if head.isalpha() else re.escape(head)
        rest = [tail for tail in tails if tail]
        more = _any_of(rest) if rest else b""
        branches.append(letter + (more + b"?+" if more and b"" in tails else more))
    return b"(?:" + b"|".join(branches) + b")"


def _names(names: Iterable[bytes], end: bytes = NAME_END) -> bytes:
    """A pattern for any of ``names`` and what must follow. Nearly all that is none of them is
    turned away by its first letters, one look each."""
    names = frozenset(names)
    shortest = min(map(len, names))
    letters = (sorted({name[i] for name in names}) for i in range(min(shortest, 4)))
    first = b"".join(b"[" + re.escape(bytes(c) + bytes(c).upper()) + b"]" for c in letters)
    return rb"(?=" + first + rb")" + _any_of(names) + end


# Attributes that make any element worth a look; not a style without "(", escape or reference.
_GUARD = rb"(?!" + _names(
    b"style background ping attributionsrc onload onerror data-consent http-equiv".split(),
    rb"[" + _W + rb"=/>]",
) + rb")"  # fmt: skip
_TAME_STYLE = rb"style=\"[^\"(\\&]*+\""
# SVG 2, 13: presentation attributes that load something when their value is a url().
_SVG_GUARD = (
    rb"(?![fFmMcCsS](?i:ilter|ask|lip-path|ursor|arker[a-z-]*+)[" + _W + rb"=/>])"
    rb"(?![fFsS](?i:ill|troke)[" + _W + rb"]*+=[" + _W + rb"\"']*+[uUsS&\\/])"
)
_TEXT = rb"[^<]++|<(?=[^!?/a-zA-Z])"

text = re.compile(rb"(?:" + _TEXT + rb")*+")
"""Text alone: where every tag counts."""


# A foreign element that is over at once. An unquoted value must not end with a slash, for that
# slash closes nothing (13.2.5.37).
_SVG_ATTRIBUTES = (
    rb"(?:"
    + _GAP
    + rb"|"
    + _GUARD
    + _SVG_GUARD
    + _ATTRIBUTE.replace(_UNQUOTED, _UNQUOTED + rb"(?<!/)")
    + rb")*+>"
)
_FOREIGN_ELEMENT = (
    rb"<(?!"
    + _names(_FOREIGN_INTERESTING)
    + rb")("
    + _NAME
    + rb")"
    + _SVG_ATTRIBUTES
    + rb"(?:(?<=/>)|</\1>)"
)

dull_foreign = re.compile(rb"(?:" + _TEXT + rb"|" + _FOREIGN_ELEMENT + rb")*+")
"""Text and whole elements inside ``<svg>`` and ``<math>`` that need no look."""

_PICTURE = (
    rb"[sS][vV][gG](?=["
    + _W
    + rb">])"
    + _SVG_ATTRIBUTES
    + rb"(?:[^<]++|"
    + _FOREIGN_ELEMENT
    + rb")*+</[sS][vV][gG]>"
)
"""A whole ``<svg>`` of plain shapes, without its ``<``."""


def _dull(ends: bytes, whole: bytes) -> re.Pattern[bytes]:
    """Text and tags that need no look.

    Args:
        ends: comes before the name of an end tag.
        whole: comes before a start tag, and may swallow an element instead.

    The forms that most tags have come first. They are a short way to where the general form leads.
    """
    attribute = rb" " + _GUARD + rb"[a-z-]++=\"[^\"]*+\""
    up_to_three = rb"(?:>|" + attribute + rb"(?:>|" + attribute + rb">))"
    any_number = rb"(?:" + _GAP + rb"|" + _GUARD + _ATTRIBUTE + rb"|" + _TAME_STYLE + rb")*+>"
    start = whole + rb"(?!" + _names(_INTERESTING) + rb")" + _NAME
    start += rb"(?:>|" + attribute + up_to_three + rb"|" + any_number + rb")"
    end = rb"/" + ends + rb"(?:[a-zA-Z][a-zA-Z0-9]*+>|" + _NAME + _REST + rb")"
    other = rb"(?=[^!?/a-zA-Z])"
    return re.compile(rb"(?:[^<]*+<(?:" + end + rb"|" + start + rb"|" + other + rb"))*+[^<]*+")


dull = _dull(b"", _PICTURE + rb"|")
"""Text and tags in HTML content that need no look; stops before the first one that does."""

dull_watchful = _dull(rb"(?!" + _names(FOREIGN_ENDS | {b"select", b"template"}) + rb")", b"")
"""The same where some end tags matter."""


class TagEnd:
    """Follows a tag that arrives in pieces to its ``>``, seeing each byte once (13.2.5.6-40)."""

    _name, _before, _attribute, _after, _value, _double, _single, _unquoted = range(8)
    _runs = (
        re.compile(rb"[^" + _W + rb"/>]*+"),
        re.compile(rb"[" + _W + rb"/]*+"),
        re.compile(rb"[^" + _W + rb"/>=]*+"),
        re.compile(rb"[" + _W + rb"]*+"),
        re.compile(rb"[" + _W + rb"]*+"),
        re.compile(rb"[^\"]*+"),
        re.compile(rb"[^']*+"),
        re.compile(rb"[^" + _W + rb">]*+"),
    )

    def __init__(self) -> None:
        self._state = self._name

    def find(self, data: bytes, position: int) -> int:
        """The offset behind the tag's ``>``, or -1 when it is not in ``data``."""
        while True:
            run = self._runs[self._state].match(data, position)
            position = run.end() if run else position
            if position >= len(data):
                return -1
            char = data[position : position + 1]
            if char == b">" and self._state not in (self._double, self._single):
                return position + 1
            position += self._advance(char)

    def _advance(self, char: bytes) -> int:
        """Move to the next state; returns whether ``char`` was used up."""
        state = self._state
        if state == self._before:
            self._state = self._attribute  # also for "=", which begins a name here (13.2.5.32)
        elif state in (self._name, self._double, self._single, self._unquoted):
            self._state = self._before
        elif state == self._attribute:
            following = {b"=": self._value, b"/": self._before}
            self._state = following.get(char, self._after)
        elif state == self._after:
            if char == b"=":
                self._state = self._value
            else:
                self._state = self._before
                return 0
        elif char == b'"':
            self._state = self._double
        elif char == b"'":
            self._state = self._single
        else:
            self._state = self._unquoted
            return 0
        return 1
