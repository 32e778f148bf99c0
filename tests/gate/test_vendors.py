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


@pytest.mark.parametrize("html", LOOKALIKES)
def test_what_looks_like_one_stays(html: str) -> None:
    assert gate_html(html, SETTINGS) == html
