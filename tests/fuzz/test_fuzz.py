"""The fuzzers themselves: that they see what is broken, and make it small."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.gate import Gate
from tests.fuzz import soups
from tests.fuzz.minimise import minimise
from tests.fuzz.promises import Broken, Gating, check
from tests.fuzz.seeds import LONGEST, seeds

PAGE = b"<p>a</p><img src=//t.example/x><p>b</p>"


def _lets_all_pass(gate: Gate, chunks: Iterator[bytes]) -> bytes:
    return b"".join(chunks)


def _raises(gate: Gate, chunks: Iterator[bytes]) -> bytes:
    raise ValueError


def _forgets_the_last_chunk(gate: Gate, chunks: Iterator[bytes]) -> bytes:
    pieces = list(chunks)
    return b"".join(pieces[:-1] if len(pieces) > 1 else pieces)


def _adds(gate: Gate, chunks: Iterator[bytes]) -> bytes:
    return b"".join([gate.feed(b"".join(chunks)), gate.close(), b"!"])


def _makes_inert_too_much(gate: Gate, chunks: Iterator[bytes]) -> bytes:
    page = b"".join(chunks)
    return page if page.startswith(b"<i") else b"<i>" + page.replace(b"src=", b"x=")


def _drops(gate: Gate, chunks: Iterator[bytes]) -> bytes:
    gated = gate.feed(b"".join(chunks)) + gate.close()
    return gated if b"marketing" not in gated else gated.replace(b"<p>b</p>", b"")


@pytest.mark.parametrize(
    ("feed", "promise"),
    [
        (_raises, "the page raises ValueError"),
        (_forgets_the_last_chunk, "where chunks are cut changes the page"),
        (_adds, "a second gate changes the page"),
        (_makes_inert_too_much, "what is granted is changed"),
        (_lets_all_pass, "something live is left"),
        (_drops, "the tree is another"),
    ],
)
def test_a_gate_that_breaks_its_promise_is_seen(feed: Gating, promise: str) -> None:
    with pytest.raises(Broken) as broken:
        check(PAGE, feed)
    assert broken.value.promise == promise
    assert repr(PAGE) in str(broken.value)


def test_an_innocent_page_that_is_changed_is_seen() -> None:
    def changes(gate: Gate, chunks: Iterator[bytes]) -> bytes:
        page = b"".join(chunks)
        # What is granted stays, so that this promise is the first that breaks.
        tracker = b"<img src=//t.example/x>"
        granted = gate.feed(tracker) + gate.close() == tracker
        return page if granted else page.replace(b"<b>", b"<i>")

    with pytest.raises(Broken) as broken:
        check(b"<b>x", changes)
    assert broken.value.promise == "an innocent page is changed"


def test_the_seeds_break_nothing() -> None:
    pages = [page for page in seeds() if len(page) < 500]
    assert len(pages) > 400
    for page in pages:
        check(page)
    assert max(map(len, seeds())) <= LONGEST


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=5), st.binary(max_size=200))
def test_a_failing_page_becomes_as_small_as_can_be(
    before: bytes, culprit: bytes, behind: bytes
) -> None:
    assert minimise(before + culprit + behind, lambda page: culprit in page) == culprit


def test_a_find_is_small_and_tells_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soups, "check", lambda page: check(page, _lets_all_pass))
    page = b"<p>text</p>" * 20 + b"<img alt='' src=//t.example/x>" + b"<b>" * 20
    find = soups.find_in(page, "--seed 1 --again 2")
    assert find is not None
    assert find.page == b"<img src=//t.example/>"
    assert "--seed 1 --again 2" in str(find)


def test_a_page_of_soup_can_be_made_again() -> None:
    first = [soups.soup(7, number) for number in range(20)]
    assert first == [soups.soup(7, number) for number in reversed(range(20))][::-1]
    assert len(set(first)) > 15
    assert first != [soups.soup(8, number) for number in range(20)]


def test_a_run_reports_what_it_finds(capsys: pytest.CaptureFixture[str]) -> None:
    assert soups.run(seed=3, cases=40, jobs=1) == []
    assert "40 of 40" in capsys.readouterr().out
