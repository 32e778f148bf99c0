"""``consentkit log``: list, show, export and verify the records of a consent log.

All that is here only reads: it neither creates nor changes a file of the log's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import msgspec

from consentkit.cli.erasing import forget, prune
from consentkit.cli.terminal import plain, since, table, until
from consentkit.errors import LogError
from consentkit.log import ACTIONS, Filters, Reader, Verification, open_reader
from consentkit.log import verify as verify_log
from consentkit.log.export import FORMATS, as_dict

__all__ = ["log"]

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(short_help="Read and verify the consent log.")
def log() -> None:
    """Read and verify the consent log."""


def _with_log(command: Command) -> Command:
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


def _with_filters(command: Command) -> Command:
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


def _open(url: str | None, settings_file: Path | None) -> AbstractContextManager[Reader]:
    if (url is None) == (settings_file is None):
        raise click.UsageError("say which log: either --log URL or --settings FILE")
    if settings_file is not None:
        from consentkit.settings import load_settings  # noqa: PLC0415 - rarely needed

        url = load_settings(settings_file).log.url
    assert url is not None  # noqa: S101 - for the type checker: one of the two was given
    return closing(open_reader(url))


def _filters(given: dict[str, Any]) -> Filters:
    return cast("Filters", {key: value for key, value in given.items() if value is not None})


def _write(lines: Iterable[bytes]) -> None:
    # As bytes: UTF-8 whatever the locale says.
    sys.stdout.buffer.writelines(lines)
    sys.stdout.buffer.flush()


@log.command("list", short_help="List records, oldest first.")
@_with_log
@_with_filters
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(url: str | None, settings_file: Path | None, as_json: bool, **given: Any) -> None:
    """List records, oldest first. Times are UTC."""
    with _open(url, settings_file) as reader:
        records = reader.records(**_filters(given))
        if as_json:
            _write(msgspec.json.encode(as_dict(record)) + b"\n" for record in records)
        else:
            _write(table(records))


@log.command(short_help="Show one record.")
@click.argument("record_id", metavar="ID")
@_with_log
@click.option("--json", "as_json", is_flag=True, help="As a JSON object, with the exact leaf.")
@click.option("--notice", is_flag=True, help="The notice that the visitor was shown, as stored.")
def show(
    record_id: str, url: str | None, settings_file: Path | None, as_json: bool, notice: bool
) -> None:
    """Show the record with this ID."""
    with _open(url, settings_file) as reader:
        record = reader.get(record_id)
        if record is None:
            raise LogError(f"there is no record {plain(record_id)}")
        if notice:
            stored = reader.notice(record.event.notice)
            if stored is None:
                raise LogError(f"notice {record.event.notice} is missing; run: log verify")
            _write([stored.html])
        elif as_json:
            _write([msgspec.json.encode(as_dict(record, proof=True)) + b"\n"])
        else:
            fields = as_dict(record)
            width = max(map(len, fields))
            for name, value in fields.items():
                _write([f"{name:{width}}  {plain(value)}".rstrip().encode() + b"\n"])


@log.command(short_help="Export records.")
@_with_log
@_with_filters
@click.option(
    "--format", "form", type=click.Choice(sorted(FORMATS)), default="jsonl", show_default=True
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    default="-",
    metavar="FILE",
    help="Where to write; standard output by default.",
)
def export(
    url: str | None, settings_file: Path | None, form: str, output: Path, **given: Any
) -> None:
    """Export records: CSV for spreadsheets, or JSON lines that hold the exact leaves, so that
    their hashes can be checked without consentkit."""
    with _open(url, settings_file) as reader:
        reader.head()  # an earlier export is not overwritten for a log that cannot be read
        lines = FORMATS[form](reader.records(**_filters(given)))
        if str(output) == "-":
            _write(lines)
        else:
            with output.open("wb") as file:
                file.writelines(lines)


@log.command(short_help="Check that nothing was changed.")
@_with_log
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
@click.pass_context
def verify(ctx: click.Context, url: str | None, settings_file: Path | None, as_json: bool) -> None:
    """Check every record, notice and hash of the log.

    Exit code 0: whole. 1: something was changed; the first bad record is named. 2: the log cannot
    be read.
    """
    with _open(url, settings_file) as reader:
        found = verify_log(reader)
    _write(_verdict(found, as_json))
    ctx.exit(0 if found.whole else 1)


def _verdict(found: Verification, as_json: bool) -> Iterable[bytes]:
    if as_json:
        yield msgspec.json.encode(
            {
                "whole": found.whole,
                "size": found.size,
                "root": found.root.hex(),
                "redacted": found.redacted,
                "pruned": found.pruned,
                "first": found.first,
                "faults": [{"seq": seq, "why": why} for seq, why in found.faults],
            }
        )
        yield b"\n"
        return
    redacted = f", {found.redacted} of them redacted" if found.redacted else ""
    if found.pruned:
        redacted += f", of {found.pruned} only the hashes, as they were pruned"
    if found.whole:
        yield f"whole: {found.size} records{redacted}\n".encode()
        yield f"root: {found.root.hex()}\n".encode()
        yield (
            b"Keep size and root elsewhere: only an earlier pair shows that the end was cut off "
            b"or everything was rewritten.\n"
        )
        return
    first = "no record can be named" if found.first is None else f"first bad record: {found.first}"
    yield f"changed: {first} (of {found.size}{redacted})\n".encode()
    for seq, why in found.faults:
        place = "log" if seq is None else f"record {seq}"
        yield f"{place}: {plain(why)}\n".encode()


log.add_command(forget)
log.add_command(prune)
