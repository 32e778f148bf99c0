"""Every pair of element and attribute that fetches (HTML, SVG): held back, and left alone when it
is the site's own or fetches nothing."""

from __future__ import annotations

import pytest

from consentkit.settings import LimitSettings
from tests.gate.oracles import PARSERS, faults
from tests.gate.soup import gate

T = b"//t.example/x"

# What is put away, by tag; "@" stands for the address.
FETCHING: list[tuple[bytes, str]] = [
    (b'<script src="@"></script>', "src"),
    (b'<script type="text/javascript" src="@"></script>', "src"),
    (b'<script type="module" src="@"></script>', "src"),
    (b'<script type="" src="@"></script>', "src"),
    (b'<script type=" Text/JavaScript " src="@"></script>', "src"),
    (b'<script language="JavaScript" src="@"></script>', "src"),
    (b'<script nomodule src="@"></script>', "src"),
    (b'<img src="@">', "src"),
    (b'<img srcset="/a 1x, @ 2x">', "srcset"),
    (b'<img srcset="/a.png?b,c 1x,@ 2x">', "srcset"),
    (b'<img srcset="@">', "srcset"),
    (b'<img srcset="/a 1x&#44; @ 2x">', "srcset"),
    (b'<image src="@">', "src"),
    (b'<picture><source srcset="@"><img></picture>', "srcset"),
    (b'<video src="@"></video>', "src"),
    (b'<video poster="@"></video>', "poster"),
    (b'<video><source src="@"></video>', "src"),
    (b'<video><track src="@"></video>', "src"),
    (b'<audio src="@"></audio>', "src"),
    (b'<input type="image" src="@">', "src"),
    (b'<input type="&#73;mage" src="@">', "src"),
    (b'<iframe src="@"></iframe>', "src"),
    (b'<iframe src="data:text/html,<script>trkInit(1)</script>"></iframe>', "src"),
    (b'<iframe src="data:text/html;base64,PHNjcmlwdD50cmtJbml0KDEpPC9zY3JpcHQ+"></iframe>', "src"),
    (b'<iframe src="javascript:trkInit(1)"></iframe>', "src"),
    (b'<frameset><frame src="@"></frameset>', "src"),
    (b'<fencedframe src="@"></fencedframe>', "src"),
    (b'<portal src="@"></portal>', "src"),
    (b'<embed src="@">', "src"),
    (b'<object data="@"></object>', "data"),
    (b'<object codebase="@"></object>', "codebase"),
    (b'<object classid="@"></object>', "classid"),
    (b'<object archive="/a @"></object>', "archive"),
    (b'<object><param name="movie" value="@"></object>', "value"),
    (b'<object><param name=" SRC " value="@"></object>', "value"),
    (b'<object><param value="@" name="ur&#108;"></object>', "value"),
    (b'<applet code="@"></applet>', "code"),
    (b'<model src="@"></model>', "src"),
    (b'<bgsound src="@">', "src"),
    (b'<link rel="stylesheet" href="@">', "href"),
    (b'<link rel="ALTERNATE StyleSheet" href="@">', "href"),
    (b'<link rel="shortcut icon" href="@">', "href"),
    (b'<link rel="apple-touch-icon" href="@">', "href"),
    (b'<link rel="apple-touch-icon-precomposed" href="@">', "href"),
    (b'<link rel="mask-icon" href="@">', "href"),
    (b'<link rel="manifest" href="@">', "href"),
    (b'<link rel="preload" as="script" href="@">', "href"),
    (b'<link rel="preload" as="image" imagesrcset="@ 1x">', "imagesrcset"),
    (b'<link rel="modulepreload" href="@">', "href"),
    (b'<link rel="prefetch" href="@">', "href"),
    (b'<link rel="preconnect" href="@">', "href"),
    (b'<link rel="dns-prefetch" href="@">', "href"),
    (b'<link rel="prerender" href="@">', "href"),
    (b'<link rel="compression-dictionary" href="@">', "href"),
    (b'<link rel="style&#115;heet" href="@">', "href"),
    (b'<meta http-equiv="refresh" content="0; url=@">', "content"),
    (b'<meta http-equiv="Refresh" content="5;URL=\'@\'">', "content"),
    (b'<meta http-equiv="refresh" content="0 @">', "content"),
    *[(b"<%b background=@>" % name, "background") for name in (b"body", b"table", b"td", b"th")],
    (b'<a href="/own" ping="/a @">x</a>', "ping"),
    (b'<a href="/own" attributionsrc="@">x</a>', "attributionsrc"),
    (b'<p style="background:url(@)">', "style"),
    (b"<p style='background:url(\"@\")'>", "style"),
    (b"<p style='background:URL( @ )'>", "style"),
    (b"<p style='background:\\75 rl(@)'>", "style"),
    (b"<p style='background:u&#92;72l(@)'>", "style"),
    (b"<p style='background:&#117;rl(@)'>", "style"),
    (b"<p style='background:image-set(\"@\" 1x)'>", "style"),
    (b'<p style=\'background:image-set("/a" 1x, "@" 2x)\'>', "style"),
    (b'<body onload="trkInit(1)">', "onload"),
    (b'<img src="/a" onerror="trkInit(1)">', "onerror"),
    (b'<svg><image href="@"/></svg>', "href"),
    (b'<svg><image xlink:href="@"/></svg>', "xlink:href"),
    (b'<svg><use href="@"/></svg>', "href"),
    (b'<svg><feImage href="@"/></svg>', "href"),
    (b'<svg><script href="@"/></svg>', "href"),
    (b'<svg><script xlink:href="@"></script></svg>', "xlink:href"),
    (b'<svg><textPath href="@"/></svg>', "href"),
    (b'<svg><linearGradient href="@"/></svg>', "href"),
    (b'<svg><pattern href="@"/></svg>', "href"),
    (b'<svg><mpath href="@"/></svg>', "href"),
    (b'<svg><set attributeName="href" to="@"/></svg>', "to"),
    (b'<svg><animate attributeName="xlink:href" values="/a;@"/></svg>', "values"),
    (b'<svg><rect fill="url(@#a)"/></svg>', "fill"),
    (b'<svg><rect filter="url(@#a)"/></svg>', "filter"),
    (b'<svg><rect mask="url(@#a)"></rect></svg>', "mask"),
    (b'<svg><rect clip-path="url(@#a)"/></svg>', "clip-path"),
    (b'<svg><rect cursor="url(@)"/></svg>', "cursor"),
    (b'<svg><path marker-start="url(@#a)"/></svg>', "marker-start"),
    (b'<svg><rect style="fill:url(@)"/></svg>', "style"),
    (b'<svg onload="trkInit(1)"></svg>', "onload"),
    (b'<math><mi><mglyph src="@"/></mi></math>', "src"),
    (b'<svg><foreignObject><img src="@"></foreignObject></svg>', "src"),
    (b'<template><img src="@"></template>', "src"),
    (b'<template shadowrootmode="open"><img src="@"></template>', "src"),
    (b'<template for="x"><img src="@"></template>', "src"),
    (b'<select><option><img src="@"></select>', "src"),
    (b'<noscript><img src="@"></noscript>', "src"),
    (b'<amp-img src="@"></amp-img>', "src"),
    (b'<script src="/own" data-x SRC="@" src="@"></script><script SRC="@"></script>', "SRC"),
]

