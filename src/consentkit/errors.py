"""Every exception that consentkit raises, in one tree.

::

    ConsentKitError
    ├── SettingsError        a mistake in the settings; raised at start-up, lists all faults at once
    ├── CatalogueError       a data file of the service catalogue is wrong
    ├── RequestRefused       a request to one of our endpoints is not acceptable (status, reason)
    └── LogError
        ├── LogUnavailable   the consent log cannot be written or read now; trying again may help
        ├── LogUnreadable    what is there is no consent log of a version known here
        ├── LogTampered      a record is not what was appended (seq, why)
        ├── LogForked        two checkpoints that one log cannot both have had (earlier, later)
        └── NoteRefused      a signed checkpoint is garbled, forged or signed by nobody known (why)

The classes carry fields, so that callers need not read the text. None of them ever reaches a page
of the host site: mistakes of the developer stop the start, rubbish from the network is answered.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "CatalogueError",
    "ConsentKitError",
    "Fault",
    "LogError",
    "LogForked",
    "LogTampered",
    "LogUnavailable",
    "LogUnreadable",
    "NoteRefused",
    "RequestRefused",
    "SettingsError",
]


class ConsentKitError(Exception):
    """The base of all errors raised by consentkit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One mistake in the settings.

    Attributes:
        path: where it is, such as ``cookies.max_age_days`` or ``services[2].id``.
        value: what was found there, shortened; secrets are described, never shown.
        expected: what would be right.
        suggestion: the nearest right spelling, or an empty string.
    """

    path: str
    value: str
    expected: str
    suggestion: str = ""

    def __str__(self) -> str:
        hint = f" (did you mean {self.suggestion!r}?)" if self.suggestion else ""
        return f"{self.path}: got {self.value}, expected {self.expected}{hint}"


class SettingsError(ConsentKitError):
    """The settings cannot be used. ``faults`` lists every mistake, in the order of the settings."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        count = "1 mistake" if len(faults) == 1 else f"{len(faults)} mistakes"
        lines = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(f"{count} in the consentkit settings:{lines}")


class CatalogueError(ConsentKitError):
    """A catalogue data file is wrong: ``source`` names the file or entry, ``why`` the mistake."""

    def __init__(self, source: str, why: str) -> None:
        self.source = source
        self.why = why
        super().__init__(f"{source}: {why}")


class RequestRefused(ConsentKitError):
    """A request to an endpoint of ours is refused.

    Attributes:
        status: the HTTP status code of the answer.
        reason: a sentence for the person or program that sent the request.
    """

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"{status}: {reason}")


class LogError(ConsentKitError):
    """Something about the consent log."""


class LogUnavailable(LogError):
    """The log cannot be written or read at the moment; nothing was half-written."""


class LogUnreadable(LogError):
    """The file or database is not a consent log that this version can read."""


class LogTampered(LogError):
    """A stored record is not the one that was appended.

    Attributes:
        seq: the first sequence number that is wrong.
        why: what is wrong with it.
    """

    def __init__(self, seq: int, why: str) -> None:
        self.seq = seq
        self.why = why
        super().__init__(f"record {seq}: {why}")


class LogForked(LogError):
    """Two checkpoints contradict each other: no log that is only appended to had both.

    Attributes:
        earlier: the text of the one that was known.
        later: the text of the one that contradicts it.
    """

    def __init__(self, earlier: str, later: str) -> None:
        self.earlier = earlier
        self.later = later
        super().__init__(f"two checkpoints contradict each other:\n{earlier}and\n{later}".rstrip())


class NoteRefused(LogError):
    """A checkpoint cannot be trusted: it is garbled, forged, or signed by no key that is known.

    Attributes:
        why: what is wrong with it.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)
