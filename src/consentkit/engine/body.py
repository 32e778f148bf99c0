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
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from consentkit.engine.coding import Decoder
from consentkit.gate import Gate

__all__ = ["Body"]

log = logging.getLogger("consentkit")

_OPENER = re.compile(
    rb"<(?=(?:script|i?frame|fencedframe|portal|img|image|link|style|object|embed|applet|param|model"
    rb"|video|audio|source|track|bgsound|input|meta|base|svg|math|use|feimage|animate|set|body|html"
    rb"|table|t[dhr])[\s/>])",
    re.IGNORECASE,
)
_HELD = b"<consentkit-held-"
_LONGEST = 16  # bytes of an opener that are needed to know it, or more


class Body:
    """Takes the chunks of a response body, gives those to be sent.

    Args:
        gate: rewrites the page.
        decoders: undo the content codings, the last applied first.
        end: makes what goes behind the page.
    """

    def __init__(
        self,
        gate: Gate,
        decoders: Sequence[Decoder] = (),
        end: Callable[[], bytes] | None = None,
    ) -> None:
        self._end = end
        self._gate: Gate | None = gate
        self._decoders = decoders
        self._utf16: codecs.IncrementalDecoder | None = None
        self._head: bytes | None = b""
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take a chunk; a compressed one may give many pieces, each of them small."""
        pieces: Iterable[bytes] = (chunk,)
        for decoder in self._decoders:
            pieces = chain.from_iterable(map(decoder.feed, pieces))
        for piece in pieces:
            if out := self._marked(piece):
                yield out

    def close(self) -> bytes:
        """The body is complete: the rest of it."""
        out = b""
        if self._head:  # a page of one byte
            out = self._gated(self._head)
            self._head = None
        if self._gate is not None:
            try:
                out += self._gate.close()
                return out + self._end() if self._end else out
            except Exception:
                log.exception("the gate failed at the end of a page")
        return out + _OPENER.sub(_HELD, self._rest)

    def _marked(self, piece: bytes) -> bytes:
        """Wait for a byte order mark, and send on what there is."""
        if self._head is not None:
            piece = self._head + piece
            self._head = piece
            if len(piece) < 2:
                return b""
            self._head = None
            if piece.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
                self._utf16 = codecs.getincrementaldecoder("utf-16")("replace")
                return self._gated(codecs.BOM_UTF8 + self._utf8(piece))
        return self._gated(self._utf8(piece))

    def _utf8(self, piece: bytes) -> bytes:
        if self._utf16 is None:
            return piece
        return self._utf16.decode(piece).encode("utf-8", "replace")

    def _gated(self, piece: bytes) -> bytes:
        if self._gate is not None:
            try:
                return self._gate.feed(piece)
            except Exception:
                log.exception("the gate failed; the rest of the page goes out without live tags")
                self._gate = None
        piece = self._rest + piece
        opened = piece.rfind(b"<", -_LONGEST)  # it may be cut in the middle of a name
        cut = len(piece) if opened < 0 else opened
        self._rest = piece[cut:]
        return _OPENER.sub(_HELD, piece[:cut])
