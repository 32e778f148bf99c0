"""Coming alive and going quiet, on a real site: embeds, leftovers, swapped pages, the interface."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.shop import Open, Shop

ACCEPT = "[data-consentkit=accept]"
BANNER = "[data-consentkit=banner]"
EMBED = "[data-consentkit=embed]"
FILM = "https://www.youtube.com/embed/1"
GA = "https://www.google-analytics.com/x.js"


def films(shop: Shop) -> str:
    return shop.page(
        f'<p>Before <iframe id=one title="A lamp" width=560 height=315 src="{FILM}"></iframe></p>'
        f'<iframe id=two width="50%" height=400 src="{FILM}?2"></iframe>'
    )


def test_an_embed_is_loaded_once_and_nothing_is_recorded(open_: Open) -> None:
    shop, world = open_()
    url = films(shop)
    page = world.goto(url)
    group = page.get_by_role("group", name="“A lamp”, from YouTube")
    box = group.bounding_box()
    assert box is not None
    assert abs(box["width"] - 560) < 2
    assert abs(box["height"] - 315) < 2
    group.get_by_role("button", name="Load once").press("Enter")
    expect(page.frame_locator("#one").locator("p")).to_have_text("outside")
    expect(page.get_by_role("status")).to_have_text("The content has been loaded.")
    assert page.evaluate("document.activeElement.id") == "one"
    assert world.asked == [FILM]
    assert page.locator(EMBED).count() == 1
    assert page.locator(BANNER).is_visible()
    assert page.context.cookies() == []
    world.goto(url)
    assert page.locator(EMBED).count() == 2


def test_an_embed_is_always_allowed(open_: Open) -> None:
    shop, world = open_()
    url = films(shop)
    page = world.goto(url)
    page.get_by_role("button", name="Always allow").first.click()
    expect(page.frame_locator("#two").locator("p")).to_have_text("outside")
    assert sorted(world.asked) == [FILM, f"{FILM}?2"]
    assert page.locator(EMBED).count() == 0
    assert page.locator(BANNER).is_visible(), "the rest is still to be decided"
    world.goto(url)
    assert page.locator(EMBED).count() == 0


def test_the_placeholder_of_an_embed_in_percent(open_: Open) -> None:
    shop, world = open_()
    page = world.goto(films(shop))
    box = page.locator(EMBED).last.bounding_box()
    assert box is not None
    assert round(box["height"]) in range(398, 404)


def store(page: Page) -> None:
    page.evaluate(
        "localStorage._gcl_ls = '1'; localStorage._grecaptcha = '2'; localStorage.basket = '3'"
    )


def stored(page: Page) -> list[str]:
    keys: list[str] = page.evaluate("Object.keys(localStorage).sort()")
    return keys


def test_what_services_left_behind_goes(open_: Open) -> None:
    shop, world = open_()
    url = shop.page("<h1>Lamps</h1>", path="/lamps/desk")
    host = urlsplit(url).hostname or ""
    page = world.goto(shop.page())
    store(page)
    places = [("_ga", "/"), ("_ga_ABC", "/lamps"), ("_fbp", "/lamps/"), ("basket", "/lamps")]
    page.context.add_cookies(
        [
            {"name": name, "value": "1", "domain": host, "path": path, "httpOnly": "ABC" in name}
            for name, path in places
        ]
    )
    world.goto(url)
    assert {cookie["name"] for cookie in page.context.cookies()} == {"basket"}
    assert stored(page) == ["basket"]


def test_taking_it_back_clears_up_and_loads_the_page_once(open_: Open) -> None:
    shop, world = open_()
    world.scripts[GA] = "document.cookie = '_ga=1;path=/'; document.cookie = '_ga_X=1;path=/lamps'"
    url = shop.page(f'<script src="{GA}"></script>', path="/lamps/desk")
    page = world.goto(url)
    page.click(ACCEPT)
    page.wait_for_function("document.cookie.includes('_ga_X')")
    store(page)
    shop.asked.clear()
    with page.expect_navigation():
        page.evaluate("consentkit.reject()")
    page.wait_for_timeout(300)
    assert [path for path in shop.asked if path.startswith("/lamps")] == ["/lamps/desk"]
    names = {cookie["name"] for cookie in page.context.cookies()}
    assert names == {"consent_functional", "consent_analytics", "consent_marketing"}
    assert stored(page) == ["basket"]


@pytest.mark.parametrize(
    "swap",
    [
        # Turbo Drive exchanges the body, boosted htmx its content.
        "document.documentElement.replaceChild(next.body, document.body)",
        "document.body.innerHTML = next.body.innerHTML",
    ],
    ids=["turbo", "htmx"],
)
def test_a_page_that_is_exchanged_keeps_the_banner(open_: Open, swap: str) -> None:
    shop, world = open_()
    world.scripts[GA] = "window.ran = (window.ran ?? 0) + 1"
    shop.page(f'<h1>Two</h1><script src="{GA}"></script><img alt="" src="{FILM}">', path="/two")
    page = world.goto(shop.page("<h1>One</h1>"))
    exchange = (
        "fetch('/two', {headers: {Accept: 'text/html'}}).then(r => r.text()).then(t => {"
        f" const next = new DOMParser().parseFromString(t, 'text/html'); {swap}; }})"
    )
    page.evaluate(exchange)
    expect(page.locator("h1")).to_have_text("Two")
    expect(page.locator(BANNER)).to_be_visible()
    assert page.locator(BANNER).count() == 1
    assert world.asked == []
    page.click(ACCEPT)
    page.wait_for_function("window.ran == 1")
    expect(page.locator(BANNER)).to_be_hidden()
    page.evaluate(exchange)
    page.wait_for_timeout(200)
    assert page.locator(BANNER).count() <= 1
    assert not page.locator(BANNER).is_visible()


def test_new_content_that_still_sleeps_comes_alive(open_: Open) -> None:
    shop, world = open_()
    world.scripts[GA] = "window.ran = 1"
    page = world.goto(shop.page("<main></main>"))
    # Kept from before the choice, by the site or a cache of its own.
    piece = f'<script type="text/plain" data-consent="analytics" data-consent-src="{GA}"></script>'
    page.evaluate("consentkit.save(['analytics'])")
    page.wait_for_function("consentkit.granted('analytics')")
    page.evaluate("html => { document.querySelector('main').innerHTML = '<p>' + html }", piece)
    page.wait_for_function("window.ran == 1")
    page.evaluate(
        "html => { document.querySelector('main').innerHTML = html }",
        piece.replace("analytics", "marketing", 1),
    )
    page.wait_for_timeout(100)
    assert page.locator("main [data-consent]").count() == 1


def test_the_interface_is_there_for_the_first_script(open_: Open) -> None:
    shop, world = open_()
    world.scripts[GA] = "window.order.push('vendor')"
    head = (
        "<script>window.order = [consentkit.granted('analytics'), consentkit.granted('necessary')];"
        "document.addEventListener('consentkit:ready', () => order.push('ready'));"
        "document.addEventListener('consentkit:before', e =>"
        " order.push('before ' + e.detail.categories.analytics));"
        "consentkit.on('change', c => order.push('change ' + c.analytics));</script>"
    )
    page = world.goto(shop.page(f'<script src="{GA}"></script>', head=head))
    assert page.evaluate("order") == [False, True, "ready"]
    page.click(ACCEPT)
    page.wait_for_function("order.length == 6")
    assert page.evaluate("order.slice(3)") == ["before granted", "change granted", "vendor"]


def test_a_banner_that_arrives_in_parts_is_shown_as_a_whole(open_: Open) -> None:
    shop, world = open_()
    page = world.goto(shop.page("text alone"))
    whole = page.evaluate("document.documentElement.outerHTML")
    cut = whole.index('data-consentkit="accept"')
    box = page.locator(BANNER).bounding_box()

    class InTwo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(
                b"<!DOCTYPE html>" + whole[:cut].replace('="/', f'="{shop.url}/').encode()
            )
            ready.wait(20)
            self.wfile.write(whole[cut:].encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    ready = Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), InTwo)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    other = page.context.browser
    assert other is not None
    tab = other.new_page()
    try:
        tab.goto(f"http://127.0.0.1:{server.server_port}/", wait_until="commit")
        tab.wait_for_selector("#consentkit-banner h2", state="attached")
        tab.wait_for_timeout(300)
        assert not tab.locator(BANNER).is_visible()
        ready.set()
        expect(tab.locator(BANNER)).to_be_visible()
        tab.wait_for_load_state()
        assert tab.locator(BANNER).bounding_box() == box
    finally:
        ready.set()
        tab.close()
        server.shutdown()
        server.server_close()


def test_one_script_and_one_style_sheet_and_later_one_more(open_: Open) -> None:
    shop, world = open_()
    asked: list[str] = []
    world.tab.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page = world.goto(shop.page(f'<script src="{GA}"></script>'))
    ours = [path for path in asked if "/static/" in path]
    assert sorted(path.rsplit(".")[-1] for path in ours) == ["css", "js"]
    asked.clear()
    page.click(ACCEPT)
    expect(page.locator(BANNER)).to_be_hidden()
    page.wait_for_timeout(200)
    assert len([path for path in asked if "/static/" in path]) == 1


def test_when_what_revives_is_missing_the_page_is_loaded_anew(open_: Open) -> None:
    shop, world = open_()
    world.scripts[GA] = "window.ran = 1"
    page = world.goto(shop.page(f'<script src="{GA}"></script>'))
    page.route("**/static/later.*", lambda route: route.abort())
    with page.expect_navigation():
        page.click(ACCEPT)
    page.wait_for_function("window.ran == 1")
