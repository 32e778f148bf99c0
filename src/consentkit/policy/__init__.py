"""What the settings and the catalogue mean together: the policy, and the matcher it compiles."""

from consentkit.policy.policy import Policy
from consentkit.policy.regimes import Regime, Regimes, country_of
from consentkit.policy.services import SERVICE, pack_denied, unpack_denied
from consentkit.policy.sites import parent_domains

__all__ = [
    "SERVICE",
    "Policy",
    "Regime",
    "Regimes",
    "country_of",
    "pack_denied",
    "parent_domains",
    "unpack_denied",
]
