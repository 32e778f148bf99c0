"""Response headers that contact or remember a third party."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.gate import Judge
from consentkit.gate.headers import CONTACTS, gate_headers
from consentkit.policy import Policy
from consentkit.settings import load_settings

POLICY = Policy(load_settings({"secret_keys": ["a-key-of-more-than-thirty-two-characters"]}))
GA = b"https://www.google-analytics.com"


def gated(*headers: tuple[bytes, bytes], granted: Any = ()) -> list[tuple[bytes, bytes]]:
    judge = Judge(POLICY, frozenset({"necessary", *granted}), "www.shop.example")
    return list(gate_headers(list(headers), judge, lambda name: name.startswith("_ga")))


def link(value: bytes, **facts: Any) -> bytes | None:
    kept = gated((b"Link", value), **facts)
    return kept[0][1] if kept else None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"</a.css>; rel=preload", b"</a.css>; rel=preload"),
        (b"<" + GA + b">; rel=preconnect", None),
        (b"<//www.google-analytics.com/x>;rel=preload", None),
        (b"  < " + GA + b" > ; rel=preconnect", None),
        (b"<HTTPS://WWW.Google-Analytics.COM>; rel=dns-prefetch", None),
        (b"</a>; rel=preload, <" + GA + b">; rel=preconnect", b"</a>; rel=preload"),
        (b"<" + GA + b">; rel=preconnect, </a>; rel=preload", b"</a>; rel=preload"),
        (b'</a>; title="x, <b>; y"; rel=preload', b'</a>; title="x, <b>; y"; rel=preload'),
        (b'</a>; title="a\\",", <' + GA + b">; rel=preconnect", b'</a>; title="a\\","'),
        (b'</a>; rel=preload; as=image; imagesrcset="' + GA + b'/x 2x"', None),
        (b"nonsense " + GA, None),
        (b"nonsense", b"nonsense"),
        (b'</a>; title="open ' + GA, None),
        (b",, </a>; rel=preload", b",, </a>; rel=preload"),
        (b"", b""),
    ],
)
def test_links(value: bytes, expected: bytes | None) -> None:
    assert link(value) == expected
    assert link(value, granted=["analytics"]) == value


@pytest.mark.parametrize(
    "header",
    [
        (b"Refresh", b"0;url=" + GA),
        (b"refresh", b"5; URL='" + GA + b"/x'"),
        (b"Report-To", b'{"endpoints":[{"url":"https:\\/\\/www.google-analytics.com\\/r"}]}'),
        (b"Reporting-Endpoints", b'a="/own", b="' + GA + b'"'),
        (b"NEL", b'{"report_to":"' + GA + b'"}'),
        (b"Speculation-Rules", b'"/own.json", "' + GA + b'/rules.json"'),
        (b"Set-Cookie", b"_ga=GA1.2; Path=/"),
        (b"set-cookie", b" _ga_X = 1"),
    ],
)
def test_left_out(header: tuple[bytes, bytes]) -> None:
    assert gated(header) == []
    others = [(b"x-a", b"1"), (b"X-A", b"2")]
    assert gated(others[0], header, others[1]) == others


@pytest.mark.parametrize(
    "header",
    [
        (b"Refresh", b"5"),
        (b"Refresh", b"5; url=/next"),
        (b"Reporting-Endpoints", b'a="/own"'),
        (b"Set-Cookie", b"session=_ga=1"),
        (b"Set-Cookie", b"session=1; Path=/; Secure"),
        (b"Set-Cookie", b""),
        # Deleting what may not be set is welcome.
        (b"Set-Cookie", b"_ga=; Max-Age=0"),
        (b"Set-Cookie", b"_ga=x; path=/; max-age = -1; domain=x"),
        (b"Set-Cookie", b"_ga=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"),
        (b"Content-Security-Policy", b"script-src " + GA),
        (b"Location", GA),
    ],
)
def test_kept(header: tuple[bytes, bytes]) -> None:
    assert gated(header) == [header]


@pytest.mark.parametrize("value", [b"_ga=1; Max-Age=01", b"_ga=max-age=0", b"_ga=1; Max-Age=10"])
def test_a_cookie_that_only_looks_like_a_deletion(value: bytes) -> None:
    assert gated((b"set-cookie", value)) == []


def test_the_very_same_object_when_nothing_had_to_go() -> None:
    judge = Judge(POLICY, frozenset(), "")
    for headers in (
        [(b"content-type", b"text/html")],
        [(b"link", b"</a>; rel=preload ,</b>"), (b"set-cookie", b"a=1"), (b"set-cookie", b"a=1")],
        [],
    ):
        assert gate_headers(headers, judge, lambda _: False) is headers


def test_undeclared_services_and_strangers() -> None:
    settings = load_settings(
        {"secret_keys": ["a-key-of-more-than-thirty-two-characters"], "gate": "strict"}
    )
    judge = Judge(Policy(settings), frozenset({"necessary"}), "www.shop.example")
    headers = [(b"link", b"<https://cdn.other.example>; rel=preconnect, <//a.shop.example>; rel=x")]
    kept = gate_headers(headers, judge, lambda _: False)
    assert list(kept) == [(b"link", b"<//a.shop.example>; rel=x")]


@given(
    st.sampled_from(sorted({*CONTACTS, b"set-cookie", b"x"})),
    st.binary(max_size=80) | st.text('<>,;"\\/ =abhtps:', max_size=60).map(str.encode),
)
def test_any_value(name: bytes, value: bytes) -> None:
    first, last = (b"x-empty", b""), (b"link", b"<" + GA + b">")
    kept = gated(first, (name, value), last)
    assert kept[0] == first
    assert len(kept) <= 2
    for _, other in kept[1:]:
        assert name == b"link" or other == value


@pytest.mark.parametrize("piece", [b"<", b"<a>;", b'<a>;"', b'<a>; "\\', b",", b"<a>,", b" "])
def test_long_values(piece: bytes) -> None:
    gated((b"link", piece * 20_000))
