"""``consentkit demo``: the demonstration site behind consentkit, in one command.

It says where to look and what to click, where the log is and how to read it. It ends on Ctrl-C with
exit code 0; a missing server package or a port that is taken is one line and exit code 2.
"""

from __future__ import annotations

import importlib
import shlex
import signal
import socket
from pathlib import Path
from typing import Any

import click

from consentkit import asgi as asgi_middleware
from consentkit import wsgi as wsgi_middleware
from consentkit.demo.site import asgi_app, settings_for_demo, wsgi_app

__all__ = ["demo"]

_STEPS = """\
Try this:
  1. Open the page with the developer tools on "Network": nothing leaves for another company.
  2. Go to The Arden. Film and map wait behind a click; "Reject all" keeps them so.
  3. Use "Cookie settings" at the foot of any page to agree to some of it. They start to load.
  4. Read the privacy page: your choice, and the software that is used, with the reasons.
  5. Compare with the same site unprotected: consentkit demo --raw --port {other}
"""


class _CannotServe(click.ClickException):
    """It could not be done, as the other commands say it: one line, exit code 2."""

    exit_code = 2


@click.command(short_help="Serve a shop full of trackers, behind consentkit.")
@click.option("--wsgi", is_flag=True, help="Serve with waitress (WSGI) instead of uvicorn (ASGI).")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--log",
    "log_file",
    default="consentkit-demo.db",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="SQLite file for the consent log; the signing key is kept beside it.",
)
@click.option("--raw", is_flag=True, help="Serve without consentkit, for comparison.")
def demo(wsgi: bool, host: str, port: int, log_file: Path, raw: bool) -> None:
    """Serve a small shop full of trackers, behind consentkit, until Ctrl-C."""
    server = _import_server("waitress" if wsgi else "uvicorn")
    log_url = f"sqlite:///{log_file.absolute()}"
    app = _app(wsgi=wsgi, raw=raw, log_url=log_url)
    # A shell starts background jobs with the signal ignored; `kill -INT` is to end those too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with _listen(host, port) as listener:
        try:
            _introduce(listener, wsgi=wsgi, raw=raw, log_url=log_url)
            if wsgi:
                server.create_server(app, sockets=[listener], ident=None).run()
            else:
                config = server.Config(app, log_level="warning", timeout_graceful_shutdown=3)
                server.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            # uvicorn has shut down in order by now and raises the signal again for its caller.
            pass
    click.echo("\nStopped.")


def _import_server(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name != name:
            raise
        raise _CannotServe(
            f'this needs {name}, which is not installed: pip install "consentkit[demo]"'
        ) from None


def _app(*, wsgi: bool, raw: bool, log_url: str) -> Any:
    if raw:
        return wsgi_app if wsgi else asgi_app
    try:
        settings = settings_for_demo(log_url)
    except OSError as fault:
        raise _CannotServe(f"can't keep a key beside the log: {fault}") from None
    if wsgi:
        return wsgi_middleware.ConsentMiddleware(wsgi_app, settings)
    return asgi_middleware.ConsentMiddleware(asgi_app, settings)


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything is printed, so that what is printed is true."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise _CannotServe(
            f"can't listen on {host} port {port}: {reason}. Choose another with --port."
        ) from None


def _introduce(listener: socket.socket, *, wsgi: bool, raw: bool, log_url: str) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    stack = "WSGI, waitress" if wsgi else "ASGI, uvicorn"
    protection = "WITHOUT consentkit: every tracker on it is live" if raw else "behind consentkit"
    click.echo(f"Harrow & Wick, a shop that does not exist, {protection} ({stack}).\n")
    click.echo(f"  http://{shown}:{port}/\n")
    if not raw:
        click.echo(_STEPS.format(other=port + 1 if port < 65535 else port - 1))
        click.echo(f"Every choice is recorded in {log_url.removeprefix('sqlite:///')}:")
        click.echo(f"  consentkit log list --log {shlex.quote(log_url)}\n")
    click.echo("Ctrl-C stops it.")
