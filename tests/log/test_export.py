from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.errors import LogError
from consentkit.log import Record
from consentkit.log.export import COLUMNS, as_dict, to_csv, to_jsonl
from consentkit.log.iso27560 import as_iso27560
from consentkit.log.leaf import make_record, read_record
from consentkit.log.parquet import to_parquet
from consentkit.log.sqlite import SqliteLog
from tests.log.making import fill, make_event

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


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


def test_parquet_has_types_and_the_same_values(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 10)
    records = list(log.records())
    log.close()
    data = b"".join(to_parquet(records))
    table = pyarrow.parquet.read_table(io.BytesIO(data))
    assert tuple(table.column_names) == COLUMNS
    rows = table.to_pylist()
    for row, record in zip(rows, records, strict=True):
        expected = as_dict(record)
        expected["time"] = datetime.fromisoformat(expected["time"])
        for name in ("outcome", "services", "fingerprints"):
            row[name] = dict(row[name])
        assert row == expected
    assert pyarrow.parquet.read_table(io.BytesIO(b"".join(to_parquet([])))).num_rows == 0


def test_parquet_is_written_group_by_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consentkit.log.parquet._ROWS", 4)
    taken = 0

    def records() -> Iterator[Record]:
        nonlocal taken
        for _ in range(10):
            taken += 1
            yield a_record()

    pieces = to_parquet(records())
    first = next(pieces)
    assert (len(first) > 0, taken) == (True, 4)
    whole = pyarrow.parquet.ParquetFile(io.BytesIO(first + b"".join(pieces)))
    assert (whole.num_row_groups, whole.metadata.num_rows) == (3, 10)


def test_formats_that_need_a_package_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(LogError, match=r"pip install 'consentkit\[parquet\]'"):
        next(to_parquet([]))


DPV = "https://w3id.org/dpv#"


@pytest.mark.parametrize(
    ("action", "choice", "state"),
    [
        ("accept", "granted", "ConsentGiven"),
        ("save", "granted", "ConsentGiven"),
        ("reject", "denied", "ConsentRefused"),
        ("save", "denied", "ConsentRefused"),
        ("gpc", "denied", "ConsentRefused"),
        ("withdraw", "denied", "ConsentWithdrawn"),
        ("expire", "denied", "ConsentExpired"),
        ("forget", "denied", "ConsentTerminated"),
    ],
)
def test_the_states_of_iso_27560(action: str, choice: str, state: str) -> None:
    record = a_record(action=action, outcome={"analytics": choice}, services={"ga": choice})
    shape = as_iso27560(record)
    (purpose,) = shape["pii_processing"]["purposes"]
    assert (purpose["purpose"], purpose["event_state"]) == ("analytics", DPV + state)
    (party,) = shape["pii_processing"]["recipient_third_parties"]
    assert (party["party_id"], party["event_state"]) == ("ga", DPV + state)


def test_a_record_in_the_shape_of_iso_27560() -> None:
    record = a_record(gpc=True)
    shape = as_iso27560(record)
    event = record.event
    assert shape["record_id"] == event.id
    assert shape["pii_principal_id"] == shape["consent_event"]["entity_id"] == "visitor-1"
    assert shape["pii_processing"]["privacy_notice"] == f"urn:sha256:{event.notice}"
    assert shape["pii_processing"]["lawful_basis"].endswith("#A6-1-a")
    assert shape["pii_processing"]["geographic_restrictions"] == "DE"
    assert shape["consent_event"]["global_privacy_control"] is True
    assert shape["evidence"] == {"seq": 0, "leaf_hash": record.leaf_hash.hex()}
    redacted = read_record(0, record.leaf_hash, record.leaf, None, None)
    assert as_iso27560(redacted)["pii_principal_id"] is None
    assert as_iso27560(a_record(regime="ccpa"))["pii_processing"]["lawful_basis"] is None
