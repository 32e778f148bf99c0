"""What a browser takes for a tag, and what only looks like one (WHATWG HTML 13.2.5, 13.2.6).

Each page holds one element of the tracker that is live, or none. The independent parsers must agree
about that, so the table itself is checked; where an old parser sees less, it is named.
"""

from __future__ import annotations

import pytest

from consentkit.gate import Gate, Insertions
from consentkit.settings import LimitSettings
from tests.gate.oracles import PARSERS, faults
from tests.gate.soup import gate, judge

X = b"<img src=//t.example/x>"

# Live with scripting, without it, or both.
LIVE: list[bytes] = [
    # comments
    b"<!-->" + X,
    b"<!--->" + X,
    b"<!-- --!>" + X,
    b"<!-- <!-- -->" + X,
    b"<!--x-->" + X,
    b"<!---->" + X,
    b"<!-- --!--> " + X,
    b"<!----!>" + X,
    b"<!>" + X,
    b"<!x '>" + X,
    b"<?x '>" + X,
    b"<?>" + X,
    b"<?xml version='1.0'?>" + X,
    b"</ '>" + X,
    b"</>" + X,
    b"<![CDATA[ '>" + X,
    b"<!DOCTYPE html '>" + X,
    b"<!doctype>" + X,
    b"<!-" + X + X,
    b"<?pi x" + X + X,
    # text that looks like something
    b"< p '" + X,
    b"<3 '" + X,
    b"<" + X,
    b"<<" + X,
    b"a<b '".replace(b"<b", b"< b") + X,
    b"&lt;!--" + X,
    b"<\x00!--" + X,
    # attributes
    b"<p a='>'>" + X,
    b'<p a=">">' + X,
    b"<p a=''b>" + X,
    b"<p =>" + X,
    b"<p ='>" + X,
    b"<p a==>" + X,
    b"<p a=x'>" + X,
    b"<p '>" + X,
    b'<p ">' + X,
    b"<p a=`>" + X,
    b"<p/a/b=/>" + X,
    b"<p a= >" + X,
    b"<p a\n=\n'>'>" + X,
    b"</p a='>'>" + X,
    b"<img/src=//t.example/x>",
    b"<img\nsrc\n=\n'//t.example/x'>",
    b"<img a=''src=//t.example/x>",
    b"<img a/src=//t.example/x>",
    b"<IMG SRC=//t.example/x>",
    b"<img =x src=//t.example/x>",
    b"<img src=//t.example/x/>",
    b"<img <b src=//t.example/x>",
    b"<img \x00 src=//t.example/x>",
    b"<p a=b/>" + X,
    b"<script/src=//t.example/x></script>",
    b"<img\x0csrc=//t.example/x>",
    # raw text
    b"<title></title>" + X,
    b"<title></titlex></title >" + X,
    b"<title></TITLE/>" + X,
    b"<title><title></title>" + X,
    b"<textarea></textarea a='>'>" + X,
    b"<style></style\t>" + X,
    b"<style><!--</style>" + X,
    b"<xmp></xmp>" + X,
    b"<iframe></iframe>" + X,
    b"<noembed></noembed>" + X,
    b"<script></script>" + X,
    b"<script><!--</script>" + X,
    b"<script><!--<script></script></script>" + X,
    b"<script><!--<script>--></script>" + X,
    b"<script><!--><script></script>" + X,
    b"<script><!--<script ></script/></script\n>" + X,
    b"<script><!--<scriptx></script>" + X,
    b"<script></scriptx></script foo='>'>" + X,
    b"<script type=text/plain><!--<script></SCRIPT></script>" + X,
    b"<script/></script>" + X,
    # foreign content
    b"<svg></svg>" + X,
    b"<svg>" + X,
    b"<svg/>" + X,
    b"<svg><style>" + X,
    b"<svg><script>" + X,
    b"<svg><title>" + X,
    b"<svg><textarea>" + X,
    b"<svg><xmp>" + X,
    b"<svg><plaintext>" + X,
    b"<svg><iframe>" + X,
    b"<svg><noscript>" + X,
    b"<math><style>" + X,
    b"<math><title>" + X,
    b"<svg><desc>" + X,
    b"<svg><desc><style></style>" + X,
    b"<svg><title><title></title>" + X,
    b"<svg><foreignObject><textarea></textarea>" + X,
    b"<math><mi><style></style>" + X,
    b"<svg><![CDATA[>]]>" + X,
    b"<svg><![CDATA[ <p> ]]>" + X,
    b"<svg><p><![CDATA[>" + X,
    b"<svg><title>x</title><style>" + X,
    b"<svg><title>x<!-- y --></title><style>" + X,
    b"<svg><title>x</title></svg><style></style>" + X,
    b"<p><b></p><svg><title>x</title><style>" + X,
    b"<p><b></p><svg><desc>x</desc></svg><style></style>" + X,
    b"<svg><desc><b></desc><title>x</title><style></style>" + X,
    b"<table><b><svg><title>x</title><style>" + X,
    b"<svg><desc><![CDATA[><script>]]>" + X,
    b"<svg><title>x<![CDATA[><style>]]>" + X,
    b"<svg><desc><p></p><![CDATA[><!--]]>" + X,
    b"<svg><desc><p><![CDATA[>" + X,
    b"<svg><desc><br><![CDATA[><title>]]>" + X,
    b"<svg><desc><svg></svg><![CDATA[><title>]]>" + X,
    b"<math><mi><![CDATA[><title>]]>" + X,
    b"<math><annotation-xml encoding=text/html><![CDATA[><title>]]>" + X,
    b"<svg a=b/><style>" + X,
    b"<svg><desc/><style>" + X,
    b"<math><annotation-xml><style>" + X,
    b"<math><annotation-xml encoding=text/html><style></style>" + X,
    b"<math><annotation-xml encoding=TEXT/HTML><style></style>" + X,
    b"<math><annotation-xml><svg></svg><style>" + X,
    b"<math><mi><mglyph><style>" + X,
    b"<svg><font color=x><style></style>" + X,
    b"<svg><font><style>" + X,
    b"<svg></p><style></style>" + X,
    b"<svg></br><style></style>" + X,
    b"<svg><g></g></svg><style></style>" + X,
    b"<svg><svg></svg><style>" + X,
    b"<div><svg></div><![CDATA[>" + X,
    b"<svg><a><svg></a></svg><![CDATA[>" + X,
    b"<table><td><svg></td><![CDATA[>" + X,
    b"<template><svg></template><![CDATA[>" + X,
    b"<table><td><svg><desc></td><![CDATA[>" + X,
    b"<svg><desc><div></desc><![CDATA[>" + X,
    b"<svg><desc></desc><style>" + X,
    b"<math><svg></svg></math><![CDATA[>" + X,
    # what drops tags
    b"<template>" + X,
    b"<template><col><style></template>" + X,
    b"<template><col><title></template>" + X,
    b"<template><col><script></template>" + X,
    b"<template><col><plaintext></template>" + X,
    b"<template><col><template><style></template></template></style>" + X,
    b"<frameset><style><frame src=//t.example/x></style>",
    b"<frameset><script><frame src=//t.example/x></script>",
    b"<frameset><title><frame src=//t.example/x></title>",
    b"<frameset></frameset><noframes></noframes>",
    b"<table>" + X,
    b"<table><style></style>" + X,
    b"<table><script></script>" + X,
    b"<select>" + X,
    b"<select><option>" + X,
    b"<select><svg><title></select>" + X,
    b"<select><textarea></textarea>" + X,
    # noscript
    b"<noscript>" + X + b"</noscript>",
    b"<noscript></noscript>" + X,
    b"<noscript><p title='</noscript>" + X + b"'>",
    b"<noscript><!--</noscript>" + X + b"-->",
    b"<noscript><style></noscript>" + X + b"</style>",
    b"<noscript><p title='</noscript>'>" + X,
    b"<head><noscript><title></noscript>" + X,
    b"<noscript><textarea></noscript></textarea>" + X,
    b"<noscript><noscript></noscript>" + X,
    b"<noscript><!-- </noscript>" + X + b" -->" + X,
]

