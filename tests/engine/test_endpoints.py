"""Our own pages: every endpoint by every method, and a clear answer to whatever is sent."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentkit.engine import Reply, Request
from consentkit.engine.forms import safe_next
from tests.engine.making import KEY, Site, down, token_of, values

FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json")
CSS, JS = Site().kit.assets.style_sheet, Site().kit.assets.script
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "X"]


def one(reply: Reply, name: bytes) -> bytes:
    (value,) = values(reply.headers, name)
    return value


def is_well_formed(reply: Reply) -> None:
    """What holds for each of our replies."""
    assert one(reply, b"x-content-type-options") == b"nosniff"
    assert one(reply, b"content-security-policy")
    assert one(reply, b"referrer-policy") == b"same-origin"
    if b"public" not in one(reply, b"cache-control"):
        assert one(reply, b"cache-control") == b"no-store"
        assert one(reply, b"vary") == b"Cookie"
    for name, value in reply.headers:
        assert name == name.lower()
        assert re.fullmatch(rb"[a-z0-9-]+", name)
        assert re.fullmatch(rb"[\x20-\x7e]*", value)
    if reply.body:
        one(reply, b"content-type")


SITE = Site()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("path", "allowed", "status"),
    [
        ("/consent", "any", 308),
        ("/consent/", "GET HEAD POST", 200),
        ("/consent/state", "GET HEAD", 200),
        ("/consent/policy", "GET HEAD", 200),
        (f"/consent/static/{CSS}", "GET HEAD", 200),
        (f"/consent/static/{JS}", "GET HEAD", 200),
        ("/.well-known/gpc.json", "GET HEAD", 200),
        ("/consent/static/", "GET HEAD", 404),
        ("/consent/static/consentkit.js", "GET HEAD", 404),
        ("/consent/static/../kit.py", "GET HEAD", 404),
        ("/consent/nothing", "none", 404),
        ("/consent/state/", "none", 404),
        ("/consent//", "none", 404),
        ("/consent/;x", "none", 404),
        ("/consent/.well-known/gpc.json", "none", 404),
    ],
)
def test_every_path_by_every_method(path: str, allowed: str, status: int, method: str) -> None:
    exchange = SITE.visitor().begin(path, method, (FORM,))
    assert exchange.is_endpoint
    reply = exchange.respond(b"action=reject")
    is_well_formed(reply)
    if path == "/consent/" and method == "POST":
        assert reply.status == 303
    elif allowed == "any" or method in allowed.split():
        assert reply.status == status
    elif allowed == "none":
        assert reply.status == 404
    else:
        assert reply.status == 405
        allow = one(reply, b"allow").decode()
        assert allow.replace(",", "") == allowed
    if method == "HEAD":
        whole = SITE.visitor().begin(path, "GET", (FORM,)).respond(b"")
        assert (reply.status, reply.body) == (whole.status, b"")
        assert int(one(reply, b"content-length")) == len(whole.body)


@pytest.mark.parametrize(
    "path", ["/", "/consentX", "/consen", "/Consent/", "/x/consent/", "//consent/", "/consent%2f"]
)
def test_paths_that_are_not_ours(path: str) -> None:
    assert not SITE.visitor().begin(path).is_endpoint


def test_gpc_support_is_told_where_it_is_honoured() -> None:
    assert json.loads(SITE.visitor().get("/.well-known/gpc.json").body) == {
        "gpc": True,
        "lastUpdate": "2026-11-22",
    }
    assert not Site(honour_gpc=False).visitor().begin("/.well-known/gpc.json").is_endpoint


def test_another_prefix_and_mount_point() -> None:
    site = Site(prefix="/privacy/choices")
    assert not site.visitor().begin("/consent/").is_endpoint
    reply = site.visitor().get("/privacy/choices", root="/shop")
    assert one(reply, b"location") == b"/shop/privacy/choices/"
    page = site.visitor().get("/privacy/choices/", root="/shop").body
    assert b'action="/shop/privacy/choices/"' in page
    assert f"/shop/privacy/choices/static/{CSS}".encode() in page


@pytest.mark.parametrize(
    "root",
    [
        "//evil.example",
        "/\\evil.example",
        '/"><script>',
        "/a\r\nset-cookie: x=1",
        "/\u00fc",
        "/ ",
        "/&",
    ],
)
def test_a_mount_point_is_only_a_path(root: str) -> None:
    reply = SITE.visitor().get("/consent", root=root)
    is_well_formed(reply)
    location = one(reply, b"location").decode()
    assert safe_next(location) == location
    assert not set(location) & set('"<>&\\ \r\n')
    for path in ("/consent/", "/consent/policy"):
        assert b"<script>" not in SITE.visitor().get(path, root=root).body
    shown = SITE.visitor().page(root=root)
    assert shown.banner
    assert b"<script>" not in shown.body


def test_the_preferences_page() -> None:
    visitor = SITE.decided("analytics")
    reply = visitor.get("/consent/", query="next=/shop%3Fa=1&saved=1")
    assert reply.status == 200
    assert b'value="/shop?a=1"' in reply.body
    assert b"Google Analytics" in reply.body
    assert len(re.findall(rb'name="category" value="analytics" checked', reply.body)) == 1
    assert b'value="marketing" checked' not in reply.body
    assert token_of(reply.body)
    policy = visitor.get("/consent/policy", query="next=//evil.example")
    assert b"evil.example" not in policy.body
    assert b"Google Analytics" in policy.body


def test_a_receipt() -> None:
    site = Site()
    visitor = site.visitor()
    assert b'data-consentkit="receipt"' not in visitor.get().body
    visitor.post(action="accept")
    (event,) = site.log.events
    page = visitor.get().body
    assert event.id.encode() in page
    assert event.consent_id.encode() in page


@pytest.mark.parametrize("error", [down(), RuntimeError("broken")])
def test_the_preferences_page_needs_no_log(error: Exception) -> None:
    site = Site()
    visitor = site.decided("analytics")
    site.log.error = error
    reply = visitor.get("/consent/")
    assert reply.status == 200
    assert b'name="action" value="reject"' in reply.body


def test_state() -> None:
    state = json.loads(SITE.visitor().get("/consent/state", headers=((b"sec-gpc", b"1"),)).body)
    assert state == {
        "state": "unset",
        "categories": {
            "necessary": "granted",
            "functional": "unset",
            "analytics": "unset",
            "marketing": "unset",
        },
        "consent_id": "",
        "policy_version": "1",
        "gpc": True,
    }
    decided = json.loads(SITE.decided("marketing").get("/consent/state").body)
    assert decided["state"] == "set"
    assert decided["categories"]["marketing"] == "granted"
    assert decided["consent_id"] == "someone"


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        (b"", False),
        (b"gzip", True),
        (b"br, GZIP ;q=0.5", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000, br", False),
        (b"gzip;q=0.001", True),
        (b"xgzip, gzipx", False),
    ],
)
def test_assets(accepted: bytes, *, zipped: bool) -> None:
    for name, kind in ((CSS, b"text/css; charset=utf-8"), (JS, b"text/javascript; charset=utf-8")):
        reply = SITE.visitor().get(
            f"/consent/static/{name}", headers=((b"accept-encoding", accepted),)
        )
        assert one(reply, b"content-type") == kind
        assert one(reply, b"cache-control") == b"public, max-age=31536000, immutable"
        assert one(reply, b"vary") == b"Accept-Encoding"
        assert values(reply.headers, b"content-encoding") == ([b"gzip"] if zipped else [])
        plain = SITE.visitor().get(f"/consent/static/{name}").body
        assert (gzip.decompress(reply.body) if zipped else reply.body) == plain


def test_only_a_choice_sets_cookies() -> None:
    for visitor in (SITE.visitor(), SITE.decided("analytics"), SITE.visitor(consent_analytics="x")):
        for path in ("/consent/", "/consent/state", "/consent/policy", f"/consent/static/{JS}"):
            assert values(visitor.get(path).headers, b"set-cookie") == []
        assert visitor.page().values(b"set-cookie") == []


# --- what is no choice -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (b"application/x-www-form-urlencoded", b"", 400),
        (b"application/x-www-form-urlencoded", b"action=", 400),
        (b"application/x-www-form-urlencoded", b"action=explode", 400),
        (b"application/x-www-form-urlencoded", b"action=save&category=nonsense", 400),
        (b"application/x-www-form-urlencoded", b"action=save&category=unclassified", 400),
        (b"application/x-www-form-urlencoded", b"action=accept&action=reject", 400),
        (b"application/x-www-form-urlencoded", b"action=accept&source=nowhere", 400),
        (b"application/x-www-form-urlencoded", b"action=%ff", 400),
        (b"application/x-www-form-urlencoded", b"action=accept&x=\xff", 400),
        (b"application/x-www-form-urlencoded", b"a=1&" * 300 + b"action=accept", 400),
        (b"application/x-www-form-urlencoded; charset=utf-8", b"action=reject", 303),
        (b"APPLICATION/X-WWW-FORM-URLENCODED", b"action=reject&action=reject", 303),
        (b"application/json", b"", 400),
        (b"application/json", b"[]", 400),
        (b"application/json", b"null", 400),
        (b"application/json", b'"accept"', 400),
        (b"application/json", b"{", 400),
        (b"application/json", b'{"action": 5}', 400),
        (b"application/json", b'{"action": null}', 400),
        (b"application/json", b'{"action": ["accept"]}', 400),
        (b"application/json", b'{"action": "accept", "action": "reject"}', 400),
        (b"application/json", b'{"action": "save", "categories": [1]}', 400),
        (b"application/json", b'{"action": "save", "categories": 5}', 400),
        (b"application/json", b'{"action": "save", "categories": {"analytics": 1}}', 400),
        (b"application/json", b'{"action": "save", "categories": {"analytics": []}}', 400),
        (b"application/json", b'{"action": "save", "categories": ["\\ud800"]}', 400),
        (b"application/json", b'{"action": "accept", "x": NaN}', 400),
        (b"application/json", b'{"action": "accept", "x": ' + b"9" * 5000 + b"}", 400),
        (b"application/json", b'{"action": "accept", "x": ' + b"[" * 8000, 400),
        (b"application/json", b"\xff\xfe{}", 400),
        (b"application/json", b'\xef\xbb\xbf{"action": "reject"}', 400),
        (b"application/json; charset=utf-8", b'{"action": "reject"}', 200),
        (b"text/plain", b'{"action": "accept"}', 415),
        (b"multipart/form-data; boundary=x", b"--x--", 415),
        (b"text/html", b"action=accept", 415),
        (b"", b"action=accept", 415),
        (b"application/json, text/plain", b'{"action": "accept"}', 415),
    ],
)
def test_bodies_that_make_no_sense(kind: bytes, body: bytes, status: int) -> None:
    site = Site()
    reply = site.visitor().begin("/consent/", "POST", ((b"content-type", kind),)).respond(body)
    assert reply.status == status
    is_well_formed(reply)
    if status >= 400:
        assert site.log.events == []
        assert values(reply.headers, b"set-cookie") == []
        if kind == b"application/json":
            assert json.loads(reply.body)["error"]


def test_compressed_bodies() -> None:
    headers = (JSON, (b"content-encoding", b"gzip"))
    body = gzip.compress(b'{"action": "accept"}')
    assert Site().visitor().begin("/consent/", "POST", headers).respond(body).status == 415
    headers = (JSON, (b"content-encoding", b"identity"))
    exchange = Site().visitor().begin("/consent/", "POST", headers)
    assert exchange.respond(b'{"action": "accept"}').status == 200


def test_bodies_that_are_too_long() -> None:
    site = Site(limits={"body_bytes": 100})
    exchange = site.visitor().begin("/consent/", "POST", (FORM,))
    assert exchange.body_limit == 100
    body = b"action=reject&x="
    assert exchange.respond(body + b"x" * (100 - len(body))).status == 303
    assert exchange.respond(body + b"x" * (101 - len(body))).status == 413
    assert exchange.respond(b"x" * 1_000_000).status == 413
    assert len(site.log.events) == 1


def test_too_many_choices() -> None:
    site = Site(limits={"rate_per_minute": 3})
    statuses = [
        site.visitor()
        .begin("/consent/", "POST", (FORM,), client=f"2001:db8::{i}")
        .respond(b"action=reject")
        .status
        for i in range(5)
    ]
    assert statuses == [303, 303, 303, 429, 429]
    exchange = site.visitor().begin("/consent/", "POST", (FORM,), client="2001:db8::9")
    assert one(exchange.respond(b"action=reject"), b"retry-after") == b"60"
    exchange = site.visitor().begin("/consent/", "POST", (FORM,), client="192.0.2.1")
    assert exchange.respond(b"action=reject").status == 303


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ([], True),  # no browser
        ([(b"sec-fetch-site", b"same-origin")], True),
        ([(b"sec-fetch-site", b"none")], True),
        ([(b"sec-fetch-site", b"same-site")], False),
        ([(b"sec-fetch-site", b"cross-site")], False),
        ([(b"sec-fetch-site", b"CROSS-SITE")], False),
        ([(b"sec-fetch-site", b"")], False),
        ([(b"sec-fetch-site", b"same-origin"), (b"sec-fetch-site", b"cross-site")], False),
        ([(b"origin", b"http://www.shop.example")], True),
        ([(b"origin", b"http://www.shop.example:80")], True),
        ([(b"origin", b"https://www.shop.example")], True),  # a proxy ends TLS
        ([(b"origin", b"HTTP://WWW.SHOP.EXAMPLE")], True),
        ([(b"origin", b"http://www.shop.example:8080")], False),
        ([(b"origin", b"http://shop.example")], False),
        ([(b"origin", b"http://evil.www.shop.example")], False),
        ([(b"origin", b"http://www.shop.example.evil.example")], False),
        ([(b"origin", b"http://www.shop.example@evil.example")], False),
        ([(b"origin", b"ftp://www.shop.example")], False),
        ([(b"origin", b"www.shop.example")], False),
        ([(b"origin", b"")], False),
        ([(b"origin", b"\xff")], False),
        ([(b"origin", b"null")], False),
        ([(b"origin", b"null"), (b"sec-fetch-site", b"none")], False),
        ([(b"origin", b"null"), (b"sec-fetch-site", b"cross-site")], False),
        ([(b"origin", b"null"), (b"sec-fetch-site", b"same-origin")], True),  # no referrer
        ([(b"origin", b"http://evil.example"), (b"sec-fetch-site", b"same-origin")], False),
        ([(b"origin", b"http://www.shop.example"), (b"sec-fetch-site", b"cross-site")], False),
        ([(b"origin", b"http://www.shop.example"), (b"origin", b"http://evil.example")], False),
    ],
)
def test_forged_from_another_site(headers: list[tuple[bytes, bytes]], *, accepted: bool) -> None:
    site = Site()
    for kind, body in ((FORM, b"action=accept"), (JSON, b'{"action": "accept"}')):
        visitor = site.visitor()
        reply = visitor.begin("/consent/", "POST", (*headers, kind)).respond(body)
        assert (reply.status in (200, 303)) == accepted
        if not accepted:
            assert reply.status == 403
            assert values(reply.headers, b"set-cookie") == []
            assert site.log.events == []


def test_https_needs_an_origin_of_https() -> None:
    headers = ((b"origin", b"http://www.shop.example"), FORM)
    exchange = Site().visitor().begin("/consent/", "POST", headers, scheme="https")
    assert exchange.respond(b"action=accept").status == 403


# --- next ---------------------------------------------------------------------------------------


def leads_elsewhere(target: str) -> bool:
    """Whether a browser on https://shop.example/a/b would leave that origin for ``target``: the
    URL standard's basic URL parser (4.4) as far as the host, written down once more."""
    text = target.strip("".join(map(chr, range(0x21))))
    text = re.sub(r"[\t\n\r]", "", text)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    if scheme:
        if scheme[1].lower() != "https":
            return True
        text = text[scheme.end() :]
        if not re.match(r"[/\\]{2}", text):
            return False  # relative, though it names the scheme
    if re.match(r"[/\\]{2}", text):
        authority = re.split(r"[/\\?#]", text.lstrip("/\\"), maxsplit=1)[0]
        return authority.rpartition("@")[2].lower() not in ("shop.example", "shop.example:443")
    return False


