"""A visitor at a real Chromium, whose every way out of the house ends in a sink of its own.

Each visitor is a browser with a new profile. A profile of its own rather than one of Playwright's
incognito contexts, because Chromium does not act on `preconnect` and `dns-prefetch` in those, and a
hint is a leak too.

Two independent witnesses tell what went out: the sink (what arrived) and the browser (what it says
it asked for).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright, Request

from tests.browser.sink import RESOLVER, Sink

# --disable-background-networking and its kin keep Chromium from talking on its own account; the
# last three send what it still wants to say (sign-in, updates, forms) to a closed port of loopback.
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    "--gaia-url=http://127.0.0.1:1/",
    "--component-updater=url-source=http://127.0.0.1:1/",
    "--autofill-server-url=http://127.0.0.1:1/",
)
#: How long nothing must arrive before a page counts as having said all it has to say, in seconds.
_QUIET = 0.3
#: The same while a connection is open that has not said whom it is for.
_SILENCE = 2.0
_PATIENCE = 15.0


class Visitor:
    """A person at a browser: goes to pages, presses buttons, and can be asked what leaked."""

    def __init__(self, context: BrowserContext, sink: Sink) -> None:
        self.context = context
        self.sink = sink
        self.page: Page = context.pages[0] if context.pages else context.new_page()
        #: Console errors and uncaught exceptions, in the order of their coming.
        self.faults: list[str] = []
        self._asked: list[str] = []
        context.on("request", self._asks)
        context.on("console", self._says)
        context.on("weberror", lambda error: self.faults.append(f"uncaught: {error.error}"))

    def _asks(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in {"http", "https", "ws", "wss"} and url.hostname != "127.0.0.1":
            self._asked.append(url.hostname or request.url)

    def _says(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"{message.text} ({message.location.get('url', '')})")

    def goto(self, url: str) -> None:
        """Open a page, forget what went out before, and wait until it is quiet."""
        self.forget()
        self.page.goto(url, wait_until="load")
        self.settle()

    def reload(self) -> None:
        self.forget()
        self.page.reload(wait_until="load")
        self.settle()

    def press(self, selector: str) -> None:
        """Press a button, forget what went out before, and wait until it is quiet."""
        self.forget()
        self.page.click(selector)
        self.page.wait_for_load_state("load")
        self.settle()

    def forget(self) -> None:
        self._asked.clear()
        self.sink.forget()

    def settle(self) -> None:
        """Wait until nothing has gone out for a moment.

        An open connection that has not said its name yet is about to, on a busy machine; one that
        keeps silent for long is a preconnect.
        """
        until = time.monotonic() + _PATIENCE
        seen, since = self._seen(), time.monotonic()
        while time.monotonic() < until:
            self.page.wait_for_timeout(50)
            if (now := self._seen()) != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > (_SILENCE if self.sink.silent else _QUIET):
                return

    def wait_for(self, expected: Iterable[str]) -> None:
        """Wait until all these hosts have been contacted, or patience ends; then until quiet."""
        wanted = set(expected)
        until = time.monotonic() + _PATIENCE
        while not wanted <= self.arrived() and time.monotonic() < until:
            self.page.wait_for_timeout(50)
        self.settle()

    def arrived(self) -> set[str]:
        """The hosts that the sink saw: connections, requests, look-ups."""
        return {visit.host for visit in self.sink.visits()}

    def outside(self) -> set[str]:
        """The hosts outside that were contacted or asked for, by both witnesses together."""
        return self.arrived() | set(self._asked)

    def _seen(self) -> tuple[int, int, int]:
        return len(self.sink.visits()), self.sink.silent, len(self._asked)


# What a browser with Global Privacy Control has beside the header (GPC 3.2).
_GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"


class Open(Protocol):
    """Open a browser for a visitor.

    JavaScript on or off, with Global Privacy Control or without; names lead to the sink
    (connections show) or, with `lookups`, to its resolver (look-ups show).
    """

    def __call__(
        self, *, javascript: bool = True, gpc: bool = False, lookups: bool = False
    ) -> AbstractContextManager[Visitor]: ...


@contextmanager
def visitor(
    playwright: Playwright,
    sink: Sink,
    profile: Path,
    executable: Path,
    *,
    javascript: bool = True,
    gpc: bool = False,
    lookups: bool = False,
) -> Iterator[Visitor]:
    """Start a browser with a new profile in an empty folder, and end it afterwards."""
    arguments = list(_ARGUMENTS)
    if lookups:
        # Secure DNS without a fallback, so that no name is asked of anyone but the sink.
        resolver = f"https://127.0.0.1:{sink.port}{RESOLVER}{{?dns}}"
        state = {"dns_over_https": {"mode": "secure", "templates": resolver}}
        (profile / "Local State").write_text(json.dumps(state), encoding="utf-8")
    else:
        arguments.append(f"--host-resolver-rules=MAP * 127.0.0.1:{sink.port}, EXCLUDE 127.0.0.1")
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=executable,
        args=arguments,
        java_script_enabled=javascript,
        extra_http_headers={"Sec-GPC": "1"} if gpc else {},
        viewport={"width": 1000, "height": 800},
    )
    if gpc:
        context.add_init_script(_GPC)
    try:
        yield Visitor(context, sink)
    finally:
        context.close()
