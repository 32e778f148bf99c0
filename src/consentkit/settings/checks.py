"""Mistakes that a type does not show: values that do not go together, hosts that are none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from consentkit.errors import Fault
from consentkit.settings.model import (
    NECESSARY,
    UNCLASSIFIED,
    ServiceSettings,
    Settings,
)

__all__ = ["cross_checks", "is_web_url", "nearest", "show"]

_HOST = re.compile(r"^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_-]+$", re.I)
_URL = "an http or https URL, or a path of this site"


def show(value: Any) -> str:
    """A value in a message, shortened."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def nearest(word: str, choices: Iterable[str]) -> str:
    """The choice that ``word`` was probably meant to be, or an empty string."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return close[0] if close else ""


def is_web_url(text: str) -> bool:
    """Whether ``text`` is an http(s) URL or a path on this site."""
    if text.startswith("/") and not text.startswith(("//", "/\\")):
        return True
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def cross_checks(settings: Settings) -> Iterator[Fault]:
    """The mistakes in settings whose types are right."""
    ids = [category.id for category in settings.categories]
    yield from _site(settings)
    yield from _categories(settings, ids)
    yield from _services(settings, ids)
    yield from _cookies(settings)


def _fault(path: str, value: Any, expected: str, suggestion: str = "") -> Fault:
    return Fault(path=path, value=show(value), expected=expected, suggestion=suggestion)


def _site(settings: Settings) -> Iterator[Fault]:
    prefix = settings.prefix
    if not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)+", prefix) or "/." in prefix:
        yield _fault("prefix", prefix, "a path such as '/consent', without a slash at the end")
    if any(ord(char) < 32 for char in settings.site_name):
        yield _fault("site_name", settings.site_name, "text without control characters")
    for i, host in enumerate(settings.allow):
        if not _HOST.match(host):
            expected = "a host such as 'cdn.example.com' or '*.example.com'"
            yield _fault(f"allow[{i}]", host, expected)
    if settings.policy.url and not is_web_url(settings.policy.url):
        yield _fault("policy.url", settings.policy.url, _URL)
    if settings.gate == "declared" and settings.services is None:
        yield _fault("gate", "declared", "'known' or 'strict', or a list of services")


def _categories(settings: Settings, ids: list[str]) -> Iterator[Fault]:
    for i, category in enumerate(settings.categories):
        path = f"categories[{i}]"
        if category.id in ids[:i]:
            yield _fault(f"{path}.id", category.id, "an id that is not used twice")
        if category.id == UNCLASSIFIED:
            yield _fault(f"{path}.id", category.id, "another id; this is for what is not declared")
        if category.id == NECESSARY and category.mode != "none":
            yield _fault(f"{path}.mode", category.mode, "'none': necessary is always on")


def _services(settings: Settings, ids: list[str]) -> Iterator[Fault]:
    for i, service in enumerate(settings.services or ()):
        if not isinstance(service, ServiceSettings):
            continue
        path = f"services[{i}]"
        if service.category and service.category not in ids:
            expected = "one of the categories " + ", ".join(ids)
            hint = nearest(service.category, ids)
            yield _fault(f"{path}.category", service.category, expected, hint)
        for key in ("privacy_url", "opt_out_url"):
            url = getattr(service, key)
            if url and not is_web_url(url):
                yield _fault(f"{path}.{key}", url, _URL)


def _cookies(settings: Settings) -> Iterator[Fault]:
    cookies = settings.cookies
    if cookies.domain and not _HOST.match(cookies.domain.lstrip(".")):
        yield _fault("cookies.domain", cookies.domain, "a domain such as 'example.com'")
    if cookies.same_site == "None" and cookies.secure is False:
        yield _fault("cookies.secure", False, "true or 'auto': SameSite=None needs Secure")
