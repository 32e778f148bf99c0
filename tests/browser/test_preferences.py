"""The preferences as a dialog: wherever it is opened, however the site is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.stage import RENDERER, Stage, banner, document, inline

CUSTOMISE = "[data-consentkit=customise]"
DIALOG = "dialog[data-consentkit=preferences]"


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture
def show(browser: Browser, stage: Stage) -> Iterator[Callable[..., Page]]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})

    def open_(body: str = "", **options: str) -> Page:
        stage.files["/"] = document(body, **options)
        page = context.new_page()
        page.goto(stage.url + "/?a=1")
        return page

    yield open_
    context.close()


@pytest.mark.parametrize(
    "opener",
    [
        '<a id="o" href="/consent/" data-consentkit="settings">Settings</a>',
        '<button id="o" type="button" data-consentkit="settings">Settings</button>',
        '<a href="/consent/" data-consentkit="settings"><b id="o">Settings</b></a>',
        RENDERER.floating("/consent/").decode().replace("<svg", '<svg id="o"'),
    ],
    ids=["link", "button", "inside", "floating"],
)
def test_any_link_or_button_opens_it_and_gets_the_focus_back(
    show: Callable[..., Page], opener: str
) -> None:
    page = show(opener, shown="", state="set")
    page.click("#o")
    expect(page.locator(DIALOG)).to_be_visible()
    assert page.url.endswith("/?a=1")
    page.click("[data-consentkit=close]")
    expect(page.locator(DIALOG)).to_have_count(0)
    assert page.evaluate("document.activeElement.dataset.consentkit") == "settings"
    page.click("#o")
    expect(page.locator(DIALOG)).to_have_count(1)


def test_content_that_comes_later_opens_it_too(show: Callable[..., Page]) -> None:
    page = show()
    page.evaluate(
        "document.body.innerHTML = '<a href=/consent/ data-consentkit=settings>Settings</a>'"
    )
    page.click("body > a")  # the banner comes back as well, with links of its own
    expect(page.locator(DIALOG)).to_be_visible()


def test_it_survives_an_exchange_of_the_whole_body(show: Callable[..., Page], stage: Stage) -> None:
    # What Turbo Drive and hx-boost do with a visit: the body is another one, the scripts are not.
    page = show(inline("ran.push('old')"))
    page.click(CUSTOMISE)
    expect(page.locator(DIALOG)).to_be_visible()
    page.keyboard.press("Escape")
    page.evaluate(
        "async () => { const text = await (await fetch('/')).text();"
        " const other = new DOMParser().parseFromString(text, 'text/html');"
        " document.body.replaceWith(document.adoptNode(other.body)) }"
    )
    expect(page.locator("[data-consentkit=banner]")).to_be_visible()
    page.click(CUSTOMISE)
    page.get_by_role("checkbox", name="Analytics").check()
    page.click("[data-consentkit=save]")
    expect(page.locator("[data-consentkit=banner]")).to_be_hidden()
    assert stage.choices[-1][1]["categories"] == ["analytics"]


def test_scripts_that_take_over_clicks_do_not_get_ours(show: Callable[..., Page]) -> None:
    page = show(
        "<script>for (const each of [window, document]) each.addEventListener('click', e => {"
        " e.preventDefault(); ran.push('site') }, true)</script>"
        '<a href="/consent/" data-consentkit="settings">Settings</a>'
    )
    page.click("a[data-consentkit=settings]")
    expect(page.locator(DIALOG)).to_be_visible()
    assert page.evaluate("ran.length") <= 1


def test_a_click_for_another_tab_stays_one(show: Callable[..., Page]) -> None:
    page = show('<a href="/consent/" data-consentkit="settings">Settings</a>')
    with page.context.expect_page() as opened:
        page.click("a[data-consentkit=settings]", modifiers=["Control"])
    opened.value.wait_for_url("**/consent/")
    assert page.locator(DIALOG).count() == 0


@pytest.mark.parametrize(
    "policy",
    [
        "require-trusted-types-for 'script'; trusted-types 'none'",
        "default-src 'none'; script-src 'nonce-abc'; style-src 'nonce-abc'; connect-src 'self'",
    ],
    ids=["trusted-types", "strict"],
)
def test_it_opens_under_a_strict_policy(
    show: Callable[..., Page], stage: Stage, policy: str
) -> None:
    stage.headers["/"] = {"Content-Security-Policy": policy}
    stage.files["/favicon.ico"] = ""
    # A page with a nonce gets our script and style sheet with it.
    page = show(client='nonce="abc"', nonce=' nonce="abc"')
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.click(CUSTOMISE)
    expect(page.locator(DIALOG)).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('dialog')).position") == "fixed"
    assert complaints == []


@pytest.mark.parametrize(
    "failure", ["connect-src 'none'", "status", "other", "gone"], ids=lambda each: each[:7]
)
def test_when_it_cannot_be_shown_the_page_is_gone_to(
    show: Callable[..., Page], stage: Stage, failure: str
) -> None:
    if failure.startswith("connect"):
        stage.headers["/"] = {"Content-Security-Policy": failure}
    page = show()
    if failure == "status":
        stage.files["/consent/"] = "<title>Please try again</title><main>Sorry</main>"
    elif failure == "other":
        stage.headers["/consent/"] = {"Content-Type": "text/plain"}
    elif failure == "gone":
        page.route(
            "**/consent/*",
            lambda route: (
                route.abort() if route.request.resource_type == "xhr" else route.continue_()
            ),
        )
    page.click(CUSTOMISE)
    page.wait_for_url("**/consent/*")


def test_it_costs_a_page_nothing_until_it_is_opened(
    show: Callable[..., Page], stage: Stage
) -> None:
    page = show('<main style="height: 3000px">Text</main>')
    page.wait_for_load_state("networkidle")
    assert not {"/pages.css", "/consent/"} & set(stage.asked)
    page.evaluate(
        "() => { window.shift = 0; new PerformanceObserver(list => { for (const e of"
        " list.getEntries()) window.shift += e.value }).observe({ type: 'layout-shift' }) }"
    )
    for _ in range(2):
        page.click(CUSTOMISE)
        expect(page.locator(DIALOG)).to_be_visible()
        page.keyboard.press("Escape")
    assert stage.asked.count("/pages.css") == 1
    assert stage.asked.count("/consent/") == 2
    assert page.evaluate("shift") == 0
    assert page.evaluate("getComputedStyle(document.documentElement).overflow") == "visible"


def test_a_click_beside_it_closes_it_and_changes_nothing(
    show: Callable[..., Page], stage: Stage
) -> None:
    page = show()
    page.click(CUSTOMISE)
    page.get_by_role("checkbox", name="Analytics").check()
    page.mouse.click(5, 5)
    expect(page.locator(DIALOG)).to_have_count(0)
    assert stage.choices == []


def test_two_clicks_open_one(show: Callable[..., Page]) -> None:
    page = show()
    page.evaluate("void consentkit.open(); void consentkit.open()")
    expect(page.locator(DIALOG)).to_have_count(1)
    page.evaluate("consentkit.open()")
    page.wait_for_timeout(100)
    assert page.locator(DIALOG).count() == 1


def test_the_floating_button_waits_until_there_is_a_choice_to_go_back_to(
    show: Callable[..., Page], stage: Stage
) -> None:
    page = show(shown=banner() + RENDERER.floating("/consent/").decode())
    button = page.get_by_role("link", name="Cookie settings")
    expect(button).to_be_hidden()
    page.click("[data-consentkit=reject]")
    expect(button).to_be_visible()
    button.click()
    expect(page.get_by_role("checkbox", name="Analytics")).not_to_be_checked()
