"""Our parts go where the parser opens head and body, into documents only, and once."""

from __future__ import annotations

import pytest

from consentkit.gate import Gate, Insertions
from tests.gate.soup import judge

OURS = Insertions(
    head=b"[H]", body=lambda _language: b"[B]", html=b' data-consentkit-state="unset"'
)


def place(page: bytes, chunk: int = 0) -> bytes:
    gate = Gate(judge(), OURS)
    size = chunk or len(page) or 1
    pieces = [gate.feed(page[i : i + size]) for i in range(0, len(page), size)]
    return b"".join([*pieces, gate.close()]).replace(OURS.html, b" @")


@pytest.mark.parametrize(
    ("page", "placed"),
    [
        (
            b"<!doctype html><html><head><title>a</title></head><body class=x>b",
            b"<!doctype html><html @><head>[H]<title>a</title></head><body class=x>[B]b",
        ),
        (b"<html lang=en><body>x", b"<html @ lang=en>[H]<body>[B]x"),
        (b"<!doctype html><title>a</title><p>b", b"<!doctype html>[H]<title>a</title>[B]<p>b"),
        (b"<!doctype html>\n text", b"<!doctype html>\n [H][B]text"),
        (b"<!doctype html>", b"<!doctype html>[H][B]"),
        (
            b"<html><head></head>\n<!-- c --><body>",
            b"<html @><head>[H]</head>\n<!-- c --><body>[B]",
        ),
        (b"<html><head><script>1</script><div>", b"<html @><head>[H]<script>1</script>[B]<div>"),
        (
            b"<head><template><div></template><body>",
            b"<head>[H]<template><div></template><body>[B]",
        ),
        (b"<title>a</title><body>b", b"<title>a</title><body>[H][B]b"),
        (b"<html><frameset><frame></frameset>", b"<html @>[H]<frameset><frame></frameset>"),
        # Fragments get nothing.
        (b"<p>a</p>", b"<p>a</p>"),
        (b"text <b>a</b>", b"text <b>a</b>"),
        (b"<tr><td>a</td></tr>", b"<tr><td>a</td></tr>"),
        (b"", b""),
    ],
)
def test_where_it_goes(page: bytes, placed: bytes) -> None:
    for chunk in (0, 1, 5):
        assert place(page, chunk) == placed


def test_a_page_that_was_gated_before_gets_nothing_more() -> None:
    page = b"<!doctype html><html><head></head><body>a</body></html>"
    gate = Gate(judge(), OURS)
    once = gate.feed(page) + gate.close()
    again = Gate(judge(), OURS)
    assert again.feed(once) + again.close() == once


@pytest.mark.parametrize(
    ("page", "language"),
    [
        (b"<!doctype html><html lang=de-AT><head></head><body>a", "de-AT"),
        (b"<html class=x LANG='pt&#45;BR' lang=en><body>a", "pt-BR"),
        (b"<!doctype html><html lang=fr><p>a", "fr"),
        (b"<!doctype html><html lang=fr>", "fr"),
        (b"<html><html lang=fr><body>", "fr"),
        (b"<html lang><body>", ""),
        (b"<!doctype html><p lang=de>a", ""),
        (b"<p lang=de>a", None),
        (b"<html lang=de><frameset>", None),
    ],
)
def test_the_banner_is_asked_for_once_in_the_language_of_the_page(
    page: bytes, language: str | None
) -> None:
    for size in (1, len(page)):
        asked: list[str] = []

        def banner(of_page: str, asked: list[str] = asked) -> bytes:
            asked.append(of_page)
            return b""

        gate = Gate(judge(), Insertions(body=banner))
        for start in range(0, len(page), size):
            gate.feed(page[start : start + size])
        gate.close()
        assert asked == ([] if language is None else [language])
