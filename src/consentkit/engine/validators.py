"""Caches and consent: what a cached page may be used for (RFC 9110 8.8, RFC 9111).

The entity tag of a page carries the visitor's consent state. So a browser that revalidates a page
from before a withdrawal is never told that it is still good.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["Header", "mark_etag", "mark_private", "marked_conditions", "with_vary"]

Header = tuple[bytes, bytes]

_TAG = re.compile(rb"(?:W/)?\"([\x21\x23-\x7e\x80-\xff]*)\"")
_MARK = b"-ck."
_SHARED = re.compile(rb"\s*(?:public|s-maxage\s*=.*)\s*\Z", re.IGNORECASE)


def mark_etag(value: bytes, state: bytes) -> bytes:
    """An entity tag that names the state, and is weak because the bytes were changed."""
    found = _TAG.search(value)
    return b'W/"' + found[1] + _MARK + state + b'"' if found else b""


def marked_conditions(headers: Sequence[Header], state: bytes) -> list[Header]:
    """The headers of a request for a page, with conditions the app may judge by.

    Tags of our making lose their mark when the state is the same; all other tags, and dates
    without such a tag, are left out: they may stand for a page that was gated otherwise.
    """
    mark = _MARK + state
    kept: list[Header] = []
    matched = False
    for name, value in headers:
        if name != b"if-none-match":
            kept.append((name, value))
            continue
        tags = [tag[: -len(mark)] for tag in _TAG.findall(value) if tag.endswith(mark)]
        if tags:
            matched = True
            # An app may compare strongly or weakly; offering both spellings suits either.
            forms = [form for tag in tags for form in (b'"' + tag + b'"', b'W/"' + tag + b'"')]
            kept.append((name, b", ".join(forms)))
    if matched:
        return kept
    return [(name, value) for name, value in kept if name != b"if-modified-since"]


def with_vary(headers: Iterable[Header], *names: bytes) -> list[Header]:
    """Headers whose ``Vary`` names ``names`` as well."""
    headers = list(headers)
    present = {
        part.strip().lower()
        for name, value in headers
        if name.lower() == b"vary"
        for part in value.split(b",")
    }
    missing = [name for name in names if name.lower() not in present]
    if missing and b"*" not in present:
        headers.append((b"vary", b", ".join(missing)))
    return headers


def mark_private(headers: Iterable[Header]) -> list[Header]:
    """Headers that keep a page out of shared caches (RFC 9111 5.2.2.7)."""
    kept: list[Header] = []
    limited = False
    for name, value in headers:
        lower = name.lower()
        if lower in (b"cdn-cache-control", b"surrogate-control"):
            continue
        if lower != b"cache-control":
            kept.append((name, value))
            continue
        parts = [part.strip() for part in value.split(b",")]
        parts = [part for part in parts if part and not _SHARED.match(part)]
        limited = limited or any(part.lower() in (b"private", b"no-store") for part in parts)
        if parts:
            kept.append((name, b", ".join(parts)))
    if not limited:
        kept.append((b"cache-control", b"private"))
    return kept
