"""The engine: settings in, one object out that adapters ask about each request."""

from consentkit.engine.consent import Consent
from consentkit.engine.exchange import Exchange, Plan
from consentkit.engine.kit import ConsentKit
from consentkit.engine.messages import Reply, Request

__all__ = ["Consent", "ConsentKit", "Exchange", "Plan", "Reply", "Request"]