DEAD: list[bytes] = [
    b"<!--" + X,
    b"<!-- -- >" + X,
    b"<!--x--" + X,
    b"<!---!>" + X,
    b"<!-- >" + X,
    b"<!--" + X + b"-->",
    b"<scr\x00ipt src=//t.example/x></script>",
    b"<img/a=1/src=//t.example/x>",
    b"<p a='" + X,
    b'<p a="' + X + b'">',
    b"<!DOCTYPE " + X[:-1],
    b"<img src=//t.example/x",
    b"<img src='//t.example/x",
    b"<img src=//t.example/x '",
    b"<title>" + X,
    b"<title></titl>" + X + b"</title>",
    b"<textarea>" + X,
    b"<style>" + X,
    b"<xmp>" + X,
    b"<iframe>" + X,
    b"<noembed>" + X,
    b"<plaintext></plaintext>" + X,
    b"<svg><![CDATA[" + X,
    b"<svg><![CDATA[>" + X + b"]]>",
    b"<svg><p><title>" + X,
    b"<svg><desc><title>" + X,
    b"<svg></svg><title>" + X,
    b"<math><mi><title>" + X,
    b"<imgx src=//t.example/x>",
    b"< img src=//t.example/x>",
    b"<img src src=//t.example/x>",
    b"<img src=/own src=//t.example/x>",
    b"</img src=//t.example/x>",
    b"<!img src=//t.example/x>",
    b"<?img src=//t.example/x>",
    b"<script type=x>" + X,
    b"<svg><title><textarea>" + X,
    b"<noframes>" + X + b"</noframes>",
    b"<img\xc2\xa0src=//t.example/x>",
    b"<img x='src=//t.example/x'>",
    b"<p title=" + X.replace(b" ", b"/") + b">",
]

