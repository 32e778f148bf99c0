"""Many writers at once, each a process that says what was acknowledged."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from consentkit.errors import LogUnavailable
from consentkit.log import Reader, new_id, open_log, verify
from tests.log.making import NOTICE, make_event

ROOT = Path(__file__).resolve().parents[2]


def write(url: str, name: str, threads: int, seconds: float) -> None:
    """Append until time is up; each id is printed before and after, each visitor's in order."""
    log = open_log(url)
    until = time.monotonic() + seconds
    lock = threading.Lock()

    def say(word: str, visitor: str, identity: str) -> None:
        with lock:
            print(word, visitor, identity, flush=True)  # noqa: T201

    def run(number: int) -> None:
        visitor = f"{name}-{number}"
        while time.monotonic() < until:
            event = make_event(id=new_id(), consent_id=visitor)
            say("begin", visitor, event.id)
            try:
                log.append(event, NOTICE)
            except LogUnavailable as error:
                say("unknown", visitor, event.id)
                print(error, file=sys.stderr)  # noqa: T201
                continue
            say("ok", visitor, event.id)

    running = [threading.Thread(target=run, args=(n,)) for n in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    log.close()


class Writers:
    """Processes that write; what they say is kept."""

    def __init__(
        self, url: str, folder: Path, *, processes: int, threads: int, seconds: float
    ) -> None:
        self._files = [folder / f"writer-{number}" for number in range(processes)]
        self.processes: list[subprocess.Popen[bytes]] = []
        for number, path in enumerate(self._files):
            command = [sys.executable, "-m", "tests.databases.writing", url, f"p{number}"]
            with path.open("w") as file:
                process = subprocess.Popen(
                    [*command, str(threads), str(seconds)], stdout=file, cwd=ROOT
                )
            self.processes.append(process)

    def wait_until_all_write(self) -> None:
        """Wait until a record of each process has been acknowledged."""
        until = time.monotonic() + 60
        while not all("ok " in file.read_text() for file in self._files):
            assert time.monotonic() < until
            time.sleep(0.05)

    def finish(self) -> History:
        for process in self.processes:
            process.wait(120)
        return History([line.split() for file in self._files for line in _lines(file)])


class History:
    """What the writers did, and whether a log agrees with it."""

    def __init__(self, lines: list[list[str]]) -> None:
        self.begun = [identity for word, _, identity in lines if word == "begin"]
        self.acknowledged = [(who, identity) for word, who, identity in lines if word == "ok"]
        self.unknown = [identity for word, _, identity in lines if word == "unknown"]

    def check(self, log: Reader) -> None:
        """Acknowledged records are there once, in their visitor's order; others at most once."""
        records = list(log.records())
        stored = [record.event.id for record in records]
        assert len(stored) == len(set(stored))
        assert set(stored) <= set(self.begun)
        missing = {identity for _, identity in self.acknowledged} - set(stored)
        assert not missing
        place = {identity: number for number, identity in enumerate(stored)}
        last: dict[str, int] = {}
        for who, identity in self.acknowledged:
            assert place[identity] > last.get(who, -1)
            last[who] = place[identity]
        found = verify(log)
        assert found.whole, found.faults
        assert found.size == len(records)


def _lines(file: Path) -> list[str]:
    # A killed process may have been in the midst of a line.
    return [line for line in file.read_text().split("\n")[:-1] if line.count(" ") == 2]


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
