"""A short cut to the next thing that matters in plain HTML content.

The exact way (:data:`consentkit.gate.scanner.dull`) looks at every tag. Nearly always it is enough
to jump to the next ``<!--`` or ``<name`` that matters and to prove that it stands where a tag can
begin, not in an attribute's value:

From a place where the tokenizer is in its data state, let ``last`` be the last ``>`` before the
finding, with no ``<`` behind it. No comment and no raw text begins in between, for that would have
been found; so ``last`` is text or ends a tag (or a doctype or bogus comment: these end at their
first ``>`` and go out as they are), unless it stands in a quoted value. In that case the last quote
of its kind before it opened the value, and an opening quote follows a ``=``. Three searches
backwards tell.

Tags that were jumped over must have none of the attributes that make any element worth a look. Such
an attribute does nothing without its ``=``, so one search for those tells. Whenever one of the
two cannot be shown, the exact way is taken up to the finding: each byte is looked at a bounded
number of times, and what goes out is always what goes out by the exact way.
"""

from __future__ import annotations

import re

from consentkit.gate.patterns import NAME_END, W, any_of, heads
from consentkit.gate.scanner import GUARDED, INTERESTING, dull, picture

__all__ = ["Jump"]

_FOUND = INTERESTING - {b"col", b"mglyph", b"malignmark"}  # these count in other content only
_LEAD = re.compile(
    rb"<(?=" + heads(_FOUND | {b"!--"}, 3) + rb")(?:!--|" + any_of(_FOUND) + NAME_END + rb")"
)


def _evidence() -> re.Pattern[bytes]:
    """A ``=`` that may belong to an attribute of any element.

    The two characters before it turn nearly all others away. Behind white space no name is looked
    for. A ``style`` without bracket, backslash, reference and at sign is none.
    """
    ends = (sorted({word[i] for word in GUARDED}) for i in (-2, -1))
    second, last = (re.escape(bytes(letters) + bytes(letters).upper()) for letters in ends)
    tame = rb"(?!\"[^\"(\\&@]*+\"|'[^'(\\&@]*+')"
    words = (
        rb"(?<=(?i:" + re.escape(word) + rb")=)" + (tame if word == b"style" else b"")
        for word in GUARDED
    )
    named = rb"(?<=[" + second + rb"][" + last + rb"]=)(?:" + b"|".join(words) + rb")"
    return re.compile(rb"=(?<=[" + last + W + rb"]=)(?:" + named + rb"|(?<=[" + W + rb"]=))")


_EVIDENCE = _evidence()
_BEFORE_VALUE = frozenset(b"=\t\n\f\r ")


class Jump:
    """Jumps through one piece of a page, forwards."""

    __slots__ = ("_exact", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._exact = 0  # up to where the exact way is taken

    def to(self, start: int) -> int:
        """The first offset from ``start`` on that needs a look: a tag, a comment, or what has no
        end; the length of the data when there is none.

        Args:
            start: where the tokenizer is in its data state.
        """
        data = self.data
        if start < self._exact:
            return _exactly(data, start)
        at = start
        while True:
            found = _LEAD.search(data, at)
            end = at = found.start() if found is not None else len(data)
            last = data.rfind(b">", start, end)
            if last >= 0:
                lower = data.find(b"<", last, end)
            else:
                last = start
                lower = data.find(b"<", start, end)
            if lower >= 0:
                end = lower
            if last > start and (
                _opens(data, data.rfind(b'"', start, last), start)
                or _opens(data, data.rfind(b"'", start, last), start)
                or _EVIDENCE.search(data, start, last) is not None
            ):
                self._exact = at
                return _exactly(data, start)
            if lower >= 0:
                self._exact = at
                return _exactly(data, lower)
            if found is None or data[at + 1] not in b"sS" or found.end() != at + 4:
                return at
            drawn = picture.match(data, at)  # an <svg> of plain shapes needs no look
            if drawn is None:
                return at
            start = at = drawn.end()


def _exactly(data: bytes, start: int) -> int:
    skipped = dull.match(data, start)
    return start if skipped is None else skipped.end()


def _opens(data: bytes, quote: int, start: int) -> bool:
    """Whether the quote at this offset may begin a value."""
    return quote > start and data[quote - 1] in _BEFORE_VALUE
