"""Tags as the vendors publish them, and innocent markup that looks like them.

Shared by the tests of the catalogue, the matcher and the gate: each tag is a piece of HTML that
has to come out inert until its category is granted, each lookalike one that has to stay as it is.
The pieces are in ``vendor_tags.html`` and ``lookalikes.html``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LOOKALIKES", "VENDOR_TAGS", "VendorTag"]


@dataclass(frozen=True, slots=True)
class VendorTag:
    """One tag, or a few that are pasted together.

    Attributes:
        service: the id of the service it belongs to.
        category: the category of that service.
        html: the piece as it stands in a page.
        kind: what carries it: script (with a src), inline, noscript, img, iframe, link, object.
        also: further services that it belongs to.
    """

    service: str
    category: str
    html: str
    kind: str
    also: tuple[str, ...] = ()


def _pieces(name: str) -> Iterator[tuple[str, str]]:
    """The heading and the body of each piece in a file."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    parts = re.split(r"^<!-- = (.*) -->\n", text, flags=re.MULTILINE)
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        yield heading, body.removesuffix("\n")


def _tag(heading: str, html: str) -> VendorTag:
    first, *also = heading.split(" + ")
    service, category, kind = first.split()
    return VendorTag(service, category, html, kind, tuple(also))


VENDOR_TAGS: list[VendorTag] = [_tag(*piece) for piece in _pieces("vendor_tags.html")]

LOOKALIKES: list[str] = [html for _, html in _pieces("lookalikes.html")]
