"""The consent log: what was chosen, when, and what the visitor was shown, provable later.

``open_log(url).append(event, notice)`` returns when the record is durable. Records are leaves of a
Merkle tree; ``verify`` finds what was changed, and where. docs/log.md has the format.
"""

from consentkit.log.checkpoint import Checkpoint, checkpoint_of
from consentkit.log.erasure import erasure, forget
from consentkit.log.event import ACTIONS, Action, Event, Notice, Record, Source
from consentkit.log.ids import new_id, rfc3339
from consentkit.log.opening import open_log, open_reader, open_spool
from consentkit.log.publishing import Checkpoints
from consentkit.log.spool import Spool
from consentkit.log.store import Filters, Log, Reader
from consentkit.log.upkeep import Upkeep, oldest_kept
from consentkit.log.verification import Fault, Verification, verify
from consentkit.log.writer import Writer

__all__ = [
    "ACTIONS",
    "Action",
    "Checkpoint",
    "Checkpoints",
    "Event",
    "Fault",
    "Filters",
    "Log",
    "Notice",
    "Reader",
    "Record",
    "Source",
    "Spool",
    "Upkeep",
    "Verification",
    "Writer",
    "checkpoint_of",
    "erasure",
    "forget",
    "new_id",
    "oldest_kept",
    "open_log",
    "open_reader",
    "open_spool",
    "rfc3339",
    "verify",
]
