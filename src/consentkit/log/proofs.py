"""Inclusion and consistency proofs of RFC 9162, sections 2.1.3 and 2.1.4: made and checked.

A proof over n leaves needs the roots of O(log n) subtrees. They are made of tiles of 256 hashes:
of leaves, or of the stored roots of subtrees of 2**8, 2**16 and 2**24 leaves. So a proof reads at
most one tile for every eight levels of the tree, and two neighbours share most of what they read.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from consentkit.log.merkle import EMPTY_ROOT, node_hash

__all__ = ["Nodes", "Proofs", "consistent", "included"]

TILE_LEVELS = 8
_WIDTH = 1 << TILE_LEVELS
_STORED = (8, 16, 24)
# A few more than one proof walks through, so that proofs in the order of the log read each once.
_KEPT_TILES = 16

Levels = list[list[bytes]]


class Nodes(Protocol):
    """Where hashes of a log are read from; every ``Reader`` is one."""

    def leaf_hashes(self, start: int, count: int) -> list[bytes]:
        """The hashes of at most ``count`` leaves from ``start`` on."""
        ...

    def subtrees(self, level: int, start: int, count: int) -> list[bytes]:
        """The roots of at most ``count`` complete subtrees of ``2**level`` leaves, from the one
        with number ``start`` on; ``level`` is 8, 16 or 24."""
        ...


class Proofs:
    """Proofs about the first ``size`` leaves of ``nodes``.

    Raises ``ValueError`` for places that are not among them, and when ``nodes`` gives fewer hashes
    than a tree of this size has.
    """

    def __init__(self, nodes: Nodes, size: int) -> None:
        self.size = size
        self._nodes = nodes
        self._tiles: OrderedDict[tuple[int, int], Levels] = OrderedDict()
        self._edge: dict[tuple[int, int], bytes] = {}

    def root(self, size: int) -> bytes:
        """The root of the tree when it had ``size`` leaves, not 0."""
        self._check(0 < size <= self.size, size)
        return self._range(0, size)

    def inclusion(self, seq: int) -> list[bytes]:
        """The path from leaf ``seq`` to the root (section 2.1.3.1)."""
        self._check(0 <= seq < self.size, seq)
        path = []
        start, end = 0, self.size
        while end - start > 1:
            split = start + _split(end - start)
            if seq < split:
                path.append(self._range(split, end))
                end = split
            else:
                path.append(self._range(start, split))
                start = split
        path.reverse()
        return path

    def consistency(self, earlier: int) -> list[bytes]:
        """Proof that the tree over ``earlier`` leaves, not 0, grew into this (section 2.1.4.1)."""
        self._check(0 < earlier <= self.size, earlier)
        proof = []
        start, end = 0, self.size
        while end != earlier:
            split = start + _split(end - start)
            if earlier <= split:
                proof.append(self._range(split, end))
                end = split
            else:
                proof.append(self._range(start, split))
                start = split
        if start:  # else the earlier tree is a subtree of its own, which whoever asks knows
            proof.append(self._range(start, end))
        proof.reverse()
        return proof

    def _check(self, right: bool, number: int) -> None:
        if not right:
            raise ValueError(f"{number} is no place in a tree of {self.size} leaves")

    def _range(self, start: int, end: int) -> bytes:
        """The root over leaves ``start`` to ``end - 1``, which are one node of the RFC's recursion:
        a complete subtree, or what is right of one up to the end of the tree."""
        count = end - start
        if count & (count - 1) == 0:
            return self._node(count.bit_length() - 1, start // count)
        known = self._edge.get((start, end))
        if known is None:
            split = start + _split(count)
            known = node_hash(self._range(start, split), self._range(split, end))
            self._edge[start, end] = known
        return known

    def _node(self, level: int, index: int) -> bytes:
        """The root of the complete subtree number ``index`` of ``2**level`` leaves."""
        base = min(level - level % TILE_LEVELS, _STORED[-1])
        if level - base > TILE_LEVELS:  # beyond 2**32 leaves
            left = self._node(level - 1, 2 * index)
            return node_hash(left, self._node(level - 1, 2 * index + 1))
        height = level - base
        tile, place = divmod(index << height, _WIDTH)
        levels = self._tile(base, tile)
        try:
            return levels[height][place >> height]
        except IndexError:
            raise ValueError(f"a hash of level {base} is missing in tile {tile}") from None

    def _tile(self, base: int, number: int) -> Levels:
        """256 hashes of level ``base``, or as many as there are, and the nodes above them."""
        key = (base, number)
        if key in self._tiles:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        first = number * _WIDTH
        count = min(_WIDTH, (self.size >> base) - first)
        hashes = (
            self._nodes.subtrees(base, first, count)
            if base
            else self._nodes.leaf_hashes(first, count)
        )
        levels = [hashes]
        while len(levels[-1]) > 1:
            below = levels[-1]
            pairs = zip(below[::2], below[1::2], strict=False)  # one without a partner waits
            levels.append([node_hash(left, right) for left, right in pairs])
        self._tiles[key] = levels
        if len(self._tiles) > _KEPT_TILES:
            self._tiles.popitem(last=False)
        return levels


def included(leaf: bytes, seq: int, size: int, root: bytes, path: list[bytes]) -> bool:
    """Whether ``path`` proves that the leaf with hash ``leaf`` is number ``seq`` of the ``size``
    leaves under ``root`` (section 2.1.3.2)."""
    if not 0 <= seq < size:
        return False
    node, place, last = leaf, seq, size - 1
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


def consistent(
    earlier: int, earlier_root: bytes, size: int, root: bytes, proof: list[bytes]
) -> bool:
    """Whether ``proof`` shows that the ``earlier`` leaves under ``earlier_root`` are the first of
    the ``size`` leaves under ``root`` (section 2.1.4.2). Of no leaves, everything is a growth."""
    if earlier == size:
        return not proof and earlier_root == root
    if earlier == 0 < size:
        return not proof and earlier_root == EMPTY_ROOT
    if not 0 < earlier < size:
        return False
    hashes = [earlier_root, *proof] if earlier & (earlier - 1) == 0 else list(proof)
    if not hashes:
        return False
    place, last = earlier - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and old == earlier_root and new == root


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1
