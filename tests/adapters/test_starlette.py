"""Starlette and FastAPI: as their users add it, among the middleware that they have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any, Never

import pytest
from fastapi import Depends, FastAPI, WebSocket
from fastapi import Request as FastAPIRequest
from fastapi.responses import HTMLResponse as FastAPIHTMLResponse
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from consentkit.asgi import ConsentMiddleware
from consentkit.engine import Consent
from tests.adapters.site import PAGE, is_gated, is_live, records, settings

BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}


async def home(request: Request) -> Response:
    return HTMLResponse(PAGE, headers={"etag": '"v1"'})


async def ask(request: Request) -> Response:
    consent: Consent = request.state.consent
    assert consent is request.scope["consentkit"]
    request.scope.get("session", {})["seen"] = True
    return PlainTextResponse("yes" if consent.granted("analytics") else "no")


async def stream(request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(PAGE), 40):
            yield PAGE[at : at + 40]

    return StreamingResponse(chunks(), media_type="text/html")


async def fail(request: Request) -> Never:
    raise ZeroDivisionError


async def not_found(request: Request, _: Exception) -> Response:
    return HTMLResponse(PAGE, status_code=404)


async def failed(request: Request, _: Exception) -> Response:
    return HTMLResponse(PAGE, status_code=500)


def site(folder: Path, *middleware: Middleware) -> Starlette:
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_bytes(PAGE)
    (folder / "site" / "data.json").write_bytes(b'{"a": 1}')

    async def file(request: Request) -> Response:
        return FileResponse(folder / "site" / "index.html")

    return Starlette(
        routes=[
            Route("/", home),
            Route("/ask", ask),
            Route("/stream", stream),
            Route("/file", file),
            Route("/fail", fail),
            Mount("/static", StaticFiles(directory=folder / "site", html=True)),
            Mount("/sub", routes=[Route("/", home), Route("/ask", ask)]),
        ],
        middleware=middleware,
        exception_handlers={404: not_found, 500: failed},
    )


def client(app: Any, **options: Any) -> TestClient:
    return TestClient(app, base_url="https://shop.example", headers=BROWSER, **options)


def accept(visitor: TestClient) -> None:
    answer = visitor.post("/consent/", data={"action": "accept"}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    assert len(answer.headers.get_list("set-cookie")) == 3


@pytest.fixture
def app(tmp_path: Path) -> Starlette:
    made = site(tmp_path)
    made.add_middleware(ConsentMiddleware, settings=settings(tmp_path))
    return made


@pytest.mark.parametrize("path", ["/", "/stream", "/file", "/static/", "/sub/", "/nowhere"])
def test_pages_are_gated(app: Starlette, path: str) -> None:
    with client(app) as visitor:
        answer = visitor.get(path)
        assert is_gated(answer.content)
        assert answer.status_code == (404 if path == "/nowhere" else 200)
        accept(visitor)
        assert is_live(visitor.get(path).content)


def test_handlers_ask_for_consent(app: Starlette, tmp_path: Path) -> None:
    with client(app) as visitor:
        assert visitor.get("/ask").text == visitor.get("/sub/ask").text == "no"
        accept(visitor)
        assert visitor.get("/ask").text == visitor.get("/sub/ask").text == "yes"
    assert [record.event.action for record in records(tmp_path)] == ["accept"]


def test_files_that_are_no_pages_are_whole(app: Starlette) -> None:
    with client(app) as visitor:
        answer = visitor.get("/static/data.json", headers={"accept": "*/*"})
        assert answer.content == b'{"a": 1}'
        headers = {"accept": "application/json", "if-none-match": answer.headers["etag"]}
        again = visitor.get("/static/data.json", headers={**headers, "sec-fetch-dest": "empty"})
        assert again.status_code == 304


def test_a_static_page_is_revalidated_by_state(app: Starlette) -> None:
    with client(app) as visitor:
        first = visitor.get("/static/")
        conditions = {
            "if-none-match": first.headers["etag"],
            "if-modified-since": first.headers["last-modified"],
        }
        assert visitor.get("/static/", headers=conditions).status_code == 304
        accept(visitor)
        changed = visitor.get("/static/", headers=conditions)
        assert changed.status_code == 200
        assert is_live(changed.content)


def test_head(app: Starlette) -> None:
    with client(app) as visitor:
        for path in ("/", "/file", "/static/"):
            answer = visitor.head(path)
            assert answer.status_code == 200
            assert answer.content == b""
            assert "content-length" not in answer.headers


def test_the_500_page_of_the_framework(tmp_path: Path) -> None:
    """Starlette makes it outside of all added middleware; a wrapped app shows it gated as well."""
    made = ConsentMiddleware(site(tmp_path), settings(tmp_path))
    with client(made, raise_server_exceptions=False) as visitor:
        answer = visitor.get("/fail")
        assert answer.status_code == 500
        assert is_gated(answer.content)


def test_background_tasks_run(tmp_path: Path) -> None:
    done: list[bool] = []

    async def later(request: Request) -> Response:
        return HTMLResponse(PAGE, background=BackgroundTask(partial(done.append, True)))

    made = Starlette(routes=[Route("/", later)])
    made.add_middleware(ConsentMiddleware, settings=settings(tmp_path))
    with client(made) as visitor:
        assert is_gated(visitor.get("/").content)
    assert done == [True]


class Passing(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-passed"] = "1"
        return response


OTHERS: dict[str, Callable[[], Middleware]] = {
    "gzip": lambda: Middleware(GZipMiddleware, minimum_size=10),
    "session": lambda: Middleware(SessionMiddleware, secret_key="s" * 40),
    "cors": lambda: Middleware(
        CORSMiddleware, allow_origins=["https://other.example"], allow_credentials=True
    ),
    "base": lambda: Middleware(Passing),
}


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("other", OTHERS)
def test_among_other_middleware(tmp_path: Path, other: str, outside: bool) -> None:
    ours = Middleware(ConsentMiddleware, settings=settings(tmp_path))
    stack = [OTHERS[other](), ours] if outside else [ours, OTHERS[other]()]
    with client(site(tmp_path, *stack)) as visitor:
        for path in ("/", "/stream", "/file", "/static/", "/nowhere"):
            answer = visitor.get(path, headers={"accept-encoding": "gzip"})
            assert is_gated(answer.content), path
            zipped = other == "gzip" and outside
            assert answer.headers.get("content-encoding") == ("gzip" if zipped else None)
        accept(visitor)
        assert is_live(visitor.get("/").content)
        assert visitor.get("/ask").text == "yes"


@pytest.mark.parametrize("outside", [False, True])
def test_cors_does_not_let_others_choose(tmp_path: Path, outside: bool) -> None:
    ours = Middleware(ConsentMiddleware, settings=settings(tmp_path))
    stack = [OTHERS["cors"](), ours] if outside else [ours, OTHERS["cors"]()]
    headers = {"origin": "https://other.example", "sec-fetch-site": "cross-site"}
    with client(site(tmp_path, *stack)) as visitor:
        answer = visitor.post("/consent/", json={"action": "accept"}, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    assert not (tmp_path / "consent.db").exists()


def test_sessions_of_the_site_are_kept(tmp_path: Path) -> None:
    ours = Middleware(ConsentMiddleware, settings=settings(tmp_path))
    with client(site(tmp_path, ours, OTHERS["session"]())) as visitor:
        assert "session=" in visitor.get("/ask").headers["set-cookie"]


def test_a_mounted_site(tmp_path: Path) -> None:
    """Wrapped apps below a mount have their pages below it too."""
    inner = ConsentMiddleware(Starlette(routes=[Route("/", home)]), settings(tmp_path))
    with client(Starlette(routes=[Mount("/shop", inner)])) as visitor:
        page = visitor.get("/shop/")
        assert is_gated(page.content)
        assert b'action="/shop/consent/"' in page.content
        assert visitor.get("/shop/consent/").status_code == 200
        assert visitor.get("/consent/").status_code == 404
        answer = visitor.post(
            "/shop/consent/",
            data={"action": "accept", "next": "/shop/?a=1"},
            follow_redirects=False,
        )
        assert answer.headers["location"] == "/shop/?a=1"
        assert is_live(visitor.get("/shop/").content)


def test_behind_a_proxy_that_strips_a_prefix(tmp_path: Path) -> None:
    made = site(tmp_path)
    made.add_middleware(ConsentMiddleware, settings=settings(tmp_path))
    with client(made, root_path="/shop") as visitor:
        for path in ("/", "/shop/"):
            page = visitor.get(path)
            assert is_gated(page.content)
            assert b'action="/shop/consent/"' in page.content
        assert visitor.get("/shop/consent/").status_code == 200


def test_fastapi(tmp_path: Path) -> None:
    made = FastAPI()
    made.add_middleware(ConsentMiddleware, settings=settings(tmp_path))

    def consent(request: FastAPIRequest) -> Consent:
        given: Consent = request.state.consent
        return given

    @made.get("/", response_class=FastAPIHTMLResponse)
    def page(consent: Consent = Depends(consent)) -> str:  # noqa: B008
        link = consent.settings_link()
        return PAGE.decode().replace("</body>", f"{link}</body>")

    @made.get("/api")
    async def api(consent: Consent = Depends(consent)) -> dict[str, bool]:  # noqa: B008
        return {"analytics": consent.granted("analytics")}

    with client(made) as visitor:
        first = visitor.get("/")
        assert is_gated(first.content)
        assert b'<a href="/consent/" data-consentkit="settings">' in first.content
        assert visitor.get("/api").json() == {"analytics": False}
        accept(visitor)
        assert visitor.get("/api").json() == {"analytics": True}
        assert is_gated(visitor.get("/docs").content, banners=0) is False  # a page of the framework
        assert visitor.get("/openapi.json").json()["paths"].keys() == {"/", "/api"}


def test_websockets(tmp_path: Path) -> None:
    made = FastAPI()
    made.add_middleware(ConsentMiddleware, settings=settings(tmp_path))

    @made.websocket("/ws")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    with client(made) as visitor, visitor.websocket_connect("/ws") as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"


def test_json_errors_pass(tmp_path: Path) -> None:
    async def refuse(request: Request) -> Response:
        return JSONResponse({"error": "<b>no</b>"}, status_code=422)

    made = Starlette(routes=[Route("/", refuse)])
    made.add_middleware(ConsentMiddleware, settings=settings(tmp_path))
    with client(made) as visitor:
        answer = visitor.get("/")
        assert (answer.status_code, answer.json()) == (422, {"error": "<b>no</b>"})
        assert answer.headers["content-length"] == str(len(answer.content))
