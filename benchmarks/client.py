"""What consent costs a visitor: a page with consentkit, with three browser-side managers, and bare.

    npm install --prefix DIR vanilla-cookieconsent@3.1.0 klaro@0.7.22 tarteaucitronjs@1.34.0
    pip install brotli
    python benchmarks/client.py DIR [rounds]

In a real Chromium as a phone: processor slowed four times, 150 ms and 1.6 Mbit/s, a cold cache. The
page has a style sheet, a script and a picture of its own and no third party; every server answer is
compressed. The subjects take turns; medians are printed, times in milliseconds. "banner" is the
first frame with the banner in it. Bytes are those of what each subject adds (scripts and styles).
"""

# ruff: noqa: T201
from __future__ import annotations

import gzip
import json
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import brotli
from playwright.sync_api import Browser, sync_playwright

from consentkit.wsgi import ConsentMiddleware

ROUNDS = 7
KEY = "a key of thirty-two characters ok"
App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_RNG = random.Random(7)  # noqa: S311
_WORDS = "the price of a lamp and its light over desk shelf stairs with brass oak glass".split()


def _text(words: int) -> str:
    return " ".join(_RNG.choices(_WORDS, k=words))


_CSS = "body{font:16px/1.5 sans-serif;margin:1rem}img{width:100%;aspect-ratio:2}" + "".join(
    f".{word}-{n}{{margin:{n}px;color:#{n:03x}}}" for n in range(60) for word in _WORDS[:4]
)
_JS = "".join(f"function f{n}(a){{return a*{n}+'{_text(5)}'}}\n" for n in range(120))
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 400">'
    + "".join(
        f'<rect x="{_RNG.random() * 800:.9f}" y="{_RNG.random() * 400:.9f}" width="9" height="9"/>'
        for _ in range(900)
    )
    + "</svg>"
)
_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>Lamps</title>'
    '<link rel="stylesheet" href="/site.css">%HEAD%</head><body><h1>Lamps</h1>'
    '<img src="/hero.svg" alt="">'
    + "".join(f"<p class=lamp-{n}>{_text(60)}</p>" for n in range(60))
    + '%FOOT%<script src="/site.js" defer></script></body></html>'
)

# Each as its guide tells owners to put it in, with the same three categories.
_VANILLA = """CookieConsent.run({categories: {necessary: {enabled: true, readOnly: true},
 functional: {}, analytics: {}, marketing: {}}, language: {default: 'en', translations: {en: {
 consentModal: {title: 'Your choice about cookies', description: 'We use cookies if you allow it.',
  acceptAllBtn: 'Accept all', acceptNecessaryBtn: 'Reject all', showPreferencesBtn: 'Choose'},
 preferencesModal: {title: 'Cookies', acceptAllBtn: 'Accept all', acceptNecessaryBtn: 'Reject all',
  savePreferencesBtn: 'Save', closeIconLabel: 'Close', sections: [
  {title: 'Functional', linkedCategory: 'functional'},
  {title: 'Analytics', linkedCategory: 'analytics'},
  {title: 'Marketing', linkedCategory: 'marketing'}]}}}}});"""
_KLARO = """window.klaroConfig = {services: [
 {name: 'films', purposes: ['functional']}, {name: 'counter', purposes: ['analytics']},
 {name: 'pixel', purposes: ['marketing']}]};"""
_TARTEAUCITRON = """tarteaucitron.init({privacyUrl: '/', hashtag: '#t', orientation: 'bottom',
 bodyPosition: 'top', DenyAllCta: true, AcceptAllCta: true, highPrivacy: true, showIcon: false});
 tarteaucitron.user.gtagUa = 'G-X'; (tarteaucitron.job = tarteaucitron.job || []).push('gtag');"""

SUBJECTS: Mapping[str, tuple[str, str, str]] = {
    # name ─► head, foot, what the banner is found by
    "bare": ("", "", ""),
    "consentkit": ("", "", "[data-consentkit=banner]"),
    "vanilla-cookieconsent": (
        '<link rel="stylesheet" href="/n/vanilla-cookieconsent/dist/cookieconsent.css">',
        (
            '<script src="/n/vanilla-cookieconsent/dist/cookieconsent.umd.js"></script>'
            f"<script>{_VANILLA}</script>"
        ),
        "#cc-main .cm",
    ),
    "klaro": (
        f"<script>{_KLARO}</script><script defer src='/n/klaro/dist/klaro.js'></script>",
        "",
        ".klaro .cookie-notice, .klaro .cookie-modal",
    ),
    "tarteaucitron": (
        (
            '<script src="/n/tarteaucitronjs/tarteaucitron.min.js"></script>'
            f"<script>{_TARTEAUCITRON}</script>"
        ),
        "",
        "#tarteaucitronAlertBig",
    ),
}

