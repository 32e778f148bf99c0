"""Time is linear and memory is bounded, whatever comes.

No clock is asked. Time is counted in lines of the gate that run: at most twice as many (and a bit)
when the input doubles. What happens within one pattern is not counted so, but a long page would not
come to an end if that grew with the square.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from types import FrameType
from typing import Any

import pytest

from consentkit.gate import Gate
from tests.gate.soup import gate, judge

HOSTILE: dict[str, tuple[bytes, bytes, bytes]] = {
    # name: what comes first, what is repeated, what comes last
    "less-than": (b"", b"<", b""),
    "open tags": (b"", b"<a ", b""),
    "comments": (b"", b"<!--", b""),
    "bogus comments": (b"", b"<!", b""),
    "cdata": (b"<svg>", b"<![CDATA[", b""),
    "end tags": (b"", b"</", b""),
    "dead end tags": (b"", b"</x>", b""),
    "an open value": (b"<a b='", b"x", b""),
    "references": (b"<img src='", b"&", b"'>"),
    "long references": (b"<img src='", b"&#0", b"'>"),
    "references in an open value": (b"<img src='", b"&amp", b""),
    "attributes": (b"<img ", b"a ", b">"),
    "attributes with quotes": (b"<img ", b"a='b'", b">"),
    "equals signs": (b"<img ", b"=", b">"),
    "slashes": (b"<img ", b"/", b">"),
    "half a style": (b"", b"<p style=", b""),
    "scripts": (b"", b"<script>", b""),
    "escaped scripts": (b"<script>", b"<!--<script>", b""),
    "script ends": (b"<script>", b"</script", b""),
    "raw text ends": (b"<title>", b"</titl", b""),
    "nested svg": (b"", b"<svg>", b""),
    "nested svg, ended": (b"<svg>" * 500, b"</x>", b""),
    "nested math": (b"", b"<math><mi>", b""),
    "svg scripts": (b"<svg>", b"<script>", b""),
    "svg titles": (b"", b"<svg><title>x</title>", b""),
    "svg that is left": (b"", b"<svg></x><style></style>", b""),
    "svg shapes": (b"<svg>", b"<path d='1'/>", b""),
    "svg openings": (b"", b"<svg><path/>", b""),
    "templates": (b"", b"<template><col>", b""),
    "templates, ended": (b"<template>" * 500, b"</x><b>", b""),
    "selects": (b"", b"<select><svg>", b""),
    "framesets": (b"", b"<frameset><style>", b""),
    "noscripts": (b"", b"<noscript>", b""),
    "split noscripts": (b"", b"<noscript><p title='</noscript>", b""),
    "srcset": (b"<img srcset='", b"a,", b"'>"),
    "srcset brackets": (b"<img srcset='a ", b"(", b"'>"),
    "srcset spaces": (b"<img srcset='", b" ", b"'>"),
    "css": (b"<style>", b"url(", b"</style>"),
    "css strings": (b"<style>@import ", b"'", b"</style>"),
    "css comments": (b"<style>@i", b"/*", b"</style>"),
    "css escapes": (b"<style>", b"\\75 ", b"</style>"),
    "css spaces": (b"<style>url(", b" ", b"</style>"),
    "blob": (b"<img src=", b"blob:", b">"),
    "a host": (b"<img src=//", b"a.", b">"),
    "a host of marks": (b"<img src='//", "\u0315\u0300".encode(), b"'>"),
    "user info": (b"<img src='//", b"a@", b"'>"),
    "dots": (b"<img src='/", b"../", b"'>"),
    "tabs": (b"<img src='", b"\t", b"//t.example'>"),
    "a data address": (b"<iframe src='data:,", b"%41", b"'>"),
    "srcdoc": (b"<iframe srcdoc='", b"&lt;p>", b"'>"),
    "refresh": (b"<meta http-equiv=refresh content='", b" ", b"x'>"),
    "quotes": (b"<p ", b"a=\"'\" b='\"' ", b">"),
    "trackers": (b"", b"<img src=//t.example/x>", b""),
    "text": (b"", b"a<b & c > d ", b""),
    "styles": (b"", b"<p style=x(>", b""),
    "openings of values": (b"", b"='><p>", b""),
    "tags in values": (b"", b"<p a='><img>'>", b""),
    "bogus comments with tags": (b"", b"</ <img ", b""),
    "a head": (b"<!doctype html><html><head>", b"<meta a=b><title>x</title>", b""),
    "noscripts in pieces": (b"", b"<noscript><p></noscript", b""),
    "svg that is left, without scripting": (b"<noscript>", b"<svg></x><style></style>", b""),
}


class _Counter:
    """Counts the lines of the gate that run."""

    def __init__(self) -> None:
        self.work = 0

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if "consentkit" not in frame.f_code.co_filename:
            return None
        self.work += 1
        return self


def _lines(page: bytes, chunk: int) -> int:
    counter = _Counter()
    machine = Gate(judge())
    sys.settrace(counter)
    try:
        for start in range(0, len(page), chunk):
            machine.feed(page[start : start + chunk])
        machine.close()
    finally:
        sys.settrace(None)
    return counter.work


@pytest.mark.parametrize("chunk", [1 << 30, 4096], ids=["whole", "chunks"])
@pytest.mark.parametrize("name", HOSTILE)
def test_steps_are_linear(name: str, chunk: int) -> None:
    first, again, last = HOSTILE[name]
    size = 10_000 // len(again)
    small = _lines(first + again * size + last, chunk)
    large = _lines(first + again * (2 * size) + last, chunk)
    assert large < 2.2 * small + 1000


@pytest.mark.parametrize("name", HOSTILE)
def test_steps_byte_by_byte_are_linear(name: str) -> None:
    first, again, last = HOSTILE[name]
    size = 2_000 // len(again)
    small = _lines(first + again * size + last, 1)
    large = _lines(first + again * (2 * size) + last, 1)
    assert large < 2.2 * small + 1000


@pytest.mark.parametrize("name", HOSTILE)
def test_a_long_page_goes_through(name: str) -> None:
    """What grew with the square within the patterns themselves would not come to an end here."""
    first, again, last = HOSTILE[name]
    page = first + again * (300_000 // len(again)) + last
    assert gate(page, chunk=16_384)


@pytest.mark.parametrize(
    "extra", [b"", b"<select><svg></svg></select><noscript><p title='</noscript>'>"]
)
def test_memory_is_bounded(extra: bytes) -> None:
    """Thirty megabytes of a page leave as they come. (With the extra, two readings are followed
    again and again; a tenth of it will do.)"""
    block = (
        b"<p class='a'>" + b"text " * 3000 + b"<a href='/x'>link</a></p><img src=/a.png>"
        b"<script>own(1)</script><svg><path d='M1'/></svg>"
        b"<noscript><img src=//t.example/x></noscript>\n" + extra
    )
    page = block * 20
    machine = Gate(judge())
    machine.feed(block)
    tracemalloc.start()
    try:
        for _ in range((3_000_000 if extra else 30_000_000) // len(page)):
            for start in range(0, len(page), 16_384):
                machine.feed(page[start : start + 16_384])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_a_gate_leaves_nothing_for_the_cycle_collector() -> None:
    page = b"<!doctype html><html><head><body><noscript><p title='</noscript>'><script>x()</script>"
    gc.collect()
    gc.disable()
    try:
        machine = Gate(judge())
        machine.feed(page)
        machine.close()
        del machine
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("chunk", [1 << 30, 4096, 7])
def test_a_page_full_of_doubt_goes_on_as_text(chunk: int) -> None:
    doubts = b"<svg></x><style></style>" * 300
    page = b"<p>x</p>" + doubts + b"<p class=a><script src=//t.example/x></script>"
    gated = gate(page, chunk=chunk)
    assert gated.startswith(page[:32])
    assert gated.endswith(b"&lt;p class=a>&lt;script src=//t.example/x>&lt;/script>")
    assert gated == gate(page)


def test_memory_is_bounded_for_a_tag_without_end() -> None:
    machine = Gate(judge())
    tracemalloc.start()
    try:
        machine.feed(b"<p title='")
        for _ in range(400):
            machine.feed(b"x" * 16_384)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000
