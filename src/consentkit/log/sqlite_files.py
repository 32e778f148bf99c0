"""What can be told about a log's files from outside the database."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import BinaryIO

__all__ = ["NETWORK", "file_identity", "file_system", "frames_cut_off"]

# SQLite's WAL mode needs memory that all processes share, and locks that hold: neither can be
# counted on here. (https://www.sqlite.org/wal.html, "all processes must be on the same host")
NETWORK = frozenset(
    "9p afs afp ceph cifs fuse.sshfs fuse.glusterfs gfs2 glusterfs lustre ncpfs nfs nfs4 ocfs2 "
    "smb2 smb3 smbfs virtiofs vboxsf".split()
)

_HEADER, _FRAME_HEADER = 32, 24
_MAGIC = (0x377F0682, 0x377F0683)


def file_identity(path: Path) -> tuple[int, int] | None:
    """What tells this file from another that takes its name; None if there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def file_system(path: Path) -> str:
    """The name of the file system that the folder ``path`` is on; empty where it cannot be told."""
    if sys.platform != "linux":
        return ""
    try:
        device = path.stat().st_dev
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # proc_pid_mountinfo(5): "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw"
    wanted = f"{device >> 8 & 0xFFF}:{device & 0xFF | device >> 12 & 0xFFF00}"
    for line in lines.splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split(" ")[2:3] == [wanted]:
            return source.split(" ")[0]
    return ""


def frames_cut_off(database: Path) -> int:
    """How many whole transactions lie in the write-ahead log behind what SQLite takes for its end,
    because a checksum is wrong there.

    One may be there after a crash: it had not been synced. But a transaction is synced before the
    next one is begun, so that of two or more the first was durable, and the file was damaged.
    (https://www.sqlite.org/fileformat2.html#the_write_ahead_log)
    """
    wal, shared = (database.with_name(database.name + end) for end in ("-wal", "-shm"))
    try:
        with database.open("rb") as file:
            (page_size,) = struct.unpack_from(">H", file.read(18), 16)
        with wal.open("rb") as file:
            header = file.read(_HEADER)
            frames = _frames(file, 65_536 if page_size == 1 else page_size)
        # Read after the frames: those written meanwhile do not count as cut off. The header of the
        # wal-index is in the machine's own byte order; mxFrame is its fifth word.
        with shared.open("rb") as file:
            (end,) = struct.unpack_from("=I", file.read(20), 16)
    except (OSError, struct.error):
        return 0
    if not frames or len(header) < _HEADER:
        return 0
    # Frames of an earlier round, which have another salt, are there in good order: not so if the
    # header itself, which says what round this is, is wrong.
    salt = header[16:24] if _has_its_checksum(header) else frames[0][8:16]
    commits = [
        number
        for number, frame in enumerate(frames, 1)
        if frame[8:16] == salt and frame[4:8] != b"\0\0\0\0"  # the database's size, at a commit
    ]
    cut = sum(commit > end for commit in commits)
    return cut if cut > 1 else 0


def _frames(file: BinaryIO, page_size: int) -> list[bytes]:
    """The headers of all frames, of earlier rounds too."""
    found: list[bytes] = []
    while True:
        file.seek(_HEADER + len(found) * (_FRAME_HEADER + page_size))
        frame = file.read(_FRAME_HEADER)
        if len(frame) < _FRAME_HEADER:
            return found
        found.append(frame)


def _has_its_checksum(header: bytes) -> bool:
    (magic,) = struct.unpack_from(">I", header)
    if magic not in _MAGIC:
        return False
    words = struct.unpack_from(">6I" if magic & 1 else "<6I", header)
    one = two = 0
    for left, right in zip(words[::2], words[1::2], strict=True):
        one = (one + left + two) & 0xFFFFFFFF
        two = (two + right + one) & 0xFFFFFFFF
    return struct.unpack_from(">2I", header, 24) == (one, two)
