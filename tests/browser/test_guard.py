"""The guard in a real browser: what scripts add to a page later waits for the visitor as well."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.shop import Open, World

ACCEPT = "[data-consentkit=accept]"
REJECT = "[data-consentkit=reject]"
BANNER = "[data-consentkit=banner]"
GA = "https://www.google-analytics.com"
FB = "https://connect.facebook.net/en_US/fbevents.js"


# Every way in which a script can make the browser contact somebody; each asks for a path of its
# own name, so that what arrives names the way.
WAYS = """
window.told = {};
const make = (name, set) => { const e = document.createElement(name); set(e); return e; };
const add = (name, set) => document.body.append(make(name, set));
const ways = {
  script: u => add("script", e => { e.src = u; e.async = true; }),
  script_attribute: u => add("script", e => e.setAttribute("SRC", u)),
  script_late: u => { const e = make("script", () => {}); document.body.append(e); e.src = u; },
  image: u => add("img", e => e.src = u),
  image_set: u => add("img", e => e.srcset = u + " 1x"),
  image_attribute: u => add("img", e => e.setAttribute("src", u)),
  pixel: u => { window.pixel = new Image(); pixel.src = u; },
  iframe: u => add("iframe", e => e.src = u),
  link: u => document.head.append(make("link", e => { e.rel = "stylesheet"; e.href = u; })),
  preload: u => document.head.append(
    make("link", e => { e.href = u; e.as = "script"; e.rel = "preload"; })),
  object: u => add("object", e => e.data = u),
  embed: u => add("embed", e => { e.type = "text/html"; e.src = u; }),
  poster: u => add("video", e => e.poster = u),
  html: u => document.body.insertAdjacentHTML("beforeend", `<p>x<img alt="" src="${u}">`),
  html_frame: u => { place.innerHTML = `<iframe src='${u}'></iframe><b>kept</b>`; },
  outer: u => { outer.outerHTML = `<div><img src=${u}></div>`; },
  fragment: u => document.body.append(document.createRange().createContextualFragment(
    `<script src="${u}"></` + "script>")),
  parsed: u => document.body.append(document.adoptNode(
    new DOMParser().parseFromString(`<iframe src="${u}"></iframe>`, "text/html").body.firstChild)),
  source: u => { const p = make("picture", p => p.append(make("source", e => e.srcset = u),
    make("img", () => {}))); document.body.append(p); },
  clone: u => { const t = make("template", t => t.innerHTML = `<img src="${u}">`);
    document.body.append(t.content.cloneNode(true)); },
  fetch: u => fetch(u).then(r => told.fetch = "ok", e => told.fetch = e.name),
  fetch_request: u => fetch(new Request(u)).then(() => {}, e => told.fetch_request = e.name),
  xhr: u => { const x = new XMLHttpRequest(); x.open("GET", u); x.setRequestHeader("x", "y");
    x.onerror = () => told.xhr = "error " + x.status; x.onload = () => told.xhr = "load";
    x.send(); },
  xhr_sync: u => { const x = new XMLHttpRequest(); x.open("GET", u, false);
    try { x.send(); told.xhr_sync = "ok"; } catch (e) { told.xhr_sync = e.name; } },
  beacon: u => told.beacon = navigator.sendBeacon(u, "x"),
  events: u => { new EventSource(u).onerror = () => told.events = "error"; },
  worker: u => { const text = `importScripts("${u}")`;
    new Worker(URL.createObjectURL(new Blob([text], {type: "text/javascript"}))); },
  socket: u => { const s = new WebSocket(u.replace("https", "wss"));
    s.onerror = () => told.socket = "error"; },
};
for (const name in ways) {
  try { ways[name]("https://www.google-analytics.com/" + name); }
  catch (e) { told.thrown = name + " " + e; }
}
told.done = true;
"""
NAMES = {
    line.split(":")[0].strip()
    for line in WAYS.splitlines()
    if line.startswith("  ") and ": u =>" in line
}
# What runs once and is over: nobody comes back for it.
CALLS = {"fetch", "fetch_request", "xhr", "xhr_sync", "beacon", "events", "worker", "socket"}
PLACES = "<div id=place></div><div id=outer></div>"


def until(page: Page, condition: str) -> None:
    """Wait for something; unlike wait_for_function it needs no eval, which a policy may forbid."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {condition}")


def ways(world: World) -> set[str]:
    """The ways by which somebody outside was contacted."""
    return {url.rsplit("/", 1)[1] for url in [*world.asked, *world.sockets]}


def test_the_control_every_way_leads_outside(open_: Open) -> None:
    shop, world = open_(guard=False)
    shop.files["/ways.js"] = WAYS
    page = world.goto(shop.page(PLACES + '<script src="/ways.js"></script>'))
    page.wait_for_function("told.done")
    page.wait_for_timeout(500)
    assert ways(world) == NAMES
    assert "thrown" not in page.evaluate("told")


