"""What became of the tags that were seen before.

The pages of a site share most of their tags, so it pays to remember. The same bytes are the same
tag, wherever they stand in plain HTML content, and the answer depends on nothing but the policy,
what is granted, and the site: there is one memory for each of these.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from consentkit.gate.judge import Verdict
from consentkit.policy import Policy

__all__ = ["Inline", "Known", "Memory", "memory_of"]

_TAGS = 1024  # in each of two generations
_LONGEST = 512
_MEMORIES = 32


class Inline(NamedTuple):
    """A script or style sheet whose text decides about its tag, so the tag has to wait.

    ``live`` is whether its type lets it run or apply; ``verdict`` and ``rename`` are what its
    attributes ask for.
    """

    script: bool
    foreign: bool
    live: bool
    tag: bytes
    verdict: Verdict
    rename: list[bytes]


Known = tuple[bytes, bytes | Inline | None]
"""What became of a start tag: its name, and what went out in its place (None: itself)."""


class Memory:
    """Remembers at least the last thousand tags, and at most twice as many; a megabyte at most."""

    __slots__ = ("_new", "_old")

    def __init__(self) -> None:
        self._new: dict[bytes, Known] = {}
        self._old: dict[bytes, Known] = {}

    def get(self, tag: bytes) -> Known | None:
        """What is known about a tag."""
        known = self._new.get(tag)
        if known is None:
            known = self._old.get(tag)
            if known is not None:
                self.put(tag, known)
        return known

    def put(self, tag: bytes, known: Known) -> None:
        """Remember what became of a tag."""
        if len(tag) > _LONGEST:
            return
        if len(self._new) >= _TAGS:
            self._old, self._new = self._new, {}
        self._new[tag] = known


@lru_cache(maxsize=_MEMORIES)
def memory_of(scope: tuple[Policy, frozenset[str], str]) -> Memory:
    """The memory for pages of one site that are judged alike.

    Args:
        scope: policy, what is granted, and the site. The name of the site may be anything that a
            request brings along, so only the last few memories are kept.
    """
    del scope  # it tells one memory from another
    return Memory()
