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
from consentkit.policy.memory import Memory

__all__ = ["Inline", "Known", "memory_of", "own_memory"]

_BYTES = 524_288  # of one memory
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


@lru_cache(maxsize=_MEMORIES)
def memory_of(scope: tuple[Policy, frozenset[str], str]) -> Memory[bytes, Known]:
    """The memory for pages of one site that are judged alike.

    Args:
        scope: policy, what is granted, and the site. The name of the site may be anything that a
            request brings along, so only the last few memories are kept.
    """
    del scope  # it tells one memory from another
    return Memory(_BYTES)


def own_memory() -> Memory[bytes, Known]:
    """A memory for one page alone, whose ``<base>`` makes its URLs lead elsewhere."""
    return Memory(_BYTES)
