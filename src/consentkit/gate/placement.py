"""Where our parts go into a page: the head part right after ``<head>``, the banner right after
``<body>``, and, when a document leaves these tags out, where the parser would open them
(WHATWG HTML 13.2.6.4.1 to 13.2.6.4.7, the "before html" to "after head" insertion modes).

A fragment (no doctype, no html, head or body tag before its content) gets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from consentkit.gate.charrefs import decode_attribute
from consentkit.gate.inert import attribute_values
from consentkit.gate.scanner import from_head_to_body, prelude

__all__ = ["HEAD_CONTENT", "Insertions", "Placement", "nothing"]


def nothing(language: str) -> bytes:  # noqa: ARG001
    """Nothing, in any language."""
    return b""


class Insertions(NamedTuple):
    """What is put into a document.

    Attributes:
        head: right after ``<head>``.
        body: makes what goes right after ``<body>``, not into framesets. It is given the page's
            language, which is the ``lang`` of its ``<html>`` tag or an empty string, and is asked
            once, or never for what turns out to be a fragment.
        html: attributes for the ``<html>`` tag, starting with a space.
    """

    head: bytes = b""
    body: Callable[[str], bytes] = nothing
    html: bytes = b""


HEAD_CONTENT = frozenset(
    b"base basefont bgsound link meta title style script noscript template noframes".split()
)

_BLANK = re.compile(rb"[\t\n\f\r ]*+")
_BLANK_START = re.compile(rb"[\t\n\f\r \xef\xbb\xbf]*+")  # a byte order mark is no text

_MARK = b"data-consentkit-state"

_START, _LOOSE, _BEFORE_HEAD, _IN_HEAD, _AFTER_HEAD, _DONE = range(6)


class Placement:
    """Follows the tags of a page until everything is placed; then ``pending`` is false.

    Attributes:
        state: how far things have come.
    """

    def __init__(self, insertions: Insertions) -> None:
        self._insertions = insertions
        self.state = _START
        self._templates = 0
        self._language = ""

    @property
    def pending(self) -> bool:
        """Whether something may still have to be put in."""
        return self.state != _DONE

    @property
    def waits(self) -> bool:
        """Whether blank text, titles and meta tags change nothing."""
        return self.state in (_LOOSE, _IN_HEAD, _AFTER_HEAD) and not self._templates

    def opening(self, data: bytes, position: int) -> tuple[bytes, int] | None:
        """Take in how nearly all documents begin, through ``<head>``, or go on, through ``<body>``.

        Returns:
            What goes out for it, and where it ends; None when the page does otherwise.
        """
        ours = self._insertions
        if self.state == _START:
            found = prelude.match(data, position)
            if found is None or _MARK in found.group():
                return None
            self.state = _IN_HEAD
            name_end, end = found.start(1), found.end()
            self._find_language(found.group(1), 0)
            return data[position:name_end] + ours.html + data[name_end:end] + ours.head, end
        if self.state in (_IN_HEAD, _AFTER_HEAD) and not self._templates:
            found = from_head_to_body.match(data, position)
            if found is not None:
                self.state = _DONE
                return found.group() + ours.body(self._language), found.end()
        return None

    def blank(self, data: bytes, position: int, end: int) -> int:
        """Where the white space ends that ``data`` has between ``position`` and ``end``."""
        found = (_BLANK_START if self.state == _START else _BLANK).match(data, position, end)
        return found.end() if found else position

    def doctype(self) -> None:
        """A doctype was seen: this is a document."""
        if self.state == _START:
            self.state = _BEFORE_HEAD

    def text(self) -> bytes:
        """Text that is not white space comes next; returns what goes before it."""
        return b"" if self._templates else self._content()

    def end(self) -> bytes:
        """The page ended; returns what goes behind its last byte."""
        return b"" if self._templates else self._content()

    def end_tag(self, name: bytes) -> None:
        """An end tag was seen."""
        if name == b"template":
            self._templates = max(0, self._templates - 1)
        elif name == b"head" and self.state == _IN_HEAD and not self._templates:
            self.state = _AFTER_HEAD

    def start_tag(self, name: bytes, tag: bytes) -> tuple[bytes, bytes, bytes]:
        """A start tag was seen, in full.

        Returns:
            What goes before the tag, into it as attributes, and behind it.
        """
        if self._templates:
            self._templates += name == b"template"
            return b"", b"", b""
        state, ours = self.state, self._insertions
        if name == b"html":
            if _MARK in tag:  # a gate further in has put everything in already
                self.state = _DONE
                return b"", b"", b""
            if state == _START:
                self.state = _BEFORE_HEAD
            if state not in (_START, _BEFORE_HEAD):
                return b"", b"", b""
            self._find_language(tag, len(b"<html"))
            return b"", ours.html, b""
        if name == b"head":
            if state in (_START, _BEFORE_HEAD):
                self.state = _IN_HEAD
                return b"", b"", ours.head
            return b"", b"", b""
        if name == b"body":
            self.state = _DONE
            head = ours.head if state in (_START, _LOOSE, _BEFORE_HEAD) else b""
            return head if state == _BEFORE_HEAD else b"", b"", self._behind_body(state, head)
        if name == b"frameset":
            self.state = _DONE
            return ours.head if state == _BEFORE_HEAD else b"", b"", b""
        if name in HEAD_CONTENT:
            self._templates += name == b"template"
            if state == _START:
                self.state = _LOOSE
            elif state == _BEFORE_HEAD:
                self.state = _IN_HEAD
                return ours.head, b"", b""
            return b"", b"", b""
        return self._content(), b"", b""

    def _find_language(self, tag: bytes, position: int) -> None:
        self._language = decode_attribute(attribute_values(tag, position).get(b"lang", b""))

    def _behind_body(self, state: int, head: bytes) -> bytes:
        body = self._insertions.body(self._language)
        return body if state == _BEFORE_HEAD else head + body

    def _content(self) -> bytes:
        """What has to stand before the first content of a body that has no tag of its own."""
        state, self.state = self.state, _DONE
        if state == _BEFORE_HEAD:
            return self._insertions.head + self._insertions.body(self._language)
        if state in (_IN_HEAD, _AFTER_HEAD):
            return self._insertions.body(self._language)
        return b""
