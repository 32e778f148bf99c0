"""What the settings and the catalogue mean together: the policy, and the matcher it compiles."""

from consentkit.policy.policy import Policy
from consentkit.policy.regimes import Regime, Regimes, country_of
from consentkit.policy.rules import browser_rules
from consentkit.policy.services import SERVICE, pack_denied, unpack_denied
from consentkit.policy.sites import parent_domains, registrable_domain

__all__ = [
    "SERVICE",
    "Policy",
    "Regime",
    "Regimes",
    "browser_rules",
    "country_of",
    "pack_denied",
    "parent_domains",
    "registrable_domain",
    "unpack_denied",
]
