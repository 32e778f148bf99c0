"""Coverage-guided fuzzing with atheris: bytes that reach new code are bred further.

    python -m tests.fuzz.bred FOLDER [options of libFuzzer]
    python -m tests.fuzz.bred FOLDER -max_total_time=600 -seed=7

FOLDER keeps what was bred, from one run to the next; each run adds the pages of the false-positive
corpus, the vendors' snippets and the tracker's tags. An input is a page as it is, so a failing one
can be looked at, and ``python -m tests.fuzz --page FILE`` makes it small.
"""

from __future__ import annotations

import hashlib
import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["consentkit.gate", "consentkit.policy.matcher"]):
    from tests.fuzz.promises import check

from tests.fuzz.seeds import LONGEST, seeds
from tests.gate.soup import PIECES, TRACKERS

__all__ = ["main"]


def plant(folder: Path) -> None:
    """Put the seeds into the folder of what was bred."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in seeds():
        (folder / hashlib.sha1(page, usedforsecurity=False).hexdigest()).write_bytes(page)


def mutate(page: bytes, longest: int, seed: int) -> bytes:
    """Half of the time what libFuzzer thinks of, else something that means something in HTML."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    if rng.random() < 0.5:
        return bytes(atheris.Mutate(page, longest))
    at = rng.randint(0, len(page))
    match rng.randrange(5):
        case 0:
            page = page[:at] + rng.choice(TRACKERS) + page[at:]
        case 1:  # in place of something
            page = page[:at] + rng.choice(PIECES) + page[at + rng.randrange(12) :]
        case 2:  # cut off
            page = page[:at]
        case 3:  # a part of it again, elsewhere
            start = rng.randint(0, len(page))
            page = page[:at] + page[start : start + rng.randrange(60)] + page[at:]
        case _:
            page = page[:at] + rng.choice(PIECES) + page[at:]
    return page[:longest]


def main(arguments: list[str]) -> None:
    """Breed pages until one breaks a promise or the time is over."""
    folder = Path(arguments[0])
    plant(folder)
    options = [f"-max_len={LONGEST}", "-timeout=60", *arguments[1:], str(folder)]
    atheris.Setup([sys.argv[0], *options], check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
