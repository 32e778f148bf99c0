"""The sites that real servers serve in the tests, with a page, a stream and files in each.

Their consent log is in the folder that the server was started in.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from consentkit.asgi import ConsentMiddleware as AsgiMiddleware
from consentkit.wsgi import ConsentMiddleware as WsgiMiddleware
from tests.adapters.site import PAGE

DATA = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(60_000))
TAG = '"v1"'
SETTINGS: dict[str, Any] = {
    "secret_keys": ["k" * 40],
    "log": "sqlite:///consent.db",
    "limits": {"rate_per_minute": 1_000_000},
}


def chunks() -> Iterator[bytes]:
    for at in range(0, len(PAGE), 50):
        yield PAGE[at : at + 50]


def put_files(folder: Path) -> None:
    """The files that the sites send."""
    (folder / "page.html").write_bytes(PAGE)
    (folder / "data.bin").write_bytes(DATA)


async def page(request: Request) -> Response:
    if TAG in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"etag": TAG})
    return HTMLResponse(PAGE, headers={"etag": TAG})


async def stream(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for chunk in chunks():
            yield chunk

    return StreamingResponse(parts(), media_type="text/html")


async def html_file(request: Request) -> Response:
    return FileResponse("page.html")


async def data_file(request: Request) -> Response:
    return FileResponse("data.bin")


starlette = Starlette(
    routes=[
        Route("/", page),
        Route("/stream", stream),
        Route("/page.html", html_file),
        Route("/data.bin", data_file),
    ]
)
asgi = AsgiMiddleware(starlette, SETTINGS)


def plain(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    html = ("Content-Type", "text/html; charset=utf-8")
    path = environ["PATH_INFO"]
    if path == "/":
        if TAG in environ.get("HTTP_IF_NONE_MATCH", ""):
            start_response("304 Not Modified", [("ETag", TAG)])
            return []
        start_response("200 OK", [html, ("Content-Length", str(len(PAGE))), ("ETag", TAG)])
        return [PAGE]
    if path == "/stream":
        start_response("200 OK", [html])
        return chunks()
    if path == "/page.html":
        name, size, kind = "page.html", len(PAGE), html
    else:
        name, size, kind = "data.bin", len(DATA), ("Content-Type", "application/octet-stream")
    start_response("200 OK", [kind, ("Content-Length", str(size))])
    if environ["REQUEST_METHOD"] == "HEAD":
        return []
    wrapper = environ.get("wsgi.file_wrapper", FileWrapper)
    files: Iterable[bytes] = wrapper(Path(name).open("rb"))  # noqa: SIM115 - it closes the file
    return files


wsgi = WsgiMiddleware(plain, SETTINGS)
