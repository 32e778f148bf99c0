"""Options that the commands of ``consentkit log`` share, and what they stand for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from consentkit.cli.terminal import since, until
from consentkit.log import ACTIONS, Filters, Reader, open_reader

__all__ = ["chosen", "log_url", "opened", "with_filters", "with_log", "write"]

Command = TypeVar("Command", bound=Callable[..., Any])


def with_log(command: Command) -> Command:
    """The two ways to say which log."""
    for option in (
        click.option(
            "--settings",
            "settings_file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="A TOML file with the site's settings, which name the log.",
        ),
        click.option("--log", "url", metavar="URL", help="The log, such as sqlite:///consent.db."),
    ):
        command = option(command)
    return command


def with_filters(command: Command) -> Command:
    """The ways to say which records."""
    for option in (
        click.option("--after", type=int, metavar="SEQ", help="Records behind this one only."),
        click.option("--before", type=int, metavar="SEQ", help="Records before this one only."),
        click.option("--reverse", is_flag=True, help="The newest first."),
        click.option("--limit", type=click.IntRange(min=1), help="At most so many records."),
        click.option("--consent-id", metavar="ID", help="Records of one visitor."),
        click.option(
            "--until", callback=until, metavar="TIME", help="Records before this time or day."
        ),
        click.option(
            "--since", callback=since, metavar="TIME", help="Records from this time or day on."
        ),
        click.option(
            "--category",
            metavar="NAME[=STATE]",
            help="Records with a choice for this category: analytics, analytics=granted.",
        ),
        click.option(
            "--service", metavar="NAME[=STATE]", help="The same for a service: matomo=denied."
        ),
        click.option("--country", metavar="CODE", help="Records from this country."),
        click.option("--language", metavar="TAG", help="Records of visitors with this language."),
        click.option("--policy-version", metavar="TEXT", help="Records under this policy."),
        click.option("--page", metavar="PATH", help="Records of choices made on this page."),
        click.option("--action", type=click.Choice(ACTIONS), help="Records of this kind."),
    ):
        command = option(command)
    return command


def opened(url: str | None, settings_file: Path | None) -> AbstractContextManager[Reader]:
    """The log that the options name, open to be read."""
    return closing(open_reader(log_url(url, settings_file)))


def log_url(url: str | None, settings_file: Path | None) -> str:
    """The URL of the log that the options name."""
    if (url is None) == (settings_file is None):
        raise click.UsageError("say which log: either --log URL or --settings FILE")
    if settings_file is not None:
        from consentkit.settings import load_settings  # noqa: PLC0415 - rarely needed

        url = load_settings(settings_file).log.url
    assert url is not None  # noqa: S101 - for the type checker: one of the two was given
    return url


def chosen(given: dict[str, Any]) -> Filters:
    """The filters among a command's options."""
    return cast(
        "Filters",
        {key: value for key, value in given.items() if value is not None and value is not False},
    )


def write(lines: Iterable[bytes]) -> None:
    """Print, as bytes: UTF-8 whatever the locale says."""
    sys.stdout.buffer.writelines(lines)
    sys.stdout.buffer.flush()
