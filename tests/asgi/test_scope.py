"""The scope: what the app finds in it, where our pages are, and what stays as it was."""

from __future__ import annotations

import contextvars
from collections.abc import MutableMapping
from typing import Any

import pytest

from consentkit import ConsentKit
from consentkit.asgi import ConsentMiddleware
from consentkit.engine import Consent
from tests.adapters.site import PAGE, is_gated
from tests.asgi.harness import Client, Receive, Send, body, page, scope, start

pytestmark = pytest.mark.anyio


def remembering() -> tuple[Any, list[MutableMapping[str, Any]]]:
    scopes: list[MutableMapping[str, Any]] = []

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await page([PAGE])(scope, receive, send)

    return app, scopes


async def test_handlers_find_the_decision(kit: ConsentKit) -> None:
    app, scopes = remembering()
    given = scope(state={"db": 1})
    await Client().ask(ConsentMiddleware(app, kit), given)
    consent = scopes[0]["consentkit"]
    assert isinstance(consent, Consent)
    assert consent.granted("necessary")
    assert not consent.granted("analytics")
    assert consent.settings_url == "/consent/"
    assert scopes[0]["state"] is given["state"]
    assert given["state"] == {"db": 1, "consent": consent}
    assert "consentkit" not in given


async def test_a_server_without_state(kit: ConsentKit) -> None:
    app, scopes = remembering()
    given = scope()
    await Client().ask(ConsentMiddleware(app, kit), given)
    assert scopes[0]["state"] == {"consent": scopes[0]["consentkit"]}
    assert "state" not in given


async def test_twice_is_once(kit: ConsentKit) -> None:
    app, scopes = remembering()
    client = Client()
    await client.ask(ConsentMiddleware(ConsentMiddleware(app, kit), kit), scope())
    assert is_gated(client.body, banners=1)
    assert client.body.count(b'data-consentkit="client"') == 1
    assert len(scopes) == 1


async def test_context_variables_go_in_and_out(kit: ConsentKit) -> None:
    inwards = contextvars.ContextVar("inwards", default="")
    outwards = contextvars.ContextVar("outwards", default="")

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        assert inwards.get() == "set outside"
        await page([PAGE])(scope, receive, send)
        outwards.set("set inside")

    inwards.set("set outside")
    await Client().ask(ConsentMiddleware(app, kit), scope())
    assert outwards.get() == "set inside"


async def test_background_work_of_the_app_goes_on(kit: ConsentKit) -> None:
    client = Client()
    seen = []

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await page([PAGE])(scope, receive, send)
        seen.append(is_gated(client.body))  # all is out; the task begins

    await client.ask(ConsentMiddleware(app, kit), scope())
    assert seen == [True]


# root path, path, whether it is ours, and the address of the preferences
PLACES = [
    ("", "/consent/", True, "/consent/"),
    ("", "/consent/state", True, "/consent/"),
    ("", "/consentX", False, "/consent/"),
    ("", "/consents/", False, "/consent/"),
    ("", "/x/consent/", False, "/consent/"),
    ("", "/consent", True, "/consent/"),
    ("", "", False, "/consent/"),
    ("/app", "/app/consent/", True, "/app/consent/"),
    ("/app", "/consent/", True, "/app/consent/"),
    ("/app/", "/app/consent/state", True, "/app/consent/"),
    ("/app", "/app", False, "/app/consent/"),
    ("/app", "/application/consent/", False, "/app/consent/"),
    ("/app", "/app/consentX", False, "/app/consent/"),
    ("/consent", "/consent/consent/", True, "/consent/consent/"),
    ("/a/b", "/a/b/consent/", True, "/a/b/consent/"),
    ("/caf\u00e9", "/caf\u00e9/consent/", True, "/caf%C3%A9/consent/"),
    ('/a"><script>', '/a"><script>/consent/', True, "/a%22%3E%3Cscript%3E/consent/"),
]  # fmt: skip


@pytest.mark.parametrize("prefix", ["/consent", "/privacy/choice"])
@pytest.mark.parametrize(("root", "path", "ours", "home"), PLACES)
async def test_where_our_pages_are(
    prefix: str, root: str, path: str, ours: bool, home: str
) -> None:
    kit = ConsentKit({"secret_keys": ["k" * 40], "prefix": prefix})
    if root != "/consent":
        path, home = path.replace("/consent", prefix), home.replace("/consent", prefix)
    elif prefix != "/consent":
        path, home = f"/consent{prefix}/", f"/consent{prefix}/"
    app, scopes = remembering()
    client = Client()
    given = scope(path, root_path=root, raw_path=None)
    await client.ask(ConsentMiddleware(app, kit), given)
    assert bool(scopes) is not ours
    if scopes:
        assert scopes[0]["consentkit"].settings_url == home
        assert b'data-action="' + home.encode() + b'"' in client.body
    elif path.endswith("/"):
        assert client.status == 200
        assert b'action="' + home.encode() + b'"' in client.body


NEXTS = [
    ({"path": "/a b", "raw_path": b"/a%20b"}, b"/a%20b"),
    ({"path": "/a b", "raw_path": None}, b"/a%20b"),
    ({"path": "/a/b", "raw_path": b"/a%2Fb"}, b"/a%2Fb"),
    ({"path": "/caf\u00e9", "raw_path": "/caf\u00e9".encode()}, b"/caf%C3%A9"),
    ({"path": "/x", "raw_path": b"/x", "query_string": b"a=1&b=%20"}, b"/x?a=1&amp;b=%20"),
    ({"path": "/x", "raw_path": b"/x", "query_string": "q=\u00e9\"><script>".encode()},
     b"/x?q=%C3%A9%22%3E%3Cscript%3E"),
    ({"path": "/app/x", "raw_path": b"/app/x", "root_path": "/app"}, b"/app/x"),
    ({"path": "/x", "raw_path": b"/x", "root_path": "/app"}, b"/app/x"),
    ({"path": "/100%", "raw_path": None}, b"/100%25"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "expected"), NEXTS)
async def test_the_banner_leads_back_to_the_page(
    kit: ConsentKit, more: dict[str, Any], expected: bytes
) -> None:
    client = Client()
    await client.ask(ConsentMiddleware(page([PAGE]), kit), {**scope(), **more})
    assert is_gated(client.body)
    assert b'name="next" value="' + expected + b'"' in client.body


async def test_conditions_of_another_state_do_not_reach_the_app(kit: ConsentKit) -> None:
    app, scopes = remembering()
    headers = [
        (b"host", b"shop.example"),
        (b"if-none-match", b'"from-elsewhere"'),
        (b"if-modified-since", b"Mon, 23 Nov 2026 08:00:00 GMT"),
        (b"accept-encoding", b"br, gzip;q=0.8"),
    ]
    await Client().ask(ConsentMiddleware(app, kit), scope(headers=headers))
    assert scopes[0]["headers"] == [headers[0], (b"accept-encoding", b"gzip;q=0.8")]


async def test_a_path_below_ours_is_not_found_rather_than_the_sites(kit: ConsentKit) -> None:
    app, scopes = remembering()
    client = Client()
    await client.ask(ConsentMiddleware(app, kit), scope("/consent/nothing"))
    assert client.status == 404
    assert scopes == []


async def test_a_message_object_is_not_changed(kit: ConsentKit) -> None:
    began, chunk = start((b"content-type", b"text/html"), (b"content-length", b"9")), body(PAGE)
    copies = {**began, "headers": list(began["headers"])}, dict(chunk)

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await send(began)
        await send(chunk)

    await Client().ask(ConsentMiddleware(app, kit), scope())
    assert (began, chunk) == copies
