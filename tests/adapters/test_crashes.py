"""Workers are killed while visitors choose: what was acknowledged is in the log, once."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.adapters.site import records
from tests.adapters.wire import Connection
from tests.browser.servers import ROOT
from tests.demo.processes import CONSENTKIT, free_port, running, wait

_VISITORS = 6
_KILLS = 8
_PATIENCE = 100.0
_TOKEN = re.compile(rb'name="token" value="([^"]+)"')

_GUNICORN = ("gunicorn", "--workers", "3", "--bind", "127.0.0.1:PORT", "tests.adapters.apps:wsgi")
_SERVERS = {
    "gunicorn": _GUNICORN,
    "gunicorn-preload": (*_GUNICORN, "--preload", "--threads", "2"),
    "uvicorn": ("uvicorn", "--workers", "2", "--port", "PORT", "tests.adapters.apps:asgi"),
}


class Visitors:
    """Visitors who choose, and choose again the same when they got no answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.over = False
        self.acknowledged: list[str] = []
        self.open: list[str] = []
        self.unanswered = 0
        self.statuses: Counter[int] = Counter()
        self._threads = [threading.Thread(target=self._visit, args=(n,)) for n in range(_VISITORS)]

    def run(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _visit(self, number: int) -> None:
        chosen = 0
        while not self.over:
            chosen += 1
            page = f"/{number}/{chosen}"  # tells the choices apart
            with suppress(OSError, AssertionError, ValueError):
                with Connection(self._port) as connection:
                    found = _TOKEN.search(connection.ask("GET", "/").body)
                assert found is not None
                action = "accept" if (number + chosen) % 2 else "reject"
                choice = {"action": action, "page": page, "token": found[1].decode()}
                self._choose(page, json.dumps(choice).encode())

    def _choose(self, page: str, body: bytes) -> None:
        self.open.append(page)
        while True:
            try:
                with Connection(self._port) as connection:
                    answer = connection.ask(
                        "POST", "/consent/", body, Content_Type="application/json"
                    )
            except (OSError, ValueError):  # it was killed; the browser tries again
                self.unanswered += 1
                if self.over:
                    return
                continue
            self.statuses[answer.status] += 1
            if answer.status == 200:
                assert json.loads(answer.body)["record"]
                self.acknowledged.append(page)
            return


def workers(parent: int) -> list[int]:
    """The processes that a server has started for its work."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    found = []
    for child in map(int, children.split()):
        with suppress(OSError):
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"resource_tracker" not in command:
                found.append(child)
    return found


def kill_often(server: int, visitors: Visitors) -> int:
    """Kill one worker after another, each after some more choices; returns how many."""
    dice = random.Random(server)  # noqa: S311
    kills, until = 0, time.monotonic() + _PATIENCE
    wanted = 0
    while kills < _KILLS and time.monotonic() < until:
        time.sleep(dice.uniform(0.001, 0.05))
        alive = workers(server)
        if len(visitors.acknowledged) >= wanted and alive:
            with suppress(ProcessLookupError):
                os.kill(dice.choice(alive), signal.SIGKILL)
                kills += 1
            wanted = len(visitors.acknowledged) + dice.randint(5, 25)
    return kills


@pytest.mark.parametrize("server", _SERVERS)
def test_killing_workers_loses_no_acknowledged_choice(server: str, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", *(a.replace("PORT", str(port)) for a in _SERVERS[server])]
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    with running(command, tmp_path, PYTHONPATH=path) as process:
        wait(process, port)
        visitors = Visitors(port)
        visitors.run()
        kills = kill_often(process._process.pid, visitors)
        visitors.over = True
        visitors.join()
        process.end(signal.SIGTERM)

    stored = Counter(record.event.page for record in records(tmp_path))
    assert kills == _KILLS
    assert len(visitors.acknowledged) > _KILLS * 5
    assert set(visitors.statuses) == {200}
    assert [page for page in visitors.acknowledged if stored[page] != 1] == []
    assert max(stored.values()) == 1
    assert stored.keys() <= set(visitors.open)
    verify = [*CONSENTKIT, "log", "verify", "--log", f"sqlite:///{tmp_path / 'consent.db'}"]
    done = subprocess.run(
        verify, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
