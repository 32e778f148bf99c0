"""The settings of a site: one dict, TOML file or :class:`Settings`, checked whole at start-up.

All mistakes are reported at once, each with the path of the key, the value, what was expected and
the nearest right spelling. What comes out is frozen. Nothing here looks at the world: no file but
the settings file itself is opened, no environment variable is read.
"""

from consentkit.settings.checks import nearest
from consentkit.settings.model import (
    GPC,
    NECESSARY,
    UNCLASSIFIED,
    AuditSettings,
    AuditTokenSettings,
    BannerSettings,
    CategorySettings,
    CheckpointSettings,
    ChoiceCookieSettings,
    ConsentModeSettings,
    CookieSettings,
    LimitSettings,
    LogSettings,
    PolicySettings,
    RegimeSettings,
    RegionDefaultSettings,
    ServiceSettings,
    Settings,
)
from consentkit.settings.reading import load_settings

__all__ = [
    "GPC",
    "NECESSARY",
    "UNCLASSIFIED",
    "AuditSettings",
    "AuditTokenSettings",
    "BannerSettings",
    "CategorySettings",
    "CheckpointSettings",
    "ChoiceCookieSettings",
    "ConsentModeSettings",
    "CookieSettings",
    "LimitSettings",
    "LogSettings",
    "PolicySettings",
    "RegimeSettings",
    "RegionDefaultSettings",
    "ServiceSettings",
    "Settings",
    "load_settings",
    "nearest",
]
