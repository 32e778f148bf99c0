"""Bundles: an export with all that an auditor needs to check it alone, in one zip file.

What is in it stands in docs/audit.md; ``standalone.py``, which goes along as ``verify.py``, checks
it without us. The evidence is ``records.jsonl``: the exact leaves and what opens their commitments.
Of the whole log there are the hashes of all leaves, of a selection a proof for each record.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack, cast

import msgspec

from consentkit.log.checkpoint import Checkpoint
from consentkit.log.event import Record
from consentkit.log.export import as_dict, to_csv, to_jsonl
from consentkit.log.iso27560 import to_iso27560
from consentkit.log.leaf import read_record
from consentkit.log.merkle import Frontier
from consentkit.log.notes import Verifier
from consentkit.log.parquet import to_parquet
from consentkit.log.proofs import Proofs, included
from consentkit.log.standalone import (
    CHECKPOINT,
    FORMAT,
    HASHES,
    MANIFEST,
    PROOF_FORMAT,
    PROOFS,
    RECORDS,
    SUMS,
)
from consentkit.log.store import Filters, LogDamaged, Reader

__all__ = ["FORMATS", "proof_of", "write_bundle"]

FORMATS: dict[str, Callable[[Iterable[Record]], Iterator[bytes]]] = {
    "csv": to_csv,
    "iso27560": to_iso27560,
    "jsonl": to_jsonl,
    "parquet": to_parquet,
}
_ENDINGS = {"csv": "csv", "iso27560": "iso27560.jsonl", "parquet": "parquet"}
_PAGE = 4096
# Of every file in the zip, so that the same export makes the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)

_README = """\
This is an export of a consent log, made by consentkit {version}.

Whether it is what was recorded you can check yourself, offline, with Python 3.9 or newer:

    python verify.py EXPORT.zip

verify.py came with the export. To rely on it, take it from a place you trust (it is part of
consentkit's source code, src/consentkit/log/standalone.py) or read it: it is one file, and uses
nothing but Python's standard library.

    manifest.json    what was exported: filter, counts, and the hash of every file
    SHA256SUMS       the same hashes, for: sha256sum -c SHA256SUMS
    checkpoint       size and Merkle root of the log{signed}
    records.jsonl    the evidence: every record with the exact bytes that were hashed
{others}    notices/         what visitors were shown, by its SHA-256; open them in a browser
    verify.py        the verifier

An export can't show by itself that the log was not cut off or rewritten as a whole before it was
made. A checkpoint that you kept earlier can:

    python verify.py EXPORT.zip --checkpoint FILE --vkey KEY

Both the keys and the meaning of every field: docs/audit.md and docs/log.md of consentkit.
"""


class _Selection(NamedTuple):
    """What was found while records were written."""

    records: int
    redacted: int
    notices: list[str]


def write_bundle(
    log: Reader,
    target: Path,
    *,
    note: bytes,
    keys: Sequence[Verifier],
    made: str,
    form: str = "jsonl",
    **filters: Unpack[Filters],
) -> None:
    """Write the bundle ``target``, which is there whole or not at all.

    Args:
        log: the log.
        target: the zip file; its folder also holds what is gathered for it meanwhile.
        note: a checkpoint of the log. Records behind it are left out.
        keys: the log's public keys, with which the checkpoint can be checked.
        made: the time, RFC 3339.
        form: one of ``FORMATS``, to be in it beside the evidence.
        filters: which records; without any, the whole log.

    Raises:
        LogTampered, LogDamaged: what is stored does not lead to the root of the checkpoint.
    """
    checkpoint = Checkpoint.read(note)
    version = _version()
    with tempfile.TemporaryDirectory(prefix=".consentkit-", dir=target.parent) as name:
        folder = Path(name)
        found = _write_records(log, folder, checkpoint, filters)
        _write_notices(log, folder, found.notices)
        other = f"records.{_ENDINGS[form]}" if form in _ENDINGS else ""
        if other:
            with (folder / other).open("wb") as file:
                file.writelines(FORMATS[form](_records_in(folder / RECORDS)))
        (folder / CHECKPOINT).write_bytes(note)
        verifier = importlib.resources.files("consentkit.log").joinpath("standalone.py")
        (folder / "verify.py").write_bytes(verifier.read_bytes())
        (folder / "README.txt").write_text(_readme(version, other, filters, note), "utf-8")
        counts = {"records": found.records, "redacted": found.redacted}
        if not filters:
            counts["pruned"] = checkpoint.size - found.records
        manifest = {
            "format": FORMAT,
            "software": f"consentkit {version}",
            "made": made,
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "whole": not filters,
            "filter": filters,
            **counts,
            "notices": len(found.notices),
            "vkeys": [key.vkey() for key in keys],
            "files": {name: _described(folder / name) for name in _names(folder)},
        }
        (folder / MANIFEST).write_bytes(
            msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
        )
        sums = [f"{_described(folder / name)['sha256']}  {name}\n" for name in _names(folder)]
        (folder / SUMS).write_text("".join(sums), "utf-8")
        _zip(folder, target)


def proof_of(log: Reader, record: Record, note: bytes, keys: Sequence[Verifier]) -> dict[str, Any]:
    """The proof that ``record`` is in the log of the checkpoint ``note``, as ``verify.py`` takes
    it: the record with what opens it, the inclusion proof, the checkpoint, and the log's keys."""
    checkpoint = Checkpoint.read(note)
    path = _path(Proofs(log, checkpoint.size), record, checkpoint)
    return {
        "format": PROOF_FORMAT,
        "record": as_dict(record, proof=True),
        "path": path,
        "checkpoint": note.decode(),
        "vkeys": [key.vkey() for key in keys],
    }


def _write_records(
    log: Reader, folder: Path, checkpoint: Checkpoint, filters: Filters
) -> _Selection:
    """Records, and what proves them. One pass, as records may be erased meanwhile."""
    limits = {**filters, "before": min(filters.get("before", checkpoint.size), checkpoint.size)}
    records = log.records(**cast("Filters", limits))
    count = redacted = 0
    notices: dict[str, None] = {}
    proofs = Proofs(log, checkpoint.size)
    if not filters:
        _write_hashes(log, folder / HASHES, checkpoint)
    with (folder / RECORDS).open("wb") as lines, (folder / PROOFS).open("wb") as paths:
        for record in records:
            lines.write(msgspec.json.encode(as_dict(record, proof=True)) + b"\n")
            if filters:
                path = _path(proofs, record, checkpoint)
                paths.write(msgspec.json.encode({"seq": record.seq, "path": path}) + b"\n")
            notices[record.event.notice] = None
            count += 1
            redacted += record.redacted
    if not filters:
        (folder / PROOFS).unlink()
    return _Selection(count, redacted, sorted(notices))


def _write_hashes(log: Reader, path: Path, checkpoint: Checkpoint) -> None:
    tree = Frontier()
    with path.open("wb") as file:
        while tree.size < checkpoint.size:
            hashes = log.leaf_hashes(tree.size, min(_PAGE, checkpoint.size - tree.size))
            if not hashes:
                break
            file.write(b"".join(hashes))
            for digest in hashes:
                tree.push(digest)
    if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root):
        raise LogDamaged("the hashes of the log do not have its root; run: consentkit log verify")


