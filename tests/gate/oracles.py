"""What independent parsers see: three HTML parsers that know nothing of ours, under both readings
of ``noscript``, and one each for CSS and JavaScript. The former turn a page into plain
:class:`Node` values.

Where they are older than today's standard: html5lib 1.1 (2020) drops most tags inside ``select``
and takes ``<?`` for a bogus comment always; its tree is what a browser of that year builds.
"""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import html5lib
import tinycss2
import tree_sitter_javascript
from selectolax.lexbor import LexborHTMLParser
from tree_sitter import Language, Parser, Query, QueryCursor
from turbohtml import parse as turbo_parse

from tests.gate.soup import CODE

__all__ = ["PARSERS", "Node", "faults", "shape"]


class Node(NamedTuple):
    """One element: how deep it stands, its namespace, name and attributes, and its own text."""

    depth: int
    foreign: bool
    name: str
    attributes: dict[str, str]
    text: str


def _html5lib(page: bytes, scripting: bool) -> Iterator[Node]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser = html5lib.HTMLParser(html5lib.getTreeBuilder("etree"), namespaceHTMLElements=True)
        try:
            root = parser.parse(page.decode("utf-8", "replace"), scripting=scripting)
        except AssertionError:  # of its own, on frames and on columns in templates
            return
    todo: list[tuple[int, Any]] = [(0, root)]
    while todo:
        depth, element = todo.pop()
        if isinstance(element.tag, str):
            space, _, name = element.tag.rpartition("}")
            attributes = {
                re.sub(r"^\{.*/xlink\}", "xlink:", key): value for key, value in element.items()
            }
            text = (element.text or "") + "".join(child.tail or "" for child in element)
            yield Node(depth, not space.endswith("xhtml"), name.lower(), attributes, text)
        todo += [(depth + 1, child) for child in reversed(element)]


def _turbohtml(page: bytes, scripting: bool) -> Iterator[Node]:
    root = turbo_parse(
        page.decode("utf-8", "replace"),
        scripting=scripting,
        positions=False,
        allow_declarative_shadow_roots=False,
    )
    todo: list[tuple[int, Any]] = [(0, root)]
    while todo:
        depth, node = todo.pop()
        children = list(getattr(node, "children", ()))
        if type(node).__name__ == "Element":
            text = "".join(c.data for c in children if type(c).__name__ in {"Text", "CData"})
            foreign = node.namespace.name != "HTML"
            attributes = {str(key).lower(): _value(value) for key, value in node.attrs.items()}
            yield Node(depth, foreign, str(node.tag).lower(), attributes, text)
        todo += [(depth + 1, child) for child in reversed(children)]


_POINTS = {"foreignobject", "desc", "title", "mi", "mo", "mn", "ms", "mtext", "annotation-xml"}


def _lexbor(page: bytes, scripting: bool) -> Iterator[Node]:
    tree = LexborHTMLParser(page, scripting=scripting)
    # It does not tell namespaces: an element is foreign when its parent is and is no point.
    todo: list[tuple[int, bool, Any]] = [(0, False, tree.root)] if tree.root is not None else []
    while todo:
        depth, inside, node = todo.pop()
        children = [*node.template_fragments(), *node.iter(include_text=True)]
        name = (node.tag or "").lower()
        if node.is_element_node:
            foreign = inside or name in {"svg", "math"}
            attributes = {key.lower(): value or "" for key, value in node.attributes.items()}
            yield Node(depth, foreign, name, attributes, node.text(deep=False))
            inside = foreign and name not in _POINTS
        todo += [(depth + 1, inside, child) for child in reversed(children)]


def _value(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or "")


PARSERS: dict[str, Callable[[bytes, bool], Iterator[Node]]] = {
    "turbohtml": _turbohtml,
    "lexbor": _lexbor,
    "html5lib": _html5lib,
}


# --- what is live -----------------------------------------------------------------------------

# Written down anew from the HTML and SVG standards, not taken from the code under test.
_FETCH = {
    "script": {"src"}, "img": {"src", "srcset"}, "iframe": {"src"}, "frame": {"src"},
    "embed": {"src"}, "object": {"data"}, "video": {"src", "poster"}, "audio": {"src"},
    "source": {"src", "srcset"}, "track": {"src"},
}  # fmt: skip
_FETCH_FOREIGN = {name: {"href", "xlink:href"} for name in ("script", "image", "use", "feimage")}
# HTML 15.3.2 and 15.3.8: what the attribute is mapped to a style for.
_BACKGROUND = {"body", "table", "thead", "tbody", "tfoot", "tr", "td", "th"}
_JAVASCRIPT = {"", "text/javascript", "application/javascript", "module"}
_FETCHING = {"url", "src", "image-set", "-webkit-image-set"}
_REFRESH = re.compile(r"^\s*[\d.]*[;,\s]\s*(?:url\s*=\s*)?[\"']?([^\"']*)")
_TRACKED = re.compile(r"(?:https?:)?//t\.example/")


