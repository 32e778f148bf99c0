"""The token in each of our forms: which page asked, and what it had to tell at that time.

It makes a repeated submit harmless (both give one record) and shows when the list of services has
changed since the page was loaded. It is no password: a choice without one is good as well.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_encode
from msgspec import Struct

__all__ = ["FormToken", "FormTokens"]


class FormToken(Struct, frozen=True, kw_only=True):
    """A token that we made.

    Attributes:
        id: a UUID version 7, new for each page.
        shown: the fingerprint of everything that the page told its visitor.
        language: the tag of the language it did so in.
    """

    id: str
    shown: str
    language: str


class FormTokens:
    """Makes and checks tokens.

    Args:
        secret_keys: the newest first.
        shown: the fingerprint of what pages tell now.
        new_id: makes UUIDs of version 7.
    """

    def __init__(self, secret_keys: Sequence[str], shown: str, new_id: Callable[[], str]) -> None:
        keys = tuple(reversed(secret_keys))
        self._signer = Signer(
            keys, salt="consentkit form", key_derivation="hmac", digest_method=hashlib.sha256
        )
        self._newest = self._signer.derive_key()
        self._key = hashlib.sha256(b"consentkit record id" + keys[-1].encode()).digest()
        self._new_id = new_id
        self.shown = shown

    def make(self, language: str) -> str:
        """A token for a page in this language that is sent now."""
        text = f"{self._new_id()}.{self.shown}.{language}"
        # What the signer would do, which derives its key anew each time.
        signature = hmac.digest(self._newest, text.encode("ascii"), "sha256")
        return f"{text}.{base64_encode(signature).decode('ascii')}"

    def read(self, token: str) -> FormToken | None:
        """The token that a form brought back; None when it is none of ours."""
        try:
            text = self._signer.unsign(token).decode("ascii")
        except (BadSignature, ValueError):
            return None
        identity, _, told = text.partition(".")
        shown, _, language = told.partition(".")
        return FormToken(id=identity, shown=shown, language=language)

    def record_id(self, token: FormToken | None, choice: str) -> str:
        """The id of the record of a choice: always the same for the same choice from one page.

        A UUID version 7 whose random bits (RFC 9562 5.7, ``rand_b``) come from the choice.
        """
        if token is None:
            return self._new_id()
        digest = hmac.digest(self._key, f"{token.id} {choice}".encode(), "sha256")
        bits = int.from_bytes(digest[:8], "big") & (1 << 62) - 1 | 0b10 << 62
        tail = f"{bits:016x}"
        return f"{token.id[:18]}-{tail[:4]}-{tail[4:]}"
