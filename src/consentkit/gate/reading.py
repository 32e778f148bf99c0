"""One reading of a page: its markup, and what goes out for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from consentkit.gate.family import Family
from consentkit.gate.inert import attribute_values, closes_itself
from consentkit.gate.jump import Jump
from consentkit.gate.memory import Inline
from consentkit.gate.placement import HEAD_CONTENT, Placement
from consentkit.gate.scanner import (
    CAREFUL,
    EVENTFUL,
    OPENERS,
    RAW_TEXT,
    dull,
    dull_foreign,
    dull_head,
    dull_watchful,
)
from consentkit.gate.scanner import tag as whole_tag
from consentkit.gate.scanner import text as only_text
from consentkit.gate.tags import TagRewriter
from consentkit.gate.texts import TextReader
from consentkit.gate.tree import Tree
from consentkit.settings import LimitSettings

__all__ = ["Reading"]

_TAG_NAME = re.compile(rb"</?([^\t\n\f\r />]*+)")
_NAME_KEPT = 64
_TAG_START = re.compile(rb"</?[a-zA-Z]")


def _head(data: bytes, position: int) -> int:
    """Pass over what needs no look within ``<head>``."""
    skipped = dull_head.match(data, position)
    return position if skipped is None else skipped.end()


class Reading(TextReader):
    """Rewrites a page as one kind of browser reads it.

    Args:
        tags: rewrites the start tags.
        placement: puts our parts in, in the first reading.
        family: all readings of the page that are under way.
    """

    def __init__(
        self,
        tags: TagRewriter,
        limits: LimitSettings,
        *,
        placement: Placement | None = None,
        tree: Tree | None = None,
        family: Family | None = None,
        scripting: bool = True,
    ) -> None:
        super().__init__(tags, limits, tree or Tree(), family, scripting=scripting)
        self._placement = placement
        # How the tree lets us pass over what does not matter; see _look.
        self._dull = dull
        self._blank = False
        self._long_name = b""
        self._jump = Jump(b"")
        self._look()

    def _another(self, tree: Tree, *, scripting: bool) -> Reading:
        tags = self.tags.second()
        return Reading(tags, self._limits, tree=tree, family=self._family, scripting=scripting)

    def _within(self) -> Reading:
        return Reading(self.tags.second(), self._limits, scripting=False)

    def _end(self) -> None:
        if self._placement is not None and self._mode is self._data_state:
            self._out.append(self._placement.end())

    def _is_plain(self) -> bool:
        """Whether this is plain HTML content, our parts are placed, and no other reading is on."""
        return self._idle and self._placement is None and len(self._family) == 1

    def _markup(self, data: bytes, position: int) -> int:
        """The data state: text and tags. Returns up to where ``data`` is done with."""
        if self._is_plain():
            if self._jump.data is not data:
                self._jump = Jump(data)
            return self._plain_markup(data, position, self._jump.to, head=False)
        size = len(data)
        if self._placement is not None and self._alone:
            if self._blank:
                position = self._plain_markup(data, position, partial(_head, data), head=True)
                if self._mode is not self._data_state or position >= size:
                    return position
            opening = self._placement.opening(data, position)
            if opening is not None:
                self._out.append(opening[0])
                self._look()
                return opening[1]
        out, start = self._out, position
        while True:
            skipped = self._dull.match(data, position)
            if skipped is not None:
                if self._placement is not None:
                    start = self._place_text(data, start, position, skipped.end())
                position = skipped.end()
            if position >= size:
                out.append(data[start:])
                return size
            found = whole_tag.match(data, position)
            if found is None:
                out.append(data[start:position])
                return self._no_tag(data, position)
            start, position = self._tag(data, start, position, found)
            if self._mode is not self._data_state or self._is_plain() or self._blank or self._shut:
                out.append(data[start:position])
                return position

    def _plain_markup(
        self, data: bytes, position: int, skip: Callable[[int], int], *, head: bool
    ) -> int:
        """As :meth:`_markup`, in the ordinary case.

        Args:
            skip: passes over what needs no look.
            head: whether to stop before all that is not content of ``<head>``.
        """
        tags, out = self.tags, self._out
        tags.quoted = True
        start, size = position, len(data)
        while True:
            position = skip(position)
            if position >= size:
                out.append(data[start:])
                return size
            # The same bytes are a whole tag again: a short way for those that are known.
            end = data.find(b">", position) + 1
            known = tags.memory.get(data[position:end], end - position)
            if known is None or (head and known[0] not in HEAD_CONTENT):
                found = whole_tag.match(data, position)
                name = b"" if found is None else found[2].lower()
                if (
                    found is None
                    or name in CAREFUL
                    or (head and (found[1] or name not in HEAD_CONTENT))
                ):
                    out.append(data[start:position])
                    return self._stop(data, position, found, head=head)
                end = found.end()
                change = tags.plain(data[position:end], name, shown=True)
            else:
                name, change = known
            if change is not None:
                if isinstance(change, bytes):
                    out += (data[start:position], change)
                    start = end
                else:
                    self._inline = change
            if name in RAW_TEXT:
                self._open_text(name)
                if self._in_text:
                    start, end = self._text_at_once(data, start, position, end, again=True)
                    if self._mode is not self._data_state:
                        out.append(data[start:end])
                        return end
            position = end

    def _stop(
        self, data: bytes, position: int, found: re.Match[bytes] | None, *, head: bool
    ) -> int:
        """At what is no ordinary tag: what :meth:`_plain_markup` is to return."""
        if found is None:
            if _TAG_START.match(data, position) and self._may_wait(data, position):
                self._tail = data[position:]
                return len(data)
            return position if head else self._no_tag(data, position)
        if not head:
            start, position = self._tag(data, position, position, found)
            self._out.append(data[start:position])
        return position

    def _tag(
        self, data: bytes, start: int, position: int, found: re.Match[bytes]
    ) -> tuple[int, int]:
        """Handle a whole tag; returns from where ``data`` has not gone out, and where to go on."""
        out, end = self._out, found.end()
        name = found[2].lower()
        if not self._idle or self.next or self._placement or name == b"noscript":
            if start != position:
                out.append(data[start:position])
                start = position
            if self.next is not None:
                self._pass_on()
        replacement = None
        if found[1]:
            self._end_tag(name)
        else:
            self._apart = name == b"noscript" and self._ends_by_itself(data, end)
            replacement = self._start_tag(found.group(), name, found.end(2) - position)
        if replacement is not None:
            out += (data[start:position], replacement)
            start = end
        if self._in_text:
            start, end = self._text_at_once(data, start, position, end)
        return start, end

    def _look(self) -> None:
        """See what must be looked at where the tree stands now."""
        tree = self.tree
        self._idle = tree.idle
        if self._placement is not None and not self._placement.pending:
            self._placement = None
        self._blank = self._placement is not None and self._alone and self._placement.waits
        if self._placement is not None:
            self._dull = only_text
        elif self._idle:
            self._dull = dull
        elif tree.foreign or tree.unsure:
            self._dull = dull_foreign
        else:
            self._dull = only_text if tree.strict else dull_watchful

    def _place_text(self, data: bytes, start: int, position: int, end: int) -> int:
        """Put in what goes before text; returns from where on ``data`` has not gone out."""
        placement = self._placement
        if placement is None or position == end:
            return start
        place = placement.blank(data, position, end)
        if place == end:
            return start
        self._out += (data[start:place], placement.text())
        self._look()
        return place

    def _whole_tag(self, tag: bytes) -> bytes:
        found = _TAG_NAME.match(tag)
        if found is None:
            return tag
        name = found[1].lower()
        too_long = len(tag) > self._room
        if tag.startswith(b"</"):
            self._end_tag(name)
            return b"</" + name[:_NAME_KEPT] + b">" if too_long else tag
        if too_long:
            name = name[:_NAME_KEPT]
            self.tags.quoted = len(self._family) == 1
            tag = self.tags.bare(name)
        replacement = self._start_tag(tag, name, found.end())
        if self._inline is not None:
            inline, self._inline = self._inline, None
            replacement = self._capture(inline)
        return tag if replacement is None else replacement

    def _long_tag(self, head: bytes) -> bytes:
        """The name becomes that of an unknown element, and a style that comes is a second one."""
        found = _TAG_NAME.match(head)
        name = found[1].lower() if found else b""
        self._long_name = b""
        if head.startswith(b"</"):
            self._end_tag(name)
            return head
        self._long_name = name[:_NAME_KEPT] + b"-consent"
        bare = b"<" + self._long_name + b">"
        before = (self._start_tag(bare, self._long_name, len(bare) - 1) or b"").removesuffix(bare)
        cut = 1 + len(name)
        return before + head[:cut] + b"-consent style=x " + head[cut:]

    def _long_tag_over(self, *, closed: bool) -> None:
        if closed and self._long_name and self.tree.foreign:
            self._end_tag(self._long_name)

    def _doctype(self) -> None:
        if self._placement is not None:
            self._placement.doctype()

    # --- tags -----------------------------------------------------------------------------------

    def _end_tag(self, name: bytes) -> None:
        if self._own_end:
            self._own_end = False
            other = self._without_scripting
            if other is not None and other.hidden:
                self._pass_on()
                other.hidden = False
            return
        if not self._idle:
            self.tree.end_tag(name)
            self._look()
            self._check_captured()
        if self._placement is not None:
            self._placement.end_tag(name)

    def _start_tag(self, tag: bytes, name: bytes, name_end: int) -> bytes | None:
        """Handle a complete start tag; returns what replaces it, or None to let it pass."""
        admitted = self._admit(tag, name, name_end)
        if admitted is None:
            return b"&lt;" + tag[1:]
        foreign, drop = admitted
        before = inside = behind = b""
        shown = True
        if self._placement is not None:
            state = self._placement.state
            before, inside, behind = self._placement.start_tag(name, tag)
            if self._placement.state != state:
                self._look()
            shown = self._placement is None
        others = len(self._family) - 1
        self.tags.quoted = others == 0 or (self.hidden and others == 1)
        found: bytes | Inline | None
        if foreign or self.tree.unsure:
            values = attribute_values(tag, name_end)
            found = self.tags.rewrite(tag, name, values, foreign=True, shown=shown and not foreign)
        else:
            found = self.tags.plain(tag, name, shown=shown)
        if not (foreign or drop):
            self._open_text(name)
        if isinstance(found, Inline):
            if drop or (foreign and closes_itself(tag)):
                return before + tag
            if before:  # what the tag waits for must not hold it back
                self._out.append(before)
            if not foreign:
                self._inline = found
                return None
            return self._capture(found)
        if inside:
            found = found or tag
            found = found[: 1 + len(name)] + inside + found[1 + len(name) :]
        if before or behind:
            return before + (tag if found is None else found) + behind
        return found

    def _admit(self, tag: bytes, name: bytes, name_end: int) -> tuple[bool, bool] | None:
        """Take a start tag in; None when it is too much and must not be one.

        Returns:
            Whether the element is a foreign one, and whether it is dropped.
        """
        foreign = drop = False
        if not self._idle or name in EVENTFUL:
            if self.tree.full:
                self._too_often()
                return None
            if name in OPENERS and not self._settle(name):
                return None
            drop = self.tree.drops(name)
            foreign = not drop and self._grow(tag, name, attribute_values(tag, name_end))
        if not (foreign or drop):
            if name == b"noscript" and not (self._apart or self._read_without_scripting()):
                return None
            if name == b"base" and not self.tree.in_template:
                self.tags.find_base(attribute_values(tag, name_end))
        return foreign, drop

    def _grow(self, tag: bytes, name: bytes, values: dict[bytes, bytes]) -> bool:
        """Tell the tree; returns whether the element is a foreign one."""
        encoding = values.get(b"encoding", b"").lower()
        foreign = self.tree.start_tag(name, values, encoding, closes_itself(tag))
        self._look()
        self._check_captured()
        return foreign

    def _read_without_scripting(self) -> bool:
        """Without scripting, the text of a ``<noscript>`` is markup; False when it's too much."""
        if not self._scripting:
            return True
        if self._without_scripting is None:
            self._without_scripting = self._fork(self.tree.copy(), scripting=False)
        if self._without_scripting is None:
            return False
        self._without_scripting.hidden = True
        return True
