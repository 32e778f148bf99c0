"""Which attributes of which elements make a browser fetch something by itself.

The table follows the fetch surface of HTML and SVG (HTML living standard, the "fetch" steps of
each element; SVG 2, linking). Links and forms are not in it: following them is the visitor's act.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from consentkit.gate.charrefs import decode_attribute

__all__ = [
    "HTML_NAMES",
    "Attributes",
    "Carrier",
    "carriers",
    "is_live",
    "refresh_url",
    "script_kind",
]

Attributes = Mapping[bytes, bytes]
"""The attributes of a tag by lower-case name; of duplicates the first, as the parser keeps it."""


class Carrier(NamedTuple):
    """How one attribute fetches.

    Attributes:
        kind: ``url``, ``srcset``, ``urls`` (separated by spaces), ``values`` (by semicolons),
            ``css``, ``refresh`` or ``handler`` (code that runs when an element has loaded).
        applies: whether the other attributes of the tag let it fetch.
    """

    kind: str
    applies: Callable[[Attributes], bool] | None = None


# HTML 4.6.7: link types that fetch. Others (canonical, next, author…) wait for the visitor.
_FETCHING_RELS = frozenset(
    b"stylesheet icon shortcut apple-touch-icon apple-touch-icon-precomposed mask-icon fluid-icon "
    b"manifest preload modulepreload prefetch preconnect dns-prefetch prerender subresource "
    b"compression-dictionary import".split()
)


def _fetching_link(attributes: Attributes) -> bool:
    rels = decode_attribute(attributes.get(b"rel", b"")).lower().encode().split()
    return not _FETCHING_RELS.isdisjoint(rels)


def _image_button(attributes: Attributes) -> bool:
    return decode_attribute(attributes.get(b"type", b"")).lower() == "image"


def _refresh(attributes: Attributes) -> bool:
    return decode_attribute(attributes.get(b"http-equiv", b"")).lower() == "refresh"


# What plugins and browsers took the address of the content from (HTML 4.01 13.3.2 leaves the names
# to them). A parameter of another name is a setting, whatever its value looks like.
_LOADING_PARAMS = frozenset(
    "code codebase archive classid data filename href movie source src url".split()
)


def _loading_param(attributes: Attributes) -> bool:
    name = decode_attribute(attributes.get(b"name", b"")).strip().lower()
    return name in _LOADING_PARAMS


_URL = Carrier("url")
_SRCSET = Carrier("srcset")

_HTML: Mapping[bytes, Mapping[bytes, Carrier]] = {
    b"script": {b"src": _URL},
    b"img": {b"src": _URL, b"srcset": _SRCSET, b"lowsrc": _URL, b"dynsrc": _URL},
    b"image": {b"src": _URL, b"srcset": _SRCSET},  # the parser makes it an img
    b"iframe": {b"src": _URL},
    b"frame": {b"src": _URL},
    b"fencedframe": {b"src": _URL},
    b"portal": {b"src": _URL},
    b"source": {b"src": _URL, b"srcset": _SRCSET},
    b"video": {b"src": _URL, b"poster": _URL},
    b"audio": {b"src": _URL},
    b"bgsound": {b"src": _URL},
    b"track": {b"src": _URL},
    b"model": {b"src": _URL},
    b"input": {b"src": Carrier("url", _image_button)},
    b"embed": {b"src": _URL},
    b"object": {b"data": _URL, b"codebase": _URL, b"classid": _URL, b"archive": Carrier("urls")},
    b"applet": {b"code": _URL, b"codebase": _URL, b"archive": Carrier("urls")},
    b"param": {b"value": Carrier("url", _loading_param)},
    b"link": {
        b"href": Carrier("url", _fetching_link),
        b"imagesrcset": Carrier("srcset", _fetching_link),
    },
    b"meta": {b"content": Carrier("refresh", _refresh)},
    b"amp-img": {b"src": _URL, b"srcset": _SRCSET},
    b"amp-iframe": {b"src": _URL},
    b"amp-pixel": {b"src": _URL},
    b"amp-analytics": {b"config": _URL},
}


def _of_href(attributes: Attributes) -> bool:
    target = decode_attribute(attributes.get(b"attributename", b"")).strip().lower()
    return target in ("href", "xlink:href")


_HREF = {b"href": _URL, b"xlink:href": _URL}
_ANIMATED = dict.fromkeys((b"from", b"to", b"by", b"values"), Carrier("values", _of_href))
_SVG: Mapping[bytes, Mapping[bytes, Carrier]] = {
    b"script": _HREF,
    b"image": _HREF,
    b"use": _HREF,
    b"feimage": _HREF,
    b"textpath": _HREF,
    b"mpath": _HREF,
    b"pattern": _HREF,
    b"filter": _HREF,
    b"lineargradient": _HREF,
    b"radialgradient": _HREF,
    # SVG animation may put an address where there was none.
    b"animate": _ANIMATED,
    b"set": _ANIMATED,
    b"mglyph": {b"src": _URL},
}
# SVG 2, 13: presentation attributes that are CSS and may load what they name.
_SVG_EVERYWHERE: Mapping[bytes, Carrier] = dict.fromkeys(
    b"clip-path cursor fill filter marker marker-end marker-mid marker-start mask stroke".split(),
    Carrier("css"),
)

# On any element.
_EVERYWHERE: Mapping[bytes, Carrier] = {
    b"style": Carrier("css"),
    b"background": _URL,
    b"ping": Carrier("urls"),
    b"attributionsrc": Carrier("urls"),
    b"onload": Carrier("handler"),
    b"onerror": Carrier("handler"),
}

_TABLES = {name: {**_EVERYWHERE, **table} for name, table in _HTML.items()}
# Names that HTML and SVG share are looked at both ways: one too many is harmless.
_FOREIGN_EVERYWHERE = {**_EVERYWHERE, **_SVG_EVERYWHERE}
HTML_NAMES = frozenset(_HTML)
"""The HTML elements with carriers of their own."""

_FOREIGN_TABLES = {
    name: {**_FOREIGN_EVERYWHERE, **_HTML.get(name, {}), **_SVG.get(name, {})}
    for name in (*_HTML, *_SVG)
}


def carriers(name: bytes, foreign: bool) -> Mapping[bytes, Carrier]:
    """The fetching attributes of an element, by name; ``foreign`` for one in svg or math."""
    if foreign:
        return _FOREIGN_TABLES.get(name, _FOREIGN_EVERYWHERE)
    return _TABLES.get(name, _EVERYWHERE)


# HTML 4.12.1 / MIME Sniffing 4.6: the JavaScript MIME type essences.
_JAVASCRIPT = frozenset(
    "application/ecmascript application/javascript application/x-ecmascript "
    "application/x-javascript text/ecmascript text/javascript text/javascript1.0 "
    "text/javascript1.1 text/javascript1.2 text/javascript1.3 text/javascript1.4 "
    "text/javascript1.5 text/jscript text/livescript text/x-ecmascript text/x-javascript".split()
)
_LIVE = frozenset({"module", "importmap", "speculationrules"})


def script_kind(attributes: Attributes) -> str:
    """What the browser takes a ``<script>`` for (HTML 4.12.1.1, prepare the script element).

    Returns:
        ``script``, ``module``, ``importmap``, ``speculationrules``, or ``data`` for a block of
        data, which is neither run nor fetched.
    """
    given = attributes.get(b"type")
    language = attributes.get(b"language")
    if given is not None:
        kind = decode_attribute(given)
        if kind == "":
            return "script"
    elif language:
        kind = "text/" + decode_attribute(language)
    else:
        return "script"
    kind = kind.strip("\t\n\f\r ").lower()
    if kind in _JAVASCRIPT:
        return "script"
    return kind if kind in _LIVE else "data"


def is_live(name: bytes, attributes: Attributes) -> bool:
    """Whether an element does anything: a script may be data, a style sheet of an unknown type."""
    if name == b"script":
        return script_kind(attributes) != "data"
    if name == b"style":  # HTML 4.2.6, update a style block
        return decode_attribute(attributes.get(b"type", b"")).lower() in ("", "text/css")
    return True


_REFRESH_URL = re.compile(r"[\s\d.]*[;,\s]\s*(?:url\s*=\s*)?[\"']?([^\"']*)", re.I)


def refresh_url(content: str) -> str:
    """The URL in the ``content`` of a meta refresh (HTML 4.2.5.3), or nothing."""
    found = _REFRESH_URL.match(content)
    return found[1] if found else ""
