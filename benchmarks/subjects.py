"""Who is measured: the gate in all its ways, and what others offer for the same job.

The others get the easier half of the job: tags with a catalogued address are put to sleep, by the
same table of hosts with the same memory; no inline code is judged, no ``style``, ``srcset`` or
``srcdoc`` looked at, no banner put in, ``noscript`` read one way only.
"""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import Callable
from functools import cache, lru_cache

import lxml.html
from bs4 import BeautifulSoup
from lol_html import AsyncRewriter
from lolhtml import Element, HTMLRewriter
from selectolax.lexbor import LexborHTMLParser

from benchmarks.corpus import page
from consentkit.catalogue import shipped_services
from consentkit.gate import Gate, Insertions, Judge
from consentkit.policy import Policy
from consentkit.settings import Settings, load_settings

__all__ = ["CHUNK", "OTHERS", "WHOLE", "Subject", "forget", "gate", "gating", "policy"]

Subject = Callable[[bytes], object]
CHUNK = 16_384
WHOLE = 1 << 30
_SITE = "shop.example"
_BANNER = b'<section data-consentkit="banner">' + b"x" * 6_000 + b"</section>"
_OURS = Insertions(
    head=b'<script nonce="n">' + b"x" * 1_800 + b"</script>",
    body=lambda _language: _BANNER,
    html=b' data-consentkit-state="unset"',
)


# --- the gate ---------------------------------------------------------------------------------


@cache
def _settings(mode: str) -> Settings:
    return load_settings({"secret_keys": ["x" * 32], "gate": mode})


@cache
def policy(mode: str) -> Policy:
    """The policy of a site that uses the whole catalogue."""
    return Policy(_settings(mode))


def gate(html: bytes, rules: Policy, chunk: int, ours: Insertions | None = _OURS) -> bytes:
    """A page through the gate, as the middleware does it."""
    machine = Gate(Judge(rules, rules.always, _SITE), ours)
    if len(html) <= chunk:
        return machine.feed(html) + machine.close()
    pieces = [machine.feed(html[at : at + chunk]) for at in range(0, len(html), chunk)]
    return b"".join([*pieces, machine.close()])


def gating(mode: str, chunk: int) -> Subject:
    """The gate in one of its modes, fed whole pages or chunks."""
    rules = policy(mode)
    return lambda html: gate(html, rules, chunk)


@cache
def _memories() -> list[Callable[[], object]]:
    """How to empty each cache of the gate and of its policies, once all of them have come to be."""
    for mode in ("known", "strict"):
        gate(page("article", 20_000, 5), policy(mode), WHOLE)
    found: list[Callable[[], object]] = []
    for thing in gc.get_objects():
        if isinstance(thing, type(_settings)):
            home = getattr(thing, "__module__", "")
            bounded = thing.cache_parameters()["maxsize"] is not None  # else it's read only once
            if bounded and home.startswith(("consentkit.gate", "consentkit.policy")):
                found.append(thing.cache_clear)
        elif str(type(thing).__module__).startswith("consentkit.") and hasattr(thing, "forget"):
            found.append(thing.forget)
    return found


def forget() -> None:
    """Empty what the gate remembers from earlier pages."""
    for empty in _memories():
        empty()


# --- what others offer ------------------------------------------------------------------------


@cache
def _hosts() -> frozenset[str]:
    services = shipped_services().values()
    return frozenset(host.name for service in services for host in service.hosts)


_HOST = re.compile(r"\s*(?:https?:)?//([^/?#:]+)", re.IGNORECASE)


@lru_cache(4096)
def _listed(url: str) -> bool:
    """Whether an address belongs to a host of the catalogue, or lies below one."""
    found = _HOST.match(url)
    host = found[1].lower() if found else ""
    while host:
        if host in _hosts():
            return True
        host = host.partition(".")[2]
    return False


class _Handler:
    def element(self, element: Element) -> None:
        for name in ("src", "href"):
            value = element.get_attribute(name)
            if value and _listed(value):
                element.remove_attribute(name)
                element.set_attribute("data-consent-" + name, value)
                element.set_attribute("data-consent", "marketing")


def python_lolhtml(html: bytes, chunk: int = WHOLE) -> bytes:
    """Cloudflare's rewriter with handlers, which is what the gate is held against."""
    pieces: list[bytes] = []
    rewriter = HTMLRewriter(pieces.append)  # type: ignore[arg-type]
    rewriter.on("script,iframe,img,link", _Handler())
    for at in range(0, len(html), chunk):
        rewriter.write(html[at : at + chunk])
    rewriter.end()
    return b"".join(pieces)


async def _lol_html_py(html: bytes) -> bytes:
    rewriter = AsyncRewriter()

    async def give() -> None:
        await rewriter.feed(html)
        rewriter.close()

    async def take() -> bytes:
        return b"".join([piece async for piece in rewriter])

    return (await asyncio.gather(give(), take()))[1]


def lol_html_py(html: bytes) -> bytes:
    """The same rewriter with a fixed job (it drops scripts and styles) in a thread of its own."""
    return _loop().run_until_complete(_lol_html_py(html))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def selectolax(html: bytes) -> bytes:
    """lexbor: parse, change, write."""
    tree = LexborHTMLParser(html)
    for node in tree.css("script,iframe,img,link"):
        for name in ("src", "href"):
            value = node.attributes.get(name)
            if value and _listed(value):
                del node.attrs[name]
                node.attrs["data-consent-" + name] = value
                node.attrs["data-consent"] = "marketing"
    return (tree.html or "").encode()


def lxml_html(html: bytes) -> bytes:
    """libxml2: parse, change, write."""
    tree = lxml.html.document_fromstring(html)
    for node in tree.iter("script", "iframe", "img", "link"):
        for name in ("src", "href"):
            value = node.get(name)
            if value and _listed(value):
                del node.attrib[name]
                node.set("data-consent-" + name, value)
                node.set("data-consent", "marketing")
    return bytes(lxml.html.tostring(tree))


def beautiful_soup(html: bytes) -> bytes:
    """BeautifulSoup on lxml: parse, change, write."""
    tree = BeautifulSoup(html, "lxml")
    for node in tree.find_all(["script", "iframe", "img", "link"]):
        for name in ("src", "href"):
            value = node.get(name)
            if isinstance(value, str) and _listed(value):
                del node[name]
                node["data-consent-" + name] = value
                node["data-consent"] = "marketing"
    return tree.encode()


def find(html: bytes) -> int:
    """The floor: looking at each byte once, for something that is not there."""
    return html.find(b"\x01absent word")


OTHERS: dict[str, Subject] = {
    "python-lolhtml": python_lolhtml,
    "lol-html-py": lol_html_py,
    "selectolax": selectolax,
    "lxml": lxml_html,
    "BeautifulSoup": beautiful_soup,
    "bytes.find": find,
}
