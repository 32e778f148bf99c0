"""The spool: where records wait on the local disk while the log cannot be written.

A folder with one file for each process, ``PID.spool``. A file is appended to and synced before a
choice is acknowledged, and removed when all in it is in the log: with the ids it was recorded with,
so that a crash in the midst doubles nothing. Whoever writes or empties a file holds a lock on it.

A file is a sequence of frames: ``CKsp``, the length of what follows, its CRC-32 and the CRC-32 of
these twelve bytes, four bytes each, most significant first; then so many bytes: a letter and
MessagePack. ``N`` is a notice; ``E`` an event and the language of its notice, which stands earlier
in the same file. With a checksum of its own a header tells a frame that was cut off from one that
was changed.
"""

from __future__ import annotations

import heapq
import logging
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from consentkit.errors import LogUnavailable
from consentkit.log.event import Event, Notice
from consentkit.log.filelock import locked

__all__ = ["Spool"]

log = logging.getLogger("consentkit")

_MAGIC = b"CKsp"
_HEADER = struct.Struct(">4sIII")
_MOST_BYTES = 64 * 1024 * 1024
_AT_ONCE = 256
_PATIENCE = 5.0  # seconds to wait for somebody who writes or empties the same file
_STUCK = 60.0  # seconds in which a file is passed over whose holder did not let go of it

_encode = msgspec.msgpack.Encoder().encode
_decode_notice = msgspec.msgpack.Decoder(Notice).decode
_decode_event = msgspec.msgpack.Decoder(tuple[Event, str]).decode

_Entry = tuple[Event, Notice]


class Spool:
    """The spool in ``folder``, which is made when it is needed. For one thread at a time.

    Args:
        folder: where the files are.
        most_bytes: how large one process's file may grow.
    """

    def __init__(self, folder: Path, *, most_bytes: int = _MOST_BYTES) -> None:
        self.folder = folder.absolute()
        self._most_bytes = most_bytes
        # Which notices our own file has already, and which file that is.
        self._notices: set[tuple[str, str]] = set()
        self._file: tuple[int, int] | None = None
        self._stuck: dict[Path, float] = {}

    def append(self, entries: Sequence[_Entry]) -> None:
        """Add entries, all or none; durable on return. ``LogUnavailable`` if that fails."""
        path = self.folder / f"{os.getpid()}.spool"
        try:
            new = not self.folder.exists()
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if new:
                _sync_folder(self.folder.parent)
            while not self._append(path, entries):
                pass
        except (OSError, TimeoutError) as error:
            raise LogUnavailable(f"the spool {path} cannot be written: {error}") from error

    def _append(self, path: Path, entries: Sequence[_Entry]) -> bool:
        """False: the file was emptied and removed while we waited for it."""
        with locked(path, time.monotonic() + _PATIENCE, create=True) as descriptor:
            status = os.fstat(descriptor)
            if status.st_nlink == 0:
                return False
            file = (status.st_dev, status.st_ino)
            known = self._notices if self._file == file and status.st_size else set()
            data, notices = _framed(entries, known)
            if status.st_size + len(data) > self._most_bytes:
                raise LogUnavailable(f"the spool {path} is full")
            try:
                _write(descriptor, data)
                os.fsync(descriptor)
                if status.st_size == 0:
                    _sync_folder(self.folder)
            except OSError:
                # What was not acknowledged should not be there either, nor half of it.
                with suppress(OSError):
                    os.ftruncate(descriptor, status.st_size)
                raise
            self._notices, self._file = known | notices, file
        return True

    def waiting(self) -> bool:
        """Whether there is anything to be brought into the log, by whatever process."""
        try:
            with os.scandir(self.folder) as found:
                return any(entry.name.endswith(".spool") for entry in found)
        except OSError:
            return False

    def drain(self, store: Callable[[Sequence[_Entry]], object]) -> int:
        """Give everything to ``store``, in the order of its time, then remove it.

        Args:
            store: makes entries durable; what it raises leaves the files as they are.

        Returns:
            How many entries were given.

        Raises:
            LogUnavailable: a file cannot be read.
        """
        with ExitStack() as stack:
            try:
                files = list(self._open_files(stack))
                count = 0
                for chunk in _chunks(
                    heapq.merge(*(file.entries for file in files), key=lambda e: e[0].time)
                ):
                    store(chunk)
                    count += len(chunk)
                for file in files:
                    self._remove(file)
            except OSError as error:
                raise LogUnavailable(f"the spool cannot be emptied: {error}") from error
        return count

    def forget_damaged(self) -> None:
        """Remove what could not be read: it may be anybody's."""
        with suppress(FileNotFoundError):
            for path in self.folder.glob("*.damaged"):
                path.unlink(missing_ok=True)

    def _open_files(self, stack: ExitStack) -> Iterator[_File]:
        for path in sorted(self.folder.glob("*.spool")):
            now = time.monotonic()
            if self._stuck.get(path, now) > now:
                continue
            try:
                # Somebody who holds a file is writing to it, or is draining it just as we do.
                descriptor = stack.enter_context(locked(path, now + _PATIENCE, create=False))
            except FileNotFoundError:
                continue
            except TimeoutError as error:
                log.warning("a spool is passed over: %s", error)
                self._stuck[path] = time.monotonic() + _STUCK
                continue
            if os.fstat(descriptor).st_nlink:
                yield _File(path, *_read(path))

    def _remove(self, file: _File) -> None:
        if file.damaged:
            kept = file.path.with_name(f"{file.path.name}-{time.time_ns()}.damaged")
            log.error(
                "%d bytes of the spool %s are damaged; what could be read is in the log, the file "
                "is kept as %s",
                file.damaged,
                file.path,
                kept.name,
            )
            file.path.rename(kept)
        else:
            if file.torn:
                log.warning(
                    "the end of the spool %s was cut off in the midst of a record, which was never "
                    "acknowledged",
                    file.path,
                )
            file.path.unlink()
        _sync_folder(self.folder)


