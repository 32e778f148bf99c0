from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.log import Record
from consentkit.log.export import COLUMNS, to_csv, to_jsonl
from consentkit.log.leaf import make_record
from consentkit.log.sqlite import SqliteLog
from tests.log.making import fill, make_event

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def a_record(**changes: Any) -> Record:
    event = make_event(**changes)
    return make_record(event, notice_language="en", seq=0, prev=b"", salt=bytes(32))


def cells(records: list[Record]) -> list[dict[str, str]]:
    text = b"".join(to_csv(records)).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(start: str) -> None:
    (row,) = cells([a_record(page=f"{start}HYPERLINK(1)", consent_id=f"{start}1", browser=start)])
    assert row["page"] == f"'{start}HYPERLINK(1)"
    assert row["consent_id"] == f"'{start}1"
    assert row["browser"] == f"'{start}"


@given(TEXTS, TEXTS)
def test_csv_comes_back_as_it_went(page: str, country: str) -> None:
    record = a_record(page=page, country=country)
    (row,) = cells([record])
    assert tuple(row) == COLUMNS
    for name, value in (("page", page), ("country", country)):
        assert row[name] in {value, f"'{value}"}
        assert not row[name].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert row["outcome"] == "analytics=granted functional=granted marketing=denied"
    assert (row["seq"], row["gpc"], row["redacted"]) == ("0", "false", "false")


def test_an_empty_export_has_a_header() -> None:
    assert b"".join(to_csv([])).decode() == ",".join(COLUMNS) + "\r\n"
    assert b"".join(to_jsonl([])) == b""


def test_json_lines_can_be_verified_by_themselves(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 10)
    lines = b"".join(to_jsonl(log.records())).splitlines()
    log.close()
    previous = ""
    for number, line in enumerate(lines):
        row = json.loads(line)
        digest = hashlib.sha256(b"\x00" + row["leaf"].encode()).hexdigest()
        leaf = json.loads(row["leaf"])
        opened = bytes.fromhex(row["salt"]) + row["personal"].encode()
        assert digest == row["leaf_hash"]
        assert (leaf["seq"], leaf["prev"]) == (number, previous)
        assert leaf["personal"] == hashlib.sha256(b"consentkit personal v1\n" + opened).hexdigest()
        assert json.loads(row["personal"])["consent_id"] == row["consent_id"]
        previous = digest
    assert len(lines) == 10
