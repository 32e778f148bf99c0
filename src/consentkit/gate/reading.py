"""One reading of a page: its tags, its raw text, and what follows from them.

Where browsers may read on in two ways (``<noscript>`` with and without scripting, an old and a new
``<select>``, an end tag that may or may not leave svg), a second reading is started. It sees what
the first one puts out and makes inert what only it takes for a tag. As long as there are two, what
they add holds no quotes and no ``<`` or ``>``, so that neither makes the other stumble, whose
attribute value or comment it may be. When both have come to stand at the same place again, the
second one ends.
"""

from __future__ import annotations

import re

from consentkit.gate.inert import attribute_values, closes_itself
from consentkit.gate.placement import Placement
from consentkit.gate.rawtext import Captured, Finder, ScriptFinder, finder
from consentkit.gate.scanner import RAW_TEXT, dull, dull_foreign, dull_watchful
from consentkit.gate.scanner import tag as whole_tag
from consentkit.gate.scanner import text as only_text
from consentkit.gate.tags import Inline, TagRewriter
from consentkit.gate.tokenizer import Tokenizer
from consentkit.gate.tree import OPENERS, Tree
from consentkit.settings import LimitSettings

__all__ = ["Reading"]

_TAG_NAME = re.compile(rb"</?([^\t\n\f\r />]*+)")
_READINGS = 4
_NAME_KEPT = 64
# The start tags that change more about the tree than what is inside them.
_EVENTFUL = frozenset({b"svg", b"math", b"template", b"select", b"frameset", b"col"})


