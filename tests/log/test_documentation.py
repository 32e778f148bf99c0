from __future__ import annotations

import re
import zipfile
from pathlib import Path

from consentkit.log import ACTIONS, Checkpoint, Filters, checkpoint_of, verify
from consentkit.log.bundle import FORMATS, write_bundle
from consentkit.log.checkpoint import signed_checkpoint
from consentkit.log.export import COLUMNS, to_jsonl
from consentkit.log.iso27560 import as_iso27560
from consentkit.log.leaf import Leaf
from consentkit.log.notes import Verifier
from consentkit.log.sqlite import SqliteLog
from tests.log.making import fill, python

PAGE = Path(__file__).parents[2] / "docs" / "log.md"


def test_the_verifier_on_the_page_comes_to_the_same_root(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(import hashlib.*?)```", PAGE.read_text(), re.DOTALL)
    log = SqliteLog(tmp_path / "consent.db")
    for count in (1, 12):
        fill(log, count)
        lines = b"".join(to_jsonl(log.records())).decode()
        process = python(code)
        assert process.communicate(lines) == (verify(log).root.hex() + "\n", "")
        changed = python(code)
        changed.communicate(lines.replace('"marketing\\":\\"denied', '"marketing\\":\\"granted'))
        assert changed.returncode == 1
    log.close()


def test_the_page_names_every_field() -> None:
    text = PAGE.read_text()
    for name in (*Leaf.__struct_fields__, *COLUMNS, *ACTIONS):
        assert f"`{name}`" in text, name


AUDIT = PAGE.with_name("audit.md").read_text(encoding="utf-8")


def test_the_checkpoint_on_the_page_is_signed_by_the_key_on_the_page() -> None:
    (note,) = re.findall(
        r"^```\n(shop\.example/consent\n\d+\n.*?)```", AUDIT, re.DOTALL | re.MULTILINE
    )
    (vkey,) = set(re.findall(r"^(shop\.example/consent\+.*)$", AUDIT, re.MULTILINE))
    assert Checkpoint.read(note.encode(), [Verifier.read(vkey)]).size == 1204


def test_the_page_names_every_file_and_every_field_of_the_standard(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 2)
    note = signed_checkpoint(checkpoint_of(log, "shop.example"), None)
    names = set()
    for number, filters in enumerate([Filters(), Filters(after=0)]):
        target = tmp_path / f"{number}.zip"
        write_bundle(log, target, note=note, keys=[], made="", **filters)
        with zipfile.ZipFile(target) as archive:
            names |= {re.sub("[0-9a-f]{64}", "HASH", name) for name in archive.namelist()}
    record = next(log.records())
    log.close()
    shape = as_iso27560(record)
    fields = [*shape, *shape["pii_processing"], *shape["consent_event"], *shape["evidence"]]
    fields.remove("pii_processing")
    fields.remove("consent_event")
    for name in (*names, *fields, *FORMATS):
        assert re.search(rf"`[^`]*\b{re.escape(name)}\b[^`]*`", AUDIT), name