class _File(NamedTuple):
    """What is in a file: entries, how many bytes are damaged, whether the last frame is cut."""

    path: Path
    entries: list[_Entry]
    damaged: int
    torn: bool


def _framed(
    entries: Iterable[_Entry], known: set[tuple[str, str]]
) -> tuple[bytes, set[tuple[str, str]]]:
    """The frames of entries with the notices that are not known yet; the keys of these."""
    frames: list[bytes] = []
    notices: set[tuple[str, str]] = set()
    for event, notice in entries:
        key = (notice.hash, notice.language)
        if key not in known and key not in notices:
            notices.add(key)
            frames.append(_frame(b"N" + _encode(notice)))
        frames.append(_frame(b"E" + _encode((event, notice.language))))
    return b"".join(frames), notices


def _frame(payload: bytes) -> bytes:
    header = _MAGIC + struct.pack(">II", len(payload), zlib.crc32(payload))
    return header + struct.pack(">I", zlib.crc32(header)) + payload


def _read(path: Path) -> tuple[list[_Entry], int, bool]:
    data = path.read_bytes()
    entries: list[_Entry] = []
    notices: dict[tuple[str, str], Notice] = {}
    at = damaged = 0
    while at < len(data):
        payload = _payload(data, at)
        if payload is None:
            # Go on at the next frame that is one: a record behind a damaged one is still a record.
            following = data.find(_MAGIC, at + 1)
            while following >= 0 and _payload(data, following) is None:
                following = data.find(_MAGIC, following + 1)
            if following < 0:
                torn = _is_torn(data, at)
                return entries, damaged + (0 if torn else len(data) - at), torn
            damaged += following - at
            at = following
            continue
        at += _HEADER.size + len(payload)
        try:
            if payload[:1] == b"N":
                notice = _decode_notice(payload[1:])
                notices[notice.hash, notice.language] = notice
            else:
                event, language = _decode_event(payload[1:])
                entries.append((event, notices[event.notice, language]))
        except (msgspec.MsgspecError, KeyError):
            damaged += _HEADER.size + len(payload)
    return entries, damaged, False


def _payload(data: bytes, at: int) -> bytes | None:
    """What is in the frame at this place; None if it is no whole one."""
    header = _header(data, at)
    if header is None:
        return None
    length, checksum = header
    payload = data[at + _HEADER.size : at + _HEADER.size + length]
    return payload if len(payload) == length and zlib.crc32(payload) == checksum else None


def _header(data: bytes, at: int) -> tuple[int, int] | None:
    """Length and checksum of the frame at this place; None if no frame begins there."""
    header = data[at : at + _HEADER.size]
    if len(header) < _HEADER.size:
        return None
    magic, length, checksum, own = _HEADER.unpack(header)
    return (length, checksum) if (magic, own) == (_MAGIC, zlib.crc32(header[:-4])) else None


def _is_torn(data: bytes, at: int) -> bool:
    """Whether what is at the end looks like a frame that was not written to its end."""
    rest = len(data) - at
    if rest < _HEADER.size:
        return _MAGIC.startswith(data[at : at + len(_MAGIC)])
    header = _header(data, at)
    return header is not None and rest < _HEADER.size + header[0]


def _chunks(entries: Iterable[_Entry]) -> Iterator[list[_Entry]]:
    chunk: list[_Entry] = []
    for entry in entries:
        chunk.append(entry)
        if len(chunk) == _AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    """Make durable that a file is there, or is not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