class Reading(Tokenizer):
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
        family: list[Reading] | None = None,
        scripting: bool = True,
    ) -> None:
        super().__init__(limits, tree or Tree())
        self.tags = tags
        self._placement = placement
        # How the tree lets us pass over what does not matter; see _look.
        self._idle = True
        self._dull = dull
        self._scripting = scripting
        self._family = [self] if family is None else family
        self.next: Reading | None = None
        self._without_scripting: Reading | None = None
        # Whether what this reading sees is raw text to the one that started it.
        self.hidden = False
        self._ready: list[bytes] = []
        # Raw text, and scripts and style sheets that wait to be judged.
        self._finder: Finder | ScriptFinder = finder(b"title")
        self._own_end = False
        self._captured: Captured | None = None
        self._captured_depth = 0
        self._inline: Inline | None = None
        self._look()

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the page; returns those that may go out."""
        self._slices(data)
        return self._take()

    def close(self) -> bytes:
        """The page is complete; returns what was still held back."""
        data, self._tail, self._final = self._tail, b"", True
        self._run(data)
        if self._mode == self._tag_in_pieces:
            # An unfinished tag is no tag (13.2.5, EOF in tag); its bytes are harmless.
            self._out.append(bytes(self._held))
        if self._captured is not None:
            self._judge_captured()
        if self._placement is not None and self._mode == self._markup:
            self._out.append(self._placement.end())
        last = self._take()
        return last + self.next.close() if self.next is not None else last

    def _take(self) -> bytes:
        if self._captured is not None:
            self._captured.add(self._out)
            self._out.clear()
            if self._captured.size > self._limits.script_bytes:
                self._judge_captured()
        if self._captured is None:
            self._flush()
        ready, self._ready = self._ready, []
        return b"".join(ready)

    # --- several readings -----------------------------------------------------------------------

    def _pass_on(self) -> None:
        """Give the others what is done; one that stands where we stand is no longer needed.

        Happens before each tag that counts: what becomes of it must not depend on the chunks.
        """
        if self.next is None or self._captured is not None:
            return
        out = b"".join(self._out)
        self._out.clear()
        if out:
            self._ready.append(self.next.feed(out))
        before: Reading = self
        other: Reading | None = self.next
        while other is not None:
            if self.rests and other.rests and self.tree.join(other.tree):
                self._look()
                self._family.remove(other)
                if other is self._without_scripting:
                    self._without_scripting = None
                before.next = other.next
                before.take_over(other)
            else:
                before = other
            other = before.next

    def take_over(self, other: Reading) -> None:
        """Let out what a reading still had that ends behind this one."""
        if other._tail:
            self._ready.append(other._tail if self.next is None else self.next.feed(other._tail))

    @property
    def rests(self) -> bool:
        """Whether nothing is open that this reading waits for the end of.

        A lone ``<`` is nothing: where two readings are compared, a tag or the end comes next.
        """
        return self._mode == self._markup and self._tail in (b"", b"<") and self._captured is None

    def _fork(self, tree: Tree, *, scripting: bool = True) -> Reading | None:
        """Start another reading of what follows; None when there are too many."""
        if len(self._family) >= _READINGS:
            return None
        other = Reading(
            self.tags.second(),
            self._limits,
            tree=tree,
            family=self._family,
            scripting=scripting and self._scripting,
        )
        self._family.append(other)
        if self._captured is None:
            self._link(other)
        else:  # it must not see what is held back from before
            self._captured.add(self._out)
            self._out.clear()
            self._captured.hold(lambda: self._link(other))
        return other

    def _flush(self) -> None:
        """Part with what is done."""
        self._pass_on()
        self._ready += self._out
        self._out.clear()

    def _link(self, other: Reading) -> None:
        self._flush()
        other.next, self.next = self.next, other

    def _settle(self, name: bytes) -> bool:
        """Follow both ways where an opener can be taken in two; False when that is too much."""
        while (both := self.tree.doubt(name)) is not None:
            if self._fork(both[1]) is None:
                return False
            self.tree = both[0]
            self._look()
        return True

    # --- markup ---------------------------------------------------------------------------------

    def _markup(self, data: bytes, position: int) -> int:
        """The data state: text and tags. Returns up to where ``data`` is done with."""
        start, size = position, len(data)
        out = self._out
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
            end = found.end()
            name = found[2].lower()
            if not self._idle or self.next or self._placement or name == b"noscript":
                out.append(data[start:position])
                start = position
                self._pass_on()
            if found[1]:
                self._end_tag(name)
                replacement = None
            else:
                replacement = self._start_tag(found.group(), name, found.end(2) - position)
            if replacement is not None:
                out += (data[start:position], replacement)
                start = end
            if self._mode == self._raw_text:
                start, end = self._text_at_once(data, start, position, end)
            position = end
            if self._mode != self._markup:
                out.append(data[start:position])
                return position

    def _text_at_once(self, data: bytes, start: int, tag: int, position: int) -> tuple[int, int]:
        """Take in raw text that is all here.

        Args:
            start: from where on ``data`` has not gone out.
            tag: where the tag starts that opened it.
            position: where the text starts.

        Returns:
            The new ``start``, and where to go on.
        """
        inline, self._inline = self._inline, None
        end, found = -1, None
        if self.next is None and self._captured is None:
            end, _ = self._finder.find(data, position)
            found = whole_tag.match(data, end) if end >= 0 else None
        if found is None:
            self._finder.restart()
            if inline is not None:
                self._out.append(data[start:tag])
                self._capture(inline)
                start = position
            return start, position
        if inline is not None:
            opener = self.tags.weigh(inline, data[position:end], self._limits.script_bytes)
            if opener is not inline.tag:
                self._out += (data[start:tag], opener)
                start = position
        self._mode = self._markup
        return start, found.end()

    def _look(self) -> None:
        """See what must be looked at where the tree stands now."""
        tree = self.tree
        self._idle = tree.idle
        if self._placement is not None and not self._placement.pending:
            self._placement = None
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
        too_long = len(tag) > self._limits.tag_bytes
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
        foreign = drop = False
        values = attribute_values(tag, name_end)
        if not self._idle or name in _EVENTFUL:
            if self.tree.full or (name in OPENERS and not self._settle(name)):
                return b"&lt;" + tag[1:]
            drop = self.tree.drops(name)
            foreign = not drop and self._grow(tag, name, values)
        if not (foreign or drop):
            if name == b"noscript" and self._scripting and not self._read_without_scripting():
                return b"&lt;" + tag[1:]
            if name == b"base" and not self.tree.in_template:
                self.tags.find_base(values)
        before = inside = behind = b""
        shown = True
        if self._placement is not None:
            before, inside, behind = self._placement.start_tag(name, tag)
            self._look()
            shown = self._placement is None
        others = len(self._family) - 1
        self.tags.quoted = others == 0 or (self.hidden and others == 1)
        found = self.tags.rewrite(
            tag, name, values, foreign=foreign or self.tree.unsure, shown=shown and not foreign
        )
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

    def _grow(self, tag: bytes, name: bytes, values: dict[bytes, bytes]) -> bool:
        """Tell the tree; returns whether the element is a foreign one."""
        encoding = values.get(b"encoding", b"").lower()
        foreign = self.tree.start_tag(name, values, encoding, closes_itself(tag))
        self._look()
        self._check_captured()
        return foreign

    def _read_without_scripting(self) -> bool:
        """Without scripting, the text of a ``<noscript>`` is markup; False when it's too much."""
        if self._without_scripting is None:
            other = self._fork(self.tree.copy(), scripting=False)
            if other is None:
                return False
            self._without_scripting = other
        self._without_scripting.hidden = True
        return True

    # --- raw text -------------------------------------------------------------------------------

    def _open_text(self, name: bytes) -> None:
        """Switch to the text state that an HTML start tag asks for (13.2.6.4.4, 13.2.6.4.7)."""
        if name == b"plaintext":
            self._mode = self._plaintext
        elif name in RAW_TEXT and (name != b"noscript" or self._scripting):
            self._finder = finder(name)
            self._mode = self._raw_text

    def _raw_text(self, data: bytes, position: int) -> int:
        end, seen = self._finder.find(data, position)
        if end < 0:
            seen = len(data) if self._final else seen
            self._out.append(data[position:seen])
            self._tail = data[seen:]
            return len(data)
        self._out.append(data[position:end])
        if self._captured is not None:
            self._judge_captured()
        # The end tag of raw text closes that and nothing else.
        self._mode = self._markup
        self._own_end = True
        found = whole_tag.match(data, end)
        if found is None:
            return self._no_tag(data, end)
        self._end_tag(found[2].lower())
        self._out.append(found.group())
        return found.end()

    def _capture(self, inline: Inline) -> bytes:
        """Hold a tag back until the text that it opens is over."""
        if self._captured is None:
            self._flush()
            self._captured = Captured()
            self._captured_depth = self.tree.depth if inline.foreign else 0
        self._captured.add(self._out)
        self._out.clear()
        self._captured.hold(inline)
        return b""

    def _check_captured(self) -> None:
        """Whether the svg element whose text is awaited is still open."""
        if self._captured is not None and self.tree.depth < self._captured_depth:
            self._judge_captured()

    def _judge_captured(self) -> None:
        captured = self._captured
        if captured is None:
            return
        captured.add(self._out)
        self._out.clear()
        self._captured = None
        too_long = captured.size > self._limits.script_bytes
        for part in captured.release(self.tags, too_long=too_long):
            if isinstance(part, bytes):
                self._out.append(part)
            else:
                part()
