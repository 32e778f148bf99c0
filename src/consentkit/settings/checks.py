"""Mistakes that a type does not show: values that do not go together, hosts that are none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from consentkit.errors import Fault
from consentkit.settings.model import (
    GPC,
    NECESSARY,
    UNCLASSIFIED,
    CheckpointSettings,
    ServiceSettings,
    Settings,
)

__all__ = ["cross_checks", "is_web_url", "nearest", "show"]

# ASCII alone: these go into headers, and under re.I "k" is also a Kelvin sign.
_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_][a-z0-9_-]*", re.I | re.A)
# What browsers drop from an address or read as a slash has no place in one.
_WEB_URL = re.compile(r"(?:https?://|/(?![/\\]))[^\x00-\x20\x7f\\<>\"]*", re.I)
# C2SP signed-note: name, key id in hex, and in base64 a byte for the algorithm with 32 of the key.
_VKEY = re.compile(r"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}")
_URL = "an http or https URL, or a path of this site"


def show(value: Any) -> str:
    """A value in a message, shortened. What a table or list holds may be secret."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return f"a list of {len(value)}"
    try:
        text = repr(value)
    except ValueError:  # an integer with more digits than Python likes to write
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


def nearest(word: str, choices: Iterable[str]) -> str:
    """The choice that ``word`` was probably meant to be, or an empty string."""
    close = difflib.get_close_matches(word[:80], list(choices), n=1, cutoff=0.6)
    return close[0] if close else ""


def is_web_url(text: str) -> bool:
    """Whether ``text`` is an http(s) URL or a path on this site."""
    if not _WEB_URL.fullmatch(text):
        return False
    try:
        return text.startswith("/") or bool(urlsplit(text).hostname)
    except ValueError:
        return False


def cross_checks(settings: Settings, doubtful: frozenset[str] = frozenset()) -> Iterator[Fault]:
    """The mistakes in settings whose types are right.

    Args:
        doubtful: top-level keys in which mistakes were found already; what only follows from
            these is no mistake of its own.
    """
    yield from _site(settings)
    if settings.gate == "declared" and settings.services is None and "services" not in doubtful:
        yield _fault("gate", "declared", "'known' or 'strict', or a list of services")
    by_service = settings.granularity == "service"
    if by_service and settings.services is None and "services" not in doubtful:
        yield _fault("granularity", "service", "'category', or a list of services to ask about")
    if by_service and settings.shared_cache:
        # Which services were refused only the server can read from a cookie.
        yield _fault("granularity", "service", "'category', or no shared_cache")
    yield from _categories(settings)
    yield from _services(settings, known="categories" not in doubtful)
    yield from _cookies(settings)
    if "categories" not in doubtful:
        yield from _regimes(settings)
        yield from _consent_types(settings)
    if "services" not in doubtful and "csp" not in doubtful:
        yield from _csp(settings)
    yield from _checkpoint(settings.log.checkpoint)
    yield from _audit(settings)
    if not doubtful:
        yield from _texts(settings)


def _fault(path: str, value: Any, expected: str, suggestion: str = "") -> Fault:
    return Fault(path=path, value=show(value), expected=expected, suggestion=suggestion)


def _site(settings: Settings) -> Iterator[Fault]:
    prefix = settings.prefix
    if not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)+", prefix) or "/." in prefix:
        yield _fault("prefix", prefix, "a path such as '/consent', without a slash at the end")
    if any(ord(char) < 32 for char in settings.site_name):
        yield _fault("site_name", settings.site_name, "text without control characters")
    for i, host in enumerate(settings.allow):
        if not _DOMAIN.fullmatch(host.removeprefix("*.")):
            expected = "a host such as 'cdn.example.com' or '*.example.com'"
            yield _fault(f"allow[{i}]", host, expected)
    if settings.policy.url and not is_web_url(settings.policy.url):
        yield _fault("policy.url", settings.policy.url, _URL)


def _categories(settings: Settings) -> Iterator[Fault]:
    ids = [category.id for category in settings.categories]
    for i, category in enumerate(settings.categories):
        path = f"categories[{i}]"
        if category.id in ids[:i]:
            yield _fault(f"{path}.id", category.id, "an id that is not used twice")
        if category.id == UNCLASSIFIED:
            yield _fault(f"{path}.id", category.id, "another id; this is for what is not declared")
        if category.id == GPC:
            yield _fault(f"{path}.id", category.id, "another id; this is for a browser's signal")
        if category.id == NECESSARY and category.mode != "none":
            yield _fault(f"{path}.mode", category.mode, "'none': necessary is always on")


def _services(settings: Settings, *, known: bool) -> Iterator[Fault]:
    # Every site has the category of what is always on, listed or not.
    ids = list(dict.fromkeys([NECESSARY, *(category.id for category in settings.categories)]))
    for i, service in enumerate(settings.services or ()):
        if not isinstance(service, ServiceSettings):
            continue
        path = f"services[{i}]"
        if known and service.category and service.category not in ids:
            expected = "one of the categories " + ", ".join(ids)
            hint = nearest(service.category, ids)
            yield _fault(f"{path}.category", service.category, expected, hint)
        for key in ("privacy_url", "opt_out_url"):
            url = getattr(service, key)
            if url and not is_web_url(url):
                yield _fault(f"{path}.{key}", url, _URL)


