"""Pages of the site on their way out: what is gated, what is put in, what the headers say."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from consentkit.engine import Consent
from tests.engine.making import GA, HTML, PAGE, Shown, Site, show, values

SITE = Site()
BR = (b"content-encoding", b"br")
CSP = b"content-security-policy"


def header_values(shown: Shown, name: bytes) -> list[bytes]:
    return shown.values(name)


# --- what is put in --------------------------------------------------------------------------


def test_an_undecided_visitor() -> None:
    shown = SITE.visitor().page(path="/lamps", url="/lamps?a=1&b=%22")
    assert not shown.live
    assert shown.banner
    assert b'<html data-consentkit-state="unset">' in shown.body
    assert b'name="next" value="/lamps?a=1&amp;b=%22"' in shown.body
    assert b'data-granted="necessary" data-denied=""' in shown.body


def test_a_visitor_who_chose() -> None:
    shown = SITE.decided("analytics").page()
    assert shown.live
    assert not shown.banner
    assert b'<html data-consentkit-state="set">' in shown.body
    assert b'data-granted="necessary analytics" data-denied="functional marketing"' in shown.body
    assert not SITE.decided("marketing").page().live


def test_a_choice_that_is_void_is_not_told_to_the_script() -> None:
    old = Site(services=[{"id": "google-analytics", "purpose": "Something else."}])
    visitor = SITE.visitor(consent_analytics=old.cookie("analytics", "granted"))
    visitor.cookies["consent_marketing"] = SITE.cookie("marketing", "granted")[:-1]
    assert b'data-granted="necessary" data-denied=""' in visitor.page().body


@pytest.mark.parametrize(
    "sent",
    [
        (b"hx-request", b"true"),
        (b"turbo-frame", b"x"),
        (b"x-pjax", b"true"),
        (b"x-up-target", b"main"),
        (b"x-requested-with", b"XMLHttpRequest"),
        (b"sec-fetch-dest", b"empty"),
        (b"sec-fetch-dest", b"embed"),
    ],
)
def test_fragments_are_gated_and_nothing_more(sent: tuple[bytes, bytes]) -> None:
    shown = SITE.visitor().page(sent=(sent,))
    assert not shown.live
    assert b"data-consentkit" not in shown.body


def test_a_page_in_an_app_is_a_page() -> None:
    sent = ((b"x-requested-with", b"com.example.reader"), (b"sec-fetch-dest", b"document"))
    assert SITE.visitor().page(sent=sent).banner


@pytest.mark.parametrize("destination", [b"iframe", b"frame"])
def test_frames_get_no_banner(destination: bytes) -> None:
    shown = SITE.visitor().page(sent=((b"sec-fetch-dest", destination),))
    assert not shown.live
    assert not shown.banner
    assert b'data-consentkit="client"' in shown.body


def test_crawlers_get_no_banner() -> None:
    sent = ((b"user-agent", b"Googlebot/2.1"),)
    shown = SITE.visitor().page(sent=sent)
    assert not shown.live
    assert not shown.banner
    assert Site(bots="banner").visitor().page(sent=sent).banner


def test_no_banner_where_there_is_nothing_to_choose_or_it_is_off() -> None:
    assert not Site(banner={"enabled": False}).visitor().page().banner
    site = Site(
        categories=[{"id": "analytics", "mode": "objection"}], services=["google-analytics"]
    )
    assert site.visitor().page().live
    assert not site.visitor().page().banner
    assert not site.visitor().page(sent=((b"sec-gpc", b"1"),)).live


def test_banners_are_rendered_once_for_each_state() -> None:
    site = Site()
    for _ in range(3):
        site.visitor().page()
        site.visitor().page(sent=((b"sec-gpc", b"1"),))
        site.visitor(consent_analytics=site.cookie("analytics", "granted")).page()
    assert len(site.kit._banners) == 3
    for number in range(1000):
        site.visitor().page(root=f"/{number}")
    assert len(site.kit._banners) <= 256
    assert len(site.kit._views) <= 256


def test_placeholders_take_no_more_memory_than_banners() -> None:
    site = Site()
    for number in range(600):
        url = f"https://www.youtube.com/embed/{number}".encode()
        shown = site.visitor().page(b'<!doctype html><body><iframe src="' + url + b'"></iframe>')
        assert b'data-consentkit="embed"' in shown.body
    assert len(site.kit._placeholders) <= 256
    before = len(site.kit._placeholders)
    url = b"https://www.youtube.com/embed/" + b"x" * 5000
    site.visitor().page(b'<!doctype html><body><iframe src="' + url + b'"></iframe>')
    assert len(site.kit._placeholders) == before


@pytest.mark.parametrize(
    ("policies", "nonce"),
    [
        ([], b""),
        ([b"script-src 'nonce-abc'"], b"abc"),
        ([b"default-src 'self'; script-src 'self' 'nonce-a+/_-1=='"], b"a+/_-1=="),
        ([b"script-src-elem 'nonce-x'; script-src 'nonce-y'"], b"x"),
        ([b"script-src-elem 'self'; script-src 'nonce-y'"], b""),
        ([b"default-src 'nonce-d'"], b"d"),
        ([b"style-src 'nonce-s'"], b""),
        ([b"script-src 'self'; script-src 'nonce-late'"], b""),
        ([b"script-src 'NONCE-Abc'"], b"Abc"),
        ([b"script-src 'nonce-\"><script>'"], b""),
        ([b"img-src *", b"script-src 'nonce-two'"], b"two"),
    ],
)
def test_the_nonce_of_the_page_is_used_and_its_policy_untouched(
    policies: list[bytes], nonce: bytes
) -> None:
    headers = [HTML, *((b"Content-Security-Policy", policy) for policy in policies)]
    shown = SITE.visitor().page(headers=headers)
    assert shown.values(CSP) == policies
    found = re.findall(rb'nonce="([^"]*)"', shown.body)
    assert found == ([nonce] * 3 if nonce else [])


# --- headers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_the_length_and_the_digests_of_the_body_are_gone(method: str) -> None:
    about_body = [
        (b"Content-Length", b"100"),
        (b"content-length", b"100"),
        (b"Content-MD5", b"x"),
        (b"Content-Digest", b"x"),
        (b"Repr-Digest", b"x"),
        (b"Digest", b"x"),
        (b"Accept-Ranges", b"bytes"),
    ]
    kept = [(b"X-One", b"1"), (b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"X-One", b"2")]
    shown = SITE.decided("analytics").page(headers=[HTML, *about_body, *kept], method=method)
    names = {name.lower() for name, _ in shown.plan.headers}
    assert not names & {name.lower() for name, _ in about_body}
    assert [header for header in shown.plan.headers if header in kept] == kept
    assert (shown.plan.body is None) == (method == "HEAD")


@pytest.mark.parametrize("status", [100, 103, 204, 205])
def test_statuses_without_a_body(status: int) -> None:
    headers = [HTML, (b"content-length", b"0")]
    plan = SITE.visitor().begin().start(status, headers)
    assert plan.headers is headers
    assert plan.body is None


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"application/json"), (b"content-length", b"2"), (b"etag", b'"x"')],
        [(b"content-type", b"text/plain")],
        [(b"content-type", b"text/event-stream")],
        [(b"content-type", b"image/svg+xml")],
        [(b"content-type", b"text/html"), (b"content-disposition", b'Attachment; filename="a"')],
        [(b"x-content-type-options", b"nosniff")],
        [(b"content-type", b"text/css"), (b"set-cookie", b"session=1")],
    ],
)
def test_what_is_no_page_passes_untouched(headers: list[tuple[bytes, bytes]]) -> None:
    for visitor in (SITE.visitor(), SITE.decided("analytics")):
        plan = visitor.begin().start(200, headers, GA)
        assert plan.headers is headers
        assert plan.body is None


def test_no_type_and_no_body() -> None:
    headers = [(b"location", b"/elsewhere"), (b"content-length", b"0")]
    assert SITE.visitor().begin().start(302, headers, b"").headers is headers
    assert SITE.visitor().begin().start(200, headers, b"{}").headers is headers


@pytest.mark.parametrize(
    "headers",
    [
        [(b"Content-Type", b"TEXT/HTML")],
        [(b"content-type", b"text/html;charset=utf-8")],
        [(b"content-type", b"text/html ; x=y")],
        [(b"content-type", b"application/json"), (b"content-type", b"text/html")],
        [(b"content-type", b"text/html, text/html")],
        [(b"content-type", b"application/json, text/html; charset=utf-8")],
        [(b"content-type", b"")],
        [(b"content-type", b"html")],
        [(b"content-type", b"*/*")],
        [(b"content-type", b"unknown/unknown")],
        [],
        [
            (b"content-type", b"text/html"),
            (b"content-disposition", b'inline; filename="attachment"'),
        ],
        [(b"content-type", b"text/html"), (b"content-disposition", b"attachments")],
    ],
)
def test_what_a_browser_takes_for_a_page(headers: list[tuple[bytes, bytes]]) -> None:
    shown = SITE.visitor().page(headers=headers)
    assert not shown.live
    assert shown.banner


def test_sniffing_waits_for_more_than_blanks() -> None:
    exchange = SITE.visitor().begin()
    shown = show(exchange, [b"\n ", PAGE], headers=[])
    assert not shown.live


@pytest.mark.parametrize("status", [200, 201, 400, 404, 500, 503])
def test_pages_of_any_status(status: int) -> None:
    assert not SITE.visitor().page(status=status).live


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [b"private"]),
        ([b"public, max-age=60"], [b"max-age=60", b"private"]),
        ([b"max-age=60, s-maxage=600"], [b"max-age=60", b"private"]),
        ([b"PUBLIC"], [b"private"]),
        ([b"no-store"], [b"no-store"]),
        ([b"private, max-age=5"], [b"private, max-age=5"]),
        ([b"no-cache"], [b"no-cache", b"private"]),
        ([b"public", b"max-age=5"], [b"max-age=5", b"private"]),
        ([b'private="x"'], [b'private="x"', b"private"]),
    ],
)
def test_pages_stay_out_of_shared_caches(given: list[bytes], expected: list[bytes]) -> None:
    others = [
        (b"CDN-Cache-Control", b"max-age=600"),
        (b"Cloudflare-CDN-Cache-Control", b"max-age=600"),
        (b"Surrogate-Control", b"max-age=600"),
        (b"X-Accel-Expires", b"600"),
    ]
    headers = [HTML, *((b"Cache-Control", value) for value in given), *others]
    for visitor in (SITE.visitor(), SITE.decided("analytics")):
        shown = visitor.page(headers=headers)
        assert shown.values(b"cache-control") == expected
        assert not any(shown.values(name.lower()) for name, _ in others)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [b"Cookie, Sec-GPC, Accept-Language"]),
        ([b"cookie"], [b"cookie", b"Sec-GPC, Accept-Language"]),
        ([b"Accept, COOKIE", b"sec-gpc"], [b"Accept, COOKIE", b"sec-gpc", b"Accept-Language"]),
        ([b"*"], [b"*"]),
    ],
)
def test_vary(given: list[bytes], expected: list[bytes]) -> None:
    headers = [HTML, *((b"vary", value) for value in given)]
    assert SITE.visitor().page(headers=headers).values(b"vary") == expected
    off = Site(honour_gpc=False, languages=["en"]).visitor().page(headers=[HTML])
    assert off.values(b"vary") == [b"Cookie"]


def test_headers_that_contact_others() -> None:
    headers = [
        HTML,
        (b"Link", b"</a.css>; rel=preload, <https://www.google-analytics.com>; rel=preconnect"),
        (b"Refresh", b"5; url=https://www.google-analytics.com/x"),
        (b"Reporting-Endpoints", b'x="https://www.google-analytics.com/r"'),
        (b"Set-Cookie", b"_ga=1; Path=/"),
        (b"Set-Cookie", b"session=1"),
    ]
    shown = SITE.visitor().page(headers=headers)
    assert shown.values(b"link") == [b"</a.css>; rel=preload"]
    assert shown.values(b"refresh") == shown.values(b"reporting-endpoints") == []
    assert shown.values(b"set-cookie") == [b"session=1"]
    assert len(SITE.decided("analytics").page(headers=headers).values(b"set-cookie")) == 2
    # Before the page (103), and on what is no page.
    plan = SITE.visitor().begin().start(103, headers[1:2])
    assert values(plan.headers, b"link") == [b"</a.css>; rel=preload"]
    plan = SITE.visitor().begin().start(200, [(b"content-type", b"text/plain"), *headers[4:]])
    assert values(plan.headers, b"set-cookie") == [b"session=1"]


# --- conditional requests ----------------------------------------------------------------------

NAVIGATION = (b"sec-fetch-dest", b"document")


def tags(shown: Shown) -> bytes:
    (tag,) = shown.values(b"etag")
    return tag


def asked(visitor: Any, *sent: tuple[bytes, bytes], **facts: Any) -> dict[bytes, bytes]:
    return dict(visitor.begin(headers=sent, **facts).inward_headers())


VISITORS = {
    "new": SITE.visitor(),
    "new, gpc": SITE.visitor(),
    "all": SITE.decided("functional", "analytics", "marketing"),
    "analytics": SITE.decided("analytics"),
    "marketing": SITE.decided("marketing"),
    "none": SITE.decided(),
}


def gpc(name: str) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"sec-gpc", b"1"),) if "gpc" in name else ()


@pytest.mark.parametrize("given", [b'"abc"', b'W/"abc"'])
@pytest.mark.parametrize(("before", "after"), list(itertools.product(VISITORS, repeat=2)))
def test_a_page_of_one_state_is_no_page_of_another(before: str, after: str, given: bytes) -> None:
    shown = VISITORS[before].page(headers=[HTML, (b"etag", given)], sent=gpc(before))
    tag = tags(shown)
    assert tag.startswith(b'W/"abc-ck.')
    sent = (
        (b"if-none-match", tag),
        (b"if-modified-since", b"Sun, 22 Nov 2026 10:00:00 GMT"),
        *gpc(after),
    )
    for more in ((NAVIGATION,), (), ((b"accept", b"*/*"),), ((b"sec-fetch-dest", b"empty"),)):
        inward = asked(VISITORS[after], *sent, *more)
        if before == after:
            assert inward[b"if-none-match"] == b'"abc", W/"abc"'
            # What the app says then is told to the browser under the same tag.
            exchange = VISITORS[after].begin(headers=(*sent, *more))
            plan = exchange.start(304, [(b"etag", given)])
            assert values(plan.headers, b"etag") == [tag]
            assert values(plan.headers, b"cache-control") == [b"private"]
            assert plan.body is None
        else:
            assert b"if-none-match" not in inward
            assert b"if-modified-since" not in inward


def test_a_withdrawal_makes_every_kept_page_stale() -> None:
    site = Site()
    visitor = site.visitor()
    visitor.post(action="accept")
    shown = visitor.page(headers=[HTML, (b"etag", b'"abc"')])
    assert shown.live
    visitor.post(action="reject")
    assert b"if-none-match" not in asked(visitor, (b"if-none-match", tags(shown)), NAVIGATION)


@pytest.mark.parametrize(
    "change",
    [
        {"services": ["google-analytics", "facebook"]},
        {"services": None},
        {"gate": "strict"},
        {"allow": ["www.google-analytics.com"]},
        {"policy": {"version": "2"}},
        {"services": [{"id": "google-analytics", "hosts": ["new.example"]}, "facebook", "youtube"]},
        {"banner": {"enabled": False}},
    ],
)
def test_other_settings_make_every_kept_page_stale(change: dict[str, Any]) -> None:
    tag = tags(SITE.visitor().page(headers=[HTML, (b"etag", b'"abc"')]))
    assert asked(Site().visitor(), (b"if-none-match", tag), NAVIGATION)[b"if-none-match"]
    inward = asked(Site(**change).visitor(), (b"if-none-match", tag), NAVIGATION)
    assert b"if-none-match" not in inward


def test_another_key_changes_no_page() -> None:
    tag = tags(SITE.visitor().page(headers=[HTML, (b"etag", b'"abc"')]))
    other = Site(secret_keys=["another-key-of-more-than-thirty-two-characters"])
    assert b"if-none-match" in asked(other.visitor(), (b"if-none-match", tag), NAVIGATION)


@pytest.mark.parametrize("value", [b'"abc"', b'W/"abc"', b"*", b"abc", b'"a", "b"', b"\xff", b""])
def test_pages_from_before_our_time_are_fetched_anew(value: bytes) -> None:
    for navigation in (NAVIGATION, (b"accept", b"text/html,*/*;q=0.8"), (b"x", b"")):
        inward = asked(SITE.visitor(), (b"if-none-match", value), navigation)
        assert b"if-none-match" not in inward
    inward = asked(SITE.visitor(), (b"if-modified-since", b"x"), NAVIGATION)
    assert b"if-modified-since" not in inward


@pytest.mark.parametrize(
    "sent",
    [
        (b"sec-fetch-dest", b"script"),
        (b"sec-fetch-dest", b"style"),
        (b"sec-fetch-dest", b"image"),
        (b"accept", b"image/avif,image/webp,*/*;q=0.8"),
        (b"accept", b"text/css,*/*;q=0.1"),
    ],
)
def test_conditions_about_other_files_are_left_alone(sent: tuple[bytes, bytes]) -> None:
    headers = (
        sent,
        (b"if-none-match", b'"abc"'),
        (b"if-modified-since", b"x"),
        (b"accept-encoding", b"gzip, br"),
    )
    exchange = SITE.visitor().begin(headers=headers)
    assert exchange.inward_headers() is exchange.request.headers
    given = [(b"etag", b'"abc"'), (b"cache-control", b"public, max-age=60")]
    assert exchange.start(304, given).headers is given


@pytest.mark.parametrize("sent", [(b"accept", b"*/*"), (b"sec-fetch-dest", b"empty")])
def test_what_a_script_fetches(sent: tuple[bytes, bytes]) -> None:
    """It may be a piece of a page, which had a tag of ours, or data, which had one of its own."""
    inward = asked(SITE.visitor(), sent, (b"if-none-match", b'"abc"'), (b"if-modified-since", b"x"))
    assert inward[b"if-none-match"] == b'"abc"'
    assert b"if-modified-since" in inward
    assert b"if-modified-since" not in asked(SITE.visitor(), sent, (b"if-modified-since", b"x"))
    exchange = SITE.visitor().begin(headers=(sent, (b"if-none-match", b'"abc"')))
    given = [(b"etag", b'"abc"')]
    assert exchange.start(304, given).headers is given


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_conditions_of_writes_are_left_alone(method: str) -> None:
    inward = asked(SITE.visitor(), (b"if-none-match", b"*"), NAVIGATION, method=method)
    assert inward[b"if-none-match"] == b"*"


def test_a_tag_that_is_none_is_dropped() -> None:
    assert SITE.visitor().page(headers=[HTML, (b"etag", b"abc")]).values(b"etag") == []


def test_if_range_never_holds() -> None:
    """A tag of ours is weak, and If-Range compares strongly (RFC 9110 13.1.5)."""
    assert tags(SITE.visitor().page(headers=[HTML, (b"etag", b'"abc"')])).startswith(b"W/")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"gzip, deflate, br, zstd", b"gzip, deflate"),
        (b"gzip;q=0.5, br", b"gzip;q=0.5"),
        (b"br", b"identity"),
        (b"*", b"identity"),
        (b"identity", b"identity"),
        (b"", b"identity"),
        (b"GZIP", b"GZIP"),
    ],
)
def test_only_codings_that_can_be_undone_are_asked_for(given: bytes, expected: bytes) -> None:
    for sent in ((NAVIGATION,), ((b"sec-fetch-dest", b"empty"),), ()):
        assert (
            asked(SITE.visitor(), *sent, (b"accept-encoding", given))[b"accept-encoding"]
            == expected
        )


# --- what cannot be rewritten --------------------------------------------------------------------

UNREADABLE = {
    "part": ([HTML, (b"content-range", b"bytes 0-9/100")], 206, b""),
    "part by its range alone": ([HTML, (b"content-range", b"bytes 0-9/100")], 200, b""),
    "brotli": ([HTML, BR], 200, b""),
    "zstd": ([HTML, (b"content-encoding", b"zstd")], 200, b""),
    "gzip in brotli": ([HTML, (b"content-encoding", b"gzip, br")], 200, b""),
    "unknown coding": ([HTML, (b"content-encoding", b"x-foo")], 200, b""),
    "utf-16": ([(b"content-type", b"text/html; charset=utf-16le")], 200, b""),
    "utf-16 by another name": ([(b"content-type", b"text/html;charset=iso-10646-ucs-2")], 200, b""),
    "csunicode": ([(b"content-type", b'text/html; charset="csUnicode"')], 200, b""),
    "utf-16 among others": ([(b"content-type", b"text/html; charset=x; charset=utf-16")], 200, b""),
    "iso-2022-jp": ([(b"content-type", b"text/html; Charset=ISO-2022-JP")], 200, b""),
    "iso-2022-jp in a tag": (
        [(b"content-type", b"text/html")],
        200,
        b'<meta http-equiv=Content-Type content="text/html; charset=iso-2022-jp">',
    ),
    "xhtml": ([(b"content-type", b"application/xhtml+xml")], 200, b""),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_pages_that_cannot_be_rewritten(case: str) -> None:
    headers, status, start = UNREADABLE[case]
    headers = [*headers, (b"content-length", b"5"), (b"etag", b'"abc"'), (CSP, b"img-src *")]
    shown = SITE.visitor().page(start + PAGE, headers=headers, status=status)
    assert shown.body == start + PAGE
    assert shown.closed
    assert shown.values(CSP)[0] == b"img-src *"
    assert shown.values(b"content-length") == [b"5"]
    assert shown.values(b"cache-control") == [b"private"]
    assert b"Cookie" in shown.values(b"vary")[0]
    # A visitor who agreed to all of it is kept from nothing, one who agreed to some is.
    everything = SITE.decided("functional", "analytics", "marketing")
    assert SITE.kit.policy.holds_nothing(everything.begin().decision.grants) is False
    assert everything.page(start + PAGE, headers=headers, status=status).closed

    strict = Site(on_unprotected="503").visitor().page(start + PAGE, headers=headers, status=status)
    assert (strict.plan.instead is not None) == ("part" not in case)


def test_who_agreed_to_everything_there_is_needs_no_protection() -> None:
    headers, status, _ = UNREADABLE["brotli"]
    agreed = ("functional", "analytics", "marketing")
    for change, closed in (
        ({"services": None}, False),
        ({"gate": "declared"}, False),
        ({"gate": "strict", "services": None}, True),
        ({}, True),  # catalogued services that were not declared
    ):
        for on_unprotected in ("serve", "503"):
            site = Site(**change, on_unprotected=on_unprotected)
            shown = site.decided(*agreed).page(PAGE, headers=headers, status=status)
            if closed:
                assert shown.closed or shown.plan.instead is not None
            else:
                assert not shown.closed
                assert shown.plan.instead is None
                assert shown.values(b"cache-control") == [b"private"]
            assert site.decided("analytics").page(PAGE, headers=headers).body != b""
            partly = site.decided("analytics").page(PAGE, headers=headers)
            assert partly.closed or partly.plan.instead is not None


def test_hosts_that_are_allowed_stay_so_under_the_closed_policy() -> None:
    site = Site(allow=["cdn.example.com", "*.example.org"])
    (policy,) = site.visitor().page(headers=[HTML, BR]).values(CSP)
    assert policy.endswith(b" cdn.example.com *.example.org")


@pytest.mark.parametrize("charset", [b"utf-8", b"windows-1252", b"shift_jis", b"'utf-16'", b"big5"])
def test_encodings_that_can_be_read(charset: bytes) -> None:
    shown = SITE.visitor().page(headers=[(b"content-type", b"text/html; charset=" + charset)])
    assert not shown.live
    assert shown.banner


def test_a_tag_cannot_make_a_page_utf_16() -> None:
    headers = [(b"content-type", b"text/html")]
    shown = SITE.visitor().page(b"<meta charset=utf-16>" + PAGE, headers=headers)
    assert not shown.live
    assert not shown.closed


# --- what the site's own code gets -----------------------------------------------------------


def test_consent_in_the_hands_of_the_site() -> None:
    consent = SITE.decided("analytics").begin(root="/shop").consent
    assert isinstance(consent, Consent)
    assert consent.granted("analytics")
    assert not consent.granted("marketing")
    assert consent.categories["marketing"] == "denied"
    assert consent.settings_url == "/shop/consent/"
    assert consent.settings_link() == (
        '<a href="/shop/consent/" data-consentkit="settings">Cookie settings</a>'
    )


def test_the_link_escapes() -> None:
    consent = SITE.visitor().begin(root='/"><script>').consent
    link = consent.settings_link("</a><script>")
    assert "<script>" not in link
    assert "&lt;/a&gt;&lt;script&gt;" in link


def test_the_floating_button_is_there_for_all_who_are_asked_or_were() -> None:
    site = Site(banner={"floating": True})
    for visitor in (site.visitor(), site.decided("analytics")):
        assert visitor.page().body.count(b"consentkit-floating") == 1
    bot = [(b"user-agent", b"Googlebot/2.1 (+http://www.google.com/bot.html)")]
    assert b"consentkit-floating" not in site.visitor().page(sent=bot).body
    assert b"consentkit-floating" not in Site().visitor().page().body
    alone = Site(banner={"floating": True, "enabled": False}).visitor().page()
    assert b"consentkit-floating" in alone.body
    assert not alone.banner


def test_layout_and_theme_reach_the_page() -> None:
    site = Site(banner={"theme": "dark", "layout": "box"})
    body = site.visitor().page().body
    assert b'data-consentkit-theme="dark"' in body.partition(b"<head>")[0]
    assert b'data-consentkit-layout="box"' in body
    for path in ("/consent/", "/consent/policy", "/consent/nowhere"):
        assert b'data-consentkit-theme="dark"' in site.visitor().get(path).body
    assert b"data-consentkit-theme" not in Site().visitor().page().body
