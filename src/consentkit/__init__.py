"""consentkit: no tracker runs before the visitor has agreed to it.

The middleware lives in ``consentkit.asgi`` and ``consentkit.wsgi``, the integrations in
``consentkit.flask`` and ``consentkit.django``.
"""

from consentkit.consent import Decision
from consentkit.engine import Consent, ConsentKit
from consentkit.errors import (
    CatalogueError,
    ConsentKitError,
    LogError,
    LogTampered,
    LogUnavailable,
    LogUnreadable,
    RequestRefused,
    SettingsError,
)
from consentkit.gate import gate_html
from consentkit.settings import Settings, load_settings

__all__ = [
    "CatalogueError",
    "Consent",
    "ConsentKit",
    "ConsentKitError",
    "Decision",
    "LogError",
    "LogTampered",
    "LogUnavailable",
    "LogUnreadable",
    "RequestRefused",
    "Settings",
    "SettingsError",
    "__version__",
    "gate_html",
    "load_settings",
]

__version__ = "0.1.0"
