"""Finding the next thing that matters in HTML bytes, after WHATWG HTML 13.2.5 (tokenization).

Everything here is a pattern or a small resumable finder over bytes; what to do with a finding is
the rewriter's business. The patterns are possessive throughout: they never backtrack, so they
take linear time whatever they are given. Bytes are enough: in every encoding that is compatible
with ASCII, ``<``, ``>``, quotes and ``=`` are never part of another character.
"""

from __future__ import annotations

import re

__all__ = [
    "BREAKOUT",
    "RAW_TEXT",
    "Finder",
    "ScriptFinder",
    "TagEnd",
    "dull",
    "dull_foreign",
    "tag",
]

_W = rb"\t\n\f\r "

# 13.2.5.32-40: what stands between the name of a tag and its ">". A name that a "=" follows must
# take its value along, or the pattern would resume inside a value that is not finished.
_VALUE = rb"[" + _W + rb"]*+=[" + _W + rb"]*+(?:\"[^\"]*+\"|'[^']*+'|[^" + _W + rb">\"'][^" + _W
_VALUE += rb">]*+|(?=>))"
_ATTRIBUTE = rb"[^" + _W + rb"/>][^" + _W + rb"/>=]*+(?:" + _VALUE + rb"|(?![" + _W + rb"]*+=))"
_GAP = rb"[" + _W + rb"/]++"
_NAME_END = rb"(?=[" + _W + rb"/>])"

tag = re.compile(rb"</?[a-zA-Z][^" + _W + rb"/>]*+(?:" + _GAP + rb"|" + _ATTRIBUTE + rb")*+>")
"""A whole tag; no match means that its end is not here yet."""

RAW_TEXT = frozenset(b"title textarea style xmp iframe noembed noframes noscript script".split())
"""HTML elements whose content is text up to their own end tag (13.2.6.4.4, .7)."""

_INTERESTING = (
    b"script img image iframe frame fencedframe portal source video audio bgsound track model input "
    b"embed object applet param link meta amp-img amp-iframe amp-pixel amp-analytics base "
    b"title textarea style xmp noembed noframes noscript plaintext svg math select frameset"
).split()

# 13.2.6.5: start tags that leave foreign content ("font" only with color, face or size).
BREAKOUT = frozenset(
    b"b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li "
    b"listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul "
    b"var".split()
)
_FOREIGN_STARTS = (
    BREAKOUT
    | frozenset(
        b"svg math foreignobject desc title mi mo mn ms mtext annotation-xml font script style "
        b"image use feimage textpath mpath pattern filter lineargradient radialgradient "
        b"video audio iframe source input link object".split()
    )
)
_FOREIGN_ENDS = frozenset(
    b"svg math foreignobject desc title mi mo mn ms mtext annotation-xml p br".split()
)


def _names(names: object) -> bytes:
    listed = sorted(names, key=len, reverse=True)  # type: ignore[call-overload]
    return rb"(?i:" + b"|".join(map(re.escape, listed)) + rb")" + _NAME_END


# Attributes that make any element worth a look. The first letters keep the look-ahead cheap.
_GUARD = (
    rb"(?![sSbBpPaAoOdD](?i:tyle|ackground|ing|ttributionsrc|nload|nerror|ata-consent)["
    + _W
    + rb"=/>])"
)
_DULL_REST = (
    rb"[^" + _W + rb"/>]*+(?:" + _GAP + rb"|" + _GUARD + _ATTRIBUTE + rb")*+>"
)

dull = re.compile(
    rb"(?:[^<]++|<(?=[^!?/a-zA-Z])|<(?!" + _names(_INTERESTING) + rb")[a-zA-Z]" + _DULL_REST
    + rb"|</[a-zA-Z][^" + _W + rb"/>]*+(?:" + _GAP + rb"|" + _ATTRIBUTE + rb")*+>)*+"
)
"""Text and tags in HTML content that need no look; stops before the first one that does."""

dull_foreign = re.compile(
    rb"(?:[^<]++|<(?=[^!?/a-zA-Z])|<(?!" + _names(_FOREIGN_STARTS) + rb")[a-zA-Z]" + _DULL_REST
    + rb"|</(?!" + _names(_FOREIGN_ENDS) + rb")[a-zA-Z][^" + _W + rb"/>]*+(?:" + _GAP + rb"|"
    + _ATTRIBUTE + rb")*+>)*+"
)
"""The same inside ``<svg>`` and ``<math>``."""


class Finder:
    """Finds the end of raw text: the element's own end tag (13.2.5.12, the RAWTEXT states)."""

    def __init__(self, name: bytes) -> None:
        self._pattern = re.compile(rb"</" + re.escape(name) + _NAME_END, re.IGNORECASE)
        self.overlap = len(name) + 2

    def find(self, data: bytes, position: int) -> tuple[int, int]:
        """Search on from ``position``.

        Returns:
            Where the end tag starts (or -1), and up to where ``data`` need not be seen again.
        """
        found = self._pattern.search(data, position)
        if found is not None:
            return found.start(), found.start()
        return -1, max(position, len(data) - self.overlap)


class ScriptFinder:
    """Finds the end of a script through the escaped states (13.2.5.15 to 13.2.5.31).

    After ``<!--`` a ``<script`` hides the next ``</script``, until ``-->`` ends the disguise.
    """

    overlap = 8
    _tokens = re.compile(rb"<!--|-->|<(/?)script" + _NAME_END, re.IGNORECASE)
    _plain, _escaped, _double = range(3)

    def __init__(self) -> None:
        self._state = self._plain

    def find(self, data: bytes, position: int) -> tuple[int, int]:
        """As :meth:`Finder.find`."""
        while found := self._tokens.search(data, position):
            token = found.group()
            position = found.end()
            if token == b"<!--":
                if self._state == self._plain:
                    self._state = self._escaped
                position -= 2  # its dashes count for "-->": "<!-->" escapes nothing
            elif token == b"-->":
                self._state = self._plain
            elif found[1]:
                if self._state != self._double:
                    return found.start(), found.start()
                self._state = self._escaped
            elif self._state == self._escaped:
                self._state = self._double
        return -1, max(position, len(data) - self.overlap)


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
