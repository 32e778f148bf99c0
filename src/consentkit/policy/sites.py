"""First and third parties: which hosts belong to one site.

A site is a registrable domain (URL standard, "same site"): one label below a public suffix. The
list of public suffixes is long and changes, so a maintained package brings it.
"""

from __future__ import annotations

import ipaddress
import re
from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList

__all__ = ["parent_domains", "registrable_domain", "same_site"]


_DOMAIN = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.A)
_LONGEST = 253  # RFC 1035 2.3.4


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=4096)
def registrable_domain(host: str) -> str:
    """The registrable domain of a host; the host itself when it has none (an address, a suffix)."""
    host = host.lower().rstrip(".")
    if len(host) > _LONGEST or _is_address(host):
        return host
    return _suffixes().privatesuffix(host) or host


def same_site(host: str, other: str) -> bool:
    """Whether two hosts belong to one site."""
    return registrable_domain(host) == registrable_domain(other)


def parent_domains(host: str) -> tuple[str, ...]:
    """The domains that a page on ``host`` may set cookies for, the longest first (RFC 6265 5.3).

    None for an address, and for what is no name of a host: anybody can send a ``Host`` header.
    """
    host = host.lower().rstrip(".")
    if len(host) > _LONGEST or not _DOMAIN.fullmatch(host) or _is_address(host):
        return ()
    top = registrable_domain(host)
    labels = host.split(".")
    domains = [".".join(labels[i:]) for i in range(len(labels))]
    return tuple(domain for domain in domains if domain == top or domain.endswith("." + top))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
