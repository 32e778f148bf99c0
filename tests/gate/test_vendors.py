"""The catalogue's vendor tags through the gate: nothing live until their categories are granted."""

from __future__ import annotations

import pytest
from turbohtml import parse

from consentkit.gate import gate_html
from consentkit.policy import Policy
from consentkit.settings import load_settings
from tests.catalogue.tags import found
from tests.catalogue.vendor_table import LOOKALIKES, VENDOR_TAGS, VendorTag

SETTINGS = load_settings({"secret_keys": ["k" * 32]})
POLICY = Policy(SETTINGS)
CHOOSABLE = tuple(category.id for category in POLICY.choosable)

# What is necessary is always on.
GATED = [tag for tag in VENDOR_TAGS if tag.category not in POLICY.always]

every_tag = pytest.mark.parametrize(
    "tag", GATED, ids=[f"{i}-{tag.service}-{tag.kind}" for i, tag in enumerate(GATED)]
)


@every_tag
def test_it_sleeps_until_it_is_granted(tag: VendorTag) -> None:
    gated = gate_html(tag.html, SETTINGS)
    assert gated != tag.html
    assert "data-consent=" in gated
    assert gate_html(gated, SETTINGS) == gated


@every_tag
def test_nothing_of_it_is_live(tag: VendorTag) -> None:
    gated = gate_html(f"<!doctype html><body>{tag.html}", SETTINGS)
    for scripting in (True, False):
        tree = parse(gated, scripting=scripting)
        for element in list(tree.find_all("script")):
            if element.attrs.get("type") == "text/plain":  # it keeps its code, but does not run
                element.decompose()
        # Not what stands in a noscript as text: then it is no tag.
        live = [e.serialize() for e in tree.select("script,img,iframe,link,object")]
        assert not [
            s.id for html in live for _, services in found(POLICY.matcher, html) for s in services
        ]


@every_tag
def test_all_granted_it_is_untouched(tag: VendorTag) -> None:
    assert gate_html(tag.html, SETTINGS, CHOOSABLE) == tag.html


SEVERAL = (
    "<script>gtag('config', 'G-ABC123DEF4'); fbq('init', '1'); zE('webWidget', 'hide');</script>"
)


@pytest.mark.parametrize("granted", [(), *((c,) for c in CHOOSABLE), ("analytics", "marketing")])
def test_a_script_of_several_needs_all_of_their_categories(granted: tuple[str, ...]) -> None:
    asleep = gate_html(SEVERAL, SETTINGS, granted)
    assert asleep.startswith(
        '<script type="text/plain" data-consent="functional analytics marketing">'
    )
    assert gate_html(SEVERAL, SETTINGS, CHOOSABLE) == SEVERAL


@pytest.mark.parametrize(
    ("tag", "asleep"),
    [
        (
            '<img data-consent="analytics" src="https://www.facebook.com/tr?id=1">',
            (
                '<img data-consent="analytics marketing"  '
                'data-consent-src="https://www.facebook.com/tr?id=1">'
            ),
        ),
        (
            "<script DATA-CONSENT=analytics data-consent='marketing' src=/own.js></script>",
            (
                '<script type="text/plain" data-consent="analytics"   data-consent-src=/own.js>'
                "</script>"
            ),
        ),
        (
            '<img data-consent = "analytics"src=/a.gif alt>',
            '<img data-consent="analytics" data-consent-src=/a.gif alt>',
        ),
    ],
)
def test_of_marks_the_authors_first_counts_and_one_goes_out(tag: str, asleep: str) -> None:
    assert gate_html(tag, SETTINGS) == asleep
    assert gate_html(asleep, SETTINGS) == asleep
    (element,) = parse(asleep).select("img, script")
    assert asleep.lower().count(" data-consent=") == 1, element


def test_code_that_only_looks_like_a_comment_is_live_in_a_document() -> None:
    """A document in a data: URL, and pieces of several scripts, are no single script."""
    for page in (
        "<iframe src=\"data:text/html,/*<script>fbq('init',1)</script>*/\"></iframe>",
        "<svg><script>/*</script><script>fbq('init',1)</script><script>*/</script></svg>",
    ):
        assert 'data-consent="marketing"' in gate_html(page, SETTINGS)


@pytest.mark.parametrize("html", LOOKALIKES)
def test_what_looks_like_one_stays(html: str) -> None:
    assert gate_html(html, SETTINGS) == html
