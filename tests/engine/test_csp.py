"""The second policy: what it takes away, and that it takes away nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.engine.csp import may_inline, nonce_of
from consentkit.errors import SettingsError
from tests.engine.making import HTML, Shown, Site

CSP = b"content-security-policy"
SITE = Site(services=["google-analytics", "google-tag-manager", "facebook", "youtube"])
GA = "https://www.google-analytics.com"
OWN = ("'self'", "https:", "cdn.shop.example", "*.cdn.example", "data:", "'nonce-abc'")
# Each with the categories that it needs; Tag Manager's host also serves analytics.
VENDORS = {
    GA: {"analytics"},
    "*.google-analytics.com": {"analytics"},
    "wss://region1.google-analytics.com:443": {"analytics"},
    "connect.facebook.net/en_US/fbevents.js": {"marketing"},
    "CONNECT.facebook.NET": {"marketing"},
}


def policies(shown: Shown) -> list[bytes]:
    return shown.values(CSP)


def second(policy: str, *granted: str, site: Site = SITE) -> str:
    """The policy that is added to the site's own, which stays first and untouched."""
    visitor = site.decided(*granted) if granted else site.visitor()
    first, *rest = policies(visitor.page(headers=[HTML, (CSP, policy.encode())]))
    assert first == policy.encode()
    assert len(rest) <= 1
    return rest[0].decode() if rest else ""


@given(
    st.dictionaries(
        st.sampled_from(["script-src", "img-src", "connect-src", "style-src-elem"]),
        st.lists(st.sampled_from([*OWN, *VENDORS]), min_size=1, unique=True),
        min_size=1,
    ),
    st.sets(st.sampled_from(["analytics", "marketing", "functional"])),
)
def test_it_is_the_site_s_own_less_what_is_not_granted(
    directives: dict[str, list[str]], granted: set[str]
) -> None:
    text = "; ".join(" ".join((name, *sources)) for name, sources in directives.items())
    expected, changed = [], False
    for name, sources in directives.items():
        kept = [s for s in sources if VENDORS.get(s, set()) <= granted]
        changed = changed or kept != sources
        expected.append(" ".join((name, *(kept or ["'none'"]))))
    assert second(text, *granted) == ("; ".join(expected) if changed else "")


def test_a_host_of_several_services_goes_when_none_of_them_is_granted() -> None:
    policy = "script-src 'self' www.googletagmanager.com"
    assert second(policy) == "script-src 'self'"
    assert second(policy, "analytics") == second(policy, "marketing") == ""


@pytest.mark.parametrize(
    "policy",
    [
        "script-src *",
        "script-src https: 'unsafe-inline'",
        "script-src 'strict-dynamic' 'nonce-x'",
        "script-src *.com",
        "script-src https://notgoogle-analytics.com",
        "script-src 'none'",
        "script-src",
        "upgrade-insecure-requests; frame-ancestors 'none'",
        f"form-action {GA}",
        f"report-uri {GA}/csp",
        "frame-src https://www.youtube.com",  # which a visitor may load once, without a choice
        ";;, ,",
    ],
)
def test_what_nothing_can_be_taken_from(policy: str) -> None:
    assert second(policy) == ""


def test_an_embed_goes_from_what_is_no_frame() -> None:
    policy = "script-src https://www.youtube.com; frame-src https://www.youtube.com"
    assert second(policy) == "script-src 'none'; frame-src https://www.youtube.com"


def test_frames_keep_their_embeds_where_the_default_is_theirs() -> None:
    policy = f"default-src 'self' https://www.youtube.com {GA}"
    assert second(policy) == "default-src 'self'; frame-src 'self' https://www.youtube.com"
    assert second(f"{policy}; frame-src 'none'") == "default-src 'self'; frame-src 'none'"
    assert second(policy, "functional") == "default-src 'self' https://www.youtube.com"


def test_nonces_hashes_and_keywords_stay_as_they_are() -> None:
    own = "script-src 'nonce-r4Nd' 'sha256-aBc=' 'strict-dynamic' 'unsafe-inline' 'unsafe-eval'"
    assert second(f"{own} {GA}; object-src 'none'") == f"{own}; object-src 'none'"


def test_several_policies() -> None:
    headers = [HTML, (CSP, f"img-src {GA}".encode()), (CSP, f"a, font-src 'self' {GA}".encode())]
    added = policies(SITE.visitor().page(headers=headers))[2:]
    assert added == [b"img-src 'none'", b"font-src 'self'"]


