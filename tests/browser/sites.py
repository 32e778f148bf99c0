"""The sites that the browser tests visit, and whom their pages would contact."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from consentkit.demo.vendors import NOSCRIPT_HOSTS, VENDOR_HOSTS
from tests.browser import servers

Hosts = Mapping[str, str]
"""Host ─► the category that has to be granted before it may be contacted."""

#: Hosts that a page only connects to in advance (preconnect); the demonstration lists requests.
CONNECTED: Mapping[str, Hosts] = {"/blog": {"fonts.gstatic.com": "functional"}}

#: What vendors' own inline code complains of, since the sink's scripts are empty. Whatever else
#: stands in a console is a fault of ours or of the site's.
COMPLAINTS: Mapping[str, frozenset[str]] = {
    "/": frozenset({"uncaught: jQuery is not defined"}),
    "/product": frozenset({"uncaught: window.dojoRequire is not a function"}),
    "/contact": frozenset({"uncaught: jQuery is not defined"}),
    "/blog": frozenset(),
    "/privacy": frozenset({"uncaught: twttr is not defined"}),
}

#: The same complaint where a stand-in of ours has given way to a library that is empty.
GIVEN_WAY = frozenset({"uncaught: Cannot read properties of undefined (reading 'conversion')"})

_COMMANDS: Mapping[str, Callable[[int], list[str]]] = {
    "raw": lambda port: servers.uvicorn(port, "consentkit.demo.site:asgi_app"),
    # The command that people run, on both its stacks.
    "asgi": servers.demo,
    "wsgi": lambda port: servers.demo(port, "--wsgi"),
    # The same site on another server, and as an application of each framework.
    "gunicorn": lambda port: servers.gunicorn(port, "tests.browser.apps:protected_wsgi"),
    "starlette": lambda port: servers.uvicorn(port, "app:app"),
    "flask": lambda port: servers.waitress(port, "app:app"),
    "django-wsgi": lambda port: servers.gunicorn(port, "shop.wsgi:application"),
    "django-asgi": lambda port: servers.uvicorn(port, "shop.asgi:application"),
}
_EXAMPLES: Mapping[str, str] = {
    "starlette": "starlette_app",
    "flask": "flask_app",
    "django-wsgi": "django_app",
    "django-asgi": "django_app",
}
_EVERY_PAGE = tuple(VENDOR_HOSTS)
_PAGES: Mapping[str, tuple[str, ...]] = {
    "asgi": _EVERY_PAGE,
    "wsgi": _EVERY_PAGE,
    "gunicorn": ("/", "/product"),
    "starlette": ("/product",),
    "flask": _EVERY_PAGE,
    "django-wsgi": _EVERY_PAGE,
    "django-asgi": ("/", "/contact"),
}

#: Every protected site with the pages of it that are visited.
VISITS = [(kind, page) for kind, pages in _PAGES.items() for page in pages]


def hosts(page: str, categories: Collection[str], *, javascript: bool = True) -> set[str]:
    """Whom a page requests something from when these categories are granted."""
    listed = VENDOR_HOSTS[page] if javascript else NOSCRIPT_HOSTS[page]
    return {host for host, category in listed.items() if category in categories}


def hinted(page: str, categories: Collection[str]) -> set[str]:
    """Whom it may connect to besides; the browser does not when a connection is open already."""
    return {host for host, category in CONNECTED.get(page, {}).items() if category in categories}


@contextmanager
def site(kind: str, folder: Path) -> Iterator[str]:
    """Serve a site; its URL. The folder takes its consent log."""
    port = servers.free_port()
    example = [f"examples/{_EXAMPLES[kind]}"] if kind in _EXAMPLES else []
    with servers.serve(_COMMANDS[kind](port), port, folder=folder, paths=example) as url:
        yield url
