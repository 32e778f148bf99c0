"""Settings of the example: what is consentkit's is marked, the rest is a small Django project."""

from __future__ import annotations

import secrets
from pathlib import Path

from consentkit.demo.site import settings_for_demo

DEBUG = True
# Nothing of this example outlives a restart but consentkit's own key, which is in a file.
SECRET_KEY = secrets.token_urlsafe(48)
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
ASGI_APPLICATION = "shop.asgi.application"
USE_TZ = True

INSTALLED_APPS = [
    "consentkit.django",  # consentkit: its system checks
]
MIDDLEWARE = [
    "consentkit.django.ConsentMiddleware",  # consentkit: first, so that it sees every page
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

# consentkit: the same keys as everywhere else.
CONSENTKIT = settings_for_demo("sqlite:///consent-django.db")
CONSENTKIT["services"].append(
    {
        "id": "desk",
        "name": "Your desk",
        "provider": "Harrow & Wick",
        "country": "GB",
        "category": "functional",
        "purpose": ["Counts how often you have been at your desk."],
        "cookies": [{"name": "desk_visits", "duration": "1 year", "purpose": "how often"}],
    }
)
