"""Choices about single services, as the cookie of their category carries them.

The services of a category that were refused are the bits of one number: bit *n* is the *n*-th of
the services in the order of their ids. The cookie's fingerprint binds it to that list.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

__all__ = ["LONGEST", "SERVICE", "pack_denied", "unpack_denied"]

LONGEST = 512  # services of one category that can be asked about one by one: 128 bytes of cookie
SERVICE = "service:"
"""What stands before a service's id where it is listed among categories, which have no colon."""


def pack_denied(services: Sequence[str], denied: Container[str]) -> str:
    """The refused ones among ``services`` (in order), as a hexadecimal number; empty for none."""
    bits = sum(1 << n for n, service in enumerate(services) if service in denied)
    return f"{bits:x}" if bits else ""


def unpack_denied(services: Sequence[str], packed: str) -> frozenset[str]:
    """The refused ones among ``services``; all of them when the number does not fit the list."""
    bits = int(packed or "0", 16)
    if bits >> len(services):
        return frozenset(services)
    return frozenset(service for n, service in enumerate(services) if bits >> n & 1)
