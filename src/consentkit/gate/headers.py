"""Response headers that make a browser contact or remember a third party, before any HTML.

``Link`` hints (RFC 8288), ``Refresh``, ``Speculation-Rules``, the reporting headers and
``Set-Cookie`` go by the same verdicts as tags. What may stay keeps its place; a header that may
not is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from consentkit.gate.judge import Judge

__all__ = ["CONTACTS", "WATCHED", "Header", "gate_headers"]

Header = tuple[bytes, bytes]

_LINK = re.compile(rb"\s*<([^>]*)>((?:\"(?:\\.|[^\"\\])*\"|[^\",])*)(?:,|\Z)", re.S)
_QUOTED_URL = re.compile(rb"[\"']?((?:https?:)?//[^\"'\s,>]+)")

# A cookie that is being deleted (RFC 6265 5.2): by its age, or by a date long ago.
_DELETION = re.compile(
    rb";\s*(?:max-age\s*=\s*(?:0+\s*(?:;|\Z)|-\d)|expires\s*=[^;]*\b19[67]\d\b)", re.I
)
_URLS = frozenset({b"report-to", b"reporting-endpoints", b"nel", b"speculation-rules"})

CONTACTS = _URLS | {b"link", b"refresh"}
"""Headers that make a browser contact a host, in lower case."""

WATCHED = CONTACTS | {b"set-cookie"}
"""Headers that are judged, in lower case."""


def gate_headers(
    headers: Sequence[Header], judge: Judge, cookie_is_gated: Callable[[str], bool]
) -> Sequence[Header]:
    """Leave out what may not be sent; the same object comes back when nothing had to go.

    Args:
        headers: names in any case, order and duplicates as they will be sent.
        judge: decides about the URLs in them.
        cookie_is_gated: whether a cookie of a name may not be set yet.
    """
    if not any(name.lower() in WATCHED for name, _ in headers):
        return headers
    kept: list[Header] = []
    changed = False
    for name, value in headers:
        allowed = _allowed(name.lower(), value, judge, cookie_is_gated)
        changed = changed or allowed != value
        if allowed is not None:
            kept.append((name, allowed))
    return kept if changed else headers


def _allowed(
    name: bytes, value: bytes, judge: Judge, cookie_is_gated: Callable[[str], bool]
) -> bytes | None:
    """What may be sent of a header; None for nothing."""
    gated = False
    if name == b"link":
        return _link(value, judge)
    if name == b"refresh":
        gated = bool(judge.attribute("refresh", value))
    elif name == b"set-cookie":
        cookie = value.partition(b"=")[0].strip().decode("latin-1")
        gated = cookie_is_gated(cookie) and not _DELETION.search(value)
    elif name in _URLS:
        gated = any(judge.url(url) for url in _QUOTED_URL.findall(value.replace(b"\\/", b"/")))
    return None if gated else value


def _link(value: bytes, judge: Judge) -> bytes | None:
    """The links of a ``Link`` header that lead nowhere gated, if there are any."""
    kept = []
    changed = False
    position = 0
    while position < len(value):
        found = _LINK.match(value, position)
        if found is None:  # not as RFC 8288 has it: then all of it or nothing
            hidden = any(judge.url(url) for url in _QUOTED_URL.findall(value))
            return None if hidden else value
        position = found.end()
        # A parameter may name more of them (imagesrcset).
        if judge.url(found[1].strip()) or any(map(judge.url, _QUOTED_URL.findall(found[2]))):
            changed = True
        else:
            kept.append(found.group().rstrip(b", \t").strip())
    if not changed:
        return value
    return b", ".join(kept) if kept else None
