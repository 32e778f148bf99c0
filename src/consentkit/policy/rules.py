"""The policy as our script in the browser needs it: whose addresses, cookies and calls are whose.

Services that need the same categories are one group, so that the text stays small: it is the same
for every visitor of a site, is fetched once and then comes out of the browser's cache. What the
visitor decided is no part of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from msgspec import Struct

from consentkit.catalogue.model import Host, Service
from consentkit.policy.policy import Policy

__all__ = ["browser_rules"]


class _Group(Struct):
    """What the services have that need the same categories."""

    needed: str
    own: bool
    hosts: dict[str, None]
    shapes: dict[str, None]
    cookies: dict[str, None]
    local: dict[str, None]
    session: dict[str, None]


def browser_rules(policy: Policy, later: str) -> bytes:
    """The rules of a site as JSON, in ASCII and fit to stand in a script.

    Args:
        later: the name of the file with what the script needs later.

    ``groups`` are lists of: the categories that must be granted (empty: it may always run), whether
    the site defined the services itself (1) or the catalogue did (0), and then in one string each,
    with spaces between: host rules (``*.`` in front: all below too; ``.*`` behind: any public
    suffix; what follows ``^`` is the regular expression of a path), shapes of addresses, cookies,
    and names in the local and in the session storage.

    ``calls`` are the globals of the services that the site declared, each with its kind and the
    needs of its services. ``guard`` is 0 when the guard is off: hosts and shapes are left out then.
    """
    settings = policy.settings
    groups: dict[tuple[str, bool], _Group] = {}
    calls: dict[str, tuple[str, dict[str, None]]] = {}
    for service in policy.services:
        needed = _needed(policy, service)
        group = groups.get((needed, service.own))
        if group is None:
            group = _Group(needed, service.own, {}, {}, {}, {}, {})
            groups[needed, service.own] = group
        _add(group, service, settings.guard)
        if needed and policy.told(service):
            for call in service.globals:
                calls.setdefault(call.name, (call.kind, {}))[1][needed] = None
    rules = {
        "later": later,
        "guard": int(settings.guard),
        "strict": int(settings.gate == "strict"),
        "allow": " ".join(host.lower() for host in settings.allow),
        "groups": [
            [group.needed, int(group.own), *map(" ".join, _columns(group))]
            for group in groups.values()
        ],
        "calls": [[name, kind, list(needs)] for name, (kind, needs) in calls.items()],
    }
    text = json.dumps(rules, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").encode("ascii")


def _needed(policy: Policy, service: Service) -> str:
    """The categories that a visitor has to grant for a service."""
    return " ".join(c for c in policy.requirements(service) if c not in policy.always)


def _columns(group: _Group) -> tuple[Iterable[str], ...]:
    return group.hosts, group.shapes, group.cookies, group.local, group.session


def _add(group: _Group, service: Service, guard: bool) -> None:
    if guard:
        group.hosts |= dict.fromkeys(map(_host, service.hosts))
        group.shapes |= dict.fromkeys(_spaceless(shape.pattern) for shape in service.urls)
    for cookie in service.cookies:
        if cookie.party == "first" and not set(cookie.name) & set(" \t"):
            column = {"local": group.local, "session": group.session}.get(
                cookie.storage, group.cookies
            )
            column[cookie.name] = None


def _host(host: Host) -> str:
    name = "*." * host.below + host.name + ".*" * host.any_suffix
    return f"{name}^{_spaceless(host.path)}" if host.path else name


def _spaceless(pattern: str) -> str:
    """A regular expression without a space in it that means the same."""
    return pattern.replace("\\ ", " ").replace(" ", "\\x20")
