"""``consentkit log checkpoint|export|keygen|proof|verify``: what the log can prove, and to whom."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import msgspec

from consentkit.cli.log_options import chosen, opened, with_filters, with_log, write
from consentkit.cli.terminal import counted, plain
from consentkit.errors import LogError, NoteRefused
from consentkit.log import Reader, Verification, new_id, rfc3339
from consentkit.log import verify as verify_log
from consentkit.log.bundle import FORMATS, proof_of, write_bundle
from consentkit.log.checkpoint import Checkpoint
from consentkit.log.notes import Signer, Verifier, generate
from consentkit.log.publishing import Checkpoints
from consentkit.settings import CheckpointSettings, load_settings

__all__ = ["EVIDENCE"]

_PATH = click.Path(path_type=Path)


def _checkpoints(reader: Reader, settings_file: Path | None, *more: str) -> Checkpoints:
    """The checkpoints of the log as the settings want them, put to ``more`` places as well."""
    settings = CheckpointSettings()
    if settings_file is not None:
        settings = load_settings(settings_file).log.checkpoint
    places = (*settings.to, *more)
    return Checkpoints(reader, msgspec.structs.replace(settings, to=places))


@click.command(short_help="Print a checkpoint: size and root of the log.")
@with_log
@click.option(
    "-o", "--output", metavar="FILE", help="Also put it there: a file, or a folder/ of them."
)
def checkpoint(url: str | None, settings_file: Path | None, output: str | None) -> None:
    """Print a checkpoint: size and root of the log as it is now.

    With the settings of a site it is signed with the key that they name, and put to the places that
    they name. Where there is an earlier one, the log first has to prove that it only grew since.
    """
    with opened(url, settings_file) as reader:
        places = [] if output is None else [output]
        write([_checkpoints(reader, settings_file, *places).write()])


@click.command(short_help="Make a key that signs checkpoints.")
@click.argument("origin", metavar="NAME")
@click.option(
    "-o",
    "--output",
    type=_PATH,
    required=True,
    metavar="FILE",
    help="Where to put the private key.",
)
def keygen(origin: str, output: Path) -> None:
    """Make a key that signs checkpoints. NAME is the log's origin, such as shop.example/consent.

    The private key goes to a new file that only its owner can read, the public one is printed.
    """
    private = generate(origin)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(private + "\n")
    click.echo(Signer(private).verifier.vkey())


@click.command(short_help="Prove that one record is in the log.")
@click.argument("record_id", metavar="ID")
@with_log
def proof(record_id: str, url: str | None, settings_file: Path | None) -> None:
    """Print the proof that the record with this ID is in the log, as JSON: the record, what opens
    it, its path to the root, and the checkpoint that holds the root. verify.py, which is in every
    bundle, checks it."""
    with opened(url, settings_file) as reader:
        record = reader.get(record_id)
        if record is None:
            raise LogError(f"there is no record {plain(record_id)}")
        checkpoints = _checkpoints(reader, settings_file)
        found = proof_of(reader, record, checkpoints.write(), checkpoints.keys)
    write([msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"])


@click.command(short_help="Export records.")
@with_log
@with_filters
@click.option(
    "--format", "form", type=click.Choice(sorted(FORMATS)), default="jsonl", show_default=True
)
@click.option(
    "--bundle",
    type=_PATH,
    metavar="ZIP",
    help="Write a zip file with notices, checkpoint, proofs and a verifier instead.",
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
    url: str | None,
    settings_file: Path | None,
    form: str,
    bundle: Path | None,
    output: Path,
    **given: Any,
) -> None:
    """Export records: JSON lines that hold the exact leaves, so that their hashes can be checked
    without consentkit; CSV for spreadsheets; Parquet; or the shape of ISO/IEC TS 27560.

    With --bundle all that an auditor needs to check them alone goes into one zip file.
    """
    if bundle is not None and str(output) != "-":
        raise click.UsageError("either --bundle or --output: a bundle is a file of its own")
    if bundle is not None and given["reverse"]:
        raise click.UsageError("a bundle is in the order of the log: leave --reverse out")
    with opened(url, settings_file) as reader:
        reader.head()  # an earlier export is not overwritten for a log that cannot be read
        if bundle is not None:
            checkpoints = _checkpoints(reader, settings_file)
            write_bundle(
                reader,
                bundle.absolute(),
                note=checkpoints.write(),
                keys=checkpoints.keys,
                made=rfc3339(int(new_id().replace("-", "")[:12], 16)),
                form=form,
                **chosen(given),
            )
            return
        lines = FORMATS[form](reader.records(**chosen(given)))
        if str(output) == "-":
            write(lines)
        else:
            with output.open("wb") as file:
                file.writelines(lines)


@click.command(short_help="Check that nothing was changed.")
@with_log
@click.option(
    "--checkpoint",
    "places",
    type=_PATH,
    multiple=True,
    metavar="FILE",
    help="An earlier checkpoint of the log, or a folder of them; may be repeated.",
)
@click.option(
    "--vkey",
    "vkeys",
    multiple=True,
    metavar="KEY",
    help="A public key of which a checkpoint must be signed; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def verify(
    url: str | None,
    settings_file: Path | None,
    places: tuple[Path, ...],
    vkeys: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check every record, notice and hash of the log, and that it grew from earlier checkpoints.

    Exit code 0: whole. 1: something was changed; the first bad record is named. 2: the log cannot
    be read.
    """
    with opened(url, settings_file) as reader:
        keys = [Verifier.read(vkey) for vkey in vkeys]
        if settings_file is not None and places:
            keys += _checkpoints(reader, settings_file).keys
        checkpoints = [_kept(path, keys) for path in _files(places)]
        with _progress(reader) as bar:
            found = verify_log(reader, checkpoints, bar)
    write(_as_json(found) if as_json else _verdict(found, unsigned=bool(places) and not keys))
    click.get_current_context().exit(0 if found.whole else 1)


