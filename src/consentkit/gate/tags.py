"""Start tags: which of their attributes have to be put away, and what goes out in their place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from consentkit.gate.carriers import carriers, is_live
from consentkit.gate.charrefs import decode_attribute, decode_document, encode_document
from consentkit.gate.css import imports_first
from consentkit.gate.inert import attribute_values, hush, parse_attributes
from consentkit.gate.judge import OPEN, UNKNOWN, Judge, Verdict
from consentkit.gate.memory import Inline, memory_of, own_memory
from consentkit.gate.scanner import CAREFUL
from consentkit.gate.screen import screen_of
from consentkit.gate.urls import NO_BASE, Location, locate

__all__ = ["Embed", "PageGate", "Placeholder", "TagRewriter"]


class Embed(NamedTuple):
    """What an iframe says of itself; the sizes as their attributes have them, or empty."""

    url: str
    title: str = ""
    width: str = ""
    height: str = ""


Placeholder = Callable[[Verdict, Embed], bytes]
"""Makes what stands in for an embed, from the verdict on it and what it says of itself."""

PageGate = Callable[[bytes, Location | None], bytes | None]
"""Gates a whole document inside an attribute; None when that goes too deep."""

# The usual types of scripts, and whether they run.
_TYPES = {
    b"text/javascript": True,
    b"module": True,
    b"application/javascript": True,
    b"application/json": False,
    b"application/ld+json": False,
    b"text/plain": False,
}
_HIDDEN = re.compile(rb"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_TOLD = (b"src", b"title", b"width", b"height")  # in the order of Embed's fields
_NOTHING = frozenset({b"0", b"1", b"0px", b"1px"})


class TagRewriter:
    """Judges start tags and rewrites those that must sleep.

    Args:
        page: gates the document in a ``srcdoc``.
        base: where relative URLs start, when the page around this one says so.
        placeholder: makes what is shown in place of an iframe.

    Attributes:
        quoted: whether quotes may be put into the page. Not where the bytes may be part of an
            attribute's value in another reading of the page: there they would end it.
        memory: what became of whole start tags in plain HTML content while quotes may be put in.
    """

    def __init__(
        self,
        judge: Judge,
        page: PageGate,
        *,
        base: Location | None = None,
        placeholder: Placeholder | None = None,
    ) -> None:
        self.judge = judge
        self.base = base
        self.quoted = True
        self.memory = own_memory() if base else memory_of(judge.scope)
        self._page = page
        self._placeholder = placeholder

    def second(self) -> TagRewriter:
        """One for another reading of the same page."""
        return TagRewriter(self.judge, self._page, base=self.base)

    def plain(self, tag: bytes, name: bytes, *, shown: bool) -> bytes | Inline | None:
        """As :meth:`rewrite`, in HTML content; what comes out of it is remembered."""
        if not self.quoted:
            return self._plain(tag, name, shown=shown)
        known = self.memory.get(tag, len(tag))
        if known is None:
            change = self._plain(tag, name, shown=shown)
            # A placeholder is for this page alone, a srcdoc depends on how deep it lies.
            own = name == b"iframe" and (change is not None or b"srcdoc" in tag.lower())
            if not own and name not in CAREFUL:
                self.memory.put(tag, (name, change), len(tag))
            return change
        return known[1]

    def _plain(self, tag: bytes, name: bytes, *, shown: bool) -> bytes | Inline | None:
        passes = self._passes(tag, name)
        if passes is False:
            values = attribute_values(tag, 1 + len(name))
            return self.rewrite(tag, name, values, foreign=False, shown=shown)
        return passes if isinstance(passes, Inline) else None

    def _passes(self, tag: bytes, name: bytes) -> bool | Inline:
        """Whether a start tag in HTML content certainly stays as it is, by a quick look.

        Returns:
            False if only :meth:`rewrite` can tell; an :class:`Inline` that the text decides about.
        """
        screen = screen_of(name)
        sourced = False
        live = True
        typed = False
        for key, double, single, bare in screen.pattern.findall(tag, 1 + len(name)):
            if not key:  # the end of the tag
                break
            value = double or single or bare
            kind = screen.kinds.get(key)
            if kind is None:
                if key != b"type" or typed or value not in _TYPES or name != b"script":
                    return False
                typed, live = True, _TYPES[value]
            elif (live or kind == "css") and self.judge.attribute(
                kind, value, self.base
            ).categories:
                return False
            sourced = sourced or key == b"src"
        if name == b"script":
            if live and not sourced:
                return Inline(True, False, True, tag, OPEN, [])
        elif name == b"style":
            return Inline(False, False, True, tag, OPEN, [])
        return True

    def rewrite(
        self, tag: bytes, name: bytes, values: dict[bytes, bytes], *, foreign: bool, shown: bool
    ) -> bytes | Inline | None:
        """What goes out in place of a start tag; None when it may stay as it is.

        Args:
            foreign: whether it is, or may be, an element of svg or math.
            shown: whether a placeholder may stand beside it.
        """
        live = is_live(name, values)
        verdict, rename = OPEN, list[bytes]()
        if live or name == b"style":
            verdict, rename = self._judge(name, values, foreign)
        if name == b"script":
            if not live:
                return self._data_block(tag, values)
            if not verdict and _inline(values, foreign):
                return Inline(True, foreign, live, tag, OPEN, rename)
            return self._hush(tag, rename, verdict, script=True) if verdict else None
        if name == b"style":
            return Inline(False, foreign, live, tag, verdict, rename)
        if name == b"iframe" and b"srcdoc" in values:
            return self._frame(tag, values, verdict, rename, shown=shown)
        if not rename:
            return None
        asleep = self._hush(tag, rename, verdict)
        if name == b"iframe" and shown and b"src" in rename:
            return self._stand_in(verdict, values) + asleep
        return asleep

    def opener(self, inline: Inline, found: Verdict, text: bytes | None) -> bytes:
        """What goes out for a tag that waited.

        Args:
            found: what the text of the element deserves.
            text: the text, without markup and references; None when there is too much of it.
        """
        first = not inline.script and (text is None or imports_first(text))
        if not (inline.live or first or inline.rename):
            return inline.tag
        verdict = self.judge.all((inline.verdict, found))
        if not verdict.categories:
            return inline.tag
        asleep = self._hush(inline.tag, inline.rename, verdict, script=True)
        if not first:
            return asleep
        # Chromium looks ahead for imports at the start of any <style>, even of no type of its own.
        # These signs end that, and mean nothing to CSS (Syntax 3, 5.4.1) when the style wakes up.
        return asleep + (b"&lt;!----&gt;" if inline.foreign or not self.quoted else b"<!---->")

    def weigh(self, inline: Inline, text: bytes, limit: int) -> bytes:
        """What goes out for an HTML script or style sheet with this text."""
        if len(text) > limit:
            found = UNKNOWN
        else:
            found = self.judge.script(text) if inline.script else self.judge.css(text, self.base)
        return self.opener(inline, found, text)

    def bare(self, name: bytes) -> bytes:
        """A tag that is too long to judge, without its attributes: it can do nothing."""
        return self._hush(b"<" + name + b">", [], UNKNOWN, script=name == b"script")

    def find_base(self, values: dict[bytes, bytes]) -> None:
        """Take in a ``<base>``: the first one with a href counts (HTML 4.2.3)."""
        if self.base is None and b"href" in values:
            base = locate(values[b"href"])
            self.base = base if base and base.scheme not in ("javascript", "data") else NO_BASE
            self.memory = own_memory()

    def _hush(
        self, tag: bytes, rename: list[bytes], verdict: Verdict, *, script: bool = False
    ) -> bytes:
        tag = _unmarked(tag)
        return hush(tag, rename, verdict.categories, script=script, quoted=self.quoted)

    def _judge(
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
            found = self.judge.attribute(carrier.kind, value, self.base)
            if found.categories:
                rename.append(key)
                verdict = self.judge.all((verdict, found))
        if b"data-consent" in values and not any(k.startswith(b"data-consent-") for k in values):
            marked = self.judge.marked(values[b"data-consent"])
            if marked:
                rename += [k for k in values if k in table and k != b"style" and k not in rename]
                verdict = self.judge.all((verdict, marked))
        return verdict, rename

    def _data_block(self, tag: bytes, values: dict[bytes, bytes]) -> bytes | None:
        """A script that is data runs nothing, but its style may show it, with a background."""
        if b"style" not in values:
            return None
        verdict = self.judge.attribute("css", values[b"style"], self.base)
        return self._hush(tag, [b"style"], verdict) if verdict else None

    def _frame(
        self,
        tag: bytes,
        values: dict[bytes, bytes],
        verdict: Verdict,
        rename: list[bytes],
        *,
        shown: bool,
    ) -> bytes | None:
        """Gate the document inside ``srcdoc``, which is its decoded value (HTML 4.8.5)."""
        page = decode_document(values[b"srcdoc"])
        gated = self._page(page, self.base)
        if gated == page and not rename:
            return None
        # Of what another reading may see, nothing may be taken away: not a quote.
        if gated is None or (gated != page and not self.quoted):
            rename = [*rename, b"srcdoc"]
            verdict = self.judge.all((verdict, UNKNOWN))
        elif gated != page:
            old = next(a for a in parse_attributes(tag) if a.name == b"srcdoc")
            document = encode_document(gated)
            tag = tag[: old.start] + b"srcdoc=" + document + tag[old.end :]
        if not rename:
            return tag
        asleep = self._hush(tag, rename, verdict)
        return self._stand_in(verdict, values) + asleep if shown and b"src" in rename else asleep

    def _stand_in(self, verdict: Verdict, values: dict[bytes, bytes]) -> bytes:
        """What is shown in place of an iframe that sleeps; nothing for one that cannot be seen."""
        if self._placeholder is None:
            return b""
        if values.get(b"width") in _NOTHING or values.get(b"height") in _NOTHING:
            return b""
        if b"hidden" in values or _HIDDEN.search(values.get(b"style", b"")):
            return b""
        told = (decode_attribute(values.get(key, b"")).strip() for key in _TOLD)
        return self._placeholder(verdict, Embed(*told))


def _unmarked(tag: bytes) -> bytes:
    """The tag without its author's ``data-consent``, for ours names that category as well."""
    if b"data-consent" in tag.lower():
        for attribute in reversed(parse_attributes(tag)):
            # An attribute whose name begins with "=" would become the value of the one before.
            if attribute.name == b"data-consent" and tag[attribute.end :].lstrip()[:1] != b"=":
                tag = tag[: attribute.start] + tag[attribute.end :]
    return tag


def _inline(values: dict[bytes, bytes], foreign: bool) -> bool:
    """Whether a script's code is its text (HTML 4.12.1.1; SVG 2, 16.2)."""
    if foreign:
        return b"href" not in values and b"xlink:href" not in values
    return b"src" not in values