def _path(proofs: Proofs, record: Record, checkpoint: Checkpoint) -> list[str]:
    try:
        path = proofs.inclusion(record.seq)
    except ValueError as error:
        raise LogDamaged(f"record {record.seq} cannot be proved: {error}") from error
    if not included(record.leaf_hash, record.seq, checkpoint.size, checkpoint.root, path):
        raise LogDamaged(
            f"record {record.seq} does not lead to the root of the log; run: consentkit log verify"
        )
    return [node.hex() for node in path]


def _write_notices(log: Reader, folder: Path, hashes: list[str]) -> None:
    (folder / "notices").mkdir()
    for digest in hashes:
        notice = log.notice(digest)
        if notice is None or hashlib.sha256(notice.html).hexdigest() != digest:
            raise LogDamaged(f"notice {digest} is missing or was changed")
        (folder / "notices" / f"{digest}.html").write_bytes(notice.html)


def _records_in(path: Path) -> Iterator[Record]:
    """The records that were just written there."""
    with path.open("rb") as file:
        for line in file:
            row = msgspec.json.decode(line)
            salt, personal = bytes.fromhex(row["salt"]), row["personal"].encode()
            yield read_record(
                row["seq"],
                bytes.fromhex(row["leaf_hash"]),
                row["leaf"].encode(),
                salt or None,
                personal or None,
            )


def _version() -> str:
    try:
        return importlib.metadata.version("consentkit")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"  # run from its sources


def _readme(version: str, other: str, filters: Filters, note: bytes) -> str:
    what = "an inclusion proof for each record" if filters else "the hashes of all records"
    lines = [f"    {PROOFS if filters else HASHES:16} {what}\n"]
    if other:
        lines.insert(0, f"    {other:16} the same records once more\n")
    signed = ", signed" if b"\n\n" in note else "; not signed"
    return _README.format(version=version, others="".join(lines), signed=signed)


def _names(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _zip(folder: Path, target: Path) -> None:
    fresh = folder / "zip"
    names = _names(folder)
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            with (
                (folder / name).open("rb") as source,
                archive.open(info, "w", force_zip64=True) as file,
            ):
                shutil.copyfileobj(source, file, 1 << 20)
    fresh.replace(target)
