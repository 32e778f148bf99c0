"""How quick the consent log is, as ratios taken in one run: against the raw syncs it is made of.

    python benchmarks/log.py [--flush MICROSECONDS] [--folder PATH] [--seconds S] [--sizes N,N]

Syncs of a fast disk (or of tmpfs, where there are none) hide what a log does about them, so a
library that makes ``fdatasync`` and ``fsync`` take longer is compiled with gcc and preloaded;
``--flush 0`` leaves them as they are. The floor is a process that appends as many bytes as a record
has and syncs them, one after the other. Floor and subjects take turns, so that a busy machine slows
all of them. With Django and django-cookie-consent installed, that is the peer: its log is one row
inserted for each choice, in autocommit, by as many threads.
"""

# ruff: noqa: S101, S603, T201
from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from consentkit.log import Event, Notice, Writer, new_id, rfc3339, verify
from consentkit.log.sqlite import SqliteLog

NOTICE = Notice.of(b"<section>We would like to count visits.</section>" * 40, "en")
RECORD_BYTES = 1000

_SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static void linger(void) {
    const char *text = getenv("CONSENTKIT_FLUSH_US");
    long micros = text ? atol(text) : 0;
    struct timespec pause = {micros / 1000000, micros % 1000000 * 1000};
    if (micros) nanosleep(&pause, 0);
}
#define SLOW(name) int name(int fd) { \\
    static int (*real)(int); \\
    if (!real) real = (int (*)(int)) dlsym(RTLD_NEXT, #name); \\
    int result = real(fd); linger(); return result; }
SLOW(fdatasync)
SLOW(fsync)
"""


def event(number: int) -> Event:
    return Event(
        id=new_id(),
        time=rfc3339(1_795_000_000_000 + number * 1000),
        consent_id=sha256(b"%d" % number).hexdigest()[:22],
        action="withdraw" if number % 97 == 0 else "accept" if number % 3 else "reject",
        outcome={"functional": "granted", "analytics": "granted" if number % 3 else "denied"},
        policy_version="2026-11",
        fingerprints={"functional": "f1", "analytics": "a1"},
        notice=NOTICE.hash,
        source="banner",
        country=("DE", "FR", "AT", "NL", "LI")[min(number % 100 // 24, 4)],
        language=("de", "fr", "en")[number % 3],
        page=f"/shop/{number % 500}",
        browser="Firefox",
        os="Linux",
        device="desktop",
    )


def floor(folder: Path, seconds: float) -> float:
    """Appends and syncs in a second."""
    descriptor = os.open(folder / "floor", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    end, count = time.perf_counter() + seconds, 0
    begun = time.perf_counter()
    while time.perf_counter() < end:
        os.write(descriptor, b"x" * RECORD_BYTES)
        os.fdatasync(descriptor)
        count += 1
    taken = time.perf_counter() - begun
    os.close(descriptor)
    return count / taken


def clients(number: int, seconds: float, append: Callable[[int], object]) -> float:
    """Appends in a second, by so many threads that each wait for their own."""
    counts = [0] * number
    end = time.perf_counter() + seconds

    def run(mine: int) -> None:
        while time.perf_counter() < end:
            append(counts[mine] * number + mine)
            counts[mine] += 1

    threads = [threading.Thread(target=run, args=(mine,)) for mine in range(number)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - begun)


def group_commit(folder: Path, number: int, seconds: float) -> float:
    with closing(SqliteLog(folder / f"group-{new_id()}.db")) as log:
        writer = Writer(log)
        writer.append(event(0), NOTICE)
        rate = clients(number, seconds, lambda n: writer.append(event(n), NOTICE))
        writer.close()
    return rate


def peer(folder: Path, number: int, seconds: float) -> float | None:
    """django-cookie-consent's log, in a file that is synced as ours; None: there is none."""
    try:
        import cookie_consent  # noqa: F401, PLC0415
        import django  # noqa: PLC0415
        from django.conf import settings  # noqa: PLC0415
    except ImportError:
        return None
    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=["cookie_consent"],
            DATABASES={
                "default": {
                    "ENGINE": "django.db.backends.sqlite3",
                    "NAME": str(folder / "peer.db"),
                    "OPTIONS": {"timeout": 60},
                }
            },
            DEFAULT_AUTO_FIELD="django.db.models.AutoField",
            USE_TZ=True,
        )
        django.setup()
    from cookie_consent.models import CookieGroup, LogItem  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
    group, _ = CookieGroup.objects.get_or_create(varname="analytics", name="Analytics")
    local = threading.local()

    def append(_: int) -> None:
        if not hasattr(local, "open"):
            local.open = True
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA synchronous = FULL")
        LogItem.objects.create(action=1, cookiegroup=group, version="1")

    return clients(number, seconds, append)


_WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from log import NOTICE, event
from consentkit.log import Writer
from consentkit.log.sqlite import SqliteLog
writer = Writer(SqliteLog(Path(sys.argv[1]), deadline=60))
writer.append(event(0), NOTICE)
print("ready", flush=True)
sys.stdin.readline()
taken, end = [], time.perf_counter() + float(sys.argv[2])
while time.perf_counter() < end:
    begun = time.perf_counter()
    writer.append(event(len(taken)), NOTICE)
    taken.append(time.perf_counter() - begun)
