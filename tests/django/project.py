"""A small Django project: its settings, URLs and views in one module."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from typing import Any, ClassVar, Never

from django.conf import settings
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotFound,
    JsonResponse,
    StreamingHttpResponse,
)
from django.template import engines
from django.urls import include, path
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import condition

from tests.adapters.site import PAGE

KEY = "k" * 40
OURS = "consentkit.django.ConsentMiddleware"

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
        CONSENTKIT={"secret_keys": [KEY]},
        DEBUG_PROPAGATE_EXCEPTIONS=False,
        DEFAULT_CHARSET="utf-8",
        INSTALLED_APPS=["consentkit.django"],
        MIDDLEWARE=[OURS],
        ROOT_URLCONF="tests.django.project",
        SECRET_KEY="s" * 50,
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        SILENCED_SYSTEM_CHECKS=[],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"context_processors": ["consentkit.django.context.consent"]},
            }
        ],
        USE_TZ=True,
    )


class Chunks:
    """A stream that counts how often it is closed."""

    made: ClassVar[list[Chunks]] = []

    def __init__(self) -> None:
        self._chunks = iter([PAGE[:99], PAGE[99:200], PAGE[200:]])
        self.closed = 0
        self.made.append(self)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        self.closed += 1


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE)


async def ahome(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE)


def ask(request: Any) -> HttpResponse:
    return HttpResponse("yes" if request.consent.granted("analytics") else "no")


async def aask(request: Any) -> HttpResponse:
    return ask(request)


def foot(request: HttpRequest) -> HttpResponse:
    text = "{% if consent.decision.undecided %}unset{% endif %} {{ consent.settings_link }}"
    return HttpResponse(engines["django"].from_string(text).render({}, request))


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(Chunks())


async def astream(request: HttpRequest) -> StreamingHttpResponse:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in Chunks():
            yield chunk

    return StreamingHttpResponse(chunks())


def untyped(request: HttpRequest) -> StreamingHttpResponse:
    data = PAGE if "page" in request.GET else b"\x89PNG<script src=https://www.facebook.com/tr>"
    response = StreamingHttpResponse(iter([b"", data[:20], data[20:]]))
    del response["Content-Type"]
    return response


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(BytesIO(PAGE), content_type="text/html")


def picture(request: HttpRequest) -> FileResponse:
    return FileResponse(BytesIO(b"\x89PNG<script>"), content_type="image/png")


@condition(etag_func=lambda _: '"v1"')
def tagged(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE)


@gzip_page
def zipped(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE * 10)


def zipped_stream(request: HttpRequest) -> StreamingHttpResponse:
    data = gzip.compress(PAGE)
    response = StreamingHttpResponse(iter([data[:30], data[30:]]))
    response["Content-Encoding"] = "gzip"
    return response


def cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("hello")
    response.set_cookie("basket", "1", httponly=True)
    response.set_cookie("_ga", "GA1.2.3.4")
    return response


def fail(request: HttpRequest) -> Never:
    raise ZeroDivisionError


@csrf_protect
def save(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"saved": True})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return HttpResponseNotFound(PAGE)


def failed(request: HttpRequest) -> HttpResponseBase:
    return HttpResponse(PAGE, status=500)


handler404, handler500 = not_found, failed

shop = [
    path("", home),
    path("a/", ahome),
    path("ask", ask),
    path("aask", aask),
    path("foot", foot),
    path("stream", stream),
    path("astream", astream),
    path("untyped", untyped),
    path("file", file),
    path("picture", picture),
    path("tagged", tagged),
    path("zipped", zipped),
    path("zipped-stream", zipped_stream),
    path("cookies", cookies),
    path("fail", fail),
    path("save", save),
]
urlpatterns = [*shop, path("en/", include(shop))]
