"""Several readings of one page, and what goes from one to the next.

Where browsers may read on in two ways (``<noscript>`` with and without scripting, an old and a new
``<select>``, an end tag that may or may not leave svg), a second reading is started. It sees what
the first one puts out and makes inert what only it takes for a tag. As long as there are two, what
they add holds no quotes and no ``<`` or ``>``, so that neither makes the other stumble, whose
attribute value or comment it may be. When both have come to stand at the same place again, the
second one ends.
"""

from __future__ import annotations

from abc import abstractmethod

from consentkit.gate.rawtext import Captured
from consentkit.gate.tags import TagRewriter
from consentkit.gate.tokenizer import Tokenizer
from consentkit.gate.tree import Tree
from consentkit.settings import LimitSettings

__all__ = ["Family", "Relative"]

# How many readings there may be at once. What would need more is no tag any longer.
_READINGS = 4
# How many openers of a page may be in doubt or too deep; then no tag may begin any more.
_DOUBTS = 256

# How many times as long "data-consent-" can make a tag of nothing but short attributes, and as
# much again for the marks of all readings.
_GROWTH = 8


class Family(list["Relative"]):
    """All readings of a page that are under way, the first one first.

    Attributes:
        doubts: how many openers were in doubt or too deep.
    """

    doubts = 0


class Relative(Tokenizer):
    """A reading among others.

    Args:
        tags: rewrites the start tags.
        tree: where the parser stands.
        family: all readings of the page; this one alone when left out.
        scripting: whether it reads as a browser that runs scripts.

    Attributes:
        next: the reading that sees what this one puts out.
        hidden: whether what this reading sees is raw text to the one that started it.
    """

    def __init__(
        self,
        tags: TagRewriter,
        limits: LimitSettings,
        tree: Tree,
        family: Family | None,
        *,
        scripting: bool,
    ) -> None:
        # A tag that was short enough must not be too long with what earlier readings put into it.
        room = limits.tag_bytes if family is None else limits.tag_bytes * _GROWTH
        super().__init__(limits, tree, room)
        self.tags = tags
        self._scripting = scripting
        self._idle = True
        self._family = Family([self]) if family is None else family
        self.next: Relative | None = None
        self.hidden = False
        self._without_scripting: Relative | None = None
        self._ready: list[bytes] = []
        self._captured: Captured | None = None

    @abstractmethod
    def _another(self, tree: Tree, *, scripting: bool) -> Relative:
        """Another reading of what follows, of the same family."""

    @abstractmethod
    def _look(self) -> None:
        """See what must be looked at where the tree stands now."""

    @abstractmethod
    def _judge_captured(self) -> None:
        """Nothing more is waited for: judge it."""

    @abstractmethod
    def _end(self) -> None:
        """The page is over."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the page; returns those that may go out."""
        self._slices(data)
        return self._take()

    def close(self) -> bytes:
        """The page is complete; returns what was still held back."""
        data, self._tail, self._final = self._tail, b"", True
        self._run(data)
        if self.in_pieces:
            # An unfinished tag is no tag (13.2.5, EOF in tag); its bytes are harmless.
            self._out.append(bytes(self._held))
        if self._captured is not None:
            self._judge_captured()
        self._end()
        last = self._take()
        if self.next is not None:
            last += self.next.close()
        self._family.clear()
        return last

    def _slice_over(self) -> None:
        self._add_captured()

    def _add_captured(self) -> None:
        """Hold back what would go out now, unless that is too much.

        It is asked after each slice and before anything else is held back, not at the end of a
        chunk, so that chunks make no difference.
        """
        if self._captured is not None:
            self._captured.add(self._out)
            self._out.clear()
            if self._captured.size > self._limits.script_bytes:
                self._judge_captured()

    def _take(self) -> bytes:
        if self.next is None and self._captured is None and not self._ready:
            ready = b"".join(self._out)  # the ordinary case
            self._out.clear()
            return ready
        if self._captured is None:
            self._flush()
        ready = b"".join(self._ready)
        self._ready.clear()
        return ready

    @property
    def _alone(self) -> bool:
        """Whether this is plain HTML content and no other reading is on."""
        return self._idle and len(self._family) == 1

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
        before: Relative = self
        other: Relative | None = self.next
        rests = self.rests
        behind = False  # whether the other one has not seen yet all that this one has
        while other is not None:
            if rests and not behind and other.rests and self.tree.join(other.tree):
                self._look()
                self._family.remove(other)
                if other is self._without_scripting:
                    self._without_scripting = None
                before.next = other.next
                before.take_over(other)
            else:
                before = other
                behind = behind or before.holds
            other = before.next

    def take_over(self, other: Relative) -> None:
        """Let out what a reading still had that ends behind this one."""
        if other._tail:
            self._ready.append(other._tail if self.next is None else self.next.feed(other._tail))

    @property
    def rests(self) -> bool:
        """Whether nothing is open that this reading waits for the end of.

        A lone ``<`` is nothing: where two readings are compared, a tag or the end comes next.
        """
        return (
            self._mode is self._data_state and self._tail in (b"", b"<") and self._captured is None
        )

    @property
    def holds(self) -> bool:
        """Whether it has bytes that it has not passed on yet."""
        return bool(self._tail or self._held) or self._captured is not None

    @property
    def _keeps_all(self) -> bool:
        return len(self._family) > 1 and not self.tree.full

    def _fork(self, tree: Tree, *, scripting: bool = True) -> Relative | None:
        """Start another reading of what follows; None when there are too many."""
        if len(self._family) >= _READINGS:
            return None
        other = self._another(tree, scripting=scripting and self._scripting)
        self._add_captured()
        self._family.append(other)
        if self._captured is None:
            self._link(other)
        else:  # it must not see what is held back from before
            self._captured.hold(lambda: self._link(other))
        return other

    def _flush(self) -> None:
        """Part with what is done."""
        self._pass_on()
        self._ready += self._out
        self._out.clear()

    def _link(self, other: Relative) -> None:
        self._flush()
        other.next, self.next = self.next, other

    def _settle(self, name: bytes) -> bool:
        """Follow both ways where an opener can be taken in two; False when that is too much."""
        while self.tree.doubtful(name):
            if self._too_often():
                return False
            likely, other = self.tree.doubt(name)
            if self._fork(other) is None:
                return False
            self.tree = likely
            self._look()
        return True

    def _too_often(self) -> bool:
        """Whether too many openers were in doubt or too deep.

        Nobody writes such a page in good faith: what is left of it goes out as text.
        """
        self._family.doubts += 1
        if self._family.doubts <= _DOUBTS:
            return False
        self._shut = self._family[0] is self
        return True
