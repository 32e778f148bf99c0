"""Commands run as people run them: in processes and folders of their own, on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from queue import Empty, Queue
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
CONSENTKIT = [sys.executable, "-c", "from consentkit.cli.main import main; main()"]
_PATIENCE = 60


class Process:
    """A running command, and what it has printed so far (both streams, in order)."""

    def __init__(self, command: list[str], folder: Path, **environment: str) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "src"),
                "PYTHONUNBUFFERED": "1",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: Queue[str | None] = Queue()
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._said.append(line)
                self._lines.put(line)
        self._lines.put(None)

    def read_until(self, text: str) -> str:
        """Wait for a line with this text, and give that line."""
        try:
            while (line := self._lines.get(timeout=_PATIENCE)) is not None:
                if text in line:
                    return line
        except Empty:
            raise AssertionError(f"{text!r} was not said, only:\n{self.said}") from None
        raise AssertionError(f"ended without saying {text!r}:\n{self.said}")

    @property
    def said(self) -> str:
        """Everything so far."""
        return "".join(self._said)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def end(self, number: int | None = None) -> int:
        """Send a signal, if any is given, and wait for the end: the exit code."""
        if number is not None:
            self._process.send_signal(number)
        code = self._process.wait(_PATIENCE)
        self._reader.join(_PATIENCE)
        return code

    def kill(self) -> None:
        """Make sure of the end."""
        if self.alive:
            self._process.kill()
            self._process.wait(_PATIENCE)
        self._reader.join(_PATIENCE)


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[Process]:
    """Run a command and make sure that it has ended afterwards."""
    process = Process(command, folder, **environment)
    try:
        yield process
    finally:
        process.kill()


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait(process: Process, port: int) -> None:
    """Wait until something listens on a port, or fail with what the process said."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.alive:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    process.kill()
    raise AssertionError(f"nothing listens on port {port}:\n{process.said}")


def get(url: str, **headers: str) -> tuple[int, Message, str]:
    """Status, headers and text of a page; an error status is an answer like any other."""
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as got:
            return got.status, got.headers, got.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read().decode()


def choose(url: str, action: str, *categories: str) -> str:
    """Make a choice as the client script does, and give the cookies that came of it."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        body = json.dumps({"action": action, "categories": categories, "page": "/"})
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Origin": url}
        connection.request("POST", "/consent/", body, headers)
        response = connection.getresponse()
        answer = response.read().decode()
        assert response.status == 200, answer
        assert json.loads(answer)["state"] == "set"
        set_cookies = response.headers.get_all("Set-Cookie") or []
    finally:
        connection.close()
    return "; ".join(line.partition(";")[0] for line in set_cookies)
