"""Tag soup: the nastiest pages that can be put together from the pieces that parsers stumble over.

One tracker stands for all: its host is ``t.example``, its inline code calls ``trkInit(``. Both in
the category *marketing*. ``soups`` draws pages for Hypothesis, ``random_soup`` makes them by the
million for a plain loop.
"""

from __future__ import annotations

import random
from functools import cache

from hypothesis import strategies as st

from consentkit.gate import Gate, Judge
from consentkit.policy import Policy
from consentkit.settings import LimitSettings, load_settings

HOST = "t.example"
CODE = "trkInit("

TRACKERS = [
    b'<script src="https://t.example/a.js"></script>',
    b"<script async src=//t.example/b.js></script>",
    b"<script>trkInit('x');</script>",
    b"<script type=module>trkInit(1)</script>",
    b"<img src=//t.example/p.gif>",
    b'<img alt="" srcset="/a.png 1x, //t.example/p.gif 2x">',
    b"<image src='//t.example/q.gif'>",
    b'<iframe src="https://t.example/frame"></iframe>',
    b'<iframe srcdoc="&lt;img src=//t.example/s.gif>"></iframe>',
    b'<link rel=stylesheet href="//t.example/c.css">',
    b"<style>@import '//t.example/d.css';</style>",
    b'<p style="background:url(//t.example/e.png)">',
    b"<video poster=//t.example/v.jpg></video>",
    b"<object data=//t.example/o></object>",
    b"<embed src=//t.example/m>",
    b"<frame src=//t.example/f>",
    b'<input type=image src="//t.example/i.gif">',
    b"<svg><image href=//t.example/g.svg /></svg>",
    b"<svg><script>trkInit(2)</script></svg>",
    b"<svg><script href=//t.example/h.js /></svg>",
    b"<noscript><img src=//t.example/n.gif></noscript>",
    b"<body background=//t.example/bg.gif>",
    b"<meta http-equiv=refresh content='0;url=//t.example/r'>",
    b'<div STYLE = "background:url(//t.example/j.png)">',
    b"<p class=x style='background:url(//t.example/k.png)'>",
    b"<td class=x background = //t.example/l.png>",
    b"<noscript><p><iframe src=//t.example/o></iframe></noscript>",
]

PIECES = [
    # text and odd ends
    b"x",
    b" ",
    b"\n",
    b">",
    b"<",
    b"</",
    b"</>",
    b"< p>",
    b"'",
    b'"',
    b"=",
    b"/",
    b"&lt;",
    b"\x00",
    b"\xff",
    b"\xc3\xa9",
    b"-",
    b"--",
    b"--!>",
    b"-->",
    b"]]>",
    b"/>",
    b"a=b/>",
    b"\r\n",
    b"\x0c",
    # comments, bogus comments, declarations
    b"<!--",
    b"<!-->",
    b"<!--->",
    b"<!---!>",
    b"<!-- x -->",
    b"<!-- --!>",
    b"<!--<!--",
    b"<!doctype html>",
    b"<!DOCTYPE",
    b"<![CDATA[",
    b"<![CDATA[>",
    b"<![CDATA[x]]>",
    b"<![cdata[",
    b"<!",
    b"<!x>",
    b"<?php ?>",
    b"<?xml",
    b"<?pi x",
    b"</ x>",
    b"<!-",
    b"<!->",
    # raw text
    b"<script>",
    b"</script>",
    b"</script ",
    b"</scriptx>",
    b"<SCRIPT>",
    b"</SCRIPT\t>",
    b"<script/>",
    b"<script type=text/plain>",
    b"<script src=/own.js>",
    b"<script><!--",
    b"<!--<script>",
    b"<script",
    b"</script",
    b"<style>",
    b"</style>",
    b"<style media=x>",
    b"<title>",
    b"</title>",
    b"<textarea>",
    b"</textarea>",
    b"<xmp>",
    b"</xmp>",
    b"<noembed>",
    b"</noembed>",
    b"<noframes>",
    b"</noframes>",
    b"<iframe>",
    b"</iframe>",
    b"<iframe srcdoc='<p>'>",
    b"<noscript>",
    b"</noscript>",
    b"<plaintext>",
    # foreign content
    b"<svg>",
    b"</svg>",
    b"<svg/>",
    b"<svg a=b/>",
    b"<math>",
    b"</math>",
    b"<g>",
    b"</g>",
    b"<path/>",
    b"<path></path>",
    b"<desc>",
    b"</desc>",
    b"<foreignObject>",
    b"</foreignObject>",
    b"<mi>",
    b"</mi>",
    b"<mtext>",
    b"<mglyph>",
    b"<malignmark>",
    b"<annotation-xml>",
    b"<annotation-xml encoding=text/html>",
    b"</annotation-xml>",
    b"<font>",
    b"<font color=x>",
    b"<svg><title>",
    b"<svg><desc>",
    b"<svg><style>",
    b"<svg><script>",
    b"<math><mi>",
    b"<svg fill=none>",
    b"<use href=#x />",
    b"<svg><a>",
    b"<math><style>",
    # HTML structure
    b"<p>",
    b"</p>",
    b"<div>",
    b"</div>",
    b"<b>",
    b"</b>",
    b"<a href=/x>",
    b"</a>",
    b"<i>",
    b"<br>",
    b"</br>",
    b"<span>",
    b"</span>",
    b"<table>",
    b"<tr>",
    b"<td>",
    b"</td>",
    b"</table>",
    b"<caption>",
    b"<col>",
    b"<colgroup>",
    b"</colgroup>",
    b"<template>",
    b"</template>",
    b"<template><col>",
    b"<select>",
    b"</select>",
    b"<option>",
    b"<input>",
    b"<keygen>",
    b"<button>",
    b"<form>",
    b"</form>",
    b"<frameset>",
    b"</frameset>",
    b"<frame>",
    b"<html>",
    b"<head>",
    b"</head>",
    b"<body>",
    b"</body>",
    b"</html>",
    b"<h1>",
    b"<li>",
    b"<ul>",
    b"</ul>",
    b"<nobr>",
    b"<object>",
    b"<marquee>",
    b"<base href=/b/>",
    b"<listing>",
    b"<pre>",
    # tags that do not come to an end, and attributes that hold what they should not
    b"<p title='",
    b'<p title="',
    b"<p title=",
    b"<p title",
    b"<p ",
    b"<p/",
    b"<img alt='",
    b'<img alt="',
    b"<a b=c/",
    b"<div a='>' b=\">\">",
    b"<p =x>",
    b"<p a=''b>",
    b'<p a=""b=c>',
    b"</p a='",
    b"<p title='</noscript>",
    b"<p title='</script>",
    b'<p title="</style>',
    b"<p title='<svg>'>",
    b'<p title="-->">',
    b"<x-y z>",
    # what looks like an attribute that counts, or like its end
    b" = ",
    b'="',
    b"='",
    b"it's",
    b'style="',
    b"<p style='x' class=\"y\">",
    b"<a title='style=\"'>",
    b"<meta charset=utf-8>",
    b"<html lang=x>\n<head a=b>",
    b"</head>\n<body class=x>",
    b"<img src=x>",
    b"<noscript><img src=x></noscript>",
    b"<svg viewBox='0 0'><path d='M1'/></svg>",
]


