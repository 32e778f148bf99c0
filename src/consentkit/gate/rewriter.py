"""The gate itself: HTML bytes in, the same bytes out, except for the tags that had to sleep.

Promises: no input raises; each byte is looked at a bounded number of times, so time is linear;
memory is bounded by ``tag_bytes`` and ``script_bytes``; where the chunks are cut changes nothing.
Held back are only a tag that is not complete, an inline script or style sheet that must be judged
whole, and a ``<noscript>``. What exceeds its bound goes out inert.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from consentkit.gate.carriers import carriers, is_live
from consentkit.gate.charrefs import decode_attribute, encode_attribute
from consentkit.gate.foreign import ForeignContent
from consentkit.gate.inert import Attribute, hush, parse_attributes, tag_name
from consentkit.gate.judge import OPEN, UNKNOWN, Judge, Verdict
from consentkit.gate.placement import Insertions, Placement
from consentkit.gate.scanner import (
    RAW_TEXT,
    Finder,
    ScriptFinder,
    TagEnd,
    dull,
    dull_foreign,
)
from consentkit.gate.scanner import tag as whole_tag
from consentkit.gate.urls import locate
from consentkit.settings import UNCLASSIFIED, LimitSettings

__all__ = ["Gate", "Placeholder"]

Placeholder = Callable[[Verdict, str], bytes]
"""Makes what stands in for an embed, from the verdict on it and its URL."""

_TEXT = re.compile(rb"[^<]*+")
_BLANK = re.compile(rb"[\t\n\f\r ]*+\Z")
_LETTER = re.compile(rb"[a-zA-Z]")
_COMMENT_END = re.compile(rb"--!?>")
_HIDDEN = re.compile(rb"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_BOGUS_END = re.compile(rb">")
_CDATA_END = re.compile(rb"\]\]>")
_NOTHING = frozenset({b"0", b"1", b"0px", b"1px"})
_DEPTH = 4
_SLICE = 65_536


class Gate:
    """Rewrites one page, chunk by chunk.

    Args:
        judge: decides what must sleep.
        insertions: what is put into the page, when it is a document.
        placeholder: makes what is shown in place of an embed that sleeps.
        limits: how much of a tag and of a script may be held back.
    """

    def __init__(
        self,
        judge: Judge,
        insertions: Insertions | None = None,
        placeholder: Placeholder | None = None,
        limits: LimitSettings | None = None,
        *,
        depth: int = 0,
    ) -> None:
        self._judge = judge
        self._placement = Placement(insertions) if insertions else None
        self._placeholder = placeholder
        self._limits = limits or LimitSettings()
        self._depth = depth
        self._foreign = ForeignContent()
        self._mode: Callable[[bytes, int], int] = self._markup
        self._out: list[bytes] = []
        self._tail = b""
        self._final = False
        # A tag or a raw text that is held back, and what to do with it when it is complete.
        self._held: list[bytes] = []
        self._held_size = 0
        self._oversize = b""
        self._tag_end = TagEnd()
        self._finder: Finder | ScriptFinder = Finder(b"title")
        self._weigh: Callable[[bytes, bool], bytes] = self._both_readings
        self._opener: Callable[[Verdict], bytes] = lambda _: b""
        self._inherited: Verdict | None = None
        self._again = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the page; returns those that may go out."""
        for start in range(0, len(chunk), _SLICE):
            piece = chunk[start : start + _SLICE]
            data, self._tail = self._tail + piece, b""
            self._run(data)
        return self._take()

    def close(self) -> bytes:
        """The page is complete; returns what was still held back."""
        data, self._tail, self._final = self._tail, b"", True
        self._run(data)
        self._unfinished()
        if self._placement is not None and self._mode == self._markup:
            self._out.append(self._placement.end())
        return self._take()

    @property
    def settled(self) -> bool:
        """Whether the page ended in plain content, with nothing left open."""
        return self._mode == self._markup and not self._foreign and not self._foreign.doubtful

    def _take(self) -> bytes:
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _run(self, data: bytes) -> None:
        position = 0
        while position < len(data):
            position = self._mode(data, position)
            if self._again:
                data, self._again, position = self._again + data[position:], b"", 0

    # --- markup -------------------------------------------------------------------------------

    def _markup(self, data: bytes, position: int) -> int:
        """The data state: text and tags. Returns up to where ``data`` is done with."""
        start, size = position, len(data)
        while True:
            if self._placement is not None and self._placement.pending:
                self._out.append(data[start:position])
                start = position
            position = self._skip(data, position)
            if position >= size:
                self._out.append(data[start:])
                return size
            following = data[position + 1 : position + 2]
            if following == b"/":
                following = data[position + 2 : position + 3]
                if following and not _LETTER.match(following):
                    if following == b">":  # "</>" is nothing at all
                        position += 3
                        continue
                    return self._switch(data, start, position + 2, self._bogus_comment)
            elif following in (b"!", b"?"):
                return self._declaration(data, start, position)
            if not following:
                if self._final:
                    self._out.append(data[start:])
                    return size
                return self._keep(data, start, position)
            found = whole_tag.match(data, position)
            if found is None:
                self._out.append(data[start:position])
                self._tag_end = TagEnd()
                self._mode = self._tag_in_pieces
                # The name's first letter is behind "<" or "</"; slashes there are no part of it.
                head = position + 1 + (data[position + 1 : position + 2] == b"/")
                self._hold(data[position:head])
                return head
            end = found.end()
            replacement = self._tag(data[position:end])
            if replacement is not None:
                self._out += (data[start:position], replacement)
                start = end
            position = end
            if self._mode != self._markup:
                self._out.append(data[start:position])
                return position

    def _skip(self, data: bytes, position: int) -> int:
        """Pass over what needs no look; stops at a ``<`` that opens something, or at the end."""
        placement = self._placement
        if placement is None or not placement.pending:
            pattern = dull_foreign if self._foreign.active else dull
            if self._foreign and not self._foreign.active:
                pattern = _TEXT  # inside an integration point every tag counts
            found = pattern.match(data, position)
            return self._text_end(data, found.end() if found else position)
        found = _TEXT.match(data, position)
        end = self._text_end(data, found.end() if found else position)
        if not _BLANK.match(data, position, end):
            self._out.append(placement.text())
        return end

    def _text_end(self, data: bytes, position: int) -> int:
        """Step over a ``<`` that is text, because no tag, comment or the like follows it."""
        while position < len(data):
            following = data[position + 1 : position + 2]
            if not following or following in b"!?/" or _LETTER.match(following):
                return position
            found = _TEXT.match(data, position + 1)
            position = found.end() if found else len(data)
        return position

    def _switch(
        self, data: bytes, start: int, position: int, mode: Callable[[bytes, int], int]
    ) -> int:
        self._out.append(data[start:position])
        self._mode = mode
        return position

    def _keep(self, data: bytes, start: int, position: int) -> int:
        """Wait for more: what is behind ``position`` is too short to tell what it is."""
        self._out.append(data[start:position])
        self._tail = data[position:]
        return len(data)

    def _declaration(self, data: bytes, start: int, position: int) -> int:
        """``<!`` and ``<?`` (13.2.5.42, markup declaration open)."""
        text = data[position : position + 9]
        enough = self._final
        if text.startswith(b"<!--"):
            if enough or len(data) - position >= 6:
                if data.startswith(b">", position + 4):
                    return self._switch(data, start, position + 5, self._markup)
                if data.startswith(b"->", position + 4):
                    return self._switch(data, start, position + 6, self._markup)
                return self._switch(data, start, position + 4, self._comment)
            return self._keep(data, start, position)
        if not enough and len(text) < 9 and text.upper() in (
            b"<!DOCTYPE"[: len(text)],
            b"<![CDATA["[: len(text)],
            b"<!--"[: len(text)],
        ):
            return self._keep(data, start, position)
        if text.upper() == b"<!DOCTYPE" and self._placement is not None:
            self._placement.doctype()
        if text == b"<![CDATA[" and self._foreign.active:
            return self._switch(data, start, position + 9, self._cdata)
        return self._switch(data, start, position + 2, self._bogus_comment)

    def _until(self, data: bytes, position: int, end: re.Pattern[bytes], overlap: int) -> int:
        found = end.search(data, position)
        if found is not None:
            self._mode = self._markup
            self._out.append(data[position : found.end()])
            return found.end()
        keep = len(data) if self._final else max(position, len(data) - overlap)
        self._out.append(data[position:keep])
        self._tail = data[keep:]
        return len(data)

    def _comment(self, data: bytes, position: int) -> int:
        return self._until(data, position, _COMMENT_END, 3)

    def _bogus_comment(self, data: bytes, position: int) -> int:
        return self._until(data, position, _BOGUS_END, 0)

    def _cdata(self, data: bytes, position: int) -> int:
        return self._until(data, position, _CDATA_END, 2)

    # --- a tag that arrives in pieces -----------------------------------------------------------

    def _hold(self, piece: bytes) -> None:
        self._held.append(piece)
        self._held_size += len(piece)

    def _release(self) -> bytes:
        held = b"".join(self._held)
        self._held.clear()
        self._held_size = 0
        return held

    def _tag_in_pieces(self, data: bytes, position: int) -> int:
        end = self._tag_end.find(data, position)
        self._hold(data[position:] if end < 0 else data[position:end])
        if self._held_size > self._limits.tag_bytes:
            self._oversize = self._oversize or self._release()[:256]
            self._held.clear()
        if end < 0:
            return len(data)
        self._mode = self._markup
        tag = self._bare(self._oversize) if self._oversize else self._release()
        self._oversize = b""
        self._held_size = 0
        replacement = self._tag(tag)
        self._out.append(tag if replacement is None else replacement)
        return end

    @staticmethod
    def _bare(tag: bytes) -> bytes:
        """A tag that was too long to judge, without its attributes: it can do nothing."""
        closing, name = tag_name(tag)
        if closing or len(name) > 64:
            return b"</" + name[:64] + b">"
        mark = b' data-consent="' + UNCLASSIFIED.encode() + b'"'
        inert = b' type="text/plain"' if name == b"script" else b""
        return b"<" + name + inert + mark + b">"

    def _unfinished(self) -> None:
        """The page ended: let out what was held back."""
        if self._mode == self._tag_in_pieces:
            # An unfinished tag is no tag (13.2.5, EOF in tag); its bytes are harmless.
            self._out.append(self._release())
        elif self._mode == self._hold_text:
            self._out.append(self._weigh(self._release(), False))
        elif self._mode == self._look_ahead:
            self._read_ahead(too_long=False)
            self._out.append(self._tail)

    # --- tags -----------------------------------------------------------------------------------

    def _tag(self, tag: bytes) -> bytes | None:
        """Handle a complete tag; returns what replaces it, or None to let it pass as it is."""
        closing, name = tag_name(tag)
        if closing:
            self._foreign.end_tag(name)
            if self._placement is not None:
                self._placement.end_tag(name)
            return None
        attributes = parse_attributes(tag)
        foreign = False
        if self._foreign or name in (b"svg", b"math"):
            foreign = self._foreign.start_tag(name, attributes, tag.endswith(b"/>"))
        if name == b"select" or name == b"frameset":
            self._foreign.doubtful = True  # older parsers drop tags in here that others keep
        before = inside = behind = b""
        if self._placement is not None and self._placement.pending:
            before, inside, behind = self._placement.start_tag(name)
        replacement = self._carrier(tag, name, attributes, foreign)
        if not (before or inside or behind):
            return replacement
        tag = tag if replacement is None else replacement
        if inside:
            tag = tag[: 1 + len(name)] + inside + tag[1 + len(name) :]
        return before + tag + behind

    def _carrier(
        self, tag: bytes, name: bytes, attributes: list[Attribute], foreign: bool
    ) -> bytes | None:
        """Judge a start tag, and get ready for the text that it opens."""
        values: dict[bytes, bytes] = {}
        for attribute in attributes:
            values.setdefault(attribute.name, attribute.value)
        if name == b"base" and b"href" in values and not foreign:
            if self._judge.base is None:
                self._judge.base = locate(values[b"href"])
            return None
        verdict = OPEN
        rename: list[bytes] = []
        live = is_live(name, values)
        if live:
            verdict, rename = self._judge_attributes(name, values, foreign)
        if name == b"iframe" and b"srcdoc" in values and not foreign:
            tag, attributes = self._srcdoc(tag, attributes, values[b"srcdoc"])
        if name == b"script":
            external = b"src" in values
            if foreign:
                external = b"href" in values or b"xlink:href" in values
            if live and not external and not verdict:
                return self._inline(tag, attributes, rename, verdict, foreign)
            if not foreign:
                self._finder = ScriptFinder()
                self._mode = self._pass_text
            if verdict:
                return hush(tag, attributes, rename, verdict.categories, script=True)
            return None
        if name == b"style" and live:
            return self._inline(tag, attributes, rename, verdict, foreign)
        if not foreign:
            self._open_text(name)
        if verdict and rename:
            asleep = hush(tag, attributes, rename, verdict.categories)
            if name == b"iframe" and b"src" in rename:
                return self._stand_in(verdict, values) + asleep
            return asleep
        return tag

    def _judge_attributes(
        self, name: bytes, values: dict[bytes, bytes], foreign: bool
    ) -> tuple[Verdict, list[bytes]]:
        """The verdict on a start tag, and the attributes that must be put away."""
        table = carriers(name, foreign)
        verdict = OPEN
        rename: list[bytes] = []
        for key, value in values.items():
            carrier = table.get(key)
            if carrier is None or (carrier.applies and not carrier.applies(values)):
                continue
            found = self._judge.attribute(carrier.kind, value)
            if found:
                rename.append(key)
                verdict = self._judge.all((verdict, found))
        if b"data-consent" in values and not any(k.startswith(b"data-consent-") for k in values):
            marked = self._judge.marked(values[b"data-consent"])
            if marked:
                rename += [key for key in values if key in table and key != b"style"]
                verdict = self._judge.all((verdict, marked))
        return verdict, rename

    def _srcdoc(
        self, tag: bytes, attributes: list[Attribute], value: bytes
    ) -> tuple[bytes, list[Attribute]]:
        """Gate the document inside ``srcdoc``, which is its decoded value (HTML 4.8.5)."""
        page = decode_attribute(value).encode()
        if self._depth >= _DEPTH:
            gated = b""
        else:
            base = self._judge.base
            inner = Gate(self._judge, limits=self._limits, depth=self._depth + 1)
            gated = inner.feed(page) + inner.close()
            self._judge.base = base
        if gated == page:
            return tag, attributes
        document = encode_attribute(gated.decode("utf-8", "replace"))
        old = next(attribute for attribute in attributes if attribute.name == b"srcdoc")
        changed = tag[: old.start] + b'srcdoc="' + document + b'"' + tag[old.end :]
        return changed, parse_attributes(changed)

    def _stand_in(self, verdict: Verdict, values: dict[bytes, bytes]) -> bytes:
        """What is shown in place of an iframe that sleeps; nothing for one that cannot be seen."""
        if self._placeholder is None or (self._placement and self._placement.pending):
            return b""
        if values.get(b"width") in _NOTHING or values.get(b"height") in _NOTHING:
            return b""
        if b"hidden" in values or _HIDDEN.search(values.get(b"style", b"")):
            return b""
        return self._placeholder(verdict, decode_attribute(values[b"src"]).strip())

    # --- raw text -------------------------------------------------------------------------------

    def _open_text(self, name: bytes) -> None:
        """Switch to the text state that an HTML start tag asks for (13.2.6.4.4, 13.2.6.4.7)."""
        if name == b"plaintext":
            self._mode = self._plaintext
        elif name == b"noscript" or (name in RAW_TEXT and self._foreign.doubtful):
            # With scripting this is text, without it markup: both readings must be safe.
            self._collect(Finder(name), self._both_readings)
        elif name in RAW_TEXT:
            self._finder = Finder(name)
            self._mode = self._pass_text

    def _plaintext(self, data: bytes, position: int) -> int:
        self._out.append(data[position:])
        return len(data)

    def _pass_text(self, data: bytes, position: int) -> int:
        """Raw text that needs no judgement, up to its end tag."""
        end, seen = self._finder.find(data, position)
        if end >= 0:
            self._mode = self._markup
            self._out.append(data[position:end])
            return end
        seen = len(data) if self._final else seen
        self._out.append(data[position:seen])
        self._tail = data[seen:]
        return len(data)

    def _collect(self, finder: Finder | ScriptFinder, weigh: Callable[[bytes, bool], bytes]) -> None:
        """Hold the text that follows back until it is whole, and put it out as ``weigh`` says."""
        self._finder = finder
        self._weigh = weigh
        self._mode = self._hold_text

    def _hold_text(self, data: bytes, position: int) -> int:
        end, seen = self._finder.find(data, position)
        if end >= 0:
            self._hold(data[position:end])
            self._mode = self._markup
            self._out.append(self._weigh(self._release(), False))
            return end
        seen = len(data) if self._final else seen
        self._hold(data[position:seen])
        self._tail = data[seen:]
        if self._held_size > self._limits.script_bytes:
            self._mode = self._pass_text
            self._out.append(self._weigh(self._release(), True))
        return len(data)

    def _pass_escaped(self, data: bytes, position: int) -> int:
        """Raw text of which only text may be left, up to its end tag."""
        end, seen = self._finder.find(data, position)
        stop = end if end >= 0 else (len(data) if self._final else seen)
        self._out.append(data[position:stop].replace(b"<", b"&lt;"))
        if end >= 0:
            self._mode = self._markup
            return end
        self._tail = data[stop:]
        return len(data)

    def _both_readings(self, text: bytes, too_long: bool) -> bytes:
        """Gate raw text as markup too. Where the readings part, only text is left of it."""
        if too_long:
            self._mode = self._pass_escaped
        elif b"<" not in text:
            return text
        elif self._depth < _DEPTH:
            inner = Gate(self._judge, limits=self._limits, depth=self._depth + 1)
            gated = inner.feed(text) + inner.close()
            if inner.settled:
                return gated
        return text.replace(b"<", b"&lt;")

    def _inline(
        self,
        tag: bytes,
        attributes: list[Attribute],
        rename: list[bytes],
        verdict: Verdict,
        foreign: bool,
    ) -> bytes:
        """An inline script or style sheet: its tag waits until its text has been judged."""
        name = tag_name(tag)[1]
        script = name == b"script"

        def opener(found: Verdict) -> bytes:
            found = self._judge.all((verdict, found))
            if not found:
                return tag
            return hush(tag, attributes, rename, found.categories, script=True)

        def weigh(text: bytes, too_long: bool) -> bytes:
            if too_long:
                return opener(UNKNOWN) + text
            found = self._judge.code(text) if script else self._judge.css(text)
            if not script and self._foreign.doubtful:
                text = self._both_readings(text, False)
            return opener(found) + text

        if not foreign:
            self._collect(ScriptFinder() if script else Finder(name), weigh)
            return b""
        if self._inherited is not None:
            return opener(self._inherited)
        self._finder = Finder(name)
        self._opener = opener
        self._mode = self._look_ahead
        return b""

    def _look_ahead(self, data: bytes, position: int) -> int:
        """In foreign content the text of a script or style is markup: judge it, then read it."""
        end, seen = self._finder.find(data, position)
        stop = end if end >= 0 else (len(data) if self._final else seen)
        self._hold(data[position:stop])
        too_long = self._held_size > self._limits.script_bytes
        if end < 0 and not too_long:
            self._tail = data[stop:]
            return len(data)
        self._tail = b""
        self._read_ahead(too_long)
        if self._tail:  # what the text ended with needs what follows it
            self._again, self._tail = self._tail, b""
        return stop

    def _read_ahead(self, too_long: bool) -> None:
        text = self._release()
        found = UNKNOWN
        if not too_long:
            decoded = decode_attribute(text).encode()
            found = self._judge.all(
                judge(reading)
                for judge in (self._judge.css, self._judge.code)
                for reading in (text, decoded)
            )
        self._out.append(self._opener(found))
        self._mode = self._markup
        self._inherited = found
        self._run(text)
        self._inherited = None
