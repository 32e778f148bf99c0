"""System checks: mistakes that ``manage.py check`` should tell before a visitor meets them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name for it

from consentkit.errors import SettingsError
from consentkit.policy import Policy
from consentkit.settings import load_settings

__all__ = ["check_order", "check_settings"]

_OURS = "consentkit.django.ConsentMiddleware"
# These look at or keep whole pages: outside of us they would keep pages of one visitor for all.
_CACHES = (
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.cache.CacheMiddleware",
)


def check_settings(**_: Any) -> list[CheckMessage]:
    """``CONSENTKIT`` is there and right."""
    try:
        Policy(load_settings(getattr(settings, "CONSENTKIT", {})))
    except SettingsError as error:
        return [
            Error(f"CONSENTKIT: {fault}", id="consentkit.E001", hint=fault.suggestion or None)
            for fault in error.faults
        ]
    return []


def check_order(**_: Any) -> list[CheckMessage]:
    """The middleware is installed, and outside of those that cache pages."""
    order = list(settings.MIDDLEWARE)
    if _OURS not in order:
        text = f"{_OURS!r} is not in MIDDLEWARE, so nothing is gated."
        return [Warning(text, id="consentkit.W001", hint="Put it first.")]
    ours = order.index(_OURS)
    return [
        Warning(
            f"{name!r} stands before {_OURS!r}: pages of one visitor would be cached for all.",
            id="consentkit.W002",
            hint=f"Put {_OURS!r} before it.",
        )
        for name in order[:ours]
        if name in _CACHES
    ]
