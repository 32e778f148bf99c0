"""How long a cookie stays, in the visitor's language.

The catalogue and the settings state durations in English ("2 years", "session", "13 to 24 months").
Promise: what is written that way is said in the language of the texts, anything else as it stands.
"""

from __future__ import annotations

import re

from consentkit.banner.texts import Texts

__all__ = ["duration"]

_AMOUNT = re.compile(r"([0-9]{1,6}) (second|minute|hour|day|week|month|year)s?")
_NUMBER = re.compile(r"[0-9]{1,6}")
_WORDS = {"session": "duration_session", "no expiry": "duration_endless"}


def duration(text: str, texts: Texts) -> str:
    """A duration as the texts say it; a sentence of its own when there is none."""
    if not text:
        return texts("duration_unknown")
    shortest, to, longest = text.partition(" to ")
    if not to:
        return _said(text, texts) or text
    # "13 to 24 months": the unit stands once.
    first = shortest if _NUMBER.fullmatch(shortest) else _said(shortest, texts)
    last = _said(longest, texts)
    return texts("duration_range", shortest=first, longest=last) if first and last else text


def _said(text: str, texts: Texts) -> str:
    if text in _WORDS:
        return texts(_WORDS[text])
    found = _AMOUNT.fullmatch(text)
    return texts.count(f"{found[2]}s", int(found[1])) if found else ""