def test_nothing_goes_out_by_any_way_and_nothing_breaks(open_: Open) -> None:
    shop, world = open_()
    shop.files["/ways.js"] = WAYS
    page = world.goto(shop.page(PLACES + '<script src="/ways.js"></script>'))
    page.wait_for_function("told.done && told.fetch && told.xhr && told.events && told.socket")
    page.wait_for_timeout(300)
    assert ways(world) == set()
    assert page.evaluate("told") == {
        "done": True,
        "fetch": "TypeError",
        "fetch_request": "TypeError",
        "xhr": "error 0",
        "xhr_sync": "NetworkError",
        "beacon": True,
        "events": "error",
        "socket": "error",
    }
    assert page.locator("#place b").inner_text() == "kept"
    assert world.faults == []

    page.click(ACCEPT)
    expect(page.locator(BANNER)).to_be_hidden()
    for _ in range(100):
        if ways(world) == NAMES - CALLS:
            break
        page.wait_for_timeout(50)
    page.wait_for_timeout(200)
    assert ways(world) == NAMES - CALLS
    assert len(world.asked) == len(set(world.asked)), "each exactly once"
    assert page.locator("body [data-consent]").count() == 0
    # From now on nothing is held back.
    page.evaluate(f"fetch('{GA}/now').then(() => told.now = 1)")
    page.wait_for_function("told.now")


def test_after_a_refusal_nothing_goes_out(open_: Open) -> None:
    shop, world = open_()
    shop.files["/ways.js"] = WAYS
    url = shop.page(PLACES + '<script src="/ways.js"></script>')
    page = world.goto(url)
    page.click(REJECT)
    expect(page.locator(BANNER)).to_be_hidden()
    page.wait_for_timeout(300)
    assert ways(world) == set()
    page = world.goto(url)
    page.wait_for_function("told.done")
    page.wait_for_timeout(300)
    assert ways(world) == set()


MANAGER = """
window.loaded = [];
for (const src of ["https://connect.facebook.net/en_US/fbevents.js",
                   "https://www.googletagmanager.com/gtag/js?id=G-ABC"]) {
  const s = document.createElement("script");
  s.async = true;
  s.onload = () => loaded.push(new URL(src).host);
  s.src = src;
  const first = document.getElementsByTagName("script")[0];
  first.parentNode.insertBefore(s, first);
}
"""


def test_a_tag_manager_of_one_category_lets_no_other_category_through(open_: Open) -> None:
    manager = {"id": "google-tag-manager", "category": "analytics"}
    shop, world = open_(services=[manager, "google-analytics", "facebook"])
    world.scripts["https://www.googletagmanager.com/gtm.js"] = MANAGER
    gtm = '<script async src="https://www.googletagmanager.com/gtm.js?id=GTM-ABC123"></script>'
    page = world.goto(shop.page(gtm))
    page.evaluate("consentkit.save(['analytics'])")
    page.wait_for_function("window.loaded?.length == 1")
    page.wait_for_timeout(200)
    assert [url.split("?")[0] for url in world.asked] == [
        "https://www.googletagmanager.com/gtm.js",
        "https://www.googletagmanager.com/gtag/js",
    ]
    # The same on the next page, where the server lets the manager through.
    page = world.goto(shop.url + "/")
    page.wait_for_function("window.loaded?.length == 1")
    page.wait_for_timeout(200)
    assert FB not in world.asked
    page.evaluate("consentkit.accept()")
    page.wait_for_function("window.loaded.length == 2")
    assert world.asked.count(FB) == 1
    assert page.evaluate("loaded[1]") == "connect.facebook.net", "its listener was kept"


def test_held_scripts_come_alive_in_order_when_they_asked_for_one(open_: Open) -> None:
    shop, world = open_()
    for name in "abc":
        world.scripts[f"{GA}/{name}.js"] = f"(window.order ??= []).push('{name}')"
    shop.files["/add.js"] = (
        "for (const n of ['a', 'b', 'c']) { const s = document.createElement('script');"
        f" s.async = false; s.src = '{GA}/' + n + '.js'; s.type = 'text/javascript';"
        " document.head.append(s); }"
    )
    page = world.goto(shop.page("<script src=/add.js></script>"))
    page.click(ACCEPT)
    page.wait_for_function("window.order?.length == 3")
    assert page.evaluate("order") == ["a", "b", "c"]


def test_another_address_in_place_of_a_held_one(open_: Open) -> None:
    shop, world = open_()
    shop.files["/own.svg"] = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    page = world.goto(shop.page("<img id=i alt=''>"))
    page.evaluate(f"i.src = '{GA}/x'; i.src = '/own.svg'")
    until(page, "i.complete")
    assert "/own.svg" in shop.asked
    page.click(ACCEPT)
    expect(page.locator(BANNER)).to_be_hidden()
    assert page.evaluate("i.getAttribute('src')") == "/own.svg"
    assert world.asked == []


