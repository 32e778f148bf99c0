"""The Flask extension, as Flask's users use it."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import (
    Blueprint,
    Flask,
    Response,
    g,
    make_response,
    render_template_string,
    request,
    send_file,
    session,
)
from flask.testing import FlaskClient
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import TestResponse

from consentkit.errors import SettingsError
from consentkit.flask import ConsentKit
from consentkit.wsgi import ConsentMiddleware
from tests.adapters.site import PAGE, is_gated, is_live, records, settings

SHOP = Blueprint("shop", __name__)


@SHOP.route("/")
def home() -> bytes:
    return PAGE


@SHOP.route("/ask")
def ask() -> str:
    return "yes" if g.consent.granted("analytics") else "no"


@SHOP.route("/foot")
def foot() -> str:
    return render_template_string("{{ consent.settings_link('Cookies') }}")


@SHOP.route("/stream")
def stream() -> Response:
    def chunks() -> Iterator[bytes]:
        for at in range(0, len(PAGE), 40):
            yield PAGE[at : at + 40]

    return Response(chunks(), mimetype="text/html")


@SHOP.route("/file")
def file() -> Response:
    return send_file(BytesIO(PAGE), mimetype="text/html", etag="v1")


@SHOP.route("/picture")
def picture() -> Response:
    return send_file(BytesIO(b"\x89PNG<script>"), mimetype="image/png")


@SHOP.route("/cookies")
def cookies() -> Response:
    response = make_response("hello")
    response.set_cookie("basket", "1")
    response.set_cookie("_ga", "GA1.2.3.4")
    return response


@SHOP.route("/fail")
def fail() -> str:
    raise ZeroDivisionError


def make_app(folder: Path, **more: Any) -> Flask:
    app = Flask(__name__, static_folder=str(folder), static_url_path="/static")
    (folder / "page.html").write_bytes(PAGE)
    app.config["CONSENTKIT"] = settings(folder, **more)
    app.register_blueprint(SHOP)
    app.register_blueprint(SHOP, url_prefix="/en", name="english")

    @app.errorhandler(404)
    @app.errorhandler(500)
    def error(fault: Exception) -> tuple[bytes, int]:
        return PAGE, getattr(fault, "code", None) or 500

    return app


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    made = make_app(tmp_path)
    ConsentKit(made)
    return made


def accept(visitor: FlaskClient) -> TestResponse:
    answer = visitor.post("/consent/", data={"action": "accept", "next": "/en/"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/en/"
    assert len(answer.headers.getlist("set-cookie")) == 3
    return answer


PATHS = ["/", "/en/", "/stream", "/file", "/static/page.html", "/nowhere", "/fail"]


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_gated(app: Flask, path: str) -> None:
    visitor = app.test_client()
    answer = visitor.get(path)
    assert answer.status_code == {"/nowhere": 404, "/fail": 500}.get(path, 200)
    assert is_gated(answer.data)
    assert answer.headers.get("content-length") is None
    answer.close()
    accept(visitor)
    live = visitor.get(path)
    assert is_live(live.data)
    live.close()


def test_an_app_factory(tmp_path: Path) -> None:
    extension = ConsentKit()
    app = make_app(tmp_path)
    extension.init_app(app)
    assert is_gated(app.test_client().get("/").data)
    assert app.extensions["consentkit"].settings.prefix == "/consent"


def test_twice_is_once(app: Flask) -> None:
    ConsentKit(app)
    app.wsgi_app = ConsentMiddleware(app.wsgi_app, app.extensions["consentkit"])  # type: ignore[method-assign]
    visitor = app.test_client()
    assert is_gated(visitor.get("/").data, banners=1)
    assert visitor.get("/ask").text == "no"


def test_views_and_templates_ask_for_consent(app: Flask, tmp_path: Path) -> None:
    visitor = app.test_client()
    assert visitor.get("/ask").text == "no"
    accept(visitor)
    assert visitor.get("/ask").text == visitor.get("/en/ask").text == "yes"
    link = '<a href="/consent/" data-consentkit="settings">Cookies</a>'
    assert visitor.get("/foot").text == link
    assert [record.event.action for record in records(tmp_path)] == ["accept"]


def test_functions_before_each_request_find_it_too(app: Flask) -> None:
    seen = []

    @app.before_request
    def look() -> None:
        seen.append(g.consent.granted("necessary"))

    app.test_client().get("/")
    assert seen == [True]


def test_contexts_that_passed_no_gate(app: Flask) -> None:
    """A test or a script that renders templates without a server."""
    with app.test_request_context("/"):
        text = "{{ consent.granted('necessary') }} {{ consent.granted('analytics') }}"
        assert render_template_string(text) == "True False"
        app.preprocess_request()
        assert not g.consent.granted("analytics")
    with app.app_context():
        assert render_template_string("{{ consent is defined }}") == "False"


def test_files_that_are_no_pages_are_whole(app: Flask) -> None:
    with app.test_client() as visitor, visitor.get("/picture") as answer:
        assert answer.data == b"\x89PNG<script>"
        assert answer.headers["content-length"] == "12"


def test_conditions_by_state(app: Flask) -> None:
    visitor = app.test_client()
    tag = visitor.get("/file").headers["etag"]
    assert visitor.get("/file", headers={"If-None-Match": tag}).status_code == 304
    accept(visitor)
    changed = visitor.get("/file", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert is_live(changed.data)
    changed.close()


def test_cookies_of_the_site_stay_and_those_of_trackers_do_not(app: Flask) -> None:
    visitor = app.test_client()
    names = [c.partition("=")[0] for c in visitor.get("/cookies").headers.getlist("set-cookie")]
    assert names == ["basket"]
    accept(visitor)
    names = [c.partition("=")[0] for c in visitor.get("/cookies").headers.getlist("set-cookie")]
    assert names == ["basket", "_ga"]


def test_head(app: Flask) -> None:
    answer = app.test_client().head("/")
    assert answer.status_code == 200
    assert answer.data == b""
    assert "content-length" not in answer.headers


def test_exceptions_reach_the_test_client(app: Flask) -> None:
    app.testing = True
    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/fail")


def test_debug_mode(app: Flask) -> None:
    app.debug = True
    assert is_gated(app.test_client().get("/").data)


def test_a_request_of_its_own(app: Flask) -> None:
    """What a view reads of the request is what the browser sent."""

    @app.route("/echo", methods=["POST"])
    def echo() -> bytes:
        return request.get_data()

    answer = app.test_client().post("/echo", data=b"a=1", content_type="text/plain")
    assert answer.data.endswith(b"a=1")


@pytest.mark.parametrize("proxy_outside", [True, False])
def test_behind_a_proxy_with_a_prefix(tmp_path: Path, proxy_outside: bool) -> None:
    app = make_app(tmp_path)
    if proxy_outside:
        ConsentKit(app)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1, x_proto=1)  # type: ignore[method-assign]
    if not proxy_outside:
        ConsentKit(app)
    headers = {"X-Forwarded-Prefix": "/shop", "X-Forwarded-Proto": "https"}
    answer = app.test_client().get("/", headers=headers)
    assert is_gated(answer.data)
    home = b"/shop/consent/" if proxy_outside else b"/consent/"
    assert b'action="' + home + b'"' in answer.data


def test_missing_settings() -> None:
    with pytest.raises(SettingsError, match=r'app\.config\["CONSENTKIT"\]') as raised:
        ConsentKit(Flask(__name__))
    assert "secret_keys" in str(raised.value)


def test_wrong_settings() -> None:
    app = Flask(__name__)
    app.config["CONSENTKIT"] = {"secret_keys": ["short"], "prefx": "/c"}
    with pytest.raises(SettingsError) as raised:
        ConsentKit(app)
    assert len(raised.value.faults) == 2
    assert not isinstance(app.wsgi_app, ConsentMiddleware)


def test_logins_of_the_app_open_the_pages_for_auditors(tmp_path: Path) -> None:
    app = Flask(__name__)
    app.config["CONSENTKIT"] = {**settings(tmp_path), "audit": {}}
    app.secret_key = "s" * 32

    @app.post("/login")
    def login() -> str:
        session["boss"] = True
        return "hello"

    ConsentKit(app, audit_access=lambda: "read" if session.get("boss") else None)
    with app.test_client() as client:
        assert client.get("/consent/audit/api/records").status_code == 401
        client.post("/login")
        assert client.get("/consent/audit/api/records").status_code == 200
        assert client.get("/consent/audit/api/export").status_code == 403
