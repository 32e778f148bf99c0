"""Who may look into the log: a token, a session that a token opened, or whom the site lets in.

Tokens are 256 random bits, so a plain SHA-256 keeps them: there is nothing to guess, and nothing
that a slow hash would make harder. A session is a signed cookie that names the hash of its token:
with the token taken out of the settings, it is worth nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Literal

from itsdangerous import BadSignature, TimestampSigner
from msgspec import Struct

from consentkit.consent.signals import parse_cookies
from consentkit.engine.limits import RateLimit
from consentkit.engine.messages import Request
from consentkit.errors import RequestRefused
from consentkit.settings import AuditSettings, AuditTokenSettings

__all__ = [
    "COOKIE",
    "ROLES",
    "Access",
    "AuditAccess",
    "Auditor",
    "Role",
    "new_token",
    "token_hash",
]

log = logging.getLogger("consentkit")

Role = Literal["read", "export", "erase"]
ROLES: tuple[Role, ...] = ("read", "export", "erase")
"""What may be done, each with all that is before it."""

AuditAccess = Callable[[Request], str | None]
"""The site's own word: the role of whoever sent this request, or None."""

COOKIE = "consentkit_audit"
_MARK = "ckaudit_"  # so that secret scanners and people know one when they see it
_ATTEMPTS = 10  # wrong tokens a minute, from one client


def new_token() -> str:
    """A token, to be shown once and kept by whom it is for."""
    return _MARK + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What the settings hold of a token: its SHA-256, in hex."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class Auditor(Struct, frozen=True, kw_only=True):
    """Somebody who may look.

    Attributes:
        name: of the token, or ``site`` for whom the site itself let in.
        role: one of ``ROLES``.
        session: whether it is a session of ours, which can be ended.
    """

    name: str
    role: Role
    session: bool = False

    def may(self, role: Role) -> bool:
        """Whether what needs ``role`` is allowed."""
        return ROLES.index(role) <= ROLES.index(self.role)


class Access:
    """Finds out who sent a request.

    Args:
        settings: tokens, and how long a session lasts.
        secret_keys: sign sessions; the newest first.
        ask: the site's own word, if it has one.
        clock: monotonic seconds, for counting attempts.
        wall: seconds since 1970, for the age of a session.
    """

    def __init__(
        self,
        settings: AuditSettings,
        secret_keys: Sequence[str],
        ask: AuditAccess | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._tokens = settings.tokens
        self._seconds = settings.session_minutes * 60
        self._ask = ask
        self._wrong = RateLimit(_ATTEMPTS, clock)
        self._signer = _Signer(
            tuple(reversed(secret_keys)),
            salt="consentkit audit session",
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )
        self._signer.clock = wall

    def auditor(self, request: Request) -> Auditor | None:
        """Who sent a request; None for anybody.

        Raises:
            RequestRefused: 401 for a wrong token, 429 after too many of them.
        """
        scheme, _, given = request.header(b"authorization").partition(b" ")
        if scheme.lower() == b"bearer":
            token = self._token(given.strip().decode("latin-1"), request)
            return Auditor(name=token.name, role=token.role)
        for value in parse_cookies(request.all(b"cookie")).get(COOKIE, ()):
            if session := self._session(value):
                return Auditor(name=session.name, role=session.role, session=True)
        role = self._site(request)
        return None if role is None else Auditor(name="site", role=role)

    def login(self, token: str, request: Request) -> str:
        """Exchange a token for the value of a session's cookie.

        Raises:
            RequestRefused: 401 for a wrong token, 429 after too many of them.
        """
        return self._signer.sign(self._mark(self._token(token, request))).decode("ascii")

    def cookie(self, value: str, path: str, *, secure: bool) -> str:
        """The ``Set-Cookie`` value of a session; an empty one ends it."""
        age = self._seconds if value else 0
        parts = [f"{COOKIE}={value}", f"Path={path}", f"Max-Age={age}", "HttpOnly"]
        if secure:
            parts.append("Secure")
        return "; ".join((*parts, "SameSite=Strict"))

    def _token(self, given: str, request: Request) -> AuditTokenSettings:
        digest = token_hash(given)
        # Each is compared, so that the time does not tell how far down the list a match is.
        fitting = [t for t in self._tokens if hmac.compare_digest(t.hash, digest)]
        if fitting:
            return fitting[0]
        if self._wrong.take(request.client):
            raise RequestRefused(429, "Too many wrong tokens. Please try again in a minute.")
        raise RequestRefused(401, "There is no such token.")

    def _session(self, value: str) -> AuditTokenSettings | None:
        try:
            mark = self._signer.unsign(value, max_age=self._seconds).decode("ascii")
        except (BadSignature, ValueError, OverflowError):
            return None
        fitting = [t for t in self._tokens if hmac.compare_digest(self._mark(t), mark)]
        return fitting[0] if fitting else None

    @staticmethod
    def _mark(token: AuditTokenSettings) -> str:
        """What a session carries of its token: not the hash itself, which the cookie's owner need
        not know."""
        return hashlib.sha256(f"consentkit audit session {token.hash}".encode()).hexdigest()[:32]

    def _site(self, request: Request) -> Role | None:
        if self._ask is None:
            return None
        try:
            answer = self._ask(request)
        except Exception:  # the site's own code; whoever it cannot judge stays out
            log.exception("the site's own access to the audit pages failed")
            return None
        if answer is None:
            return None
        role = next((role for role in ROLES if role == answer), None)
        if role is None:
            log.error("the site's own access gave %r, which is no role", answer)
        return role


class _Signer(TimestampSigner):
    """A signer whose clock can be set."""

    clock: Callable[[], float] = time.time

    def get_timestamp(self) -> int:
        return int(self.clock())
