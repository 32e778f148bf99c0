"""The little tree state that tokenization depends on: whether we are inside svg or math
(WHATWG HTML 13.2.6.5, parsing in foreign content).

In foreign content ``<style>`` and ``<script>`` hold markup, ``<![CDATA[`` opens a section, and
some start tags throw the parser out. Integration points lead back to HTML for a while.
"""

from __future__ import annotations

from consentkit.gate.inert import Attribute
from consentkit.gate.scanner import BREAKOUT

__all__ = ["ForeignContent"]

_ROOTS = frozenset({b"svg", b"math"})
_SVG_POINTS = frozenset({b"foreignobject", b"desc", b"title"})
_MATH_POINTS = frozenset({b"mi", b"mo", b"mn", b"ms", b"mtext"})
_VOID = frozenset(
    b"area base br col embed hr img input link meta param source track wbr".split()
)
_FONT = frozenset({b"color", b"face", b"size"})


class ForeignContent:
    """A stack of the open svg and math elements and of their integration points.

    HTML elements inside an integration point are only counted. When they were not closed one by
    one, nobody can tell without a whole tree where the parser stands: then ``doubtful`` is set,
    and raw text must be judged under both readings from there on.
    """

    def __init__(self) -> None:
        self._stack: list[bytes] = []
        self._html_open = 0
        self.doubtful = False

    def __bool__(self) -> bool:
        return bool(self._stack)

    @property
    def active(self) -> bool:
        """Whether the parser is in foreign content, not in an integration point."""
        return bool(self._stack) and self._stack[-1] in (b"svg", b"math", b"annotation-xml")

    def start_tag(self, name: bytes, attributes: list[Attribute], closed: bool) -> bool:
        """Take a start tag in.

        Args:
            closed: whether the tag ends with ``/>``, which counts in foreign content only.

        Returns:
            Whether the element is foreign itself.
        """
        if self.active:
            return self._foreign(name, attributes, closed)
        if name in _ROOTS:
            if not closed:
                self._stack.append(name)
            return True
        if self._stack and name not in _VOID:
            if self._stack[-1] in _MATH_POINTS and name in (b"mglyph", b"malignmark"):
                return True
            self._html_open += 1
        return False

    def _foreign(self, name: bytes, attributes: list[Attribute], closed: bool) -> bool:
        names = {attribute.name for attribute in attributes}
        if name in BREAKOUT or (name == b"font" and not _FONT.isdisjoint(names)):
            self._break_out()
            if self._stack and name not in _VOID:
                self._html_open += 1
            return False
        if closed:
            return True
        top = self._stack[-1]
        if top == b"svg":
            if name == b"svg" or name in _SVG_POINTS:
                self._push(name)
        elif name in _MATH_POINTS or name in (b"math", b"annotation-xml"):
            encoding = next((a.value.lower() for a in attributes if a.name == b"encoding"), b"")
            html = encoding in (b"text/html", b"application/xhtml+xml")
            self._push(b"desc" if name == b"annotation-xml" and html else name)
        elif name == b"svg" and top == b"annotation-xml":
            self._push(name)
        return True

    def _push(self, name: bytes) -> None:
        if len(self._stack) >= 512:  # engines stop nesting at this depth, too
            self.doubtful = True
            return
        self._stack.append(name)
        if not self.active:
            self._html_open = 0

    def _break_out(self) -> None:
        while self.active:
            self._stack.pop()

    def end_tag(self, name: bytes) -> None:
        """Take an end tag in."""
        if not self._stack:
            return
        if self.active:
            if name in (b"p", b"br"):
                self._break_out()
            elif name in self._stack:
                while self._stack.pop() != name:
                    pass
            return
        if name == self._stack[-1] or (
            name == b"annotation-xml" and self._stack[-1] == b"desc"
        ):
            if self._html_open:
                self.doubtful = True
            self._stack.pop()
            self._html_open = 0
        elif name in self._stack:
            self.doubtful = True
        elif self._html_open:
            self._html_open -= 1
