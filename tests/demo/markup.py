"""What a page of the site makes a browser fetch, read by a parser that knows nothing of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import turbohtml

BASE = "http://127.0.0.1/"

# Which attribute of which element is fetched as soon as the page is shown. A form's action and a
# link's target are not, and a connection opened in advance fetches nothing.
_FETCHES = ("script[src]", "img[src]", "iframe[src]", "link[rel=stylesheet][href]")


def fetched(html: str, *, scripting: bool) -> set[str]:
    """Every absolute URL in the markup that a browser fetches by itself.

    With scripting the contents of ``noscript`` are text, as in a browser that runs scripts.
    """
    page = turbohtml.parse(html, scripting=scripting)
    urls: set[str] = set()
    for selector in _FETCHES:
        name = re.findall(r"\[(\w+)\]", selector)[-1]
        for element in page.select(selector):
            urls.add(urljoin(BASE, attribute(element, name)))
            urls.update(urljoin(BASE, url) for url in _candidates(attribute(element, "srcset")))
    return urls


def attribute(element: turbohtml.Element, name: str) -> str:
    """An attribute's value, empty when it is not there."""
    value = element.attrs.get(name, "")
    return value if isinstance(value, str) else " ".join(value or ())


def foreign_hosts(urls: set[str]) -> set[str]:
    """The hosts of those URLs that are not the site's own."""
    return {host for url in urls if (host := urlsplit(url).hostname or "") != "127.0.0.1"}


def inline_scripts(html: str) -> list[str]:
    """The code of every script that stands in the page itself and would run."""
    page = turbohtml.parse(html, scripting=True)
    return [
        script.text
        for script in page.select("script:not([src])")
        if script.attrs.get("type", "text/javascript") == "text/javascript"
    ]


def _candidates(srcset: str) -> Iterator[str]:
    for candidate in srcset.split(","):
        if candidate.strip():
            yield candidate.split()[0]
