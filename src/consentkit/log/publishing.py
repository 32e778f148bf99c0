"""Putting checkpoints where whoever can change the log cannot change them, on a schedule.

Before one is signed, the log has to prove that it only grew since the last: two checkpoints that
contradict each other are never signed. The last one is found where it was put, so at least one
place is a file or a folder; others may be URLs, to which checkpoints are sent.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from consentkit.errors import (
    ConsentKitError,
    Fault,
    LogError,
    LogUnavailable,
    NoteRefused,
    SettingsError,
)
from consentkit.log.checkpoint import Checkpoint, check_growth, checkpoint_of, signed_checkpoint
from consentkit.log.filelock import FileQueue
from consentkit.log.notes import Signer, Verifier
from consentkit.log.store import Reader
from consentkit.settings import CheckpointSettings

__all__ = ["Checkpoints"]

log = logging.getLogger("consentkit")

_PREFIX = "checkpoint-"
_TURN = 10.0  # seconds to wait for another process that is writing one
_SENDING = 10.0  # seconds that a URL has to answer


class Checkpoints:
    """The checkpoints of one log.

    ``keys`` are the log's public keys, the one that signs first.

    Args:
        log: the log; its records and hashes are only read.
        settings: origin, key and places; relative paths are of the working directory now.
        now: seconds since 1970.

    Raises:
        SettingsError: a key cannot be read or is no key.
    """

    def __init__(
        self, log: Reader, settings: CheckpointSettings, now: Callable[[], float] = time.time
    ) -> None:
        self._log = log
        self._now = now
        self._origin = settings.origin
        self._every = settings.every * 60
        self._urls = [place for place in settings.to if _is_url(place)]
        self._places = [_Place(place) for place in settings.to if not _is_url(place)]
        self._signer, self.keys = _keys(settings)
        self._writing = threading.Lock()
        self._timing = threading.Lock()
        self._timer: threading.Timer | None = None
        self._pid = os.getpid()

    def due(self) -> float:
        """Seconds until the next one is to be written; 0 or less: now."""
        if not self._places:
            return float("inf")
        return max(place.written() for place in self._places) + self._every - self._now()

    def write(self) -> bytes:
        """Write, send and return a checkpoint of the log as it is now.

        When nothing was appended since the last one, nothing is sent, and that one is returned if
        its signature is still ours.

        Raises:
            LogForked: the log no longer is the one that the last checkpoint was of.
            NoteRefused: the last checkpoint is garbled or forged.
            LogUnavailable: the log cannot be read, or a place cannot be written now.
        """
        if not self._places:
            return self._made()
        with self._writing, self._turn():
            note = self._made()
            try:
                fresh = [place for place in self._places if place.read() != note]
                for place in fresh:
                    place.write(note)
                for place in self._places:
                    place.touch(self._now())
            except OSError as error:
                raise LogUnavailable(f"the checkpoint cannot be written: {error}") from error
        if fresh:
            for url in self._urls:
                _send(url, note)
        return note

    def current(self) -> bytes:
        """A checkpoint of the log as it is now, put nowhere. Raises what ``write`` raises."""
        return self._made()

    def _made(self) -> bytes:
        checkpoint = checkpoint_of(self._log, self._origin)
        for place in self._places:
            note = place.read()
            if note is None:
                continue
            try:
                # One that was made before there was a key is not signed, and may be followed.
                asked = self.keys if b"\n\n" in note and self.keys else None
                last = Checkpoint.read(note, asked)
            except NoteRefused as error:
                raise NoteRefused(f"the last checkpoint, {place.path}: {error.why}") from error
            if last.origin != self._origin:
                raise LogError(
                    f"{place.path} holds a checkpoint of {last.origin}, not of {self._origin}; "
                    "give this log a place of its own"
                )
            check_growth(self._log, last, checkpoint)
        return signed_checkpoint(checkpoint, self._signer)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One process at a time: two must not sign past each other."""
        queue = FileQueue(self._places[0].lock())
        try:
            with queue.turn(time.monotonic() + _TURN):
                yield
        except TimeoutError as error:
            raise LogUnavailable(f"no turn to write a checkpoint: {error}") from error

    # The schedule

    def appended(self) -> None:
        """Something was appended: see to it that a checkpoint is written when the time has come.

        Cheap, and made for processes that fork: the first record starts a timer in the process
        that appended it, and no thread is there while nothing happens.
        """
        if self._pid != os.getpid():  # threads and their locks stayed behind in the parent
            self._pid, self._timer = os.getpid(), None
            self._writing, self._timing = threading.Lock(), threading.Lock()
        if self._timer is None and self._places:
            with self._timing:
                if self._timer is None:
                    self._start(max(1.0, self.due()))

    def close(self) -> None:
        """Stop the timer. If records wait for a checkpoint, it is written now."""
        if self._pid != os.getpid():
            return
        with self._timing:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            self._write_quietly()

    def _start(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._tick)
        self._timer.name = "consentkit-checkpoint"
        self._timer.daemon = True
        self._timer.start()

    def _tick(self) -> None:
        left = self.due()
        with self._timing:
            if self._timer is None:
                return
            if left > 1:  # another process wrote one meanwhile
                self._start(left)
                return
            self._timer = None
        self._write_quietly()

    def _write_quietly(self) -> None:
        try:
            self.write()
        except (ConsentKitError, OSError):
            log.exception("no checkpoint of the consent log could be written")


