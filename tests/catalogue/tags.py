"""What a browser would fetch and run of a piece of HTML, for tests below the gate."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from consentkit.catalogue.model import Service
from consentkit.policy.matcher import Matcher

__all__ = ["found"]

_FETCHING = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "link": "href",
    "object": "data",
}


class _Tags(HTMLParser):
    """Collects the addresses and the inline scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.code: list[str] = []
        self._inline = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        url = values.get(_FETCHING.get(tag, ""))
        if url:
            self.urls.append(urljoin("https://www.example.com/page", url))
        json = "json" in (values.get("type") or "") or (values.get("type") or "").startswith("IN/")
        self._inline = tag == "script" and not url and not json

    def handle_data(self, data: str) -> None:
        if self._inline:
            self.code.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inline = False


def found(matcher: Matcher, html: str) -> Iterator[tuple[str, tuple[Service, ...]]]:
    """Each address and inline script of the piece, with the services it is told by."""
    tags = _Tags()
    tags.feed(html)
    tags.close()
    for url in tags.urls:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        yield url, matcher.url((parts.hostname or "").lower(), target)
    for code in tags.code:
        yield code, matcher.inline(code.encode())
