"""The files of the browser side: named by their content, compressed once, cached for ever."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib import resources

from msgspec import Struct

__all__ = ["Asset", "asset", "asset_names", "audit_styles", "find_asset", "page_styles"]

_TYPES = {"js": b"text/javascript; charset=utf-8", "css": b"text/css; charset=utf-8"}


class Asset(Struct, frozen=True, kw_only=True):
    """One file.

    Attributes:
        name: with the hash of the content in it, so that it may be cached without end.
        zipped: the content under gzip.
    """

    name: str
    media_type: bytes
    content: bytes
    zipped: bytes


@cache
def _assets() -> dict[str, Asset]:
    folder = resources.files("consentkit") / "static"
    found = {}
    for name in ("consentkit.js", "signals.js", "consentkit.css", "pages.css", "audit.css"):
        stem, _, kind = name.partition(".")
        content = (folder / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:12]
        found[name] = Asset(
            name=f"{stem}.{digest}.{kind}",
            media_type=_TYPES[kind],
            content=content,
            zipped=gzip.compress(content, mtime=0),
        )
    return found


def asset(file: str) -> Asset:
    """The asset that is built from a file of the package.

    Raises:
        KeyError: when there is none.
    """
    return _assets()[file]


@cache
def asset_names() -> tuple[str, str]:
    """The names of the style sheet and of the client script."""
    return _assets()["consentkit.css"].name, _assets()["consentkit.js"].name


@cache
def page_styles() -> tuple[str, str]:
    """The names of the style sheets of our own pages, in their order."""
    return _assets()["consentkit.css"].name, _assets()["pages.css"].name


@cache
def audit_styles() -> tuple[str, str]:
    """The name of the style sheet of the pages for auditors, and of that of banners."""
    return _assets()["audit.css"].name, _assets()["consentkit.css"].name


def find_asset(name: str) -> Asset | None:
    """The asset of a name, if there is one."""
    return next((asset for asset in _assets().values() if asset.name == name), None)