PATHS = ["/", "/a", "/a/b?c=d&e=f", "/?x", "/a%20b", "/a;b,c", "/@x", "/:80", "/a//b", "/~u/-_."]
EVIL = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\x01//evil.example",
    "/\x00/evil.example",
    "https://evil.example",
    "HTTPS:evil.example",
    "https:/\\evil.example",
    "javascript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,x",
    "//evil.example%2f..",
    "//shop.example@evil.example",
    "//[::1]",
    "//",
    "/\x7f/evil.example",
    "http:evil.example",
    "evil.example",
    "?x",
    "#x",
    "",
    "/\u00e9",
    "/\ud800",
    "/" + "a" * 3000,
]


@pytest.mark.parametrize("target", PATHS)
def test_paths_to_go_on_to(target: str) -> None:
    assert safe_next(target) == target
    assert not leads_elsewhere(target)


@pytest.mark.parametrize("target", EVIL)
def test_open_redirects(target: str) -> None:
    assert safe_next(target) == ""
    reply = Site().visitor().post_json(action="reject", next=target)
    assert json.loads(reply.body)["next"] == ""


@pytest.mark.parametrize(
    ("target", "expected"),
    [("/a#b", "/a"), ("/a?", "/a"), ("/a?b?c#d?e", "/a?b?c"), ("/.//evil.example", None)],
)
def test_what_is_left_of_an_address(target: str, expected: str | None) -> None:
    assert safe_next(target) == (target if expected is None else expected)
    assert not leads_elsewhere(safe_next(target))


