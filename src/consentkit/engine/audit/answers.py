"""Replies of the pages for auditors, and what is at hand to make them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from consentkit.engine.audit.access import Auditor
from consentkit.engine.audit.runs import Runs
from consentkit.engine.audit.trail import Trail
from consentkit.engine.messages import Header, Reply, Request
from consentkit.log import Checkpoints, Reader

__all__ = ["Asked", "Desk", "data", "file", "page", "see"]

_COMMON: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"vary", b"Cookie"),
)
_NOTHING: Header = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
# No script at all. What is shown of a notice is in a sandbox, and under this policy as well.
_PAGE: Header = (
    b"content-security-policy",
    (
        b"default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; "
        b"form-action 'self'; "
        b"frame-ancestors 'none'; base-uri 'none'"
    ),
)


class Desk(Struct, frozen=True, kw_only=True):
    """What the pages and the interface share.

    Attributes:
        log: what is looked into.
        checkpoints: of it.
        trail: who read what.
        runs: of verification.
        forget: erases a visitor's records, returns how many; None where that cannot be done.
        now: the time, RFC 3339.
    """

    log: Reader
    checkpoints: Checkpoints
    trail: Trail
    runs: Runs
    forget: Callable[[str], int] | None
    now: Callable[[], str]


class Asked(Struct, frozen=True, kw_only=True):
    """A request of somebody who may look.

    Attributes:
        home: where the pages for auditors are, with a slash at the end.
        static: where the style sheets are.
        who: the auditor.
        key: what the path names: the id of a record, the hash of a notice.
    """

    request: Request
    body: bytes
    home: str
    static: str
    who: Auditor
    key: str = ""


def data(status: int, content: Any, extra: Iterable[Header] = ()) -> Reply:
    """A reply in JSON."""
    body = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c").encode("ascii")
    kind = (b"content-type", b"application/json")
    return Reply(status=status, headers=(*_COMMON, _NOTHING, kind, *extra), body=body)


def page(status: int, html: bytes, extra: Iterable[Header] = ()) -> Reply:
    """A reply in HTML."""
    kind = (b"content-type", b"text/html; charset=utf-8")
    return Reply(status=status, headers=(*_COMMON, _PAGE, kind, *extra), body=html)


def file(name: str, kind: bytes, content: bytes, extra: Iterable[Header] = ()) -> Reply:
    """A reply to be saved under a name."""
    given = (b"content-disposition", f'attachment; filename="{name}"'.encode("ascii"))
    headers = (*_COMMON, _NOTHING, (b"content-type", kind), given, *extra)
    return Reply(status=200, headers=headers, body=content)


def see(url: str, extra: Iterable[Header] = ()) -> Reply:
    """Go there and read."""
    location = (b"location", url.encode("ascii"))
    return Reply(status=303, headers=(*_COMMON, _NOTHING, location, *extra))
