"""Finding the next thing that matters in HTML bytes, after WHATWG HTML 13.2.5 (tokenization).

Everything here is a pattern or a small resumable finder over bytes; what to do with a finding is
the rewriter's business. The patterns look at every tag, each byte once: they are the exact way,
which :mod:`consentkit.gate.jump` cuts short.
"""

from __future__ import annotations

import re

from consentkit.gate.patterns import ATTRIBUTE, GAP, NAME, NAME_END, REST, UNQUOTED, W, names

__all__ = [
    "BREAKOUT",
    "CAREFUL",
    "EVENTFUL",
    "FOREIGN_ENDS",
    "GUARDED",
    "INTERESTING",
    "OPENERS",
    "RAW_TEXT",
    "TagEnd",
    "dull",
    "dull_foreign",
    "dull_head",
    "dull_watchful",
    "from_head_to_body",
    "picture",
    "plain_noscript",
    "prelude",
    "tag",
    "text",
]

tag = re.compile(rb"<(/?)(" + NAME + rb")" + REST)
"""A whole tag, with its slash and name; no match means that its end is not here yet."""

RAW_TEXT = frozenset(b"title textarea style xmp iframe noembed noframes noscript script".split())
"""HTML elements whose content is text up to their own end tag (13.2.6.4.4, .7)."""

OPENERS = RAW_TEXT | {b"plaintext", b"svg", b"math"}
"""The start tags after which tokenization may go on differently."""

EVENTFUL = frozenset({b"svg", b"math", b"template", b"select", b"frameset", b"col"})
"""The start tags in HTML content that change more about the tree than what is inside them."""

CAREFUL = EVENTFUL | {b"base", b"noscript", b"plaintext"}
"""The start tags in HTML content that need more than a look at their attributes and text."""

INTERESTING = frozenset(
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
    | INTERESTING
    | frozenset(
        b"foreignobject desc title mi mo mn ms mtext annotation-xml font script style use feimage "
        b"textpath mpath pattern filter lineargradient radialgradient animate set".split()
    )
)

FOREIGN_ENDS = frozenset(
    b"svg math foreignobject desc title mi mo mn ms mtext annotation-xml".split()
)
"""End tags that may lead back into foreign content from HTML content within it."""


# Attributes that make any element worth a look; not a style without "(", "@", escape or reference.
GUARDED = tuple(
    b"style background ping attributionsrc onload onerror data-consent http-equiv".split()
)
_GUARD = rb"(?!" + names(GUARDED, rb"[" + W + rb"=/>]") + rb")"
_TAME_STYLE = rb"style=\"[^\"(\\&@]*+\""
# SVG 2, 13: presentation attributes that load something when their value is a url().
_SVG_GUARD = (
    rb"(?![fFmMcCsS](?i:ilter|ask|lip-path|ursor|arker[a-z-]*+)[" + W + rb"=/>])"
    rb"(?![fFsS](?i:ill|troke)[" + W + rb"]*+=[" + W + rb"\"']*+[uUsS&\\/])"
)
_TEXT = rb"[^<]++|<(?=[^!?/a-zA-Z])"

text = re.compile(rb"(?:" + _TEXT + rb")*+")
"""Text alone: where every tag counts."""


# A foreign element that is over at once. An unquoted value must not end with a slash, for that
# slash closes nothing (13.2.5.37).
_SVG_ATTRIBUTES = (
    rb"(?:"
    + GAP
    + rb"|"
    + _GUARD
    + _SVG_GUARD
    + ATTRIBUTE.replace(UNQUOTED, UNQUOTED + rb"(?<!/)")
    + rb")*+>"
)
_FOREIGN_ELEMENT = (
    rb"<(?!"
    + names(_FOREIGN_INTERESTING)
    + rb")("
    + NAME
    + rb")"
    + _SVG_ATTRIBUTES
    + rb"(?:(?<=/>)|</\1>)"
)

dull_foreign = re.compile(rb"(?:" + _TEXT + rb"|" + _FOREIGN_ELEMENT + rb")*+")
"""Text and whole elements inside ``<svg>`` and ``<math>`` that need no look."""

_PICTURE = (
    rb"[sS][vV][gG](?=["
    + W
    + rb">])"
    + _SVG_ATTRIBUTES
    + rb"(?:[^<]++|"
    + _FOREIGN_ELEMENT
    + rb")*+</[sS][vV][gG]>"
)
"""A whole ``<svg>`` of plain shapes, without its ``<``."""

picture = re.compile(rb"<" + _PICTURE)
"""A whole ``<svg>`` of plain shapes."""