@given(st.text(st.sampled_from("/\\ \t\n\r\0.:@?#%evil") | st.characters(), max_size=12))
def test_no_next_leads_away(target: str) -> None:
    for candidate in (target, "/" + target):
        path = safe_next(candidate)
        assert path == "" or path.startswith("/")
        assert not leads_elsewhere(path)
        assert path.isascii()
        assert path.isprintable()
        assert safe_next(path) == path


# --- anything at all ----------------------------------------------------------------------------

HEADER = st.tuples(
    st.sampled_from(
        [
            *(
                b"cookie",
                b"host",
                b"origin",
                b"content-type",
                b"sec-fetch-site",
                b"accept-language",
            ),
            *(b"user-agent", b"sec-gpc", b"accept-encoding", b"content-encoding", b"x"),
        ]
    ),
    st.binary(max_size=60)
    | st.sampled_from(
        [
            *(b"application/json", b"application/x-www-form-urlencoded", b"same-origin", b"gzip"),
            *(b"www.shop.example", b"http://www.shop.example", b"1", b"_ga=1; _fbp=2"),
        ]
    ),
)
JSON_LIKE: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(["action", "categories", "category", "next", "token", "page", "source", "x"]),
    JSON_LIKE
    | st.sampled_from(["accept", "reject", "save", ["analytics"], {"analytics": True}, "banner"]),
).map(lambda data: json.dumps(data).encode())
ANYTHING = Site(services=None, limits={"rate_per_minute": 10**9})