# The address alone gives these scripts away, but the tag in them is none.
SCRIPTS: list[bytes] = [
    b"<script>" + X + b"</script>",
    b"<script><!--<script></script>" + X,
    b"<script><!-- <script>\n</script>" + X + b"-->",
    b"<script></scriptx>" + X,
    b"<script></script" + X,
]


def _live(page: bytes) -> set[str]:
    return {
        f"{name}, scripting {scripting}"
        for name, parse in PARSERS.items()
        for scripting in (True, False)
        if faults(parse(page, scripting))
    }


@pytest.mark.parametrize("page", LIVE)
def test_what_is_live_sleeps(page: bytes) -> None:
    # A noframes is only dead text, and there to show that what precedes it does no harm.
    assert _live(page) or b"noframes" in page
    gated = gate(page)
    assert not _live(gated)
    assert gate(page, "marketing") == page
    assert gate(gated) == gated
    for size in (1, 2, 3, 7):
        assert gate(page, chunk=size) == gated


@pytest.mark.parametrize("page", DEAD)
def test_what_is_dead_stays(page: bytes) -> None:
    assert not _live(page)
    assert gate(page) == page
    for size in (1, 2, 3, 7):
        assert gate(page, chunk=size) == page


@pytest.mark.parametrize("page", SCRIPTS)
def test_a_tag_in_a_script_is_none(page: bytes) -> None:
    assert not _live(page)
    gated = gate(page)
    assert gated.replace(b' type="text/plain" data-consent="marketing"', b"") == page
    assert gate(page, chunk=1) == gated


