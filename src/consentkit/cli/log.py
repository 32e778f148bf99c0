"""``consentkit log``: list and show the records of a consent log; the rest is in ``evidence``.

All that is here only reads: it neither creates nor changes a file of the log's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from consentkit.cli.audit import serve
from consentkit.cli.erasing import forget, prune
from consentkit.cli.evidence import EVIDENCE
from consentkit.cli.log_options import chosen, opened, with_filters, with_log, write
from consentkit.cli.statistics import stats
from consentkit.cli.terminal import plain, table
from consentkit.errors import LogError
from consentkit.log.export import as_dict

__all__ = ["log"]


@click.group(short_help="Read and verify the consent log.")
def log() -> None:
    """Read and verify the consent log."""


@log.command("list", short_help="List records, oldest first.")
@with_log
@with_filters
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(url: str | None, settings_file: Path | None, as_json: bool, **given: Any) -> None:
    """List records, oldest first. Times are UTC."""
    with opened(url, settings_file) as reader:
        records = reader.records(**chosen(given))
        if as_json:
            write(msgspec.json.encode(as_dict(record)) + b"\n" for record in records)
        else:
            write(table(records))


@log.command(short_help="Show one record.")
@click.argument("record_id", metavar="ID")
@with_log
@click.option("--json", "as_json", is_flag=True, help="As a JSON object, with the exact leaf.")
@click.option("--notice", is_flag=True, help="The notice that the visitor was shown, as stored.")
def show(
    record_id: str, url: str | None, settings_file: Path | None, as_json: bool, notice: bool
) -> None:
    """Show the record with this ID."""
    with opened(url, settings_file) as reader:
        record = reader.get(record_id)
        if record is None:
            raise LogError(f"there is no record {plain(record_id)}")
        if notice:
            stored = reader.notice(record.event.notice)
            if stored is None:
                raise LogError(f"notice {record.event.notice} is missing; run: log verify")
            write([stored.html])
        elif as_json:
            write([msgspec.json.encode(as_dict(record, proof=True)) + b"\n"])
        else:
            fields = as_dict(record)
            width = max(map(len, fields))
            for name, value in fields.items():
                write([f"{name:{width}}  {plain(value)}".rstrip().encode() + b"\n"])


for _command in (*EVIDENCE, forget, prune, serve, stats):
    log.add_command(_command)