# The whole tag sleeps, because its text gives it away.
WAITING = [
    b"<script>trkInit(1)</script>",
    b"<script type=module>trkInit(1)</script>",
    b'<script type="importmap">{"imports": {"a": "https://t.example/x"}}</script>',
    b'<script type="speculationrules">{"prefetch": [{"urls": ["https://t.example/x"]}]}</script>',
    b"<style>@import '//t.example/x';</style>",
    b"<style>a{background:url(//t.example/x)}</style>",
    b"<style>a{b:\\75\\72\\6c(//t.example/x)}</style>",
    b"<style>@import/**/url(//t.example/x)</style>",
    b"<style>@font-face{src:url('//t.example/x')}</style>",
    b"<svg><style>@import '//t.example/x';</style></svg>",
    b"<svg><style><![CDATA[@import '//t.example/x';]]></style></svg>",
    b"<svg><style>@import '&#x2f;/t.example/x';</style></svg>",
    b"<svg><script>trkInit(1)</script></svg>",
    b"<svg><script>trk&#73;nit(1)</script></svg>",
    b"<svg><script>trk<!-- -->Init(1)</script></svg>",
    b"<svg><script><![CDATA[</script>trkInit(1)]]></script></svg>",
    b"<svg><script><g><script>trkInit(1)</script></g></script></svg>",
]