class TestFound:
    """Faults of earlier versions, found by the soup, each under its own name."""

    @pytest.mark.parametrize(
        "page",
        [
            b"<noscript><p title='</noscript>'><p>plain",
            b"<noscript><svg></noscript><p>plain",
            b"<select><svg></select><style>a<b</style>",
            b"<math><style></ul><script><!--</noframes></foreignObject><p <frameset>",
            b"<svg><script></head>x<svg><script>y</script></svg>",
            b"<frameset><title><x></title>",
            b"<template><col><style>a<b</style></template>",
            b"<svg><title>x</title><style>a</style></svg>",
        ],
    )
    def test_a_page_with_nothing_to_hold_back_stays(self, page: bytes) -> None:
        assert gate(page) == page
        assert gate(page, chunk=1) == page

    def test_a_slash_that_is_part_of_a_value_closes_nothing(self) -> None:
        assert b"data-consent-src" in gate(b"<svg a=b/><style>" + X)

    def test_separators_written_as_references(self) -> None:
        assert b"data-consent-srcset" in gate(b'<img srcset="/a 1x&comma;//t.example/x&#32;2x">')

    def test_blob_upon_blob(self) -> None:
        page = b'<img src="' + b"blob:" * 5000 + b'//t.example/">'
        assert b"data-consent-src" in gate(page)

    def test_a_script_before_the_head(self) -> None:
        """What is put in goes before a script that waits to be judged, not into it."""
        machine = Gate(judge(), Insertions(head=b"[head]", body=lambda _: b"[body]"))
        page = machine.feed(b"<!doctype html><script>trkInit(1)</script>x") + machine.close()
        assert page == (
            b'<!doctype html>[head]<script type="text/plain" data-consent="marketing">trkInit(1)'
            b"</script>[body]x"
        )

    def test_old_code_does_not_count_for_the_next_script(self) -> None:
        page = b"<style>@import '//t.example/x';</style><math><style>x<colgroup>"
        assert gate(page).endswith(b"<math><style>x<colgroup>")

    def test_code_in_an_element_within_an_svg_style(self) -> None:
        assert gate(b"<svg><style>x<script>trkInit(1)</script>").count(b'"text/plain"') == 2

    def test_a_comment_that_is_complete_is_not_waited_for(self) -> None:
        page = b"<svg><a><svg></svg></x><script>trkInit(1)</script>" + X + b"<!-->" + X
        assert gate(page) == gate(page, chunk=1)

    def test_two_readings_that_meet_again(self) -> None:
        page = b"<select><svg><title></select>" + X + b"</title></svg></select><p>" + X
        assert gate(page).endswith(
            b'<p><img data-consent="marketing" data-consent-src=//t.example/x>'
        )

    def test_the_other_reading_adds_no_quotes(self) -> None:
        page = b'<noscript><p title="</noscript>' + X + b'">'
        assert gate(page) == page.replace(
            b"<img src", b"<img data-consent=marketing  data-consent-src"
        )

    def test_a_document_in_an_attribute_keeps_the_quotes_that_another_reading_sees(self) -> None:
        """To a browser that reads math, this srcdoc's quotes close the title and open none."""
        frame = b'<iframe srcdoc="&lt;img src=//t.example/>">'
        page = (
            b'<math></t><style><p title="</style>' + frame + b'<q title="><img src=//t.example/>">'
        )
        gated = gate(page)
        assert not _live(page)
        assert not _live(gated)
        assert gated == page.replace(
            b"<iframe srcdoc", b"<iframe data-consent=unclassified  data-consent-srcdoc"
        )

    def test_an_import_behind_a_script_within_a_style(self) -> None:
        once = gate(b"<math><style><script><>@i>trkInit(")
        assert gate(once) == once

    def test_a_reading_that_lags_behind_is_not_taken_for_another(self) -> None:
        page = b"<svg></e><svg></s><script>//t.example</p></filter>\n<style>"
        assert gate(page) == gate(page, chunk=1)

    def test_an_import_in_a_style_attribute(self) -> None:
        page = b"<d style=\"''@import'//t.example\">"
        assert gate(page) == gate(page, chunk=1)

    def test_the_style_of_a_script_that_is_data(self) -> None:
        page = b'<script type=x style="display:block;background:url(//t.example/b)">{}</script>'
        assert gate(page) == page.replace(
            b" type=x style=", b' data-consent="marketing" type=x data-consent-style='
        )


