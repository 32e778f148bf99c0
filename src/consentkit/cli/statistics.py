"""``consentkit log stats``: how often what was chosen."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import msgspec

from consentkit.cli.log_options import log_url, opened, with_log, write
from consentkit.cli.terminal import plain
from consentkit.log import open_log
from consentkit.log.store import Count
from consentkit.log.tally import BY, STEPS, statistics, summarise

__all__ = ["stats"]

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    if given is not None and not _DAY.fullmatch(given):
        raise click.BadParameter(f"{given!r} is no day; write 2026-11-22")
    return given


@click.command(short_help="Count choices, by category, country and more.")
@with_log
@click.option("--by", type=click.Choice(BY), default="category", show_default=True)
@click.option("--step", type=click.Choice(STEPS), default="month", show_default=True)
@click.option("--since", callback=_day, metavar="DAY", help="The first day.")
@click.option("--until", callback=_day, metavar="DAY", help="The day after the last.")
@click.option(
    "--recount", is_flag=True, help="Count the records themselves; trust no tally kept with them."
)
@click.option("--update", is_flag=True, help="Keep tallies of all records first; this writes.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def stats(
    url: str | None,
    settings_file: Path | None,
    since: str | None,
    until: str | None,
    **how: Any,
) -> None:
    """Count choices: of each category, or by kind, country, device, language or policy version.

    GRANTED is of CHOICES, category by category. What nobody counted yet is counted now, which in a
    large log takes a while; --update keeps it for the next time.
    """
    as_json = how.pop("as_json")
    if how.pop("update"):
        _update(log_url(url, settings_file))
    with opened(url, settings_file) as reader:
        found = statistics(reader, since=since or "", until=until or "9999", **how)
    if as_json:
        counts = [count._asdict() for count in found.counts]
        content = {**msgspec.structs.asdict(found), "counts": counts}
        write([msgspec.json.encode(content) + b"\n"])
    else:
        write(_table(found.counts))


def _update(url: str) -> None:
    with closing(open_log(url)) as log:
        done, _ = log.tallies("action", "", "", "total")
        left = log.head().size - done
        with click.progressbar(length=left, label="counting", file=sys.stderr) as bar:
            summarise(log, progress=bar.update)


def _table(counts: Iterable[Count]) -> Iterator[bytes]:
    records: defaultdict[tuple[str, str], int] = defaultdict(int)
    choices: defaultdict[tuple[str, str], int] = defaultdict(int)
    granted: defaultdict[tuple[str, str], int] = defaultdict(int)
    for count in counts:
        place = count.period, count.value
        if not count.category:
            records[place] += count.number
        else:
            choices[place] += count.number
            granted[place] += count.number if count.state == "granted" else 0
    yield _line("PERIOD", "VALUE", "RECORDS", "CHOICES", "GRANTED", "RATE")
    for place in sorted(records.keys() | choices.keys()):
        period, value = place
        if not value and place not in choices and not records[place]:
            continue
        whole = choices[place]
        yield _line(
            period or "all",
            plain(value) or "-",
            str(records[place] or "-"),
            str(whole),
            str(granted[place]),
            f"{granted[place] / whole:.1%}" if whole else "-",
        )


def _line(period: str, value: str, *numbers: str) -> bytes:
    cells = "  ".join(f"{number:>10}" for number in numbers)
    return f"{period:10}  {value:24}  {cells}\n".encode()
