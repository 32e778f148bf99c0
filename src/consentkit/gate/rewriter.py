"""The gate itself: HTML bytes in, the same bytes out, except for the tags that had to sleep.

Promises: no input raises; each byte is looked at a bounded number of times, so time is linear;
memory is bounded by ``tag_bytes`` and ``script_bytes``; where the chunks are cut changes nothing.
Held back are only a tag that is not complete and an inline script or style sheet that must be
judged whole. What exceeds its bound goes out inert.
"""

from __future__ import annotations

from consentkit.gate.judge import Judge
from consentkit.gate.placement import Insertions, Placement
from consentkit.gate.reading import Reading
from consentkit.gate.tags import PageGate, Placeholder, TagRewriter
from consentkit.gate.urls import Location
from consentkit.settings import LimitSettings

__all__ = ["Gate", "Placeholder"]

# How deep documents may be nested in each other's srcdoc; their text grows with every level.
_DEPTH = 6


class Gate:
    """Rewrites one page, chunk by chunk.

    Args:
        judge: decides what must sleep.
        insertions: what is put into the page, when it is a document.
        placeholder: makes what is shown in place of an embed that sleeps.
        limits: how much of a tag and of a script may be held back.
    """

    def __init__(
        self,
        judge: Judge,
        insertions: Insertions | None = None,
        placeholder: Placeholder | None = None,
        limits: LimitSettings | None = None,
    ) -> None:
        limits = limits or LimitSettings()
        tags = TagRewriter(judge, _inner(judge, limits, _DEPTH), placeholder=placeholder)
        placement = Placement(insertions) if insertions else None
        self._reading = Reading(tags, limits, placement=placement)

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the page; returns those that may go out."""
        return self._reading.feed(chunk)

    def close(self) -> bytes:
        """The page is complete; returns what was still held back."""
        return self._reading.close()


def _inner(judge: Judge, limits: LimitSettings, depth: int) -> PageGate:
    """What gates documents within a page, ``depth`` levels down.

    It knows nothing of the gate around it: a circle of references would leave every page to the
    garbage collector.
    """

    def gate(page: bytes, base: Location | None) -> bytes | None:
        if depth == 0:
            return None
        tags = TagRewriter(judge, _inner(judge, limits, depth - 1), base=base)
        reading = Reading(tags, limits)
        return reading.feed(page) + reading.close()

    return gate
