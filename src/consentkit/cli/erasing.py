"""``consentkit log forget`` and ``log prune``: what takes something out of a log.

Both ask before they do it, unless told ``--yes``. They write, so they are run as the server's user;
the server need not be stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import click

from consentkit.cli.log_options import with_log
from consentkit.cli.terminal import plain, since
from consentkit.errors import LogError
from consentkit.log import erasure, oldest_kept, open_log, open_reader, open_spool
from consentkit.log import forget as forget_visitor
from consentkit.settings import LogSettings, Settings, load_settings

__all__ = ["forget", "prune"]

Command = TypeVar("Command", bound=Callable[..., Any])


def _with_log(command: Command) -> Command:
    return with_log(click.option("--yes", is_flag=True, help="Do not ask.")(command))


def _which(url: str | None, settings_file: Path | None) -> tuple[LogSettings, Settings | None]:
    if (url is None) == (settings_file is None):
        raise click.UsageError("say which log: either --log URL or --settings FILE")
    if settings_file is not None:
        settings = load_settings(settings_file)
        return settings.log, settings
    assert url is not None  # noqa: S101 - for the type checker: one of the two was given
    return LogSettings(url=url), None


def _agreed(question: str, *, yes: bool) -> None:
    if not yes and not click.confirm(question):
        raise LogError("nothing was done")


@click.command(short_help="Erase what is personal in a visitor's records.")
@click.argument("consent_id", metavar="CONSENT-ID")
@_with_log
def forget(consent_id: str, url: str | None, settings_file: Path | None, yes: bool) -> None:
    """Erase what is personal in the records of a visitor, for good. The records stay, without it,
    and one more says that something was erased.

    Exit code 0: done. 2: not done, or there is nothing of that visitor.
    """
    which, settings = _which(url, settings_file)
    with closing(open_reader(which.url)) as reader:
        reader.head()  # nothing is made where there is no log
    spool = open_spool(which.url, which.spool)
    with closing(open_log(which.url)) as log:
        _agreed(f"Erase what is personal in the records of {plain(consent_id)}?", yes=yes)
        version = settings.policy.version if settings else ""
        erased = forget_visitor(log, spool, consent_id, *erasure(version))
    if not erased:
        raise LogError(f"there are no records of {plain(consent_id)}")
    click.echo(f"erased: what was personal in {erased} records")


@click.command(short_help="Erase records that are too old.")
@click.option(
    "--before",
    callback=since,
    metavar="TIME",
    help="Records before this time or day; by default those older than log.retention_days.",
)
@_with_log
def prune(before: str | None, url: str | None, settings_file: Path | None, yes: bool) -> None:
    """Erase old records. Their hashes stay, so that the rest can be verified as before.

    Exit code 0: done, or there was nothing to be done. 2: not done.
    """
    which, _ = _which(url, settings_file)
    if before is None:
        if which.retention_days is None:
            raise click.UsageError(
                "say --before TIME, as the settings have no log.retention_days"
                if settings_file
                else "say --before TIME"
            )
        before = oldest_kept(which.retention_days, time.time())
    with closing(open_reader(which.url)) as reader:
        reader.head()
    with closing(open_log(which.url)) as log:
        _agreed(f"Erase all records before {before}?", yes=yes)
        pruned = log.prune(before)
    click.echo(f"pruned: {pruned} records before {before}")
