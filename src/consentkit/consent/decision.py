"""What a visitor agreed to, category by category, and why it is so.

Deciding is pure and total: it takes the signals of a request and the policy, and answers *granted*
only for what is always on, what a valid cookie grants, or what nobody objected to where the law
lets a category work by objection. Any doubt means *unset*, and whoever objected once has objected.

Global Privacy Control only ever takes away (GPC 2): it is an objection, and as such it beats a
choice that was made before we knew of it, but not one that was made with it on.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from consentkit.consent.cookies import Choice, ChoiceCookies
from consentkit.consent.signals import Signals
from consentkit.policy import SERVICE, Policy, Regime, unpack_denied
from consentkit.settings import GPC

__all__ = ["Decider", "Decision", "State", "decide", "nothing_granted"]

State = Literal["granted", "denied", "unset"]
Why = Literal["always", "choice", "stale", "none", "gpc", "no objection"]

_KEPT = 512
_LETTERS = {"granted": "g", "denied": "d", "unset": "u"}
# What the cookie of a category says: nothing; a choice about another list of services; a choice;
# a choice from before Global Privacy Control was known of.
_NONE, _STALE_GRANT, _STALE_DENIAL, _GRANT, _DENIAL, _EARLY_GRANT = range(6)


class Decision(Struct, frozen=True, kw_only=True):
    """The state of each category for one visitor.

    Attributes:
        states: every category of the site.
        why: the reason for each state: it is ``always`` on, the visitor's ``choice``, a choice
            about another list of services (``stale``), no choice (``none``), Global Privacy
            Control (``gpc``), or ``no objection``.
        consent_id: the pseudonym under which the choice was recorded; empty when there is none.
        undecided: the categories that the visitor has still to be asked about.
        gpc: whether the request carried Global Privacy Control, and it counts.
        gpc_recorded: whether that was recorded for this browser; nothing to record counts as well.
        regime: the id of what applies in the visitor's country.
        country: as the CDN's header has it; empty when it is not known.
        services: where services are asked about one by one, the state of each; a category is
            granted when one of its services is.
        grants: all categories that are granted, and services asked one by one as ``service:id``.
        key: a short name for all of this that a page shows, for validators of cached pages.
    """

    states: dict[str, State]
    why: dict[str, Why]
    consent_id: str = ""
    undecided: tuple[str, ...] = ()
    gpc: bool = False
    gpc_recorded: bool = True
    regime: str = ""
    country: str = ""
    services: dict[str, State] = {}
    grants: frozenset[str] = frozenset()
    key: str = ""

    def __post_init__(self) -> None:
        if self.key:
            return
        services = {SERVICE + key: state for key, state in self.services.items()}
        states = {**self.states, **services} if services else self.states
        grants = frozenset(key for key, state in states.items() if state == "granted")
        letters = "".join(_LETTERS[states[key]] for key in sorted(states))
        flags = f"{int(bool(self.undecided))}{int(self.gpc)}{int(self.gpc_recorded)}"
        force_setattr(self, "grants", grants)
        force_setattr(self, "key", letters + flags)

    def granted(self, category: str) -> bool:
        """Whether the visitor agreed to a category; false for one that does not exist.

        Where services are asked about one by one, ``service:id`` asks about one of them.
        """
        if category.startswith(SERVICE):
            return self.services.get(category.removeprefix(SERVICE)) == "granted"
        return self.states.get(category) == "granted"


class Decider:
    """Decides about the visitors of one site.

    Args:
        policy: the site's policy.
        cookies: reads what visitors chose.
    """

    def __init__(self, policy: Policy, cookies: ChoiceCookies) -> None:
        self._policy = policy
        self._cookies = cookies
        self._choosable = tuple((c.id, cookies.name(c.id)) for c in policy.choosable)
        self._gpc = cookies.name(GPC)
        self._decided: dict[tuple[object, ...], Decision] = {}

    def decide(self, signals: Signals) -> Decision:
        """Decide about every category of the policy."""
        regime = self._policy.regimes.of(signals.country)
        gpc = signals.gpc and regime.gpc
        mark = self._read(GPC, self._gpc, signals) if gpc else None
        consent_id, newest = (mark.consent_id, mark.time) if mark else ("", -1)
        said = []
        refused: dict[str, str] = {}
        for key, name in self._choosable:
            choice = self._read(key, name, signals)
            if choice is None:
                said.append(_NONE)
                continue
            if choice.denied:
                refused[key] = choice.denied
            if choice.time >= newest:
                consent_id, newest = choice.consent_id, choice.time
            holds = choice.fingerprint == self._policy.fingerprint(key)
            if choice.outcome == "denied":
                said.append(_DENIAL if holds else _STALE_DENIAL)
            elif holds:
                early = gpc and (mark is None or mark.time > choice.time)
                said.append(_EARLY_GRANT if early else _GRANT)
            else:
                # To which services somebody objected is not told by another list.
                said.append(_STALE_DENIAL if choice.denied else _STALE_GRANT)
        told = (regime.id, signals.country, gpc, mark is not None, *said, *refused.items())
        decision = self._decided.get(told)
        if decision is None:
            known = mark is not None
            decision = self._made(regime, signals.country, said, refused, gpc=gpc, known=known)
            if len(self._decided) >= _KEPT:
                self._decided.clear()
            self._decided[told] = decision
        if not consent_id:
            return decision
        return msgspec.structs.replace(decision, consent_id=consent_id)

    def _read(self, key: str, name: str, signals: Signals) -> Choice | None:
        values = signals.cookies.get(name)
        return self._cookies.read(key, values) if values else None

    def _made(
        self,
        regime: Regime,
        country: str,
        said: list[int],
        refused: dict[str, str],
        *,
        gpc: bool,
        known: bool,
    ) -> Decision:
        services: dict[str, State] = {}
        states: dict[str, State] = {}
        why: dict[str, Why] = {}
        undecided = []
        cookies = dict(zip((key for key, _ in self._choosable), said, strict=True))
        for category in self._policy.categories:
            key, mode = category.id, regime.modes[category.id]
            if mode == "none":
                states[key], why[key] = "granted", "always"
                continue
            cookie = cookies[key]
            if mode == "objection":
                states[key], why[key] = _by_objection(cookie, gpc=gpc)
            elif cookie in (_GRANT, _EARLY_GRANT, _DENIAL):
                states[key], why[key] = "denied" if cookie == _DENIAL else "granted", "choice"
            else:
                states[key], why[key] = "unset", "none" if cookie == _NONE else "stale"
                undecided.append(key)
            asked = self._policy.asked(key)
            services |= dict.fromkeys(asked, states[key])
            if key in refused and why[key] == "choice":
                services |= dict.fromkeys(unpack_denied(asked, refused[key]), "denied")
        return Decision(
            states=states,
            why=why,
            undecided=tuple(undecided),
            gpc=gpc,
            gpc_recorded=known or not (gpc and regime.objects),
            regime=regime.id,
            country=country,
            services=services,
        )


def _by_objection(cookie: int, *, gpc: bool) -> tuple[State, Why]:
    """The state of a category that is on until somebody objects."""
    if cookie == _DENIAL:
        return "denied", "choice"
    if cookie == _STALE_DENIAL:
        return "denied", "stale"
    if cookie == _GRANT:
        return "granted", "choice"
    return ("denied", "gpc") if gpc else ("granted", "no objection")


def decide(policy: Policy, cookies: ChoiceCookies, signals: Signals) -> Decision:
    """Decide about one visitor; who has many to decide about keeps a :class:`Decider`."""
    return Decider(policy, cookies).decide(signals)


def _objects(choice: Choice) -> bool:
    """Whether somebody objected; to which services does not say when the list is another now."""
    return choice.outcome == "denied" or bool(choice.denied)


def nothing_granted(policy: Policy) -> Decision:
    """The decision about a visitor of whom nothing can be known: only what is always on is on."""
    states: dict[str, State] = {c.id: "unset" for c in policy.choosable}
    why: dict[str, Why] = dict.fromkeys(states, "none")
    states |= dict.fromkeys(policy.always, "granted")
    why |= dict.fromkeys(policy.always, "always")
    undecided = tuple(c.id for c in policy.choosable if c.mode == "consent")
    services: dict[str, State] = {s: "unset" for c in policy.choosable for s in policy.asked(c.id)}
    regime = policy.regimes.strictest.id
    return Decision(states=states, why=why, undecided=undecided, regime=regime, services=services)
