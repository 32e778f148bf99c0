"""What a run of the benchmark found."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.measure import Times

__all__ = ["REFERENCE", "Cell", "Hostile", "Results"]

#: Whom everyone is held against.
REFERENCE = "python-lolhtml"


@dataclass(frozen=True, slots=True)
class Cell:
    """What was measured on pages of one size with so many gated tags."""

    size: int
    tags: int
    times: Times
    pages: int


@dataclass(frozen=True, slots=True)
class Hostile:
    """What one hostile input costs.

    Attributes:
        doubling: how many times as long twice as much of it takes.
        worth: how many ordinary pages of the same size take as long.
    """

    name: str
    chunked: bool
    doubling: float
    worth: float


@dataclass(slots=True)
class Results:
    """All that one run found."""

    corpus: Times
    small: Times
    cells: list[Cell] = field(default_factory=list)
    hostile: list[Hostile] = field(default_factory=list)
    growth: int = 0