def _csp(settings: Settings) -> Iterator[Fault]:
    if settings.csp in ("enforce", "report") and not settings.services:
        yield _fault("csp", settings.csp, "'derive' or 'off', or a list of services to go by")
    elif settings.csp == "enforce" and settings.shared_cache:
        expected = "'derive' or 'off': with shared_cache a policy cannot follow the visitor"
        yield _fault("csp", settings.csp, expected)


def _regimes(settings: Settings) -> Iterator[Fault]:
    choosable = [c.id for c in settings.categories if c.mode != "none"]
    places: dict[str, str] = {}
    ids: set[str] = set()
    for i, regime in enumerate(settings.regimes):
        path = f"regimes[{i}]"
        if regime.id in ids or regime.id == "default":
            yield _fault(f"{path}.id", regime.id, "an id that is not used twice, nor 'default'")
        ids.add(regime.id)
        for category in regime.modes:
            if category not in choosable:
                expected = "one of the categories " + ", ".join(choosable)
                hint = nearest(category, choosable)
                yield _fault(f"{path}.modes.{category}", category, expected, hint)
        for j, country in enumerate(regime.countries):
            if country in places:
                expected = f"a country that is not in {places[country]} as well"
                yield _fault(f"{path}.countries[{j}]", country, expected)
            places[country] = f"{path}.countries"
    if settings.regimes and not settings.country_header:
        expected = "the header in which your CDN names the country; regimes go by it"
        yield _fault("country_header", settings.country_header, expected)


def _consent_types(settings: Settings) -> Iterator[Fault]:
    ids = list(dict.fromkeys([NECESSARY, *(c.id for c in settings.categories)]))
    for name, category in settings.consent_mode.types.items():
        if category not in ids:
            expected, hint = "one of the categories " + ", ".join(ids), nearest(category, ids)
            yield _fault(f"consent_mode.types.{name}", category, expected, hint)


def _cookies(settings: Settings) -> Iterator[Fault]:
    cookies = settings.cookies
    if cookies.domain and not _DOMAIN.fullmatch(cookies.domain.removeprefix(".")):
        yield _fault("cookies.domain", cookies.domain, "a domain such as 'example.com'")
    if cookies.same_site == "None" and cookies.secure is False:
        yield _fault("cookies.secure", False, "true or 'auto': SameSite=None needs Secure")
    # Browsers refuse cookies that break the promise of their name (RFC 6265bis 4.1.3).
    prefix = cookies.prefix.lower()
    if prefix.startswith(("__host-", "__secure-")) and cookies.secure is False:
        yield _fault("cookies.secure", False, f"true or 'auto': {cookies.prefix!r} needs Secure")
    if prefix.startswith("__host-") and cookies.domain:
        yield _fault("cookies.domain", cookies.domain, f"nothing: {cookies.prefix!r} forbids it")


def _checkpoint(checkpoint: CheckpointSettings) -> Iterator[Fault]:
    path = "log.checkpoint"
    if not re.fullmatch(r"[^\s+\x00-\x1f\x7f]+", checkpoint.origin):
        expected = "a name such as 'shop.example/consent', without spaces and plus signs"
        yield _fault(f"{path}.origin", checkpoint.origin, expected)
    if checkpoint.key.startswith("PRIVATE+KEY+"):
        # The settings are no place for it; and it is not shown.
        expected = "the path of a file that holds it, or 'env:NAME'"
        yield Fault(path=f"{path}.key", value="a private key", expected=expected)
    for i, vkey in enumerate(checkpoint.verify):
        if not _VKEY.fullmatch(vkey):
            expected = "a public key as 'consentkit log keygen' prints it: name+id+base64"
            yield _fault(f"{path}.verify[{i}]", vkey, expected)
    urls = [place.startswith(("http://", "https://")) for place in checkpoint.to]
    for i, (place, is_url) in enumerate(zip(checkpoint.to, urls, strict=True)):
        if not place or (is_url and not is_web_url(place)):
            yield _fault(f"{path}.to[{i}]", place, "a file, a folder, or an http or https URL")
    if all(urls) and (checkpoint.to or checkpoint.key):
        expected = "a file or a folder among them: there the last checkpoint is found again"
        yield _fault(f"{path}.to", checkpoint.to, expected)


def _audit(settings: Settings) -> Iterator[Fault]:
    tokens = settings.audit.tokens if settings.audit else ()
    for key in ("name", "hash"):
        seen = set()
        for i, token in enumerate(tokens):
            if (value := getattr(token, key)) in seen:
                path = f"audit.tokens[{i}].{key}"
                yield _fault(path, value, f"a {key} that is not used twice")
            seen.add(value)


def _texts(settings: Settings) -> Iterator[Fault]:
    try:
        msgspec.json.encode(settings)
    except UnicodeEncodeError:
        yield Fault(path="settings", value="half of a surrogate pair", expected="Unicode text")
