"""The files of the browser side: named by their content, compressed once, cached for ever.

The script is one file with the rules of the site in front: the guard has to know them before any
other script runs, and a file that is fetched once costs less than the same list in every page. What
only happens after a choice is in a second file, which is fetched with the choice.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib import resources

from msgspec import Struct

from consentkit.policy import Policy, browser_rules

__all__ = ["Asset", "Assets", "audit_styles", "find_audit_asset"]

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


class Assets:
    """The files of one site.

    Args:
        policy: gives the rules in the script.

    Attributes:
        style_sheet: its name.
        page_styles: the names of the style sheets of our own pages, in their order.
        script: its name.
        signals: the script of consent signals.
    """

    def __init__(self, policy: Policy) -> None:
        later = _asset("later", "js", _built("consentkit.later.js"))
        rules = b"(()=>{const CONSENTKIT_RULES=" + browser_rules(policy, later.name) + b";\n"
        files = (
            _asset("consentkit", "css", _built("consentkit.css")),
            _asset("consentkit", "js", rules + _built("consentkit.js") + b"})();\n"),
            _asset("pages", "css", _built("pages.css")),
            later,
            _asset("audit", "css", _built("audit.css")),
            _asset("signals", "js", _built("signals.js")),
        )
        self._files = {asset.name: asset for asset in files}
        self.style_sheet, self.script, pages, *_ = self._files
        self.page_styles = (self.style_sheet, pages)
        self.signals = files[-1]

    def find(self, name: str) -> Asset | None:
        """The asset of a name, if there is one."""
        return self._files.get(name)


@cache
def _for_auditors() -> tuple[Asset, Asset]:
    return _asset("audit", "css", _built("audit.css")), _asset(
        "consentkit", "css", _built("consentkit.css")
    )


def audit_styles() -> tuple[str, str]:
    """The name of the style sheet of the pages for auditors, and of that of banners."""
    own, shared = _for_auditors()
    return own.name, shared.name


def find_audit_asset(name: str) -> Asset | None:
    """The asset of a name among those of the pages for auditors, which do without a site."""
    return next((asset for asset in _for_auditors() if asset.name == name), None)


@cache
def _built(name: str) -> bytes:
    return (resources.files("consentkit") / "static" / name).read_bytes()


@cache
def _zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _asset(stem: str, kind: str, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(
        name=f"{stem}.{digest}.{kind}",
        media_type=_TYPES[kind],
        content=content,
        zipped=_zipped(content),
    )