# Fetches nothing, or nothing of the tracker's.
INNOCENT = [
    b'<a href="//t.example/x">a link</a>',
    b'<form action="//t.example/x"><button formaction="//t.example/x">',
    b'<area href="//t.example/x">',
    b'<link rel="canonical" href="//t.example/x">',
    b'<link rel="author license next search me pingback" href="//t.example/x">',
    b'<link rel="alternate" href="//t.example/x">',
    b'<link href="//t.example/x">',
    b'<script type="text/plain" src="//t.example/x"></script>',
    b'<script type="application/ld+json">{"a": "//t.example/x"}</script>',
    b'<script type="text/template"><img src="//t.example/x"></script>',
    b'<script type="text/javascript; charset=utf-8" src="//t.example/x"></script>',
    b'<script type="x" type="text/javascript" src="//t.example/x"></script>',
    b'<style type="text/less">a{background:url(//t.example/x)}</style>',
    b'<style type="text/less">a{} @import "//t.example/x";</style>',
    b'<input type="text" src="//t.example/x">',
    b'<meta name="refresh" content="0; url=//t.example/x">',
    b'<meta property="og:image" content="https://t.example/x">',
    b'<img alt="//t.example/x" data-src="//t.example/x" title="<img src=//t.example/x>">',
    b"<!-- <img src=//t.example/x> -->",
    b"<textarea><img src=//t.example/x></textarea>",
    b"<title><img src=//t.example/x></title>",
    b"<xmp><img src=//t.example/x></xmp>",
    b"<iframe><img src=//t.example/x></iframe>",
    b"<noembed><img src=//t.example/x></noembed>",
    b"<plaintext><img src=//t.example/x>",
    b"<svg><![CDATA[<img src=//t.example/x>]]></svg>",
    b"<svg><set attributeName='x' to='//t.example/x'/></svg>",
    b"<use href='//t.example/x'>",
    b"<math><mi href='//t.example/x'>x</mi></math>",
    b'<object><param name="flashvars" value="//t.example/x"><param value="//t.example/x"></object>',
    b"<img src=//t.example.org/x>",
    b"<img src=//nott.example/x>",
    b"<img src=/t.example/x>",
    b"<img src=x//t.example/x>",
    b"<img src=''>",
    b"<img src='about:blank'><img src='mailto:a@t.example'>",
    b"<iframe srcdoc='<p>t.example</p>'></iframe>",
    b"<p style=\"color:red; content: '//t.example/x'\">",
    b"<style>/* @import '//t.example/x'; */ a{b:'url(//t.example/x)'}</style>",
    b"<p style='background:u/**/rl(//t.example/x)'>",
    b"<script>var x = 'trkInitialise('; my_trkInit(1);</script>",
]


@pytest.mark.parametrize(("tag", "attribute"), FETCHING, ids=[t.decode() for t, _ in FETCHING])
def test_what_fetches_is_put_away(tag: bytes, attribute: str) -> None:
    page = tag.replace(b"@", T)
    gated = gate(page)
    assert b" data-consent-" + attribute.encode() + b"=" in gated
    assert b' data-consent="marketing"' in gated
    assert (
        gated.replace(b"data-consent-", b"")
        .replace(b' data-consent="marketing"', b"")
        .replace(b' type="text/plain"', b"", page.count(b"<script"))
        == page
    )
    for parse in PARSERS.values():
        assert not faults(parse(gated, True))
        assert not faults(parse(gated, False))


@pytest.mark.parametrize(("tag", "attribute"), FETCHING, ids=[t.decode() for t, _ in FETCHING])
def test_the_same_of_the_site_itself_stays(tag: bytes, attribute: str) -> None:
    page = tag.replace(b"@", b"/own/x")
    if b"trkInit" not in page and b"base64" not in page:
        assert gate(page) == page


@pytest.mark.parametrize(("tag", "attribute"), FETCHING, ids=[t.decode() for t, _ in FETCHING])
def test_what_is_granted_stays(tag: bytes, attribute: str) -> None:
    page = tag.replace(b"@", T)
    assert gate(page, "marketing") == page


@pytest.mark.parametrize("tag", WAITING)
def test_what_its_text_gives_away_sleeps(tag: bytes) -> None:
    gated = gate(tag)
    assert b' type="text/plain" data-consent="marketing"' in gated
    assert gate(tag, "marketing") == tag


@pytest.mark.parametrize("tag", INNOCENT)
def test_what_fetches_nothing_stays(tag: bytes) -> None:
    assert gate(tag) == tag


