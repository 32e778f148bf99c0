"""What the gate promises about any page whatever, as one function that names the broken promise.

Both kinds of fuzzing end here: pages of tag soup by the hundred thousand (`soups.py`), and bytes
that a coverage-guided fuzzer bred (`bred.py`). How a page is cut into chunks is drawn from the page
itself, so that the page alone tells a failing case.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import pairwise

from consentkit.gate import Gate, Insertions, Judge
from consentkit.policy import Policy
from consentkit.settings import LimitSettings, load_settings
from tests.gate import soup
from tests.gate.oracles import PARSERS, Node, faults, shape

__all__ = ["Broken", "Gating", "check", "neutralised"]

Gating = Callable[[Gate, Iterator[bytes]], bytes]
"""Feeds a page to a gate, chunk by chunk; returns what comes out."""

# So that a page of soup holds tags and scripts that are too long to hold back.
_TIGHT = LimitSettings(tag_bytes=40, script_bytes=60)
# html5lib takes ten times as long as the other two together: it judges one page in this many.
_HTML5LIB_TURN = 16


class Broken(AssertionError):
    """The gate did not keep a promise.

    Attributes:
        promise: which one; the same words for the same kind of failure.
        page: the page that it failed on.
    """

    def __init__(self, promise: str, page: bytes, detail: str = "") -> None:
        super().__init__(f"{promise}: {page!r}" + (f"\n{detail}" if detail else ""))
        self.promise = promise
        self.page = page


def neutralised(page: bytes, gated: bytes) -> bool:
    """Whether a tag became text, because there were more ways to read it than can be followed."""
    return page.count(b"&lt;") != gated.count(b"&lt;")


@cache
def _strict() -> Policy:
    """A site that holds back every third party it does not know, with the whole catalogue."""
    return Policy(load_settings({"secret_keys": ["x" * 32], "gate": "strict"}))


def _feed(gate: Gate, chunks: Iterator[bytes]) -> bytes:
    pieces = [gate.feed(chunk) for chunk in chunks]
    return b"".join([*pieces, gate.close()])


def _cuts(page: bytes, draw: random.Random) -> Iterator[list[int]]:
    """Ways to cut a page: never, everywhere, evenly, anywhere."""
    size = len(page)
    yield []
    if size < 4_000:
        yield list(range(1, size))
    step = draw.choice((2, 3, 5, 8, 13, 100))
    yield list(range(step, size, step))
    yield sorted(draw.randint(0, size) for _ in range(draw.randint(1, 6)))


def _same_for_all_cuts(page: bytes, new: Callable[[], Gate], feed: Gating, what: str) -> bytes:
    draw = random.Random(zlib.crc32(page))  # noqa: S311 - not for secrets
    first: bytes | None = None
    for cuts in _cuts(page, draw):
        edges = [0, *cuts, len(page)]
        try:
            out = feed(new(), (page[a:b] for a, b in pairwise(edges)))
        except Exception as fault:
            name = type(fault).__name__
            raise Broken(f"{what} raises {name}", page, f"cut at {cuts}: {fault}") from fault
        if first is None:
            first = out
        elif out != first:
            raise Broken(
                f"where chunks are cut changes {what}",
                page,
                f"cut at {cuts}\nwhole: {first!r}\nin chunks: {out!r}",
            )
    return first or b""


def check(page: bytes, feed: Gating = _feed) -> None:
    """Look whether the gate keeps its promises about a page.

    Args:
        page: any bytes.
        feed: how a gate is fed; tests give one that fails.

    Raises:
        Broken: when it does not.
    """
    gated = _same_for_all_cuts(page, lambda: Gate(soup.judge()), feed, "the page")
    ours = Insertions(head=b"<link>", body=lambda _: b"<section></section>", html=b" data-x")
    _same_for_all_cuts(
        page,
        lambda: Gate(
            Judge(_strict(), _strict().always, "shop.example"),
            ours,
            placeholder=lambda verdict, url: b"<span>held</span>",
        ),
        feed,
        "the page with our parts",
    )
    tight = _same_for_all_cuts(
        page, lambda: Gate(soup.judge(), limits=_TIGHT), feed, "the page within tight limits"
    )
    again = feed(Gate(soup.judge()), iter((gated,)))
    if again != gated:
        raise Broken("a second gate changes the page", page, f"once: {gated!r}\ntwice: {again!r}")
    granted = feed(Gate(soup.judge("marketing")), iter((page,)))
    if granted != page and not neutralised(page, granted):
        raise Broken("what is granted is changed", page, repr(granted))
    if _innocent(page) and gated != page and not neutralised(page, gated):
        raise Broken("an innocent page is changed", page, repr(gated))
    _judged(page, gated)
    _nothing_live(page, tight)


def _innocent(page: bytes) -> bool:
    """Whether a page certainly names no tracker: neither plainly nor with references or escapes."""
    bare = page.lower().translate(None, b"\t\n\r")  # a URL may be written with these within it
    named = b"t.example" in bare or b"trkinit(" in bare
    return page.isascii() and not named and {*b"&%\\"}.isdisjoint(page)


def _readings(page: bytes) -> Iterator[tuple[str, Callable[[bytes], Iterator[Node]]]]:
    """The parsers that judge a page, each with scripting and without."""
    for name, parse in PARSERS.items():
        if name == "html5lib" and zlib.crc32(page) % _HTML5LIB_TURN:
            continue
        for scripting in (True, False):
            how = f"{name}, {'scripting' if scripting else 'no scripting'}"
            yield how, partial(_parsed, parse, scripting)


def _parsed(
    parse: Callable[[bytes, bool], Iterator[Node]], scripting: bool, page: bytes
) -> Iterator[Node]:
    return parse(page, scripting)


def _nothing_live(page: bytes, gated: bytes) -> None:
    for how, parse in _readings(page):
        if live := faults(parse(gated)):
            raise Broken("something live is left", page, f"{how}\ngated: {gated!r}\nlive: {live}")


def _judged(page: bytes, gated: bytes) -> None:
    """Let independent parsers look at what came out, with scripting and without."""
    _nothing_live(page, gated)
    if neutralised(page, gated):
        return
    for how, parse in _readings(page):
        before, after = shape(parse(page)), shape(parse(gated))
        if before != after:
            changed = [pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
            detail = f"{how}\ngated: {gated!r}\nfirst difference: {changed[:1]}"
            raise Broken("the tree is another", page, detail)