@settings(max_examples=400)
@given(
    method=st.sampled_from(METHODS) | st.text(max_size=5),
    path=st.sampled_from(["", "/", "/state", "/policy", "/static/", f"/static/{JS}"])
    | st.text(max_size=20).map(lambda text: "/" + text),
    root=st.just("") | st.text(max_size=10),
    query=st.text(max_size=40) | st.just("next=/x&saved=1"),
    headers=st.lists(HEADER, max_size=8),
    body=st.binary(max_size=200) | FIELDS | st.just(b"action=accept&next=/x"),
)
def test_anything_has_an_answer(
    method: str, path: str, root: str, query: str, headers: Any, body: bytes
) -> None:
    request = Request(
        method=method,
        path="/consent" + path,
        root=root,
        query=query,
        headers=tuple(headers),
        client="192.0.2.7",
    )
    exchange = ANYTHING.kit.begin(request)
    assert exchange.is_endpoint
    reply = exchange.respond(body)
    assert 200 <= reply.status < 500
    is_well_formed(reply)
    granted = [v for v in values(reply.headers, b"set-cookie") if b"=granted." in v]
    if granted:
        assert ANYTHING.log.events[-1].outcome
        assert method == "POST"


def test_a_fault_of_ours_is_no_500(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()

    def broken(*_: object, **__: object) -> bytes:
        raise RuntimeError("broken")

    for name in ("preferences_page", "policy_page", "message_page"):
        monkeypatch.setattr(site.kit.renderer, name, broken)
    for path in ("/consent/", "/consent/policy", "/consent/nothing"):
        reply = site.visitor().get(path)
        assert reply.status == (404 if path.endswith("nothing") else 503)
        is_well_formed(reply)
        assert b"<title>" in reply.body
    reply = site.visitor().post_json(action="explode")
    assert reply.status == 400


def test_keys_do_not_show() -> None:
    visitor = SITE.decided("analytics")
    for path in ("/consent/", "/consent/state", "/consent/policy", "/consent/nothing"):
        assert KEY.encode() not in visitor.get(path).body


@pytest.mark.parametrize(
    ("referrer", "back"),
    [
        ("http://www.shop.example/lamps?a=1", "/lamps?a=1"),
        ("https://www.shop.example/lamps", "/lamps"),
        ("http://www.shop.example/", "/"),
        ("http://www.shop.example", "/"),
        ("http://evil.example/lamps", "/"),
        ("http://www.shop.example.evil.example/lamps", "/"),
        ("http://evil.example@www.shop.example/lamps", "/"),
        ("http://www.shop.example//evil.example", "/"),
        ("http://www.shop.example/consent/policy", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
@pytest.mark.parametrize("path", ["/consent/", "/consent/policy"])
def test_the_way_back_is_the_page_of_the_link(path: str, referrer: str, back: str) -> None:
    html = (
        Site().visitor().get(path, [(b"referer", referrer.encode())], scheme="http").body.decode()
    )
    found = re.search(r'href="([^"]*)" data-consentkit="back"', html)
    assert found is not None
    assert found[1].replace("&amp;", "&") == back
    html = (
        Site().visitor().get(path, [(b"referer", referrer.encode())], query="next=/x").body.decode()
    )
    assert 'href="/x" data-consentkit="back"' in html


def test_refusals_are_told_in_words_that_a_site_may_change() -> None:
    site = Site(banner={"texts": {"failed_missing": "Nothing here.", "failed": "Oh no"}})
    html = site.visitor().get("/consent/nowhere").body
    assert b"Nothing here." in html
    assert b"<title>Oh no" in html
