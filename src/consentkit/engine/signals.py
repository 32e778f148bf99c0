"""The first script of a page: what vendors are told about consent before any of their tags.

The script is static; what it says stands in attributes of its tag. So the same bytes do inline and
as a file, for pages whose policy lets no inline script of ours run.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from consentkit.catalogue import Signal
from consentkit.consent import Decision
from consentkit.policy import Policy
from consentkit.settings import Settings

if TYPE_CHECKING:
    from consentkit.engine.kit import ConsentKit

__all__ = ["consent_defaults", "said"]


def said(policy: Policy) -> bytes:
    """What is to be said to whom: JSON for ``static/src/signals.js``, as an attribute has it."""
    text = msgspec.json.encode([_said(signal, policy) for signal in policy.signals]).decode()
    return escape(text).encode("ascii", "xmlcharrefreplace")


def _said(signal: Signal, policy: Policy) -> dict[str, Any]:
    """One signal, with the keys that it uses."""
    mode = policy.settings.consent_mode
    known = {category.id for category in policy.categories}
    types: dict[str, str | bool] = {}
    for name, usual in signal.types.items():
        category = mode.types.get(name, usual)
        types[name] = category in policy.always or (category if category in known else False)
    told: dict[str, Any] = {
        "q": signal.queue,
        "h": signal.how,
        "d": signal.default,
        "u": signal.update,
        "t": types,
        "b": 1 if signal.values == "boolean" else None,
        "c": mode.types.get(signal.id, signal.category),
        "g": signal.granted,
        "n": signal.denied,
        "o": _options(signal, policy.settings),
    }
    if signal.regions:
        told["r"] = [{"region": r.regions, "granted": r.granted} for r in mode.regions]
        # Who holds every tag back until there is a choice has nothing to wait for.
        told["w"] = mode.wait_for_update if mode.mode == "advanced" else 0
    return {key: value for key, value in told.items() if value}


def _options(signal: Signal, settings: Settings) -> list[tuple[str | bool, ...]]:
    return [
        (*words, True)
        for key, words in signal.options.items()
        if getattr(settings.consent_mode, key)
    ]


def consent_defaults(
    kit: ConsentKit, root: str, decision: Decision, nonce: bytes, *, inline: bool
) -> bytes:
    """The tag that tells vendors what is granted; nothing when nobody has to be told.

    Args:
        root: where the site is mounted.
        decision: about the visitor, or about none when pages are the same for all.
        nonce: of the page's policy, if it has one.
        inline: whether an inline script may run on the page.
    """
    if not kit.policy.signals:
        return b""
    parts = [b'<script data-consentkit="signals" data-signals="', kit.said, b'"']
    parts.append(kit.told(decision))
    if nonce:
        parts += (b' nonce="', nonce, b'"')
    if inline:
        parts += (b">", kit.assets.signals.content.strip(), b"</script>")
    else:
        parts += (b' src="', f"{kit.home(root)}static/{kit.assets.signals.name}".encode(), b'">')
        parts.append(b"</script>")
    return b"".join(parts)