class _Place:
    """A file that holds the last checkpoint, or a folder that holds all."""

    def __init__(self, given: str) -> None:
        self.path = Path(given).absolute()
        self._is_folder = given.endswith(("/", os.sep)) or self.path.is_dir()

    def lock(self) -> Path:
        if self._is_folder:
            self.path.mkdir(parents=True, exist_ok=True)
            return self.path / ".lock"
        return self.path.with_name(f".{self.path.name}.lock")

    def latest(self) -> Path:
        """Where the last checkpoint is; the file need not be there."""
        if not self._is_folder:
            return self.path
        return max(self.path.glob(f"{_PREFIX}*"), default=self.path / _PREFIX)

    def written(self) -> float:
        try:
            return self.latest().stat().st_mtime
        except OSError:
            return float("-inf")

    def read(self) -> bytes | None:
        try:
            return self.latest().read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogUnavailable(f"the last checkpoint cannot be read: {error}") from error

    def write(self, note: bytes) -> None:
        """Replace the file, or add one to the folder, so that a power cut leaves old or new."""
        target = self.path
        if self._is_folder:
            # Digits as in the largest size there can be, so that names sort as numbers do.
            target = self.path / f"{_PREFIX}{Checkpoint.read(note).size:019}"
        fresh = target.with_name(f".{target.name}.new")
        with fresh.open("wb") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def touch(self, now: float) -> None:
        """Say that it is still the last one at this time."""
        os.utime(self.latest(), (now, now))


def _send(url: str, note: bytes) -> None:
    # Slow to import, and wanted by few.
    from consentkit.log.webhook import post  # noqa: PLC0415

    try:
        post(url, note, _SENDING)
    except OSError as error:
        raise LogUnavailable(f"the checkpoint could not be sent: {error}") from error


def _keys(settings: CheckpointSettings) -> tuple[Signer | None, tuple[Verifier, ...]]:
    """Who signs, and the public keys of the log."""
    key, shown = "key", settings.key
    try:
        signer = Signer(_key_text(settings.key)) if settings.key else None
        known = [signer.verifier] if signer else []
        for place, vkey in enumerate(settings.verify):
            key, shown = f"verify[{place}]", vkey
            known.append(Verifier.read(vkey))
    except LogError as error:
        fault = Fault(path=f"log.checkpoint.{key}", value=repr(shown), expected=f"a key ({error})")
        raise SettingsError((fault,)) from error
    return signer, tuple(dict.fromkeys(known))


def _key_text(given: str) -> str:
    """The private key in a file, or in the environment variable behind ``env:``."""
    if given.startswith("env:"):
        text = os.environ.get(given.removeprefix("env:"))
        if text is None:
            raise LogError(f"there is no environment variable {given.removeprefix('env:')}")
        return text
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LogError(f"the key of the checkpoints cannot be read: {error}") from error


def _is_url(place: str) -> bool:
    return place.startswith(("http://", "https://"))
