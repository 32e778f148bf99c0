"""``make fuzz``: tag soup first, then what a coverage-guided fuzzer breeds, on all cores.

    python -m tests.fuzz --soups 200000 --seconds 600
    python -m tests.fuzz --seed 7 --again 1234     # that page of soup again
    python -m tests.fuzz --page FILE               # what is wrong with this page

Ends with status 1 when a promise was broken; the page is then printed in its smallest form, and how
it is made again.
"""

# ruff: noqa: T201
from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import click

from tests.fuzz.soups import Find, find_in, run, soup

_TOLD_EVERY = 30


def breed(folder: Path, seed: int, seconds: int, jobs: int) -> list[Find]:
    """Let processes breed pages into one folder; each takes over what the others found new.

    Args:
        folder: of what was bred; kept for the next run.
        seed: of the first process; each further one adds one.
        seconds: how long.
        jobs: how many processes.

    Returns:
        What was found, one for each process at most.
    """
    print(f"bred: {seconds} s, seed {seed}, {jobs} processes, in {folder}", flush=True)
    pages, failing = folder / "pages", folder / "failing"
    failing.mkdir(parents=True, exist_ok=True)
    before = set(failing.iterdir())
    processes = []
    for job in range(jobs):
        options = [f"-max_total_time={seconds}", f"-seed={seed + job}", "-reload=30"]
        options += [f"-artifact_prefix={failing}/", "-report_slow_units=60"]
        command = [sys.executable, "-m", "tests.fuzz.bred", str(pages), *options]
        log = folder / f"bred-{job}.log"
        with log.open("wb") as out:
            processes.append(subprocess.Popen(command, stdout=out, stderr=out))
    try:
        until = time.monotonic() + seconds
        while any(process.poll() is None for process in processes):
            time.sleep(min(_TOLD_EVERY, max(1, until - time.monotonic())))
            for job in range(jobs):
                print(f"bred: {_last_line(folder / f'bred-{job}.log')}", flush=True)
    finally:
        for process in processes:
            process.terminate()
            process.wait()
    finds = []
    for path in sorted(set(failing.iterdir()) - before):
        find = find_in(path.read_bytes(), f"--page {path}")
        # A page that takes a minute is a failure, too, that no promise here is about.
        finds.append(find or Find("see the log", path.read_bytes(), str(folder), f"--page {path}"))
        print(finds[-1], flush=True)
    for job, process in enumerate(processes):
        if process.returncode and not finds:
            raise click.ClickException(f"process {job} failed: see {folder}/bred-{job}.log")
    return finds


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line[:1] == "#"]
    return lines[-1][:110] if lines else "starting"


def _look_at(page: bytes, origin: str) -> NoReturn:
    find = find_in(page, origin)
    print(repr(page), find or "nothing found", sep="\n")
    sys.exit(1 if find else 0)


@click.command()
@click.option("--soups", default=200_000, help="How many pages of tag soup.")
@click.option("--seconds", default=600, help="How long to breed pages.")
@click.option("--seed", type=int, default=None, help="Of the run; drawn when left out.")
@click.option("--jobs", type=int, default=os.cpu_count() or 1, help="How many processes.")
@click.option("--folder", type=Path, default=Path("build/fuzz"), help="Of what was bred.")
@click.option("--again", type=int, default=None, help="Only this page of soup; needs --seed.")
@click.option("--page", type=Path, default=None, help="Only look at this file.")
def main(
    soups: int,
    seconds: int,
    seed: int | None,
    jobs: int,
    folder: Path,
    page: Path | None,
    again: int | None,
) -> None:
    """Try to make the gate break a promise."""
    if page is not None:
        _look_at(page.read_bytes(), f"--page {page}")
    if again is not None:
        _look_at(soup(seed or 0, again), f"--seed {seed or 0} --again {again}")
    seed = secrets.randbelow(1 << 31) if seed is None else seed
    finds = run(seed, soups, jobs) if soups else []
    if seconds:
        finds += breed(folder, seed + 1, seconds, jobs)
    print(f"{len(finds)} found")
    sys.exit(1 if finds else 0)


if __name__ == "__main__":
    main()
