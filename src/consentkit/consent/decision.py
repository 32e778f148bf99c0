"""What a visitor agreed to, category by category, and why it is so.

``decide`` is pure and total: it takes the signals of a request and the policy, and answers
*granted* only for what is always on, what a valid cookie grants, or what nobody objected to in a
category that works by objection. Any doubt means *unset*, and whoever objected once has objected.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from consentkit.consent.cookies import ChoiceCookies
from consentkit.consent.signals import Signals
from consentkit.policy import Policy

__all__ = ["Decision", "State", "decide", "nothing_granted"]

State = Literal["granted", "denied", "unset"]
Why = Literal["always", "choice", "stale", "none", "gpc", "no objection"]


class Decision(Struct, frozen=True, kw_only=True):
    """The state of each category for one visitor.

    Attributes:
        states: every category of the site.
        why: the reason for each state: it is ``always`` on, the visitor's ``choice``, a choice
            about another list of services (``stale``), no choice (``none``), Global Privacy
            Control (``gpc``), or ``no objection``.
        consent_id: the pseudonym under which the choice was recorded; empty when there is none.
        undecided: the categories that the visitor has still to be asked about.
        gpc: whether the request carried Global Privacy Control.
    """

    states: dict[str, State]
    why: dict[str, Why]
    consent_id: str = ""
    undecided: tuple[str, ...] = ()
    gpc: bool = False

    def granted(self, category: str) -> bool:
        """Whether the visitor agreed to a category; false for one that does not exist."""
        return self.states.get(category) == "granted"

    @property
    def grants(self) -> frozenset[str]:
        """All categories that are granted."""
        return frozenset(key for key, state in self.states.items() if state == "granted")

    @property
    def key(self) -> str:
        """A short name for all of this that a page shows, for validators of cached pages."""
        letters = {"granted": "g", "denied": "d", "unset": "u"}
        states = "".join(letters[self.states[key]] for key in sorted(self.states))
        return f"{states}{int(bool(self.undecided))}{int(self.gpc)}"


def decide(policy: Policy, cookies: ChoiceCookies, signals: Signals) -> Decision:
    """Decide about every category of the policy."""
    states: dict[str, State] = {}
    why: dict[str, Why] = {}
    consent_id = ""
    undecided = []
    newest = -1
    gpc = signals.gpc and policy.settings.honour_gpc
    for category in policy.categories:
        key = category.id
        if category.mode == "none":
            states[key], why[key] = "granted", "always"
            continue
        values = signals.cookies.get(cookies.name(key))
        choice = cookies.read(key, values) if values else None
        if choice is not None and choice.time >= newest:
            consent_id, newest = choice.consent_id, choice.time
        if choice is not None and choice.fingerprint == policy.fingerprint(key):
            states[key], why[key] = choice.outcome, "choice"
        elif category.mode == "objection" and choice is not None and choice.outcome == "denied":
            states[key], why[key] = "denied", "stale"
        elif category.mode == "objection":
            states[key], why[key] = ("denied", "gpc") if gpc else ("granted", "no objection")
        else:
            states[key], why[key] = "unset", "stale" if choice else "none"
            undecided.append(key)
    return Decision(
        states=states, why=why, consent_id=consent_id, undecided=tuple(undecided), gpc=gpc
    )


def nothing_granted(policy: Policy) -> Decision:
    """The decision about a visitor of whom nothing can be known: only what is always on is on."""
    states: dict[str, State] = {c.id: "unset" for c in policy.choosable}
    why: dict[str, Why] = dict.fromkeys(states, "none")
    states |= dict.fromkeys(policy.always, "granted")
    why |= dict.fromkeys(policy.always, "always")
    undecided = tuple(c.id for c in policy.choosable if c.mode == "consent")
    return Decision(states=states, why=why, undecided=undecided)
