"""What a style sheet may load: its tokens read as browsers read them (CSS Syntax 3, section 4).

Comments and the escapes in names and strings count: ``u\\72l(x)`` is a ``url(x)``, what stands in
``/* … */`` is nothing at all.
"""

from __future__ import annotations

import re

__all__ = ["css_urls", "imports_first"]

_LOADS = re.compile(rb"[uU][rR][lL]|[sS][rR][cC]|@[iI]|[iI][mM][aA][gG][eE]|\\")

_ESCAPE = r"\\(?:[0-9a-fA-F]{1,6}(?:\r\n|[ \t\n\r\f])?+|[^\n\r\f0-9a-fA-F])"
_NAME = rf"(?:[a-zA-Z0-9_\u0080-\U0010ffff-]|{_ESCAPE})++"
_TOKEN = re.compile(
    rf"""
      /\*.*?(?:\*/|\Z)                                        # a comment
    | "(?P<double>(?:[^"\\\n\r\f]|\\.)*+)                      # strings; a line end breaks them off
    | '(?P<single>(?:[^'\\\n\r\f]|\\.)*+)
    | (?P<at>@{_NAME})
    | (?P<name>{_NAME})(?P<call>\()?
    | (?P<open>\()
    | (?P<close>\))
    | (?P<end>[;{{}}])
    """,
    re.S | re.X,
)
# 4.3.6: what is not in quotes runs to the bracket; white space, then, is at its ends alone.
_BARE = re.compile(rf"[ \t\n\r\f]*+((?:[^\"'()\\ \t\n\r\f]|{_ESCAPE})*+)")
_ESCAPED = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\n\r\f])?|(\r\n|[\n\r\f])|(.))", re.S)

# Functions in which strings are addresses.
_FETCHING = frozenset({"url", "src", "image", "image-set", "-webkit-image-set", "cross-fade"})


# CSS Syntax 3, 8.2: what may precede an import.
_IMPORT_FIRST = re.compile(rb"(?:[ \t\n\r\f]++|/\*(?:[^*]++|\*(?!/))*+\*/)*+@[cCiIlL\\]")


def imports_first(css: bytes) -> bool:
    """Whether a sheet begins with an import, which Chromium fetches ahead whatever its type."""
    return _IMPORT_FIRST.match(css) is not None


def css_urls(css: bytes) -> list[str]:
    """The addresses that a style sheet or ``style`` attribute may load."""
    if not _LOADS.search(css):
        return []
    text = css.decode("utf-8", "replace")
    urls: dict[str, None] = {}
    inside: list[bool] = []  # of each open bracket, whether strings in it are addresses
    rule = ""
    position = 0
    while found := _TOKEN.search(text, position):
        position = found.end()
        kind = found.lastgroup
        if kind in ("double", "single"):
            position += 1  # the closing quote
            if (inside and inside[-1]) or rule == "import":
                urls[_plain(found[kind])] = None
        elif kind == "at":
            rule = _plain(found[0][1:]).lower()
        elif kind == "end":
            rule = ""
            inside.clear()
        elif kind == "close":
            del inside[-1:]
        elif kind == "open":
            inside.append(bool(inside) and inside[-1])
        elif kind == "call":
            name = _plain(found["name"]).lower()
            inside.append((name in _FETCHING and rule != "namespace") or any(inside[-1:]))
            bare = _BARE.match(text, position)
            if name in ("url", "src") and bare is not None and bare[1]:
                position = bare.end()
                if rule != "namespace":
                    urls[_plain(bare[1])] = None
    urls.pop("", None)
    return list(urls)


def _plain(text: str) -> str:
    return _ESCAPED.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    digits, newline, char = match.groups()
    if digits:
        number = int(digits, 16)
        return chr(number) if 0 < number <= 0x10FFFF else "\ufffd"
    return "" if newline else str(char)
