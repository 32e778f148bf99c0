"""The demonstration site, raw: what a shop looks like before anybody has thought about consent.

Its pages carry the tags of every system in the catalogue's first part, unmarked, as the vendors
publish them. :func:`respond` is pure, so that any framework can serve the pages; :data:`asgi_app`
and :data:`wsgi_app` serve them without one, and without any protection of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from typing import TYPE_CHECKING, Final, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from consentkit.demo.settings import settings_for_demo
from consentkit.demo.vendors import NOSCRIPT_HOSTS, VENDOR_HOSTS

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from starlette.types import Message, Receive, Scope, Send

__all__ = [
    "NOSCRIPT_HOSTS",
    "PAGES",
    "VENDOR_HOSTS",
    "Consent",
    "asgi_app",
    "respond",
    "settings_for_demo",
    "wsgi_app",
]


class Consent(Protocol):
    """What the pages ask of the visitor's decision, if there is one."""

    def granted(self, category: str, /) -> bool:
        """Whether everything in a category may run."""

    def settings_link(self) -> Markup:
        """A link to the preferences page."""


_TEMPLATES: Final = {
    "/": "home.html",
    "/product": "product.html",
    "/contact": "contact.html",
    "/blog": "blog.html",
    "/privacy": "privacy.html",
}
PAGES: Final[tuple[str, ...]] = tuple(_TEMPLATES)
"""The paths of the pages."""

_ASSETS: Final = "/assets/"
_HTML: Final = "text/html; charset=utf-8"
_CONTENT_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_SETTINGS_LINK: Final = Markup('<a href="/consent/">Cookie settings</a>')

_environment = Environment(
    loader=PackageLoader("consentkit.demo"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Read whole at import, a few dozen kilobytes: what is not in this table cannot be asked for, so
# no path of a request ever reaches the file system.
_assets: Final = {
    _ASSETS + file.name: (_CONTENT_TYPES[file.name.rpartition(".")[2]], file.read_bytes())
    for file in resources.files("consentkit.demo").joinpath("assets").iterdir()
}
# Browsers ask for this where a page links to no icon, as consentkit's own pages do not.
_assets["/favicon.ico"] = _assets[_ASSETS + "favicon.svg"]


def respond(path: str, consent: Consent | None = None) -> tuple[int, str, bytes]:
    """Answer a GET: status, content type and body of a page or an asset.

    Args:
        path: the decoded path of the request, without its query.
        consent: the visitor's decision, where consentkit serves the site.
    """
    if path in _assets:
        return 200, *_assets[path]
    template = _TEMPLATES.get(path)
    html = _environment.get_template(template or "missing.html").render(
        path=path,
        consent=consent,
        settings_link=_SETTINGS_LINK if consent is None else consent.settings_link(),
    )
    return 200 if template else 404, _HTML, html.encode()


async def asgi_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the site over ASGI."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http":
        status, headers, body = _answer(scope["method"], scope["path"], scope.get("consentkit"))
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), value.encode()) for name, value in headers],
            }
        )
        await send({"type": "http.response.body", "body": body})
    else:
        # The site has no WebSockets; refusing the handshake is how ASGI says so.
        await send({"type": "websocket.close"})


async def _live(receive: Receive, send: Send) -> None:
    message: Message = await receive()
    while message["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
        message = await receive()
    await send({"type": "lifespan.shutdown.complete"})


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve the site over WSGI."""
    # PEP 3333 hands the path over as the latin-1 reading of its bytes.
    path = environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace")
    status, headers, body = _answer(environ["REQUEST_METHOD"], path, environ.get("consentkit"))
    start_response(f"{status} {_REASONS[status]}", headers)
    return [body]


_REASONS: Final = {200: "OK", 404: "Not Found", 405: "Method Not Allowed"}


def _answer(
    method: str, path: str, consent: Consent | None
) -> tuple[int, list[tuple[str, str]], bytes]:
    if method not in ("GET", "HEAD"):
        return 405, [("allow", "GET, HEAD"), ("content-length", "0")], b""
    status, content_type, body = respond(path, consent)
    headers = [
        ("content-type", content_type),
        ("content-length", str(len(body))),
        ("x-content-type-options", "nosniff"),
    ]
    return status, headers, b"" if method == "HEAD" else body
