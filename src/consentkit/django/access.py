"""Django's users as auditors: ``CONSENTKIT_AUDIT_ACCESS = "consentkit.django.access.staff"``.

Our pages are answered before any other middleware has run, so the session is opened here.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from consentkit.consent.signals import parse_cookies
from consentkit.engine import Request

__all__ = ["staff"]


def staff(facts: Request) -> str | None:
    """``erase`` for superusers, ``export`` for other staff, None for anybody else."""
    keys = parse_cookies(facts.all(b"cookie")).get(settings.SESSION_COOKIE_NAME, ())
    if not keys:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(keys[0])
    user: Any = get_user(request)
    if not (user.is_active and getattr(user, "is_staff", False)):
        return None
    return "erase" if getattr(user, "is_superuser", False) else "export"
