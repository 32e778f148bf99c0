"""A site of a few pages behind the real middleware, and a stand-in for the world outside.

What the browser asks of any other host is answered here and noted, so that a test can say what a
vendor's script does, and who was contacted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from playwright.sync_api import Browser, BrowserContext, Page, Route, WebSocket

from consentkit.wsgi import ConsentMiddleware

KEY = "a key of thirty-two characters ok"
#: Where the guard sends what must fail: a port that browsers connect to under no circumstances.
NOWHERE = "0.0.0.0:1"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Shop:
    """The site.

    Attributes:
        files: path ─► body.
        headers: path ─► further headers.
        asked: every path that came as far as the site itself.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.files: dict[str, str] = {}
        self.headers: dict[str, list[tuple[str, str]]] = {}
        self.asked: list[str] = []
        log = f"sqlite:///{folder / 'consent.db'}"
        self.app = ConsentMiddleware(self._app, {"secret_keys": [KEY], "log": log, **settings})
        self._server = make_server(
            "127.0.0.1", 0, self.app, server_class=_Server, handler_class=_Handler
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def page(self, body: str = "", *, head: str = "", path: str = "/", csp: str = "") -> str:
        """Put a page up; returns its URL."""
        self.files[path] = (
            "<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>Shop</title>"
            f"{head}</head><body>{body}</body></html>"
        )
        self.headers[path] = [("Content-Security-Policy", csp)] if csp else []
        return self.url + path

    def _app(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        body = self.files.get(path)
        kind = _TYPES.get(Path(path).suffix, "text/html; charset=utf-8")
        headers = [("Content-Type", kind), *self.headers.get(path, [])]
        start_response("200 OK" if body is not None else "404 Not Found", headers)
        return [(body or "").encode()]


class World:
    """Everything that is not the site: answers, and remembers who asked for what.

    Attributes:
        scripts: address without its query ─► what is served there.
    """

    def __init__(self, browser: Browser, site: str) -> None:
        self.scripts: dict[str, str] = {}
        self.asked: list[str] = []
        self.sockets: list[str] = []
        self.faults: list[str] = []
        self.context: BrowserContext = browser.new_context()
        inside = {urlsplit(site).netloc, NOWHERE}
        self.context.route(lambda url: urlsplit(url).netloc not in inside, self._answer)
        self.context.on("weberror", lambda error: self.faults.append(str(error.error)))
        self.tab: Page = self.context.new_page()
        self.tab.on("websocket", self._connects)

    def _connects(self, socket: WebSocket) -> None:
        if urlsplit(socket.url).netloc != NOWHERE:
            self.sockets.append(socket.url)

    def goto(self, url: str) -> Page:
        self.asked.clear()
        self.tab.goto(url)
        return self.tab

    def _answer(self, route: Route) -> None:
        request = route.request
        self.asked.append(request.url)
        body = self.scripts.get(request.url.partition("?")[0])
        if body is None:
            body = "" if request.resource_type == "script" else "<p>outside</p>"
        kinds = {"script": "text/javascript", "image": "image/svg+xml", "stylesheet": "text/css"}
        kind = kinds.get(request.resource_type, "text/html")
        if request.resource_type == "eventsource":
            kind = "text/event-stream"
        if request.resource_type == "image":
            body = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
        cors = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
        route.fulfill(status=200, headers={"Content-Type": kind, **cors}, body=body)


Open = Callable[..., tuple[Shop, World]]
"""Open a site with these settings."""


@contextmanager
def opened(folder: Path, browser: Browser, **settings: Any) -> Iterator[tuple[Shop, World]]:
    """A new site with these settings, and a visitor who has never been there."""
    shop = Shop(folder, **settings)
    world = World(browser, shop.url)
    try:
        yield shop, world
    finally:
        world.context.close()
        shop.close()
