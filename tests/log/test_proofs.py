"""Proofs against the definitions of RFC 9162, word for word."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.log.merkle import EMPTY_ROOT, Frontier
from consentkit.log.proofs import Proofs, consistent, included
from consentkit.log.standalone import root_of_path

LEAVES = [hashlib.sha256(number.to_bytes(8)).digest() for number in range(10_001)]


class Stored:
    """Hashes as a log stores them, and how many were read."""

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self.levels = {0: list(hashes)}
        for level in (8, 16, 24):
            below = self.levels[level - 8]
            self.levels[level] = [
                mth(number << level, (number + 1) << level) for number in range(len(below) >> 8)
            ]
        self.read = 0
        self.queries = 0

    def leaf_hashes(self, start: int, count: int) -> list[bytes]:
        return self.subtrees(0, start, count)

    def subtrees(self, level: int, start: int, count: int) -> list[bytes]:
        self.queries += 1
        self.read += count
        return self.levels[level][start : start + count]


def split(count: int) -> int:
    """The largest power of two below ``count``."""
    return int(2 ** (math.ceil(math.log2(count)) - 1))


@cache
def mth(start: int, end: int) -> bytes:
    """Section 2.1.1, over D[start:end] of ``LEAVES``."""
    if end - start == 1:
        return LEAVES[start]
    k = start + split(end - start)
    return hashlib.sha256(b"\x01" + mth(start, k) + mth(k, end)).digest()


def path(m: int, start: int, end: int) -> list[bytes]:
    """Section 2.1.3.1; ``m`` counts from ``start``."""
    n = end - start
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, start, start + k), mth(start + k, end)]
    return [*path(m - k, start + k, end), mth(start, start + k)]


def subproof(m: int, start: int, end: int, known: bool) -> list[bytes]:
    """Section 2.1.4.1; ``m`` counts from ``start``."""
    n = end - start
    if m == n:
        return [] if known else [mth(start, end)]
    k = split(n)
    if m <= k:
        return [*subproof(m, start, start + k, known), mth(start + k, end)]
    return [*subproof(m - k, start + k, end, False), mth(start, start + k)]


def damaged(proof: list[bytes]) -> list[list[bytes]]:
    """Proofs that are almost this one."""
    found = [[*proof, bytes(32)], [bytes(32), *proof], [b"x" * 32, *proof[1:]]]
    if proof:
        found += [proof[1:], proof[:-1], [*proof[:-1], b"x" * 32]]
    if len(set(proof)) > 1:
        found += [proof[::-1]]
    return [wrong for wrong in found if wrong != proof]


@pytest.mark.parametrize("size", range(1, 65))
def test_every_inclusion_proof_up_to_64(size: int) -> None:
    proofs, root = Proofs(Stored(LEAVES[:size]), size), mth(0, size)
    assert proofs.root(size) == root
    for seq in range(size):
        proof = proofs.inclusion(seq)
        assert proof == path(seq, 0, size)
        assert included(LEAVES[seq], seq, size, root, proof)
        assert root_of_path(LEAVES[seq], seq, size, proof) == root
        for other in {*range(size), size, -1} - {seq}:
            assert not included(LEAVES[seq], other, size, root, proof)
        assert not included(LEAVES[seq + 1], seq, size, root, proof)
        assert not included(LEAVES[seq], seq, size, bytes(32), proof)
        for wrong in damaged(proof):
            assert not included(LEAVES[seq], seq, size, root, wrong)
            assert root_of_path(LEAVES[seq], seq, size, wrong) != root


@pytest.mark.parametrize("size", range(1, 65))
def test_every_consistency_proof_up_to_64(size: int) -> None:
    proofs, root = Proofs(Stored(LEAVES[:size]), size), mth(0, size)
    for earlier in range(1, size + 1):
        old = mth(0, earlier)
        proof = proofs.consistency(earlier)
        assert proof == subproof(earlier, 0, size, True)
        assert proofs.root(earlier) == old
        assert consistent(earlier, old, size, root, proof)
        assert not consistent(earlier, bytes(32), size, root, proof)
        assert not consistent(earlier, old, size, bytes(32), proof)
        if earlier < size:
            assert not consistent(earlier + 1, old, size, root, proof)
            assert not consistent(size, root, earlier, old, proof)
        for wrong in damaged(proof):
            assert not consistent(earlier, old, size, root, wrong)


@given(st.data())
def test_proofs_of_larger_trees(data: st.DataObject) -> None:
    size = data.draw(st.integers(65, 10_000))
    earlier = data.draw(st.integers(1, size))
    seq = data.draw(st.integers(0, size - 1))
    hashes = LEAVES[:size]
    proofs, root = Proofs(Stored(hashes), size), mth(0, size)
    proof = proofs.inclusion(seq)
    assert proof == path(seq, 0, size)
    assert included(hashes[seq], seq, size, root, proof)
    proof = proofs.consistency(earlier)
    assert proof == subproof(earlier, 0, size, True)
    assert consistent(earlier, mth(0, earlier), size, root, proof)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        flipped = bytearray(proof[place])
        flipped[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
        proof[place] = bytes(flipped)
        assert not consistent(earlier, mth(0, earlier), size, root, proof)


def test_what_an_empty_tree_says() -> None:
    root = mth(0, 5)
    assert consistent(0, EMPTY_ROOT, 5, root, [])
    assert consistent(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    assert not consistent(0, root, 5, root, [])
    assert not consistent(0, EMPTY_ROOT, 5, root, [root])
    assert not consistent(0, root, 0, EMPTY_ROOT, [])
    assert not consistent(6, root, 5, root, [])


@pytest.mark.parametrize("place", [-1, 5, 6])
def test_places_beyond_the_tree(place: int) -> None:
    proofs = Proofs(Stored(LEAVES[:5]), 5)
    with pytest.raises(ValueError, match="no place in a tree of 5"):
        proofs.inclusion(place)
    with pytest.raises(ValueError, match="no place"):
        proofs.consistency({-1: -1, 5: 0, 6: 6}[place])


def test_a_store_that_lacks_hashes() -> None:
    with pytest.raises(ValueError, match="missing"):
        Proofs(Stored(LEAVES[:4]), 7).inclusion(2)


class Endless:
    """A tree of equal leaves, so that ten million need no place; counts what is read."""

    def __init__(self) -> None:
        self.level = [hashlib.sha256(b"\x00").digest()]
        for _ in range(40):
            self.level.append(hashlib.sha256(b"\x01" + self.level[-1] * 2).digest())
        self.queries = self.read = 0

    def leaf_hashes(self, start: int, count: int) -> list[bytes]:
        return self.subtrees(0, start, count)

    def subtrees(self, level: int, start: int, count: int) -> list[bytes]:
        self.queries += 1
        self.read += count
        return [self.level[level]] * count


@pytest.mark.parametrize("size", [10_000_000, 2**32 + 12_345])
def test_proofs_read_few_hashes(size: int) -> None:
    nodes = Endless()
    tree = Frontier(
        size, b"".join(nodes.level[bit] for bit in range(40, -1, -1) if size >> bit & 1)
    )
    tiles = math.ceil(math.log2(size) / 8)
    places = random.Random(1).sample(range(size), 20)  # noqa: S311 - places, not secrets
    for place in [0, size - 1, *places]:
        nodes.queries = nodes.read = 0
        proofs = Proofs(nodes, size)
        path = proofs.inclusion(place)
        assert included(nodes.level[0], place, size, tree.root(), path)
        # A tile for each eight levels on the way up, and at the edge of the tree as many more.
        assert nodes.queries <= 2 * tiles
        assert nodes.read <= nodes.queries * 256
    nodes.queries = nodes.read = 0
    proof = Proofs(nodes, size).consistency(size // 3)
    assert consistent(size // 3, Proofs(nodes, size).root(size // 3), size, tree.root(), proof)
    assert nodes.queries <= 4 * tiles
