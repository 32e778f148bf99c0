"""``gate="strict"`` and ``gate="declared"``, as the owner of a site tries them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit import gate_html
from consentkit.asgi import ConsentMiddleware

STRANGER = '<iframe src="https://widgets.stranger.example/w?id=1"></iframe>'
PAGE = (
    "<!doctype html><html><head><title>Shop</title></head><body>"
    '<script src="https://static.shop.co.uk/app.js"></script><img src="/logo.png">'
    '<script src="https://other.co.uk/app.js"></script>'
    '<script src="https://cdn.allowed.example/a.js"></script>'
    '<script src="https://www.google-analytics.com/analytics.js"></script>'
    f'<iframe src="https://www.youtube.com/embed/a"></iframe>{STRANGER}</body></html>'
)


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "secret_keys": ["k" * 40],
        "gate": "strict",
        "allow": ["*.allowed.example"],
        **changes,
    }


@pytest.mark.parametrize(
    ("tag", "held"),
    [
        ('<script src="https://unknown.example/a.js"></script>', True),
        ('<img src="//unknown.example/a.gif">', True),
        ('<link rel="stylesheet" href="https://unknown.example/a.css">', True),
        ('<style>@import "https://unknown.example/a.css";</style>', True),
        ('<img srcset="/a.png 1x, https://unknown.example/b.png 2x">', True),
        ('<script src="/own.js"></script>', False),
        ('<img src="data:image/gif;base64,R0lGOD">', False),
        ('<script src="https://allowed.example/a.js"></script>', False),
        ('<script src="https://a.b.allowed.example/a.js"></script>', False),
        ('<script src="https://notallowed.example/a.js"></script>', True),
        ('<a href="https://unknown.example/">a link</a>', False),
        ("<script>own()</script>", False),
    ],
)
def test_the_gate_alone(tag: str, held: bool) -> None:
    gated = gate_html(tag, settings(), granted=("functional", "analytics", "marketing"))
    assert ('data-consent="unclassified"' in gated) is held
    assert held or gated == tag
    known = gate_html(tag, settings(gate="known"))
    assert known == tag


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., TestClient]:
    """Makes a browser for a site with these settings."""
    return partial(client, log=f"sqlite:///{tmp_path}/consent.db")


def client(**changes: Any) -> TestClient:
    async def home(_: object) -> HTMLResponse:
        return HTMLResponse(PAGE)

    app = ConsentMiddleware(Starlette(routes=[Route("/", home)]), settings(**changes))
    return TestClient(app, base_url="https://www.shop.co.uk")


def test_a_page_in_strict_mode(site: Callable[..., TestClient]) -> None:
    page = site().get("/", headers={"accept": "text/html"}).text
    # One site is one registrable domain: static.shop.co.uk is ours, other.co.uk is not.
    assert '<script src="https://static.shop.co.uk/app.js">' in page
    assert '<img src="/logo.png">' in page
    assert '<script src="https://cdn.allowed.example/a.js">' in page
    assert (
        '<script type="text/plain" data-consent="unclassified" '
        'data-consent-src="https://other.co.uk/app.js">' in page
    )
    assert 'data-consent="analytics" data-consent-src="https://www.google-analytics.com' in page
    assert (
        '<iframe data-consent="unclassified" '
        'data-consent-src="https://widgets.stranger.example/w?id=1">' in page
    )


def test_a_stranger_is_shown_by_its_host_and_cannot_be_agreed_to(
    site: Callable[..., TestClient],
) -> None:
    page = site().get("/", headers={"accept": "text/html"}).text
    placeholder = page[: page.index('<iframe data-consent="unclassified"')]
    placeholder = placeholder[placeholder.rindex('data-consentkit="embed"') :]
    assert "Content from widgets.stranger.example" in placeholder
    assert 'href="https://widgets.stranger.example/w?id=1"' in placeholder
    assert "data-consentkit-grant" not in placeholder
    known = page[: page.index('data-consent-src="https://www.youtube.com')]
    assert "data-consentkit-grant" in known[known.rindex('data-consentkit="embed"') :]


def test_nobody_is_asked_about_strangers(site: Callable[..., TestClient]) -> None:
    page = site().get("/consent/", headers={"accept": "text/html"}).text
    assert 'value="analytics"' in page
    assert "unclassified" not in page


def test_declared_holds_what_was_declared_and_nothing_else(site: Callable[..., TestClient]) -> None:
    page = site(gate="declared", services=["youtube"]).get("/").text
    assert 'data-consent="functional" data-consent-src="https://www.youtube.com' in page
    assert '<script src="https://www.google-analytics.com/analytics.js">' in page
    assert STRANGER in page
