"""A small site for the client script: pages with inert tags as the gate writes them, and an
endpoint that answers as the engine does. Nothing of the server side but the renderer takes part.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Playwright

from consentkit.banner.render import Renderer
from consentkit.banner.view import (
    CategoryView,
    CookieView,
    NoticeView,
    PreferencesView,
    ServiceView,
    State,
)

STATIC = Path(__file__).parents[2] / "src/consentkit/static"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHOOSABLE = ("functional", "analytics", "marketing")
RENDERER = Renderer()
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def service(name: str, provider: str) -> ServiceView:
    return ServiceView(
        id=name.lower(),
        name=name,
        provider=provider,
        country="US",
        purposes=("Counts visits.", "Shows which pages are read."),
        privacy_url="https://provider.example/privacy",
        opt_out_url="https://provider.example/opt-out",
        cookies=(
            CookieView(name=f"_{name.lower()}", duration="2 years", purpose="Tells visitors apart"),
            CookieView(name="a_rather_long_name_of_a_cookie_*", duration="session"),
        ),
    )


def categories(states: Mapping[str, State] = MappingProxyType({})) -> tuple[CategoryView, ...]:
    return (
        CategoryView(id="necessary", locked=True, state="granted"),
        *(
            CategoryView(
                id=id_, state=states.get(id_, "unset"), services=(service(id_, "Provider Inc."),)
            )
            for id_ in CHOOSABLE
        ),
    )


def preferences(**changes: object) -> str:
    """The page at /consent/."""
    values: dict[str, object] = {
        "css_urls": ("/consentkit.css", "/pages.css"),
        "site_name": "Hillside Books",
        "action_url": "/consent/",
        "preferences_url": "/consent/",
        "policy_url": "/consent/policy",
        "categories": categories(),
        "next": "/",
        "token": "the-token",
        **changes,
    }
    return RENDERER.preferences_page(PreferencesView(**values)).decode()  # type: ignore[arg-type]


def banner(**changes: object) -> str:
    values: dict[str, object] = {
        "site_name": "Hillside Books",
        "action_url": "/consent/",
        "preferences_url": "/consent/",
        "policy_url": "/consent/policy",
        "categories": categories(),
        **changes,
    }
    view = NoticeView(**values)  # type: ignore[arg-type]
    return RENDERER.banner(view).fill(next="/", token="the-token").decode()


def embed(category: str, url: str = "https://video.example/1") -> str:
    return RENDERER.embed(
        service="Videos",
        category_id=category,
        category_title="",
        url=url,
        preferences_url="/consent/",
    ).decode()


def inline(code: str, category: str = "analytics", attributes: str = "") -> str:
    return f'<script type="text/plain" data-consent="{category}" {attributes}>{code}</script>'


def external(path: str, category: str = "analytics", attributes: str = "") -> str:
    return (
        f'<script type="text/plain" data-consent="{category}" {attributes}'
        f' data-consent-src="{path}"></script>'
    )


def document(
    body: str,
    *,
    head: str = "",
    client: str = "",
    shown: str | None = None,
    state: str = "unset",
    nonce: str = "",
) -> str:
    """A page with the banner and the client, as the engine puts them in."""
    return (
        f'<!DOCTYPE html><html lang="en" data-consentkit-state="{state}"><head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>Page</title>"
        f'<link rel="stylesheet" href="/consentkit.css" data-consentkit="styles"{nonce}>'
        '<script src="/consentkit.js" data-consentkit="client" data-action="/consent/"'
        f" {client} defer></script>{head}</head><body>"
        f"{banner() if shown is None else shown}"
        f"<script>window.ran = []; window.stayed = true;</script>{body}</body></html>"
    )


class Stage:
    """What the site serves, and what it was sent."""

    def __init__(self) -> None:
        #: path -> body; the type follows the ending
        self.files: dict[str, str] = {}
        #: path -> headers
        self.headers: dict[str, dict[str, str]] = {}
        #: path -> seconds until it is served
        self.slow: dict[str, float] = {}
        #: path -> another path that must have been asked for first
        self.after: dict[str, str] = {}
        self.reload = False
        #: how the endpoint fails when it is asked in JSON: a status, or "html"
        self.failure: int | str | None = None
        #: each choice as it came: "json" or "form", and its fields
        self.choices: list[tuple[str, dict[str, object]]] = []
        self.asked: list[str] = []
        #: what the visitor has chosen, for the page at /consent/
        self.states: dict[str, State] = {}
        stage = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stage._get(self)

            def do_POST(self) -> None:
                stage._post(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def script(self, path: str, code: str = "", *, slow: float = 0.0) -> str:
        """Serve a script that notes its path; returns the path."""
        self.files[path] = f"ran.push({json.dumps(path)});{code}"
        self.slow[path] = slow
        return path

    def _get(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        self.asked.append(path)
        time.sleep(self.slow.get(path, 0.0))
        while path in self.after and self.after[path] not in self.asked:
            time.sleep(0.01)
        body = self.files.get(path)
        if body is None and path == "/consent/":
            body = preferences(categories=categories(self.states))
        if body is None and path in {f"/{file.name}" for file in STATIC.iterdir()}:
            body = (STATIC / path[1:]).read_text(encoding="ascii")
        kind = _TYPES.get(Path(path).suffix, "text/html")
        headers = {"Content-Type": kind, **self.headers.get(path, {})}
        self._answer(handler, 404 if body is None else 200, headers, body or "")

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        fields: dict[str, object]
        if handler.path != "/consent/":
            self._answer(handler, 404, {}, "")
            return
        if handler.headers["Content-Type"] == "application/json":
            fields = json.loads(raw)
            self.choices.append(("json", fields))
            if self.failure is not None:
                status = 200 if isinstance(self.failure, str) else self.failure
                self._answer(handler, status, {"Content-Type": "text/html"}, "<p>no")
                return
            given = fields.get("categories")
            outcome = self._outcome(fields["action"], given if isinstance(given, list) else [])
            self.states.update(outcome)
            answer = {"state": "set", "categories": outcome, "reload": self.reload, "next": "/"}
            self._answer(handler, 200, {"Content-Type": "application/json"}, json.dumps(answer))
        else:
            form = parse_qs(raw, keep_blank_values=True)
            fields = {k: v if k == "category" else v[0] for k, v in form.items()}
            self.choices.append(("form", fields))
            self._answer(handler, 303, {"Location": "/saved"}, "")

    def _outcome(self, action: object, given: list[object]) -> dict[str, State]:
        granted = {"accept": list(CHOOSABLE), "reject": []}.get(str(action), given)
        return {id_: "granted" if id_ in granted else "denied" for id_ in CHOOSABLE}

    def _answer(
        self, handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: str
    ) -> None:
        data = body.encode()
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)


@contextmanager
def chromium_browser(playwright: Playwright, chromium: Path) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
    try:
        yield browser
    finally:
        browser.close()
