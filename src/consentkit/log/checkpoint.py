"""Checkpoints (C2SP tlog-checkpoint v1): the size of a log and its root, as a note to be signed.

Whoever keeps one elsewhere can tell a log that was cut off, rewritten or forked since. The
scheduled writing of them is in ``publishing``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import NamedTuple

from consentkit.errors import LogError, LogForked, NoteRefused
from consentkit.log.merkle import HASH_BYTES
from consentkit.log.notes import Note, Signer, Verifier, signed
from consentkit.log.proofs import Proofs, consistent
from consentkit.log.store import LogDamaged, Reader

__all__ = ["ORIGIN", "Checkpoint", "check_growth", "checkpoint_of", "signed_checkpoint"]

ORIGIN = "consentkit.log"
"""The origin of a log to which its owner gave none."""

_ORIGIN = re.compile(r"[^\s+\x00-\x1f\x7f]+\Z")
_SIZE = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")


class Checkpoint(NamedTuple):
    """A log with this ``origin`` had ``size`` records under ``root``."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The checkpoint in a note's text; ``NoteRefused`` when there is none in its one form.

        Lines after the third are extensions, and not looked at.
        """
        lines = text.split("\n")
        if len(lines) < 4 or not _ORIGIN.match(lines[0]) or not _SIZE.match(lines[1]):
            raise NoteRefused("it is no checkpoint: it should begin with origin, size and root")
        try:
            root = base64.b64decode(lines[2], validate=True)
        except ValueError:
            root = b""
        found = cls(lines[0], int(lines[1]), root)
        if len(root) != HASH_BYTES or not text.startswith(found.text()):
            raise NoteRefused("it is no checkpoint: its root is no SHA-256 hash in base64")
        return found

    @classmethod
    def read(cls, data: bytes, verifiers: Iterable[Verifier] | None = None) -> Checkpoint:
        """The checkpoint in the note ``data``.

        Args:
            verifiers: keys of which at least one must have signed it; None: anybody or nobody.

        Raises:
            NoteRefused: it is garbled, forged, or signed by none of them.
        """
        note = Note.read(data)
        found = cls.parse(note.text)
        if verifiers is not None and not note.signed_by(verifiers):
            raise NoteRefused(
                "no key that is known here has signed it" if note.signatures else "it is not signed"
            )
        return found


def checkpoint_of(log: Reader, origin: str) -> Checkpoint:
    """The checkpoint of ``log`` as it is now."""
    if not _ORIGIN.match(origin):
        raise LogError(f"{origin!r} is no origin of a log: no spaces, and no plus sign")
    head = log.head()
    tree = head.tree()
    if tree.size != head.last + 1:
        raise LogDamaged("the head of the log and its records disagree")
    return Checkpoint(origin, tree.size, tree.root())


def check_growth(log: Reader, earlier: Checkpoint, later: Checkpoint) -> None:
    """``LogForked`` unless ``log`` proves that ``later`` is ``earlier`` with records appended.

    Both must be of ``log``, or say so; ``later`` is as ``checkpoint_of`` made it.
    """
    grown = earlier.origin == later.origin and earlier.size <= later.size
    if grown:
        try:
            proof = Proofs(log, later.size).consistency(earlier.size) if earlier.size else []
        except ValueError as error:
            raise LogDamaged(f"the hashes of the log are incomplete: {error}") from error
        grown = consistent(earlier.size, earlier.root, later.size, later.root, proof)
    if not grown:
        raise LogForked(earlier.text(), later.text())


def signed_checkpoint(checkpoint: Checkpoint, signer: Signer | None) -> bytes:
    """The checkpoint as a note, with a signature if there is somebody to sign."""
    return signed(checkpoint.text(), *([signer] if signer else [])).encode()
