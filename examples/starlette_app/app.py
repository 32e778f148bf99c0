"""The demonstration shop as a Starlette application, protected by one line.

``/desk`` is a page of its own that asks for the decision before it remembers anything.
"""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from consentkit.asgi import ConsentMiddleware
from consentkit.demo.site import respond, settings_for_demo

settings = settings_for_demo("sqlite:///consent-starlette.db")
settings["services"].append(
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
templates = Jinja2Templates(Path(__file__).parent / "templates")


async def desk(request: Request) -> Response:
    """Count the visits of those who have agreed to it, and only theirs."""
    consent = request.state.consent
    if not consent.granted("functional"):
        response = templates.TemplateResponse(
            request, "desk.html", {"consent": consent, "visits": None}
        )
        response.delete_cookie("desk_visits")
        return response
    before = request.cookies.get("desk_visits", "")
    visits = (int(before) if before.isdecimal() else 0) + 1
    response = templates.TemplateResponse(
        request, "desk.html", {"consent": consent, "visits": visits}
    )
    response.set_cookie("desk_visits", str(visits), max_age=365 * 86400, samesite="lax")
    return response


async def shop(request: Request) -> Response:
    """Every other page is the demonstration's, with its trackers as the vendors publish them."""
    status, content_type, body = respond(request.url.path, request.state.consent)
    return Response(body, status, {"content-type": content_type})


app = Starlette(routes=[Route("/desk", desk), Route("/{path:path}", shop)])
app.add_middleware(ConsentMiddleware, settings=settings)
