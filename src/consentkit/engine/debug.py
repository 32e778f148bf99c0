"""What ``debug`` adds to a page: which categories are on and why, and what was held back.

For developers alone. It tells every visitor how the page was made, so it has no place on a site
that is open to all; starting up with it is logged as a warning.
"""

from __future__ import annotations

from collections.abc import Callable

from consentkit.consent import Decision
from consentkit.gate import Judge

__all__ = ["closing_comment", "explanation"]


def explanation(decision: Decision) -> str:
    """The state of each category and its reason, on one line."""
    states = [f"{key}={state} ({decision.why[key]})" for key, state in decision.states.items()]
    place = f"regime={decision.regime or 'default'} country={decision.country or 'unknown'}"
    return "; ".join([*states, place, f"gpc={'on' if decision.gpc else 'off'}"])


def closing_comment(decision: Decision, judge: Judge) -> Callable[[], bytes]:
    """Makes the comment behind a page, once all of the page was judged."""

    def comment() -> bytes:
        held = ", ".join(
            f"{' + '.join(service.id for service in verdict.services)} needs "
            f"{' + '.join(verdict.categories)}"
            for verdict in judge.held
        )
        text = f"consentkit: {explanation(decision)}; held back: {held or 'nothing'}"
        return f"\n<!-- {text.replace('--', '- -')} -->\n".encode("ascii", "replace")

    return comment
