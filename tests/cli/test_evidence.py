"""The commands with which a log proves itself."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path

import pyarrow.parquet
import pytest

from consentkit.cli import evidence
from consentkit.log import standalone
from consentkit.log.checkpoint import Checkpoint
from consentkit.log.sqlite import SqliteLog
from tests.cli.test_log import on, run
from tests.log.making import fill, names
from tests.log.test_publishing import cut

ORIGIN = "shop.example/consent"


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 10)
    return log


@pytest.fixture
def vkey(tmp_path: Path) -> str:
    result = run("log", "keygen", ORIGIN, "-o", str(tmp_path / "key"))
    assert result.exit_code == 0
    return result.stdout.strip()


@pytest.fixture
def site(log: SqliteLog, vkey: str, tmp_path: Path) -> Path:
    """The settings of a site that signs its checkpoints."""
    assert vkey.startswith(ORIGIN)
    path = tmp_path / "settings.toml"
    path.write_text(
        f'secret_keys = ["{"k" * 32}"]\n[log]\nurl = "sqlite:///{log.path}"\n[log.checkpoint]\n'
        f'origin = "{ORIGIN}"\nkey = "{tmp_path}/key"\nto = "{tmp_path}/points/"\n'
    )
    return path


def test_a_key_is_its_owners_alone(vkey: str, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    again = run("log", "keygen", ORIGIN, "-o", str(tmp_path / "key"))
    assert again.exit_code == 2  # never overwritten
    assert run("log", "keygen", "two words", "-o", str(tmp_path / "other")).exit_code == 2
    assert names(tmp_path) == ["key"]


def test_a_checkpoint_of_any_log(log: SqliteLog, tmp_path: Path) -> None:
    result = on(log, "checkpoint")
    assert result.exit_code == 0
    assert Checkpoint.read(result.stdout_bytes).size == 10
    target = tmp_path / "kept"
    assert on(log, "checkpoint", "-o", str(target)).stdout_bytes == target.read_bytes()
    assert on(log, "verify", "--checkpoint", str(target)).exit_code == 0


def test_a_signed_checkpoint(site: Path, vkey: str, tmp_path: Path) -> None:
    result = run("log", "checkpoint", "--settings", str(site))
    assert result.exit_code == 0
    assert f"— {ORIGIN} " in result.stdout
    (kept,) = (tmp_path / "points").glob("checkpoint-*")
    assert kept.read_bytes() == result.stdout_bytes
    for arguments in (["--checkpoint", str(kept), "--vkey", vkey], ["--checkpoint", str(kept)]):
        whole = run("log", "verify", "--settings", str(site), *arguments)
        assert (whole.exit_code, whole.stderr) == (0, "")
        assert "It has the 10 records of the latest checkpoint given.\n" in whole.stdout
        assert "Signatures were not checked" not in whole.stdout


def test_a_fork_is_not_signed(site: Path, log: SqliteLog, tmp_path: Path) -> None:
    first = run("log", "checkpoint", "--settings", str(site)).stdout
    cut(log, 9)
    fill(log, 2)
    result = run("log", "checkpoint", "--settings", str(site))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "contradict each other" in result.stderr
    assert first.partition("\n\n")[0] in result.stderr
    assert len(list((tmp_path / "points").glob("checkpoint-*"))) == 1


def test_verify_without_a_checkpoint_says_what_it_cannot_know(log: SqliteLog) -> None:
    result = on(log, "verify")
    assert result.exit_code == 0
    assert "cannot be excluded that the end was cut off or everything was rewritten" in (
        result.stdout
    )


def test_verify_counts_as_people_do(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "consent.db")
    fill(log, 1)
    assert on(log, "verify").stdout.startswith("whole: 1 record\n")
    kept = tmp_path / "kept"
    on(log, "checkpoint", "-o", str(kept))
    fill(log, 1)
    result = on(log, "verify", "--checkpoint", str(kept))
    assert result.stdout.startswith("whole: 2 records\n")
    assert "It has the 1 record of the latest checkpoint given.\n" in result.stdout
    assert "Signatures were not checked" in result.stdout
    found = json.loads(on(log, "verify", "--checkpoint", str(kept), "--json").stdout)
    assert (found["agreed"], found["pruned"]) == (1, 0)


def test_a_log_that_was_cut_off(log: SqliteLog, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    on(log, "checkpoint", "-o", str(kept))
    cut(log, 7)
    assert on(log, "verify").exit_code == 0
    result = on(log, "verify", "--checkpoint", str(kept))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "changed: first bad record: 7 (of 7 records)",
        "record 7: missing: a checkpoint counts 10 records",
    ]


def test_a_fork_prints_both_checkpoints(log: SqliteLog, tmp_path: Path) -> None:
    folder = tmp_path / "points"
    on(log, "checkpoint", "-o", f"{folder}/")
    cut(log, 8)
    fill(log, 4)
    other = tmp_path / "other"
    on(log, "checkpoint", "-o", str(other))
    result = on(log, "verify", "--checkpoint", str(folder), "--checkpoint", str(other))
    assert result.exit_code == 1
    assert "records 0 to 9 are not those that a checkpoint was made of" in result.stdout
    assert "two checkpoints contradict each other" in result.stdout
    (one,) = folder.glob("checkpoint-*")
    for path in (one, other):
        assert path.read_text().splitlines()[2] in result.stdout


def test_checkpoints_that_cannot_be_used(
    log: SqliteLog, site: Path, vkey: str, tmp_path: Path
) -> None:
    note = run("log", "checkpoint", "--settings", str(site)).stdout
    kept = tmp_path / "kept"
    for text, code in (
        (note.replace("\n10\n", "\n11\n"), 1),
        (note.partition("\n\n")[0] + "\n", 1),
        ("rubbish\n", 1),
    ):
        kept.write_text(text)
        result = on(log, "verify", "--checkpoint", str(kept), "--vkey", vkey)
        assert (result.exit_code, result.stdout) == (code, "")
        assert result.stderr.startswith(f"consentkit: checkpoint {kept}: ")
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments in (
        ["--checkpoint", str(tmp_path / "none")],
        ["--checkpoint", str(empty)],
        ["--vkey", "rubbish"],
    ):
        assert on(log, "verify", *arguments).exit_code == 2


def test_a_bundle(log: SqliteLog, site: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.zip"
    arguments = ["--settings", str(site), "--format", "csv", "--bundle", str(target)]
    for more in ([], ["--action", "save", "--after", "0"]):
        result = run("log", "export", *arguments, *more)
        assert (result.exit_code, result.output) == (0, "")
        assert standalone.main([str(target)]) == 0
    assert on(log, "export", "--bundle", str(target)).exit_code == 0
    assert standalone.main([str(target)]) == 0
    for wrong in (["-o", "x"], ["--reverse"]):
        assert on(log, "export", "--bundle", str(target), *wrong).exit_code == 2
    nowhere = str(tmp_path / "no" / "x.zip")
    assert on(log, "export", "--bundle", nowhere).exit_code == 2


def test_after_the_first_record_is_a_filter(log: SqliteLog) -> None:
    rows = list(
        csv.DictReader(io.StringIO(on(log, "export", "--format", "csv", "--after", "0").stdout))
    )
    assert len(rows) == 9


def test_parquet_and_iso_27560(log: SqliteLog, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    assert on(log, "export", "--format", "parquet", "-o", str(target)).exit_code == 0
    assert pyarrow.parquet.read_table(target).num_rows == 10
    lines = on(log, "export", "--format", "iso27560").stdout.splitlines()
    assert [json.loads(line)["record_id"] for line in lines] == [
        record.event.id for record in log.records()
    ]


def test_the_proof_of_a_record(log: SqliteLog, site: Path, tmp_path: Path) -> None:
    record = next(log.records(after=6))
    for arguments in (["--settings", str(site)], ["--log", f"sqlite:///{log.path}"]):
        result = run("log", "proof", record.event.id, *arguments)
        assert result.exit_code == 0
        path = tmp_path / "proof.json"
        path.write_bytes(result.stdout_bytes)
        assert standalone.main([str(path)]) == 0
    missing = on(log, "proof", "nobody")
    assert missing.exit_code == 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_people_see_a_progress_bar(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("consentkit.cli.evidence.sys.stderr", terminal)
    with evidence._progress(log) as bar:
        bar(4)
        bar(6)
    assert "Verifying" in terminal.getvalue()
    assert "100%" in terminal.getvalue()
