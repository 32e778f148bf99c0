"""The states of the tokenizer in which nothing is decided (WHATWG HTML 13.2.5): comments and the
like, plain text, and a tag that arrives in pieces.

Each state is a method that takes ``data`` from a position on and returns up to where it is done.
What it may part with goes to ``_out``, what it cannot tell yet to ``_tail``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from consentkit.gate.scanner import TagEnd
from consentkit.gate.tree import CDATA, Tree
from consentkit.settings import LimitSettings

__all__ = ["Tokenizer"]

_LETTER = re.compile(rb"[a-zA-Z]")
_COMMENT_END = re.compile(rb"--!?>")
_BOGUS_END = re.compile(rb">")
_CDATA_END = re.compile(rb"\]\]>")
_SLICE = 65_536


def _as_text(markup: bytes) -> bytes:
    return markup.replace(b"<", b"&lt;")


class Tokenizer(ABC):
    """The current state, and what there is of a token that is not complete.

    Args:
        limits: how much of a tag may be held back.
        tree: where the parser stands.
        room: how long a tag may be.
    """

    def __init__(self, limits: LimitSettings, tree: Tree, room: int) -> None:
        self.tree = tree
        self._limits = limits
        self._room = room
        self._slice = min(_SLICE, limits.tag_bytes // 2)
        # Plain functions, not bound: a page that is done with goes without the cycle collector.
        self._data_state: Callable[[Any, bytes, int], int] = type(self)._markup  # noqa: SLF001
        self._mode: Callable[[Any, bytes, int], int] = self._data_state
        # Whether no tag may begin any more.
        self._shut = False
        self._out: list[bytes] = []
        self._tail = b""
        # How much of the data at hand has been seen before, as the tail of what came earlier.
        self._seen = 0
        # How much has come, up to the last whole slice.
        self._fed = 0
        self._final = False
        self._held = bytearray()
        self._tag_end: TagEnd | None = None

    @abstractmethod
    def _markup(self, data: bytes, position: int) -> int:
        """The data state: text and tags."""

    @abstractmethod
    def _whole_tag(self, tag: bytes) -> bytes:
        """What goes out for a tag that came in pieces; more than the limit if it was too long."""

    @property
    @abstractmethod
    def _keeps_all(self) -> bool:
        """Whether every byte of the page must go out, for another reading may depend on it."""

    @abstractmethod
    def _long_tag(self, head: bytes) -> bytes:
        """What goes out for the head of a tag that is too long, when the rest follows as it is."""

    @abstractmethod
    def _long_tag_over(self, *, closed: bool) -> None:
        """Such a tag has ended; ``closed`` if with a slash."""

    @abstractmethod
    def _slice_over(self) -> None:
        """As much has come as is looked at in one go, wherever chunks were cut."""

    @abstractmethod
    def _settle(self, name: bytes) -> bool:
        """Decide, or follow both ways, where ``name`` can be taken in two; False if neither."""

    @abstractmethod
    def _pass_on(self) -> None:
        """Give away what is done, before something that counts."""

    @abstractmethod
    def _doctype(self) -> None:
        """A doctype was seen."""

    def _slices(self, data: bytes) -> None:
        # In slices, so that a tag beyond the limit is never seen whole, wherever chunks are cut.
        start = 0
        while start < len(data):
            piece = data[start : start + self._slice - self._fed]
            start += len(piece)
            self._fed += len(piece)
            if self._shut:
                piece = _as_text(piece)
            tail, self._tail = self._tail, b""
            self._seen = len(tail)
            self._run(tail + piece)
            if self._fed == self._slice:
                self._fed = 0
                self._slice_over()

    def _run(self, data: bytes) -> None:
        position, size = 0, len(data)
        open_before = not self._shut
        while position < size:
            position = self._mode(self, data, position)
            if self._shut and open_before:
                open_before = False
                data, position = _as_text(data[position:]), 0
                size = len(data)

    def _no_tag(self, data: bytes, position: int) -> int:
        """At a ``<`` that no whole tag follows: a comment or the like, or a tag in pieces."""
        following = data[position + 1 : position + 2]
        if following == b"/":
            following = data[position + 2 : position + 3]
            if following and not _LETTER.match(following):
                if following == b">":  # "</>" is nothing at all
                    return self._text(data, position, 3)
                self._mode = Tokenizer._bogus_comment
                return self._text(data, position, 2)
        elif following and following in b"!?":
            return self._declaration(data, position)
        if not following:
            return self._wait(data, position)
        self._pass_on()
        self._tag_end = None
        self._mode = Tokenizer._tag_in_pieces
        # The name's first letter is behind "<" or "</"; slashes there are no part of it.
        head = position + 1 + (data[position + 1 : position + 2] == b"/")
        self._held = bytearray(data[position:head])
        return head

    def _text(self, data: bytes, position: int, length: int) -> int:
        self._out.append(data[position : position + length])
        return position + length

    def _wait(self, data: bytes, position: int) -> int:
        """Wait for more: what is behind ``position`` is too short to tell what it is."""
        if self._final:
            return self._text(data, position, len(data) - position)
        self._tail = data[position:]
        return len(data)

    def _declaration(self, data: bytes, position: int) -> int:
        """``<!`` and ``<?`` (13.2.5.42, markup declaration open)."""
        head = data[position : position + 9]
        if head.startswith(b"<!--"):
            rest = head[4:6]
            if rest.startswith(b">"):
                return self._text(data, position, 5)
            if rest == b"->":
                return self._text(data, position, 6)
            if rest in (b"", b"-") and not self._final:
                return self._wait(data, position)
            self._mode = Tokenizer._comment
            return self._text(data, position, 4)
        upper = head.upper()
        if (
            not self._final
            and len(head) < 9
            and upper
            in (
                b"<!DOCTYPE"[: len(head)],
                b"<![CDATA["[: len(head)],
                b"<!--"[: len(head)],
            )
        ):
            return self._wait(data, position)
        if upper == b"<!DOCTYPE":
            self._doctype()
        if head == b"<![CDATA[":
            self._pass_on()
            if not self._settle(CDATA):
                self._out.append(b"&lt;")
                return position + 1
            if self.tree.takes_cdata:
                self._mode = Tokenizer._cdata
                return self._text(data, position, 9)
        self._mode = Tokenizer._bogus_comment
        return self._text(data, position, 2)

    @property
    def in_pieces(self) -> bool:
        """Whether a tag is not complete yet and is followed as it comes."""
        return self._mode is Tokenizer._tag_in_pieces

    def _begin_plaintext(self) -> None:
        self._mode = Tokenizer._plaintext

    def _plaintext(self, data: bytes, position: int) -> int:
        return self._text(data, position, len(data) - position)

    def _until(self, data: bytes, position: int, end: re.Pattern[bytes], overlap: int) -> int:
        found = end.search(data, position)
        if found is not None:
            self._mode = self._data_state
            self._out.append(data[position : found.end()])
            return found.end()
        keep = len(data) if self._final else max(position, len(data) - overlap)
        self._out.append(data[position:keep])
        self._tail = data[keep:]
        return len(data)

    def _comment(self, data: bytes, position: int) -> int:
        return self._until(data, position, _COMMENT_END, 3)

    def _bogus_comment(self, data: bytes, position: int) -> int:
        return self._until(data, position, _BOGUS_END, 0)

    def _cdata(self, data: bytes, position: int) -> int:
        return self._until(data, position, _CDATA_END, 2)

    def _tag_in_pieces(self, data: bytes, position: int) -> int:
        if self._tag_end is None:
            self._tag_end = TagEnd()
        end = self._tag_end.find(data, position)
        known = len(data) if end < 0 else end
        beyond = min(position + self._room + 1 - len(self._held), known)
        self._held += data[position:beyond]
        if len(self._held) > self._room and self._keeps_all:
            self._out.append(self._long_tag(bytes(self._held)))
            self._mode = Tokenizer._rest_of_tag
            return self._rest(data, beyond, end)
        if end < 0:
            return len(data)
        self._mode = self._data_state
        tag = bytes(self._held)
        self._held.clear()
        self._out.append(self._whole_tag(tag))
        return end

    def _rest_of_tag(self, data: bytes, position: int) -> int:
        """The rest of a tag that is too long to hold and may not be left out."""
        end = -1 if self._tag_end is None else self._tag_end.find(data, position)
        return self._rest(data, position, end)

    def _rest(self, data: bytes, position: int, end: int) -> int:
        known = len(data) if end < 0 else end
        last = (bytes(self._held[-2:]) + data[position:known])[-2:]
        self._held[:] = last
        if end >= 0:
            between = self._tag_end is not None and self._tag_end.between
            self._held.clear()
            self._mode = self._data_state
            self._long_tag_over(closed=last == b"/>" and between)
        return self._text(data, position, known - position)
