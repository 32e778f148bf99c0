#!/usr/bin/env python3
"""Check an export of a consent log, offline, with nothing but this file and Python 3.9 or newer.

    python verify.py EXPORT [--vkey KEY ...] [--checkpoint FILE ...]

EXPORT is the zip file, the folder it was unpacked to, or the proof of a single record (JSON).
KEY is a public key of the log that you had from somewhere else than from the export; FILE is an
earlier checkpoint of the log that you kept.

Exit code 0: whole. 1: something was changed; the first bad record is named. 2: it can't be read.

This program is part of consentkit, and imports nothing of it: it was written from docs/log.md
alone, so that the two agree only when the export is what that page says. Standards: RFC 9162
section 2.1 (tree and proofs), RFC 8032 section 5.1 (Ed25519), C2SP signed-note and tlog-checkpoint.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
RECORDS = "records.jsonl"
HASHES = "leaf-hashes"
PROOFS = "proofs.jsonl"
CHECKPOINT = "checkpoint"
FORMAT = "consentkit export 1"
PROOF_FORMAT = "consentkit proof 1"
MOST_FAULTS = 100

# Of a record, in the order of the CSV file's columns: its name there and in the leaf.
LEAF_FIELDS = {
    "id": "id",
    "time": "time",
    "action": "action",
    "outcome": "outcome",
    "services": "services",
    "source": "source",
    "policy_version": "policy",
    "fingerprints": "fingerprints",
    "notice": "notice",
    "notice_language": "notice_language",
    "regime": "regime",
    "country": "country",
    "gpc": "gpc",
}
PERSONAL_FIELDS = ("consent_id", "language", "page", "browser", "os", "device")
CSV_COLUMNS = ["seq", *LEAF_FIELDS, "redacted", *PERSONAL_FIELDS, "leaf_hash"]


class Unreadable(Exception):
    """This is no export, or one of a kind not known here."""


class Wrong(Exception):
    """Something is not what it should be."""


# Hashes


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


class Tree:
    """A Merkle tree that grows at its right end: the roots of its complete subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self.subtrees: list[bytes] = []

    def push(self, leaf: bytes) -> None:
        rest = self.size
        while rest & 1:
            leaf = node_hash(self.subtrees.pop(), leaf)
            rest >>= 1
        self.subtrees.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.subtrees:
            return sha256(b"")
        root = self.subtrees[-1]
        for left in self.subtrees[-2::-1]:
            root = node_hash(left, root)
        return root


