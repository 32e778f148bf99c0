"""From the signals of a request and its cookies to a decision: what is granted, and why."""

from consentkit.consent.cookies import ChoiceCookies
from consentkit.consent.decision import Decider, Decision, decide, nothing_granted
from consentkit.consent.signals import Signals

__all__ = ["ChoiceCookies", "Decider", "Decision", "Signals", "decide", "nothing_granted"]
