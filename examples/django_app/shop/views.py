"""The views: one that asks for the decision, and one for all pages of the demonstration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from consentkit.demo.site import respond

if TYPE_CHECKING:
    from consentkit.demo.site import Consent


class Request(HttpRequest):
    """A request as consentkit's middleware hands it on."""

    consent: Consent


def desk(request: Request) -> HttpResponse:
    """Count the visits of those who have agreed to it, and only theirs."""
    if not request.consent.granted("functional"):
        response = render(request, "desk.html", {"visits": None})
        response.delete_cookie("desk_visits")
        return response
    before = request.COOKIES.get("desk_visits", "")
    visits = (int(before) if before.isdecimal() else 0) + 1
    response = render(request, "desk.html", {"visits": visits})
    response.set_cookie("desk_visits", str(visits), max_age=365 * 86400, samesite="Lax")
    return response


def shop(request: Request) -> HttpResponse:
    """Answer with a page of the demonstration, its trackers as the vendors publish them."""
    status, content_type, body = respond(request.path_info, request.consent)
    return HttpResponse(body, content_type, status)
