"""The ``consentkit`` command.

Exit codes: 0 done; 1 the answer is no (``log verify``: something was changed); 2 it could not be
done, with one line on standard error that says why. A fault of the user's or of the world's never
shows a traceback.
"""

from __future__ import annotations

import importlib
import importlib.metadata

import click

from consentkit.errors import ConsentKitError, LogForked, LogTampered, NoteRefused

__all__ = ["main"]

# Loaded when called for: the demo brings web frameworks along.
_COMMANDS = {
    "audit": "consentkit.cli.audit:audit",
    "demo": "consentkit.cli.demo:demo",
    "gate": "consentkit.cli.gate:gate",
    "log": "consentkit.cli.log:log",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's method
        return sorted(_COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's method
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # click's: whoever read our output has seen enough
        except (ConsentKitError, OSError) as error:
            click.echo(f"consentkit: {error}", err=True)
            changed = isinstance(error, (LogForked, LogTampered, NoteRefused))
            ctx.exit(1 if changed else 2)


def _print_version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        try:
            version = importlib.metadata.version("consentkit")
        except importlib.metadata.PackageNotFoundError:
            version = "(not installed)"  # run from its sources
        click.echo(f"consentkit {version}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Consent for trackers, enforced in the server."""
