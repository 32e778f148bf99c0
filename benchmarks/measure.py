"""Times taken side by side.

All subjects take turns page by page, round by round, so that a busy machine slows all of them
alike. What is counted is the processor time of this process, all its threads included. A ratio is
taken within each round; what is told of it is the median of the rounds and its quartiles.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Contender", "Ratio", "Times", "best", "peak_growth", "side_by_side"]

_PATIENCE = 0.004  # seconds: what is quicker is done again, so that the clock's grain does not show

_ENOUGH = 0.1  # seconds for the best of some goes


@dataclass(frozen=True, slots=True)
class Contender:
    """One who is measured.

    Attributes:
        run: takes a page.
        before: done with each page before it is measured, not counted.
        rounds: in how many rounds at most; for the slow ones.
    """

    run: Callable[[bytes], object]
    before: Callable[[bytes], object] | None = None
    rounds: int = 1_000


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as long as another one something takes: the median and the quartiles."""

    median: float
    low: float
    high: float


class Times:
    """Seconds for all pages together, by contender and round."""

    def __init__(self, names: Sequence[str]) -> None:
        self._taken: dict[str, list[float]] = {name: [] for name in names}

    def add(self, name: str, seconds: float) -> None:
        self._taken[name].append(seconds)

    def seconds(self, name: str) -> float:
        """The median of the rounds."""
        return statistics.median(self._taken[name])

    def ratio(self, name: str, other: str) -> Ratio:
        """How many times as long as ``other`` does ``name`` take?"""
        pairs = zip(self._taken[name], self._taken[other], strict=False)
        found = sorted(mine / theirs for mine, theirs in pairs)
        quarter = len(found) // 4
        return Ratio(statistics.median(found), found[quarter], found[-1 - quarter])


def side_by_side(pages: Sequence[bytes], contenders: Mapping[str, Contender], rounds: int) -> Times:
    """Measure all contenders on all pages, in rounds.

    Args:
        pages: each is given to each contender in each round.
        contenders: by name.
        rounds: how often.
    """
    times = Times(list(contenders))
    order = list(contenders)
    draw = random.Random(1)  # noqa: S311 - not for secrets
    for contender in contenders.values():  # what is compiled, imported or looked up once
        for page in pages:
            contender.run(page)
    for turn in range(rounds):
        sums = dict.fromkeys(contenders, 0.0)
        gc.collect()
        gc.disable()
        for page in pages:
            draw.shuffle(order)
            for name in order:
                if turn < contenders[name].rounds:
                    sums[name] += _once(page, contenders[name])
        gc.enable()
        for name, total in sums.items():
            if turn < contenders[name].rounds:
                times.add(name, total)
    return times


def _once(page: bytes, contender: Contender) -> float:
    """Seconds for one page, over as many goes as make them worth counting."""
    clock, run, before = time.process_time, contender.run, contender.before
    total, goes = 0.0, 0
    while total < _PATIENCE and goes < 50:
        if before is not None:
            before(page)
        start = clock()
        run(page)
        total += clock() - start
        goes += 1
    return total / goes


def best(run: Callable[[bytes], object], page: bytes, *, least: int = 2, most: int = 20) -> float:
    """The shortest of some goes, in seconds; the longer one takes, the fewer there are."""
    shortest, total, goes = float("inf"), 0.0, 0
    while goes < least or (total < _ENOUGH and goes < most):
        start = time.process_time()
        run(page)
        taken = time.process_time() - start
        shortest = min(shortest, taken)
        total += taken
        goes += 1
    return shortest


def peak_growth(run: Callable[[], object]) -> int:
    """By how many bytes the process grows at most, while ``run`` is at it. Linux alone can tell."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew: proc(5)
    before = _kilobytes("VmRSS")
    run()
    return (_kilobytes("VmHWM") - before) * 1024


def _kilobytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0])
    raise LookupError(field)
