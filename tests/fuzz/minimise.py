"""Making a failing page small: what can be left out of it has nothing to do with the failure."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["minimise"]


def minimise(page: bytes, fails: Callable[[bytes], bool], *, tries: int = 5_000) -> bytes:
    """The page with as much left out as can be: halves first, single bytes in the end.

    Args:
        page: a page on which ``fails`` is true.
        fails: whether a page fails in the same way.
        tries: how often ``fails`` is asked at most.
    """
    size = len(page) // 2
    while size and tries > 0:
        before = len(page)
        at = 0
        while at < len(page) and tries > 0:
            tries -= 1
            candidate = page[:at] + page[at + size :]
            if fails(candidate):
                page = candidate
            else:
                at += size
        if len(page) == before:
            size //= 2
    return page
