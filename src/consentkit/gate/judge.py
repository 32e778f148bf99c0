"""What must be agreed to before a URL may be fetched or a piece of code may run.

A judge is made of the policy and one visitor's decision. It answers with a :class:`Verdict`; an
empty one means that the tag may stay live. Whatever a category is missing for is held back.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from consentkit.catalogue.model import Service
from consentkit.gate.carriers import refresh_url
from consentkit.gate.charrefs import decode_attribute
from consentkit.gate.css import css_urls
from consentkit.gate.urls import PLAIN_PATH, Location, locate, locate_text, srcset_urls
from consentkit.policy import Policy
from consentkit.settings import UNCLASSIFIED

__all__ = ["OPEN", "UNKNOWN", "Judge", "Verdict"]


class Verdict(NamedTuple):
    """Why something is held back; empty when it is not.

    Attributes:
        categories: every category that must be granted, in the order of the policy.
        services: the services that were recognised; none for an unknown third party.
    """

    categories: tuple[str, ...]
    services: tuple[Service, ...]

    def __bool__(self) -> bool:
        return bool(self.categories)


OPEN = Verdict((), ())
UNKNOWN = Verdict((UNCLASSIFIED,), ())

# How the URLs lie in an attribute that holds several, by the kind of its carrier.
_URLS: Mapping[str, Callable[[str], Iterable[str]]] = {
    "srcset": srcset_urls,
    "urls": str.split,
    "values": lambda text: text.split(";"),
    "refresh": lambda text: (refresh_url(text),),
}


class Judge:
    """Judges the carriers of one page.

    Args:
        policy: the site's policy.
        granted: the categories that this visitor granted (those always on included).
        site: the host of the page, for telling first from third parties.

    Attributes:
        scope: all that its answers depend on.
    """

    def __init__(self, policy: Policy, granted: frozenset[str], site: str = "") -> None:
        self.scope = (policy, granted, site)
        self._policy = policy
        self._matcher = policy.matcher
        self._granted = granted
        self._site = site
        self._verdicts: dict[tuple[str, ...], Verdict] = {}

    def attribute(self, kind: str, value: bytes, base: Location | None = None) -> Verdict:
        """Judge the value of a fetching attribute, by the kind of its carrier.

        Args:
            base: where relative URLs start, when the page's ``<base>`` says so.
        """
        if kind == "url":
            return self.url(value, base)
        # Separators may be written as character references, so these are undone first.
        text = decode_attribute(value)
        if kind == "css":
            return self.css(text.encode(), base)
        if kind == "handler":
            return self.code(text.encode())
        return self._texts(_URLS[kind](text), base)

    def url(self, value: bytes, base: Location | None = None) -> Verdict:
        """Judge a URL as it stands in an attribute."""
        if base is None and PLAIN_PATH.match(value):  # most are: a short way
            path = value.decode("ascii")
            return self.services(self._matcher.url(self._site, _slashed(path)))
        return self._location(locate(value, base))

    def _texts(self, urls: Iterable[str], base: Location | None) -> Verdict:
        return self.all(self._location(locate_text(url, base)) for url in urls)

    def code(self, code: bytes) -> Verdict:
        """Judge a text that may have code in it, such as a document in a ``data:`` URL."""
        return self.services(self._matcher.text(code))

    def script(self, code: bytes) -> Verdict:
        """Judge one whole inline script: what cannot run in it does not count."""
        return self.services(self._matcher.inline(code))

    def css(self, css: bytes, base: Location | None = None) -> Verdict:
        """Judge a style sheet by all that it loads."""
        return self._texts(css_urls(css), base)

    def services(self, services: tuple[Service, ...]) -> Verdict:
        """The verdict on something that brings ``services`` along."""
        if not services:
            return OPEN
        key = tuple(service.id for service in services)
        verdict = self._verdicts.get(key)
        if verdict is None:
            needed = {c for service in services for c in self._policy.requirements(service)}
            verdict = self._verdict(needed, services)
            self._verdicts[key] = verdict
        return verdict

    @property
    def held(self) -> tuple[Verdict, ...]:
        """The verdicts so far by which services were held back, each once."""
        return tuple(verdict for verdict in self._verdicts.values() if verdict)

    def marked(self, names: bytes) -> Verdict:
        """The verdict on a tag that its author marked with ``data-consent``."""
        needed = self._policy.spelled_out(decode_attribute(names).lower().split())
        return self._verdict(set(needed), ())

    def all(self, verdicts: Iterable[Verdict]) -> Verdict:
        """One verdict that asks for everything that ``verdicts`` ask for."""
        found = OPEN
        for verdict in verdicts:
            if verdict and verdict is not found:
                services = tuple(dict.fromkeys(found.services + verdict.services))
                found = self._verdict({*found.categories, *verdict.categories}, services)
        return found

    def _verdict(self, needed: set[str], services: tuple[Service, ...]) -> Verdict:
        if needed <= self._granted:
            return OPEN
        return Verdict(self._policy.ordered(needed), services)

    def _location(self, location: Location | None) -> Verdict:
        if location is None:
            return OPEN
        if location.scheme == "javascript":
            return self.code(unquote_to_bytes(location.target))
        if location.scheme == "data":
            return self.code(_data(location.target))
        host = location.host
        if not host:
            return self.services(self._matcher.url(self._site, _slashed(location.target)))
        if self._policy.allows(host):
            return OPEN
        services = self._matcher.url(host, location.target)
        if not services and self._policy.is_stranger(host, self._site):
            return UNKNOWN
        return self.services(services)


def _slashed(target: str) -> str:
    return target if target.startswith("/") else "/" + target


def _data(rest: str) -> bytes:
    """The content of a ``data:`` URL (RFC 2397)."""
    header, _, body = rest.partition(",")
    content = unquote_to_bytes(body)
    if header.lower().replace(" ", "").endswith(";base64"):
        try:
            return base64.b64decode(content + b"=" * (-len(content) % 4))
        except binascii.Error:
            return content
    return content
