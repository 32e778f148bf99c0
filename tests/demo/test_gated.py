"""The site's pages through the gate: every vendor held back, everything of the shop's own left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import turbohtml

from consentkit.demo.site import NOSCRIPT_HOSTS, PAGES, VENDOR_HOSTS, respond, settings_for_demo
from consentkit.gate import gate_html
from tests.demo.markup import attribute, fetched, foreign_hosts, inline_scripts

CHOICES: list[tuple[str, ...]] = [
    (),
    ("functional",),
    ("analytics",),
    ("marketing",),
    ("functional", "analytics", "marketing"),
]

every_page = pytest.mark.parametrize("page", PAGES)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("demo")
    return settings_for_demo(f"sqlite:///{folder}/demo.db")


@every_page
@pytest.mark.parametrize("granted", CHOICES, ids=lambda granted: "+".join(granted) or "nothing")
def test_only_what_is_granted_is_fetched(
    page: str, granted: tuple[str, ...], settings: dict[str, Any]
) -> None:
    raw = respond(page)[2].decode()
    gated = gate_html(raw, settings, granted=granted)
    for scripting in (True, False):
        listed = {**VENDOR_HOSTS[page], **({} if scripting else NOSCRIPT_HOSTS[page])}
        hosts = foreign_hosts(fetched(gated, scripting=scripting))
        in_markup = foreign_hosts(fetched(raw, scripting=scripting))
        assert hosts == {host for host in in_markup if listed[host] in granted}


@every_page
def test_no_connection_is_opened_in_advance(page: str, settings: dict[str, Any]) -> None:
    gated = turbohtml.parse(gate_html(respond(page)[2].decode(), settings))
    links = [attribute(link, "href") for link in gated.select("link[href]")]
    assert links
    assert all(link.startswith("/assets/") for link in links)


@every_page
def test_of_the_inline_scripts_only_the_shops_own_runs(page: str, settings: dict[str, Any]) -> None:
    live = inline_scripts(gate_html(respond(page)[2].decode(), settings))
    assert len(live) == 1
    assert "dataLayer.push({pageType: document.body.className" in live[0]


@every_page
def test_everything_granted_leaves_the_page_as_it_was(page: str, settings: dict[str, Any]) -> None:
    raw = respond(page)[2]
    assert gate_html(raw, settings, granted=CHOICES[-1]) == raw


@every_page
def test_the_shops_own_things_stay(page: str, settings: dict[str, Any]) -> None:
    def own(html: str) -> dict[str, list[str]]:
        document = turbohtml.parse(html)
        return {
            "data": [e.text for e in document.select("script[type*=json]")],
            "links": [attribute(e, "href") for e in document.select("a[href]")],
            "forms": [attribute(e, "action") for e in document.select("form")],
            "styles": [attribute(e, "style") for e in document.select("svg[style]")],
            "pictures": [attribute(e, "src") for e in document.select("img[src^='/assets/']")],
            "script": [attribute(e, "src") for e in document.select("script[src^='/assets/']")],
            "sheet": [attribute(e, "href") for e in document.select("link[href^='/assets/']")],
        }

    raw = respond(page)[2].decode()
    assert own(gate_html(raw, settings)) == own(raw)
