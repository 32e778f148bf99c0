"""The protected demonstration as an application, for servers other than its own command."""

from __future__ import annotations

from pathlib import Path

from consentkit.demo.site import settings_for_demo, wsgi_app
from consentkit.wsgi import ConsentMiddleware

# Each server has a working directory of its own, and so a log of its own.
protected_wsgi = ConsentMiddleware(
    wsgi_app, settings_for_demo(f"sqlite:///{Path('consent.db').absolute()}")
)
