"""The gate alone, for static sites, tests and tools: a page in, a gated page out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from consentkit.gate.judge import Judge
from consentkit.gate.rewriter import Gate
from consentkit.policy import Policy
from consentkit.settings import Settings, load_settings

__all__ = ["gate_html"]

Html = TypeVar("Html", bytes, str)


@lru_cache(maxsize=8)
def _policy(settings: Settings) -> Policy:
    return Policy(settings)


def gate_html(
    html: Html, settings: Settings | Mapping[str, Any] | str | Path, granted: Iterable[str] = ()
) -> Html:
    """Put every tag to sleep whose categories are not all granted.

    Nothing is added to the page: no banner, no client script. Any bytes will do; a page without a
    tag to hold back comes out as it went in.

    Args:
        html: a page or a piece of one, as bytes in an encoding compatible with ASCII, or as text.
        settings: settings, a dict or the path of a TOML file.
        granted: the categories that are agreed to.

    Returns:
        The page, of the type that was given.

    Raises:
        SettingsError: when the settings cannot be used, or ``granted`` names no category of them.
    """
    checked = load_settings(settings)
    try:
        policy = _policy(checked)
    except TypeError:  # settings with texts of their own cannot be hashed
        policy = Policy(checked)
    gate = Gate(Judge(policy, policy.always | policy.known(granted)), limits=checked.limits)
    if isinstance(html, str):
        page = html.encode("utf-8", "surrogatepass")
        return (gate.feed(page) + gate.close()).decode("utf-8", "surrogatepass")
    return gate.feed(html) + gate.close()
