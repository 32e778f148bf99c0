"""The Merkle tree of RFC 9162 section 2.1.1, kept as its frontier.

The frontier (also called a compact range) holds the roots of the perfect subtrees that the first n
leaves fall into, largest first: one hash for each bit set in n. It is all that is needed to add a
leaf and to know the root, so neither costs more than O(log n).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = ["EMPTY_ROOT", "HASH_BYTES", "Frontier", "leaf_hash", "node_hash", "perfect_root"]

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

_sha256 = hashlib.sha256


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf with these bytes."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node. The prefix differs, so a node never passes for a leaf."""
    return _sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root of the perfect subtree over these leaves or nodes; their number a power of two."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [_sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return hashes[0]


class Frontier:
    """The tree over the leaves pushed so far."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, packed: bytes = b"") -> None:
        """Take up where ``packed()`` left off; ``ValueError`` if the two do not fit together."""
        if size < 0 or len(packed) != size.bit_count() * HASH_BYTES:
            raise ValueError(f"{len(packed)} bytes are no frontier of {size} leaves")
        self.size = size
        self.hashes = [packed[i : i + HASH_BYTES] for i in range(0, len(packed), HASH_BYTES)]

    def push(self, node: bytes, *, level: int = 0) -> None:
        """Add the hash of the next leaf, or the root of the next perfect subtree of 2**level."""
        hashes = self.hashes
        rest = self.size >> level
        # As in binary addition of one: each trailing one bit is a perfect subtree to merge with.
        while rest & 1:
            node = _sha256(b"\x01" + hashes.pop() + node).digest()
            rest >>= 1
        hashes.append(node)
        self.size += 1 << level

    def completed(
        self, node: bytes, levels: Sequence[int], *, level: int = 0
    ) -> list[tuple[int, int, bytes]]:
        """The perfect subtrees of 2**n leaves that end with the next leaf, if it is this one.

        Args:
            node: what would be pushed next, at ``level``; it is not pushed.
            levels: each n to give, in increasing order; none below ``level``.

        Returns:
            Level, position among the subtrees of this level, and root of each.
        """
        size = self.size + (1 << level)
        if size & (1 << levels[0]) - 1:
            return []
        found = []
        for height in range(level, min(levels[-1], (size & -size).bit_length() - 1) + 1):
            if height > level:
                node = node_hash(self.hashes[level - height], node)
            if height in levels:
                found.append((height, (size >> height) - 1, node))
        return found

    def packed(self) -> bytes:
        """The hashes, largest subtree first, as one byte string."""
        return b"".join(self.hashes)

    def root(self) -> bytes:
        """The root of the whole tree; that of the empty tree is the hash of nothing."""
        if not self.hashes:
            return EMPTY_ROOT
        # The split is at the largest power of two below n, so the smaller subtrees join first.
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root
