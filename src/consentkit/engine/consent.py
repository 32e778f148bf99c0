"""What a handler or template of the site is given: the visitor's decision, ready to ask.

Most requests never ask, so that the decision is made when somebody does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from markupsafe import Markup
from msgspec import Struct

from consentkit.consent import Decision

if TYPE_CHECKING:
    from consentkit.engine.exchange import Exchange

__all__ = ["Consent"]


class Consent(Struct, frozen=True):
    """A visitor's consent, as the site's own code sees it."""

    _exchange: Callable[[], Exchange]

    @property
    def decision(self) -> Decision:
        """The state of every category, and why it is so."""
        return self._exchange().decision

    @property
    def settings_url(self) -> str:
        """The page where the choice is made and changed."""
        return self._exchange().home

    def granted(self, category: str) -> bool:
        """Whether the visitor agreed to a category, or to one service of it (``service:id``)."""
        return self.decision.granted(category)

    @property
    def gpc(self) -> bool:
        """Whether the browser sends Global Privacy Control and it is honoured; some laws want
        visitors to be shown that."""
        return self.decision.gpc

    @property
    def categories(self) -> dict[str, str]:
        """Every category with ``granted``, ``denied`` or ``unset``."""
        return dict(self.decision.states)

    def settings_link(self, text: str = "Cookie settings") -> Markup:
        """A link to the settings, for the foot of each page."""
        return Markup('<a href="{}" data-consentkit="settings">{}</a>').format(
            self.settings_url, text
        )
