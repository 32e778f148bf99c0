"""Every spelling of an address that leads a browser to the tracker, and those that do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.gate.carriers import refresh_url
from consentkit.gate.charrefs import decode_attribute, decode_document, encode_document
from consentkit.gate.css import css_urls
from consentkit.gate.urls import NO_BASE, Location, locate, locate_text, srcset_urls
from tests.gate.soup import gate

TO_THE_TRACKER = [
    "https://t.example/x",
    "HTTPS://T.EXAMPLE/x",
    "http://t.example",
    "//t.example/x",
    "https:t.example/x",
    "https:/t.example/x",
    "https:///t.example/x",
    "///t.example/x",
    r"\\t.example/x",
    r"/\t.example/x",
    r"https:\\t.example\x",
    "https://ok@t.example/x",
    "https://ok:pw@t.example/x",
    "https://a@b@t.example/",
    "https://t.example:443/x",
    "https://t.example:/x",
    "https://t.example:8443",
    "//t.example?x",
    "//t.example#x",
    "https://t.example./x",
    "https://sub.t.example/x",
    "//t%2Eexample/x",
    "//%74.example/x",
    "//t.exam%70le",
    "//\uff54.example/x",
    "//t\u3002example/x",
    "//t\uff0eexample/x",
    "//t\uff61example",
    "//\U0001d52d.example".replace("\U0001d52d", "\U0001d531"),
    "//t.exam\u00adple/x",
    "//t.ex\u200bample",
    "//t.example\ufe0f",
    "//t.ex\U000e0100ample",
    "//\u24e3.example",
    " \n//t.example/x ",
    "\x00\x1f//t.example/x",
    "ht\ntps://t.example/x",
    "/\t/t.example/x",
    "h\rttps:\n//t.ex\tample/x",
    "&#47;/t.example/x",
    "&sol;&sol;t.example/x",
    "https&colon;//t.example",
    "//t&period;example",
    "//t.e&#x78;ample",
    "//t.e&#0000120;ample/x",
    "&#x68ttps://t.example/x",
    "//t.example&sol;x",
    "//&Tab;t.example",
    "wss://t.example/",
    "ftp://t.example/x",
    "blob:https://t.example/1-2",
    "blob:blob:https://t.example/",
    "https:\\/t.example/x",
    "//t.example/../../x",
    "//t.example&quest;a=1",
    "//t.example/a b",
    "//t.example/\xff",
]

ELSEWHERE = [
    "/x",
    "x",
    "?//t.example/",
    "#//t.example/",
    "./t.example",
    "//example/t.example",
    "//t.example.org/",
    "//xt.example/",
    "//t.example@other.example/",
    "//other.example/?u=//t.example/",
    "//t-example/",
    "about:blank",
    "mailto:x@t.example",
    "tel:1",
    "//",
    "https://",
    "//:80",
    "",
    " ",
    "&nbsp;//t.example",
    "//t.example&nbsp",
    "//t.example%2Fx@o.example/",
    "//t%25.example",
    "unknown://t.example/",
    "://t.example",
    "-https://t.example/",
    "//t..example/",
    "//t.example..org",
    "//xn--t.example.org",
]


def _tag(address: str) -> bytes:
    return b'<img src="' + address.encode("utf-8", "replace").replace(b'"', b"&quot;") + b'">'


@pytest.mark.parametrize("address", TO_THE_TRACKER)
def test_it_is_seen_through(address: str) -> None:
    assert b"data-consent-src" in gate(_tag(address))


@pytest.mark.parametrize("address", ELSEWHERE)
def test_it_is_let_through(address: str) -> None:
    assert gate(_tag(address)) == _tag(address)


@pytest.mark.parametrize(
    ("base", "relative", "host", "target"),
    [
        ("https://a.example/x/y?q#f", "z", "a.example", "/x/z"),
        ("https://a.example/x/", "z?r", "a.example", "/x/z?r"),
        ("https://a.example/x/y", "/z", "a.example", "/z"),
        ("https://a.example/x/y", "../z", "a.example", "/z"),
        ("https://a.example/x/y", "%2e%2e/z", "a.example", "/z"),
        ("https://a.example/x/y?q", "?r", "a.example", "/x/y?r"),
        ("https://a.example/x/y?q", "#f", "a.example", "/x/y?q"),
        ("https://a.example", "z", "a.example", "/z"),
        ("https://a.example/x/", "//b.example/z", "b.example", "/z"),
        ("/x/", "z", "", "/x/z"),
        ("//a.example/x/", r"\z", "a.example", "/z"),
    ],
)
def test_relative_addresses(base: str, relative: str, host: str, target: str) -> None:
    found = locate_text(relative, locate_text(base))
    assert found is not None
    assert (found.host, found.target) == (host, target)


class TestBase:
    def test_the_first_with_a_href_counts(self) -> None:
        page = b"<base target=x><base href=//t.example/><base href=/own/><img src=x>"
        assert b"data-consent-src=x" in gate(page)

    def test_a_second_one_does_not(self) -> None:
        page = b"<base href=/own/><base href=//t.example/><img src=x>"
        assert gate(page) == page

    def test_what_came_before_stays(self) -> None:
        page = b"<img src=x><base href=//t.example/>"
        assert gate(page) == page

    @pytest.mark.parametrize("href", [b"javascript:1", b"data:,x", b"about:blank", b"https://:x"])
    def test_one_that_is_no_use_counts_as_none(self, href: bytes) -> None:
        page = b"<base href=" + href + b"><base href=//t.example/><img src=x>"
        assert gate(page) == page

    @pytest.mark.parametrize(
        "page",
        [
            b"<template><base href=//t.example/></template><img src=x>",
            b"<svg><base href=//t.example/></svg><img src=x>",
            b"<!-- <base href=//t.example/> --><img src=x>",
        ],
    )
    def test_where_it_is_no_base(self, page: bytes) -> None:
        assert gate(page) == page

    def test_without_scripting_alone(self) -> None:
        """The base in a noscript holds for those without scripting; the page is safe for both."""
        page = b"<noscript><base href=//t.example/><img src=x></noscript><img src=y>"
        assert gate(page) == (
            b'<noscript><base href=//t.example/><img data-consent="marketing" data-consent-src=x>'
            b"</noscript><img src=y>"
        )


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("a", ["a"]),
        ("a 1x, b 2x", ["a", "b"]),
        ("a,b 1x", ["a,b"]),
        ("a, b", ["a", "b"]),
        (",a,,b", ["a,,b"]),
        ("a 1x,b", ["a", "b"]),
        ("a (x,y) 1w,b", ["a", "b"]),
        ("a (x,b", ["a"]),
        ("\t\na\x0c1x\n,\rb", ["a", "b"]),
        ("", []),
        (",,,", []),
        ("data:,a 1x", ["data:,a"]),
    ],
)
def test_srcset(value: str, urls: list[str]) -> None:
    assert [url for url in srcset_urls(value) if url] == urls


@pytest.mark.parametrize(
    ("css", "urls"),
    [
        (b"a{b:url(x)}", ["x"]),
        (b"url( 'x y' )", ["x y"]),
        (b"url(\n x\n)", ["x"]),
        (b"src('x')", ["x"]),
        (b'url("x', ["x"]),
        (b"@import'x'", ["x"]),
        (b'@IMPORT "x";', ["x"]),
        (b"@import 'x", ["x"]),
        (b"@import/**/url(x) screen", ["x"]),
        (b"@\\69mport 'x'", ["x"]),
        (b"\\55 RL(x)", ["x"]),
        (b"u\\72l(x)", ["x"]),
        (b"url('a\\2f b')", ["a/b"]),
        (b"url(a\\2f b)", ["a/b"]),
        (b"url('a\\\nb')", ["ab"]),
        (b"url(a\\)b)", ["a)b"]),
        (b"image-set('x' 1x,'y' 2x)", ["x", "y"]),
        (b"-webkit-image-set(url(x) 1x)", ["x"]),
        (b"image-set('x' type('y'))", ["x", "y"]),
        (b"url(/*)", ["/*"]),
        (b"/*url(x)*/", []),
        (b"/*url(x)", []),
        (b"/* @import 'x'; */ b:url(y)", ["y"]),
        (b"'/*' url(x) '*/'", ["x"]),
        (b"content:'url(x)'", []),
        (b"content:'\\'url(x)'", []),
        (b"u/**/rl(x)", []),
        (b"u\\\nrl(x)", []),
        (b"url (x)", []),
        (b"colour:red", []),
        (b"url()", []),
        (b"curl(x)", []),
        (b"@namespace url(x);b:url(y)", ["y"]),
        (b"attr('x' url)", []),
        (b"url(x)url(x)", ["x"]),
        (b"var(--url)", []),
        (b"'x\nurl(y)", ["y"]),
        (b"\\", []),
        (b"url(\\", []),
        (b"(((url(x", ["x"]),
        (b"@import\xff'x'", []),
    ],
)
def test_css(css: bytes, urls: list[str]) -> None:
    assert css_urls(css) == urls


@pytest.mark.parametrize(
    ("content", "url"),
    [
        ("0;url=x", "x"),
        ("0; URL = 'x'", "x"),
        ("5 x", "x"),
        (".5,x", "x"),
        ("0;x", "x"),
        ("0", ""),
        ("", ""),
        ("0x", ""),
        ("0;url x", "url x"),
        (' 1 ; url="x"y', "x"),
    ],
)
def test_refresh(content: str, url: str) -> None:
    assert refresh_url(content) == url


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"a&amp;b", "a&b"),
        (b"a&ampb", "a&ampb"),
        (b"a&amp=b", "a&amp=b"),
        (b"a&amp-b", "a&-b"),
        (b"&copy", "\xa9"),
        (b"?a=1&copy=2", "?a=1&copy=2"),
        (b"&notit;", "&notit;"),
        (b"&not-it;", "\xac-it;"),
        (b"&#x41;&#65&#0065;", "AAA"),
        (b"&#X3A", ":"),
        (b"&#0;&#xD800;&#x110000;&#99999999999;", "\ufffd" * 4),
        (b"&#128;&#x9f;", "\u20ac\u0178"),
        (b"&#x81;", "\x81"),
        (b"&;&#;&#x;&#xg", "&;&#;&#x;&#xg"),
        (b"&unknown;", "&unknown;"),
        (b"&CounterClockwiseContourIntegral;", "\u2233"),
        (b"\xff&amp;", "\ufffd&"),
    ],
)
def test_character_references(value: bytes, text: str) -> None:
    assert decode_attribute(value) == text


@given(st.text() | st.text("ahtps:/\\@.%&#;x0t\t "))
def test_any_address_leads_somewhere_or_nowhere(text: str) -> None:
    for base in (None, NO_BASE, Location("https", "a.example", "/b/")):
        found = locate_text(text, base)
        assert found is None or found.host == found.host.lower()
        locate(text.encode("utf-8", "surrogatepass"), base)


@given(st.binary())
def test_a_document_comes_out_of_its_attribute_as_it_went_in(page: bytes) -> None:
    value = encode_document(page)
    assert value[:1] == value[-1:] == b'"'
    assert b'"' not in value[1:-1]
    assert decode_document(value[1:-1]) == page
