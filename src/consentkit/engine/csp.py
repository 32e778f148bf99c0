"""Content Security Policy: reading the site's, and taking away from it what is not granted.

A site's own policy is never edited. A second header can only take away (CSP3 8.1): it repeats the
site's policy without the hosts of services that are not granted, nonces, hashes and keywords
included, so that whatever of the site's own ran before runs under both. A wildcard such as
``https:`` has no part that could be taken away; it stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from msgspec import Struct

from consentkit.catalogue import Host
from consentkit.policy import Policy

__all__ = ["CSP", "Fence", "Header", "closed_policy", "may_inline", "nonce_of"]

Header = tuple[bytes, bytes]

CSP = b"content-security-policy"

_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_=-]+)'", re.I)
_HASH = re.compile(r"'sha(?:256|384|512)-[A-Za-z0-9+/_=-]+'", re.I)
_SOURCE = re.compile(
    r"(?:(?:https?|wss?)://)?(?P<host>(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)+)"
    r"(?::(?:\d+|\*))?(?P<path>/[^?#]*)?",
    re.I,
)
_SCRIPTS = ("script-src-elem", "script-src", "default-src")
_FRAMES = ("frame-src", "child-src")
# Directives whose sources are hosts to load from or send to; form-action is the visitor's own act.
_FETCHING = frozenset(
    "child-src connect-src default-src fenced-frame-src font-src frame-src img-src manifest-src "
    "media-src object-src prefetch-src script-src script-src-elem style-src style-src-elem "
    "worker-src".split()
)
_KEPT = 512
_LONGEST = 8_192  # of a header that is remembered

Directives = dict[str, list[str]]


def closed_policy(allow: Sequence[str] = ()) -> bytes:
    """A policy under which a page reaches no third party but the hosts in ``allow``."""
    return f"default-src {' '.join((*_OWN, *allow))}".encode("ascii")


# What a page's own code may need: a policy of ours is about where things come from, not about how.
_OWN = ("'self'", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:")


def _policies(headers: Sequence[Header]) -> list[Directives]:
    """The policies that are enforced on a page: one a header, or several with commas between."""
    return [
        directives
        for name, value in headers
        if name.lower() == CSP
        for text in value.decode("latin-1").split(",")
        if (directives := _directives(text))
    ]


def _directives(text: str) -> Directives:
    """The directives of one policy; of duplicates the first counts (CSP3 2.2.1)."""
    found: Directives = {}
    for part in text.split(";"):
        words = part.split()
        if words:
            found.setdefault(words[0].lower(), words[1:])
    return found


def _script_sources(directives: Directives) -> list[str] | None:
    """What a policy says of script elements; None when it says nothing."""
    return next((directives[name] for name in _SCRIPTS if name in directives), None)


def nonce_of(headers: Sequence[Header]) -> bytes:
    """The nonce that all of the page's policies let scripts run with; empty when there is none."""
    common: set[str] | None = None
    for directives in _policies(headers):
        sources = _script_sources(directives)
        if sources is None:
            continue
        found = set(_NONCE.findall(" ".join(sources)))
        common = found if common is None else common & found
    return min(common).encode("ascii") if common else b""


def may_inline(headers: Sequence[Header]) -> bool:
    """Whether an inline script of ours may run, with the page's nonce where it has one.

    ``'unsafe-inline'`` counts for nothing beside a nonce, a hash or ``'strict-dynamic'``
    (CSP3 6.7.3.2).
    """
    nonce = nonce_of(headers).decode("ascii")
    for directives in _policies(headers):
        sources = _script_sources(directives)
        if sources is None:
            continue
        text = " ".join(sources)
        if nonce and nonce in _NONCE.findall(text):
            continue
        words = text.lower().split()
        strict = _NONCE.search(text) or _HASH.search(text) or "'strict-dynamic'" in words
        if strict or "'unsafe-inline'" not in words:
            return False
    return True


class _Rule(Struct, frozen=True):
    """The hosts of one rule of the catalogue."""

    name: str
    below: bool
    any_suffix: bool

    def holds(self, host: str) -> bool:
        """Whether every host of a source (``a.example``, ``*.example``) is one of the rule's."""
        wild = host.startswith("*.")
        bare = host[2:] if wild else host
        if self.any_suffix:
            return not wild and self._suffixed(bare)
        if bare == self.name:
            return self.below or not wild
        return self.below and bare.endswith("." + self.name)

    def meets(self, host: str) -> bool:
        """Whether a source has any host of the rule's."""
        if self.holds(host):
            return True
        name = self.name + "." if self.any_suffix else self.name
        if not host.startswith("*."):
            return False
        return ("." + self.name).endswith(host[1:]) or (self.any_suffix and name in host)

    def _suffixed(self, host: str) -> bool:
        head, found, rest = host.partition(self.name + ".")
        if not found or rest.count(".") > 1:
            return False
        return not head or (self.below and head.endswith("."))