class TestImports:
    """Chromium fetches the imports at the start of a ``<style>`` ahead, whatever its type is."""

    def test_they_are_hidden_from_it(self) -> None:
        assert gate(b"<style> /* x */ @import '//t.example/x';</style>") == (
            b'<style type="text/plain" data-consent="marketing"><!---->'
            b" /* x */ @import '//t.example/x';</style>"
        )

    def test_in_svg(self) -> None:
        assert gate(b"<svg><style><![CDATA[@import '//t.example/x';]]></style></svg>") == (
            b'<svg><style type="text/plain" data-consent="marketing">&lt;!----&gt;<![CDATA['
            b"@import '//t.example/x';]]></style></svg>"
        )

    def test_of_another_type(self) -> None:
        page = b'<style type="text/less">@import "//t.example/x";</style>'
        assert gate(page) == (
            b'<style type="text/plain" data-consent="marketing" data-consent-type="text/less">'
            b'<!---->@import "//t.example/x";</style>'
        )
        assert gate(gate(page)) == gate(page)

    def test_of_the_site_itself(self) -> None:
        page = b'<style type="text/less">@import "/own.css";</style>'
        assert gate(page) == page

    def test_what_is_too_long_to_judge(self) -> None:
        limits = LimitSettings(script_bytes=1024)
        page = b"<style>@import '/x';" + b" " * 2000 + b"</style>"
        for chunk in (0, 1, 500):
            assert gate(page, limits=limits, chunk=chunk).startswith(
                b'<style type="text/plain" data-consent="unclassified"><!---->@import'
            )


def test_what_a_script_was_is_kept() -> None:
    kept = b'async defer nonce="n" integrity="i" crossorigin'
    tag = b'<script type="module" ' + kept + b' src="//t.example/x">'
    assert gate(tag) == (
        b'<script type="text/plain" data-consent="marketing" data-consent-type="module" '
        + kept
        + b' data-consent-src="//t.example/x">'
    )


def test_duplicates_do_not_come_to_life() -> None:
    assert gate(b"<img src=//t.example/x src=//t.example/y>") == (
        b'<img data-consent="marketing" data-consent-src=//t.example/x '
        b"data-consent-src=//t.example/y>"
    )


def test_a_tag_marked_by_hand() -> None:
    page = b'<iframe data-consent="analytics" src="https://other.example/"></iframe>'
    assert gate(page) == (
        b'<iframe data-consent="analytics"  data-consent-src="https://other.example/"></iframe>'
    )
    assert gate(page, "analytics") == page
    assert gate(gate(page)) == gate(page)


def test_a_script_marked_by_hand() -> None:
    page = b'<script data-consent="analytics">own()</script>'
    assert gate(page).startswith(b'<script type="text/plain" data-consent="analytics" ')
    assert gate(gate(page)) == gate(page)


class TestDocumentsInAttributes:
    def test_they_are_gated(self) -> None:
        inner = b'&lt;p title="&amp;quot;">\xc3\xa9&lt;img src=//t.example/x>'
        page = b"<iframe srcdoc='" + inner + b"'></iframe>"
        assert gate(page) == (
            b'<iframe srcdoc="&lt;p title=&quot;&amp;quot;&quot;>&#233;&lt;img '
            b'data-consent=&quot;marketing&quot; data-consent-src=//t.example/x>"></iframe>'
        )

    def test_in_each_other(self) -> None:
        page, inner = b"", b"<img src=//t.example/x>"
        for _ in range(4):
            inner = inner.replace(b"&", b"&amp;").replace(b'"', b"&quot;")
            page = inner = b'<iframe srcdoc="' + inner + b'"></iframe>'
        gated = gate(page)
        assert b"data-consent-src=//t.example/x" in gated
        assert not faults(PARSERS["turbohtml"](gated, True))

    def test_too_deep_they_sleep(self) -> None:
        inner = b"<p>"
        for _ in range(8):
            inner = inner.replace(b"&", b"&amp;").replace(b'"', b"&quot;")
            inner = b'<iframe srcdoc="' + inner + b'"></iframe>'
        assert b"data-consent-srcdoc" in gate(inner)

    def test_bytes_that_are_not_utf8_stay(self) -> None:
        page = b"<iframe srcdoc='\xe9&lt;img src=//t.example/x>'></iframe>"
        assert b"\xe9&lt;img" in gate(page)

    def test_a_base_holds_inside(self) -> None:
        page = b"<base href='//t.example/'><iframe srcdoc='&lt;img src=x>'></iframe><img src=y>"
        gated = gate(page)
        assert b"data-consent-src=x" in gated
        assert b"data-consent-src=y" in gated

    def test_a_base_inside_stays_there(self) -> None:
        page = b"<iframe srcdoc='<base href=//t.example/>'></iframe><img src=y>"
        assert gate(page) == page
