"""System checks: mistakes that ``manage.py check`` should tell before a visitor meets them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name for it

from consentkit.engine import ConsentKit
from consentkit.errors import ConsentKitError, SettingsError

__all__ = ["check_order", "check_settings"]

_OURS = "consentkit.django.ConsentMiddleware"
_NAMES = (_OURS, "consentkit.django.middleware.ConsentMiddleware")
# These keep whole pages: outside of us they would keep those of one visitor.
_CACHES = (
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.cache.CacheMiddleware",
)
_GZIP = "django.middleware.gzip.GZipMiddleware"


def check_settings(**_: Any) -> list[CheckMessage]:
    """``CONSENTKIT`` is there and right."""
    try:
        ConsentKit(getattr(settings, "CONSENTKIT", {}))
    except SettingsError as error:
        return [
            Error(f"CONSENTKIT: {fault}", id="consentkit.E001", hint=fault.suggestion or None)
            for fault in error.faults
        ]
    except ConsentKitError as error:
        return [Error(f"CONSENTKIT: {error}", id="consentkit.E001")]
    return []


def check_order(**_: Any) -> list[CheckMessage]:
    """The middleware is installed, outside of those that cache pages and inside of GZip's."""
    order = list(settings.MIDDLEWARE)
    ours = next((place for place, name in enumerate(order) if name in _NAMES), None)
    if ours is None:
        text = f"{_OURS!r} is not in MIDDLEWARE, so nothing is gated."
        return [Warning(text, id="consentkit.W001", hint="Put it near the top.")]
    found: list[CheckMessage] = [
        Warning(
            f"{name!r} stands before {_OURS!r}: what one visitor sees is never cached there.",
            id="consentkit.W002",
            hint=f"Put {_OURS!r} before it.",
        )
        for name in order[:ours]
        if name in _CACHES
    ]
    if _GZIP in order[ours:]:
        text = f"{_GZIP!r} stands after {_OURS!r}: pages are decompressed again."
        hint = f"Put {_OURS!r} after it."
        found.append(Warning(text, id="consentkit.W003", hint=hint))
    return found
