"""Signed notes (C2SP signed-note v1): a text, a blank line, and signatures of named keys.

Ed25519 only. A key is known by its name and its key id, and published as a *vkey*
``name+id+base64``, as by Go's sumdb tools, whose private form ``PRIVATE+KEY+…`` is ours as well.
Signing needs the package ``cryptography``; checking does not, so that every auditor can.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from consentkit.errors import LogError, NoteRefused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["Note", "Signature", "Signer", "Verifier", "generate", "signed"]

_ED25519 = b"\x01"
_MOST_SIGNATURES = 64
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]+\Z")
_LINE = re.compile(r"— ([^\s+]+) (\S+)\Z")
_PRIVATE = "PRIVATE+KEY+"


class Verifier(NamedTuple):
    """A public key with its name and its four-byte id."""

    name: str
    key_id: bytes
    public: bytes

    @classmethod
    def of(cls, name: str, public: bytes) -> Verifier:
        """The key's verifier; its id follows from name and key."""
        digest = hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()
        return cls(name, digest[:4], public)

    @classmethod
    def read(cls, vkey: str) -> Verifier:
        """The verifier written as ``vkey``; ``LogError`` when it is none."""
        name, hex_id, key = _key_parts(vkey.strip())
        found = cls.of(name, key)
        if found.key_id.hex() != hex_id:
            raise LogError(f"{vkey.strip()!r} is no public key of a log: its id does not fit")
        return found

    def vkey(self) -> str:
        """The published form."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(_ED25519 + self.public)}"

    def accepts(self, signature: bytes, text: str) -> bool:
        """Whether ``signature`` is this key's, over ``text``."""
        # The verifier that ships with exports; a web server needs it rarely, if ever.
        from consentkit.log.standalone import ed25519_verify  # noqa: PLC0415

        return ed25519_verify(self.public, signature, text.encode())


class Signer:
    """A private key; needs the package ``cryptography``.

    Raises:
        LogError: the text is no private key, or the package is not there.
    """

    def __init__(self, text: str) -> None:
        text = text.strip()
        if not text.startswith(_PRIVATE):
            raise LogError("this is no private key of a log: it does not begin with PRIVATE+KEY+")
        name, hex_id, seed = _key_parts(text.removeprefix(_PRIVATE), shown="the private key")
        self._key = _private_key(seed)
        self.verifier = Verifier.of(name, self._key.public_key().public_bytes_raw())
        if self.verifier.key_id.hex() != hex_id:
            raise LogError("the private key is damaged: its id does not fit")

    def sign(self, text: str) -> Signature:
        """This key's signature over ``text``."""
        name, key_id, _ = self.verifier
        return Signature(name, key_id, self._key.sign(text.encode()))


class Signature(NamedTuple):
    """One signature line: whose it says it is, and the signature itself."""

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A text, with its final newline, and its signatures, of known keys or not."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def read(cls, data: bytes) -> Note:
        """Parse; ``NoteRefused`` unless this is a note, written as it would be by ``encode``.

        A text without any signature and blank line is taken for a note that nobody signed.
        """
        try:
            whole = data.decode()
        except UnicodeDecodeError as error:
            raise NoteRefused("it is not UTF-8") from error
        if any(ord(char) < 0x20 and char != "\n" for char in whole) or not whole.endswith("\n"):
            raise NoteRefused("it is no note: control characters, or no newline at the end")
        text, blank, rest = whole.rpartition("\n\n")
        if not blank:
            return cls(whole, ())
        lines = rest[:-1].split("\n")
        if len(lines) > _MOST_SIGNATURES:
            raise NoteRefused("it has too many signatures")
        note = cls(text + "\n", tuple(map(_signature, lines)))
        if not lines or note.encode() != data:
            raise NoteRefused("it is no note: its signatures are not written in their one form")
        return note

    def encode(self) -> bytes:
        """The note as it is sent and stored."""
        lines = "".join(
            f"— {name} {_base64(key_id + signature)}\n"
            for name, key_id, signature in self.signatures
        )
        return (f"{self.text}\n{lines}" if lines else self.text).encode()

    def signed_by(self, verifiers: Iterable[Verifier]) -> tuple[Verifier, ...]:
        """The keys among ``verifiers`` that signed. Unknown keys are ignored; a wrong signature of
        a known one raises ``NoteRefused``."""
        known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
        found = []
        for name, key_id, signature in self.signatures:
            verifier = known.get((name, key_id))
            if verifier is None:
                continue
            if not verifier.accepts(signature, self.text):
                raise NoteRefused(f"the signature of {name} ({key_id.hex()}) is wrong")
            found.append(verifier)
        return tuple(dict.fromkeys(found))


def signed(text: str, *signers: Signer) -> Note:
    """A note with this text, signed by all of ``signers``."""
    return Note(text, tuple(signer.sign(text) for signer in signers))


def generate(name: str) -> str:
    """A new private key with this name, in the form that ``Signer`` takes."""
    if not _NAME.match(name):
        raise LogError(f"{name!r} is no name for a key: no spaces, and no plus sign")
    seed = secrets.token_bytes(32)
    public = _private_key(seed).public_key().public_bytes_raw()
    key_id = Verifier.of(name, public).key_id.hex()
    return f"{_PRIVATE}{name}+{key_id}+{_base64(_ED25519 + seed)}"


def _private_key(seed: bytes) -> Ed25519PrivateKey:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise LogError(
            "signing needs the package cryptography: pip install 'consentkit[proof]'"
        ) from error
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed)


def _key_parts(text: str, shown: str = "") -> tuple[str, str, bytes]:
    """Name, id and the 32 bytes of a key. ``shown`` stands for a key that is not to be printed."""
    parts = text.split("+", 2)
    try:
        name, hex_id, encoded = parts
        key = base64.b64decode(encoded, validate=True)
        if _NAME.match(name) and key[:1] == _ED25519 and len(key) == 33 and _base64(key) == encoded:
            return name, hex_id, key[1:]
    except ValueError:
        pass
    raise LogError(f"{shown or repr(text)} is no Ed25519 key of a log: name+id+base64")


def _signature(line: str) -> Signature:
    found = _LINE.match(line)
    try:
        data = base64.b64decode(found[2], validate=True) if found else b""
    except binascii.Error:
        data = b""
    if found is None or len(data) < 5:
        raise NoteRefused("it is no note: a line that should hold a signature does not")
    return Signature(found[1], data[:4], data[4:])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
