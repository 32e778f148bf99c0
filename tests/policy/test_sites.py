"""Sites and registrable domains, and hosts that are neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.policy.sites import parent_domains, registrable_domain, same_site


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("WWW.Example.COM.", "example.com"),
        ("shop.example.co.uk", "example.co.uk"),
        ("me.github.io", "me.github.io"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("", ""),
    ],
)
def test_registrable_domain(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


def test_same_site() -> None:
    assert same_site("a.example.com", "b.example.com")
    assert not same_site("example.com", "example.org")
    assert not same_site("me.github.io", "you.github.io")
    assert not same_site("127.0.0.1", "127.0.0.2")
    assert not same_site("example.com", "notexample.com")


@pytest.mark.parametrize(
    ("host", "domains"),
    [
        ("example.com", ("example.com",)),
        (
            "a.b.example.co.uk",
            ("a.b.example.co.uk", "b.example.co.uk", "example.co.uk"),
        ),
        ("www.example.com.", ("www.example.com", "example.com")),
        ("localhost", ("localhost",)),
        ("127.0.0.1", ()),
        ("[::1]", ()),
        ("", ()),
        ("..", ()),
        ("a b", ()),
        ("a;b=c", ()),
        ("a.example\r\nset-cookie: x", ()),
        ("\u00fc.example", ()),
        ("a." * 40_000 + "example", ()),
        ("a" * 64 + ".example", ()),
    ],
)
def test_parent_domains(host: str, domains: tuple[str, ...]) -> None:
    assert parent_domains(host) == domains


@given(st.text() | st.text("ab.-_:[]%\n", max_size=300))
def test_any_host(host: str) -> None:
    top = registrable_domain(host)
    for domain in parent_domains(host):
        assert domain == top or domain.endswith("." + top)
        assert domain.isascii()
        assert domain.isprintable()
        assert not set(domain) & set(" ;,=")
    assert same_site(host, host)
