"""Django: ``INSTALLED_APPS += ["consentkit.django"]`` and, first in ``MIDDLEWARE``,
``"consentkit.django.ConsentMiddleware"``, with ``CONSENTKIT = {...}``.

Views ask ``request.consent.granted("analytics")``; templates get ``consent`` from the context
processor ``consentkit.django.context.consent``.
"""

from consentkit.django.middleware import ConsentMiddleware

__all__ = ["ConsentMiddleware"]
