"""The short cut finds what the exact way finds.

The oracle is the exact scanner: a gate that takes no short cuts at all.
"""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.gate import Gate, Insertions, jump, scanner, screen
from consentkit.gate.carriers import HTML_NAMES
from consentkit.gate.reading import Reading
from consentkit.gate.tags import TagRewriter
from tests.gate.soup import judge, random_soup, soups

PAGES = sorted(Path(__file__).parent.joinpath("pages").iterdir())
OURS = Insertions(head=b"<link>", body=lambda _: b"<section></section>", html=b" data-x")


def _exactly(self: jump.Jump, start: int) -> int:
    found = scanner.dull.match(self.data, start)
    return start if found is None else found.end()


def _run(page: bytes, edges: list[int], *, ours: Insertions | None) -> bytes:
    machine = Gate(judge(), ours)
    return b"".join([*(machine.feed(page[a:b]) for a, b in pairwise(edges)), machine.close()])


def _exact(page: bytes, *, ours: Insertions | None) -> bytes:
    """What the gate makes of a page when it looks at each tag, and at each of its attributes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jump.Jump, "to", _exactly)
        patch.setattr(TagRewriter, "_passes", lambda *_: False)
        patch.setattr(Reading, "_ends_by_itself", lambda *_: False)
        patch.setattr(Reading, "_may_wait", lambda *_: False)
        patch.setattr("consentkit.gate.tags.memory_of", lambda _: _Forgetful())
        patch.setattr("consentkit.gate.tags.own_memory", _Forgetful)
        patch.setattr("consentkit.gate.placement.Placement.opening", lambda *_: None)
        patch.setattr("consentkit.gate.placement.Placement.waits", False)
        return _run(page, [0, len(page)], ours=ours)


class _Forgetful:
    def get(self, tag: bytes, size: int) -> None:
        return None

    def put(self, tag: bytes, known: object, size: int) -> None:
        return None


@given(st.data(), soups, st.sampled_from([None, OURS]))
def test_the_short_cuts_change_nothing(
    data: st.DataObject, page: bytes, ours: Insertions | None
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(page)), max_size=4).map(sorted))
    assert _run(page, [0, *cuts, len(page)], ours=ours) == _exact(page, ours=ours)


def test_nor_do_they_by_the_thousand() -> None:
    rng = random.Random(5)  # noqa: S311 - not for secrets
    for _ in range(2_000):
        page = random_soup(rng, longest=20)
        ours = rng.choice((None, OURS))
        assert _run(page, [0, len(page)], ours=ours) == _exact(page, ours=ours), page


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_nor_on_ordinary_pages(path: Path) -> None:
    page = path.read_bytes()
    expected = _exact(page, ours=OURS)
    for size in (len(page) or 1, 1000):
        edges = [*range(0, len(page), size), len(page)]
        assert _run(page, edges, ours=OURS) == expected


# Attributes in tags that are jumped over, each with what must be seen: True for a tracker.
JUMPED = {
    b"style='width:1px'": False,
    b'style="color:red;width:calc(1px)"': False,
    b'style="background:url(//t.example/a)"': True,
    b"STYLE = 'background:url(//t.example/a)'": True,
    b"style\n=\n'background:url(//t.example/a)'": True,
    b"style=background:url(//t.example/a)": True,
    b'style="background:u\\72l(//t.example/a)"': True,
    b'style="background:url&lpar;//t.example/a)"': True,
    b'title=\'style="\' style="background:url(//t.example/a)"': True,
    b"Background=//t.example/a": True,
    b"x/background=//t.example/a": True,
    b'a=""background=//t.example/a': True,
    b"pInG=//t.example/a": True,
    b"attributionsrc = '//t.example/a'": True,
    b"onload=trkInit()": True,
    b"onerror='trkInit()'": True,
    b"onload\t=\ttrkInit()": True,
    b"data-consent=marketing": False,  # nothing to put away
    b"data-consent=marketing background=/own.png": True,
    b"data-background=//t.example/a": False,
    b"title='background=//t.example/a'": False,
}


@pytest.mark.parametrize("attributes", JUMPED, ids=bytes.decode)
@pytest.mark.parametrize(
    "before", [b"", b'it\'s "so" = ', b"<p title='>'>", b"<!x '>", b"<a\nb=c>"]
)
def test_attributes_of_any_element_are_seen(before: bytes, attributes: bytes) -> None:
    page = b"<p>" + before + b"<div " + attributes + b'>text</div><p class="a"><img src=/own.png>'
    gated = _run(page, [0, len(page)], ours=None)
    assert (gated != page) == JUMPED[attributes]
    assert gated == _exact(page, ours=None)


@pytest.mark.parametrize("name", sorted(HTML_NAMES - {b"meta"}), ids=bytes.decode)
def test_all_that_fetches_is_found(name: bytes) -> None:
    assert name in scanner.INTERESTING
    page = b"<p class='x'>text <" + name.upper() + b" a=b>"
    assert jump.Jump(page).to(0) == page.index(name.upper()) - 1


def test_a_screen_reads_all_that_is_judged() -> None:
    tag = b"<img alt='x' SRC=a srcset=\"b\" onload=c(d) data-consent title='src=no'>"
    found = [found[0] for found in screen.screen_of(b"img").pattern.findall(tag, 4)]
    assert found == [b"SRC", b"srcset", b"onload", b"data-consent", b""]
