"""The template context processor."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

__all__ = ["consent"]


def consent(request: HttpRequest) -> dict[str, Any]:
    """``consent`` in every template: ``consent.granted``, ``consent.settings_link``."""
    return {"consent": getattr(request, "consent", None)}
