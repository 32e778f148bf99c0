"""Which host a URL in a page leads to, read as the URL standard reads it.

Only what decides about a request matters here: scheme, host, path and query. Ordinary spellings
take a short way; the odd ones (backslashes, tabs inside, user info, percent-encoded or full-width
hosts) the long one. Nothing raises: what is no URL of the network leads nowhere.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote

from consentkit.gate.charrefs import decode_attribute

__all__ = ["NO_BASE", "PLAIN_PATH", "Location", "locate", "locate_text", "srcset_urls"]


class Location(NamedTuple):
    """Where a URL leads.

    Attributes:
        scheme: lower case, without the colon; empty when it is the page's own.
        host: lower-case ASCII, without port or final dot; empty for a path of this site.
        target: path and query, starting with ``/``; for ``javascript:`` and ``data:`` the rest.
    """

    scheme: str
    host: str
    target: str


NO_BASE = Location("", "", "")
"""The base of a page whose ``<base>`` says nothing of use."""

_PLAIN = re.compile(
    rb"(?:https?:)?//([a-zA-Z0-9_.-]*[a-zA-Z0-9_-])(?::\d*)?((?:[/?][^\s&\\#%]*)?)\Z"
)
PLAIN_PATH = re.compile(rb"(?!//)[a-zA-Z0-9_/-]++(?:\.[a-zA-Z0-9_-][a-zA-Z0-9_/-]*+)*+\Z")
"""A path of this site with nothing in it to resolve or decode."""
_PLAIN_PATH_TEXT = re.compile(PLAIN_PATH.pattern.decode())
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_STRIP = "".join(map(chr, range(0x21)))  # URL standard 4.4: C0 control or space, at both ends
_BLOB = re.compile(r"(?:blob:[\x00-\x20]*+)++", re.I)
_AUTHORITY_END = re.compile(r"[/\\?#]")
_PORT = re.compile(r":[0-9]*\Z")
# A host has at most 253 characters, each of them percent-encoded in up to 12.
_LONGEST_AUTHORITY = 4096
# UTS #46: characters that are ignored in the name of a host.
_IGNORED = re.compile(
    "[\u00ad\u034f\u180b-\u180f\u200b\u2060\u2064\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)
_SLASHES = ("/", "\\")
# URL standard 3.5: a host whose last label is a number is an IPv4 address, or none at all.
_NUMBER = re.compile(r"(?:\A|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?\Z")
_LONGEST_NUMBER = 40
_LONGEST_LABEL = 63  # RFC 1035 2.3.4
_NETWORK = frozenset({"http", "https", "ws", "wss", "ftp"})


def locate(value: bytes, base: Location | None = None) -> Location | None:
    """Resolve an attribute value.

    Args:
        value: the bytes of the value, with character references as in the document.
        base: where relative URLs start from when a ``<base>`` says so.

    Returns:
        None for what makes no request (``about:``, ``mailto:``, an empty value…).
    """
    plain = _PLAIN.match(value)
    if plain is not None and b"/." not in plain[2]:
        host = plain[1].decode("ascii").lower()
        if host[-1].isdigit() or "0x" in host:
            host = _ipv4(host)
            if not host:
                return None
        target = plain[2].decode("ascii", "replace")
        return Location("", host, target if target.startswith("/") else "/" + target)
    return locate_text(decode_attribute(value), base)


def locate_text(text: str, base: Location | None = None) -> Location | None:
    """Resolve a URL that holds no character references any more; see :func:`locate`."""
    if base is None and _PLAIN_PATH_TEXT.match(text):
        return Location("", "", text)
    text = text.strip(_STRIP).replace("\t", "").replace("\n", "").replace("\r", "")
    if not text:
        return None
    text = (
        text[found.end() :] if (found := _BLOB.match(text)) else text
    )  # made by the page of the URL within
    found = _SCHEME.match(text)
    if found is not None:
        scheme = found[1].lower()
        rest = text[found.end() :]
        if scheme in ("javascript", "data"):
            return Location(scheme, "", rest)
        if scheme not in _NETWORK:
            return None
        # "https:host" is a host or, on a page of the same scheme, a path: taken for a host here,
        # because a gate errs towards holding back.
        return _authority(scheme, rest.lstrip("/\\"))
    if text[:1] in _SLASHES and text[1:2] in _SLASHES:
        return _authority(base.scheme if base else "", text.lstrip("/\\"))
    return _relative(text, base or NO_BASE)


def _relative(text: str, base: Location) -> Location:
    """URL standard 4.4, the relative states: from the root, beside the base, a query."""
    path, mark, query = text.partition("#")[0].partition("?")
    if not path:
        before, _, own = base.target.partition("?")
        target = before + (mark + query if mark else "?" + own if own else "")
        return Location(base.scheme, base.host, target)
    path = path.replace("\\", "/")
    if base.host or base.target:
        folder = base.target.partition("?")[0].rpartition("/")[0]
        path = _path(path if path.startswith("/") else f"{folder}/{path}")
    elif "." in path or "%" in path:
        path = _path(path)
    return Location(base.scheme, base.host, path + mark + query)


def _authority(scheme: str, rest: str) -> Location | None:
    end = _AUTHORITY_END.search(rest)
    authority, tail = (rest, "") if end is None else (rest[: end.start()], rest[end.start() :])
    host = _host(authority.rpartition("@")[2])
    if not host:
        return None
    path, mark, query = tail.partition("#")[0].partition("?")
    return Location(scheme, host, _path(path) + mark + query)


def _host(authority: str) -> str:
    if len(authority) > _LONGEST_AUTHORITY:
        return ""
    host = _PORT.sub("", authority)
    if "%" in host:
        host = unquote(host, errors="replace")
    if not host.isascii():
        host = unicodedata.normalize("NFKC", _IGNORED.sub("", host)).lower()
        host = unicodedata.normalize("NFC", host).replace("\u3002", ".")
    host = host.lower()
    bare = host.rstrip(".")
    # Two dots at the end: the last label is empty, and no number.
    host = bare if len(host) - len(bare) > 1 else _ipv4(bare)
    if host.isascii():
        return host
    try:
        return ".".join(map(_a_label, host.split(".")))
    except UnicodeError:
        return ""


def _a_label(label: str) -> str:
    """A label as it is sent (UTS #46, not transitional: a sharp s stays one)."""
    if len(label) > _LONGEST_LABEL:
        raise UnicodeError(label)
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")


def _ipv4(host: str) -> str:
    """An IPv4 address in any spelling as four decimal numbers; other hosts as they are.

    Nothing for what ends in a number and is no address (URL standard 3.5, the IPv4 parser).
    """
    if not _NUMBER.search(host):
        return host
    parts = host.split(".")
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return ""
    *first, last = numbers
    if len(parts) > 4 or max(first, default=0) > 255 or last >= 256 ** (5 - len(parts)):
        return ""
    value = last + sum(number << 8 * (3 - place) for place, number in enumerate(first))
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def _number(part: str) -> int:
    """Decimal, octal or hexadecimal (URL standard 3.5, the IPv4 number parser)."""
    if not part or len(part) > _LONGEST_NUMBER or not part.isalnum():
        raise ValueError(part)
    if part[:2] == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8 if part[0] == "0" else 10)


def _path(path: str) -> str:
    """Backslashes are slashes, and dot segments are resolved (URL standard 4.4, path state)."""
    path = unquote(path.replace("\\", "/"), errors="replace")
    if "/." not in path:
        return path if path.startswith("/") else "/" + path
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


_CANDIDATE = re.compile(r"[\t\n\f\r ,]*+([^\t\n\f\r ]++)((?:\([^)]*+\)?|[^,(])*+)")


def srcset_urls(value: str) -> list[str]:
    """The URLs of a ``srcset`` (HTML 2.5.1.4): commas inside a URL belong to it, at its end not."""
    urls: list[str] = []
    position = 0
    while found := _CANDIDATE.match(value, position):
        url = found[1]
        # A comma at its end: no descriptors, the next candidate starts right here.
        position = found.end(1 if url.endswith(",") else 0)
        urls.append(url.rstrip(","))
    return urls
