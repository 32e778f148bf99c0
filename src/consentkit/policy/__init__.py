"""What the settings and the catalogue mean together: the policy, and the matcher it compiles."""

from consentkit.policy.policy import Policy
from consentkit.policy.sites import parent_domains

__all__ = ["Policy", "parent_domains"]
