"""Refused services as a number: it says exactly what was refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consentkit.policy import pack_denied, unpack_denied

ids = st.lists(st.from_regex(r"[a-z0-9][a-z0-9.-]{0,8}\Z"), max_size=40, unique=True).map(sorted)


@given(ids, st.data())
def test_what_was_packed_is_unpacked(services: list[str], data: st.DataObject) -> None:
    denied = data.draw(st.sets(st.sampled_from(services)) if services else st.just(set()))
    packed = pack_denied(services, denied)
    assert unpack_denied(services, packed) == denied
    assert len(packed) <= len(services) / 4 + 1
    assert bool(packed) == bool(denied)


@given(ids, st.from_regex(r"[0-9a-f]{1,20}", fullmatch=True))
def test_a_number_that_does_not_fit_refuses_all(services: list[str], packed: str) -> None:
    denied = unpack_denied(services, packed)
    assert denied <= set(services)
    if int(packed, 16).bit_length() > len(services):
        assert denied == set(services)
