"""The promises of the renderer, checked on the tree that another parser builds."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consentkit.banner.render import Renderer, contact_url, local_url, web_url
from consentkit.banner.view import NoticeView
from consentkit.errors import SettingsError
from tests.banner.making import (
    elements,
    notice,
    part,
    parts,
    policy,
    preferences,
    read,
    words,
)

RENDERER = Renderer()
PAGES: dict[str, Callable[[str, str], bytes]] = {
    "banner": lambda text, url: RENDERER.banner(notice(text, url)).fill(next=text, token=text),
    "preferences": lambda text, url: RENDERER.preferences_page(preferences(text, url)),
    "policy": lambda text, url: RENDERER.policy_page(policy(text, url)),
    "message": lambda text, url: RENDERER.message_page(
        text, text, url, css_urls=(url,), site_name=text, language=text
    ),
    "floating": lambda _, url: RENDERER.floating(url),
    "embed": lambda text, url: RENDERER.embed(
        service=text, category_id=text, category_title=text, url=url, preferences_url=url
    ),
}
HOSTILE = [
    "</section><script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</textarea></title></style><!--",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    " java\tscript:alert(1)",
    "//evil.example/",
    "/\\evil.example",
    "/\t/evil.example",
    "data:text/html,<script>1</script>",
    "\x00\x01\x1b\x80\x9f\ufeff\u202e",
    "Straße 東京 🍪 \U0010ffff",
    "\ud800",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))


def tags(html: bytes) -> Counter[str]:
    return Counter(e.tag for e in elements(read(html)))


def attributes(html: bytes) -> set[tuple[str, str]]:
    return {(e.tag, name) for e in elements(read(html)) for name in e.attrib}


# What the templates can make at most: all fields filled, all addresses good.
MOST = {kind: render("text", "https://site.example/policy") for kind, render in PAGES.items()}
# A back link is there only for a path of this site.
BACK = Counter({"a": 1})


@pytest.mark.parametrize("kind", PAGES)
@given(text=texts, url=texts)
@example(text=HOSTILE[0], url=HOSTILE[4])
@example(text=HOSTILE[1], url=HOSTILE[7])
def test_no_text_becomes_markup(kind: str, text: str, url: str) -> None:
    html = PAGES[kind](text, url)
    assert html.isascii()
    assert tags(html) <= tags(MOST[kind]) + BACK
    assert attributes(html) <= attributes(MOST[kind])
    for element in elements(read(html)):
        for name in ("href", "action", "src"):
            address = element.get(name)
            assert (
                address is None
                or address in ("", "data:,")
                or address.lower().startswith(("http://", "https://", "mailto:"))
                or (address.startswith("/") and not address.startswith(("//", "/\\")))
            )


@given(next_=texts, token=texts)
def test_the_slots_hold_what_was_given(next_: str, token: str) -> None:
    parts_ = RENDERER.banner(notice())
    tree = read(parts_.fill(next=next_, token=token))
    for name, given_ in (("next", next_), ("token", token)):
        fields = [e for e in elements(tree) if e.get("name") == name]
        assert len(fields) == {"next": 2, "token": 1}[name]  # one form asks for a page only
        controls = dict.fromkeys(
            [*range(9), *range(11, 32), *range(127, 160), *range(0xD800, 0xE000)], "\ufffd"
        )
        assert {field.get("value") for field in fields} == {given_.translate(controls)}


@given(texts)
def test_text_that_looks_like_a_slot_is_no_slot(text: str) -> None:
    assert len(RENDERER.banner(notice(text)).slots) == 3


def test_the_notice_is_the_banner_with_empty_slots() -> None:
    banner = RENDERER.banner(notice())
    assert banner.notice_html == banner.fill(next="", token="")
    assert banner.notice_hash == hashlib.sha256(banner.notice_html).hexdigest()


def test_the_notice_hash_is_the_same_in_every_process() -> None:
    assert RENDERER.banner(notice()).notice_hash == Renderer().banner(notice()).notice_hash


@pytest.mark.parametrize(
    "change",
    [
        {"site_name": "Other"},
        {"policy_url": "/other"},
        {"gpc": False},
        {"language": "de"},
        {"direction": "rtl"},
        {"categories": notice("other").categories},
    ],
    ids=",".join,
)
def test_the_notice_hash_follows_whatever_is_shown(change: dict[str, object]) -> None:
    changed = msgspec.structs.replace(notice(), **change)
    assert RENDERER.banner(changed).notice_hash != RENDERER.banner(notice()).notice_hash


def test_the_notice_hash_follows_the_number_of_categories() -> None:
    fewer = msgspec.structs.replace(notice(), categories=notice().categories[:-1])
    assert RENDERER.banner(fewer).notice_hash != RENDERER.banner(notice()).notice_hash


@pytest.mark.parametrize("key", ["title_site", "intro", "accept", "reject", "choose", "gpc"])
def test_the_notice_hash_follows_the_wording(key: str) -> None:
    reworded = Renderer(texts={key: "In other words"})
    assert reworded.banner(notice()).notice_hash != RENDERER.banner(notice()).notice_hash


def both(tree: Element) -> tuple[Element, Element]:
    return part(tree, "accept"), part(tree, "reject")


@pytest.mark.parametrize("kind", ["banner", "preferences"])
def test_accept_and_reject_are_siblings_and_alike(kind: str) -> None:
    tree = read(PAGES[kind]("text", "/policy"))
    accept, reject = both(tree)
    (around,) = [e for e in elements(tree) if accept in list(e)]
    assert reject in list(around)
    assert accept.tag == reject.tag == "button"
    (form,) = [e for e in elements(tree) if e.tag == "form" and accept in list(e.iter())]
    assert form.get("method") == "post"
    differ = {
        k for k in {*accept.attrib, *reject.attrib} if accept.attrib.get(k) != reject.attrib.get(k)
    }
    assert differ == {"value", "data-consentkit"}
    assert (words(accept), words(reject)) == ("Accept all", "Reject all")


def boxes(tree: Element) -> list[Element]:
    return [e for e in elements(tree) if e.get("type") == "checkbox"]


def test_nothing_that_can_be_chosen_is_ticked_in_advance() -> None:
    assert not boxes(read(PAGES["banner"]("text", "/policy")))
    tree = read(PAGES["preferences"]("text", "/policy"))
    choosable = [box for box in boxes(tree) if box.get("disabled") is None]
    assert [box.get("value") for box in choosable] == ["analytics", "own", "empty"]
    assert not [box for box in choosable if box.get("checked") is not None]
    (locked,) = [box for box in boxes(tree) if box not in choosable]
    assert locked.get("name") is None


def test_the_preferences_page_shows_what_was_chosen() -> None:
    for state, ticked in (("granted", 3), ("denied", 0), ("unset", 0)):
        tree = read(RENDERER.preferences_page(preferences(state=state)))  # type: ignore[arg-type]
        chosen = [
            box
            for box in boxes(tree)
            if box.get("checked") is not None and box.get("disabled") is None
        ]
        assert len(chosen) == ticked


@pytest.mark.parametrize("kind", PAGES)
def test_labels_descriptions_and_ids_tie_up(kind: str) -> None:
    tree = read(PAGES[kind]("text", "/policy"))
    ids = Counter(e.get("id") for e in elements(tree) if e.get("id"))
    assert set(ids.values()) <= {1}
    assert all(str(id_).startswith("consentkit-") for id_ in ids)
    labelled = {e.get("for") for e in elements(tree) if e.tag == "label"}
    assert {box.get("id") for box in boxes(tree)} == labelled
    for element in elements(tree):
        for name in ("aria-labelledby", "aria-describedby"):
            assert set((element.get(name) or "").split()) <= set(ids)


@pytest.mark.parametrize("kind", PAGES)
def test_nothing_inline_and_nothing_foreign(kind: str) -> None:
    tree = read(PAGES[kind]("text", "/policy"))
    for element in elements(tree):
        assert element.tag not in {"script", "style", "img", "iframe", "object", "embed", "base"}
        assert not [name for name in element.attrib if name.startswith("on") or name == "style"]
        if element.tag == "link":  # the empty icon saves a request for /favicon.ico
            assert (element.get("rel"), element.get("href")) == ("icon", "data:,") or element.get(
                "rel"
            ) == "stylesheet"
        classes = (element.get("class") or "").split()
        assert all(name.startswith("consentkit-") for name in classes)


def test_enter_in_a_checkbox_cannot_accept() -> None:
    # The default button of a form is its first (HTML, "implicit submission").
    tree = read(PAGES["preferences"]("text", "/policy"))
    (form,) = [e for e in elements(tree) if e.tag == "form" and boxes(e)]
    buttons = [e.get("value") for e in elements(form) if e.tag == "button"]
    assert buttons == ["save", "accept", "reject"]


def test_the_banner_names_purposes_and_the_ways_on() -> None:
    banner = part(read(PAGES["banner"]("text", "/policy")), "banner")
    assert "for: Analytics, text, Empty." in words(banner)
    assert part(banner, "policy").get("href") == "/policy"
    choose = part(banner, "customise")
    (form,) = [e for e in elements(banner) if e.tag == "form" and choose in list(e)]
    assert (form.get("method"), form.get("action")) == ("get", "/consent/")
    assert "Global Privacy Control" in words(banner)


def test_the_policy_page_tells_all_about_a_service() -> None:
    page = read(PAGES["policy"]("text", "https://provider.example/x"))
    tables = [e for e in elements(page) if e.tag == "table"]
    assert len(tables) == 3
    row = words(tables[0])
    assert "Software we use Why we use it" in row
    assert "text; kept in the browser’s local storage; set by the provider" in row
    assert "duration not stated" in row
    assert "Privacy policy Opt out" in row
    assert words(page).count("No software is listed for this purpose") == 1


def test_the_receipt_names_categories_by_their_title() -> None:
    receipt = part(read(PAGES["preferences"]("text", "/policy")), "receipt")
    assert "Analytics: Not allowed" in words(receipt)


def test_a_page_says_that_the_choice_was_saved_only_when_it_was() -> None:
    saved = read(RENDERER.preferences_page(preferences(saved=True)))
    assert part(saved, "status").get("role") == "status"
    assert not parts(read(RENDERER.preferences_page(preferences(saved=False))), "status")


def test_an_embed_is_phrasing_content_and_offers_only_what_can_be_granted() -> None:
    html = PAGES["embed"]("text", "https://video.example/1")
    placeholder = part(read(b"<p>before " + html + b" after</p>"), "embed")
    assert {e.tag for e in elements(placeholder)} <= {"span", "button", "a", "svg"}
    paragraph = read(b"<p>before " + html + b" after</p>").find(".//p")
    assert paragraph is not None
    assert words(paragraph).endswith("after")
    button = placeholder.find(".//button[@data-consentkit-grant='text']")
    assert button is not None
    assert button.get("type") == "button"
    never = RENDERER.embed(
        service="x",
        category_id="",
        category_title="",
        url="javascript:alert(1)",
        preferences_url="/consent/",
    )
    assert b"<button" not in never
    assert b"javascript" not in never


def test_addresses() -> None:
    assert web_url("HTTPS://a.example/ü?q=1#x") != ""
    assert web_url("/consent/") == local_url("/consent/") == "/consent/"
    for wrong in ["", "x", "//a.example", "/\\a", "ftp://a", "https:/a", "http://a b", *HOSTILE]:
        assert web_url(wrong) == "", wrong
    assert local_url("https://a.example/") == ""
    assert contact_url("privacy@site.example") == "mailto:privacy@site.example"
    assert contact_url("a@b?subject=x") == contact_url("Write to us") == ""


def own(folder: Path, text: str, name: str = "banner.html") -> Renderer:
    (folder / name).write_text(text, encoding="utf-8")
    return Renderer(template_dirs=[folder])


def test_an_own_template_may_build_on_ours(tmp_path: Path) -> None:
    renderer = own(
        tmp_path,
        '{% extends "builtin/banner.html" %}'
        "{% block words %}<p>{{ view.site_name }}{{ _('Hello') }}</p>{% endblock %}",
    )
    tree = read(renderer.banner(notice("Café")).fill(next="/", token="t"))
    assert "CaféHello" in words(part(tree, "banner"))
    assert both(tree)


@pytest.mark.parametrize(
    "text",
    [
        "{% if %}",
        "{{ missing.attribute }}",
        "{{ 1 / 0 }}",
        '{% include "nowhere.html" %}',
        "no slots, no buttons",
        '{{ next }}{{ token }}<button data-consentkit="accept">Accept</button>',
    ],
)
def test_an_own_template_that_fails_costs_nobody_the_choice(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    renderer = own(tmp_path, text)
    with caplog.at_level(logging.ERROR, logger="consentkit.banner"):
        hashes = {renderer.banner(notice()).notice_hash for _ in range(3)}
    assert hashes == {RENDERER.banner(notice()).notice_hash}
    assert len(caplog.records) == 1


def test_a_failing_page_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    (tmp_path / "policy.html").write_text("<h1>{{ t('policy_title') }}</h1>", encoding="utf-8")
    renderer = own(tmp_path, "{{ 1 / 0 }}", "preferences.html")
    expected = RENDERER.preferences_page(preferences())
    assert renderer.preferences_page(preferences()) == expected
    assert renderer.policy_page(policy()).startswith(b"<h1>")


def test_a_template_folder_that_is_missing_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="template_dirs"):
        Renderer(template_dirs=[tmp_path / "nowhere"])


def test_views_are_values() -> None:
    view: NoticeView = notice()
    assert view == notice()
    assert hash(view) == hash(notice())


def test_services_are_asked_about_one_by_one_where_they_have_a_state_of_their_own() -> None:
    (category,) = preferences("a").categories[1:2]
    services = tuple(
        msgspec.structs.replace(category.services[0], id=id_, state=state)
        for id_, state in (("one", "granted"), ("two", "denied"))
    )
    asked = msgspec.structs.replace(category, state="granted", services=services)
    view = msgspec.structs.replace(preferences("a"), categories=(asked,))
    page = part(read(RENDERER.preferences_page(view)), "preferences")
    assert [(box.get("name"), box.get("value"), box.get("checked")) for box in boxes(page)] == [
        ("service", "one", ""),
        ("service", "two", None),
    ]
    assert "1 of 2 allowed" in words(page)


def test_the_cookies_that_remember_the_choice_are_told_of_in_the_visitors_language() -> None:
    renderer = Renderer(texts={"ourselves": "Ihre Wahl", "ourselves_cookie": "Wahl zu {category}"})
    page = words(read(renderer.policy_page(policy("text"))))
    assert "Ihre WahlThis site" in page
    assert "consent_own 180 days Wahl zu text" in page


def test_a_dialog_can_be_closed_and_the_page_does_not_show_how() -> None:
    close = part(read(PAGES["preferences"]("text", "/policy")), "close")
    tree = read(PAGES["preferences"]("text", "/policy"))
    (form,) = [e for e in elements(tree) if e.get("method") == "dialog"]
    assert form.get("hidden") is not None
    assert close.get("aria-label") == "Close"


def test_what_cannot_be_done_yet_is_not_offered() -> None:
    view = msgspec.structs.replace(preferences(), receipt_url="", forget_url="")
    tree = read(RENDERER.preferences_page(view))
    assert not parts(tree, "forget")
    assert "Download" not in words(part(tree, "receipt"))