def _dull(ends: bytes, whole: bytes) -> re.Pattern[bytes]:
    """Text and tags that need no look.

    Args:
        ends: comes before the name of an end tag.
        whole: comes before a start tag, and may swallow an element instead.

    The forms that most tags have come first. They are a short way to where the general form leads.
    """
    attribute = rb" " + _GUARD + rb"[a-z-]++=\"[^\"]*+\""
    up_to_three = rb"(?:>|" + attribute + rb"(?:>|" + attribute + rb">))"
    any_number = rb"(?:" + GAP + rb"|" + _GUARD + ATTRIBUTE + rb"|" + _TAME_STYLE + rb")*+>"
    start = whole + rb"(?!" + names(INTERESTING) + rb")" + NAME
    start += rb"(?:>|" + attribute + up_to_three + rb"|" + any_number + rb")"
    end = rb"/" + ends + rb"(?:[a-zA-Z][a-zA-Z0-9]*+>|" + NAME + REST + rb")"
    other = rb"(?=[^!?/a-zA-Z])"
    return re.compile(rb"(?:[^<]*+<(?:" + end + rb"|" + start + rb"|" + other + rb"))*+[^<]*+")


dull = _dull(b"", _PICTURE + rb"|")
"""Text and tags in HTML content that need no look; stops before the first one that does."""

dull_watchful = _dull(rb"(?!" + names(FOREIGN_ENDS | {b"select", b"template"}) + rb")", b"")
"""The same where some end tags matter."""


_PLAIN_REST = rb"(?:" + GAP + rb"|" + _GUARD + ATTRIBUTE + rb")*+>"

dull_head = re.compile(
    rb"(?:[" + W + rb"]++|<[mM][eE][tT][aA]" + NAME_END + _PLAIN_REST
    + rb"|<[tT][iI][tT][lL][eE]>[^<]*+</[tT][iI][tT][lL][eE]>)*+"
)  # fmt: skip
"""What needs no look within ``<head>``."""

prelude = re.compile(
    rb"[" + W + rb"\xef\xbb\xbf]*+(?:<![dD][oO][cC][tT][yY][pP][eE][^>]*+>[" + W + rb"]*+)?+"
    rb"<[hH][tT][mM][lL]" + NAME_END + rb"(" + _PLAIN_REST + rb")"
    + rb"[" + W + rb"]*+<[hH][eE][aA][dD]" + NAME_END + _PLAIN_REST
)  # fmt: skip
"""The start of an ordinary document, through ``<head>``; the group is what the ``<html>`` tag has
behind its name."""

from_head_to_body = re.compile(
    rb"(?:</[hH][eE][aA][dD]>)?+[" + W + rb"]*+<[bB][oO][dD][yY]" + NAME_END + _PLAIN_REST
)
"""The ordinary end of a head and start of a body."""

plain_noscript = re.compile(
    rb"(?:[^<]++|<[iI][fF][rR][aA][mM][eE]" + NAME_END + REST + rb"</[iI][fF][rR][aA][mM][eE]>"
    + rb"|<[sS][tT][yY][lL][eE]" + NAME_END + REST + rb"[^<]*+</[sS][tT][yY][lL][eE]>"
    + rb"|<(?!/?" + names(OPENERS | EVENTFUL | {b"base"}) + rb")/?" + NAME + REST
    + rb")*+"
)  # fmt: skip
"""Markup that ends where it ends and changes nothing about what comes behind it."""


class TagEnd:
    """Follows a tag that arrives in pieces to its ``>``, seeing each byte once (13.2.5.6-40)."""

    _name, _before, _attribute, _after, _value, _double, _single, _unquoted = range(8)
    _runs = (
        re.compile(rb"[^" + W + rb"/>]*+"),
        re.compile(rb"[" + W + rb"/]*+"),
        re.compile(rb"[^" + W + rb"/>=]*+"),
        re.compile(rb"[" + W + rb"]*+"),
        re.compile(rb"[" + W + rb"]*+"),
        re.compile(rb"[^\"]*+"),
        re.compile(rb"[^']*+"),
        re.compile(rb"[^" + W + rb">]*+"),
    )
    # Attributes that are certainly complete, whatever comes next: a short way through most of them.
    _whole = re.compile(
        rb"(?:" + GAP + rb"|[^" + W + rb"/>][^" + W + rb"/>=]*+(?:[" + W + rb"]*+=[" + W + rb"]*+"
        rb"(?:\"[^\"]*+\"|'[^']*+'|" + UNQUOTED + rb"(?=[" + W + rb">]))"
        rb"|(?=[" + W + rb"]*+[^" + W + rb"=])))*+"
    )  # fmt: skip

    def __init__(self) -> None:
        self._state = self._name

    @property
    def between(self) -> bool:
        """Whether what came last stands between attributes, so that a slash there is one."""
        return self._state == self._before

    def find(self, data: bytes, position: int) -> int:
        """The offset behind the tag's ``>``, or -1 when it is not in ``data``."""
        while True:
            if self._state == self._before:
                run = self._whole.match(data, position)
                position = run.end() if run else position
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
