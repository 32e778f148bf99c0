"""Caches and consent: what a cached page may be used for (RFC 9110 8.8, RFC 9111).

The entity tag of a page carries the visitor's consent state. So a browser that revalidates a page
from before a withdrawal is never told that it is still good.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["Header", "conditions_for", "mark_etag", "mark_private", "with_vary"]

Header = tuple[bytes, bytes]

_TAG = re.compile(rb"(?:W/)?\"([\x21\x23-\x7e\x80-\xff]*)\"")
_MARK = b"-ck."
_SHARED = re.compile(rb"\s*(?:public|s-maxage\s*=.*)\s*\Z", re.IGNORECASE)

# Headers that a shared cache obeys in place of Cache-Control.
_FOR_CACHES = frozenset({b"surrogate-control", b"x-accel-expires", b"edge-control"})


def mark_etag(value: bytes, state: bytes) -> bytes:
    """An entity tag that names the state, and is weak because the bytes were changed."""
    found = _TAG.search(value)
    return b'W/"' + found[1] + _MARK + state + b'"' if found else b""


def conditions_for(
    headers: Sequence[Header], state: bytes, *, page: bool
) -> tuple[list[Header], bool]:
    """The headers of a request that may be answered with HTML, less the conditions that may not
    decide about it.

    Tags of our making lose their mark when the state is the same, and go when it is another: they
    stand for a page that was gated otherwise. A tag without a mark came with no page of ours: it
    is good for other things, but not for a ``page``, which was kept from before our time then.
    A date alone does not tell either way.

    Returns:
        The headers, and whether one of the tags stands for a page in this state.
    """
    mark = _MARK + state
    kept: list[Header] = []
    matched = tagged = False
    for name, value in headers:
        if name != b"if-none-match":
            kept.append((name, value))
            continue
        found = _TAG.findall(value)
        ours = [tag[: -len(mark)] for tag in found if tag.endswith(mark)]
        if ours:
            matched = True
            # An app may compare strongly or weakly; offering both spellings suits either.
            forms = [form for tag in ours for form in (b'"' + tag + b'"', b'W/"' + tag + b'"')]
            kept.append((name, b", ".join(forms)))
        elif not page and not any(_MARK in tag for tag in found):
            tagged = True
            kept.append((name, value))
    if not (matched or tagged):
        kept = [(name, value) for name, value in kept if name != b"if-modified-since"]
    return kept, matched


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
        if lower in _FOR_CACHES or lower.endswith(b"cdn-cache-control"):  # RFC 9213
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
