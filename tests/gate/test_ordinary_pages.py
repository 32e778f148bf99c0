"""Pages without a tracker come out of the gate as they went in, byte for byte.

The pages in ``pages/`` imitate the web as it is: shops, news, documentation that shows tracker
code, applications with their state inline, broken markup, old encodings. A page that the gate
touches is a site that it breaks. So that this cannot pass by doing nothing, each page is also
given one real tracker, and that tag alone must change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import consentkit
from consentkit.gate import Gate, Judge
from consentkit.policy import Policy
from consentkit.settings import load_settings

FOLDER = Path(__file__).parent / "pages"
SETTINGS = {"secret_keys": ["k" * 40]}
POLICY = Policy(load_settings(SETTINGS))
CHOOSABLE = tuple(category.id for category in POLICY.choosable)

KINDS: Mapping[str, str] = {
    "shop": "shop_list shop_product shop_basket shop_checkout jeweller big_catalogue",
    "news": "news_front news_article podcast",
    "documentation": "docs_tags docs_api docs_static_site docs_generator",
    "tracker code shown, not run": "docs_tags docs_api docs_generator csp_report_admin "
    "broken_attributes broken_open_comment broken_ie script_escapes print_invoice",
    "blog": "blog_post blog_markdown",
    "forum and wiki": "forum_thread wiki_page",
    "government, university, museum": "gov_service gov_decree university museum",
    "bank": "bank_login bank_rates",
    "application with inline state": "app_next app_next_flight app_state app_nuxt app_remix "
    "app_sveltekit",
    "application shell, modules, import maps": "app_shell app_importmap app_nuxt app_sveltekit "
    "docs_static_site web_components",
    "service worker": "app_shell app_sveltekit",
    "table layout": "old_tables bank_rates email_newsletter",
    "frameset": "old_frameset",
    "broken markup": "broken_unclosed broken_misnested broken_attributes broken_ie broken_nothing "
    "broken_open_comment broken_open_textarea bytes_broken",
    "conditional comments": "broken_ie gov_service email_newsletter",
    "CDATA in scripts": "drupal crlf_bom xhtml_strict svg_inline",
    "svg and MathML": "svg_inline mathml status_page sso_login wiki_page",
    "pictures, video, fonts, srcset": "media_gallery shop_product news_article video_site_own "
    "own_webfonts css_leftovers",
    "share and profile links": "share_links shop_product news_article university sso_login",
    "hosts that end like a tracker's": "share_links shop_basket blog_markdown bank_login",
    "public CDNs": "cdn_bootstrap university docs_api mathml app_importmap",
    "own analytics, own data layer": "own_analytics shop_basket shop_product own_cookie_banner "
    "hotel jobs_widget_free",
    "JSON-LD and microdata": "shop_product news_article recipe_microdata event_calendar drupal",
    "base, refresh, feeds, hreflang": "shop_checkout museum news_front hotel status_page",
    "own map, video, survey": "maps_own video_site_own own_survey",
    "legacy encoding": "lang_ja_sjis lang_ja_eucjp lang_zh_gbk lang_ru_1251 lang_el_8859_7 "
    "lang_tr_8859_9 lang_he_1255 lang_ko_euckr old_tables bytes_broken",
    "right to left": "lang_ar lang_he_1255",
    "other scripts in UTF-8": "lang_hi lang_ar",
    "AMP": "amp_page",
    "mail-like": "email_newsletter",
    "accessibility-heavy": "accessible gov_service",
    "long selects": "form_selects",
    "long inline CSS": "css_inline",
    "print": "print_invoice",
    "XHTML": "xhtml_strict drupal broken_ie",
    "line ends and byte order mark": "crlf_bom server_index old_tables",
    "large": "big_catalogue",
    "server's own pages": "server_index error_404 parked",
    "fragment": "htmx_fragment",
    "text only, empty": "text_only empty",
}
NAMES = sorted({name for names in KINDS.values() for name in names.split()})
SMALL = 20_000

# The end of these is inside a comment, a text field or what a browser with frames never shows: a
# tag that is put there is no tag.
ENDS_IN_TEXT = frozenset({"broken_open_comment", "broken_open_textarea", "old_frameset"})
TRACKER = b'<script async src="https://connect.facebook.net/en_US/fbevents.js"></script>'


@cache
def page(name: str) -> bytes:
    return (FOLDER / f"{name}.html").read_bytes()


def with_tracker(name: str) -> tuple[bytes, bytes]:
    """The page's two parts, between which the tracker goes: before the end of its body."""
    html = page(name)
    ends = [end.start() for end in re.finditer(rb"</body", html, re.IGNORECASE)]
    cut = ends[-1] if ends else len(html)
    return html[:cut], html[cut:]


def in_chunks(html: bytes, size: int) -> bytes:
    gate = Gate(Judge(POLICY, POLICY.always))
    out = [gate.feed(html[start : start + size]) for start in range(0, len(html), size)]
    return b"".join([*out, gate.close()])


def chunkings() -> Iterator[tuple[str, int]]:
    for name in NAMES:
        sizes = (1, 7, 1000, 16384) if len(page(name)) < SMALL else (7, 1000, 16384)
        for size in sizes:
            yield name, size


@pytest.mark.parametrize("name", NAMES)
def test_page_is_untouched(name: str) -> None:
    assert consentkit.gate_html(page(name), SETTINGS) == page(name)


@pytest.mark.parametrize(("name", "size"), list(chunkings()))
def test_page_is_untouched_in_chunks(name: str, size: int) -> None:
    assert in_chunks(page(name), size) == page(name)


@pytest.mark.parametrize("granted", [*((category,) for category in CHOOSABLE), CHOOSABLE])
@pytest.mark.parametrize("name", NAMES)
def test_page_is_untouched_when_categories_are_granted(name: str, granted: tuple[str, ...]) -> None:
    assert consentkit.gate_html(page(name), SETTINGS, granted) == page(name)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ENDS_IN_TEXT])
def test_a_tracker_on_the_page_is_all_that_changes(name: str) -> None:
    before, behind = with_tracker(name)
    asleep = consentkit.gate_html(TRACKER, SETTINGS)
    assert asleep != TRACKER
    assert consentkit.gate_html(before + TRACKER + behind, SETTINGS) == before + asleep + behind


@pytest.mark.parametrize("name", sorted(ENDS_IN_TEXT))
def test_what_is_no_tag_stays(name: str) -> None:
    html = TRACKER.join(with_tracker(name))
    assert consentkit.gate_html(html, SETTINGS) == html


def test_pages_and_kinds_are_complete() -> None:
    assert [path.stem for path in sorted(FOLDER.iterdir())] == NAMES
    assert len(NAMES) >= 60
    assert len({page(name) for name in NAMES}) == len(NAMES)
    assert sum(len(page(name)) for name in NAMES) < 2_500_000
    assert max(len(page(name)) for name in NAMES) > 300_000


@pytest.mark.parametrize("name", KINDS["legacy encoding"].split())
def test_legacy_pages_are_not_utf_8(name: str) -> None:
    """An editor or a checkout that recodes them would take their point away."""
    with pytest.raises(UnicodeDecodeError):
        page(name).decode("utf-8")


@pytest.mark.parametrize(
    ("name", "ends"),
    [("crlf_bom", {b"\r\n"}), ("old_tables", {b"\r\n"}), ("server_index", {b"\r"})],
)
def test_line_ends_are_kept(name: str, ends: set[bytes]) -> None:
    assert set(re.findall(rb"\r\n|\r|\n", page(name))) == ends
