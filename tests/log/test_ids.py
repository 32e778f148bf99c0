from __future__ import annotations

import itertools
import uuid

from hypothesis import given
from hypothesis import strategies as st

from consentkit.log import new_id, rfc3339
from consentkit.log.ids import IdSource


@given(st.lists(st.integers(0, 2**47), min_size=1, max_size=50))
def test_ids_increase_whatever_the_clock_does(times: list[int]) -> None:
    clock = iter(times)
    source = IdSource(now_ms=lambda: next(clock))
    ids = [source() for _ in times]
    assert all(a < b for a, b in itertools.pairwise(ids))


def test_a_clock_that_stands_still_borrows_the_next_millisecond() -> None:
    source = IdSource(now_ms=lambda: 1_000)
    ids = [source() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert uuid.UUID(ids[0]).int >> 80 == 1_000


def test_the_layout_is_that_of_rfc_9562() -> None:
    # Appendix A.6: the example's time, counter bits 0xCC3 (masked to 11 bits) and random bits.
    random = (0xCC3 << 62 | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    made = uuid.UUID(IdSource(now_ms=lambda: 0x017F22E279B0, random_bytes=lambda _: random)())
    assert str(made) == "017f22e2-79b0-74c3-98c4-dc0c0c07398f"
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_ids_of_the_library_are_of_now_and_unique() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert uuid.UUID(ids[0]).int >> 80 > 1_700_000_000_000


def test_times_have_three_decimals_and_end_in_z() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_795_341_600_007) == "2026-11-22T10:00:00.007Z"
