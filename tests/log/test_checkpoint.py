"""Checkpoints: their form, and what a log says of an earlier one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.errors import LogError, LogForked, NoteRefused
from consentkit.log.checkpoint import (
    Checkpoint,
    check_growth,
    checkpoint_of,
    signed_checkpoint,
)
from consentkit.log.merkle import EMPTY_ROOT
from consentkit.log.notes import Signer, generate
from consentkit.log.sqlite import SqliteLog
from consentkit.log.standalone import Key, Wrong, read_checkpoint
from tests.log.making import fill

ORIGIN = "shop.example/consent"
ROOT = hashlib.sha256(b"root").digest()
SIGNER = Signer(generate(ORIGIN))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    log = SqliteLog(tmp_path / "consent.db")
    yield log
    log.close()


def test_the_text_is_that_of_the_specification() -> None:
    text = Checkpoint(ORIGIN, 1204, ROOT).text()
    assert text == "shop.example/consent\n1204\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
    assert Checkpoint.parse(text) == Checkpoint(ORIGIN, 1204, ROOT)
    assert Checkpoint.parse(f"{text}extension\n") == Checkpoint(ORIGIN, 1204, ROOT)


@given(st.integers(0, 2**60), st.binary(min_size=32, max_size=32))
def test_two_readers_agree(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root)
    note = signed_checkpoint(checkpoint, SIGNER)
    assert Checkpoint.read(note, [SIGNER.verifier]) == checkpoint
    theirs = read_checkpoint(note, [Key(*SIGNER.verifier)])
    assert (theirs.origin, theirs.size, theirs.root) == checkpoint
    assert theirs.signers == [ORIGIN]
    assert Checkpoint.read(signed_checkpoint(checkpoint, None)) == checkpoint


NOTE = signed_checkpoint(Checkpoint(ORIGIN, 1204, ROOT), SIGNER)


@given(st.integers(0, len(NOTE) * 8 - 1))
def test_no_bit_may_change(bit: int) -> None:
    changed = bytearray(NOTE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NoteRefused):
        Checkpoint.read(bytes(changed), [SIGNER.verifier])
    with suppress(Wrong):
        assert read_checkpoint(bytes(changed), [Key(*SIGNER.verifier)]).signers == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n",
        "origin\n1\n",
        f"two words\n1\n{Checkpoint('o', 1, ROOT).text()[4:]}",
        f"plus+sign\n1\n{Checkpoint('o', 1, ROOT).text()[4:]}",
        f"origin\n01\n{Checkpoint('o', 1, ROOT).text()[4:]}",
        f"origin\n-1\n{Checkpoint('o', 1, ROOT).text()[4:]}",
        f"origin\n99999999999999999999\n{Checkpoint('o', 1, ROOT).text()[4:]}",
        "origin\n1\nAAAA\n",
        "origin\n1\n!\n",
        Checkpoint("o", 1, bytes(32)).text().replace("A=", "B="),
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(NoteRefused):
        Checkpoint.parse(text)
    with pytest.raises(Wrong):
        read_checkpoint(text.encode(), [])


def test_who_must_have_signed() -> None:
    unsigned = signed_checkpoint(Checkpoint(ORIGIN, 1204, ROOT), None)
    with pytest.raises(NoteRefused, match="it is not signed"):
        Checkpoint.read(unsigned, [SIGNER.verifier])
    with pytest.raises(NoteRefused, match="no key that is known"):
        Checkpoint.read(NOTE, [Signer(generate(ORIGIN)).verifier])
    with pytest.raises(NoteRefused, match="no key that is known"):
        Checkpoint.read(NOTE, [])
    # A forged note of a known key, to whoever does not ask: only parsed.
    forged = NOTE.replace(b"1204", b"1205")
    assert Checkpoint.read(forged).size == 1205
    with pytest.raises(NoteRefused, match="signature of"):
        Checkpoint.read(forged, [SIGNER.verifier])


def test_growth_is_proved_by_the_log(log: SqliteLog) -> None:
    empty = checkpoint_of(log, ORIGIN)
    assert (empty.size, empty.root) == (0, EMPTY_ROOT)
    earlier = [empty]
    for count in (1, 2, 260, 5):
        fill(log, count)
        earlier.append(checkpoint_of(log, ORIGIN))
    last = earlier[-1]
    assert last.size == 268
    for one in earlier:
        check_growth(log, one, last)
        wrong = one._replace(root=ROOT)
        with pytest.raises(LogForked) as caught:
            check_growth(log, wrong, last)
        assert (caught.value.earlier, caught.value.later) == (wrong.text(), last.text())
    for wrong in (last._replace(size=269), last._replace(origin="another.example")):
        with pytest.raises(LogForked):
            check_growth(log, wrong, last)


def test_an_origin_is_one_word(log: SqliteLog) -> None:
    with pytest.raises(LogError, match="no origin of a log"):
        checkpoint_of(log, "two words")
