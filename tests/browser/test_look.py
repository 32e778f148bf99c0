"""How the banner and the pages look and behave: equal buttons, isolation, reach, contrast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from consentkit.banner.view import PolicyView, ReceiptView
from tests.browser.stage import (
    RENDERER,
    Stage,
    banner,
    categories,
    document,
    embed,
    preferences,
)

LAYOUTS = ["bar-bottom", "bar-top", "box", "centred"]
FLOATING = RENDERER.floating("/consent/").decode()
LONG = "".join(f'<p>Text, <a id="a{n}" href="#">link {n}</a>, more.</p>' for n in range(40))
#: What sites do to elements that they think are all theirs.
HOSTILE = """
button { background: red !important; padding: 30px; text-transform: uppercase; font: 30px serif;
  border-radius: 50%; width: 100%; opacity: .3 }
.consentkit-button { color: red !important }
* { box-sizing: content-box }
*::before, *::after { content: "XX"; color: red }
form { display: flex; flex-direction: column-reverse }
label, section, fieldset { display: none }
h2 { color: lime; font-size: 60px } p { font-size: 9px; margin: 40px }
details { opacity: .2 } summary { list-style: square inside; background: yellow }
input { appearance: none; width: 100%; height: 80px; transform: scale(2) }
a { color: orange; text-decoration: none } span { float: right; font-size: 50px }
html { font-size: 62.5% }
body { text-align: center; letter-spacing: 4px; text-transform: uppercase; line-height: 3;
  color: lime; font: italic 40px fantasy; cursor: wait; user-select: none }
