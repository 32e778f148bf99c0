"""``consentkit audit token``, and ``consentkit log serve``: the pages for auditors."""

from __future__ import annotations

import importlib
import secrets
import signal
import socket
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import click

from consentkit.cli.log_options import log_url, opened, with_log
from consentkit.engine import Request
from consentkit.engine.assets import find_audit_asset
from consentkit.engine.audit import (
    ROLES,
    Access,
    Auditing,
    make_auditing,
    new_token,
    token_hash,
)
from consentkit.errors import LogError
from consentkit.log import Checkpoints
from consentkit.settings import (
    AuditSettings,
    AuditTokenSettings,
    CheckpointSettings,
    load_settings,
)

__all__ = ["audit", "serve"]


@click.group(short_help="Let auditors in.")
def audit() -> None:
    """Let auditors in."""


@audit.command(short_help="Make a token for an auditor.")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="read", show_default=True)
def token(name: str, role: str) -> None:
    """Make a token for NAME. It is shown once; the settings get its hash."""
    if not 1 <= len(name) <= 64:
        raise click.BadParameter("1 to 64 characters", param_hint="NAME")
    made = new_token()
    shown = name.replace("\\", "\\\\").replace('"', '\\"')
    click.echo(f"Token, for {name} alone:\n\n  {made}\n\nFor the settings:\n")
    click.echo(f'[[audit.tokens]]\nname = "{shown}"\nhash = "{token_hash(made)}"\nrole = "{role}"')


@click.command(short_help="Show the log to an auditor, in a browser on this machine.")
@with_log
@click.option("--port", default=8800, show_default=True, type=click.IntRange(0, 65535))
def serve(url: str | None, settings_file: Path | None, port: int) -> None:
    """Serve the pages for auditors on this machine alone, until Ctrl-C.

    The log is only read. A token is made for this run and printed; port 0 takes a free one.
    """
    uvicorn = _imported("uvicorn")
    made = new_token()
    checkpoint = CheckpointSettings()
    if settings_file is not None:
        checkpoint = load_settings(settings_file).log.checkpoint
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with opened(url, settings_file) as reader, _listen(port) as listener:
        reader.head()  # says at once when there is no log
        settings = AuditSettings(
            tokens=(AuditTokenSettings(name="you", hash=token_hash(made), role="export"),),
            access_log=False,
        )
        auditing = make_auditing(
            reader,
            settings,
            Access(settings, [secrets.token_urlsafe(32)]),
            checkpoints=Checkpoints(reader, checkpoint),
            url=log_url(url, settings_file),
            forget=None,
            clock=time.time,
        )
        host, bound = listener.getsockname()[:2]
        click.echo(f"  http://{host}:{bound}/audit/\n\n  Token: {made}\n\nCtrl-C stops it.")
        config = uvicorn.Config(application(auditing), log_level="warning")
        with closing(listener), suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
    click.echo("\nStopped.")


def application(auditing: Auditing) -> Any:
    """The pages for auditors alone, as an ASGI app."""
    from starlette.applications import Starlette  # noqa: PLC0415 - slow to import
    from starlette.concurrency import run_in_threadpool  # noqa: PLC0415
    from starlette.requests import Request as WebRequest  # noqa: PLC0415
    from starlette.responses import RedirectResponse, Response  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    async def answer(request: WebRequest) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            if len(body) <= 65_536:  # more than is ever read
                body += chunk
        facts = Request(
            method=request.method,
            path=request.url.path,
            query=request.url.query,
            headers=tuple(request.headers.raw),
            scheme=request.url.scheme,
            client=request.client.host if request.client else "",
        )
        path = request.url.path.removeprefix("/audit")
        reply = await run_in_threadpool(
            auditing.respond,
            facts,
            path,
            bytes(body),
            home="/audit/",
            static="/static/",
            secure=False,
        )
        response = Response(reply.body, status_code=reply.status)
        response.raw_headers = [
            *reply.headers,
            (b"content-length", str(len(reply.body)).encode("ascii")),
        ]
        return response

    async def style(request: WebRequest) -> Response:
        asset = find_audit_asset(request.path_params["name"])
        if asset is None:
            return Response(status_code=404)
        return Response(asset.content, media_type=asset.media_type.decode("ascii"))

    async def home(_request: WebRequest) -> Response:
        return RedirectResponse("/audit/")

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Starlette(
        routes=[
            Route("/", home),
            Route("/static/{name}", style),
            Route("/audit{rest:path}", answer, methods=methods),
        ]
    )


def _listen(port: int) -> socket.socket:
    """Loopback alone: there is no TLS here that could keep the token."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as fault:
        raise LogError(f"can't listen on port {port}: {fault.strerror or fault}") from None


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name != name:
            raise
        raise LogError(
            f'this needs {name}, which is not installed: pip install "consentkit[demo]"'
        ) from None
