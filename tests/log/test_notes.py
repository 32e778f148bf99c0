"""Signed notes, against the vector of the C2SP specification and the library that signs."""

from __future__ import annotations

import base64
import sys
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from consentkit.errors import LogError, NoteRefused
from consentkit.log.notes import Note, Signer, Verifier, generate, signed
from consentkit.log.standalone import L, ed25519_verify

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TEXT = "This is an example message.\n"
SIGNATURE = (
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
)
NOTE = f"{TEXT}\n— example.com/foo {SIGNATURE}\n".encode()


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(generate("shop.example/consent"))


def test_the_published_example() -> None:
    verifier = Verifier.read(VKEY)
    note = Note.read(NOTE)
    assert (note.text, note.encode()) == (TEXT, NOTE)
    assert note.signed_by([verifier]) == (verifier,)
    assert verifier.vkey() == VKEY


@given(st.integers(0, len(NOTE) * 8 - 1))
def test_no_bit_of_a_note_may_change(bit: int) -> None:
    changed = bytearray(NOTE)
    changed[bit // 8] ^= 1 << bit % 8
    with suppress(NoteRefused):
        assert not Note.read(bytes(changed)).signed_by([Verifier.read(VKEY)])


def test_who_signed(signer: Signer) -> None:
    other = Signer(generate("witness.example"))
    namesake = Signer(generate("shop.example/consent"))
    note = signed("text\n", signer, other)
    assert Note.read(note.encode()) == note
    assert note.signed_by([signer.verifier]) == (signer.verifier,)
    assert note.signed_by([namesake.verifier, other.verifier]) == (other.verifier,)
    # A key with the same name that did not sign is unknown, hence ignored.
    assert note.signed_by([namesake.verifier]) == ()
    assert signed("text\n").signed_by([signer.verifier]) == ()


def test_a_wrong_signature_of_a_known_key_rejects(signer: Signer) -> None:
    other = Signer(generate("witness.example"))
    forged = Note("text\n", (other.sign("text\n"), signer.sign("another\n")))
    assert forged.signed_by([other.verifier]) == (other.verifier,)
    with pytest.raises(NoteRefused, match=r"signature of shop\.example/consent .* is wrong"):
        forged.signed_by([other.verifier, signer.verifier])


def test_sixteen_signatures_are_accepted(signer: Signer) -> None:
    others = [Signer(generate(f"witness{number}.example")) for number in range(15)]
    note = Note.read(signed("text\n", *others, signer).encode())
    assert note.signed_by([signer.verifier]) == (signer.verifier,)


LINE = f"— example.com/foo {SIGNATURE}\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no newline",
        b"\xff\n",
        b"control\x07\n",
        f"text\n\n- example.com/foo {SIGNATURE}\n".encode(),
        f"text\n\n—  example.com/foo {SIGNATURE}\n".encode(),
        f"text\n\n— a+b {SIGNATURE}\n".encode(),
        f"text\n\n— example.com/foo {SIGNATURE[:-1]}\n".encode(),
        "text\n\n— example.com/foo AAAA\n".encode(),
        f"text\n\n{LINE}\n".encode(),
        f"text\n\n{LINE}more\n".encode(),
        f"text\n\n{LINE * 65}".encode(),
    ],
)
def test_what_is_no_note(data: bytes) -> None:
    with pytest.raises(NoteRefused):
        Note.read(data)


def test_base64_has_one_form() -> None:
    """The last character before the padding has bits that decoding drops."""
    spelled = SIGNATURE[:-2] + chr(ord(SIGNATURE[-2]) + 1) + "="
    assert base64.b64decode(spelled) == base64.b64decode(SIGNATURE)
    with pytest.raises(NoteRefused):
        Note.read(f"{TEXT}\n— example.com/foo {spelled}\n".encode())


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("example.com/foo", "example.com/bar"),
        VKEY.replace("AekyeRrm", "BekyeRrm"),
        VKEY[:-4],
        "a b" + VKEY,
    ],
)
def test_what_is_no_public_key(vkey: str) -> None:
    with pytest.raises(LogError, match=r"public key|Ed25519 key"):
        Verifier.read(vkey)


def test_a_private_key_is_never_shown() -> None:
    text = generate("shop.example")
    secret = text.split("+", 4)[4]
    assert Signer(f"{text}\n").verifier.name == "shop.example"
    for wrong in (text[:-8], text.replace("PRIVATE+KEY+", ""), text.replace("+A", "+B")):
        with pytest.raises(LogError) as caught:
            Signer(wrong)
        assert secret[4:20] not in str(caught.value)
    for name in ("", "a b", "a+b"):
        with pytest.raises(LogError, match="no name for a key"):
            generate(name)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.data())
def test_our_ed25519_agrees_with_the_library(
    seed: bytes, message: bytes, data: st.DataObject
) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert ed25519_verify(public, signature, message)
    assert not ed25519_verify(public, signature, message + b"\0")
    wrong = bytearray(public + signature)
    bit = data.draw(st.integers(0, len(wrong) * 8 - 1))
    wrong[bit // 8] ^= 1 << bit % 8
    assert not ed25519_verify(bytes(wrong[:32]), bytes(wrong[32:]), message)


def test_ed25519_takes_one_spelling_only() -> None:
    """RFC 8032 section 5.1.7: S below the group's order, and points in their one encoding."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public, signature = key.public_key().public_bytes_raw(), key.sign(b"")
    larger = int.from_bytes(signature[32:], "little") + L
    assert not ed25519_verify(public, signature[:32] + larger.to_bytes(32, "little"), b"")
    assert not ed25519_verify(b"\xff" * 32, signature, b"")
    assert not ed25519_verify(public[:31], signature, b"")
    assert not ed25519_verify(public, signature[:63], b"")


@pytest.mark.parametrize(
    ("public", "message", "signature"),
    [
        # RFC 8032 section 7.1, tests 1 and 2.
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            (
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
                "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            (
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
                "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
        ),
    ],
)
def test_the_vectors_of_rfc_8032(public: str, message: str, signature: str) -> None:
    args = (bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))
    assert ed25519_verify(*args)


def test_without_the_library_notes_are_still_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    text = generate("shop.example")
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    with pytest.raises(LogError, match=r"pip install 'consentkit\[proof\]'"):
        generate("shop.example")
    with pytest.raises(LogError, match=r"pip install 'consentkit\[proof\]'"):
        Signer(text)
    assert Note.read(NOTE).signed_by([Verifier.read(VKEY)])
