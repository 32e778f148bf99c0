"""A real Chromium on tag soup: no request for the tracker leaves it, with JavaScript or without.

That the pages are able to leak is shown by the same pages without the gate.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Frame, Playwright, Request

from tests.browser.browser import Visitor, visitor
from tests.browser.certificate import Certificate
from tests.browser.sink import Sink
from tests.gate.soup import HOST, gate, random_soup
from tests.gate.test_tokenizing import LIVE

pytestmark = pytest.mark.browser

_SOUPS = 320
# Open (docs/testing.md, "What is not seen yet"): Chromium's look-ahead takes a style element in
# math for raw text, so what stands behind its end tag in the text of a script is a tag to it.
_LOOK_AHEAD = b"<math><style>"
# Shown together, each in a frame of its own: a browser of many frames is quicker than many visits.
_TOGETHER = 20


def _pages() -> list[bytes]:
    rng = random.Random(4)  # noqa: S311 - not for secrets
    soups = [random_soup(rng, longest=rng.choice((10, 25, 50))) for _ in range(_SOUPS)]
    return [*LIVE, *(page for page in soups if not page.startswith(_LOOK_AHEAD))]


@contextmanager
def _served(pages: list[bytes]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number, _, last = self.path.strip("/").partition("-")
            known = number.isdigit() and int(number) < len(pages)
            body = pages[int(number)] if known else b""
            if known and last:
                body = b"<!doctype html>" + b"".join(
                    b"<iframe src=/%d></iframe>" % one for one in range(int(number), int(last))
                )
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


class _Asked:
    """Which of the pages asked for something of the tracker."""

    def __init__(self, person: Visitor, url: str) -> None:
        self.pages: set[int] = set()
        self._url = url
        person.context.on("request", self._sees)

    def _sees(self, request: Request) -> None:
        if HOST not in (urlsplit(request.url).hostname or ""):
            return
        frame: Frame | None = request.frame
        while frame is not None:  # up from frames within the page
            path = frame.url.removeprefix(self._url + "/")
            if path.isdigit():
                self.pages.add(int(path))
                return
            frame = frame.parent_frame


@pytest.mark.timeout(600)
@pytest.mark.parametrize("javascript", [True, False], ids=["scripting", "no-scripting"])
def test_nothing_leaves_for_the_tracker(
    javascript: bool,
    playwright: Playwright,
    chromium: Path,
    certificate: Certificate,
    tmp_path: Path,
) -> None:
    raw = _pages() if javascript else _pages()[::2]
    pages = [gate(page) for page in raw]
    with (
        _served([*pages, *raw]) as url,
        Sink(certificate) as sink,
        visitor(playwright, sink, tmp_path, chromium, javascript=javascript) as person,
    ):
        asked = _Asked(person, url)
        for first in range(0, len(raw), _TOGETHER):
            last = min(first + _TOGETHER, len(raw))
            person.goto(f"{url}/{first}-{last}")
            outside = [host for host in person.outside() if HOST in host]
            leaking = [(raw[number], pages[number]) for number in asked.pages]
            assert not outside, leaking or raw[first:last]
        # The control: without the gate, most of these pages contact the tracker.
        shown = 0
        for first in range(len(raw), 2 * len(raw), 4 * _TOGETHER):
            last = min(first + _TOGETHER, 2 * len(raw))
            person.page.goto(f"{url}/{first}-{last}", wait_until="load")
            shown += last - first
        assert len(asked.pages) > shown // 2