def test_a_policy_that_is_only_reported_is_none() -> None:
    headers = [HTML, (b"content-security-policy-report-only", f"img-src {GA}".encode())]
    shown = SITE.visitor().page(headers=headers)
    assert policies(shown) == []
    assert shown.values(b"content-security-policy-report-only") == [headers[1][1]]


def test_what_is_no_page_keeps_its_policy() -> None:
    headers = [(b"content-type", b"image/svg+xml"), (CSP, f"img-src {GA}".encode())]
    assert SITE.visitor().begin().start(200, headers).headers is headers


def test_allowed_and_own_hosts_stay() -> None:
    site = Site(allow=["www.google-analytics.com"])
    assert second(f"img-src {GA}", site=site) == ""
    own = Site(
        services=[{"id": "x", "name": "X", "category": "analytics", "hosts": ["shop.example"]}]
    )
    assert second("img-src www.shop.example", site=own) == ""


def test_strict_takes_unknown_third_parties_away() -> None:
    site = Site(gate="strict")
    policy = "img-src 'self' static.shop.example pictures.example"
    assert second(policy, site=site) == "img-src 'self' static.shop.example"


def test_off() -> None:
    assert second(f"img-src {GA}", site=Site(csp="off")) == ""


def test_the_script_is_told_that_nothing_more_can_come_alive() -> None:
    fenced = SITE.visitor().page(headers=[HTML, (CSP, f"img-src {GA}".encode())])
    assert b"data-reload" in fenced.body
    assert b"data-reload" not in SITE.visitor().page().body
    granted = SITE.decided("analytics", "marketing", "functional")
    page = granted.page(headers=[HTML, (CSP, f"img-src {GA}".encode())])
    assert b"data-reload" not in page.body


def test_enforce_makes_a_policy_of_what_is_declared_and_granted() -> None:
    site = Site(csp="enforce", services=["google-analytics", "facebook", "youtube"])
    (closed,) = policies(site.visitor().page())
    directives = dict(part.split(" ", 1) for part in closed.decode().split("; "))
    assert set(directives) == {"default-src", "frame-src"}
    default = directives["default-src"].split()
    assert default[:2] == ["'self'", "'unsafe-inline'"]
    assert {"shop.example", "*.shop.example"} <= set(default)
    assert not any("google-analytics" in word or "facebook" in word for word in default)
    assert "youtube-nocookie.com" in directives["frame-src"]
    (open_,) = policies(site.decided("analytics").page())
    assert b"*.google-analytics.com" in open_
    assert b"facebook" not in open_
    assert second(f"img-src {GA}", site=site) == "img-src 'none'"


@pytest.mark.parametrize("csp", ["enforce", "report"])
def test_who_lists_no_services_cannot_have_a_policy_of_them(csp: str) -> None:
    with pytest.raises(SettingsError, match="csp"):
        Site(services=None, csp=csp)


@pytest.mark.parametrize(
    ("policies", "inline", "nonce"),
    [
        ([], True, b""),
        (["img-src 'self'"], True, b""),
        (["script-src 'self'"], False, b""),
        (["default-src 'self'"], False, b""),
        (["script-src 'self' 'unsafe-inline'"], True, b""),
        (["script-src 'self' 'UNSAFE-INLINE'"], True, b""),
        (["script-src 'unsafe-inline' 'sha256-abc='"], False, b""),
        (["script-src 'unsafe-inline' 'strict-dynamic'"], False, b""),
        (["script-src 'nonce-a' 'unsafe-inline'"], True, b"a"),
        (["script-src 'nonce-a'", "script-src 'self'"], False, b""),
        (["script-src 'nonce-a'", "script-src 'nonce-b'"], False, b""),
        (["script-src 'nonce-a' 'nonce-b'", "default-src 'nonce-b'"], True, b"b"),
        (["script-src 'nonce-a'", "script-src 'unsafe-inline'"], False, b""),
        (["script-src 'nonce-a', img-src *"], True, b"a"),
        (["script-src-elem 'none'; script-src 'unsafe-inline'"], False, b""),
    ],
)
def test_whether_an_inline_script_may_run(policies: list[str], inline: bool, nonce: bytes) -> None:
    headers = [(b"Content-Security-Policy", policy.encode()) for policy in policies]
    assert may_inline(headers) is inline
    assert nonce_of(headers) == nonce


@given(st.lists(st.binary(max_size=60), max_size=3), st.sets(st.sampled_from(["analytics"])))
def test_any_bytes(values: list[bytes], granted: set[str]) -> None:
    headers = [(CSP, value) for value in values]
    nonce_of(headers)
    may_inline(headers)
    SITE.kit.fence.second(headers, frozenset(granted), "www.shop.example")
