"""Response headers that make a browser contact or remember a third party, before any HTML.

``Link`` hints (RFC 8288), ``Refresh``, the reporting headers and ``Set-Cookie`` go by the same
verdicts as tags. What may stay keeps its place; a header that may not is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from consentkit.gate.carriers import refresh_url
from consentkit.gate.judge import Judge

__all__ = ["Header", "gate_headers"]

Header = tuple[bytes, bytes]

_LINK = re.compile(rb"\s*<([^>]*)>((?:\"(?:\\.|[^\"\\])*\"|[^\",])*)(?:,|\Z)", re.S)
_QUOTED_URL = re.compile(rb"[\"']?((?:https?:)?//[^\"'\s,>]+)")
_WATCHED = frozenset(
    {b"link", b"refresh", b"set-cookie", b"report-to", b"reporting-endpoints", b"nel"}
)


def gate_headers(
    headers: Sequence[Header], judge: Judge, cookie_is_gated: Callable[[str], bool]
) -> Sequence[Header]:
    """Leave out what may not be sent; the same object comes back when nothing had to go.

    Args:
        headers: names in any case, order and duplicates as they will be sent.
        judge: decides about the URLs in them.
        cookie_is_gated: whether a cookie of a name may not be set yet.
    """
    if not any(name.lower() in _WATCHED for name, _ in headers):
        return headers
    kept: list[Header] = []
    changed = False
    for name, value in headers:
        allowed = _allowed(name.lower(), value, judge, cookie_is_gated)
        changed = changed or allowed != value
        if allowed:
            kept.append((name, allowed))
    return kept if changed else headers


def _allowed(
    name: bytes, value: bytes, judge: Judge, cookie_is_gated: Callable[[str], bool]
) -> bytes:
    if name == b"link":
        return _link(value, judge)
    if name == b"refresh":
        return b"" if judge.url(refresh_url(value)) else value
    if name == b"set-cookie":
        cookie = value.partition(b"=")[0].strip().decode("latin-1")
        return b"" if cookie_is_gated(cookie) else value
    if name in (b"report-to", b"reporting-endpoints", b"nel"):
        gated = any(judge.url(url) for url in _QUOTED_URL.findall(value.replace(b"\\/", b"/")))
        return b"" if gated else value
    return value


def _link(value: bytes, judge: Judge) -> bytes:
    """The links of a ``Link`` header that lead nowhere gated."""
    kept = []
    changed = False
    position = 0
    while position < len(value):
        found = _LINK.match(value, position)
        if found is None:  # not as RFC 8288 has it: then all of it or nothing
            hidden = any(judge.url(url) for url in _QUOTED_URL.findall(value))
            return b"" if hidden else value
        position = found.end()
        if judge.url(found[1].strip()):
            changed = True
        else:
            kept.append(found.group().rstrip(b", \t").strip())
    return b", ".join(kept) if changed else value