def root_of_path(leaf: bytes, seq: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to; None when it is no proof for this place."""
    if not 0 <= seq < size:
        return None
    place, last = seq, size - 1
    for sibling in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            leaf = node_hash(sibling, leaf)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            leaf = node_hash(leaf, sibling)
        place, last = place >> 1, last >> 1
    return leaf if last == 0 else None


# Ed25519: points are (X, Y, Z, T) with x = X/Z, y = Y/Z, x*y = T/Z.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(number: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = _add(result, point)
        point = _add(point, point)
        number >>= 1
    return result


def _point(data: bytes) -> Point | None:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def _encoded(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` over ``message`` is that of the key ``public``."""
    key = _point(public) if len(public) == 32 else None
    if key is None or BASE is None or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    k = int.from_bytes(digest, "little") % L
    minus = (P - key[0], key[1], key[2], P - key[3])
    return _encoded(_add(_times(s, BASE), _times(k, minus))) == signature[:32]


# Checkpoints


def unbase64(text: str) -> bytes:
    """Decode, if this is the one way to write it."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong("it is no base64") from None
    if base64.b64encode(data).decode() != text:
        raise Wrong("its base64 is not written in its one form")
    return data


class Key(NamedTuple):
    name: str
    key_id: bytes
    public: bytes


def read_key(vkey: str) -> Key:
    """A public key, written as name+id+base64."""
    parts = vkey.strip().split("+", 2)
    try:
        data = unbase64(parts[2])
        key_id = sha256(parts[0].encode() + b"\n" + data)[:4]
        if data[:1] == b"\x01" and len(data) == 33 and parts[1] == key_id.hex():
            return Key(parts[0], key_id, data[1:])
    except (IndexError, Wrong):
        pass
    raise Unreadable(f"{vkey!r} is no public key of a log")


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes
    text: str
    signers: list[str]


def read_checkpoint(data: bytes, keys: Sequence[Key]) -> Checkpoint:
    """Parse, and check the signatures of known keys; ``Wrong`` when one of them is wrong."""
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise Wrong("it is not UTF-8") from None
    text, blank, rest = whole.rpartition("\n\n")
    text = text + "\n" if blank else whole
    lines = text.split("\n")
    plain = not re.search("[\x00-\x09\x0b-\x1f\x7f]", whole)
    size = re.match(r"(?:0|[1-9][0-9]{0,18})\Z", lines[1]) if len(lines) > 3 else None
    if size is None or not plain or not re.match(r"[^\s+]+\Z", lines[0]):
        raise Wrong("it is no checkpoint")
    root = unbase64(lines[2])
    if len(root) != 32:
        raise Wrong("its root is no SHA-256 hash")
    signers = []
    known = {(key.name, key.key_id): key for key in keys}
    for line in rest[:-1].split("\n") if blank else ():
        found = re.match(r"\u2014 ([^\s+]+) (\S+)\Z", line)
        if not found or not rest.endswith("\n"):
            raise Wrong("a line that should hold a signature does not")
        signature = unbase64(found.group(2))
        key = known.get((found.group(1), signature[:4]))
        if key is None:
            continue  # as the standard says: others may have signed, too
        if not ed25519_verify(key.public, signature[4:], text.encode()):
            raise Wrong(f"the signature of {key.name} is wrong")
        signers.append(key.name)
    return Checkpoint(lines[0], int(lines[1]), root, text, signers)


# Records


def strict_json(data: Any) -> Any:
    """JSON in which no key stands twice."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise Wrong("a key stands in it twice")
        return found

    try:
        return json.loads(data, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        raise Wrong("it is no JSON") from None


def same(one: Any, other: Any) -> bool:
    """Equality that tells true from 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def leaf_of(row: Any) -> tuple[int, bytes, dict[str, Any]]:
    """Sequence number, hash and content of the leaf in a record; ``Wrong`` unless its commitment
    opens and every field beside the leaf says the same as the leaf."""
    try:
        body = row["leaf"].encode()
        leaf = strict_json(body)
        salt, personal = bytes.fromhex(row["salt"]), row["personal"].encode()
        digest = sha256(b"\x00" + body)
        expected = {"seq": leaf["seq"], "leaf_hash": digest.hex(), "redacted": not row["salt"]}
        expected.update({name: leaf[key] for name, key in LEAF_FIELDS.items()})
        own = dict.fromkeys(PERSONAL_FIELDS, "")
        if salt:
            opened = sha256(b"consentkit personal v1\n" + salt + personal).hex()
            if len(salt) != 32 or opened != leaf["personal"]:
                raise Wrong("its personal fields are not those it was made with")
            own = strict_json(personal)
            if set(own) != set(PERSONAL_FIELDS):
                raise Wrong("its personal fields are not those of a record")
        elif personal:
            raise Wrong("it has personal fields that nothing vouches for")
        expected.update(own)
        expected.update({name: row[name] for name in ("leaf", "salt", "personal")})
        kinds = [type(value) for value in row.values()]  # as true equals 1
        if row != expected or kinds != [type(expected[name]) for name in row]:
            raise Wrong("its fields are not those of its leaf")
        return leaf["seq"], digest, leaf
    except (KeyError, TypeError, AttributeError, ValueError):
        raise Wrong("it holds no leaf") from None


def csv_line(row: dict[str, Any]) -> list[str]:
    """The cells of a record in the CSV file."""
    cells = []
    for name in CSV_COLUMNS:
        value = row[name]
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, dict):
            value = " ".join(f"{key}={value[key]}" for key in sorted(value))
        text = str(value)
        formula = text.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        cells.append("'" + text if formula else text)
    return cells


# Exports


class Export:
    """The files of an export: in a zip file or in a folder."""

    def __init__(self, path: Path) -> None:
        self.folder = path
        self.zip = None if path.is_dir() else zipfile.ZipFile(path)

    def names(self) -> list[str]:
        if self.zip is not None:
            return self.zip.namelist()
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return [path.relative_to(self.folder).as_posix() for path in files]

    def open(self, name: str) -> IO[bytes]:
        return self.zip.open(name) if self.zip is not None else (self.folder / name).open("rb")

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            return file.read()


class Check:
    """One check of one export. ``faults`` are (sequence number or None, what is wrong)."""

    def __init__(self, keys: Sequence[Key], earlier: Sequence[Checkpoint]) -> None:
        self.keys = keys
        self.earlier = earlier
        self.faults: list[tuple[int | None, str]] = []
        self.said: list[str] = []

    def fault(self, seq: int | None, why: object) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append((seq, str(why)))

    def export(self, export: Export) -> None:
        names = export.names()
        if MANIFEST not in names or RECORDS not in names:
            raise Unreadable(f"there is no {MANIFEST} in it, so it is no export")
        try:
            manifest = strict_json(export.read(MANIFEST))
            if manifest["format"] != FORMAT:
                raise Unreadable("it is of a kind that is not known here")
            self.files(export, names, manifest["files"])
            checkpoint = self.checkpoint(export.read(CHECKPOINT), manifest["vkeys"])
            if (manifest["origin"], manifest["size"]) != (checkpoint.origin, checkpoint.size):
                self.fault(None, "manifest and checkpoint are of different logs")
            reader = Records(self, export, checkpoint, names)
            counts = reader.whole() if manifest["whole"] else reader.some()
            for name, count in counts.items():
                if not same(manifest[name], count):
                    self.fault(None, f"{number(count, name)}: the manifest says {manifest[name]}")
        except Wrong as error:
            self.fault(None, error)
            return
        except (KeyError, TypeError, AttributeError):
            self.fault(None, f"{MANIFEST} or what it names is incomplete")
            return
        self.said.append("whole: " + sentence(manifest["whole"], counts))
        self.said.append(
            "root: {}, of {}".format(checkpoint.root.hex(), number(checkpoint.size, "records"))
        )
        self.said += [
            f"{name}: known by its hash alone, the evidence is {RECORDS}"
            for name in names
            if re.match(r"records\.(?!jsonl\Z|csv\Z)", name)
        ]

    def files(self, export: Export, names: list[str], listed: dict[str, Any]) -> None:
        """Every file is there and has its hash, and there is no other."""
        sums = {}
        for name in names:
            digest, length = hashlib.sha256(), 0
            with export.open(name) as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
                    length += len(piece)
            sums[name] = digest.hexdigest()
            found = {"bytes": length, "sha256": sums[name]}
            if name not in {MANIFEST, SUMS} and not same(listed.get(name), found):
                self.fault(None, f"{name} is not the file that the manifest lists")
        for name in sorted(set(listed) - set(names)):
            self.fault(None, f"{name} is missing")
        if len(set(names)) != len(names):
            self.fault(None, "two files have one name")
        lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums) if name != SUMS)
        if SUMS not in names or export.read(SUMS) != lines.encode():
            self.fault(None, f"{SUMS} does not list these files")

    def checkpoint(self, data: bytes, vkeys: list[str]) -> Checkpoint:
        """The checkpoint of the export, signed by a key that is trusted or came with it."""
        try:
            own = [read_key(vkey) for vkey in vkeys]
        except Unreadable as error:
            raise Wrong(error) from None
        try:
            found = read_checkpoint(data, self.keys or own)
        except Wrong as error:
            raise Wrong(f"checkpoint: {error}") from None
        if found.signers:
            self.said.append(f"checkpoint of {found.origin}: signed by {found.signers[0]}")
            if not self.keys:
                self.said.append(
                    "The key came with the export. Compare it with one from elsewhere, or give "
                    "that as --vkey:"
                )
                self.said += vkeys
        elif self.keys or own:
            raise Wrong("checkpoint: no key that is known here has signed it")
        else:
            self.said.append(
                f"checkpoint of {found.origin}: not signed, so anybody can have made it"
            )
        return found


class Records:
    """The records of an export, against its checkpoint."""

    def __init__(
        self, check: Check, export: Export, checkpoint: Checkpoint, names: list[str]
    ) -> None:
        self.check = check
        self.export = export
        self.checkpoint = checkpoint
        self.names = set(names)
        self.notices: dict[str, bool] = {}
        self.redacted = 0
        self.count = 0

    def rows(self) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
        """The good ones among the records; the others are faults."""
        table = self.csv() if "records.csv" in self.names else None
        before = -1
        with self.export.open(RECORDS) as file:
            for line in file:
                seq = None
                try:
                    row = strict_json(line)
                    seq = row.get("seq") if isinstance(row, dict) else None
                    found = leaf_of(row)
                    if found[0] <= before:
                        raise Wrong(f"it stands behind record {before}")
                    before = found[0]
                    if table is not None and next(table, None) != csv_line(row):
                        raise Wrong("records.csv has it differently")
                    self.notice(found[2]["notice"])
                except Wrong as error:
                    self.check.fault(seq if isinstance(seq, int) else None, error)
                    continue
                self.count += 1
                self.redacted += row["redacted"]
                yield found
        if table is not None and next(table, None) is not None:
            self.check.fault(None, f"records.csv has more records than {RECORDS}")
        for name in sorted(self.names):
            if name.startswith("notices/") and name[8:-5] not in self.notices:
                self.check.fault(None, f"{name} belongs to no record")

    def csv(self) -> Iterator[list[str]]:
        """The lines of the CSV file behind its header."""
        with self.export.open("records.csv") as file:
            table = csv.reader(io.TextIOWrapper(file, encoding="utf-8", newline=""))
            try:
                if next(table, None) != CSV_COLUMNS:
                    raise Wrong("records.csv has other columns")
                yield from table
            except (UnicodeDecodeError, csv.Error):
                raise Wrong("records.csv is damaged") from None

    def notice(self, digest: str) -> None:
        """The notice of a record is there, and is the one that was shown."""
        if digest not in self.notices:
            name = f"notices/{digest}.html"
            there = name in self.names
            self.notices[digest] = there and sha256(self.export.read(name)).hex() == digest
        if not self.notices[digest]:
            raise Wrong(f"its notice {digest} is missing or was changed")

    def whole(self) -> dict[str, int]:
        """All records of a log, or the hashes of those that were pruned."""
        size = self.checkpoint.size
        tree = Tree()
        marks = {mark.size: mark for mark in (*self.check.earlier, self.checkpoint)}
        rows = self.rows()
        row = next(rows, None)
        before = ""
        with self.export.open(HASHES) as file:
            for seq in range(size):
                self.mark(marks, tree)
                digest = file.read(32)
                if len(digest) != 32:
                    self.check.fault(seq, f"{HASHES} ends before it")
                    break
                if row is not None and row[0] == seq:
                    if row[1] != digest:
                        self.check.fault(seq, "its leaf does not have the hash in the tree")
                    elif row[2]["prev"] != before:
                        self.check.fault(seq, "it followed another record than the one before it")
                    row = next(rows, None)
                before = digest.hex()
                tree.push(digest)
            self.mark(marks, tree)
            if file.read(1):
                self.check.fault(None, f"{HASHES} has more hashes than the log has records")
        if row is not None:
            self.check.fault(row[0], "the log of the checkpoint ends before it")
        for later in sorted(mark for mark in marks if mark > size):
            self.check.fault(
                size, "missing: a checkpoint you kept counts {}".format(number(later, "records"))
            )
        return {"records": self.count, "redacted": self.redacted, "pruned": size - self.count}

    def mark(self, marks: dict[int, Checkpoint], tree: Tree) -> None:
        mark = marks.pop(tree.size, None)
        if mark is not None and tree.root() != mark.root:
            self.check.fault(
                None,
                "the first {} do not have the root of this checkpoint:\n{}".format(
                    number(mark.size, "records"), mark.text.rstrip()
                ),
            )

    def some(self) -> dict[str, int]:
        """Records picked by a filter, each with its proof."""
        with self.export.open(PROOFS) as proofs:
            for seq, digest, _ in self.rows():
                try:
                    proof = strict_json(proofs.readline())
                    path = [bytes.fromhex(text) for text in proof["path"]]
                    if proof["seq"] != seq:
                        raise Wrong("the proof in its place is that of another record")
                    prove(digest, seq, self.checkpoint, path)
                except (Wrong, KeyError, TypeError, ValueError) as error:
                    self.check.fault(seq, error if isinstance(error, Wrong) else "it has no proof")
            if proofs.read(1):
                self.check.fault(None, f"{PROOFS} has more proofs than there are records")
        for mark in self.check.earlier:
            if mark.size == self.checkpoint.size and mark.root != self.checkpoint.root:
                self.check.fault(None, f"it contradicts this checkpoint:\n{mark.text.rstrip()}")
            elif mark.size != self.checkpoint.size:
                self.check.fault(
                    None, "only an export of the whole log can be held against another size"
                )
        return {"records": self.count, "redacted": self.redacted}


def prove(digest: bytes, seq: int, checkpoint: Checkpoint, path: Sequence[bytes]) -> None:
    if root_of_path(digest, seq, checkpoint.size, path) != checkpoint.root:
        raise Wrong("its proof does not lead to the root of the checkpoint")


def single(check: Check, data: bytes) -> None:
    """The proof of one record."""
    try:
        proof = strict_json(data)
    except Wrong:
        proof = None
    if not isinstance(proof, dict) or proof.get("format") != PROOF_FORMAT:
        raise Unreadable("this is neither an export nor the proof of a record")
    try:
        checkpoint = check.checkpoint(proof["checkpoint"].encode(), proof["vkeys"])
        seq, digest, _ = leaf_of(proof["record"])
        prove(digest, seq, checkpoint, [bytes.fromhex(text) for text in proof["path"]])
    except (KeyError, TypeError, AttributeError, ValueError):
        check.fault(None, "it is incomplete")
    except Wrong as error:
        check.fault(None, error)
    else:
        size = number(checkpoint.size, "records")
        check.said.append(f"whole: record {seq} is in the log of {size}")


# What is said


def number(count: int, what: str) -> str:
    return f"{count} {what[:-1] if count == 1 and what == 'records' else what}"


def sentence(whole: bool, counts: dict[str, int]) -> str:
    said = number(counts["records"], "records")
    if not whole:
        said += ", picked by a filter; that no other fits it, this can't show"
    if counts["redacted"]:
        said += f", {counts['redacted']} of them redacted"
    if counts.get("pruned"):
        said += f"; {counts['pruned']} more pruned, only their hashes are left"
    return said


def say(text: str, file: IO[str] | None = None) -> None:
    """One or more lines, and nothing in them that a terminal would obey."""
    shown = "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
    (file or sys.stdout).write(shown + "\n")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check an export of a consent log.")
    parser.add_argument("export", metavar="EXPORT", help="zip file, folder, or proof (JSON)")
    parser.add_argument("--vkey", action="append", default=[], help="a key that you trust")
    parser.add_argument(
        "--checkpoint", action="append", default=[], metavar="FILE", help="one that you kept"
    )
    given = parser.parse_args(arguments)
    path = Path(given.export)
    try:
        keys = [read_key(vkey) for vkey in given.vkey]
        try:
            earlier = [read_checkpoint(Path(name).read_bytes(), keys) for name in given.checkpoint]
        except Wrong as error:
            say(f"changed: a checkpoint you kept: {error}")
            return 1
        check = Check(keys, earlier)
        if path.is_dir() or zipfile.is_zipfile(path):
            check.export(Export(path))
        else:
            single(check, path.read_bytes())
    except Exception as error:  # noqa: BLE001 - a damaged zip raises what it likes
        say(f"{path}: {error}", sys.stderr)
        return 2
    if not check.faults:
        say("\n".join(check.said))
        return 0
    numbered = sorted((seq, why) for seq, why in check.faults if seq is not None)
    first = f"first bad record: {numbered[0][0]}" if numbered else "no record can be named"
    say(f"changed: {first}")
    for seq, why in numbered:
        say(f"record {seq}: {why}")
    for why in (why for seq, why in check.faults if seq is None):
        say(f"export: {why}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
