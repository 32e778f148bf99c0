"""The client script in a real browser: what was agreed to comes to life, in order, once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.stage import Stage, chromium_browser, document, embed, external, inline

Show = Callable[..., Page]
ACCEPT = "[data-consentkit=accept]"
REJECT = "[data-consentkit=reject]"
BANNER = "[data-consentkit=banner]"
CUSTOMISE = "[data-consentkit=customise]"


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: Path) -> Iterator[Browser]:
    with chromium_browser(playwright, chromium) as browser:
        yield browser


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    stage.files["/saved"] = "<!DOCTYPE html><title>Saved</title>"
    yield stage
    stage.close()


@pytest.fixture
def show(browser: Browser, stage: Stage) -> Iterator[Show]:
    """Opens a page with this body."""
    context = browser.new_context()

    def open_(body: str = "", **options: str) -> Page:
        stage.files["/"] = document(body, **options)
        page = context.new_page()
        page.goto(stage.url + "/")
        return page

    yield open_
    context.close()


def ran(page: Page, count: int) -> list[str]:
    """What has run, once that many have."""
    page.wait_for_function("count => window.ran.length >= count", arg=count)
    page.wait_for_timeout(100)  # one too many would come now
    result: list[str] = page.evaluate("window.ran")
    return result


def test_scripts_run_in_their_order_without_a_reload(show: Show, stage: Stage) -> None:
    slow = stage.script("/slow.js", "window.library = 1;", slow=0.3)
    deferred = stage.script("/deferred.js")
    fast = stage.script("/fast.js")
    module = stage.script("/module.js", "export {};", slow=0.2)
    page = show(
        external(deferred, attributes="defer")
        + inline("ran.push('module')", attributes='data-consent-type="module"')
        + external(module, attributes='data-consent-type="module"')
        + external(slow)
        + inline("ran.push('inline ' + window.library)")
        + external(fast)
        + inline("ran.push('last')")
    )
    assert page.evaluate("window.ran") == []
    page.click(ACCEPT)
    assert ran(page, 7) == [slow, "inline 1", fast, "last", deferred, "module", module]
    assert page.evaluate("window.stayed")
    assert stage.choices == [
        (
            "json",
            {"action": "accept", "source": "banner", "token": "the-token", "page": "/"},
        )
    ]


def test_async_scripts_hold_nobody_up(show: Show, stage: Stage) -> None:
    later = stage.script("/later.js")
    stage.after[later] = "/all-others-ran"
    soon = stage.script("/soon.js")
    page = show(
        external(later, attributes="async")
        + external(soon)
        + inline("ran.push('in'); fetch('/all-others-ran')")
    )
    page.click(ACCEPT)
    assert ran(page, 3) == [soon, "in", later]


def test_a_script_that_fails_stops_nobody(show: Show, stage: Stage) -> None:
    good = stage.script("/good.js")
    page = show(
        external("/missing.js")
        + inline("ran.push('before'); throw new Error('mine')")
        + external("http://127.0.0.1:1/refused.js")
        + inline("syntax error(")
        + external(good)
        + inline("ran.push('after')")
    )
    page.click(ACCEPT)
    assert ran(page, 3) == ["before", good, "after"]


def test_data_blocks_and_nomodule_are_not_waited_for(show: Show, stage: Stage) -> None:
    old = stage.script("/old.js")
    page = show(
        external("/data.json", attributes='data-consent-type="application/json"')
        + external(old, attributes="nomodule")
        + inline("ran.push('in')")
    )
    page.click(ACCEPT)
    assert ran(page, 1) == ["in"]
    assert page.locator("script[type='application/json']").count() == 1


def test_each_element_comes_to_life_once(show: Show, stage: Stage) -> None:
    slow = stage.script("/slow.js", slow=0.3)
    page = show(external(slow) + inline("ran.push('in')") + inline("ran.push('m')", "marketing"))
    page.evaluate(
        "async () => { await consentkit.save(['analytics']); await consentkit.accept();"
        " await consentkit.accept(); }"
    )
    assert ran(page, 3) == [slow, "in", "m"]
    assert [fields["action"] for _, fields in stage.choices] == ["save", "accept", "accept"]


def test_only_what_was_agreed_to_comes_to_life(show: Show, stage: Stage) -> None:
    page = show(
        inline("ran.push('analytics')", "analytics")
        + inline("ran.push('marketing')", "marketing")
        + inline("ran.push('both')", "analytics marketing")
        + inline("ran.push('never')", "unclassified")
        + "<template>"
        + inline("ran.push('template')")
        + "</template>"
    )
    page.click(CUSTOMISE)
    page.get_by_role("checkbox", name="Analytics").check()
    page.click("[data-consentkit=save]")
    assert ran(page, 1) == ["analytics"]
    assert stage.choices[0][1]["categories"] == ["analytics"]
    page.evaluate("consentkit.accept()")
    assert ran(page, 3) == ["analytics", "marketing", "both"]
    assert page.locator("[data-consent]").count() == 1


def test_reject_brings_nothing_to_life_and_is_as_short(show: Show, stage: Stage) -> None:
    page = show(inline("ran.push('in')") + "<img data-consent=marketing data-consent-src=/p.svg>")
    page.click(REJECT)
    expect(page.locator(BANNER)).to_be_hidden()
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") == []
    assert "/p.svg" not in stage.asked
    assert page.locator("html").get_attribute("data-consentkit-state") == "set"
    assert page.evaluate("consentkit.categories().analytics") == "denied"


def test_a_saved_choice_is_announced(show: Show) -> None:
    page = show()
    status = page.get_by_role("status")
    expect(status).to_have_text("")
    page.click(REJECT)
    expect(status).to_have_text("Your choice has been saved.")


def test_other_elements_get_their_attributes_back(show: Show, stage: Stage) -> None:
    for name in ("a", "b", "c", "d", "picture", "object"):
        stage.files[f"/{name}.svg"] = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    stage.files["/frame"] = "<p>frame</p>"
    stage.files["/late.css"] = "#styled { color: rgb(1, 2, 3) }"
    page = show(
        '<img id="img" alt="" data-consent="analytics" data-consent-src="/a.svg">'
        '<img id="set" alt="" data-consent="analytics" data-consent-src="/b.svg"'
        ' data-consent-srcset="/c.svg 1x" sizes="10px">'
        '<picture><source data-consent="analytics" data-consent-srcset="/picture.svg">'
        '<img id="picture" alt="" data-consent="analytics" data-consent-src="/d.svg"></picture>'
        '<iframe id="frame" data-consent="analytics" sandbox data-consent-src="/frame"></iframe>'
        '<iframe id="doc" data-consent="analytics" data-consent-src="/unused"'
        ' data-consent-srcdoc="<p>doc</p>"></iframe>'
        '<object id="object" data-consent="analytics" data-consent-data="/object.svg"></object>'
        '<video id="video"><source data-consent="analytics" data-consent-src="/film.mp4"></video>'
        '<link id="link" rel="stylesheet" data-consent="analytics" data-consent-href="/late.css">'
        '<style type="text/plain" data-consent="analytics">#styled { margin: 7px }</style>'
        '<p id="styled" data-consent="analytics" data-consent-style="padding: 5px">styled</p>'
        '<svg><use id="use" data-consent="analytics" data-consent-xlink:href="#x"></use></svg>'
        '<img id="not" alt="" data-consent="marketing" data-consent-src="/no.svg">'
    )
    page.evaluate("consentkit.save(['analytics'])")
    page.wait_for_function("getComputedStyle(styled).color == 'rgb(1, 2, 3)'")
    page.wait_for_function("document.getElementById('video').networkState == 3")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("getComputedStyle(styled).margin") == "7px"
    assert page.evaluate("getComputedStyle(styled).padding") == "5px"
    wanted = {f"/{n}.svg" for n in ("a", "c", "picture", "object")} | {"/frame", "/film.mp4"}
    assert wanted <= set(stage.asked)
    # b and d: what srcset outdoes is never fetched; unused: nor is what srcdoc outdoes.
    assert not {"/b.svg", "/d.svg", "/unused", "/no.svg"} & set(stage.asked)
    assert page.frame_locator("#doc").locator("p").inner_text() == "doc"
    assert page.locator("#frame").is_visible()
    assert page.evaluate("use.getAttributeNS('http://www.w3.org/1999/xlink', 'href')") == "#x"
    assert page.locator("[data-consent]").count() == 1


def test_attributes_and_the_nonce_survive(show: Show, stage: Stage) -> None:
    path = stage.script("/n.js", "ran.push(document.currentScript.nonce)")
    stage.headers["/"] = {"Content-Security-Policy": "script-src 'nonce-abc'"}
    nonce = 'nonce="abc"'
    page = show(
        external(path, attributes=f'{nonce} id="x" data-key="v" crossorigin="anonymous"')
        + inline("ran.push('in')", attributes=nonce)
        + inline("ran.push('other')", attributes='nonce="wrong"')
        + "<script nonce=abc>window.ran = []</script>",
        client=nonce,
    )
    page.click(ACCEPT)
    assert ran(page, 3) == [path, "abc", "in"]
    assert page.locator("#x").get_attribute("data-key") == "v"
    assert page.locator("#x").get_attribute("crossorigin") == "anonymous"


def test_handlers_and_integrity_are_kept(show: Show, stage: Stage) -> None:
    code = "window.whole = 1"
    stage.files["/whole.js"] = stage.files["/broken.js"] = code
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    page = show(
        external(
            "/whole.js", attributes=f'integrity="sha256-{digest}" onload="ran.push(this.id)" id=a'
        )
        + external("/broken.js", attributes="integrity=sha256-AAAA onerror=ran.push(this.id) id=b")
        + '<img id=c alt="" data-consent=analytics data-consent-src=/no onerror=ran.push(this.id)>'
        + "<script>a.addEventListener('load', () => ran.push('never: another element'))</script>"
    )
    page.click(ACCEPT)
    assert sorted(ran(page, 3)) == ["a", "b", "c"]
    assert page.evaluate("whole") == 1


def test_document_write_adds_to_the_page_and_wipes_nothing(show: Show, stage: Stage) -> None:
    written = stage.script("/written.js", "document.write('<i id=deep>deep</i>')", slow=0.2)
    writer = stage.script(
        "/writer.js",
        "document.write('<b id=w'); document.writeln('>w</b><scr' + 'ipt src=/written.js></sc'"
        " + 'ript><scr' + 'ipt>ran.push(\"written inline\")</sc' + 'ript>');",
    )
    page = show(
        "<main>kept</main><div id=place>"
        + external(writer)
        + inline("ran.push('next'); document.write('<u id=u>u</u>')")
        + inline("setTimeout(() => document.write('late'))")
        + "</div>"
    )
    page.click(ACCEPT)
    assert ran(page, 4) == [writer, written, "written inline", "next"]
    assert page.locator("main").inner_text() == "kept"
    expect(page.locator("#place > #w + script + #deep + script + script + #u")).to_have_text("u")
    # Who really wants a new page still gets it.
    page.evaluate("document.open(); document.write('<h1>new</h1>'); document.close()")
    assert page.locator("body").inner_text() == "new"


def test_listeners_for_events_that_are_over_are_called_once(show: Show) -> None:
    page = show(
        "<script>document.addEventListener('DOMContentLoaded', () => ran.push('site'));"
        "</script>"
        + inline(
            "document.addEventListener('DOMContentLoaded', e => {"
            " ran.push('dom ' + e.type);"
            " window.addEventListener('load', () => ran.push('nested')); });"
            "window.addEventListener('load', { handleEvent(e) { ran.push('object ' + e.type); } });"
            "window.onload = function () { ran.push('onload ' + (this === window)); };"
            "window.addEventListener('resize', () => ran.push('resize'));"
        )
        + inline("ran.push('last')")
    )
    page.click(ACCEPT)
    assert ran(page, 6) == [
        "site",
        "last",
        "dom DOMContentLoaded",
        "object load",
        "onload true",
        "nested",
    ]
    page.evaluate("window.dispatchEvent(new Event('resize'))")
    assert page.evaluate("ran.at(-1)") == "resize"
    page.evaluate("window.addEventListener('load', () => ran.push('not ours'))")
    page.wait_for_timeout(100)
    assert page.evaluate("ran.at(-1)") == "resize"


@pytest.mark.parametrize("failure", [500, 403, 429, "html"])
@pytest.mark.parametrize("how", ["accept", "save"])
def test_when_the_quick_way_fails_the_form_is_sent(
    show: Show, stage: Stage, failure: int | str, how: str
) -> None:
    stage.failure = failure
    page = show(inline("ran.push('in')"))
    if how == "save":
        page.click(CUSTOMISE)
        page.get_by_role("checkbox", name="Functional").check()
        page.get_by_role("checkbox", name="Marketing").check()
    page.click(f"[data-consentkit={how}]")
    page.wait_for_url("**/saved")
    kind, fields = stage.choices[-1]
    assert kind == "form"
    chosen = {"category": ["functional", "marketing"]} if how == "save" else {}
    assert fields == {
        "action": how,
        "source": "preferences" if how == "save" else "banner",
        "token": "the-token",
        "next": "/",
        **chosen,
    }


def test_when_the_network_fails_the_form_is_sent(show: Show, stage: Stage) -> None:
    page = show()
    page.route(
        "**/consent/",
        lambda route: (
            route.abort() if route.request.resource_type in {"fetch", "xhr"} else route.continue_()
        ),
    )
    page.click(REJECT)
    page.wait_for_url("**/saved")
    assert [(kind, fields["action"]) for kind, fields in stage.choices] == [("form", "reject")]


def test_without_javascript_the_same_forms_work(browser: Browser, stage: Stage) -> None:
    stage.files["/"] = document("")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    cases: list[tuple[list[str], dict[str, object]]] = [
        ([ACCEPT], {"action": "accept"}),
        ([REJECT], {"action": "reject"}),
        (
            [CUSTOMISE, "input[value=analytics]", "[data-consentkit=save]"],
            {"action": "save", "category": ["analytics"]},
        ),
    ]
    for steps, expected in cases:
        page.goto(stage.url + "/")
        for selector in steps:
            page.click(selector)
        page.wait_for_url("**/saved")
        source = "preferences" if len(steps) > 1 else "banner"
        common = {"source": source, "token": "the-token", "next": "/"}
        assert stage.choices[-1] == ("form", {**common, **expected})
    context.close()


@pytest.mark.parametrize("javascript", [True, False])
def test_enter_in_a_checkbox_saves_and_never_accepts(
    browser: Browser, stage: Stage, javascript: bool
) -> None:
    stage.files["/"] = document("")
    context = browser.new_context(java_script_enabled=javascript)
    page = context.new_page()
    page.goto(stage.url + "/")
    page.click(CUSTOMISE)
    page.get_by_role("checkbox", name="Analytics").press("Enter")
    for _ in range(50):
        if stage.choices:
            break
        page.wait_for_timeout(20)
    ((_, fields),) = stage.choices
    assert fields["action"] == "save"
    assert not fields.get("categories", fields.get("category"))
    context.close()


def test_an_embed_grants_its_own_category_and_what_was_granted(show: Show, stage: Stage) -> None:
    stage.files["/film"] = "<p>film</p>"
    page = show(
        inline("ran.push('m')", "marketing")
        + "<p>before "
        + embed("functional")
        + '<iframe id="film" data-consent="functional" data-consent-src="/film"></iframe>'
        + embed("marketing")
        + '<iframe id="ad" data-consent="marketing" data-consent-src="/ad"></iframe> after</p>',
        client='data-granted="analytics" data-denied="marketing"',
    )
    assert not page.locator("#film").is_visible()
    group = page.get_by_role("group", name="Content from Videos").first
    expect(group.get_by_role("link", name="Open the original page")).to_be_visible()
    group.get_by_role("button", name="Always allow").press("Enter")
    expect(page.frame_locator("#film").locator("p")).to_have_text("film")
    assert stage.choices[-1][1]["categories"] == ["analytics", "functional"]
    assert stage.choices[-1][1]["source"] == "embed"
    assert page.locator("[data-consentkit=embed]").count() == 1
    assert not page.locator("#ad").is_visible()
    assert page.evaluate("ran") == []
    assert page.evaluate("document.activeElement.id") == "film"


def test_an_embed_without_javascript_has_a_link_and_no_dead_button(
    browser: Browser, stage: Stage
) -> None:
    stage.files["/"] = document(embed("functional"), shown="")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(stage.url + "/")
    assert page.get_by_role("button").count() == 0
    assert page.get_by_role("link", name="Cookie settings").is_visible()
    context.close()


def test_a_withdrawal_reloads_when_the_server_says_so(show: Show, stage: Stage) -> None:
    stage.reload = True
    page = show()
    with page.expect_navigation():
        page.click(REJECT)
    assert page.evaluate("window.ran") == []


def test_the_small_interface(show: Show) -> None:
    page = show(
        "<script>document.addEventListener('consentkit:ready',"
        " e => window.ready = e.detail.categories)</script>",
        client='data-granted="analytics" data-denied="marketing"',
    )
    assert page.evaluate("ready") == {"analytics": "granted", "marketing": "denied"}
    assert page.evaluate("consentkit.granted('analytics')") is True
    assert page.evaluate("consentkit.granted('functional')") is False
    page.evaluate("void (window.off = consentkit.on('change', c => { window.seen = c }))")
    page.evaluate("consentkit.accept()")
    page.wait_for_function("window.seen")
    assert page.evaluate("seen.functional") == "granted"
    page.evaluate("off(); window.seen = null; consentkit.reject()")
    page.wait_for_function("!consentkit.granted('functional')")
    assert page.evaluate("seen") is None


def test_open_shows_the_choices_as_they_stand(show: Show) -> None:
    page = show()
    page.evaluate("consentkit.save(['marketing'])")
    expect(page.locator(BANNER)).to_be_hidden()
    page.evaluate("consentkit.open()")
    expect(page.get_by_role("checkbox", name="Marketing")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Analytics")).not_to_be_checked()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("consentkit.granted('marketing')") is True


def test_open_goes_to_the_page_when_it_cannot_be_shown_here(show: Show, stage: Stage) -> None:
    stage.files["/consent/"] = "<title>Settings</title>"
    page = show(shown="")
    page.evaluate("consentkit.open()")
    page.wait_for_url("**/consent/")


def test_cookies_tell_the_state_unless_the_server_does(show: Show, stage: Stage) -> None:
    cookies = "document.cookie = 'c_analytics=granted.x.y';"
    head = f"<script>{cookies}</script>"
    page = show(head=head, client='data-cookie-prefix="c_"')
    assert page.evaluate("consentkit.categories()") == {"analytics": "granted"}
    # A cookie that the server holds to be void says nothing.
    page = show(inline("ran.push('x')"), head=head, client='data-cookie-prefix="c_" data-granted')
    assert page.evaluate("consentkit.categories()") == {}
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert page.evaluate("ran") == []


def test_a_choice_in_another_tab_is_followed(show: Show) -> None:
    page = show(inline("ran.push('in')"))
    page.evaluate(
        "document.cookie = 'consent_analytics=granted.1'; document.cookie ="
        " 'consent_marketing=denied.1'; document.dispatchEvent(new Event('visibilitychange'))"
    )
    assert ran(page, 1) == ["in"]
    expect(page.locator(BANNER)).to_be_hidden()


def test_a_page_out_of_the_cache_does_not_outlive_a_withdrawal(show: Show) -> None:
    page = show(head="<script>document.cookie ='consent_analytics=granted.1'</script>")
    page.evaluate("document.cookie = 'consent_analytics=denied.2'")
    page.evaluate("window.stayed = 'no'")
    with page.expect_navigation():
        page.evaluate(
            "window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
        )
    assert page.evaluate("window.stayed") is True


def test_a_second_copy_of_the_client_does_nothing(show: Show, stage: Stage) -> None:
    page = show("<script src=/consentkit.js data-consentkit=client data-action=/x defer></script>")
    page.click(ACCEPT)
    expect(page.locator(BANNER)).to_be_hidden()
    assert len(stage.choices) == 1


def test_a_script_of_the_site_that_takes_over_forms_does_not_get_ours(
    show: Show, stage: Stage
) -> None:
    page = show(
        "<script>document.addEventListener('submit', e => {"
        " e.preventDefault(); ran.push('site'); }, true)</script>"
    )
    page.click(ACCEPT)
    expect(page.locator(BANNER)).to_be_hidden()
    assert page.evaluate("ran") == []
