"""Remembering answers, within a bound of bytes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Memory"]

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_ENTRY = 200  # bytes that an entry of the dictionary takes besides its key, about
_PATIENCE = 8


class Memory(Generic[Key, Value]):
    """A cache of two generations that holds at most ``budget`` bytes.

    What is asked for moves to the young generation. When that is full, new answers are not kept at
    all until many have gone by; then the old generation is forgotten and the young one takes its
    place. So what is used stays, what was seen once goes, and a round of more answers than fit
    does not push each of them out before its next turn, as "least recently used" would.

    Threads may share one: every step is one operation on a dictionary, and the worst that a race
    does is to forget, or to count an entry twice.

    Args:
        budget: in bytes, keys and the entries themselves.
    """

    def __init__(self, budget: int) -> None:
        self._half = budget // 2
        self.forget()

    def forget(self) -> None:
        """Forget everything."""
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}
        self._size = 0
        self._missed = 0

    def get(self, key: Key, size: int) -> Value | None:
        """What was kept for ``key``, or None.

        Args:
            size: of the key, in bytes.
        """
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self._keep(key, value, size + _ENTRY)
        return value

    def put(self, key: Key, value: Value, size: int) -> None:
        """Keep a value for a key of ``size`` bytes, if there is room."""
        size += _ENTRY
        self._missed += size
        if self._size + size > self._half and self._missed > _PATIENCE * self._half:
            self._young, self._old = {}, self._young
            self._size = self._missed = 0
        self._keep(key, value, size)

    def _keep(self, key: Key, value: Value, size: int) -> None:
        if self._size + size <= self._half:
            self._young[key] = value
            self._size += size