_LANGUAGE = Language(tree_sitter_javascript.language())
_SCRIPTS = Parser(_LANGUAGE)
_CALLS = Query(
    _LANGUAGE,
    """(call_expression function: [(identifier) @name
                                   (member_expression property: (property_identifier) @name)])""",
)
_CODE_ALONE = re.compile(r"(?<![\w$.])" + re.escape(CODE))
# What could make a call a comment, a string or a regular expression.
_MAY_HIDE = re.compile(r"[/\"'`\\#]|--")


def _calls(code: str) -> bool:
    """Whether a script calls the tracker's function: not in a comment, a string or a pattern.

    One with a mistake in it runs nothing; it counts all the same where nothing hides the call.
    """
    if CODE not in code:
        return False
    raw = code.encode("utf-8", "replace")
    tree = _SCRIPTS.parse(raw)
    if tree.root_node.has_error:
        return not _MAY_HIDE.search(code) and _CODE_ALONE.search(code) is not None
    names = QueryCursor(_CALLS).captures(tree.root_node).get("name", [])
    return any(raw[n.start_byte : n.end_byte + 1] == CODE.encode() for n in names)


def _tracked(value: str) -> bool:
    return _TRACKED.match(value) is not None


def _loads(css: str) -> Iterator[str]:
    """What a sheet or declarations may load, by a CSS parser of its own (tinycss2)."""
    if "t.example" in css or "\\" in css:
        yield from _addresses(tinycss2.parse_component_value_list(css, skip_comments=True))


def _addresses(tokens: list[Any], *, strings: bool = False) -> Iterator[str]:
    rule = ""
    for token in tokens:
        if token.type == "at-keyword":
            rule = token.lower_value
        elif token.type in {"literal", "{} block"} and token != ",":
            rule = ""
        if token.type == "url" or (token.type == "string" and (strings or rule == "import")):
            if rule != "namespace":  # the name of one is an address that nobody goes to
                yield token.value
        elif token.type == "function":
            fetches = rule != "namespace" and token.lower_name in _FETCHING
            yield from _addresses(token.arguments, strings=fetches)
        elif token.type in {"{} block", "() block", "[] block"}:
            yield from _addresses(token.content)


def faults(nodes: Iterator[Node]) -> list[str]:
    """The elements that would contact the tracker or run its code."""
    return [f"{node}" for node in nodes if _live(node)]


def _live(node: Node) -> bool:
    name, given = node.name, node.attributes
    values = list(_loads(given.get("style", "")))
    if name in _BACKGROUND:
        values.append(given.get("background", ""))
    runs = given.get("type", "").strip().lower() in _JAVASCRIPT
    if name == "script":
        key = ("href", "xlink:href") if node.foreign else ("src",)
        if runs:
            values += [given[k] for k in key if k in given]
            if not any(k in given for k in key) and _calls(node.text):
                return True
    elif node.foreign:
        values += [given.get(key, "") for key in _FETCH_FOREIGN.get(name, ())]
    else:
        values += [given.get(key, "") for key in _FETCH.get(name, ())]
        values += given.get("srcset", "").split(", ") if "srcset" in _FETCH.get(name, ()) else []
    if name == "style" and given.get("type", "").lower() in {"", "text/css"}:
        values += _loads(node.text)
    if name == "iframe" and not node.foreign and "srcdoc" in given:
        inner = given["srcdoc"].encode("utf-8", "surrogatepass")
        return any(_live(node) for node in _turbohtml(inner, True)) or any(map(_tracked, values))
    if name == "link" and "stylesheet" in given.get("rel", "").lower().split():
        values.append(given.get("href", ""))
    if name == "input" and given.get("type", "").lower() == "image":
        values.append(given.get("src", ""))
    if name == "meta" and given.get("http-equiv", "").lower() == "refresh":
        values += _REFRESH.findall(given.get("content", ""))
    return any(map(_tracked, values))


# --- what has changed -------------------------------------------------------------------------

_QUOTING = re.compile(r"[\"'\s]")
_MARK = re.compile(
    r""" type="?text/plain"?(?= data-consent=)| data-consent=(?:"[a-z ]*"|[a-z]+ )"""
)


def _undo(text: str) -> str:
    """Text in which another reading put a tag to sleep, as it was (quoting aside)."""
    while (plain := html.unescape(text)) != text:
        text = plain
    text = _MARK.sub("", text).replace("data-consent-", "").replace("<!---->", "")
    return _QUOTING.sub("", text)


def shape(nodes: Iterator[Node]) -> list[tuple[object, ...]]:
    """The tree, without what the gate may do to it."""
    return [
        (
            node.depth,
            node.foreign,
            node.name,
            sorted(
                (_undo(key), _undo(value))
                for key, value in node.attributes.items()
                # Of several body tags, each adds the attributes that are not there yet.
                if key != "data-consent"
                and node.name not in {"html", "body"}
                and not (
                    node.name in {"script", "style"}
                    and key == "type"
                    and value == "text/plain"
                    and "data-consent" in node.attributes
                )
            ),
            _undo(node.text),
        )
        for node in nodes
    ]
