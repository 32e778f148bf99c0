"""Whether a body can be read as HTML bytes: its media type, encoding and compression."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence

__all__ = ["Decoder", "Header", "content_codings", "is_html", "readable"]

Header = tuple[bytes, bytes]

_HTML = frozenset({b"text/html", b"application/xhtml+xml"})
_CHARSET = re.compile(rb";\s*charset\s*=\s*\"?\s*([^\s;\"]+)", re.IGNORECASE)
# Encodings in which the bytes of ASCII characters mean something else (Encoding Standard 4).
_UNREADABLE = re.compile(rb"(?:utf-?(?:16|32|7)|ucs-?[24]|iso-2022|csiso2022|hz|unicode)", re.I)
_WINDOW_BITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
_OUTPUT = 65_536


def _values(headers: Sequence[Header], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


def is_html(headers: Sequence[Header], first: bytes) -> bool:
    """Whether a browser takes a response for a page.

    A response of no type is sniffed (MIME Sniffing 7.1) unless it forbids that.
    """
    types = _values(headers, b"content-type")
    if any(b"attachment" in value.lower() for value in _values(headers, b"content-disposition")):
        return False
    if not types:
        sniffing = not any(
            b"nosniff" in value.lower() for value in _values(headers, b"x-content-type-options")
        )
        return sniffing and first.lstrip(b"\xef\xbb\xbf \t\r\n\f").startswith(b"<")
    return any(value.partition(b";")[0].strip().lower() in _HTML for value in types)


def readable(headers: Sequence[Header]) -> bool:
    """Whether the page's bytes can be tokenized as they are (HTML 13.2.3.2, encoding sniffing)."""
    for value in _values(headers, b"content-type"):
        found = _CHARSET.search(value)
        if value.strip().lower().startswith(b"application/xhtml"):
            return False  # XML has rules of its own
        if found is not None and _UNREADABLE.match(found[1]):
            return False
    return True


def content_codings(headers: Sequence[Header]) -> list[bytes]:
    """The codings of a body in the order in which they were applied (RFC 9110 8.4)."""
    return [
        coding
        for value in _values(headers, b"content-encoding")
        for part in value.split(b",")
        if (coding := part.strip().lower()) not in (b"", b"identity")
    ]


class Decoder:
    """Undoes ``gzip`` or ``deflate`` piece by piece, with output in bounded pieces.

    Raises:
        KeyError: for another coding, when made.
    """

    def __init__(self, coding: bytes) -> None:
        self._window = _WINDOW_BITS[coding]
        self._stream = zlib.decompressobj(self._window)
        self._started = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded pieces of ``data``; what cannot be decoded is left out."""
        while data:
            try:
                piece = self._stream.decompress(data, _OUTPUT)
            except zlib.error:
                if self._started or self._window != 15:
                    return
                self._window = -15  # some servers call raw deflate "deflate" (RFC 9110 8.4.1.2)
                self._stream = zlib.decompressobj(self._window)
                continue
            self._started = True
            if piece:
                yield piece
            data = self._stream.unconsumed_tail
            if self._stream.eof:  # gzip members may follow one another (RFC 1952 2.2)
                data = self._stream.unused_data
                self._stream = zlib.decompressobj(self._window)
