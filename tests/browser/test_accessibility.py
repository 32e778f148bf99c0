"""WCAG 2.2 AA in a real browser: axe-core over every state, and what it cannot judge, scripted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from consentkit.banner.view import CategoryView, PolicyView, ReceiptView
from tests.browser.stage import (
    RENDERER,
    Stage,
    banner,
    categories,
    document,
    embed,
    preferences,
)

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = {
    "runOnly": {"type": "tag", "values": TAGS},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}
STYLES = ("/consentkit.css", "/pages.css")
MAIN = '<main><h1>Books</h1><p>Some text and <a href="#">a link</a>.</p>{}</main>'
CONDITIONS = [
    ("light", "none", 1280, "ltr"),
    ("dark", "none", 320, "rtl"),
    ("light", "active", 320, "ltr"),
    ("dark", "none", 1280, "rtl"),
]
RECEIPT = ReceiptView(
    consent_id="0192f0c4-7d3e-7c31-9c55-0d0f6f2c9a11",
    time="2026-11-22T11:35:20.000Z",
    outcome=(("analytics", "denied"), ("functional", "granted")),
    record_id="0192f0c4-7d3e-7c31-9c55-0d0f6f2c9a12",
)


def by_service() -> tuple[CategoryView, ...]:
    return tuple(
        msgspec.structs.replace(
            category,
            services=tuple(
                msgspec.structs.replace(service, state="granted") for service in category.services
            ),
        )
        for category in categories()
    )


def furnish(stage: Stage, direction: Any) -> None:
    """Every page that there is, in one direction of writing."""
    policy = PolicyView(
        css_urls=STYLES,
        direction=direction,
        site_name="Hillside Books",
        preferences_url="/consent/",
        categories=categories(),
        contact="privacy@site.example",
        effective="2026-11-01",
        gpc=True,
    )
    pages = {
        layout: document(
            MAIN.format(""), shown=banner(layout=layout, direction=direction, gpc=True)
        )
        for layout in ("bar-bottom", "bar-top", "box", "centred")
    }
    floating = RENDERER.floating("/consent/", direction=direction).decode()
    pages["floating"] = document(MAIN.format(""), shown=floating, state="set")
    pages["embed"] = document(MAIN.format(embed("functional")), shown="")
    pages["dialog"] = pages["bar-bottom"]
    pages["policy"] = RENDERER.policy_page(policy).decode()
    pages["message"] = RENDERER.message_page(
        "This did not work", "Too long.", "/", css_urls=STYLES, direction=direction
    ).decode()
    whole: dict[str, Any] = {
        "direction": direction,
        "receipt": RECEIPT,
        "receipt_url": "/consent/receipt",
        "forget_url": "/consent/forget",
        "gpc": True,
    }
    pages["preferences"] = preferences(**whole, saved=True)
    pages["services"] = preferences(**whole, categories=by_service())
    for name, html in pages.items():
        stage.files[f"/{name}"] = html.replace(
            'lang="en" data-', f'lang="en" dir="{direction}" data-'
        )
    stage.files["/consent/"] = pages["services"]


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture
def open_(browser: Browser, stage: Stage) -> Iterator[Callable[..., Page]]:
    """Opens a page under conditions."""
    contexts = []

    def open_page(path: str = "/bar-bottom", *, direction: str = "ltr", **options: Any) -> Page:
        furnish(stage, direction)
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.goto(stage.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("scheme", "forced", "width", "direction"), CONDITIONS)
def test_axe_finds_nothing(
    open_: Callable[..., Page], stage: Stage, scheme: str, forced: str, width: int, direction: str
) -> None:
    page = open_(
        direction=direction,
        color_scheme=scheme,
        forced_colors=forced,
        viewport={"width": width, "height": 800},
    )
    names = [name[1:] for name in stage.files if name != "/consent/"]
    assert len(names) == 11
    if (scheme, width) == ("dark", 1280) or forced == "active":
        names = [name for name in names if name not in {"bar-top", "box", "centred", "message"}]
    found: dict[str, list[Any]] = {}
    for name in names:
        page.goto(f"{stage.url}/{name}")
        if name == "dialog":
            page.click("[data-consentkit=customise]")
            page.wait_for_selector("dialog[open]")
        page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
        violations = Axe().run(page, options=AXE).response["violations"]
        if violations:
            found[name] = [(v["id"], [n["html"][:160] for n in v["nodes"]]) for v in violations]
    assert found == {}


def test_axe_would_find_something(open_: Callable[..., Page], stage: Stage) -> None:
    page = open_()
    page.add_style_tag(content=":root { --consentkit-muted: #cccccc }")
    page.evaluate("document.querySelector('[data-consentkit=accept]').textContent = ''")
    found = {v["id"] for v in Axe().run(page, options=AXE).response["violations"]}
    assert {"color-contrast", "button-name"} <= found


def focused(page: Page) -> str:
    """What has the focus: its part, else its name."""
    return str(
        page.evaluate(
            "() => { const e = document.activeElement; return e.dataset.consentkit ||"
            " e.value || e.id || e.textContent.trim() || e.localName }"
        )
    )


def test_everything_can_be_done_with_the_keyboard(open_: Callable[..., Page], stage: Stage) -> None:
    page = open_()
    stage.files["/consent/"] = preferences()
    assert focused(page) not in {"accept", "reject", "customise"}, "nothing takes the focus"
    order = []
    for _ in range(5):
        page.keyboard.press("Tab")
        order.append(focused(page))
    assert order == ["policy", "accept", "reject", "customise", "a link"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    assert focused(page) == "preferences", "on none of the choices"
    page.keyboard.press("Tab")
    assert focused(page) == "close"
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "customise"
    assert stage.choices == []

    page.keyboard.press("Space")
    page.wait_for_selector("dialog[open]")
    seen = []
    while focused(page) != "analytics":
        page.keyboard.press("Tab")
        seen.append(focused(page))
    assert seen == ["close", "functional", "1 service – Functional", "analytics"]
    page.keyboard.press("Space")
    assert stage.choices == [], "ticking a box sends nothing"
    while focused(page) != "save":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("[data-consentkit=banner]")).to_be_hidden()
    assert stage.choices[-1][1]["categories"] == ["analytics"]
    assert stage.choices[-1][1]["source"] == "preferences"


def test_the_focus_does_not_leave_the_dialog_and_the_page_is_inert(
    open_: Callable[..., Page],
) -> None:
    page = open_()
    page.click("[data-consentkit=customise]")
    page.wait_for_selector("dialog[open]")
    for _ in range(60):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "() => { const e = document.activeElement;"
            " return e === document.body || !!e.closest('dialog') }"
        )
    box = page.locator("[data-consentkit=banner] [data-consentkit=accept]").bounding_box()
    assert box is not None
    assert page.evaluate(
        "([x, y]) => !document.elementFromPoint(x, y).closest('[data-consentkit=banner]')",
        [box["x"] + 5, box["y"] + 5],
    )


@pytest.mark.parametrize("size", [(1280, 800), (320, 640), (320, 256)])
@pytest.mark.parametrize("path", ["/dialog", "/services"])
def test_what_has_the_focus_is_never_covered_by_the_buttons_at_the_foot(
    open_: Callable[..., Page], path: str, size: tuple[int, int]
) -> None:
    page = open_(path, viewport={"width": size[0], "height": size[1]})
    if path == "/dialog":
        page.click("[data-consentkit=customise]")
        page.wait_for_selector("dialog[open]")
    seen = 0
    for _ in range(30):
        page.keyboard.press("Tab")
        seen += page.evaluate(
            """height => {
              const e = document.activeElement, b = e.getBoundingClientRect();
              if (e === document.body || e.localName === 'dialog') return 0;
              if (b.bottom < 1 || b.top > height - 1) throw new Error('unseen: ' + e.outerHTML);
              const y = Math.max(1, Math.min(height - 2, (b.top + b.bottom) / 2));
              const top = document.elementFromPoint(b.x + b.width / 2, y);
              if (!top || !(e.contains(top) || top.contains(e)))
                throw new Error('covered: ' + e.outerHTML + ' by ' + top?.outerHTML.slice(0, 200));
              return 1;
            }""",
            size[1],
        )
    assert seen > 12


@pytest.mark.parametrize("path", ["/services", "/policy", "/dialog"])
def test_nothing_scrolls_sideways_and_text_may_be_spaced(
    open_: Callable[..., Page], path: str
) -> None:
    page = open_(path, viewport={"width": 320, "height": 640})
    if path == "/dialog":
        page.click("[data-consentkit=customise]")
        page.wait_for_selector("dialog[open]")
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
    # WCAG 1.4.12.
    page.add_style_tag(
        content="* { line-height: 1.5 !important; letter-spacing: .12em !important;"
        " word-spacing: .16em !important } p { margin-block-end: 2em !important }"
    )
    outside = page.evaluate(
        "() => [...document.querySelectorAll("
        "'.consentkit-ui :is(p, button, label, li, dd, td, h1)')]"
        ".filter(e => { const b = e.getBoundingClientRect(); return e.checkVisibility() &&"
        " b.width > 1 && (b.left < 0 || b.right > 320.5 || e.scrollWidth > e.clientWidth + 1) })"
        ".map(e => e.outerHTML.slice(0, 120))"
    )
    assert outside == []


def test_what_was_saved_is_said_and_the_place_for_it_is_there_before(
    open_: Callable[..., Page],
) -> None:
    page = open_()
    status = page.get_by_role("status")
    expect(status).to_have_text("")
    page.click("[data-consentkit=customise]")
    page.click("dialog [data-consentkit=reject]")
    expect(status).to_have_text("Your choice has been saved.")
    # A dialog that is still open would make it inert, and nobody would hear of it.
    assert page.evaluate("!document.querySelector(':modal')")


def test_a_centred_banner_steps_aside_for_the_focus_and_no_other_time(
    open_: Callable[..., Page],
) -> None:
    page = open_("/centred", viewport={"width": 1280, "height": 800})
    shown = page.locator("[data-consentkit=banner]")

    def middle() -> float:
        box = shown.bounding_box()
        assert box is not None
        return box["y"] + box["height"] / 2

    assert abs(middle() - 400) < 2
    page.click("h1")
    assert abs(middle() - 400) < 2
    page.focus("main a")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert focused(page) == "a link"
    box = shown.bounding_box()
    assert box is not None
    assert 770 < box["y"] + box["height"] < 800


def test_boxes_and_lines_are_seen_with_forced_colours(open_: Callable[..., Page]) -> None:
    page = open_(forced_colors="active")
    for name in ("accept", "reject", "customise"):
        border = page.locator(f"[data-consentkit={name}]").evaluate(
            "e => { const s = getComputedStyle(e); return s.borderTopStyle + s.borderTopWidth"
            " + (s.borderTopColor !== s.backgroundColor) }"
        )
        assert border == "solid1pxtrue"
