"""Reports of a browser about third parties that the site did not declare (``csp = "report"``).

What browsers send is anybody's word: it is bounded in every way, and of each report only the host
and the directive are kept, never an address of a page, a query or anything about the visitor. Each
host is logged once a process, for the owner of the site to read.

Two formats are read: that of ``report-uri`` (CSP2 4.4) and that of the Reporting API (CSP3 5.3).
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Reports", "read_reports"]

log = logging.getLogger("consentkit.csp")

_HOSTS = 200
_REPORTS = 50  # in one body of the Reporting API
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,12}")
_DIRECTIVE = re.compile(r"[a-z-]{1,32}")


class Reports:
    """What was reported to this process: hosts, by what they were used for."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()

    def add(self, body: bytes) -> int:
        """Take the body of a report; returns how many hosts in it were new."""
        new = []
        with self._lock:
            for host, directive in read_reports(body):
                uses = self._seen.get(host)
                if uses is None:
                    if len(self._seen) >= _HOSTS:
                        continue
                    uses = self._seen[host] = {}
                    new.append((host, directive))
                uses[directive] = uses.get(directive, 0) + 1
        for host, directive in new:
            log.warning("pages load from %s (%s), which is not among the services", host, directive)
        return len(new)

    def hosts(self) -> dict[str, dict[str, int]]:
        """Every host, with how often it was reported for which directive, in order of names."""
        with self._lock:
            return {host: dict(uses) for host, uses in sorted(self._seen.items())}


def read_reports(body: bytes) -> Iterator[tuple[str, str]]:
    """The hosts in a report, each with the directive that it was blocked or reported by.

    Nothing for what is no report, for what is blocked without an address (inline code), and for
    browser extensions, which load into every page what the site knows nothing of.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return
    for report in _each(data):
        blocked = report.get("blocked-uri") or report.get("blockedURL")
        directive = (
            report.get("effective-directive")
            or report.get("effectiveDirective")
            or report.get("violated-directive")
        )
        if isinstance(blocked, str) and isinstance(directive, str):
            host, name = _host(blocked), directive.partition(" ")[0]
            if host and _DIRECTIVE.fullmatch(name):
                yield host, name


def _each(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict) and isinstance(data.get("csp-report"), dict):
        yield data["csp-report"]
    elif isinstance(data, list):
        for report in data[:_REPORTS]:
            if isinstance(report, dict) and report.get("type") == "csp-violation":
                inner = report.get("body")
                if isinstance(inner, dict):
                    yield inner


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https", "ws", "wss") or not _HOST.fullmatch(host):
        return ""
    return host
