from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.log.merkle import Frontier, leaf_hash

# The leaves of the certificate transparency test vectors, and the root over the first n of them.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(leaves: list[bytes]) -> bytes:
    """The definition in RFC 9162 section 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = naive_root(leaves[:split]), naive_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_over(leaves: list[bytes]) -> Frontier:
    tree = Frontier()
    for leaf in leaves:
        tree.push(leaf_hash(leaf))
    return tree


@pytest.mark.parametrize("count", range(9))
def test_the_published_roots(count: int) -> None:
    assert tree_over(LEAVES[:count]).root().hex() == ROOTS[count]


@given(st.lists(st.binary(max_size=8), max_size=300))
def test_the_frontier_has_the_root_of_the_definition(leaves: list[bytes]) -> None:
    assert tree_over(leaves).root() == naive_root(leaves)


@given(st.lists(st.binary(max_size=8), max_size=100), st.integers(0, 100))
def test_a_packed_frontier_goes_on_where_it_was(leaves: list[bytes], at: int) -> None:
    whole = tree_over(leaves)
    first = tree_over(leaves[:at])
    second = Frontier(first.size, first.packed())
    for leaf in leaves[at:]:
        second.push(leaf_hash(leaf))
    assert (second.size, second.packed(), second.root()) == (
        whole.size,
        whole.packed(),
        whole.root(),
    )


@pytest.mark.parametrize(("size", "length"), [(0, 32), (1, 0), (3, 32), (3, 65), (-1, 32)])
def test_size_and_hashes_must_fit(size: int, length: int) -> None:
    with pytest.raises(ValueError, match="no frontier"):
        Frontier(size, bytes(length))
