"""The Django middleware, with Django's own clients, sync and async."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory

from consentkit.asgi import ConsentMiddleware as Asgi
from consentkit.django import ConsentMiddleware
from consentkit.wsgi import ConsentMiddleware as Wsgi
from tests.adapters.site import FORM, PAGE, choice, is_gated, is_live, records, settings
from tests.asgi.harness import Client as AsgiClient
from tests.asgi.harness import scope
from tests.django.project import OURS, Chunks
from tests.wsgi.harness import Server, environ

CACHE_OUT = "django.middleware.cache.UpdateCacheMiddleware"
CACHE_IN = "django.middleware.cache.FetchFromCacheMiddleware"
GZIP = "django.middleware.gzip.GZipMiddleware"
CONDITIONAL = "django.middleware.http.ConditionalGetMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"

PATHS = ["/", "/a/", "/en/", "/stream", "/file", "/tagged", "/nowhere", "/fail", "/zipped-stream"]
STATUS = {"/nowhere": 404, "/fail": 500}


def content(response: Any) -> bytes:
    with warnings.catch_warnings():  # Django tells of streams of the other kind; that is the test
        warnings.simplefilter("ignore")
        got = response.getvalue() if response.streaming else response.content
    response.close()
    return bytes(got)


def visitor(**more: Any) -> Client:
    return Client(raise_request_exception=False, **more)


def accept(client: Client) -> None:
    response = client.post("/consent/", "action=accept&next=/en/", content_type=FORM)
    assert (response.status_code, response["Location"]) == (303, "/en/")
    assert sorted(response.cookies) == [
        *("consent_analytics", "consent_functional", "consent_marketing"),
    ]


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_gated(path: str) -> None:
    client = visitor()
    response = client.get(path)
    assert response.status_code == STATUS.get(path, 200)
    got = content(response)
    assert is_gated(got)
    assert response.get("Content-Length", str(len(got))) == str(len(got))
    accept(client)
    assert is_live(content(client.get(path)))


@pytest.mark.anyio
@pytest.mark.parametrize("path", [*PATHS, "/astream"])
async def test_pages_are_gated_under_async(path: str) -> None:
    client = AsyncClient(raise_request_exception=False)
    response: Any = await client.get(path)
    assert response.status_code == STATUS.get(path, 200)
    if response.streaming and response.is_async:
        got = b"".join([chunk async for chunk in response])
    else:
        got = content(response)
    assert is_gated(got)
    response = await client.post("/consent/", choice(), content_type="application/json")
    assert response.status_code == 200
    assert response.json()["state"] == "set"
    assert (await client.get("/aask")).content == b"yes"
    assert (await client.get("/ask")).content == b"yes"


@pytest.mark.parametrize("path", [*PATHS, "/astream"])
def test_under_a_wsgi_server(path: str) -> None:
    """Beyond the client: file wrappers, closing, cookies, as a server meets them."""
    server = Server()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server.ask(WSGIHandler(), environ(path))
    assert is_gated(server.body)
    assert server.header("content-length") in ([], [str(len(server.body))])
    if path == "/stream":
        assert [chunks.closed for chunks in Chunks.made] == [1]


@pytest.mark.anyio
@pytest.mark.parametrize("path", [*PATHS, "/astream"])
async def test_under_an_asgi_server(path: str) -> None:
    client = AsgiClient()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        await client.ask(ASGIHandler(), scope(path))  # type: ignore[arg-type]
    assert is_gated(client.body)
    assert client.header(b"content-length") in ([], [b"%d" % len(client.body)])
    if path == "/stream":
        assert [chunks.closed for chunks in Chunks.made] == [1]


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_a_stream_that_is_left_early_is_closed_once(stop: int) -> None:
    server = Server()
    server.ask(WSGIHandler(), environ("/stream"), stop_after=stop)
    assert [chunks.closed for chunks in Chunks.made] == [1]


def test_streams_of_unknown_type_are_sniffed() -> None:
    client = visitor()
    assert is_gated(content(client.get("/untyped?page")))
    assert content(client.get("/untyped")) == b"\x89PNG<script src=https://www.facebook.com/tr>"


def test_files_that_are_no_pages_are_whole() -> None:
    response = visitor().get("/picture")
    assert response["Content-Length"] == "12"
    assert content(response) == b"\x89PNG<script>"
    wrapped = []

    def file_wrapper(stream: Any, size: int) -> Any:
        wrapped.append(stream)
        return iter(lambda: stream.read(size), b"")

    server = Server()
    more: dict[str, Any] = {"wsgi.file_wrapper": file_wrapper}
    server.ask(WSGIHandler(), environ("/picture", **more))
    assert server.body == b"\x89PNG<script>"
    server = Server()
    server.ask(WSGIHandler(), environ("/file", **more))
    assert is_gated(server.body)
    assert len(wrapped) == 1


@pytest.mark.parametrize("path", ["/", "/stream", "/file", "/tagged"])
def test_head_sends_no_body_and_no_wrong_length(path: str) -> None:
    server = Server()
    server.ask(WSGIHandler(), environ(path, "HEAD"))
    assert server.status == "200 OK"
    assert server.body == b""
    assert server.header("content-length") == []


@pytest.mark.anyio
async def test_head_of_an_asynchronous_stream() -> None:
    client = AsgiClient()
    await client.ask(ASGIHandler(), scope("/astream", "HEAD"))  # type: ignore[arg-type]
    assert client.body == b""


def test_views_and_templates_ask_for_consent(tmp_path: Path) -> None:
    client = visitor()
    assert client.get("/ask").content == b"no"
    link = b'<a href="/consent/" data-consentkit="settings">Cookie settings</a>'
    assert client.get("/foot").content.endswith(b"unset " + link)
    accept(client)
    assert client.get("/ask").content == client.get("/en/aask").content == b"yes"
    assert client.get("/foot").content.endswith(b" " + link)
    assert [record.event.action for record in records(tmp_path)] == ["accept"]


def test_our_pages_below_a_script_name(project: Any) -> None:
    server = Server()
    server.ask(WSGIHandler(), environ("/", SCRIPT_NAME="/shop"))
    assert b'action="/shop/consent/"' in server.body
    assert b'name="next" value="/shop/"' in server.body
    server = Server()
    server.ask(WSGIHandler(), environ("/consent/", SCRIPT_NAME="/shop"))
    assert server.status == "200 OK"
    project(FORCE_SCRIPT_NAME="/forced")
    server = Server()
    server.ask(WSGIHandler(), environ("/consent/"))
    assert b'action="/forced/consent/"' in server.body


def test_csrf_protection_is_for_the_sites_own_forms(project: Any) -> None:
    project(MIDDLEWARE=[OURS, COMMON, CSRF])
    client = visitor(enforce_csrf_checks=True)
    assert client.post("/save").status_code == 403
    accept(client)
    headers = {"Origin": "https://other.example"}
    assert (
        client.post("/consent/", "action=reject", content_type=FORM, headers=headers).status_code
        == 403
    )
    project(MIDDLEWARE=[CSRF, OURS])
    accept(visitor(enforce_csrf_checks=True))


def test_cookies_of_the_site_stay_and_those_of_trackers_do_not(project: Any) -> None:
    project(MIDDLEWARE=[SESSION, OURS])
    client = visitor()
    response = client.get("/cookies")
    assert list(response.cookies) == ["basket"]
    assert response.cookies["basket"]["httponly"]
    accept(client)
    assert list(client.get("/cookies").cookies) == ["basket", "_ga"]
    # Withdrawing deletes it again, on every domain it may lie on.
    client.cookies["_ga"] = "GA1.2.3.4"
    headers = {"Host": "www.shop.example"}
    response = client.post("/consent/", "action=reject", content_type=FORM, headers=headers)
    deleted = [m for m in response.cookies.values() if m.key == "_ga"]
    assert len(deleted) >= 2
    assert all(morsel["max-age"] in ("0", 0) for morsel in deleted)
    server = Server()
    given = environ("/consent/", "POST", body=b"action=reject", CONTENT_TYPE=FORM)
    server.ask(WSGIHandler(), {**given, "HTTP_COOKIE": "_ga=1; b[ad]=1"})
    assert server.status == "303 See Other"
    assert any(value.strip().startswith("_ga=;") for value in server.header("set-cookie"))


# --- among other middleware ---------------------------------------------------------------------


def test_inside_gzip(project: Any) -> None:
    project(MIDDLEWARE=[GZIP, OURS])
    response = visitor().get("/tagged", headers={"Accept-Encoding": "gzip, br"})
    assert response["Content-Encoding"] == "gzip"
    assert is_gated(gzip.decompress(response.content))
    assert response["Content-Length"] == str(len(response.content))


@pytest.mark.parametrize("path", ["/", "/stream", "/file", "/zipped"])
def test_outside_gzip(project: Any, path: str) -> None:
    """The wrong order: what was compressed is opened again."""
    project(MIDDLEWARE=[OURS, GZIP])
    response = visitor().get(path, headers={"Accept-Encoding": "gzip"})
    got = content(response)
    assert "Content-Encoding" not in response
    assert b"data-consent-src" in got
    assert b' src="https://www.facebook.com' not in got


@pytest.mark.parametrize("order", [[OURS, CONDITIONAL], [CONDITIONAL, OURS]])
@pytest.mark.parametrize("path", ["/", "/tagged"])
def test_conditional_requests_never_bring_back_another_state(
    project: Any, order: list[str], path: str
) -> None:
    project(MIDDLEWARE=order)
    client = visitor()
    accept(client)
    live = client.get(path)
    assert is_live(live.content)
    conditions = {"If-None-Match": live["ETag"]}
    again = client.get(path, headers=conditions)
    if order[0] == OURS or path == "/tagged":
        assert again.status_code == 304
    client.post("/consent/", "action=reject", content_type=FORM)
    after = client.get(path, headers=conditions)
    assert after.status_code == 200
    assert is_gated(after.content, banners=0)


@pytest.mark.parametrize(
    "order", [[OURS, CACHE_OUT, COMMON, CACHE_IN], [CACHE_OUT, OURS, COMMON, CACHE_IN]]
)
def test_no_cache_gives_one_visitor_the_page_of_another(project: Any, order: list[str]) -> None:
    project(MIDDLEWARE=order)
    one, other = visitor(), visitor()
    accept(one)
    for client, check in ((one, is_live), (other, is_gated), (one, is_live), (other, is_gated)):
        response = client.get("/")
        assert check(response.content)
        assert "private" in response["Cache-Control"]
        assert "Cookie" in response["Vary"]


def test_twice_is_once(project: Any) -> None:
    project(MIDDLEWARE=[OURS, OURS])
    assert is_gated(visitor().get("/").content, banners=1)


def test_inside_the_wsgi_wrapper(tmp_path: Path) -> None:
    server = Server()
    server.ask(Wsgi(WSGIHandler(), settings(tmp_path)), environ("/"))
    assert is_gated(server.body, banners=1)
    server = Server()
    server.ask(Wsgi(WSGIHandler(), settings(tmp_path)), environ("/ask"))
    assert server.body == b"no"


@pytest.mark.anyio
async def test_inside_the_asgi_wrapper(tmp_path: Path) -> None:
    app = Asgi(ASGIHandler(), settings(tmp_path))  # type: ignore[arg-type]
    client = AsgiClient()
    await client.ask(app, scope("/a/"))
    assert is_gated(client.body, banners=1)


def test_a_view_that_lets_the_handlers_answer() -> None:
    """Wagtail's previews run the whole stack on a request that they made up."""

    def preview(request: HttpRequest) -> HttpResponse:
        response = WSGIHandler().get_response(RequestFactory().get("/"))
        assert isinstance(response, HttpResponse)
        return response

    response = ConsentMiddleware(preview)(RequestFactory().get("/preview"))
    assert isinstance(response, HttpResponse)
    assert is_gated(response.content, banners=1)


