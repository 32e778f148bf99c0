"""The little of the parser's tree that tokenization depends on (WHATWG HTML 13.2.6).

Inside svg and math ``<style>`` and ``<script>`` hold markup and ``<![CDATA[`` opens a section; some
start tags throw the parser out, integration points lead back to HTML. Without a whole tree, not
everything can be known: which HTML elements are open, or what an older browser makes of a
``<select>``. Where such a thing would matter, :meth:`Tree.doubt` tells both possibilities, and the
gate follows both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from consentkit.gate.scanner import BREAKOUT, FOREIGN_ENDS

__all__ = ["CDATA", "Tree"]

_NO, _MAYBE, _YES, _NEVER = range(4)

_SVG, _MATH, _POINT, _TEMPLATE = range(4)

CDATA = b"![CDATA["
"""The name under which :meth:`Tree.doubt` is asked about a CDATA section."""

_ROOTS = {b"svg": _SVG, b"math": _MATH}
_SVG_POINTS = frozenset({b"foreignobject", b"desc", b"title"})
_MATH_POINTS = frozenset({b"mi", b"mo", b"mn", b"ms", b"mtext"})
_FONT = frozenset({b"color", b"face", b"size"})
_TABLE = frozenset(b"caption col colgroup table tbody td tfoot th thead tr".split())
# What a select of before 2025 let in; all else it dropped.
_IN_SELECT = frozenset(b"option optgroup hr script template".split())


# Browsers, too, give up nesting at this depth.
_DEEPEST = 512


class _Open(NamedTuple):
    """An open element: a foreign one, an integration point, or a template.

    ``note``: of the outermost foreign element, whether it was doubtful that it stood in HTML; of a
    template, whether it holds columns, so that all else is dropped in it.
    """

    name: bytes
    kind: int
    note: int = _NO


class Tree:
    """Where the parser stands.

    Attributes:
        stack: the open elements that matter.
        open: how many of them there are of each name.
        templates: how many of them are templates of HTML.
        unsure: whether :attr:`foreign` may be wrong.
        leaky: whether an integration point was left that may in truth still be open, because
            formatting elements were reconstructed in it (13.2.4.3): then later end tags may lead
            back into it.
        select: whether a ``<select>`` is open in which older browsers drop most tags.
        frames: whether a ``<frameset>`` may have taken the place of the body.
        inside: at an integration point, whether HTML elements are open in it.
    """

    __slots__ = ("frames", "inside", "leaky", "open", "select", "stack", "templates", "unsure")

    def __init__(self) -> None:
        self.stack: list[_Open] = []
        self.open: dict[bytes, int] = {}
        self.templates = 0
        self.unsure = False
        self.leaky = False
        self.select = _NO
        self.frames = _NO
        self.inside = _NO

    def copy(self) -> Tree:
        """A tree of its own in the same state."""
        other = Tree()
        other.stack, other.open = self.stack.copy(), self.open.copy()
        other.templates = self.templates
        other.unsure, other.leaky = self.unsure, self.leaky
        other.select, other.frames = self.select, self.frames
        other.inside = self.inside
        return other

    def join(self, other: Tree) -> bool:
        """Take in what ``other`` knows; False when it stands somewhere else."""
        if (self.stack, self.unsure, self.select, self.frames) != (
            (other.stack, other.unsure, other.select, other.frames)
        ):
            return False
        if self.inside != other.inside and self._at_point:
            return False
        self.leaky |= other.leaky
        return True

    @property
    def depth(self) -> int:
        """How many elements are open of those that are followed."""
        return len(self.stack)

    @property
    def foreign(self) -> bool:
        """Whether what comes next stands in svg or math itself, not in HTML within it."""
        return bool(self.stack) and self.stack[-1].kind <= _MATH

    @property
    def _at_point(self) -> bool:
        return bool(self.stack) and self.stack[-1].kind == _POINT

    @property
    def takes_cdata(self) -> bool:
        """Whether ``<![CDATA[`` opens a section: in foreign content, and in an integration point
        itself, which is a foreign element (13.2.5.42)."""
        return self.foreign or (self._at_point and self.inside == _NO)

    @property
    def full(self) -> bool:
        """Whether nothing more can be opened."""
        return len(self.stack) >= _DEEPEST

    @property
    def idle(self) -> bool:
        """Whether this is plain HTML content, in which only few tags matter to the tree."""
        return not (
            self.stack or self.leaky or self.unsure or self.select or self.frames in (_MAYBE, _YES)
        )

    @property
    def strict(self) -> bool:
        """Whether every single tag matters although this is HTML content."""
        return self.select == _YES or len(self.stack) > self.templates

    @property
    def in_template(self) -> bool:
        """Whether what comes next is content of a template and so not of the document."""
        return self.templates > 0

    def doubtful(self, name: bytes) -> bool:
        """Whether an opener may be taken in two ways."""
        if self.unsure:
            return True
        if self.foreign:
            return False
        if name == CDATA:
            return self._at_point and self.inside == _MAYBE
        return (
            (self.frames == _MAYBE and name != b"noframes")
            or (self.select == _MAYBE and name not in (b"script", b"textarea"))
            or self.columns == _MAYBE
        )

    def doubt(self, name: bytes) -> tuple[Tree, Tree]:
        """Both possibilities, when an opener is :meth:`doubtful`; the likely one first."""
        first, second = self.copy(), self.copy()
        if self.unsure:
            first.unsure = second.unsure = False
            if self.foreign:
                second.leave_foreign()
            else:
                second.push(_Open(b"svg", _SVG))
        elif name == CDATA:
            first.inside, second.inside = _YES, _NO
        elif self.frames == _MAYBE and name != b"noframes":
            first.frames, second.frames = _NEVER, _YES
        elif self.select == _MAYBE and name not in (b"script", b"textarea"):
            first.select, second.select = _NO, _YES
        else:
            first.columns, second.columns = _NO, _YES
        return first, second

    def drops(self, name: bytes) -> bool:
        """Whether a start tag is dropped and so changes nothing."""
        if self.frames == _YES:
            return name != b"noframes"
        if self.select == _YES:
            return name not in _IN_SELECT and name not in _TABLE
        return self.columns == _YES and name not in (b"template", b"col")

    @property
    def columns(self) -> int:
        """Whether the template we are in holds columns, so that all else is dropped in it."""
        top = self.stack[-1] if self.stack else None
        return top.note if top is not None and top.kind == _TEMPLATE else _NO

    @columns.setter
    def columns(self, note: int) -> None:
        self.stack[-1] = self.stack[-1]._replace(note=note)

    # --- start tags -----------------------------------------------------------------------------

    def start_tag(self, name: bytes, names: Iterable[bytes], encoding: bytes, closed: bool) -> bool:
        """Take a start tag in.

        Args:
            name: in lower case.
            names: the names of its attributes.
            encoding: the value of its ``encoding`` attribute.
            closed: whether it closes itself, which counts in foreign content only.

        Returns:
            Whether the element is a foreign one.
        """
        self.inside = _MAYBE  # unless an integration point is opened: see push
        if self.foreign:
            top = self.stack[-1]
            if name in BREAKOUT or (name == b"font" and not _FONT.isdisjoint(names)):
                self.leave_foreign()
            elif (top.name, name) != (b"annotation-xml", b"svg") or top.kind != _MATH:
                if not closed:
                    self.push(_Open(name, _kind(name, top.kind, encoding)))
                return True
        elif self.unsure and (name in BREAKOUT):
            self.unsure = False
        return self._html_start_tag(name, closed)

    def _html_start_tag(self, name: bytes, closed: bool) -> bool:
        kind = _ROOTS.get(name)
        if kind is not None:
            if not closed:
                unsure, self.unsure = self.unsure, False
                self.push(_Open(name, kind, _MAYBE if unsure else _NO))
            return True
        if name in (b"mglyph", b"malignmark") and self.stack:
            if self.stack[-1].name in _MATH_POINTS:
                if not closed:
                    self.push(_Open(name, _MATH))
                return True
        elif name == b"template":
            self.push(_Open(name, _TEMPLATE))
        elif name == b"select":
            self.select = _NO if self.select == _YES else _MAYBE
        elif name == b"frameset":
            self.frames = self.frames or _MAYBE
        elif name == b"col" and self.columns == _NO and self.stack:
            if self.stack[-1].kind == _TEMPLATE:
                self.columns = _MAYBE
        elif name == b"input" or (self.select == _YES and name in (b"keygen", b"textarea")):
            self.select = _NO
        elif self.select == _YES and name in _TABLE:
            self.select = _MAYBE  # closes a select in a table, is dropped in any other
        return False

    def push(self, element: _Open) -> None:
        """Open an element."""
        self.stack.append(element)
        self.inside = _NO
        self.open[element.name] = self.open.get(element.name, 0) + 1
        self.templates += element.kind == _TEMPLATE

    def _cut(self, index: int) -> None:
        for element in self.stack[index:]:
            self.open[element.name] -= 1
            self.templates -= element.kind == _TEMPLATE
        del self.stack[index:]

    def leave_foreign(self) -> None:
        """13.2.6.5: pop until an integration point or an element of HTML."""
        index = len(self.stack)
        while index and self.stack[index - 1].kind <= _MATH:
            index -= 1
        self._cut(index)
        self.unsure = False

    # --- end tags -------------------------------------------------------------------------------

    def end_tag(self, name: bytes) -> None:
        """Take an end tag in."""
        # Where text alone stood in an integration point, its end tag surely ends it: formatting
        # elements were reconstructed before the <svg> already (13.2.6.4.7).
        surely = self._at_point and self.inside == _NO and not (self.leaky or self.unsure)
        self.inside = _MAYBE
        if name == b"template":
            self._end_template()
        elif self.foreign:
            self._foreign_end_tag(name)
        elif name == b"select":
            self.select = _NO
        elif surely and self.stack[-1].name == name:
            self._pop(len(self.stack) - 1, False)
        elif name in FOREIGN_ENDS or self.stack:
            self._html_end_tag(name)

    def _end_template(self) -> None:
        for index in range(len(self.stack) - 1, -1, -1):
            element = self.stack[index]
            if element.kind == _TEMPLATE:
                self.leaky = self.leaky or index + 1 < len(self.stack)
                self._cut(index)
                self.unsure = self.foreign
                return
            if element.name == b"template":
                self._foreign_end_tag(b"template")
                return
        if self.foreign:
            self.unsure = True

    def _foreign_end_tag(self, name: bytes) -> None:
        if name in (b"p", b"br"):
            self.leave_foreign()
            self.unsure = True  # parsers of before 2020 stay
            return
        crossed = False
        if not self.open.get(name):
            self.unsure = True  # it may be the end of an HTML element around all this
            return
        for index in range(len(self.stack) - 1, -1, -1):
            element = self.stack[index]
            if element.kind == _TEMPLATE:
                break
            if element.name == name:
                self.leaky |= crossed
                self._pop(index, crossed)
                return
            crossed = crossed or element.kind == _POINT  # HTML elements may stand in between
        self.unsure = True

    def _html_end_tag(self, name: bytes) -> None:
        """An end tag in an integration point, or after one."""
        for index in range(len(self.stack) - 1, -1, -1) if self.open.get(name) else ():
            element = self.stack[index]
            if element.kind == _TEMPLATE:
                break
            if element.name == name:
                self._pop(index, False)
                # Elements that are open within the point make the parser ignore its end tag.
                self.leaky = True
                self.unsure = self.unsure or self.foreign
                return
        if self.leaky and name in FOREIGN_ENDS:
            self.unsure = True

    def _pop(self, index: int, unsure: bool) -> None:
        note = self.stack[index].note
        self._cut(index)
        # Back in HTML all is well again: had the parser been there before, it has not left it.
        self.unsure = note == _MAYBE or unsure or (self.unsure and self.foreign)


def _kind(name: bytes, kind: int, encoding: bytes) -> int:
    """What a foreign element leads to: more foreign content, or HTML."""
    if kind == _SVG:
        return _POINT if name in _SVG_POINTS else _SVG
    if name == b"annotation-xml":
        return _POINT if encoding in (b"text/html", b"application/xhtml+xml") else _MATH
    return _POINT if name in _MATH_POINTS else _MATH
