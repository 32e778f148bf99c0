"""The harness itself: it sees every way out of a page, and sees nothing where there is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.browser import Open, Visitor
from tests.browser.sink import UNNAMED

# One host for each way out, named after it.
LEAKY = b"""<!doctype html><html><head><title>leaky</title>
<link rel="icon" href="data:,">
<link rel="dns-prefetch" href="//dns-prefetch.example">
<link rel="preconnect" href="https://preconnect.example">
<link rel="preconnect" href="http://preconnect-plain.example">
<link rel="preload" as="script" href="https://preload.example/x.js">
<link rel="stylesheet" href="https://style.example/x.css">
<script src="https://script.example/x.js"></script>
<script async src="//protocol-relative.example/x.js"></script>
</head><body>
<img src="https://image.example/x.gif" alt="">
<iframe src="https://frame.example/"></iframe>
<noscript><img src="https://noscript.example/x.gif" alt=""></noscript>
<script>
fetch("https://fetch.example/", {method: "POST", body: "x"});
navigator.sendBeacon("https://beacon.example/", "x");
new WebSocket("wss://socket.example/").onerror = () => {};
</script></body></html>"""
CLEAN = b"""<!doctype html><html><head><title>clean</title><link rel="icon" href="data:,"></head>
<body><img src="/x.gif" alt=""><a href="https://link.example/">a link is no leak</a>
<script>document.title = "clean";</script></body></html>"""

MARKUP = {
    "preconnect.example",
    "link-header.example",
    "preload.example",
    "style.example",
    "script.example",
    "protocol-relative.example",
    "image.example",
    "frame.example",
}
SCRIPTED = {"fetch.example", "beacon.example", "socket.example"}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        leaky = self.path == "/leaky"
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path != "/x.gif" else "image/gif")
        if leaky:
            self.send_header("Link", "<https://link-header.example>; rel=preconnect")
        self.end_headers()
        self.wfile.write(LEAKY if leaky else CLEAN)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
        """Keep the test output free of requests."""


@pytest.fixture(scope="module")
def page_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_connections_and_requests_show(someone: Visitor, page_server: str) -> None:
    someone.goto(f"{page_server}/leaky")
    someone.wait_for(MARKUP | SCRIPTED | {UNNAMED})
    # The plain preconnect says no name; the look-up alone shows only to a resolver.
    assert someone.outside() == MARKUP | SCRIPTED | {UNNAMED}


def test_without_javascript_the_noscript_part_shows(open_visitor: Open, page_server: str) -> None:
    scripts = {"script.example", "protocol-relative.example", "preload.example"}
    expected = (MARKUP - scripts) | {"noscript.example", UNNAMED}
    with open_visitor(javascript=False) as visitor:
        visitor.goto(f"{page_server}/leaky")
        visitor.wait_for(expected)
        assert visitor.arrived() == expected


def test_lookups_show(open_visitor: Open, page_server: str) -> None:
    expected = MARKUP | SCRIPTED | {"dns-prefetch.example", "preconnect-plain.example"}
    with open_visitor(lookups=True) as visitor:
        visitor.goto(f"{page_server}/leaky")
        visitor.wait_for(expected)
        assert visitor.outside() == expected


@pytest.mark.parametrize("lookups", [False, True], ids=["connections", "lookups"])
@pytest.mark.parametrize("javascript", [True, False], ids=["js", "nojs"])
def test_a_clean_page_shows_nothing(
    open_visitor: Open, page_server: str, javascript: bool, lookups: bool
) -> None:
    with open_visitor(javascript=javascript, lookups=lookups) as visitor:
        visitor.goto(f"{page_server}/clean")
        assert visitor.outside() == set()
        assert visitor.faults == []


def test_global_privacy_control_is_said(open_visitor: Open, page_server: str) -> None:
    with open_visitor(gpc=True) as visitor:
        with visitor.page.expect_request(f"{page_server}/clean") as request:
            visitor.goto(f"{page_server}/clean")
        assert request.value.header_value("sec-gpc") == "1"
        assert visitor.page.evaluate("navigator.globalPrivacyControl") is True


def test_faults_of_a_page_show(someone: Visitor, page_server: str) -> None:
    someone.goto(f"{page_server}/clean")
    someone.page.evaluate("setTimeout(() => { console.error('said'); throw Error('thrown'); })")
    someone.settle()
    assert [fault.split(" (")[0] for fault in someone.faults] == ["said", "uncaught: thrown"]
