"""Tag soup by the hundred thousand, on all cores; a failing page is made small and printed.

Every page has its own generator, seeded with the run's seed and the page's number, so that it can
be made again whatever came before it.
"""

# ruff: noqa: T201
from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from tests.fuzz.minimise import minimise
from tests.fuzz.promises import Broken, check
from tests.gate.soup import random_script, random_soup

__all__ = ["Find", "find_in", "run", "soup"]

_BLOCK = 250
_MOST_FINDS = 5


@dataclass(frozen=True, slots=True)
class Find:
    """A broken promise.

    Attributes:
        promise: which one.
        page: the smallest page found that breaks it.
        detail: what came out, for people.
        origin: how it is made again.
    """

    promise: str
    page: bytes
    detail: str
    origin: str

    def __str__(self) -> str:
        return f"FOUND {self.promise}\n  from {self.origin}\n  page {self.page!r}\n{self.detail}"


def soup(seed: int, case: int) -> bytes:
    """The page of a case."""
    rng = random.Random(f"{seed} {case}")  # noqa: S311 - not for secrets
    if case % 5 == 0:
        return random_script(rng)
    return random_soup(rng, trackers=case % 4 != 0, longest=rng.choice((6, 14, 40)))


def find_in(page: bytes, origin: str) -> Find | None:
    """What is wrong with a page, in the smallest form; None when nothing is."""
    try:
        check(page)
    except Broken as broken:
        promise = broken.promise
    else:
        return None

    def fails(candidate: bytes) -> bool:
        try:
            check(candidate)
        except Broken as broken:
            return broken.promise == promise
        return False

    small = minimise(page, fails)
    try:
        check(small)
    except Broken as broken:
        return Find(promise, small, str(broken), origin)
    raise AssertionError(f"{promise}: not the same the second time: {page!r}")


def _block(seed: int, start: int, stop: int) -> list[Find]:
    finds = []
    for case in range(start, stop):
        find = find_in(soup(seed, case), f"--seed {seed} --again {case}")
        if find is not None:
            finds.append(find)
    return finds


def _blocks(cases: int) -> Iterator[tuple[int, int]]:
    for start in range(0, cases, _BLOCK):
        yield start, min(start + _BLOCK, cases)


def run(seed: int, cases: int, jobs: int) -> list[Find]:
    """Try pages until all are through or enough has been found; prints how far it is.

    Args:
        seed: of the run.
        cases: how many pages.
        jobs: how many processes.

    Returns:
        What was found, at most a handful for each kind of failure.
    """
    print(f"soup: {cases:,} pages, --seed {seed}, {jobs} processes", flush=True)
    finds: list[Find] = []
    done, began, told = 0, time.monotonic(), 0.0
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {pool.submit(_block, seed, *block): block for block in _blocks(cases)}
        for future in as_completed(waiting):
            start, stop = waiting[future]
            done += stop - start
            for find in future.result():
                finds.append(find)
                print(find, flush=True)
            now = time.monotonic()
            if now - told > 10 or done == cases:
                told = now
                rate = done / (now - began)
                print(f"soup: {done:,} of {cases:,}, {rate:,.0f}/s, {len(finds)} found", flush=True)
            if len(finds) >= _MOST_FINDS:
                pool.shutdown(cancel_futures=True)
                break
    return finds
