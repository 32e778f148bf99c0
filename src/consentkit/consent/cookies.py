"""The cookies that hold a choice: one per category, signed, bound to what the visitor was shown.

A value is ``granted.<consent id>.<fingerprint>.<time>.<signature>`` (or ``denied.…``): readable
for a CDN or a tag manager, worthless when changed, and worthless under another category's name,
because that name is part of the signature's salt. Where services are asked about one by one, those
refused in a granted category follow the fingerprint, as in ``<fingerprint>-5``. Whatever is wrong
with a cookie, it is no choice.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Literal
from urllib.parse import quote

from itsdangerous import BadSignature, TimestampSigner
from msgspec import Struct

from consentkit.settings import ChoiceCookieSettings

__all__ = ["Choice", "ChoiceCookies", "Outcome", "expired_cookie"]

Outcome = Literal["granted", "denied"]

_CLOCK_SKEW = 300  # seconds that servers of one site may disagree by
_CACHE = 4096
_LONGEST = 256  # more than a value of ours can be; so the cache is bounded in bytes as well
# The last character of a signature stands for four bits, the other two of it are zero: with
# anything else there, base64 would decode to the same 32 bytes, and a changed cookie would hold.
_VALUE = re.compile(
    r"(granted|denied)\.([A-Za-z0-9_-]{1,64})\.([0-9a-f]{1,64}(?:-[0-9a-f]{1,128})?)"
    r"\.[A-Za-z0-9_-]{1,16}\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
)
_NAME_SAFE = "!#$%&'*+-.^_`|~"  # besides letters and digits (RFC 9110 5.6.2, token)


class Choice(Struct, frozen=True, kw_only=True):
    """What a valid cookie says.

    Attributes:
        fingerprint: of the services that the visitor was shown.
        time: when it was made, in seconds since 1970.
        denied: the services that were refused in a granted category (see ``policy.services``).
    """

    outcome: Outcome
    consent_id: str
    fingerprint: str
    time: int
    denied: str = ""


class _Signer(TimestampSigner):
    """A signer whose clock is given to it, and that derives its keys once."""

    clock: Callable[[], float] = staticmethod(time.time)

    def get_timestamp(self) -> int:
        return int(self.clock())

    @cached_property
    def _derived(self) -> dict[str | bytes | None, bytes]:
        return {}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        key = self._derived.get(secret_key)
        if key is None:
            key = self._derived[secret_key] = super().derive_key(secret_key)
        return key


class ChoiceCookies:
    """Makes and reads the cookies of a site.

    Args:
        secret_keys: the newest first; it signs, all verify.
        settings: name prefix, lifetime and attributes.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        secret_keys: Sequence[str],
        settings: ChoiceCookieSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = tuple(reversed(secret_keys))  # itsdangerous wants the newest last
        self._settings = settings
        self._clock = clock
        self._lifetime = settings.max_age_days * 86_400
        self._signers: dict[str, _Signer] = {}
        self._seen = lru_cache(maxsize=_CACHE)(self._unsigned)  # one that threads may share

    def forget(self) -> None:
        """Forget which values were checked; for measuring."""
        self._seen.cache_clear()

    def name(self, category: str) -> str:
        """The name of a category's cookie."""
        return self._settings.prefix + category

    def value(
        self,
        category: str,
        outcome: Outcome,
        consent_id: str,
        fingerprint: str,
        denied: str = "",
    ) -> str:
        """The signed value of a category's cookie."""
        told = f"{fingerprint}-{denied}" if denied else fingerprint
        return self._signer(category).sign(f"{outcome}.{consent_id}.{told}").decode("ascii")

    def read(self, category: str, values: Sequence[str]) -> Choice | None:
        """The choice in a category's cookie, or None when there is none that holds.

        Of several valid values a denial wins: a cookie that a sub-domain slipped in may take
        consent away but never make it up.
        """
        if len(values) == 1:
            return self._verified(category, values[0])
        choices = [choice for value in values if (choice := self._verified(category, value))]
        choices.sort(key=lambda c: (c.outcome == "denied", bool(c.denied), c.time))
        return choices[-1] if choices else None

    def header(self, category: str, value: str, *, secure: bool) -> str:
        """The ``Set-Cookie`` value that stores a choice."""
        return self._header(category, value, self._settings.max_age_days * 86_400, secure)

    def expired(self, category: str, *, secure: bool) -> str:
        """The ``Set-Cookie`` value that deletes it, with the attributes that it was stored with:
        a name that begins with ``__Host-`` is refused without them (RFC 6265bis 4.1.3)."""
        return self._header(category, "", 0, secure)

    def _header(self, category: str, value: str, max_age: int, secure: bool) -> str:
        settings = self._settings
        parts = [f"{self.name(category)}={value}", "Path=/", f"Max-Age={max_age}"]
        if settings.domain:
            parts.append(f"Domain={settings.domain.lstrip('.')}")
        if settings.secure is True or (settings.secure == "auto" and secure):
            parts.append("Secure")
        parts.append(f"SameSite={settings.same_site}")
        return "; ".join(parts)

    def _signer(self, category: str) -> _Signer:
        signer = self._signers.get(category)
        if signer is None:
            salt = f"consentkit choice {self.name(category)}"
            signer = _Signer(
                self._keys, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256
            )
            signer.clock = self._clock
            self._signers[category] = signer
        return signer

    def _verified(self, category: str, value: str) -> Choice | None:
        """Check a value: its form and signature once (then remembered), its age every time."""
        choice = self._seen(category, value) if len(value) <= _LONGEST else None
        if choice is None or not -_CLOCK_SKEW <= self._clock() - choice.time <= self._lifetime:
            return None
        return choice

    def _unsigned(self, category: str, value: str) -> Choice | None:
        if not _VALUE.fullmatch(value):
            return None
        try:
            payload, stamp = self._signer(category).unsign(value, return_timestamp=True)
            moment = int(stamp.timestamp())
        except (BadSignature, ValueError, OverflowError, OSError):
            return None
        word, consent_id, told = payload.decode("ascii").split(".")
        fingerprint, _, denied = told.partition("-")
        return Choice(
            outcome="granted" if word == "granted" else "denied",
            consent_id=consent_id,
            fingerprint=fingerprint,
            time=moment,
            denied=denied,
        )


def expired_cookie(name: str, domain: str = "", path: str = "/") -> str:
    """The ``Set-Cookie`` value that deletes a cookie (RFC 6265 5.3: same name, domain and path)."""
    header = f"{quote(name, safe=_NAME_SAFE)}=; Path={path}; Max-Age=0"
    if name.lower().startswith(("__secure-", "__host-")):  # else browsers refuse it (6265bis 4.1.3)
        header += "; Secure"
    return f"{header}; Domain={domain}" if domain else header
