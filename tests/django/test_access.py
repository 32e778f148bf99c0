"""Django's staff as auditors."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.test import Client

from consentkit.django import access
from tests.adapters.site import settings


@pytest.mark.parametrize(
    ("user", "role"),
    [
        ({"is_active": True, "is_staff": True, "is_superuser": True}, "erase"),
        ({"is_active": True, "is_staff": True, "is_superuser": False}, "export"),
        ({"is_active": True, "is_staff": False, "is_superuser": False}, None),
        ({"is_active": False, "is_staff": True, "is_superuser": True}, None),
    ],
)
def test_staff_may_look_and_superusers_erase(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: Any, role: str | None
) -> None:
    def found(request: Any) -> Any:
        assert request.session["who"] == "anna"
        return SimpleNamespace(**user)

    monkeypatch.setattr(access, "get_user", found)
    project(
        CONSENTKIT={**settings(tmp_path), "audit": {}},
        CONSENTKIT_AUDIT_ACCESS="consentkit.django.access.staff",
    )
    client = Client()
    assert client.get("/consent/audit/api/records").status_code == 401
    session = SessionStore()
    session["who"] = "anna"
    session.save()
    client.cookies["sessionid"] = str(session.session_key)
    assert client.get("/consent/audit/api/records").status_code == (200 if role else 401)
    reply = client.post("/consent/audit/api/forget", "{}", content_type="application/json")
    assert reply.status_code == {"erase": 400, "export": 403, None: 401}[role]
