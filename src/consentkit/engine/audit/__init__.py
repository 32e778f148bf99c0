"""The pages and the interface for auditors: who may see them, what they show, who read what."""

from __future__ import annotations

from collections.abc import Callable

from consentkit.engine.assets import audit_styles
from consentkit.engine.audit.access import (
    ROLES,
    Access,
    AuditAccess,
    Auditor,
    Role,
    new_token,
    token_hash,
)
from consentkit.engine.audit.answers import Desk
from consentkit.engine.audit.auditing import Auditing
from consentkit.engine.audit.runs import Runs
from consentkit.engine.audit.trail import Trail, trail_path
from consentkit.log import Checkpoints, Reader, rfc3339
from consentkit.settings import AuditSettings

__all__ = [
    "ROLES",
    "Access",
    "AuditAccess",
    "Auditing",
    "Auditor",
    "Role",
    "make_auditing",
    "new_token",
    "token_hash",
]


def make_auditing(
    log: Reader,
    settings: AuditSettings,
    access: Access,
    *,
    checkpoints: Checkpoints,
    url: str,
    forget: Callable[[str], int] | None,
    clock: Callable[[], float],
    site_name: str = "",
    theme: str = "auto",
    body_limit: int = 16_384,
) -> Auditing:
    """The pages for auditors of a log.

    Args:
        log: the log.
        settings: where it is written down who read what.
        access: who may see them.
        checkpoints: of the log.
        url: the log's.
        forget: erases a visitor's records, returns how many; None where the log is only read.
        clock: seconds since 1970.
        site_name: whose log it is.
        theme: ``auto``, ``light`` or ``dark``.
        body_limit: the most bytes that are read of a request.
    """

    def now() -> str:
        return rfc3339(int(clock() * 1000))

    desk = Desk(
        log=log,
        checkpoints=checkpoints,
        trail=Trail(trail_path(settings.access_log, url)),
        runs=Runs(log, now),
        forget=forget,
        now=now,
    )
    return Auditing(
        desk,
        access,
        site_name=site_name,
        theme=theme,
        styles=audit_styles(),
        body_limit=body_limit,
    )