EVIDENCE = (checkpoint, export, keygen, proof, verify)


def _files(places: Iterable[Path]) -> Iterable[Path]:
    for place in places:
        found = sorted(place.glob("checkpoint-*")) if place.is_dir() else [place]
        if not found:
            raise LogError(f"there is no checkpoint in {place}")
        yield from found


def _kept(path: Path, keys: list[Verifier]) -> Checkpoint:
    try:
        return Checkpoint.read(path.read_bytes(), keys or None)
    except NoteRefused as error:
        raise NoteRefused(f"checkpoint {path}: {error.why}") from error


def _progress(reader: Reader) -> Any:
    """A progress bar for people; for others, nothing."""
    if not sys.stderr.isatty():
        return nullcontext()
    bar = click.progressbar(length=reader.head().size, label="Verifying", file=sys.stderr)
    return _Bar(bar)


class _Bar:
    """A progress bar as a function that moves it."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def __enter__(self) -> Callable[[int], None]:
        update: Callable[[int], None] = self._bar.__enter__().update
        return update

    def __exit__(self, *error: object) -> None:
        self._bar.__exit__(*error)


def _as_json(found: Verification) -> Iterable[bytes]:
    yield msgspec.json.encode(
        {
            "whole": found.whole,
            "size": found.size,
            "root": found.root.hex(),
            "redacted": found.redacted,
            "pruned": found.pruned,
            "agreed": found.agreed,
            "first": found.first,
            "faults": [{"seq": seq, "why": why} for seq, why in found.faults],
        }
    )
    yield b"\n"


def _verdict(found: Verification, *, unsigned: bool) -> Iterable[bytes]:
    counts = counted(found.size, "record")
    if found.redacted:
        counts += f", {found.redacted} of them redacted"
    if found.pruned:
        counts += f", of {found.pruned} only the hashes, as they were pruned"
    if not found.whole:
        first = (
            "no record can be named" if found.first is None else f"first bad record: {found.first}"
        )
        yield f"changed: {first} (of {counts})\n".encode()
        for seq, why in found.faults:
            place = "log" if seq is None else f"record {seq}"
            for number, line in enumerate(why.split("\n")):
                yield f"{'  ' if number else f'{place}: '}{plain(line)}\n".encode()
        return
    yield f"whole: {counts}\n".encode()
    yield f"root: {found.root.hex()}\n".encode()
    if found.agreed is None:
        yield (
            b"Without a checkpoint that was kept elsewhere it cannot be excluded that the end was "
            b"cut off or everything was rewritten: see consentkit log checkpoint.\n"
        )
        return
    yield f"It has the {counted(found.agreed, 'record')} of the latest checkpoint given.\n".encode()
    yield b"That records behind it were cut off or rewritten cannot be excluded.\n"
    if unsigned:
        yield b"Signatures were not checked, as no key was given.\n"
