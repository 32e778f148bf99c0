"""Content Security Policy: reading the site's, and a closed one for pages that cannot be gated.

A site's own policy is never edited. A second header can only take away (CSP3 8.1), which is what
a closed policy is for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["Header", "closed_policy", "nonce_of"]

Header = tuple[bytes, bytes]

_NONCE = re.compile(rb"'nonce-([A-Za-z0-9+/_=-]+)'", re.I)
_DIRECTIVE = re.compile(rb"(?:\A|;)\s*(script-src-elem|script-src|default-src)\s([^;]*)", re.I)


def closed_policy(allow: Sequence[str] = ()) -> bytes:
    """A policy under which a page reaches no third party but the hosts in ``allow``."""
    sources = ["'self'", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:", *allow]
    return f"default-src {' '.join(sources)}".encode("ascii")


def nonce_of(headers: Sequence[Header]) -> bytes:
    """The nonce that the page's policy lets scripts run with; empty when there is none."""
    for name, value in headers:
        if name.lower() != b"content-security-policy":
            continue
        directives: dict[bytes, bytes] = {}
        for match in _DIRECTIVE.finditer(value):  # of duplicates the first counts (CSP3 2.2.1)
            directives.setdefault(match[1].lower(), match[2])
        for directive in (b"script-src-elem", b"script-src", b"default-src"):
            if directive in directives:
                found = _NONCE.search(directives[directive])
                if found is not None:
                    return found[1]
                break
    return b""
