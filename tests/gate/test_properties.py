"""Promises about any input whatever, on tag soup: Hypothesis, and a plain loop for the numbers.

``CONSENTKIT_SOUPS`` sets how many pages the loop makes (4,000 of each kind when left out); the
Hypothesis profile ``thorough`` looks harder, too.
"""

from __future__ import annotations

import os
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.gate import Gate, Insertions
from tests.gate.oracles import PARSERS, faults, shape
from tests.gate.soup import TRACKERS, gate, innocent_soups, judge, random_soup, soups

PAGES = int(os.environ.get("CONSENTKIT_SOUPS", "4000"))


def _neutralised(page: bytes, gated: bytes) -> bool:
    """Whether a tag became text, because there were more ways to read it than can be followed."""
    return page.count(b"&lt;") != gated.count(b"&lt;")


@given(st.data(), soups)
def test_where_chunks_are_cut_changes_nothing(data: st.DataObject, page: bytes) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(page)), max_size=6).map(sorted))
    machine = Gate(judge())
    edges = [0, *cuts, len(page)]
    pieces = [machine.feed(page[a:b]) for a, b in pairwise(edges)]
    gated = b"".join([*pieces, machine.close()])
    assert gated == gate(page)
    assert gated == gate(page, chunk=1)


@given(st.data(), soups)
def test_nor_with_our_parts_in_the_page(data: st.DataObject, page: bytes) -> None:
    ours = Insertions(head=b"<link>", body=lambda _: b"<section></section>", html=b" data-x")

    def whole(chunk: int) -> bytes:
        machine = Gate(judge(), ours, placeholder=lambda verdict, url: b"<span>held</span>")
        pieces = [machine.feed(page[i : i + chunk]) for i in range(0, len(page), chunk)]
        return b"".join([*pieces, machine.close()])

    assert whole(1) == whole(data.draw(st.integers(2, 30))) == whole(len(page) or 1)


@given(innocent_soups)
def test_what_holds_no_tracker_stays(page: bytes) -> None:
    gated = gate(page)
    assert gated == page or _neutralised(page, gated)


@given(st.binary(max_size=2000))
def test_any_bytes_stay(page: bytes) -> None:
    assert gate(page) == page


@given(soups)
def test_a_second_gate_changes_nothing(page: bytes) -> None:
    once = gate(page)
    assert gate(once) == once


@given(soups)
def test_what_is_granted_stays(page: bytes) -> None:
    gated = gate(page, "marketing")
    assert gated == page or _neutralised(page, gated)


@pytest.mark.parametrize("scripting", [True, False], ids=["scripting", "no-scripting"])
@pytest.mark.parametrize("parser", PARSERS)
def test_nothing_live_is_left(parser: str, scripting: bool) -> None:
    """By an independent parser; and the tree is the one that it was before."""
    parse = PARSERS[parser]
    rng = random.Random(f"{parser} {scripting}")  # noqa: S311 - not for secrets
    for number in range(PAGES // (10 if parser == "html5lib" else 2)):
        page = random_soup(rng)
        gated = gate(page)
        assert not faults(parse(gated, scripting)), page
        if number % 2 and not _neutralised(page, gated):
            assert shape(parse(gated, scripting)) == shape(parse(page, scripting)), page


def test_the_soup_is_nasty_enough() -> None:
    """Most pages hold something live, or the test above would prove nothing."""
    rng = random.Random(1)  # noqa: S311 - not for secrets
    pages = [random_soup(rng) for _ in range(300)]
    live = [page for page in pages if faults(PARSERS["turbohtml"](page, True))]
    assert len(live) > 100
    for tracker in TRACKERS:
        assert any(tracker in page for page in pages)


def test_by_the_thousand() -> None:
    rng = random.Random(2)  # noqa: S311 - not for secrets
    for _ in range(PAGES):
        page = random_soup(rng, trackers=rng.random() < 0.7)
        gated = gate(page)
        assert gate(page, chunk=rng.choice((1, 2, 3, 5, 8, 13))) == gated, page
        assert gate(gated) == gated, page
        granted = gate(page, "marketing")
        assert granted == page or _neutralised(page, granted), page
        if b"t.example" not in page and b"trkInit(" not in page:
            assert gated == page or _neutralised(page, gated), page