class TestLimits:
    LIMITS = LimitSettings(tag_bytes=1024, script_bytes=1024)

    @pytest.mark.parametrize("chunk", [0, 1, 1000])
    def test_a_tag_that_is_too_long_loses_its_attributes(self, chunk: int) -> None:
        page = b"a<img title='" + b"x" * 2000 + b"' src=//other.example/>b"
        expected = b'a<img data-consent="unclassified">b'
        assert gate(page, chunk=chunk, limits=self.LIMITS) == expected

    @pytest.mark.parametrize("chunk", [0, 1, 1000])
    def test_a_script_tag_that_is_too_long_is_inert(self, chunk: int) -> None:
        page = b"<script title='" + b"x" * 2000 + b"'>own()</script>b"
        expected = b'<script type="text/plain" data-consent="unclassified">own()</script>b'
        assert gate(page, chunk=chunk, limits=self.LIMITS) == expected

    @pytest.mark.parametrize("chunk", [0, 1, 1000])
    def test_a_long_end_tag_still_ends(self, chunk: int) -> None:
        page = b"<title></title " + b"x" * 2000 + b">" + X
        gated = gate(page, chunk=chunk, limits=self.LIMITS)
        assert gated == b"<title></title>" + gate(X)

    @pytest.mark.parametrize("chunk", [0, 1, 1000])
    @pytest.mark.parametrize("svg", [False, True])
    def test_a_script_that_is_too_long_is_inert(self, chunk: int, svg: bool) -> None:
        page = b"<script>" + b"x" * 2000 + b"</script>b"
        page = b"<svg>" + page + b"</svg>" if svg else page
        expected = page.replace(
            b"<script>", b'<script type="text/plain" data-consent="unclassified">'
        )
        assert gate(page, chunk=chunk, limits=self.LIMITS) == expected

    @pytest.mark.parametrize("chunk", [0, 1, 1000])
    @pytest.mark.parametrize(
        ("page", "inert"),
        [  # to a browser that reads math or svg, the title holds the end of a comment
            (b"<math></t><style><!--</style><img title='X-->'><p t=\"-->" + X + b'">', b"<img"),
            (b"<svg></t><style><!--</style><img title='X-->' /><p t=\"-->" + X + b'">', b"<img"),
            (b"<math></t><style><!--</style></i title='X-->'><p t=\"-->" + X + b'">', None),
        ],
    )
    def test_what_another_reading_sees_of_a_long_tag_is_kept(
        self, page: bytes, inert: bytes | None, chunk: int
    ) -> None:
        page = page.replace(b"'X", b"'" + b"x" * 20_000)
        gated = gate(page, chunk=chunk, limits=self.LIMITS)
        assert not _live(page)
        assert not _live(gated)
        kept = page if inert is None else page.replace(inert, inert + b"-consent style=x ", 1)
        assert gated.endswith(kept.partition(b"<!--")[2])

    @pytest.mark.parametrize("chunk", [0, 1, 7])
    @pytest.mark.parametrize("size", range(1005, 1025))
    def test_a_long_tag_that_closes_itself(self, size: int, chunk: int) -> None:
        """The element is over, so that the rest is still in the svg, and CDATA is no comment."""
        before = b"<svg></t><style></style><g>"
        page = before + b"<g a='" + b"x" * size + b"'/></g></svg><![CDATA[>" + X
        gated = gate(page, chunk=chunk, limits=self.LIMITS)
        assert not _live(gated)
        assert gated == gate(page, limits=self.LIMITS)

    @pytest.mark.parametrize("chunk", [1, 7, 1000])
    @pytest.mark.parametrize(
        "end", [b"<script>y", b"<script>y</script></svg>", b"</e><svg><script>y", b"<style>"]
    )
    def test_a_tag_that_waits_behind_too_much(self, end: bytes, chunk: int) -> None:
        """Whether the first one is over its limit by then must not depend on the chunks."""
        page = b"<svg><script></e>" + b"x" * 1010 + end
        for more in range(12):
            longer = page.replace(b"x", b"x" * more + b"x", 1)
            whole = gate(longer, limits=self.LIMITS)
            assert gate(longer, chunk=chunk, limits=self.LIMITS) == whole

    @pytest.mark.parametrize("name", [b"style", b"script"])
    def test_what_one_reading_puts_in_is_not_too_long_for_the_next(self, name: bytes) -> None:
        tag = b"<" + name + b" title='" + b"x" * 1000 + b"'>"
        page = b"><frameset>" + tag + b"<" + name + b">@import'//t.example/';trkInit(1)"
        assert not _live(gate(page, limits=self.LIMITS))

    @pytest.mark.parametrize("chunk", [1, 7, 100])
    def test_a_style_that_is_too_long_may_begin_with_an_import(self, chunk: int) -> None:
        page = b"<math><style><html><!---n<style>@import 'x';</style>" + b"x" * 2000 + b"</mi><!-->"
        whole = gate(page, limits=self.LIMITS)
        assert gate(page, chunk=chunk, limits=self.LIMITS) == whole

    def test_a_tag_that_never_ends_is_none(self) -> None:
        page = b"<p>a<img src=//t.example/x title='" + b"x" * 500
        assert gate(page, limits=self.LIMITS) == page

    def test_too_many_readings(self) -> None:
        """Where nobody can tell any more, the tag becomes text."""
        page = b"<svg></x><style></style>" * 40 + X
        gated = gate(page)
        assert not _live(gated)
        assert gate(page, chunk=1) == gated