print(len(taken), sorted(taken)[int(len(taken) * 0.99)] * 1000)
"""


def workers(folder: Path, number: int, seconds: float) -> tuple[float, float, float]:
    """Of processes that each append one after the other: records in a second, the smallest share
    of one, and the longest p99 in milliseconds."""
    command = [sys.executable, "-c", _WORKER, str(folder / "workers.db"), str(seconds)]
    started = [
        subprocess.Popen(
            [*command, str(Path(__file__).parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(number)
    ]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    found = [process.communicate("\n")[0].split() for process in started]
    counts = [int(count) for count, _ in found]
    return sum(counts) / seconds, min(counts) / sum(counts), max(float(p99) for _, p99 in found)


def filled(folder: Path, size: int) -> SqliteLog:
    """A log with so many records, not synced one by one."""
    log = SqliteLog(folder / f"filled-{size}.db")
    begun = time.perf_counter()
    for start in range(0, size, 10_000):
        log.append_many([(event(n), NOTICE) for n in range(start, min(start + 10_000, size))])
    taken = time.perf_counter() - begun
    print(f"\n{size:,} records, made at {size / taken:,.0f} a second")
    return log


def verification(log: SqliteLog, size: int) -> None:
    """Of the log, against hashing the same leaves in memory: for each the leaf, its commitment and
    its node of the tree."""
    rows = log.rows(None, min(size, 20_000))
    ratios = []
    for _ in range(3):
        begun = time.process_time()
        for row in rows:
            digest = sha256(b"\x00" + (row[3] or b"")).digest()
            sha256((row[6] or b"") + (row[7] or b"")).digest()
            sha256(b"\x01" + digest + digest).digest()
        memory = (time.process_time() - begun) / len(rows)
        begun = time.process_time()
        assert verify(log).whole
        ratios.append(memory / ((time.process_time() - begun) / size))
        if size > 200_000:
            break
    print(f"  verification / hashing in memory: {statistics.median(ratios):.2f}  (must 0.35)")


def queries(log: SqliteLog, size: int) -> None:
    """Milliseconds of one append and of pages of fifty."""

    def timed(label: str, do: Callable[[], object]) -> None:
        taken = []
        for _ in range(5):
            begun = time.perf_counter()
            do()
            taken.append(time.perf_counter() - begun)
        print(f"  {label:46}{statistics.median(taken) * 1000:9.2f} ms")

    def page(**filters: object) -> Callable[[], object]:
        return lambda: list(log.records(limit=50, **filters))  # type: ignore[arg-type]

    late, early = rfc3339(1_795_000_000_000 + size * 990), rfc3339(1_795_000_000_000 + size * 10)
    timed("append", lambda: log.append(event(size), NOTICE))
    timed("newest", page(reverse=True))
    timed("one visitor", page(consent_id=event(size // 2).consent_id))
    timed("action=withdraw, since late, oldest first", page(action="withdraw", since=late))
    timed(
        "action=withdraw, until early, newest first",
        page(action="withdraw", until=early, reverse=True),
    )
    timed("country=LI and language=fr", page(country="LI", language="fr", reverse=True))
    timed("page, newest first", page(page="/shop/77", reverse=True))
    timed("page that nobody saw", page(page="/nowhere"))
    timed("category=analytics=denied", page(category="analytics=denied", reverse=True))
    timed("category that nobody chose", page(category="other=granted"))
    timed(
        "subtrees and leaves of a proof", lambda: (log.subtrees(8, 0, 256), log.leaf_hashes(0, 256))
    )


def preload(flush: int) -> None:
    """Start again with slow syncs."""
    if not flush or "CONSENTKIT_FLUSH_US" in os.environ:
        return
    if shutil.which("gcc") is None:
        sys.exit("gcc is needed to make syncs slow; or say --flush 0")
    library = Path(tempfile.mkdtemp(prefix="consentkit-flush-"), "flush.so")
    command = ["gcc", "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library), "-ldl"]
    subprocess.run(command, input=_SHIM.encode(), check=True)
    more = {"LD_PRELOAD": str(library), "CONSENTKIT_FLUSH_US": str(flush)}
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **more})  # noqa: S606


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flush", type=int, default=2000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="10000,1000000")
    given = parser.parse_args()
    preload(given.flush)
    folder = Path(tempfile.mkdtemp(prefix="consentkit-benchmark-", dir=given.folder))
    print(
        f"syncs take {given.flush} µs longer (LD_PRELOAD)" if given.flush else "syncs as they are"
    )
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    try:
        for number, must in ((1, 0.7), (8, 0.33), (32, 0.22)):
            ratios, others = [], []
            for _ in range(given.rounds):
                base = floor(folder, given.seconds / 2)
                ratios.append(group_commit(folder, number, given.seconds) / base / number)
                other = peer(folder, number, given.seconds)
                others += [other / base / number] if other is not None else []
            line = (
                f"{number:3} clients: {statistics.median(ratios):.2f} N of the floor (must {must})"
            )
            print(line + (f"; the peer {statistics.median(others):.3f} N" if others else ""))
        rate, share, p99 = workers(folder, 4, given.seconds * 2)
        flush = 1000 / floor(folder, given.seconds)
        print(
            f"4 processes: {rate:,.0f} a second, the slowest has {share:.0%} of them; its p99 is "
            f"{p99:.1f} ms = {(p99 - 5) / flush:.1f} F + 5 ms with F = {flush:.2f} ms (must 15)"
        )
        for size in map(int, filter(None, given.sizes.split(","))):
            with closing(filled(folder, size)) as log:
                verification(log, size)
                queries(log, size)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
