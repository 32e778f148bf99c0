"""Bundles, and the verifier that checks them alone."""

from __future__ import annotations

import ast
import csv
import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consentkit.errors import LogTampered
from consentkit.log import Filters, standalone
from consentkit.log.bundle import proof_of, write_bundle
from consentkit.log.checkpoint import Checkpoint, checkpoint_of, signed_checkpoint
from consentkit.log.notes import Signer, generate
from consentkit.log.sqlite import SqliteLog
from consentkit.log.store import LogDamaged
from tests.log.making import GERMAN, NOTICE, fill, make_event
from tests.log.test_verification import changing

ORIGIN = "shop.example/consent"
SIGNER = Signer(generate(ORIGIN))
MADE = "2026-11-22T10:00:00.000Z"
COUNT = 300


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> SqliteLog:
    """Three hundred records; one visitor was forgotten, and the first eighty are pruned."""
    log = SqliteLog(tmp_path_factory.mktemp("bundle") / "consent.db")
    fill(log, COUNT)
    later = "2026-11-22T11:00:00.000Z"
    log.append(make_event(consent_id="leaver", page="/=1+1", time=later), NOTICE)
    forget = make_event(consent_id="leaver", action="forget", outcome={}, time=later)
    assert log.forget("leaver", forget, NOTICE) == 1
    assert log.prune("2026-11-22T10:01:20.000Z") == 80
    return log


def note_of(log: SqliteLog, signer: Signer | None = SIGNER) -> bytes:
    return signed_checkpoint(checkpoint_of(log, ORIGIN), signer)


def bundle(log: SqliteLog, target: Path, form: str = "jsonl", **filters: Any) -> Path:
    note, keys = note_of(log), [SIGNER.verifier]
    write_bundle(log, target, note=note, keys=keys, made=MADE, form=form, **filters)
    return target


