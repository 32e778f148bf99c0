"""The written forms of host rules and code signatures, parsed and checked.

A host rule is ``h`` (that host), ``*.h`` (it and all below), ``h.*`` (under any public suffix) or
``*.h.*``, each with an optional ``/path`` that the address has to begin with. A signature is a
piece of JavaScript in which any quote stands for every quote, a space for optional white space
(between two words: for some), and white space around ``(`` and ``,`` is optional anyway. A call is
the name of a global with how it is used: ``fbq()``, ``_paq[]``, ``twttr.*``. All mistakes are
:class:`ValueError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from consentkit.catalogue.model import Code, Global, Host

__all__ = ["parse_global", "parse_host", "parse_signature", "regex", "telling_word"]

# RFC 1035 section 2.3.1 without the length rules, and with the underscore that browsers accept.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_WORD = re.compile(r"[\w$]+", re.ASCII)
# Words of many scripts.
_COMMON = frozenset(
    "Date Math accounts analytics async config create event function init l name new ready require "
    "script send start window".split()
)
_GLOBAL = re.compile(r"([A-Za-z_$][\w$]{0,63})(\(\)|\[\]|\.\*)", re.ASCII)
_PIECE = re.compile(
    r"\s*(?P<mark>[(,])\s*|(?P<gap>(?<=[\w$])\s+(?=[\w$]))|(?P<space>\s+)|(?P<quote>[\"'`])|.",
    re.ASCII | re.DOTALL,
)


def parse_host(text: str, *, path: str = "", inline: bool = True) -> Host:
    """Parse a host rule.

    Args:
        text: the rule as written.
        path: a regular expression for the path, in place of a literal one in ``text``.
        inline: see :class:`Host`.
    """
    if "://" in text or text.startswith("//"):
        raise ValueError(f"{text!r} has a scheme; write the host alone")
    name, slash, prefix = text.strip().partition("/")
    if slash and path:
        raise ValueError(f"{text!r} has a path already")
    if ":" in name:
        raise ValueError(f"{text!r} has a port; every port of a host counts")
    below = name.startswith("*.")
    any_suffix = name.endswith(".*")
    core = _ascii(name.removeprefix("*.").removesuffix(".*"))
    labels = core.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{text!r} is not a host such as 'example.com', '*.example.com'")
    if below and not any_suffix and len(labels) == 1:
        raise ValueError(f"{text!r} would match a whole top-level domain")
    return Host(
        name=core,
        below=below,
        any_suffix=any_suffix,
        path=regex(path) if path else re.escape("/" + prefix) if prefix else "",
        inline=inline,
    )


def _ascii(name: str) -> str:
    """The host as browsers send it: lower-case, international names as A-labels."""
    if name.isascii():
        return name.lower()
    try:
        return name.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise ValueError(f"{name!r} is not a host name: {error}") from error


def regex(text: str) -> str:
    """Check that ``text`` is a regular expression, and return it."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    return text


def parse_global(text: str) -> Global:
    """Parse a global that the site's code calls: ``function()``, ``array[]`` or ``object.*``."""
    found = _GLOBAL.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a global such as 'fbq()', '_paq[]' or 'twttr.*'")
    match found[2]:
        case "()":
            return Global(name=found[1], kind="function")
        case "[]":
            return Global(name=found[1], kind="array")
        case _:
            return Global(name=found[1], kind="object")


def parse_signature(text: str) -> Code:
    """Parse a signature written as a piece of code."""
    text = text.strip()
    words = _WORD.findall(text)
    if max(map(len, words), default=0) < 2:
        raise ValueError(f"{text!r} has no word that a script could be told by")
    pattern = _PIECE.sub(_piece, text)
    first = _WORD.match(text)
    if first is not None:
        # The look-behind stands after the word, for a pattern that begins with plain text is
        # searched for many times faster than one that begins with an assertion.
        word = re.escape(first[0])
        pattern = rf"{word}(?<![\w$]{word}){pattern[len(word) :]}"
    if _WORD.match(text[-1]):
        pattern += r"(?![\w$])"
    return Code(words=tuple(dict.fromkeys(words)), pattern=pattern)


def _piece(piece: re.Match[str]) -> str:
    # White space is possessive: a long run of it is read once, not once for every way to split it.
    match piece.lastgroup:
        case "mark":
            return rf"\s*+{re.escape(piece['mark'])}\s*+"
        case "gap":
            return r"\s++"
        case "space":
            return r"\s*+"
        case "quote":
            return "[\"'`]"
        case _:
            return re.escape(piece[0])


def telling_word(words: Iterable[str]) -> str:
    """The word of a signature that tells most: the longest of those that are not in every script.

    Args:
        words: all of them, at least one.
    """
    return max(words, key=lambda word: (word not in _COMMON, len(word)))
