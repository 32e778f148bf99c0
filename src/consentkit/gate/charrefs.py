"""Character references in attribute values, decoded as browsers do (WHATWG HTML 13.2.5.72-80).

In an attribute a named reference without its semicolon stays as it is when ``=`` or a letter or
digit follows, so that old query strings (``?a=1&copy=2``) survive. ``html.unescape`` follows the
rule for text, which is another one.
"""

from __future__ import annotations

import re
from html.entities import html5

_REFERENCE = re.compile(r"&(?:#([xX][0-9a-fA-F]+|[0-9]+);?|([a-zA-Z][a-zA-Z0-9]*;?))")
# References to U+0080 to U+009F would mean other characters (13.2.5.80).
_BEYOND = re.compile("[^\x00-\x9f\udc80-\udcff]")
_NAMES = html5
_LONGEST = max(len(name) for name in _NAMES)

# 13.2.5.80: numbers 0x80 to 0x9F mean the characters of windows-1252.
_C1 = {
    number: bytes([number]).decode("windows-1252")
    for number in range(0x80, 0xA0)
    if number not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}


def decode_attribute(value: bytes) -> str:
    """The text of an attribute value as the document's bytes spell it.

    Bytes that are not UTF-8 become U+FFFD: names of hosts that matter here are ASCII.
    """
    text = value.decode("utf-8", "replace")
    return _REFERENCE.sub(_decode, text) if "&" in text else text


def _decode(match: re.Match[str]) -> str:
    number, name = match.groups()
    if number is not None:
        return _numeric(number)
    if name.endswith(";") and name in _NAMES:
        return _NAMES[name]
    following = match.string[match.end() : match.end() + 1]
    for end in range(min(len(name), _LONGEST), 1, -1):
        prefix = name[:end]
        if prefix in _NAMES:
            after = name[end : end + 1] or following
            if not prefix.endswith(";") and (after == "=" or (after.isascii() and after.isalnum())):
                return match.group()
            return _NAMES[prefix] + name[end:]
    return match.group()


def _numeric(digits: str) -> str:
    base = 16 if digits[0] in "xX" else 10
    significant = digits.lstrip("xX").lstrip("0")
    if len(significant) > 8:  # far beyond U+10FFFF; also keeps int() cheap
        return "\ufffd"
    number = int(significant or "0", base)
    if number == 0 or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        return "\ufffd"
    return _C1.get(number) or chr(number)


def decode_document(value: bytes) -> bytes:
    """The document that an attribute holds; bytes that are not UTF-8 stay what they are."""
    if b"&" not in value:
        return value
    text = value.decode("utf-8", "surrogateescape")
    return _REFERENCE.sub(_decode, text).encode("utf-8", "surrogateescape")


def encode_document(page: bytes) -> bytes:
    """``page`` as the quoted value of an attribute, the reverse of the above.

    In ASCII with references; bytes that were not UTF-8 stay what they are.
    """
    text = page.decode("utf-8", "surrogateescape").replace("&", "&amp;").replace("<", "&lt;")
    text = text.replace('"', "&quot;")
    if not text.isascii():
        text = _BEYOND.sub(lambda found: f"&#{ord(found[0])};", text)
    return b'"' + text.encode("utf-8", "surrogateescape") + b'"'
