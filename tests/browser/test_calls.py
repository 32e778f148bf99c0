"""Calls of the site's own code into services that are held back, in a real browser."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.shop import Open

ACCEPT = "[data-consentkit=accept]"
REJECT = "[data-consentkit=reject]"
BANNER = "[data-consentkit=banner]"
FB = "https://connect.facebook.net/en_US/fbevents.js"

# As Meta gives it to site owners.
PIXEL = """<script>
!function(f,b,e,v,n,t,s){if(f.fbq)return;n=f.fbq=function(){n.callMethod?
n.callMethod.apply(n,arguments):n.queue.push(arguments)};
if(!f._fbq)f._fbq=n;n.push=n;n.loaded=!0;n.version='2.0';n.queue=[];t=b.createElement(e);t.async=!0;
t.src=v;s=b.getElementsByTagName(e)[0];s.parentNode.insertBefore(t,s)}(window,document,'script',
'https://connect.facebook.net/en_US/fbevents.js');
fbq('init', '1234567890'); fbq('track', 'PageView');
</script>"""
GTAG = """<script async src="https://www.googletagmanager.com/gtag/js?id=G-ABC123"></script>
<script>window.dataLayer = window.dataLayer || []; function gtag(){dataLayer.push(arguments);}
gtag('js', new Date(0)); gtag('config', 'G-ABC123');</script>"""
# What the page and the vendor say to each other; consent signals are there as well.
LAYER = "dataLayer.filter(e => !['consent', 'set'].includes(e[0]))"
# What the library does: it takes over the queue, and from then on the calls.
LIBRARY = """window.sent = fbq.queue.map(a => [...a]);
fbq.callMethod = (...a) => sent.push(a);"""


def test_calls_wait_and_are_replayed_in_order_behind_the_vendors_own(open_: Open) -> None:
    shop, world = open_()
    world.scripts[FB] = LIBRARY
    shop.files["/site.js"] = "fbq('track', 'ViewContent', {id: 1}); window.went = 'on';"
    page = world.goto(
        shop.page(PIXEL + "<script src=/site.js></script><button id=buy>Buy</button>")
    )
    assert page.evaluate("went") == "on"
    page.evaluate(
        "buy.addEventListener('click', () => { fbq('track', 'Purchase'); window.bought = 1 })"
    )
    page.click("#buy")
    assert page.evaluate("bought") == 1
    assert world.asked == []
    page.click(ACCEPT)
    page.wait_for_function("window.sent?.length == 4")
    assert page.evaluate("sent") == [
        ["init", "1234567890"],
        ["track", "PageView"],
        ["track", "ViewContent", {"id": 1}],
        ["track", "Purchase"],
    ]
    page.click("#buy")
    assert page.evaluate("sent.at(-1)") == ["track", "Purchase"]
    assert page.evaluate("sent.length") == 5
    assert world.faults == []


def test_a_refusal_forgets_them_for_good(open_: Open) -> None:
    shop, world = open_()
    world.scripts[FB] = LIBRARY
    shop.files["/site.js"] = "fbq('track', 'Before');"
    page = world.goto(shop.page(PIXEL + "<script src=/site.js></script>"))
    page.click(REJECT)
    expect(page.locator(BANNER)).to_be_hidden()
    page.evaluate("fbq('track', 'While refused')")
    page.evaluate("consentkit.accept()")
    page.wait_for_function("window.sent")
    page.wait_for_timeout(200)
    assert page.evaluate("sent") == [["init", "1234567890"], ["track", "PageView"]]


def test_queues_stay_arrays_and_come_behind_the_snippet(open_: Open) -> None:
    shop, world = open_()
    shop.files["/site.js"] = (
        "gtag('event', 'early'); dataLayer.push({event: 'basket'}); uetq.push('event', 'x');"
        "window.own = [Array.isArray(dataLayer), dataLayer.length, typeof twttr.ready];"
    )
    head = "<script>window.dataLayer = [{page: 'lamp'}]</script>"
    page = world.goto(shop.page(GTAG + "<script src=/site.js></script>", head=head))
    # The site replaced our array by its own: that one is left alone, and nobody reads it yet.
    assert page.evaluate("own") == [True, 2, "function"]
    page.click(ACCEPT)
    page.wait_for_function(f"{LAYER}.length == 5")
    told = page.evaluate(f"{LAYER}.map(e => e.page ?? e.event ?? [...e].slice(0, 2).map(String))")
    assert told[:2] == ["lamp", "basket"]
    assert [each[0] for each in told[2:]] == ["js", "config", "event"]


def test_a_data_layer_of_ours_keeps_what_the_site_pushes(open_: Open) -> None:
    shop, world = open_()
    shop.files["/site.js"] = (
        "dataLayer.push({event: 'basket'}); window.count = " + LAYER + ".length;"
    )
    page = world.goto(shop.page("<script src=/site.js></script>" + GTAG))
    assert page.evaluate("count") == 0
    page.evaluate("consentkit.save(['analytics'])")
    page.wait_for_function(f"{LAYER}.length == 3")
    assert page.evaluate(f"{LAYER}[2]") == {"event": "basket"}
    page.evaluate("dataLayer.push({event: 'later'})")
    assert page.evaluate(f"{LAYER}[3].event") == "later"


def test_objects_with_methods_and_a_library_that_comes_late(open_: Open) -> None:
    own = {
        "id": "meter",
        "name": "Meter",
        "category": "analytics",
        "hosts": ["meter.example"],
        "globals": ["meter.*", "tick()"],
    }
    shop, world = open_(services=[own])
    shop.files["/site.js"] = (
        "meter.people.set({a: 1}); meter('x'); tick(2); window.meter = window.meter || 'other';"
        "window.kinds = [typeof meter, typeof tick, meter.then, typeof window.fbq]"
    )
    world.scripts["https://meter.example/m.js"] = (
        "window.seen = [typeof window.meter, typeof window.tick]; setTimeout(() => {"
        " window.log = []; const m = a => log.push(a);"
        " m.people = {who: 'people', set(a) { log.push([this.who, a]) }};"
        " window.tick = a => log.push(a); window.meter = m; }, 100)"
    )
    page = world.goto(
        shop.page("<script src=https://meter.example/m.js></script><script src=/site.js></script>")
    )
    assert page.evaluate("kinds") == ["function", "function", None, "undefined"]
    page.click(ACCEPT)
    page.wait_for_function("window.log?.length == 3")
    assert page.evaluate("seen") == ["undefined", "undefined"], "the vendor must not find ours"
    assert page.evaluate("log") == [["people", {"a": 1}], "x", 2]
    assert page.evaluate("typeof meter.people.set") == "function"


def test_names_of_the_site_come_first(open_: Open) -> None:
    shop, world = open_()
    shop.files["/own.js"] = (
        "var ga = 5; function clarity() { return 'own' } const fbq = () => 'mine';"
        "window.got = [ga, clarity(), fbq()]"
    )
    page = world.goto(shop.page("<script src=/own.js></script>"))
    assert page.evaluate("got") == [5, "own", "mine"]
    assert world.faults == []


def test_nobody_stands_in_for_what_runs(open_: Open) -> None:
    shop, world = open_()
    world.scripts[FB] = LIBRARY
    page = world.goto(shop.page(PIXEL))
    page.click(ACCEPT)
    page.wait_for_function("window.sent")
    page = world.goto(shop.url + "/")
    page.wait_for_function("window.sent?.length == 2")
    assert page.evaluate("'value' in Object.getOwnPropertyDescriptor(window, 'fbq')")
    assert page.evaluate("'lintrk' in window") is False
