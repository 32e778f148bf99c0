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

import pytest
from playwright.sync_api import Playwright

from tests.browser.browser import visitor
from tests.browser.certificate import Certificate
from tests.browser.sink import Sink
from tests.gate.soup import HOST, gate, random_soup
from tests.gate.test_tokenizing import LIVE

pytestmark = pytest.mark.browser

_PAGES = 60


def _pages() -> list[bytes]:
    rng = random.Random(4)  # noqa: S311 - not for secrets
    soups = [random_soup(rng, longest=25) for _ in range(_PAGES)]
    # One that sends the browser away, or an alert, would only end the page early.
    return [*LIVE, *(soup for soup in soups if b"http-equiv" not in soup)]


@contextmanager
def _served(pages: list[bytes]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = self.path.strip("/")
            known = number.isdigit() and int(number) < len(pages)
            body = pages[int(number)] if known else b""
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


@pytest.mark.timeout(600)
@pytest.mark.parametrize("javascript", [True, False], ids=["scripting", "no-scripting"])
def test_nothing_leaves_for_the_tracker(
    javascript: bool,
    playwright: Playwright,
    chromium: Path,
    certificate: Certificate,
    tmp_path: Path,
) -> None:
    raw = _pages()
    pages = [gate(page) for page in raw]
    leaks = []
    with (
        _served([*pages, *raw]) as url,
        Sink(certificate) as sink,
        visitor(playwright, sink, tmp_path, chromium, javascript=javascript) as person,
    ):
        for number, page in enumerate(raw):
            person.page.goto(f"{url}/{number}", wait_until="load")
            if any(HOST in host for host in person.outside()):
                leaks.append((page, pages[number]))
                person.forget()
        person.settle()
        assert not leaks
        assert not any(HOST in host for host in person.outside())
        # The control: without the gate, most of these pages contact the tracker.
        leaking = 0
        for number in range(len(raw)):
            person.forget()
            person.page.goto(f"{url}/{len(raw) + number}", wait_until="load")
            leaking += any(HOST in host for host in person.outside())
        assert leaking > len(raw) // 2
