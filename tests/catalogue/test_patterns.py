"""The written forms of host rules and signatures."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.catalogue.model import Host
from consentkit.catalogue.patterns import parse_host, parse_signature, regex


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.com", Host(name="example.com")),
        ("*.Example.COM", Host(name="example.com", below=True)),
        ("www.example.*", Host(name="www.example", any_suffix=True)),
        ("*.example.*", Host(name="example", below=True, any_suffix=True)),
        ("example.com/a.b", Host(name="example.com", path=r"/a\.b")),
        ("example.com/", Host(name="example.com")),
        ("_dmarc.example.com", Host(name="_dmarc.example.com")),
        ("bücher.example", Host(name="xn--bcher-kva.example")),
        ("localhost", Host(name="localhost")),
    ],
)
def test_host_rules(text: str, expected: Host) -> None:
    assert parse_host(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://example.com", "scheme"),
        ("//example.com", "scheme"),
        ("example.com:8080", "port"),
        ("*.com", "top-level"),
        ("", "not a host"),
        ("*", "not a host"),
        ("cdn-*.example.com", "not a host"),
        ("exa mple.com", "not a host"),
        ("example..com", "not a host"),
        ("-example.com", "not a host"),
        (f"{'ü' * 70}.com", "not a host name"),
    ],
)
def test_host_rules_that_are_wrong(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        parse_host(text)


def test_a_rule_has_one_path() -> None:
    assert parse_host("example.com", path=r"/a\d").path == r"/a\d"
    with pytest.raises(ValueError, match="has a path already"):
        parse_host("example.com/a", path="/b")
    with pytest.raises(ValueError, match="not a regular expression"):
        regex("(")


@given(st.text())
def test_a_host_rule_is_parsed_or_refused(text: str) -> None:
    try:
        host = parse_host(text)
    except ValueError:
        return
    assert host.name
    assert host.name.isascii()
    assert host.name == host.name.lower()


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        ("ga('create'", 'ga("create"'),
        ("ga('create'", "ga (\n`create`"),
        ("new UET(", "new  UET ("),
        ("'clarity', 'script'", '"clarity","script"'),
        ("name: 'MSCI'", 'name:"MSCI"'),
        ("$zopim", "window.$zopim||"),
    ],
)
def test_signatures(signature: str, code: str) -> None:
    parsed = parse_signature(signature)
    assert re.search(parsed.pattern, code)
    assert set(parsed.words) <= set(re.findall(r"[\w$]+", code))


@pytest.mark.parametrize(
    ("signature", "code"),
    [("new UET(", "newUET("), ("_gaq", "_gaqs"), ("_gaq", "$_gaq"), ("a.bc(", "aXbc(")],
)
def test_signatures_of_something_else(signature: str, code: str) -> None:
    assert not re.search(parse_signature(signature).pattern, code)


@pytest.mark.parametrize("text", ["", "  ", "(", "x", "a.b('"])
def test_signatures_that_say_too_little(text: str) -> None:
    with pytest.raises(ValueError, match="no word"):
        parse_signature(text)


@given(st.text(alphabet="ab$ ('\",.=\n", min_size=1, max_size=20))
def test_a_signature_matches_itself(text: str) -> None:
    try:
        parsed = parse_signature(text)
    except ValueError:
        return
    assert re.search(parsed.pattern, text)
    assert set(parsed.words) <= set(re.findall(r"[\w$]+", text))
