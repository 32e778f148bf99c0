"""Raw text: where it ends, and what is made of a script or style sheet once all of it is there."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator

from consentkit.gate.judge import UNKNOWN, Judge, Verdict
from consentkit.gate.memory import Inline
from consentkit.gate.patterns import NAME_END
from consentkit.gate.scanner import RAW_TEXT
from consentkit.gate.tags import TagRewriter
from consentkit.gate.urls import Location

__all__ = ["Captured", "Finder", "ScriptFinder", "finder"]


class Finder:
    """Finds the end of raw text: the element's own end tag (13.2.5.12, the RAWTEXT states)."""

    def __init__(self, name: bytes) -> None:
        self._pattern = re.compile(rb"</" + re.escape(name) + NAME_END, re.IGNORECASE)
        self.overlap = len(name) + 2

    def restart(self) -> None:
        """Forget what was found: the text begins anew."""

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
    _end = re.compile(rb"</[sS][cC][rR][iI][pP][tT]" + NAME_END)
    _tokens = re.compile(rb"<!--|-->|<(/?)script" + NAME_END, re.IGNORECASE)
    _plain, _escaped, _double = range(3)

    def __init__(self) -> None:
        self._state = self._plain

    def restart(self) -> None:
        """As :meth:`Finder.restart`."""
        self._state = self._plain

    def find(self, data: bytes, position: int) -> tuple[int, int]:
        """As :meth:`Finder.find`."""
        if self._state == self._plain:  # most scripts hold no comment: a short way
            end = data.find(b"</", position)
            while end >= 0 and not self._end.match(data, end):
                end = data.find(b"</", end + 2)
            if end >= 0 and data.find(b"<!--", position, end) < 0:
                return end, end
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


_FINDERS = {name: Finder(name) for name in RAW_TEXT}


def finder(name: bytes) -> Finder | ScriptFinder:
    """What finds the end of the text in an element of this name."""
    return ScriptFinder() if name == b"script" else _FINDERS[name]


# What stands between the pieces of text of an svg script; it is no part of the code.
_NO_TEXT = re.compile(rb"<!--.*?-->|<!\[CDATA\[|\]\]>|<[^>]*+>", re.S)

# How much of a text is looked at to see what it begins with.
_BEGINNING = 4_096


class Captured:
    """Tags that wait, and all that came after the first of them."""

    def __init__(self) -> None:
        self._parts: list[bytearray | Inline | Callable[[], None]] = []
        self.size = 0

    def hold(self, part: Inline | Callable[[], None]) -> None:
        """Add a tag that waits for what follows it, or what is to be done between two bytes."""
        self._parts.append(part)

    def add(self, pieces: Iterable[bytes]) -> None:
        """Add what follows, bytes that are ready to go out."""
        text = b"".join(pieces)
        if not text:
            return
        self.size += len(text)
        if self._parts and isinstance(self._parts[-1], bytearray):
            self._parts[-1] += text
        else:
            self._parts.append(bytearray(text))

    def release(self, tags: TagRewriter, *, too_long: bool) -> Iterator[bytes | Callable[[], None]]:
        """Everything in order, the tags as their text deserves."""
        found = UNKNOWN if too_long else self._verdict(tags.judge, tags.base)
        for part, text in zip(self._parts, self._beginnings(), strict=True):
            if isinstance(part, Inline):
                bare = _bare(text) if part.foreign else text
                yield tags.opener(part, found, None if too_long else bare)
            else:
                yield bytes(part) if isinstance(part, bytearray) else part

    def _beginnings(self) -> list[bytes]:
        """How the text behind each part begins, other tags that wait left out."""
        beginnings = []
        text = b""
        for part in reversed(self._parts):
            beginnings.append(text)
            if isinstance(part, bytearray):
                text = (bytes(part[:_BEGINNING]) + text)[:_BEGINNING]
        return beginnings[::-1]

    def _verdict(self, judge: Judge, base: Location | None) -> Verdict:
        waiting = [part for part in self._parts if isinstance(part, Inline)]
        texts = [part for part in self._parts if isinstance(part, bytearray)]
        readings = [b"\n".join(texts)]
        if any(part.foreign for part in waiting):  # its markup and references are undone first
            readings.append(_bare(b"".join(texts)))
        verdicts: list[Verdict] = []
        if any(part.script for part in waiting):
            # Several pieces of code are not one script: nothing in them can be left out.
            whole = len(waiting) == 1 and not waiting[0].foreign
            verdicts += map(judge.script if whole else judge.code, readings)
        if not all(part.script for part in waiting):
            verdicts += (judge.css(reading, base) for reading in readings)
        return judge.all(verdicts)


def _bare(text: bytes | bytearray) -> bytes:
    """The text of a foreign element, its markup and references undone."""
    bare = _NO_TEXT.sub(b"", text).decode("utf-8", "surrogateescape")
    return html.unescape(bare).encode("utf-8", "surrogateescape")
