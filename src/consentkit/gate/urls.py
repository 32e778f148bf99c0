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

__all__ = ["Location", "css_urls", "locate", "srcset_urls"]


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


_PLAIN = re.compile(rb"(?:https?:)?//([a-zA-Z0-9_.-]*[a-zA-Z0-9_-])(?::\d*)?((?:[/?][^\s&\\#%]*)?)\Z")
_LOCAL = re.compile(rb"[a-zA-Z0-9_./-]*+(?:\?[^&\s\\]*)?\Z")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_STRIP = "".join(map(chr, range(0x21)))  # URL standard 4.4: C0 control or space, at both ends
_AUTHORITY_END = re.compile(r"[/\\?#]")
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
    if plain is not None:
        host = plain[1].decode("ascii").lower()
        target = plain[2].decode("ascii", "replace")
        return Location("", host, target if target.startswith("/") else "/" + target)
    if base is None and value and not value.startswith(b"//") and _LOCAL.match(value):
        return Location("", "", value.decode("ascii", "replace"))
    return locate_text(decode_attribute(value), base)


def locate_text(text: str, base: Location | None = None) -> Location | None:
    """Resolve a URL that holds no character references any more; see :func:`locate`."""
    text = text.strip(_STRIP).replace("\t", "").replace("\n", "").replace("\r", "")
    if not text:
        return None
    scheme = ""
    found = _SCHEME.match(text)
    if found is not None:
        scheme = found[1].lower()
        rest = text[found.end() :]
        if scheme in ("javascript", "data"):
            return Location(scheme, "", rest)
        if scheme == "blob":
            return locate_text(rest, base)
        if scheme not in _NETWORK:
            return None
        # "https:host" is a host or, on a page of the same scheme, a path: taken for a host here,
        # because a gate errs towards holding back.
        return _authority(scheme, rest.lstrip("/\\"))
    if text[:1] in "/\\" and text[1:2] in ("/", "\\"):
        return _authority(base.scheme if base else "", text.lstrip("/\\"))
    path = text.partition("#")[0].replace("\\", "/")
    if base is None:
        return Location("", "", path)
    return Location(base.scheme, base.host, path if path.startswith("/") else "/" + path)


def _authority(scheme: str, rest: str) -> Location | None:
    end = _AUTHORITY_END.search(rest)
    authority, tail = (rest, "") if end is None else (rest[: end.start()], rest[end.start() :])
    host = _host(authority.rpartition("@")[2])
    if not host:
        return None
    path, mark, query = tail.partition("#")[0].partition("?")
    return Location(scheme, host, _path(path) + mark + query)


def _host(authority: str) -> str:
    host = re.sub(r":\d*$", "", authority)
    if "%" in host:
        host = unquote(host, errors="replace")
    host = unicodedata.normalize("NFKC", host).lower().replace("\u3002", ".").rstrip(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    return host


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


_CANDIDATE = re.compile(rb"[\t\n\f\r ,]*+([^\t\n\f\r ]++)((?:\([^)]*+\)?|[^,(])*+)")


def srcset_urls(value: bytes) -> list[bytes]:
    """The URLs of a ``srcset`` (HTML 2.5.1.4): commas inside a URL belong to it, at its end not."""
    urls: list[bytes] = []
    position = 0
    while found := _CANDIDATE.match(value, position):
        url = found[1]
        if url.endswith(b","):  # no descriptors: the next candidate starts right here
            position = found.end(1)
        else:
            position = found.end()
        urls.append(url.rstrip(b","))
    return urls


_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\n\r\f]?|(\r\n|[\n\r\f])|(.))", re.S)
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.S)
_CSS_URL = re.compile(r"(?:url|src)\(\s*(?:\"([^\"\n]*)|'([^'\n]*)|([^\"'()\s]*))", re.I)
_CSS_STRING = re.compile(r"(?:@import|image-set\(|[,(])\s*(?:\"([^\"\n]*)\"|'([^'\n]*)')", re.I)


def css_urls(css: bytes) -> list[str]:
    """The URLs that a style sheet or ``style`` attribute may load, escapes and comments undone."""
    if b"//" not in css and b"\\" not in css:
        return []
    text = css.decode("utf-8", "replace")
    readings = {text}
    if "\\" in text:
        readings.add(_CSS_ESCAPE.sub(_css_unescape, text))
    # A comment may hide a name from us, and "/*" inside a URL may hide the URL: read both ways.
    readings |= {_CSS_COMMENT.sub("", reading) for reading in readings}
    urls: dict[str, None] = {}
    for reading in readings:
        for pattern in (_CSS_URL, _CSS_STRING):
            for groups in pattern.findall(reading):
                urls[next(filter(None, groups), "")] = None
    urls.pop("", None)
    return list(urls)


def _css_unescape(match: re.Match[str]) -> str:
    digits, newline, char = match.groups()
    if digits:
        number = int(digits, 16)
        return chr(number) if 0 < number <= 0x10FFFF else "\ufffd"
    return "" if newline else str(char)
