"""Cookies that services left on this site and that nobody has agreed to: deleted with the page.

A script can delete those that it sees; this reaches the others (``HttpOnly``) and visitors without
JavaScript. They may stem from the time before consentkit, or from before a withdrawal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from consentkit.consent.cookies import expired_cookie
from consentkit.engine.messages import Header, Request
from consentkit.policy import parent_domains

__all__ = ["deletions"]

_MOST = 40  # Set-Cookie headers; servers and proxies limit the size of a response's head


def deletions(request: Request, names: Iterable[str]) -> Sequence[Header]:
    """``Set-Cookie`` headers that delete cookies of these names.

    Where a cookie lies is not told, so every domain and path that it can have come from is tried.
    """
    domains = ("", *parent_domains(request.host))
    paths = tuple(_paths(request.url.partition("?")[0]))
    places = [(domain, path) for path in paths for domain in domains]
    found = [
        (b"set-cookie", expired_cookie(name, domain, path).encode("ascii"))
        for name in names
        for domain, path in places
    ]
    return found[:_MOST]


def _paths(path: str) -> Iterator[str]:
    """The cookie paths that match a request's path (RFC 6265 5.1.4), the shortest first."""
    yield "/"
    parts = [part for part in path.split("/") if part]
    if (
        len(parts) > 3
        or not path.isascii()
        or set(path) & set(';, "\\\x7f')
        or not path.isprintable()
    ):
        return
    for count in range(1, len(parts) + 1):
        prefix = "/" + "/".join(parts[:count])
        yield prefix
        yield prefix + "/"
