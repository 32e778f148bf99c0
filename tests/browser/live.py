"""A site of a few pages behind the whole of consentkit, and a browser for which vendors are empty
scripts that note that they ran."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from playwright.sync_api import Browser, BrowserContext, Route

from consentkit import ConsentKit
from consentkit.wsgi import ConsentMiddleware
from tests.engine.making import KEY, MemoryLog

__all__ = ["LiveSite", "live_site", "visiting"]

HTML = "text/html; charset=utf-8"
# Violations from the first byte on, with what was blocked; scripts are told apart by their name.
LISTENER = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  const { disposition, effectiveDirective, blockedURI } = event;
  if (disposition === "enforce") violations.push(effectiveDirective + " " + blockedURI);
});
"""


class LiveSite:
    """What is served, and what was recorded.

    Args:
        settings: of consentkit.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.log = MemoryLog()
        self.pages: dict[str, tuple[dict[str, str], str]] = {}
        self.kit = ConsentKit({"secret_keys": [KEY], **settings}, log=self.log)
        self.url = ""
        self.middleware = ConsentMiddleware(self._app, self.kit)

    def _app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers, body = self.pages.get(environ["PATH_INFO"], ({}, ""))
        kind = "text/javascript" if environ["PATH_INFO"].endswith(".js") else HTML
        start_response(
            "200 OK" if body else "404 Not Found", [("Content-Type", kind), *headers.items()]
        )
        return [body.encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def live_site(**settings: Any) -> Iterator[LiveSite]:
    site = LiveSite(settings)
    server = make_server("127.0.0.1", 0, site.middleware, _Server, _Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def visiting(browser: Browser, **options: Any) -> Iterator[tuple[BrowserContext, list[str]]]:
    """A new visitor, and the third parties that were asked for something."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        url = route.request.url
        if url.startswith("http://127.0.0.1:"):
            route.continue_()
            return
        asked.append(url)
        code = f"(window.vendors = window.vendors || []).push({url!r});"
        route.fulfill(body=code, content_type="text/javascript")

    context = browser.new_context(**options)
    context.add_init_script(LISTENER)
    context.route("**/*", answer)
    try:
        yield context, asked
    finally:
        context.close()
