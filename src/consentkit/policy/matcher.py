"""Telling whose tag this is: by its address, by its inline code, by the cookie it sets.

Everything is exact and total: hosts match on label boundaries only (``t.co`` never matches
``checkout.com``), any input gives an answer, and the time is linear in the input, whatever the
number of services. A matcher never changes; its caches are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from consentkit.catalogue.model import Service

__all__ = ["Matcher"]

_Services = tuple[Service, ...]

_URLS_CACHED = 4096
_LONGEST_URL_CACHED = 1024
_SCRIPTS_CACHED = 256
_LONGEST_SCRIPT_CACHED = 65_536

# A host name has at most 253 characters (RFC 1035 section 2.3.4), so nothing is fetched from a
# longer one; without the bound a host of many dots would be walked in quadratic time.
_LONGEST_HOST = 253

# What may follow a name whose rule ends in ".*": one label, or two like "co.uk". Other pairs of
# labels are a name that somebody registered, such as google.evil.example.
_PUBLIC_SUFFIX = re.compile(
    r"\.(?:(?:ac|co|com|edu|go|gob|gov|ne|net|nom|or|org)\.[a-z]{2}|[a-z]{2,63}|xn--[a-z0-9-]+)\Z"
)

# Everything that is no letter, digit, underscore or dollar becomes a space, so that splitting gives
# the words of a script: more than twice as fast as any regular expression that finds them.
_WORD_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$")
_TO_WORDS = bytes(byte if byte in _WORD_BYTES else 0x20 for byte in range(256))
_URL_WORDS = re.compile(r"[a-z0-9_]+")

# Where an address may begin in code: after "//", or at the start of a string that is joined to
# others, as in "https://ssl" : "http://www") + ".google-analytics.com/ga.js". Two expressions,
# for one that begins with plain text is many times faster. A path ends before "//", so that an
# address within an address is seen as well.
_HOST_AND_PATH = (
    rb"([A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)++)"
    rb"(?::[0-9]{1,5})?+"
    rb"((?:/[^\s\"'`<>\\/]++)*+(?:/(?!/))?+)"
)
_ADDRESSES = (
    re.compile(rb"//" + _HOST_AND_PATH),
    re.compile(rb"[\"'`}]\.?+" + _HOST_AND_PATH),
)
_ESCAPED_SLASH = re.compile(rb"(?:\\u00|\\x|%)2[Ff]")


class _Rule(NamedTuple):
    """A host rule, compiled."""

    service: Service
    below: bool
    path: re.Pattern[str] | None
    inline: bool


class _Signature(NamedTuple):
    """A code signature, compiled."""

    service: Service
    words: frozenset[bytes]
    pattern: re.Pattern[bytes]


class Matcher:
    """Finds services by what their tags look like.

    Args:
        services: in the order in which they are to be found.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        self._order: dict[str, int] = {}
        self._hosts: dict[str, list[_Rule]] = {}
        self._any_suffix: dict[str, list[_Rule]] = {}
        self._shapes: dict[str, list[tuple[Service, re.Pattern[str]]]] = {}
        self._code: dict[bytes, list[_Signature]] = {}
        self._cookies: dict[str, list[Service]] = {}
        self._cookie_patterns: list[tuple[Service, re.Pattern[str]]] = []
        for service in services:
            self._add(service)
        self._words = frozenset(self._code)
        self._url_words = frozenset(self._shapes)
        self._cached_url = lru_cache(_URLS_CACHED)(self._find_url)
        self._cached_inline = lru_cache(_SCRIPTS_CACHED)(self._find_inline)

    def _add(self, service: Service) -> None:
        self._order[service.id] = len(self._order)
        for host in service.hosts:
            table = self._any_suffix if host.any_suffix else self._hosts
            path = re.compile(host.path, re.IGNORECASE) if host.path else None
            rule = _Rule(service, host.below, path, host.inline)
            table.setdefault(host.name, []).append(rule)
        for shape in service.urls:
            whole = re.compile(shape.pattern, re.IGNORECASE)
            self._shapes.setdefault(shape.word, []).append((service, whole))
        for code in service.signatures:
            words = frozenset(word.encode() for word in code.words)
            signature = _Signature(service, words, re.compile(code.pattern.encode()))
            self._code.setdefault(max(words, key=len), []).append(signature)
        for cookie in service.cookies:
            # Cookies of the vendor's own domain never pass through the site, and some bear names
            # that others use for their sessions.
            if cookie.party != "first" or cookie.storage != "cookie":
                continue
            if "*" in cookie.name:
                parts = ".*".join(re.escape(part) for part in cookie.name.split("*"))
                self._cookie_patterns.append((service, re.compile(parts, re.DOTALL)))
            else:
                self._cookies.setdefault(cookie.name, []).append(service)

    def url(self, host: str, target: str) -> _Services:
        """The services that an address belongs to.

        A rule with a path goes before one without, a longer host before a shorter one, and the
        site's own service before a catalogued one.

        Args:
            host: lower-case ASCII, without port and final dot.
            target: path and query, beginning with ``/``.
        """
        if len(target) > _LONGEST_URL_CACHED:
            return self._find_url(host, target)
        return self._cached_url(host, target)

    def inline(self, code: bytes) -> _Services:
        """The services whose signature or address stands in an inline script."""
        if len(code) > _LONGEST_SCRIPT_CACHED:
            return self._find_inline(code)
        return self._cached_inline(code)

    def cookie(self, name: str) -> _Services:
        """The services that set a cookie of this name on the site's own domain."""
        exact = self._cookies.get(name)
        if exact is not None:
            return tuple(exact)
        found = (service for service, pattern in self._cookie_patterns if pattern.fullmatch(name))
        return self._sorted(found)

    def _find_url(self, host: str, target: str, *, inline: bool = False) -> _Services:
        if len(host) > _LONGEST_HOST:
            return ()
        address = host + target
        special = [
            service
            for word in self._url_words.intersection(_URL_WORDS.findall(address.lower()))
            for service, shape in self._shapes[word]
            if shape.search(address)
        ]
        plain: list[_Rule] = []
        longest = 0
        for length, rules in self._rules(host):
            bare = []
            for rule in rules:
                if rule.path is None:
                    bare.append(rule)
                elif rule.path.match(target) and (rule.inline or not inline):
                    special.append(rule.service)
            if bare and length > longest:
                plain, longest = bare, length
        if special:
            return self._sorted(special)
        # The winner is chosen first: a web site below a vendor's domain stays a web site.
        return self._sorted(rule.service for rule in plain if rule.inline or not inline)

    def _rules(self, host: str) -> Iterator[tuple[int, list[_Rule]]]:
        """The rules that hold for a host, each time with how much of the host they name."""
        yield from _walk(self._hosts, host)
        suffix = _PUBLIC_SUFFIX.search(host)
        if suffix is not None:
            for length, rules in _walk(self._any_suffix, host[: suffix.start()]):
                yield length + len(suffix[0]), rules

    def _sorted(self, services: Iterable[Service]) -> _Services:
        unique = {service.id: service for service in services}
        if any(service.own for service in unique.values()):
            unique = {key: service for key, service in unique.items() if service.own}
        return tuple(unique[key] for key in sorted(unique, key=self._order.__getitem__))

    def _find_inline(self, code: bytes) -> _Services:
        found: dict[str, Service] = {}
        words = set(code.translate(_TO_WORDS).split())
        for word in self._words & words:
            for service, needed, pattern in self._code[word]:
                if service.id not in found and needed <= words and pattern.search(code):
                    found[service.id] = service
        code = code.replace(b"\\/", b"/")
        if b"\\u002" in code or b"\\x2" in code or b"%2" in code:
            code = _ESCAPED_SLASH.sub(b"/", code)
        for name, path in {place for address in _ADDRESSES for place in address.findall(code)}:
            host = name.decode("ascii").lower()
            target = path.decode("latin-1") or "/"
            for service in self._find_url(host, target, inline=True):
                found[service.id] = service
        return tuple(found[key] for key in sorted(found, key=self._order.__getitem__))


def _walk(table: dict[str, list[_Rule]], host: str) -> Iterator[tuple[int, list[_Rule]]]:
    """The table's rules for a host and then for each domain above it."""
    rules = table.get(host)
    if rules is not None:
        yield len(host), rules
    dot = host.find(".")
    while dot >= 0:
        host = host[dot + 1 :]
        rules = table.get(host)
        if rules is not None:
            yield len(host), [rule for rule in rules if rule.below]
        dot = host.find(".")