def test_a_site_that_uses_the_name_consent() -> None:
    """Another library's attribute must not switch the gate off."""

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(PAGE)

    request = RequestFactory().get("/")
    request.consent = "another library's"  # type: ignore[attr-defined]
    response = ConsentMiddleware(view)(request)
    assert isinstance(response, HttpResponse)
    assert is_gated(response.content)


# --- requests -----------------------------------------------------------------------------------


def test_a_long_body() -> None:
    response = visitor().post("/consent/", b"x" * 1_000_000, content_type=FORM)
    assert response.status_code == 413


def test_a_body_that_breaks_off_is_no_choice(tmp_path: Path) -> None:
    server = Server()
    given = environ("/consent/", "POST", body=b"action=save&category=analytics", CONTENT_TYPE=FORM)
    server.ask(WSGIHandler(), {**given, "CONTENT_LENGTH": "90"})
    assert server.status.startswith("400 ")
    assert not (tmp_path / "consent.db").exists()


def test_conditions_do_not_reach_views(project: Any) -> None:
    seen = []

    def look(get_response: Any) -> Any:
        def middleware(request: HttpRequest) -> Any:
            seen.append(request.headers.get("If-None-Match"))
            return get_response(request)

        return middleware

    project(MIDDLEWARE=["tests.django.test_django.looked", OURS, "tests.django.test_django.looked"])
    globals()["looked"] = look
    visitor().get("/", headers={"If-None-Match": '"elsewhere"'})
    assert seen == ['"elsewhere"', None]