class Fence:
    """Makes the second policy of a site's pages.

    Args:
        policy: categories, services and what each of them needs.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._rules = [
            (service, [_Rule(h.name, h.below, h.any_suffix) for h in service.hosts])
            for service in policy.services
            if service.hosts
        ]
        self._less: Callable[[str, frozenset[str], str], str] = lru_cache(maxsize=_KEPT)(
            self._lessened
        )
        self._sourced = lru_cache(maxsize=_KEPT)(self._gated_source)
        self._made = lru_cache(maxsize=_KEPT)(self._policy_of)
        self._closed = (CSP, closed_policy(policy.settings.allow))

    @property
    def closed(self) -> Header:
        """The policy of a page that could not be gated."""
        return self._closed

    def second(self, headers: Sequence[Header], granted: frozenset[str], site: str) -> list[Header]:
        """The headers that take away what is not granted; none when nothing is to be taken away.

        Args:
            headers: of the site's response.
            granted: the categories that the visitor granted.
            site: the host of the page.
        """
        mode = self._policy.settings.csp
        if mode == "off":
            return []
        own = [value for name, value in headers if name.lower() == CSP]
        found = []
        for text in ",".join(value.decode("latin-1") for value in own).split(","):
            cached = self._less if len(text) <= _LONGEST and "'nonce-" not in text else None
            less = (cached or self._lessened)(text.strip(), granted, site)
            if less:
                found.append((CSP, less.encode("latin-1")))
        if not own and mode == "enforce":
            found.append((CSP, self._made(granted, site).encode("ascii")))
        return found

    def report_only(self, site: str, path: str, secure: bool) -> list[Header]:
        """A policy that holds nothing back, and reports whoever was not declared.

        Browsers that know ``report-to`` pass over ``report-uri``, but send such reports from secure
        pages alone.
        """
        everything = frozenset(c.id for c in self._policy.categories)
        text = f"{self._made(everything, site)}; report-uri {path}"
        headers = [(b"reporting-endpoints", f'consentkit="{path}"'.encode("ascii"))]
        if secure:
            text += "; report-to consentkit"
        policy = (CSP + b"-report-only", text.encode("ascii"))
        return [policy, *headers] if secure else [policy]

    def _lessened(self, text: str, granted: frozenset[str], site: str) -> str:
        """A policy of the site without what is not granted; empty when it has nothing of that.

        A visitor may load a single embed without granting its category, so frames keep embeds.
        """
        directives = _directives(text)
        less: list[str] = []
        changed = False
        framed = any(name in directives for name in _FRAMES)
        for name, sources in directives.items():
            if name not in _FETCHING:
                continue
            kept = [s for s in sources if not self._sourced(s, granted, site, name in _FRAMES)]
            changed = changed or len(kept) < len(sources)
            less.append(_directive(name, kept))
            if name == "default-src" and not framed:
                frames = [s for s in sources if not self._sourced(s, granted, site, True)]
                if frames != kept:
                    less.append(_directive("frame-src", frames))
        return "; ".join(less) if changed else ""

    def _gated_source(self, source: str, granted: frozenset[str], site: str, embeds: bool) -> bool:
        """Whether a source leads to nothing but services that are not granted."""
        found = _SOURCE.fullmatch(source)
        if found is None:
            return False
        host = found["host"].lower()
        policy = self._policy
        if host == site or policy.allows(host.removeprefix("*.")):
            return False
        gated = False
        for service, rules in self._rules:
            if not any(rule.meets(host) for rule in rules):
                continue
            if granted.issuperset(policy.requirements(service)) or (embeds and service.embed):
                return False
            gated = gated or any(rule.holds(host) for rule in rules)
        return gated or (not host.startswith("*.") and policy.is_stranger(host, site))

    def _policy_of(self, granted: frozenset[str], site: str) -> str:
        """A policy for a site that has none: itself, what it allows, and declared services."""
        policy = self._policy
        sources = [*_OWN, *policy.site_sources(site), *policy.settings.allow]
        frames: list[str] = []
        for service in policy.declared_services:
            hosts = [source for host in service.hosts for source in _host_sources(host)]
            if granted.issuperset(policy.requirements(service)):
                sources += hosts
            elif service.embed:
                frames += hosts
        everything = " ".join(dict.fromkeys(sources))
        framed = " ".join(dict.fromkeys([*sources, *frames]))
        return f"default-src {everything}" + (f"; frame-src {framed}" if frames else "")


def _directive(name: str, sources: Sequence[str]) -> str:
    return " ".join((name, *(sources or ["'none'"])))


def _host_sources(host: Host) -> tuple[str, ...]:
    """A host rule as sources of a policy, which know no host under any public suffix."""
    name = host.name + ".com" if host.any_suffix else host.name
    return (name, f"*.{name}") if host.below else (name,)
