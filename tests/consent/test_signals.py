"""Signals of a request: header values in, plain values out, and nothing is fatal."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consentkit.consent.signals import (
    families,
    is_bot,
    parse_cookies,
    preferred_language,
    sends_gpc,
)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], {}),
        ([b""], {}),
        ([b"a=1"], {"a": ["1"]}),
        ([b"a=1; b=2"], {"a": ["1"], "b": ["2"]}),
        ([b"a=1;b=2;"], {"a": ["1"], "b": ["2"]}),
        ([b"a=1", b"b=2; a=3"], {"a": ["1", "3"], "b": ["2"]}),  # HTTP/2
        ([b'a="1"'], {"a": ["1"]}),
        ([b"a=b=c"], {"a": ["b=c"]}),
        ([b"bad; a=1; \xff=2; b=\xff; ; =; c=3"], {"a": ["1"], "": [""], "c": ["3"]}),
        ([b"a[=x; $Version=1; a=1"], {"a[": ["x"], "$Version": ["1"], "a": ["1"]}),
        ([b"A=1; a=2"], {"A": ["1"], "a": ["2"]}),
        ([b"a=" + b"x" * 4097 + b"; b=1"], {"b": ["1"]}),
    ],
)
def test_cookies(headers: list[bytes], expected: dict[str, list[str]]) -> None:
    assert parse_cookies(headers) == expected


@given(st.lists(st.binary(max_size=200)))
def test_any_bytes_are_cookies(headers: list[bytes]) -> None:
    cookies = parse_cookies([*headers, b"mine=1"])
    assert cookies["mine"][-1] == "1"


def test_a_megabyte_of_cookies() -> None:
    assert parse_cookies([b"a=" + b"x" * 1_000_000]) == {}
    assert sum(map(len, parse_cookies([b"a=1;" * 250_000]).values())) <= 65_536
    assert parse_cookies([b";" * 1_000_000, b"a=1"]) == {"a": ["1"]}
    assert parse_cookies([b"\xff" * 1_000_000, b"a=1"]) == {"a": ["1"]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], False),
        ([b""], False),
        ([b"1"], True),
        ([b" 1 "], True),
        ([b"0"], False),
        ([b"01"], False),
        ([b"1;x"], False),
        ([b"true"], False),
        ([b"0", b"1"], True),
        ([b"1,1"], True),
        ([b"1,0"], True),
        ([b"\xff"], False),
    ],
)
def test_gpc(values: list[bytes], *, expected: bool) -> None:
    assert sends_gpc(values) is expected


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (b"", False),
        (b"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", False),
        (b"Mozilla/5.0 (Linux; Android 12; CUBOT NOTE 20) Chrome/120.0 Mobile", False),
        (b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        (b"Mozilla/5.0 (compatible; bingbot/2.0)", True),
        (b"facebookexternalhit/1.1", True),
        (b"Mozilla/5.0 (compatible; YandexImages/3.0)", True),
        (b"DuckDuckBot", True),
        (b"Twitterbot/1.0", True),
        (b"\xff" * 100_000, False),
    ],
)
def test_bots(agent: bytes, *, expected: bool) -> None:
    assert is_bot(agent) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ""),
        ("de", "de"),
        ("de-CH, de;q=0.9, en;q=0.8", "de-CH"),
        ("en;q=0.8, fr", "fr"),
        ("en;q=0.8, fr;q=0.9", "fr"),
        ("*", ""),
        ("*, en;q=0.1", "en"),
        ("en;q=2, de;q=0.5", "de"),
        ("en;q=nan, de;q=0.5", "de"),
        ("en;q=x, de", "de"),
        ("en;q=0", ""),
        ("<script>, de", "de"),
        ("de\n", "de"),
    ],
)
def test_language(header: str, expected: str) -> None:
    assert preferred_language(header) == expected


@given(st.text(max_size=2000))
def test_any_text_is_a_language_header(header: str) -> None:
    language = preferred_language(header)
    assert language.isascii()
    assert not set(language) & set(" ,;<>\"'&")


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("", ("Other", "Other", "other")),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
            ("Firefox", "Windows", "desktop"),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile Safari",
            ("Mobile Safari", "iOS", "mobile"),
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", ("Googlebot", "Other", "bot")),
    ],
)
def test_families(agent: str, expected: tuple[str, str, str]) -> None:
    assert families(agent) == expected


HOSTILE = ["a", "; ", "Android ", "Mozilla/5.0 (", "1.", "iPhone;", "bot ", "(" * 40, "\xff\0"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_agents(piece: str) -> None:
    names = families(piece * (1_000_000 // len(piece)))
    assert all(len(name) <= 48 for name in names)


@given(st.text(max_size=600))
@example("Mozilla/5.0 (Linux; Android 4.4; " + "x " * 300 + ")")
def test_any_text_is_an_agent(agent: str) -> None:
    browser, system, device = families(agent)
    assert len(browser) <= 48
    assert len(system) <= 48
    assert device in ("bot", "tablet", "mobile", "desktop", "other")
