"""The catalogue: which services put tags on pages, how to tell them, and what to say of them.

:func:`load_catalogue` gives the shipped services merged with the site's own list.
"""

from consentkit.catalogue.load import load_catalogue, shipped_services
from consentkit.catalogue.model import Catalogue, Cookie, Host, Service
from consentkit.catalogue.signals import Signal, shipped_signals

__all__ = [
    "Catalogue",
    "Cookie",
    "Host",
    "Service",
    "Signal",
    "load_catalogue",
    "shipped_services",
    "shipped_signals",
]
