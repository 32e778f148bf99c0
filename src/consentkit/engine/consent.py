"""What a handler or template of the site is given: the visitor's decision, ready to ask."""

from __future__ import annotations

from markupsafe import Markup
from msgspec import Struct

from consentkit.consent import Decision

__all__ = ["Consent"]


class Consent(Struct, frozen=True, kw_only=True):
    """A visitor's consent, as the site's own code sees it.

    Attributes:
        decision: the state of every category, and why it is so.
        settings_url: the page where the choice is made and changed.
    """

    decision: Decision
    settings_url: str

    def granted(self, category: str) -> bool:
        """Whether the visitor agreed to a category."""
        return self.decision.granted(category)

    @property
    def categories(self) -> dict[str, str]:
        """Every category with ``granted``, ``denied`` or ``unset``."""
        return dict(self.decision.states)

    def settings_link(self, text: str = "Cookie settings") -> Markup:
        """A link to the settings, for the foot of each page."""
        return Markup('<a href="{}" data-consentkit="settings">{}</a>').format(
            self.settings_url, text
        )
