"""Canonical JSON: one value, one sequence of bytes, on every platform and in every version.

The subset of RFC 8785 (JCS) that a log needs: objects with ASCII keys, strings, booleans, integers
that every JSON reader keeps exact, arrays. Floats, nulls and lone surrogates are refused, so the
two places where JCS differs from a plain sorted dump (number spelling, key order beyond ASCII)
never arise.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["canonical"]

# RFC 7493 (I-JSON) section 2.2: beyond this, readers that use doubles round.
_EXACT = 2**53 - 1

# "sorted" orders dictionary keys and struct fields; the output has no white space, minimal escapes.
_encode = msgspec.json.Encoder(order="sorted").encode


def canonical(value: dict[str, Any]) -> bytes:
    """The canonical bytes of ``value``; ``ValueError`` if it has no such form here."""
    _check(value)
    # A lone surrogate ends as UnicodeEncodeError, which is a ValueError.
    return _encode(value)


def _check(value: Any) -> None:
    kind = type(value)
    if kind is str or kind is bool:
        return
    if kind is dict:
        for key, part in value.items():
            if type(key) is not str or not key.isascii():
                raise ValueError(f"not an ASCII key: {key!r}")
            if type(part) is not str:  # most are, and a call costs more than the look
                _check(part)
    elif kind is int:
        if not -_EXACT <= value <= _EXACT:
            raise ValueError(f"too large for JSON readers that use doubles: {value}")
    elif kind is list or kind is tuple:
        for part in value:
            _check(part)
    else:
        raise ValueError(f"no canonical form for {kind.__name__}")
