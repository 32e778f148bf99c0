"""The pages that coverage-guided fuzzing starts from: what the other tests hold already."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.catalogue.vendor_table import LOOKALIKES, VENDOR_TAGS
from tests.gate.soup import TRACKERS
from tests.gate.test_tokenizing import LIVE

__all__ = ["LONGEST", "seeds"]

LONGEST = 4_096
_PAGES = Path(__file__).parents[1] / "gate" / "pages"
_HOST = re.compile(rb"(?<=//)[a-z0-9.-]+\.[a-z]{2,}")


def seeds() -> Iterator[bytes]:
    """The pages to start from."""
    for path in sorted(_PAGES.iterdir()):
        page = path.read_bytes()
        if len(page) <= LONGEST:
            yield page
    for tag in VENDOR_TAGS:
        snippet = tag.html.encode()
        if len(snippet) <= LONGEST:
            yield snippet
            # The same with a tracker that the oracles know.
            yield _HOST.sub(b"t.example", snippet)
    yield from (html.encode() for html in LOOKALIKES if len(html) <= LONGEST)
    yield from TRACKERS
    yield from LIVE
