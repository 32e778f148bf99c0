"""Real servers in processes of their own, on free ports of loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 20.0


def demo(port: int, *options: str) -> list[str]:
    """The command that people run themselves."""
    start = "from consentkit.cli.main import main; main()"
    return [sys.executable, "-c", start, "demo", "--port", str(port), *options]


def uvicorn(port: int, app: str) -> list[str]:
    bind = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    return [sys.executable, "-m", "uvicorn", *bind, app]


def gunicorn(port: int, app: str) -> list[str]:
    # Threads, so that a browser's idle connections do not keep the one worker busy.
    bind = ["--bind", f"127.0.0.1:{port}", "--threads", "4", "--log-level", "warning"]
    return [sys.executable, "-m", "gunicorn", *bind, app]


def waitress(port: int, app: str) -> list[str]:
    return [sys.executable, "-m", "waitress", f"--listen=127.0.0.1:{port}", app]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def serve(
    command: list[str], port: int, *, folder: Path, paths: Sequence[str] = ()
) -> Iterator[str]:
    """Run a command and give its URL once it accepts connections.

    The folder takes its output and is its working directory; paths of the checkout are where it
    finds its modules. What it printed must not contain a traceback: a fault on the server's side
    fails the test even if the browser saw nothing of it.
    """
    output = folder / "server.log"
    search = [str(ROOT / path) for path in ("", "src", *paths)]
    with output.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(search)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, port, output)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if "Traceback" in (said := output.read_text(errors="replace")):
        raise AssertionError(f"the server said:\n{said}")


def _wait(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    said = output.read_text(errors="replace")
    raise RuntimeError(f"the server {process.args!r} does not answer; it said:\n{said}")
