"""Whether a body can be read as HTML bytes: its media type, encoding and compression."""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache

__all__ = [
    "Decoder",
    "Fields",
    "Header",
    "can_decode",
    "content_codings",
    "is_html",
    "read_fields",
    "readable",
    "readable_codings",
]

log = logging.getLogger("consentkit")

Header = tuple[bytes, bytes]
Fields = dict[bytes, list[bytes]]

_HTML = frozenset({b"text/html", b"application/xhtml+xml"})
_TYPE = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")
_UNKNOWN = frozenset({b"unknown/unknown", b"application/unknown", b"*/*"})
_CHARSET = re.compile(rb";\s*charset\s*=\s*\"?\s*([^\s;,\"]+)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta\b[^>]*?charset\s*=\s*[\"']?\s*([^\s;\"'/>]+)", re.IGNORECASE)
# Encodings in which the bytes of ASCII characters mean something else (Encoding Standard 4).
_UTF16 = re.compile(rb"utf-?16|(?:iso-10646-)?ucs-?2|(?:cs)?unicode", re.IGNORECASE)
_UNREADABLE = re.compile(
    _UTF16.pattern + rb"|utf-?(?:32|7)|ucs-?4|(?:cs)?iso-?2022|hz", re.IGNORECASE
)
_WINDOW_BITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
_OUTPUT = 65_536
_SEEN = 256  # values of a header that are remembered


def read_fields(headers: Sequence[Header]) -> Fields:
    """Headers by their names in lower case; what takes headers takes these as well, and quicker."""
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name.lower(), []).append(value)
    return fields


def _values(headers: Sequence[Header] | Fields, name: bytes) -> Sequence[bytes]:
    if isinstance(headers, dict):
        return headers.get(name, ())
    return [value for key, value in headers if key.lower() == name]


def is_html(headers: Sequence[Header] | Fields, first: bytes) -> bool:
    """Whether a browser takes a response for a page.

    A response of no type is sniffed (MIME Sniffing 7.1) unless it forbids that. What is to be
    saved and not shown is no page.
    """
    dispositions = _values(headers, b"content-disposition")
    if dispositions and all(_essence(value) == b"attachment" for value in dispositions):
        return False
    # Browsers split a joined header, and take the last type in it that they can read.
    types = [kind for value in _values(headers, b"content-type") for kind in _types(value)]
    if types:
        return not _HTML.isdisjoint(types)
    options = _values(headers, b"x-content-type-options")
    if not first or any(b"nosniff" in value.lower() for value in options):
        return False
    beginning = first.lstrip(b"\xef\xbb\xbf \t\r\n\f")
    return not beginning or beginning.startswith(b"<")


@lru_cache(maxsize=_SEEN)
def _types(value: bytes) -> tuple[bytes, ...]:
    """The media types that a browser can read in a ``Content-Type``."""
    essences = map(_essence, value.split(b","))
    return tuple(e for e in essences if _TYPE.fullmatch(e) and e not in _UNKNOWN)


def _essence(value: bytes) -> bytes:
    return value.partition(b";")[0].strip().lower()


def readable(headers: Sequence[Header] | Fields, first: bytes) -> bool:
    """Whether the page's bytes can be tokenized as they are (HTML 13.2.3.2, encoding sniffing)."""
    types = _values(headers, b"content-type")
    labels = []
    for value in types:
        xml, found = _labels(value)
        if xml:
            return False  # XML has rules of its own
        labels += found
    if not labels:
        labels = _META_CHARSET.findall(first[:1024])
        # What a page says of itself in ASCII is not in UTF-16 (HTML 13.2.3.2, prescan).
        labels = [label for label in labels if not _UTF16.match(label)]
    return not any(map(_UNREADABLE.match, labels))


@lru_cache(maxsize=_SEEN)
def _labels(value: bytes) -> tuple[bool, list[bytes]]:
    """Whether a ``Content-Type`` is for XML, and the encodings in it."""
    return b"application/xhtml" in value.lower(), _CHARSET.findall(value)


def content_codings(headers: Sequence[Header] | Fields) -> list[bytes]:
    """The codings of a body in the order in which they were applied (RFC 9110 8.4)."""
    return [
        coding
        for value in _values(headers, b"content-encoding")
        for part in value.split(b",")
        if (coding := part.strip().lower()) not in (b"", b"identity")
    ]


def can_decode(codings: Sequence[bytes]) -> bool:
    """Whether all of these codings can be undone."""
    return _WINDOW_BITS.keys() >= set(codings)


def readable_codings(value: bytes) -> bytes:
    """``Accept-Encoding`` less the codings that cannot be undone."""
    kept = [
        part.strip()
        for part in value.split(b",")
        if part.partition(b";")[0].strip().lower() in (*_WINDOW_BITS, b"identity")
    ]
    return b", ".join(kept) or b"identity"


class Decoder:
    """Undoes ``gzip`` or ``deflate`` piece by piece, with output in bounded pieces.

    What cannot be decoded is left out, and so is what follows it.

    Raises:
        KeyError: for another coding, when made.
    """

    def __init__(self, coding: bytes) -> None:
        self._window = _WINDOW_BITS[coding]
        self._stream = zlib.decompressobj(self._window)
        self._head = b""
        self._begun = self._done = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded pieces of ``data``."""
        if not self._begun:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return
            self._begun = True
            if self._window == 15 and not _is_zlib(data):
                self._window = -15  # some servers send it bare (RFC 9110 8.4.1.2)
                self._stream = zlib.decompressobj(self._window)
        yield from self._decode(data)

    def _decode(self, data: bytes) -> Iterator[bytes]:
        while not self._done:
            try:
                piece = self._stream.decompress(data, _OUTPUT)
            except zlib.error:
                log.warning("a compressed page is damaged; it ends there")
                self._done = True
                return
            if piece:
                yield piece
            data = self._stream.unconsumed_tail
            if self._stream.eof:  # gzip members may follow one another (RFC 1952 2.2)
                data = self._stream.unused_data
                self._done = self._window != 31 or (bool(data) and not data.startswith(b"\x1f"))
                self._stream = zlib.decompressobj(self._window)
            if not data and len(piece) < _OUTPUT:  # a full piece may have more behind it
                return


def _is_zlib(data: bytes) -> bool:
    """Whether this is the header of RFC 1950 2.2."""
    return data[0] & 15 == 8 and (data[0] * 256 + data[1]) % 31 == 0
