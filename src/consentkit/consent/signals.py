"""What a request says about its visitor: pure functions of header values.

Nothing here is ever fatal: a header that makes no sense says nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

__all__ = [
    "Signals",
    "accepted_languages",
    "families",
    "is_bot",
    "parse_cookies",
    "preferred_language",
    "sends_gpc",
]

log = logging.getLogger("consentkit")

_COOKIE_BYTES = 65_536
_VALUE_BYTES = 4_096
_AGENT = 512
_FAMILY = 48


class Signals(Struct, frozen=True, kw_only=True):
    """The signals of one request.

    Attributes:
        cookies: every value of each cookie name, in the order in which they came.
        gpc: whether Global Privacy Control is on.
        country: of the visitor, as the CDN's header has it; empty when it is not known.
    """

    cookies: dict[str, list[str]] = {}
    gpc: bool = False
    country: str = ""


def parse_cookies(headers: Iterable[bytes]) -> dict[str, list[str]]:
    """Split the ``Cookie`` headers of a request.

    HTTP/2 may send several (RFC 9113 8.2.3). One bad pair spoils no other, which rules out
    ``http.cookies``; of a name that comes twice both values are kept.
    """
    cookies: dict[str, list[str]] = {}
    for header in headers:
        for pair in header[:_COOKIE_BYTES].split(b";"):
            name, found, value = pair.strip(b" \t").partition(b"=")
            if found and len(value) <= _VALUE_BYTES and name.isascii() and value.isascii():
                text = value.strip(b'"').decode("ascii")
                cookies.setdefault(name.decode("ascii"), []).append(text)
    return cookies


def sends_gpc(values: Iterable[bytes]) -> bool:
    """Whether ``Sec-GPC`` is on: one of its values is exactly ``1`` (GPC 3.2).

    WSGI servers join repeated headers with commas, so these are split again.
    """
    return any(part.strip(b" \t") == b"1" for value in values for part in value.split(b","))


_BOT = re.compile(
    rb"(?<!cu)bot\b|crawl|spider|slurp|bingpreview|facebookexternalhit|embedly|lighthouse|"
    rb"google-inspectiontool|feedfetcher|mediapartners|duckduckgo/|yandex\w+/|baiduspider",
    re.IGNORECASE,
)


def is_bot(user_agent: bytes) -> bool:
    """Whether a user agent calls itself a crawler. Decides about the banner, never the gate.

    Cubot makes telephones.
    """
    return bool(_BOT.search(user_agent[:1024]))


_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*\Z")


def accepted_languages(accept_language: str) -> list[str]:
    """The languages of an ``Accept-Language`` header, the dearest first (RFC 9110 12.5.4)."""
    weighed: list[tuple[float, str]] = []
    for part in accept_language[:1024].split(","):
        tag, _, parameter = part.strip().partition(";")
        name, _, number = parameter.strip().partition("=")
        weight = 1.0
        if name.strip().lower() == "q":
            try:
                weight = float(number)
            except ValueError:
                continue
        if 0.0 < weight <= 1.0 and _LANGUAGE.match(tag.strip()):
            weighed.append((weight, tag.strip()))
    weighed.sort(key=lambda entry: -entry[0])  # stable: of equals the first named comes first
    return [tag for _, tag in weighed]


def preferred_language(accept_language: str) -> str:
    """The language that an ``Accept-Language`` header prefers most, or an empty string."""
    return next(iter(accepted_languages(accept_language)), "")


def families(user_agent: str) -> tuple[str, str, str]:
    """Browser, system and device family of a user agent: all of it that is ever recorded.

    A name that is no known one is a piece of the header itself, so little of it is kept.
    """
    return _families(user_agent[:_AGENT])


@lru_cache(maxsize=512)
def _families(user_agent: str) -> tuple[str, str, str]:
    from user_agents import parse  # noqa: PLC0415  (takes 0.1 s, and pages never need it)

    try:
        agent = parse(user_agent)
    except Exception:
        log.exception("a user agent could not be parsed")
        return "", "", ""
    if agent.is_bot:
        device = "bot"
    elif agent.is_tablet:
        device = "tablet"
    elif agent.is_mobile:
        device = "mobile"
    else:
        device = "desktop" if agent.is_pc else "other"
    return agent.browser.family[:_FAMILY], agent.os.family[:_FAMILY], device
