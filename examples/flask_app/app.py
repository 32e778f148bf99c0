"""The demonstration shop as a Flask application, protected by one line.

``/desk`` is a page of its own that asks for the decision before it remembers anything.
"""

from __future__ import annotations

from flask import Flask, Response, g, make_response, render_template, request

from consentkit.demo.site import respond, settings_for_demo
from consentkit.flask import ConsentKit

app = Flask(__name__)

settings = settings_for_demo("sqlite:///consent-flask.db")
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
app.config["CONSENTKIT"] = settings
ConsentKit(app)


@app.get("/desk")
def desk() -> Response:
    """Count the visits of those who have agreed to it, and only theirs."""
    if not g.consent.granted("functional"):
        response = make_response(render_template("desk.html", visits=None))
        response.delete_cookie("desk_visits")
        return response
    visits = request.cookies.get("desk_visits", 0, type=int) + 1
    response = make_response(render_template("desk.html", visits=visits))
    response.set_cookie("desk_visits", str(visits), max_age=365 * 86400, samesite="Lax")
    return response


@app.get("/")
@app.get("/<path:name>")
def shop(name: str = "") -> Response:
    """Every other page is the demonstration's, with its trackers as the vendors publish them."""
    status, content_type, body = respond(f"/{name}", g.consent)
    return Response(body, status, content_type=content_type)