def random_soup(rng: random.Random, *, trackers: bool = True, longest: int = 14) -> bytes:
    """A page of a few pieces, sometimes cut off or with a byte changed."""
    pieces = []
    for _ in range(rng.randint(1, longest)):
        pool = TRACKERS if trackers and rng.random() < 0.25 else PIECES
        pieces.append(rng.choice(pool))
    page = bytearray(b"".join(pieces))
    if rng.random() < 0.1:
        del page[rng.randint(0, len(page)) :]
    if rng.random() < 0.1 and page:
        page[rng.randrange(len(page))] = rng.randrange(256)
    return bytes(page)


SCRIPT_PIECES = (
    b"trkInit(1);|trkInit('x')\n|x|y|1|.5|'a'|\"b\"|'\\''|`t`|`${|}`|}|{|(|)|[|]|;|,|=|==|=>|+|++|-|"
    b"--|*|/|/=|//|// c\n|/*|*/|/* c */|/*\n*/|/r/|/[/]/g|/'/|/\"/|/`/|/\\//.x|</|<!--|-->|\n-->|"
    b"\n|\r|\\\n| |return |typeof |in |of |yield |await |async |function f(){|if(x)|else |"
    b"while(x){|x=>|x?|:|...|a.b|a?.b|class A{|static |get |let |var |const |new |delete |void |"
    b"case 1:|throw |'//'|'/*'|\"*/\"|https://own.example/|\xe2\x80\xa8|\xc3\xa9|#x|#!x|@d"
).split(b"|")


def random_script(rng: random.Random) -> bytes:
    """A script of a few pieces; most have a mistake in them, but by far not all."""
    pieces = [rng.choice(SCRIPT_PIECES) for _ in range(rng.randint(1, 9))]
    if rng.random() < 0.8:
        pieces.insert(rng.randint(0, len(pieces)), rng.choice(SCRIPT_PIECES[:2]))
    return b"<script>" + b"".join(pieces) + b"</script>"


def _pages(pieces: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(pieces, max_size=20).map(b"".join)


innocent_soups = _pages(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)))
soups = _pages(st.one_of(st.sampled_from(PIECES), st.sampled_from(TRACKERS), st.binary(max_size=4)))


@cache
def policy() -> Policy:
    """The policy of a site with the one tracker."""
    return Policy(
        load_settings(
            {
                "secret_keys": ["x" * 32],
                "gate": "declared",
                "services": [
                    {
                        "id": "trk",
                        "name": "Tracker",
                        "category": "marketing",
                        "purpose": "Tracks.",
                        "provider": "Example",
                        "hosts": ["*.t.example"],
                        "signatures": [CODE],
                    }
                ],
            }
        )
    )


def judge(*granted: str) -> Judge:
    """A judge for one page; nothing is granted unless it is named."""
    return Judge(policy(), frozenset(granted) | policy().always)


def gate(page: bytes, *granted: str, chunk: int = 0, limits: LimitSettings | None = None) -> bytes:
    """The page behind the gate, fed whole or in chunks."""
    machine = Gate(judge(*granted), limits=limits)
    if not chunk:
        return machine.feed(page) + machine.close()
    pieces = [machine.feed(page[i : i + chunk]) for i in range(0, len(page), chunk)]
    return b"".join([*pieces, machine.close()])