_WATCH = """(() => {
  const seen = window.seen = {fcp: 0, lcp: 0, cls: 0, tbt: 0, banner: 0};
  const watch = (type, take) => new PerformanceObserver(list => list.getEntries().forEach(take))
    .observe({type, buffered: true});
  watch('paint', e => { if (e.name == 'first-contentful-paint') seen.fcp = e.startTime; });
  watch('largest-contentful-paint', e => { seen.lcp = e.startTime; });
  watch('layout-shift', e => { seen.cls += e.value; });
  watch('longtask', e => { seen.tbt += Math.max(0, e.duration - 50); });
  const selector = %s;
  const look = () => {
    const box = selector && document.querySelector(selector)?.getBoundingClientRect();
    if (box?.height && box.top < innerHeight) seen.banner = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()"""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def site(head: str, foot: str, modules: Path) -> App:
    """The page with what a subject puts into it."""
    page = _PAGE.replace("%HEAD%", head).replace("%FOOT%", foot)
    own = {"/": ("text/html", page), "/site.css": ("text/css", _CSS)}
    own |= {"/site.js": ("text/javascript", _JS), "/hero.svg": ("image/svg+xml", _SVG)}

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in own:
            kind, body = own[path][0], own[path][1].encode()
        elif path.startswith("/n/") and (file := modules / path[3:]).is_file():
            kind = {".js": "text/javascript", ".css": "text/css"}.get(file.suffix, "text/plain")
            body = file.read_bytes()
        else:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b""]
        start_response("200 OK", [("Content-Type", kind + "; charset=utf-8")])
        return [body]

    return app


def compressed(app: App) -> App:
    """Gzip, as a server in front of all of them does."""

    def outer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        told: list[Any] = []

        def note(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            told[:] = [status, headers]
            return None

        body = b"".join(app(environ, note))
        status, headers = told
        if not any(name.lower() == "content-encoding" for name, _ in headers):
            body = gzip.compress(body, 6)
            headers = [*headers, ("Content-Encoding", "gzip")]
        headers = [(n, v) for n, v in headers if n.lower() != "content-length"]
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]

    return outer


def visit(browser: Browser, url: str, selector: str) -> dict[str, Any]:
    """One visit with an empty cache."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True
    )
    page = context.new_page()
    added: list[Any] = []
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("response", lambda response: added.append(response))  # noqa: PLW0108 - Playwright marks it
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    speed = 1.6e6 / 8
    devtools.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 150, "downloadThroughput": speed, "uploadThroughput": speed},
    )
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.add_init_script(_WATCH % json.dumps(selector))
    page.goto(url, wait_until="load")
    page.wait_for_timeout(2500)
    found: dict[str, Any] = page.evaluate("seen")
    found["requests"] = len([each for each in requests if not each.endswith("favicon.ico")])
    own = ("/", "/site.css", "/site.js", "/hero.svg", "/favicon.ico")
    raw = [r.body() for r in added if r.status == 200 and not r.url.endswith(own)]
    found["raw"] = sum(map(len, raw))
    found["gzip"] = sum(len(gzip.compress(each, 9)) for each in raw)
    found["brotli"] = sum(map(_brotli, raw))
    context.close()
    return found


def _brotli(data: bytes) -> int:
    return len(brotli.compress(data, quality=11))


def main(folder: str, rounds: int) -> None:
    modules = Path(folder) / "node_modules"
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    urls = {}
    for name, (head, foot, _) in SUBJECTS.items():
        app = site(head, foot, modules)
        if name == "consentkit":
            log = f"sqlite:///{Path(tempfile.mkdtemp()) / 'consent.db'}"
            app = ConsentMiddleware(app, {"secret_keys": [KEY], "log": log})
        server = make_server(
            "127.0.0.1", 0, compressed(app), server_class=_Server, handler_class=_Handler
        )
        Thread(target=server.serve_forever, daemon=True).start()
        urls[name] = f"http://127.0.0.1:{server.server_port}/"
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in SUBJECTS}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for turn in range(rounds + 1):
            for name, (_, _, selector) in SUBJECTS.items():
                found = visit(browser, urls[name], selector)
                if turn:  # the first one warms the machine up
                    results[name].append(found)
        browser.close()
    columns = ("requests", "raw", "gzip", "brotli", "fcp", "banner", "lcp", "cls", "tbt")
    print("| | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for name, found_all in results.items():
        median = {key: statistics.median(each[key] for each in found_all) for key in columns}
        cells = (f"{median[key]:.3f}" if key == "cls" else f"{median[key]:.0f}" for key in columns)
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS)
