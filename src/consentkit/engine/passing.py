"""What passes as it is, found out at the least cost: most requests of a site are for no page.

Each function here gives the answer that an :class:`~consentkit.engine.Exchange` would give, or says
that one has to be made to know. Names of request headers are in lower case, as ASGI promises.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from consentkit.engine.coding import is_html, readable_codings
from consentkit.gate.headers import WATCHED

__all__ = ["Header", "inward_headers", "may_be_page", "passes", "wanted_codings"]

Header = tuple[bytes, bytes]

# Where browsers show what they load as a page (Fetch 2.2.7), or say nothing.
_PAGES = frozenset({b"document", b"iframe", b"frame", b"embed", b"object"})
# What browsers accept in the first place when they load something else than a page.
_OTHER_TYPES = (b"image/", b"text/css", b"video/", b"audio/", b"font/")
_NO_BODY = frozenset({204, 205, 304})
_DULL, _TYPE, _JUDGED = range(3)
# The most common names are here as servers and frameworks write them.
_KINDS = {
    **dict.fromkeys((b"content-length", b"cache-control", b"date", b"etag", b"vary"), _DULL),
    **dict.fromkeys(WATCHED, _JUDGED),
    b"content-type": _TYPE,
}
_kind = _KINDS.get
_SEEN = 256  # values of a header that are remembered


def may_be_page(destination: bytes, accept: bytes) -> bool:
    """Whether the answer may be HTML, as far as ``Sec-Fetch-Dest`` and ``Accept`` tell."""
    if destination and destination != b"empty":
        return destination in _PAGES
    return not accept.startswith(_OTHER_TYPES)


def inward_headers(headers: Sequence[Header]) -> Sequence[Header] | None:
    """The request headers for the app, or None when the visitor's state has a say in them.

    The object itself comes back when nothing has to change.
    """
    known = dict(headers)
    codings = known.get(b"accept-encoding")
    wanted = wanted_codings(known.get(b"sec-fetch-dest"), known.get(b"accept"), codings)
    if wanted is None:
        return headers
    if len(known) < len(headers) or b"if-none-match" in known or b"if-modified-since" in known:
        return None
    if wanted == (codings or b""):
        return headers
    known[b"accept-encoding"] = wanted
    return [*known.items()]


@lru_cache(maxsize=_SEEN)
def wanted_codings(
    destination: bytes | None, accept: bytes | None, codings: bytes | None
) -> bytes | None:
    """What ``Accept-Encoding`` should say, if it is there; None when the answer is for no page."""
    if not may_be_page(destination or b"", accept or b""):
        return None
    return readable_codings(codings) if codings else b""


def passes(status: int, headers: Sequence[Header], conditional: bool) -> bool:
    """Whether a response is surely no page and has no header that has to be judged.

    Args:
        conditional: whether the request had conditions that the visitor's state had a say in.
    """
    typed = status in _NO_BODY and not conditional
    for name, value in headers:
        kind = _kind(name)
        if kind is None:
            kind = _kind(name.lower(), _DULL)
        if kind:
            if kind == _JUDGED or _may_be_html(value):
                return False
            typed = True
    return typed


@lru_cache(maxsize=_SEEN)
def _may_be_html(media_type: bytes) -> bool:
    return is_html(((b"content-type", media_type),), b"<")