@pytest.fixture(scope="module")
def whole(log: SqliteLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(log, tmp_path_factory.mktemp("whole") / "whole.zip", "csv")


@pytest.fixture(scope="module")
def picked(log: SqliteLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("picked") / "picked.zip"
    return bundle(log, target, "csv", action="save", after=250)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A whole log and a selection, with few records and every kind of file."""
    folder = tmp_path_factory.mktemp("small")
    log = SqliteLog(folder / "consent.db")
    fill(log, 9)
    return [
        bundle(log, folder / "whole.zip", "csv"),
        bundle(log, folder / "picked.zip", "csv", action="save"),
    ]


def files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(content: dict[str, bytes], target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return target


def resealed(content: dict[str, bytes]) -> dict[str, bytes]:
    """With the hashes that the files have now, as a forger would leave them."""
    manifest = json.loads(content["manifest.json"])
    manifest["files"] = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in content.items()
        if name not in {"manifest.json", "SHA256SUMS"}
    }
    content = {**content, "manifest.json": json.dumps(manifest).encode()}
    sums = [
        f"{hashlib.sha256(content[name]).hexdigest()}  {name}\n"
        for name in sorted(content)
        if name != "SHA256SUMS"
    ]
    return {**content, "SHA256SUMS": "".join(sums).encode()}


def alone(*arguments: str | Path, verifier: Path | None = None) -> tuple[int, str, str]:
    """Run the verifier with nothing but the standard library: exit code, output, errors."""
    program = verifier or Path(standalone.__file__)
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={},
    )
    return process.returncode, process.stdout, process.stderr


def judged(path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    """The same in this process, which is quicker."""
    code = standalone.main([str(path), *more])
    return code, capsys.readouterr().out


def test_the_verifier_imports_the_standard_library_alone() -> None:
    tree = ast.parse(Path(standalone.__file__).read_text())
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_a_whole_log(whole: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(whole) as archive:
        archive.extractall(tmp_path / "unpacked")
    verifier = tmp_path / "unpacked" / "verify.py"
    for what in (whole, tmp_path / "unpacked"):
        code, out, err = alone(what, verifier=verifier)
        assert (code, err) == (0, ""), err
        assert f"checkpoint of {ORIGIN}: signed by {ORIGIN}\n" in out
        assert "whole: 222 records, 2 of them redacted; 80 more pruned" in out
        assert SIGNER.verifier.vkey() in out
    code, out, _ = alone(whole, "--vkey", SIGNER.verifier.vkey())
    assert code == 0
    assert "Compare it" not in out
    sums = subprocess.run(
        ["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path / "unpacked", check=False
    )
    assert sums.returncode == 0


def test_a_selection(picked: Path) -> None:
    code, out, err = alone(picked)
    assert (code, err) == (0, "")
    assert "whole: 18 records, picked by a filter" in out
    content = files(picked)
    proved = [json.loads(line)["seq"] for line in content["proofs.jsonl"].splitlines()]
    assert proved == [*range(251, 300, 3), 300]
    assert "leaf-hashes" not in content


def test_what_is_in_a_bundle(whole: Path, log: SqliteLog) -> None:
    content = files(whole)
    manifest = json.loads(content["manifest.json"])
    assert (manifest["size"], manifest["records"], manifest["pruned"]) == (302, 222, 80)
    assert (manifest["whole"], manifest["filter"], manifest["made"]) == (True, {}, MADE)
    assert manifest["vkeys"] == [SIGNER.verifier.vkey()]
    assert Checkpoint.read(content["checkpoint"], [SIGNER.verifier]).size == 302
    assert content[f"notices/{NOTICE.hash}.html"] == NOTICE.html
    assert content[f"notices/{GERMAN.hash}.html"] == GERMAN.html
    assert len(content["leaf-hashes"]) == 302 * 32
    rows = list(csv.DictReader(io.StringIO(content["records.csv"].decode(), newline="")))
    assert [int(row["seq"]) for row in rows] == list(range(80, 302))
    assert b"leaver" not in b"".join(content.values())
    names = set(content) - {"README.txt"}
    for name in (name for name in names if "/" not in name):
        assert name in content["README.txt"].decode()


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "iso27560"])
def test_every_format(log: SqliteLog, tmp_path: Path, form: str) -> None:
    target = bundle(log, tmp_path / "all.zip", form)
    code, out, _ = alone(target)
    assert code == 0
    assert ("known by its hash alone" in out) == (form in {"parquet", "iso27560"})
    assert [path.name for path in tmp_path.iterdir()] == ["all.zip"]


def test_the_same_export_is_the_same_file(log: SqliteLog, tmp_path: Path) -> None:
    one, other = bundle(log, tmp_path / "1.zip"), bundle(log, tmp_path / "2.zip")
    assert one.read_bytes() == other.read_bytes()


def test_an_empty_log_and_an_empty_selection(log: SqliteLog, tmp_path: Path) -> None:
    code, out, _ = alone(bundle(log, tmp_path / "none.zip", consent_id="nobody"))
    assert code == 0
    assert "whole: 0 records, picked by a filter" in out
    empty = SqliteLog(tmp_path / "new.db")
    code, out, _ = alone(bundle(empty, tmp_path / "empty.zip"))
    empty.close()
    assert (code, "whole: 0 records\n" in out) == (0, True)


def test_records_behind_the_checkpoint_are_left_out(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 4)
    note = note_of(log)
    fill(log, 3)
    selections: list[Filters] = [{}, {"after": 0}]
    for filters in selections:
        target = tmp_path / "bundle.zip"
        write_bundle(log, target, note=note, keys=[SIGNER.verifier], made=MADE, **filters)
        code, out, _ = alone(target)
        assert code == 0
        assert f"whole: {4 - len(filters)} records" in out
    log.close()


def test_an_earlier_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    kept: list[Path] = []
    for _ in range(3):
        fill(log, 3)
        kept.append(tmp_path / f"kept-{len(kept)}")
        kept[-1].write_bytes(note_of(log))
    target = bundle(log, tmp_path / "whole.zip")
    short = tmp_path / "short.zip"
    write_bundle(log, short, note=kept[0].read_bytes(), keys=[SIGNER.verifier], made=MADE)
    key = ["--vkey", SIGNER.verifier.vkey()]
    for path in kept:
        assert judged(target, capsys, *key, "--checkpoint", str(path))[0] == 0
    code, out = judged(short, capsys, *key, "--checkpoint", str(kept[1]))
    assert (code, "record 3: missing: a checkpoint you kept counts 6 records" in out) == (1, True)
    other = Checkpoint.read(kept[1].read_bytes())._replace(root=bytes(32))
    kept[1].write_bytes(signed_checkpoint(other, SIGNER))
    code, out = judged(target, capsys, *key, "--checkpoint", str(kept[1]))
    assert code == 1
    assert f"do not have the root of this checkpoint:\n{other.text()}" in out
    kept[1].write_bytes(kept[2].read_bytes().replace(b"\n9\n", b"\n8\n"))
    assert judged(target, capsys, *key, "--checkpoint", str(kept[1]))[0] == 1
    selection = bundle(log, tmp_path / "selection.zip", action="save")
    assert judged(selection, capsys, "--checkpoint", str(kept[2]))[0] == 0
    code, out = judged(selection, capsys, "--checkpoint", str(kept[0]))
    assert (code, "only an export of the whole log" in out) == (1, True)
    log.close()


def test_whose_key_signed(whole: Path, log: SqliteLog, tmp_path: Path) -> None:
    code, out, _ = alone(whole, "--vkey", Signer(generate(ORIGIN)).verifier.vkey())
    assert (code, "no key that is known here has signed it" in out) == (1, True)
    unsigned = tmp_path / "unsigned.zip"
    write_bundle(log, unsigned, note=note_of(log, None), keys=[], made=MADE)
    code, out, _ = alone(unsigned)
    assert (code, "not signed, so anybody can have made it" in out) == (0, True)
    assert alone(unsigned, "--vkey", SIGNER.verifier.vkey())[0] == 1
    assert alone(whole, "--vkey", "rubbish")[0] == 2


def test_what_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "list").write_text("[]")
    zipped({"a": b"b"}, tmp_path / "other.zip")
    newer = {"manifest.json": b'{"format": "consentkit export 2"}', "records.jsonl": b""}
    zipped(newer, tmp_path / "newer.zip")
    for name in ("text", "list", "other.zip", "newer.zip", "missing", "."):
        code, out, err = alone(tmp_path / name)
        assert (code, out) == (2, ""), name
        assert err.count("\n") == 1


Files = dict[str, bytes]


def lines_of(content: Files, name: str) -> list[bytes]:
    return content[name].splitlines(keepends=True)


def change_leaf(content: Files) -> None:
    rows = lines_of(content, "records.jsonl")
    row = json.loads(rows[5])
    row["leaf"] = row["leaf"].replace('"marketing":"denied"', '"marketing":"granted"')
    row["outcome"]["marketing"] = "granted"
    row["leaf_hash"] = hashlib.sha256(b"\x00" + row["leaf"].encode()).hexdigest()
    rows[5] = json.dumps(row).encode() + b"\n"
    content["records.jsonl"] = b"".join(rows)


def change_field(content: Files) -> None:
    rows = lines_of(content, "records.jsonl")
    row = json.loads(rows[5])
    row["outcome"]["marketing"] = "granted"
    rows[5] = json.dumps(row).encode() + b"\n"
    content["records.jsonl"] = b"".join(rows)


def change_personal(content: Files) -> None:
    rows = lines_of(content, "records.jsonl")
    rows[5] = rows[5].replace(b"/secret/page", b"/another/page")
    content["records.jsonl"] = b"".join(rows)


def drop(name: str, number: int) -> Any:
    def change(content: Files) -> None:
        rows = lines_of(content, name)
        del rows[number]
        content[name] = b"".join(rows)

    return change


def swap(content: Files) -> None:
    rows = lines_of(content, "records.jsonl")
    rows[5], rows[6] = rows[6], rows[5]
    content["records.jsonl"] = b"".join(rows)


def double(content: Files) -> None:
    rows = lines_of(content, "records.jsonl")
    content["records.jsonl"] = b"".join([*rows[:6], *rows[5:]])


def cut_hashes(content: Files) -> None:
    content["leaf-hashes"] = content["leaf-hashes"][:-32]


def more_hashes(content: Files) -> None:
    content["leaf-hashes"] += bytes(32)


def other_notice(content: Files) -> None:
    content[f"notices/{NOTICE.hash}.html"] += b" "


def no_notice(content: Files) -> None:
    del content[f"notices/{NOTICE.hash}.html"]


def a_notice_more(content: Files) -> None:
    content[f"notices/{'0' * 64}.html"] = b""


def csv_differs(content: Files) -> None:
    content["records.csv"] = content["records.csv"].replace(b"visitor-", b"visitor+", 1)


def csv_formula(content: Files) -> None:
    content["records.csv"] = content["records.csv"].replace(b",denied", b",=denied", 1)
    content["records.csv"] += b"1,2\r\n"


def counts(name: str) -> Any:
    def change(content: Files) -> None:
        manifest = json.loads(content["manifest.json"])
        manifest[name] += 1
        content["manifest.json"] = json.dumps(manifest).encode()

    return change


def unsigned(content: Files) -> None:
    content["checkpoint"] = content["checkpoint"].partition(b"\n\n")[0] + b"\n"


def forged(content: Files) -> None:
    content["checkpoint"] = content["checkpoint"].replace(b"\n302\n", b"\n301\n")


def redacted_by_hand(content: Files) -> None:
    rows = lines_of(content, "records.jsonl")
    row = json.loads(rows[5])
    row.update(dict.fromkeys([*standalone.PERSONAL_FIELDS, "salt", "personal"], ""), redacted=True)
    rows[5] = json.dumps(row).encode() + b"\n"
    content["records.jsonl"] = b"".join(rows)


@pytest.mark.parametrize(
    "change",
    [
        change_leaf,
        change_field,
        change_personal,
        pytest.param(drop("records.jsonl", 7), id="drop records jsonl 7"),
        swap,
        double,
        cut_hashes,
        more_hashes,
        other_notice,
        no_notice,
        a_notice_more,
        csv_differs,
        csv_formula,
        pytest.param(drop("records.csv", 3), id="drop records csv 3"),
        pytest.param(counts("records"), id="records"),
        pytest.param(counts("size"), id="size"),
        pytest.param(counts("pruned"), id="pruned"),
        pytest.param(counts("redacted"), id="redacted"),
        unsigned,
        forged,
        redacted_by_hand,
    ],
)
def test_a_forger_who_recomputes_the_sums(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any
) -> None:
    content = files(whole)
    change(content)
    code, out = judged(zipped(resealed(content), tmp_path / "forged.zip"), capsys)
    assert code == 1, out
    assert out.startswith("changed: ")


@pytest.mark.parametrize(
    ("change", "first"),
    [(change_leaf, 85), (change_field, 85), (change_personal, 85), (swap, 85), (double, 85)],
)
def test_the_first_bad_record_is_named(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, first: int
) -> None:
    content = files(whole)
    content.pop("records.csv")
    change(content)
    _, out = judged(zipped(resealed(content), tmp_path / "forged.zip"), capsys)
    assert out.startswith(f"changed: first bad record: {first}\n")


@pytest.mark.parametrize(
    "change",
    [
        change_leaf,
        change_field,
        change_personal,
        pytest.param(drop("records.jsonl", 7), id="drop records jsonl 7"),
        swap,
        pytest.param(drop("proofs.jsonl", 3), id="drop proofs jsonl 3"),
        pytest.param(drop("proofs.jsonl", -1), id="drop proofs jsonl -1"),
        no_notice,
        csv_differs,
        pytest.param(counts("records"), id="records"),
        unsigned,
        forged,
    ],
)
def test_a_forged_selection(
    picked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any
) -> None:
    content = files(picked)
    change(content)
    code, out = judged(zipped(resealed(content), tmp_path / "forged.zip"), capsys)
    assert code == 1, out


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_any_flipped_bit_of_any_file_is_found(
    small: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    data: st.DataObject,
) -> None:
    content = files(data.draw(st.sampled_from(small)))
    name = data.draw(st.sampled_from(sorted(content)))
    changed = bytearray(content[name])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    content[name] = bytes(changed)
    code, _ = judged(zipped(content, tmp_path / "changed.zip"), capsys)
    assert code in {1, 2}
    if name != "manifest.json":
        assert code == 1


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_any_flipped_bit_of_the_zip_is_found_or_changes_nothing(
    small: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    original = data.draw(st.sampled_from(small))
    changed = bytearray(original.read_bytes())
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "changed.zip"
    path.write_bytes(changed)
    code, _ = judged(path, capsys)
    if code == 0:
        assert files(path) == files(original)


def test_the_proof_of_one_record(
    log: SqliteLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "proof.json"
    for record in log.records(after=295):
        proof = proof_of(log, record, note_of(log), [SIGNER.verifier])
        target.write_bytes(msgspec.json.encode(proof))
        code, out = judged(target, capsys)
        assert code == 0
        assert f"whole: record {record.seq} is in the log of 302 records" in out
        for wrong in (
            {"path": proof["path"][1:]},
            {"path": ["00" * 32, *proof["path"][1:]]},
            {"record": {**proof["record"], "action": "gpc"}},
            {"record": {**proof["record"], "seq": 3}},
            {"checkpoint": proof["checkpoint"].replace("302", "301")},
            {"checkpoint": ""},
            {"path": None},
        ):
            target.write_bytes(msgspec.json.encode({**proof, **wrong}))
            assert judged(target, capsys)[0] == 1, wrong
    assert alone(target)[0] == 1


def test_a_damaged_log_is_not_bundled(log: SqliteLog, tmp_path: Path) -> None:
    damaged = SqliteLog(tmp_path / "consent.db")
    fill(damaged, 5)
    damaged.close()
    shutil.copy(damaged.path, tmp_path / "kept")
    for change in (
        "UPDATE leaf SET hash = randomblob(32) WHERE seq = 2",
        "DELETE FROM leaf WHERE seq = 2",
        "DELETE FROM notice",
        "UPDATE notice SET html = x'00'",
    ):
        shutil.copy(tmp_path / "kept", damaged.path)
        with changing(damaged.path) as db:
            db.execute(change)
        for filters in ({}, {"action": "accept"}):
            with pytest.raises((LogDamaged, LogTampered)):
                bundle(damaged, tmp_path / "bundle.zip", **filters)
        damaged.close()
        assert sorted(path.name for path in tmp_path.glob("*.zip")) == []
