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
    """

    def __init__(self, limits: LimitSettings, tree: Tree) -> None:
        self.tree = tree
        self._limits = limits
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
        self._final = False
        self._held = bytearray()
        self._tag_end: TagEnd | None = None

    @abstractmethod
    def _markup(self, data: bytes, position: int) -> int:
        """The data state: text and tags."""

    @abstractmethod
    def _whole_tag(self, tag: bytes) -> bytes:
        """What goes out for a tag that came in pieces; more than the limit if it was too long."""

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
        size = self._slice
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            if self._shut:
                piece = _as_text(piece)
            tail, self._tail = self._tail, b""
            self._seen = len(tail)
            self._run(tail + piece)

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
            if self.tree.foreign:
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
        room = self._limits.tag_bytes + 1 - len(self._held)
        self._held += data[position : min(position + room, len(data) if end < 0 else end)]
        if end < 0:
            return len(data)
        self._mode = self._data_state
        tag = bytes(self._held)
        self._held.clear()
        self._out.append(self._whole_tag(tag))
        return end
