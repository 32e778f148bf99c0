"""The text of elements whose content is no markup: where it ends, and what is made of it."""

from __future__ import annotations

from abc import abstractmethod

from consentkit.gate.family import Relative
from consentkit.gate.memory import Inline
from consentkit.gate.rawtext import Captured, Finder, ScriptFinder, finder
from consentkit.gate.scanner import RAW_TEXT, plain_noscript
from consentkit.gate.scanner import tag as whole_tag

__all__ = ["TextReader"]

# What is not complete at the end of a chunk is looked at anew with the next one, up to this length.
_WAITING = 16_384


class TextReader(Relative):
    """A reading that knows raw text; the arguments are those of :class:`Relative`."""

    _finder: Finder | ScriptFinder = finder(b"title")
    _own_end = False
    _captured_depth = 0
    _inline: Inline | None = None
    # Whether the text of the <noscript> that opens now is gated by itself.
    _apart = False

    @property
    def _in_text(self) -> bool:
        """Whether this is raw text."""
        return self._mode is TextReader._raw_text

    @abstractmethod
    def _within(self) -> Relative:
        """A reading of its own for what stands within a ``<noscript>``."""

    @abstractmethod
    def _end_tag(self, name: bytes) -> None:
        """Handle an end tag."""

    def _may_wait(self, data: bytes, position: int) -> bool:
        """Whether what begins here and is not complete may be looked at anew when more has come.

        Only once, and not if it is long: then it is followed as it comes, each byte once.
        """
        short = len(data) - position <= _WAITING
        return short and position >= self._seen and not self._final

    def _ends_by_itself(self, data: bytes, position: int) -> bool:
        """Whether the text of a ``<noscript>`` is all here and both readings agree where it ends;
        then they need not be followed any further."""
        if not (self._alone and self._scripting):
            return False
        end, _ = finder(b"noscript").find(data, position)
        inside = plain_noscript.match(data, position, end) if end >= 0 else None
        return inside is not None and inside.end() == end and whole_tag.match(data, end) is not None

    def _text_at_once(
        self, data: bytes, start: int, tag: int, position: int, *, again: bool = False
    ) -> tuple[int, int]:
        """Take in raw text that is all here.

        Args:
            start: from where on ``data`` has not gone out.
            tag: where the tag starts that opened it.
            position: where the text starts.
            again: whether the tag may be handled anew when more has come.

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
                if again and self._may_wait(data, tag):
                    self._tail = data[tag:]
                    self._mode = self._data_state
                    return len(data), len(data)
                self._capture(inline)
                start = position
            return start, position
        if inline is not None:
            opener = self.tags.weigh(inline, data[position:end], self._limits.script_bytes)
            if opener is not inline.tag:
                self._out += (data[start:tag], opener)
                start = position
        if self._apart:
            self._apart = False
            inside = self._within()
            gated = inside.feed(data[position:end]) + inside.close()
            if gated != data[position:end]:
                self._out += (data[start:position], gated)
                start = end
        self._mode = self._data_state
        return start, found.end()

    def _open_text(self, name: bytes) -> None:
        """Switch to the text state that an HTML start tag asks for (13.2.6.4.4, 13.2.6.4.7)."""
        if name == b"plaintext":
            self._begin_plaintext()
        elif name in RAW_TEXT and (name != b"noscript" or self._scripting):
            self._finder = finder(name)
            self._mode = TextReader._raw_text

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
        self._mode = self._data_state
        self._own_end = True
        found = whole_tag.match(data, end)
        if found is None:
            return self._no_tag(data, end)
        self._end_tag(found[2].lower())
        self._out.append(found.group())
        return found.end()

    def _capture(self, inline: Inline) -> bytes:
        """Hold a tag back until the text that it opens is over."""
        self._add_captured()
        if self._captured is None:
            self._flush()
            self._captured = Captured()
            self._captured_depth = self.tree.depth if inline.foreign else 0
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
