"""How quick the gate is, beside what others offer for the same job, in one run.

    make bench                         # measure, and write docs/performance.md's tables and plot
    python -m benchmarks.gate --rounds 3 --dry

See `corpus.py` for the pages, `subjects.py` for who is measured, `measure.py` for how.
"""

# ruff: noqa: T201
from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from benchmarks import corpus, report
from benchmarks.measure import Contender, best, peak_growth, side_by_side
from benchmarks.results import REFERENCE, Cell, Hostile, Results
from benchmarks.subjects import CHUNK, OTHERS, WHOLE, forget, gate, gating, policy
from consentkit.gate import Gate, Judge
from tests.gate.test_cost import HOSTILE

_SLOW = {"lxml": 5, "BeautifulSoup": 2}
_HUNDRED_KB = 100_000


def contenders(*, others: bool = True, strict: bool = True) -> dict[str, Contender]:
    """Everyone, by name; the gate's names are mode, chunks and memory: ``known 16k cold``."""
    found = {}
    if others:
        found = {name: Contender(run, rounds=_SLOW.get(name, 99)) for name, run in OTHERS.items()}
    for mode in ("known", "strict") if strict else ("known",):
        for cut, chunk in (("16k", CHUNK), ("whole", WHOLE)):
            run = gating(mode, chunk)
            found[f"{mode} {cut} warm"] = Contender(run, before=run)
            found[f"{mode} {cut} cold"] = Contender(run, before=lambda _: forget())
    return found


def grid(rounds: int) -> Iterator[Cell]:
    """Every size with every number of gated tags."""
    for size in corpus.SIZES:
        for tags in (0, 5, 40):
            each = range(3 if size < 50_000 else 1)
            pages = [corpus.page(kind, size, tags, n) for kind in corpus.KINDS for n in each]
            times = side_by_side(pages, contenders(), rounds)
            yield Cell(size, tags, times, len(pages))


def hostile() -> Iterator[Hostile]:
    """The inputs that were thought up to make a parser slow."""
    rules = policy("known")
    normal = corpus.page("article", _HUNDRED_KB, 5)
    for chunk in (WHOLE, CHUNK):
        run = partial(gate, rules=rules, chunk=chunk, ours=None)
        usual = best(run, normal)
        for name, (first, again, last) in HOSTILE.items():
            once, twice = (
                best(run, first + again * (size // len(again)) + last)
                for size in (_HUNDRED_KB, 2 * _HUNDRED_KB)
            )
            yield Hostile(name, chunk == CHUNK, twice / once, once / usual)


def stream() -> None:
    """A page of a hundred megabytes through the gate, in chunks."""
    rules = policy("known")
    machine = Gate(Judge(rules, rules.always))
    part = corpus.page("article", 2_000_000, 40)
    chunks = [part[at : at + CHUNK] for at in range(0, len(part), CHUNK)]
    for _ in range(50):
        for chunk in chunks:
            machine.feed(chunk)
    machine.close()


def tell(cell: Cell) -> None:
    """A row of the grid, as it comes: how quick, beside python-lolhtml."""
    names = [*OTHERS, "known 16k cold", "known 16k warm", "known whole warm", "strict 16k warm"]
    cells = (f"{name} {cell.times.ratio(REFERENCE, name).median:.2f}" for name in names)
    print(f"{cell.size / 1000:5.0f} KB, {cell.tags:2} tags:", ", ".join(cells), flush=True)


@click.command()
@click.option("--rounds", default=7, help="How often everything is measured.")
@click.option("--dry", is_flag=True, help="Only print; leave the documentation as it is.")
def main(rounds: int, dry: bool) -> None:
    """Measure the gate."""
    began = time.monotonic()
    # First, for memory that others made the process take would hide what is taken now.
    gate(corpus.page("article", 2_000_000, 40), policy("known"), CHUNK, None)
    growth = peak_growth(stream)
    print(f"100 MB streamed: grows by {growth / 1e6:.1f} MB", flush=True)
    few = contenders(others=False, strict=False)
    few |= {name: Contender(OTHERS[name]) for name in (REFERENCE, "selectolax", "bytes.find")}
    results = Results(
        corpus=side_by_side(corpus.real_sized(), few, rounds),
        small=side_by_side(
            [corpus.page(kind, size, 5) for kind in corpus.KINDS for size in (1_000, 2_000, 6_000)],
            few,
            rounds,
        ),
        growth=growth,
    )
    for cell in grid(rounds):
        tell(cell)
        results.cells.append(cell)
    results.hostile.extend(hostile())
    print(report.headline(results))
    if not dry:
        report.write(results, Path(__file__).parents[1] / "docs")
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
