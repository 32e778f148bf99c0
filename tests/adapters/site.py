"""What the adapters' tests share: a page with trackers on it, and the settings of a site."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from consentkit.log import open_log
from consentkit.log.event import Record

PAGE = (
    b"<!doctype html><html><head><title>Shop</title>"
    b'<script async src="https://www.google-analytics.com/analytics.js"></script></head>'
    b'<body><p>Hello</p><img src="https://www.facebook.com/tr?id=1&amp;ev=PageView">'
    b'<script src="/own.js"></script></body></html>'
)
HTML = "text/html; charset=utf-8"
FORM = "application/x-www-form-urlencoded"
CLOSED = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"

_LIVE = re.compile(rb"\ssrc=\"https://(?:www\.google-analytics|www\.facebook)\.com")
_INERT = re.compile(rb"data-consent-src=\"https://(?:www\.google-analytics|www\.facebook)\.com")


def settings(folder: Path, **more: Any) -> dict[str, Any]:
    """Settings of a site whose log is in ``folder``."""
    return {
        "secret_keys": ["k" * 40],
        "log": f"sqlite:///{folder / 'consent.db'}",
        **more,
    }


def is_gated(body: bytes, banners: int = 1) -> bool:
    """Whether both trackers of ``PAGE`` sleep, and the banner is there as often as it should."""
    return (
        _LIVE.search(body) is None
        and len(_INERT.findall(body)) == 2
        and b' src="/own.js"' in body
        and body.count(b'data-consentkit="banner"') == banners
    )


def is_live(body: bytes) -> bool:
    """Whether the trackers of ``PAGE`` are as the site wrote them."""
    return len(_LIVE.findall(body)) == 2 and b"data-consent-src" not in body


def records(folder: Path) -> list[Record]:
    """The records in the log of ``settings(folder)``."""
    log = open_log(f"sqlite:///{folder / 'consent.db'}")
    try:
        return list(log.records())
    finally:
        log.close()


def choice(action: str = "accept", *categories: str) -> bytes:
    """A choice as the client script sends it."""
    return json.dumps({"action": action, "categories": categories, "page": "/"}).encode()
