"""The banner, the preferences page and the policy page: view models to HTML."""

from __future__ import annotations

from consentkit.banner.render import BannerParts, Renderer
from consentkit.banner.view import (
    CategoryView,
    CookieView,
    NoticeView,
    PolicyView,
    PreferencesView,
    ReceiptView,
    ServiceView,
)

__all__ = [
    "BannerParts",
    "CategoryView",
    "CookieView",
    "NoticeView",
    "PolicyView",
    "PreferencesView",
    "ReceiptView",
    "Renderer",
    "ServiceView",
]
