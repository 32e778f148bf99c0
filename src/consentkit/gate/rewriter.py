"""The gate itself: HTML bytes in, the same bytes out, except for the tags that had to sleep."""

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

    No input raises, and where the chunks are cut changes nothing.

    Time is linear in the length of the page: each byte is looked at a bounded number of times, by
    each of at most four readings (where browsers may read on in two ways, both are followed).
    Scripts, style sheets, addresses and lists of them are judged in linear time, too.

    Memory is bounded, whatever the length of the page. What is held back is a tag that is not
    complete, and an inline script or style sheet that must be judged whole. These are the caps:

    ======================  ===================================================================
    ``limits.tag_bytes``    a longer tag goes out without its attributes, inert
    ``limits.script_bytes`` a longer inline script or style sheet goes out inert
    four readings           a start tag that would need a fifth goes out as text
    512 open elements       of svg, math and templates; a further start tag goes out as text
    256 doubts in a page    more openers that are in doubt or too deep: the rest goes out as text
    six documents           within each other's ``srcdoc``; one further down goes out inert
    ======================  ===================================================================

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