def test_what_is_written_while_the_page_is_read(open_: Open) -> None:
    shop, world = open_()
    world.scripts[f"{GA}/w.js"] = "window.wrote = document.currentScript.id"
    shop.files["/write.js"] = (
        f"document.write('<script id=one src=\"{GA}/w.js\"></scr', 'ipt><p id=after>after</p>');"
    )
    page = world.goto(shop.page("<script src=/write.js></script>"))
    expect(page.locator("#after")).to_have_text("after")
    assert world.asked == []
    page.click(ACCEPT)
    page.wait_for_function("window.wrote == 'one'")


def test_cookies_of_what_is_held_back_cannot_be_set(open_: Open) -> None:
    shop, world = open_()
    page = world.goto(shop.page())
    set_both = "document.cookie = '_ga=1;path=/'; document.cookie = 'basket=2;path=/'"
    page.evaluate(set_both)
    page.evaluate("cookieStore.set('_fbp', '1').then(() => cookieStore.set('lamp', '1'))")
    assert page.evaluate("document.cookie") == "basket=2; lamp=1"
    page.evaluate("consentkit.save(['analytics'])")
    page.wait_for_function("consentkit.granted('analytics')")
    page.evaluate(set_both)
    assert "_ga=1" in page.evaluate("document.cookie")
    with page.expect_navigation():
        page.evaluate("void consentkit.reject()")
    assert "_ga=1" not in page.evaluate("document.cookie")
    assert "basket=2" in page.evaluate("document.cookie")


def test_strangers_under_strict_rules_and_those_who_are_allowed(open_: Open) -> None:
    shop, world = open_(gate="strict", allow=["cdn.friend.example", "*.maps.example"])
    page = world.goto(shop.page())
    for host in ("cdn.friend.example", "a.maps.example", "stranger.example"):
        page.evaluate(f"fetch('https://{host}/x').catch(() => 0)")
    page.evaluate("fetch('/own').catch(() => 0)")
    page.wait_for_timeout(200)
    assert world.asked == ["https://cdn.friend.example/x", "https://a.maps.example/x"]
    assert "/own" in shop.asked


def test_others_are_not_held_back(open_: Open) -> None:
    shop, world = open_()
    shop.files["/ways.js"] = WAYS.replace("www.google-analytics.com", "api.partner.example")
    page = world.goto(shop.page(PLACES + '<script src="/ways.js"></script>'))
    page.wait_for_function("told.done")
    page.wait_for_timeout(500)
    assert ways(world) == NAMES


TRUSTED = "require-trusted-types-for 'script'; trusted-types site consentkit"


def test_trusted_types_are_kept(open_: Open) -> None:
    shop, world = open_()
    world.scripts[f"{GA}/t.js"] = "window.ran = (window.ran ?? 0) + 1"
    shop.files["/site.js"] = (
        "const p = trustedTypes.createPolicy('site',"
        " {createScriptURL: u => u, createHTML: h => h});"
        "const s = document.createElement('script');"
        "try { s.src = '/x.js'; window.open = 'no' } catch (e) { window.closed_ = e.name }"
        f"s.src = p.createScriptURL('{GA}/t.js'); document.head.append(s);"
        f'place.innerHTML = p.createHTML(\'<img src="{GA}/i" alt=""><b>kept</b>\');'
    )
    gated = f'<script src="{GA}/t.js"></script>'
    url = shop.page(f"<div id=place></div>{gated}<script src=/site.js></script>", csp=TRUSTED)
    page = world.goto(url)
    assert page.evaluate("closed_") == "TypeError", "the guard does not open what was closed"
    assert world.asked == []
    assert page.locator("#place b").inner_text() == "kept"
    page.click(ACCEPT)
    until(page, "window.ran == 2")
    assert f"{GA}/i" in world.asked
    assert world.faults == []


@pytest.mark.parametrize(
    "csp",
    [
        "script-src 'nonce-abc' 'strict-dynamic'",
        "script-src 'nonce-abc'",
        "script-src 'self' https:",
    ],
)
def test_revival_under_a_policy_of_the_site(open_: Open, csp: str) -> None:
    shop, world = open_()
    world.scripts[f"{GA}/t.js"] = "window.ran = 1"
    shop.files["/late.js"] = (
        f"const s = document.createElement('script'); s.nonce = 'abc'; s.src = '{GA}/t.js?late';"
        "document.head.append(s); window.own = 1"
    )
    nonce = "nonce=abc"
    url = shop.page(
        f'<script {nonce} src="{GA}/t.js"></script><script {nonce} src=/late.js></script>', csp=csp
    )
    page = world.goto(url)
    assert page.evaluate("window.own") == 1
    assert world.asked == []
    page.click(ACCEPT)
    until(page, "window.ran == 1")
    page.wait_for_timeout(100)
    assert sorted(world.asked) == [f"{GA}/t.js", f"{GA}/t.js?late"]
    assert page.locator(BANNER).is_hidden()
