"""Checkpoints along the way of a verification: does the tree have their roots at their sizes?"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from consentkit.log.checkpoint import Checkpoint
from consentkit.log.merkle import Frontier

__all__ = ["Marks"]


class Marks:
    """Checkpoints, by the size at which they can be compared."""

    def __init__(self, checkpoints: Sequence[Checkpoint]) -> None:
        self._all = sorted(checkpoints, key=lambda checkpoint: checkpoint.size)
        self._sizes = [checkpoint.size for checkpoint in self._all]
        self._due = 0
        self._right: list[Checkpoint] = []
        self._wrong: list[Checkpoint] = []

    def between(self, start: int, end: int) -> bool:
        """Whether one of them has a size larger than ``start`` and smaller than ``end``."""
        place = bisect_left(self._sizes, start + 1)
        return place < len(self._sizes) and self._sizes[place] < end

    def reached(self, tree: Frontier) -> None:
        """Compare those of the size that the tree has now."""
        while self._due < len(self._all) and self._sizes[self._due] <= tree.size:
            checkpoint = self._all[self._due]
            good = (checkpoint.size, checkpoint.root) == (tree.size, tree.root())
            (self._right if good else self._wrong).append(checkpoint)
            self._due += 1

    def agreed(self) -> int | None:
        """The largest size at which one had the tree's root."""
        return max((checkpoint.size for checkpoint in self._right), default=None)

    def faults(self, size: int) -> Iterator[tuple[int | None, str]]:
        """What contradicts the log, which has ``size`` records, or what contradicts itself."""
        for checkpoint in self._all[self._due :]:
            yield size, f"missing: a checkpoint counts {checkpoint.size} records"
        for checkpoint in self._wrong:
            sizes = [right.size for right in self._right if right.size < checkpoint.size]
            which = f"records {max(sizes, default=0)} to {checkpoint.size - 1}"
            text = checkpoint.text().rstrip()
            yield None, f"{which} are not those that a checkpoint was made of:\n{text}"
        for one, other in zip(self._all, self._all[1:], strict=False):
            if self._contradict(one, other):
                both = f"{one.text()}and\n{other.text().rstrip()}"
                yield None, f"two checkpoints contradict each other, no log had both:\n{both}"

    def _contradict(self, one: Checkpoint, other: Checkpoint) -> bool:
        """Whether these neighbours are of two logs: by their own words, or as only one of them
        has the root that this log had at its size."""
        if one.size == other.size and one.root != other.root:
            return True
        return (one in self._right and other in self._wrong) or (
            one in self._wrong and other in self._right
        )
