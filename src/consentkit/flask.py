"""Flask: ``ConsentKit(app)`` or ``init_app``, with ``app.config["CONSENTKIT"]``.

The app's WSGI entry is wrapped, so that error pages and files are gated as well. Views ask
``flask.g.consent.granted("analytics")``; templates have ``consent``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, current_app, g, has_request_context, request

from consentkit.engine import Consent, Request
from consentkit.engine import ConsentKit as Kit
from consentkit.errors import Fault, SettingsError
from consentkit.wsgi import KEY, ConsentMiddleware, read_request

__all__ = ["ConsentKit"]

_CONFIG = "CONSENTKIT"


class ConsentKit:
    """The Flask extension.

    Args:
        app: the app, when it is there already; else call :meth:`init_app`.
        audit_access: who may see the pages for auditors: called within a request context, with
            ``flask.session`` at hand; returns ``read``, ``export``, ``erase`` or None.
    """

    def __init__(
        self, app: Flask | None = None, *, audit_access: Callable[[], str | None] | None = None
    ) -> None:
        self._audit_access = audit_access
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Put an app behind the gate.

        Raises:
            SettingsError: with every mistake in ``app.config["CONSENTKIT"]``.
        """
        if _CONFIG not in app.config:
            expected = 'settings such as {"secret_keys": ["…"]}'
            fault = Fault(path=f'app.config["{_CONFIG}"]', value="nothing", expected=expected)
            raise SettingsError((fault,))
        kit = Kit(app.config[_CONFIG], audit_access=_asking(app, self._audit_access))
        middleware = ConsentMiddleware(app.wsgi_app, kit)
        app.wsgi_app = middleware  # type: ignore[method-assign]
        app.extensions[KEY] = middleware.kit
        # First of all, so that the site's own functions find it.
        app.before_request_funcs.setdefault(None, []).insert(0, _set_consent)
        app.context_processor(_template_values)


def _asking(
    app: Flask, ask: Callable[[], str | None] | None
) -> Callable[[Request], str | None] | None:
    """What asks within a context of the app: our pages are answered before it has one."""
    if ask is None:
        return None

    def asked(facts: Request) -> str | None:
        headers = [(name.decode("latin-1"), v.decode("latin-1")) for name, v in facts.headers]
        with app.test_request_context(
            facts.url, base_url=f"{facts.scheme}://{facts.host}", headers=headers
        ):
            return ask()

    return asked


def _set_consent() -> None:
    consent: Consent | None = request.environ.get(KEY)
    if consent is None:  # a context of a test's or a script's own, which passed no gate
        consent = current_app.extensions[KEY].begin(read_request(request.environ)).consent
    g.consent = consent


def _template_values() -> dict[str, Any]:
    if not has_request_context():
        return {}
    if "consent" not in g:
        _set_consent()
    return {"consent": g.consent}