def test_a_page_that_cannot_be_read_may_be_refused(project: Any, tmp_path: Path) -> None:
    project(CONSENTKIT=settings(tmp_path, on_unprotected="503"))

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(PAGE, headers={"Content-Encoding": "x-unknown"})

    response = ConsentMiddleware(view)(RequestFactory().get("/"))
    assert isinstance(response, HttpResponse)
    assert response.status_code == 503
    assert b"google-analytics" not in response.content


def test_the_debug_page_is_gated(project: Any) -> None:
    project(DEBUG=True)
    response = visitor().get("/fail")
    assert response.status_code == 500
    assert b"ZeroDivisionError" in response.content
    assert b'data-consentkit="client"' in response.content


# --- start --------------------------------------------------------------------------------------


def ids() -> list[str | None]:
    return [message.id for message in run_checks() if str(message.id).startswith("consentkit")]


def test_checks_find_nothing_wrong(project: Any) -> None:
    project(MIDDLEWARE=[GZIP, OURS, CACHE_OUT, COMMON, CONDITIONAL, CACHE_IN])
    assert ids() == []


def test_checks_of_the_settings(project: Any) -> None:
    project(CONSENTKIT={"secret_keys": ["short"], "prefx": "/c"})
    assert ids() == ["consentkit.E001", "consentkit.E001"]
    project(CONSENTKIT={})
    assert ids() == ["consentkit.E001"]


def test_checks_of_the_order(project: Any) -> None:
    project(MIDDLEWARE=[COMMON])
    assert ids() == ["consentkit.W001"]
    project(MIDDLEWARE=["consentkit.django.middleware.ConsentMiddleware"])
    assert ids() == []
    project(MIDDLEWARE=[CACHE_OUT, OURS, COMMON, CACHE_IN])
    assert ids() == ["consentkit.W002"]
    project(MIDDLEWARE=[OURS, GZIP])
    assert ids() == ["consentkit.W003"]


def test_all_handlers_of_a_process_share_one_kit(project: Any, tmp_path: Path) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(PAGE)

    first, second = ConsentMiddleware(view), ConsentMiddleware(view)
    assert first.kit is second.kit
    project(CONSENTKIT=settings(tmp_path, prefix="/other"))
    assert ConsentMiddleware(view).kit is not first.kit
