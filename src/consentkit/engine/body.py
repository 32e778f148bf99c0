"""The body of a page on its way out: decoded, gated, and never the reason for an error.

A page in UTF-16 that says so by its byte order mark is turned into UTF-8, whose own mark counts
for more than any header (Encoding Standard 6, BOM sniffing). Should the gate fail all the same,
what follows goes out with every opener broken that could fetch something: the page stays open,
the trackers stay closed.
"""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from consentkit.engine.coding import Decoder
from consentkit.gate import Gate

__all__ = ["Body"]

log = logging.getLogger("consentkit")

_OPENER = re.compile(
    rb"<(?=(?:script|iframe|frame|img|image|link|style|object|embed|applet|video|audio|source|track"
    rb"|input|meta|base|svg|use|body|table|td|th|tr)[\s/>])",
    re.IGNORECASE,
)


class Body:
    """Takes the chunks of a response body, gives those to be sent.

    Args:
        gate: rewrites the page.
        decoders: undo the content codings, the last applied first.
    """

    def __init__(self, gate: Gate, decoders: Sequence[Decoder] = ()) -> None:
        self._gate: Gate | None = gate
        self._decoders = decoders
        self._utf16: codecs.IncrementalDecoder | None = None
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take a chunk; a compressed one may give many pieces, each of them small."""
        pieces: Iterable[bytes] = (chunk,)
        for decoder in self._decoders:
            pieces = chain.from_iterable(map(decoder.feed, pieces))
        for piece in map(self._utf8, pieces):
            if gated := self._gated(piece):
                yield gated

    def close(self) -> bytes:
        """The body is complete: the rest of it."""
        if self._gate is None:
            return b""
        try:
            return self._gate.close()
        except Exception:
            log.exception("the gate failed at the end of a page")
            return b""

    def _utf8(self, piece: bytes) -> bytes:
        if not self._begun and piece:
            self._begun = True
            if piece.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
                self._utf16 = codecs.getincrementaldecoder("utf-16")("replace")
                return codecs.BOM_UTF8 + self._utf16.decode(piece).encode("utf-8", "replace")
        if self._utf16 is not None:
            return self._utf16.decode(piece).encode("utf-8", "replace")
        return piece

    def _gated(self, piece: bytes) -> bytes:
        if self._gate is not None:
            try:
                return self._gate.feed(piece)
            except Exception:
                log.exception("the gate failed; the rest of the page goes out without live tags")
                self._gate = None
        return _OPENER.sub(b"<consentkit-held-", piece)
