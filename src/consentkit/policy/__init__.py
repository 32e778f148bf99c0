"""What the settings and the catalogue mean together: the policy, and the matcher it compiles."""

from consentkit.policy.policy import Policy
from consentkit.policy.regimes import Regime, Regimes, country_of
from consentkit.policy.sites import parent_domains

__all__ = ["Policy", "Regime", "Regimes", "country_of", "parent_domains"]
