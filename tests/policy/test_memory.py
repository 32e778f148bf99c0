"""The cache: right, bounded in bytes, and of use when more comes by than fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consentkit.policy.memory import Memory


def held(memory: Memory[bytes, int]) -> int:
    """The bytes of all keys in it."""
    return sum(map(len, memory._young)) + sum(map(len, memory._old))


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans())), st.integers(0, 30_000))
def test_it_returns_what_was_put_in_and_stays_within_its_budget(
    asked: list[tuple[int, bool]], budget: int
) -> None:
    memory: Memory[bytes, int] = Memory(budget)
    for number, long in asked:
        key = b"%d" % number + b"x" * 3000 * long
        found = memory.get(key, len(key))
        assert found in (None, number)
        if found is None:
            memory.put(key, number, len(key))
        assert held(memory) <= budget


def hits(memory: Memory[bytes, int], keys: list[bytes]) -> int:
    found = 0
    for key in keys:
        if memory.get(key, len(key)) is None:
            memory.put(key, 1, len(key))
        else:
            found += 1
    return found


def test_a_round_of_twice_as_much_as_fits_still_hits() -> None:
    memory: Memory[bytes, int] = Memory(100_000)
    keys = [b"%04d" % i + b"x" * 796 for i in range(200)]
    hits(memory, keys * 5)
    assert hits(memory, keys * 5) > 200


def test_what_is_used_outlives_what_comes_once() -> None:
    memory: Memory[bytes, int] = Memory(100_000)
    used = [b"used%d" % i for i in range(20)]
    for once in range(3000):
        hits(memory, [b"%05d" % once + b"x" * 800, *used])
    assert hits(memory, used) == len(used)


def test_what_is_used_now_takes_the_place_of_what_was() -> None:
    memory: Memory[bytes, int] = Memory(100_000)
    hits(memory, [b"%04d" % i + b"x" * 796 for i in range(500)])
    now = [b"now%d" % i + b"x" * 796 for i in range(20)]
    hits(memory, now * 200)
    assert hits(memory, now) == len(now)


def test_it_forgets() -> None:
    memory: Memory[bytes, int] = Memory(10_000)
    memory.put(b"a", 1, 1)
    memory.forget()
    assert memory.get(b"a", 1) is None
