"""``consentkit gate``: what the gate makes of a page, for static sites, tests and curiosity."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import IO

import click

__all__ = ["gate"]


@click.command(short_help="Make the trackers in an HTML file inert.")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The site's settings, a TOML file. Without: the defaults.",
)
@click.option(
    "--granted",
    multiple=True,
    metavar="CATEGORY",
    help="Treat this category as granted. May be given several times.",
)
def gate(file: IO[bytes], settings_file: Path | None, granted: tuple[str, ...]) -> None:
    """Read the HTML page FILE ("-": standard input) and write it to standard output with every
    tracker inert that was not granted."""
    import consentkit  # noqa: PLC0415 - the whole gate, only when asked for
    from consentkit.settings import Settings, load_settings  # noqa: PLC0415

    settings: Settings
    if settings_file is None:
        # Settings need a key. Nothing is signed here, so any key will do.
        settings = load_settings({"secret_keys": [secrets.token_urlsafe(32)]})
    else:
        settings = load_settings(settings_file)
    page = consentkit.gate_html(file.read(), settings, granted=granted)
    sys.stdout.buffer.write(page)