"""

#: As frameworks begin their style sheets.
PREFLIGHT = """
*, ::before, ::after { box-sizing: border-box; border: 0 solid #e5e7eb; margin: 0; padding: 0 }
html { line-height: 1.15; tab-size: 4; font-family: Georgia, serif; scroll-behavior: smooth }
body { line-height: inherit }
h1, h2, h3 { font-size: inherit; font-weight: inherit }
a { color: inherit; text-decoration: inherit }
button, input, select, textarea { font: inherit; color: inherit; letter-spacing: inherit }
button, [type=button], [type=submit] { appearance: button; background: transparent none }
ol, ul, menu { list-style: none } fieldset, legend, dialog { padding: 0 }
img, svg, video { display: block; vertical-align: middle; max-width: 100%; height: auto }
input::placeholder { opacity: 1; color: #9ca3af } [hidden] { display: none }
"""
REBOOT = """
:root { --bs-blue: #0d6efd; font-size: 18px }
*, ::before, ::after { box-sizing: border-box }
body { margin: 0; font: 400 1rem/1.5 sans-serif; color: #212529; text-align: left }
h1, h2 { margin: 0 0 .5rem; font-weight: 500; line-height: 1.2; font-size: calc(1.3rem + .6vw) }
p, ul, dl { margin: 0 0 1rem } label { display: inline-block } dt { font-weight: 700 }
dd { margin: 0 0 .5rem } code { color: #d63384; word-wrap: break-word; font-size: .875em }
fieldset { min-width: 0 } legend { float: left; width: 100%; font-size: 1.5rem }
legend + * { clear: left } button:not(:disabled) { cursor: pointer } button { border-radius: 0 }
summary { display: list-item } dialog { max-width: 500px; border-radius: 3rem }
.btn, button[type=submit] { color: #fff; background: #0d6efd; padding: .375rem .75rem }
"""

MEASURE = """() => {
  // Of many alike the first two.
  const kinds = {};
  const first = ({ localName, className }) =>
    (kinds[localName + className] = (kinds[localName + className] ?? 0) + 1) < 3;
  return [...document.querySelectorAll('.consentkit-ui, .consentkit-ui *')].filter(first)
  .map((element) => {
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    const said = {};
    for (const name of style) if (!name.startsWith('--')) said[name] = style.getPropertyValue(name);
    const before = getComputedStyle(element, '::before');
    return [element.className || element.localName, said, before.content, before.color,
      Math.round(box.width), Math.round(box.height)];
  });
}"""

CONTRAST = """() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const worst = [];
  for (const element of document.querySelectorAll('.consentkit-ui *, .consentkit-ui')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    worst.push([ratio, element.className + ' ' + element.textContent.slice(0, 30)]);
  }
  return worst.sort((x, y) => x[0] - y[0]);
}"""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    common: dict[str, Any] = {
        "css_urls": ("/consentkit.css", "/pages.css"),
        "site_name": "Hillside Books",
        "preferences_url": "/consent/",
        "policy_url": "/consent/policy",
        "policy_version": "3",
        "categories": categories(),
        "gpc": True,
    }
    receipt = ReceiptView(
        consent_id="0192f0c4-7d3e-7c31-9c55-0d0f6f2c9a11",
        time="2026-11-22T11:35:20Z",
        outcome=(("analytics", "denied"),),
    )
    policy = PolicyView(**common, contact="privacy@site.example", back_url="/")
    stage.files["/preferences"] = preferences(
        **common,
        receipt=receipt,
        receipt_url="/consent/receipt",
        forget_url="/consent/forget",
        saved=True,
    )
    stage.files["/policy"] = RENDERER.policy_page(policy).decode()
    stage.files["/"] = document(f"<main>{LONG}</main>")
    for layout in LAYOUTS:
        stage.files[f"/{layout}"] = document(f"<main>{LONG}</main>", shown=banner(layout=layout))
    stage.files["/hostile"] = document(f"<main>{LONG}</main>", head=f"<style>{HOSTILE}</style>")
    stage.files["/embed"] = document(embed("functional"), shown="")
    yield stage
    stage.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")


@pytest.mark.parametrize("path", ["/", "/hostile", "/preferences"])
@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accept_and_reject_look_alike(
    page: Page, stage: Stage, path: str, width: int, scheme: Any
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(stage.url + path)
    looks = [
        page.locator(f"[data-consentkit={name}]").evaluate(
            "e => { const s = getComputedStyle(e), b = e.getBoundingClientRect();"
            " return [b.width, b.height, Math.round(b.top), ...[...s].filter(n =>"
            " !/^(--|inset|left|right|top|bottom|perspective-origin|transform-origin)/.test(n))"
            ".map(n => n + s.getPropertyValue(n))] }"
        )
        for name in ("accept", "reject")
    ]
    assert looks[0] == looks[1]


@pytest.mark.parametrize(
    "sheet", [HOSTILE, PREFLIGHT, REBOOT], ids=["hostile", "preflight", "reboot"]
)
@pytest.mark.parametrize("part", ["banner", "embed", "dialog", "floating"])
def test_the_style_sheet_of_a_site_changes_nothing(
    page: Page, stage: Stage, sheet: str, part: str
) -> None:
    narrow = f'<div style="width: 600px; margin: 20px">{embed("functional")}</div>'
    body = {"embed": narrow, "floating": FLOATING}.get(part, f"<main>{LONG}</main>")
    measured = []
    for head in ("", f"<style>{sheet}</style>"):
        shown = {"banner": None, "dialog": None}.get(part, "")
        stage.files["/measured"] = document(body, head=head, shown=shown)
        page.goto(stage.url + "/measured")
        if part == "dialog":
            page.evaluate("consentkit.open()")
            page.wait_for_selector("dialog[open]")
            page.evaluate("document.querySelector('[data-consentkit=banner]').remove()")
            unfold(page)
        measured.append(page.evaluate(MEASURE))
    assert len(measured[0]) > 2
    for expected, found in zip(*measured, strict=True):
        assert found == expected


def test_our_style_sheet_changes_nothing_of_the_site(page: Page, stage: Stage) -> None:
    names = page.evaluate(
        "() => Object.getOwnPropertyNames(window).map(n => /^HTML(.+)Element$/.exec(n)?.[1])"
        ".filter(Boolean).map(n => n.toLowerCase())"
    )
    usual = "a abbr article aside b code dd dl dt em fieldset figure footer form h1 h2 h3 header i"
    usual += " img input label legend li main nav ol p pre section select small span strong summary"
    usual += " table tbody td textarea th thead tr ul video iframe button details dialog[open]"
    tags = sorted({*usual.replace("[open]", "").split(), *names} - {"html", "body", "head"})
    body = "".join(f'<{t} class="banner page button title link hidden">x</{t}>' for t in tags)
    looks = []
    for extra in ("", '<link rel="stylesheet" href="/consentkit.css">'):
        stage.files["/elements"] = f"<!DOCTYPE html><title>x</title>{extra}<body>{body}"
        page.goto(stage.url + "/elements")
        looks.append(
            page.evaluate(
                "() => [document.documentElement, ...document.body.querySelectorAll('*')].map(e =>"
                " { const s = getComputedStyle(e); return [e.localName, ...[...s].map(n =>"
                " n + ':' + s.getPropertyValue(n))] })"
            )
        )
    assert looks[0] == looks[1]


@pytest.mark.parametrize("path", ["/", "/preferences", "/policy", "/embed"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(page: Page, stage: Stage, path: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(stage.url + path)
    unfold(page)
    worst = page.evaluate(CONTRAST)
    assert len(worst) > 3
    assert worst[0][0] >= 4.5, worst[0]


@pytest.mark.parametrize("path", ["/", "/preferences", "/policy", "/embed", "/hostile"])
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_nothing_overflows_at_320_pixels(
    page: Page, stage: Stage, path: str, direction: str
) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(stage.url + path)
    unfold(page)
    page.evaluate("d => document.querySelectorAll('[dir=ltr]').forEach(e => e.dir = d)", direction)
    outside = page.evaluate(
        "() => [...document.querySelectorAll('.consentkit-ui, .consentkit-ui *')].filter(e => {"
        " const b = e.getBoundingClientRect(); return e.checkVisibility() && b.width > 1 &&"
        " (b.left < -0.5 || b.right > 320.5) }).map(e => e.className)"
    )
    assert outside == []


@pytest.mark.parametrize("path", ["/", "/preferences", "/policy", "/embed"])
def test_what_is_pressed_is_large_enough(page: Page, stage: Stage, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(stage.url + path)
    unfold(page)
    small = page.evaluate(
        "() => [...document.querySelectorAll("
        "'.consentkit-ui :is(a, button, summary, label)')].filter(e => e.checkVisibility() &&"
        # A link within a sentence (WCAG 2.5.8, "inline") is as high as its line.
        " e.getBoundingClientRect().height < (e.closest('.consentkit-text') ? 24 : 44))"
        ".map(e => [e.className, e.textContent, e.getBoundingClientRect().height])"
    )
    assert small == []


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(1280, 800), (320, 640), (320, 256)])
def test_the_banner_never_covers_what_has_the_focus(
    page: Page, stage: Stage, size: tuple[int, int], layout: str
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(stage.url + f"/{layout}")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        where = page.evaluate(
            "() => { const e = document.activeElement, b = e.getBoundingClientRect(), banner ="
            " document.querySelector('[data-consentkit=banner]'); return { id: e.id,"
            " inside: banner.contains(e), top: b.top, bottom: b.bottom,"
            " banner: banner.getBoundingClientRect().top,"
            " end: banner.getBoundingClientRect().bottom } }"
        )
        if where["inside"]:
            assert where["top"] >= where["banner"] - 1
            assert where["bottom"] <= size[1]
        elif where["id"]:
            assert where["bottom"] <= where["banner"] or where["top"] >= where["end"], where
            assert 0 <= where["top"] <= size[1] - 10
            seen.add(where["id"])
        if where["id"] == "a39":
            break
    assert len(seen) == 40


@pytest.mark.parametrize("layout", LAYOUTS)
def test_on_a_small_screen_the_page_is_seen_and_all_can_be_reached(
    page: Page, stage: Stage, layout: str
) -> None:
    page.set_viewport_size({"width": 320, "height": 256})
    page.goto(stage.url + f"/{layout}")
    box = page.locator("[data-consentkit=banner]").bounding_box()
    assert box is not None
    assert box["height"] <= 256 * 0.7 or layout == "bar-top"
    for name in ("customise", "reject", "accept"):
        button = page.locator(f"[data-consentkit={name}]")
        button.scroll_into_view_if_needed()
        assert button.evaluate(
            "e => { const b = e.getBoundingClientRect(); return"
            " document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2) === e }"
        )
    page.evaluate("document.getElementById('a39').scrollIntoView()")
    box = page.locator("#a39").bounding_box()
    assert box is not None
    assert box["y"] < 256 * (1 if layout == "bar-top" else 0.34)


def test_nothing_moves_when_the_banner_comes_and_goes(page: Page, stage: Stage) -> None:
    # The body arrives in two parts, with a picture of the first in between.
    stage.files["/hold.js"] = ""
    stage.slow["/hold.js"] = 0.4
    stage.files["/parts"] = document(f'<script src="/hold.js"></script><main>{LONG}</main>')
    page.goto(stage.url + "/parts")
    page.evaluate(
        "() => { window.shift = 0; new PerformanceObserver(list => { for (const e of"
        " list.getEntries()) window.shift += e.value })"
        ".observe({ type: 'layout-shift', buffered: true }) }"
    )
    before = page.locator("#a3").bounding_box()
    page.click("[data-consentkit=reject]")
    page.wait_for_selector("[data-consentkit=banner]", state="hidden")
    page.wait_for_timeout(200)
    assert page.locator("#a3").bounding_box() == before
    assert page.evaluate("shift") == 0
    assert page.evaluate("getComputedStyle(document.body).overflow") == "visible"


def test_roles_and_names(page: Page, stage: Stage) -> None:
    page.goto(stage.url + "/")
    region = page.get_by_role("region", name="Hillside Books asks for your choice about cookies")
    for name in ("Accept all", "Reject all", "Choose for yourself"):
        assert region.get_by_role("button", name=name, exact=True).count() == 1
    page.click("[data-consentkit=customise]")
    dialog = page.get_by_role("dialog", name="Cookie settings")
    dialog.wait_for()
    for name in ("Accept all", "Reject all", "Save my choice", "Close"):
        assert dialog.get_by_role("button", name=name, exact=True).count() == 1
    for name in ("Functional", "Analytics", "Marketing"):
        box = dialog.get_by_role("checkbox", name=name, exact=True)
        assert not box.is_checked()
    assert dialog.get_by_role("checkbox", name="Necessary", exact=True).is_disabled()
    assert dialog.get_by_role("group", name="Purposes").count() == 1
    page.goto(stage.url + "/policy")
    assert page.get_by_role("table", name="Analytics").count() == 1
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.get_by_role("table", name="Analytics").count() == 1
    assert page.get_by_role("rowheader").count() == 3
    page.goto(stage.url + "/preferences")
    assert page.get_by_role("status").inner_text() == "Your choice has been saved."
    assert page.evaluate("document.activeElement.getAttribute('role')") == "status"


def test_focus_is_visible_and_motion_can_be_off(page: Page, stage: Stage) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(stage.url + "/hostile")
    moving = page.evaluate(
        "() => [...document.querySelectorAll('.consentkit-ui *')].filter(e =>"
        " getComputedStyle(e).transitionDuration !== '0s' ||"
        " getComputedStyle(e).animationName !== 'none').length"
    )
    assert moving == 0
    for _ in range(3):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outline")
        assert "solid 3px" in outline


def test_a_site_can_theme_it_and_switch_it(page: Page, stage: Stage) -> None:
    head = (
        "<style>:root { --consentkit-button: #0a5c36; --consentkit-button-dark: #8fe3b8 }</style>"
    )
    stage.files["/themed"] = document("", head=head)
    page.goto(stage.url + "/themed")
    colour = "getComputedStyle(document.querySelector('[data-consentkit=accept]')).backgroundColor"
    assert page.evaluate(colour) == "rgb(10, 92, 54)"
    page.evaluate("document.documentElement.dataset.consentkitTheme = 'dark'")
    page.wait_for_function(f"{colour} === 'rgb(143, 227, 184)'")
    page.emulate_media(color_scheme="dark")
    page.evaluate("document.documentElement.dataset.consentkitTheme = 'light'")
    page.wait_for_function(f"{colour} === 'rgb(10, 92, 54)'")


def test_a_layer_of_the_site_wins_as_the_documentation_says(page: Page, stage: Stage) -> None:
    rule = ".consentkit-banner .consentkit-button { padding-inline: 3em !important }"
    stage.files["/layered"] = document("", head=f"<style>@layer site {{ {rule} }}</style>")
    page.goto(stage.url + "/layered")
    for name in ("accept", "reject"):
        button = page.locator(f"[data-consentkit={name}]")
        assert button.evaluate("e => getComputedStyle(e).paddingLeft") == "48px"
