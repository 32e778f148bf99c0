"""The Django app: it registers the system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks

from consentkit.django.checks import check_order, check_settings

__all__ = ["ConsentKitConfig"]


class ConsentKitConfig(AppConfig):
    """``consentkit.django`` in ``INSTALLED_APPS``."""

    name = "consentkit.django"
    label = "consentkit"
    verbose_name = "consentkit"

    def ready(self) -> None:
        """Register the checks of the settings and of the order of the middleware."""
        checks.register(check_settings, checks.Tags.security)
        checks.register(check_order, checks.Tags.security)
