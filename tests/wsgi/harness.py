"""A WSGI server in one function, with the checks of ``wsgiref.validate`` on both sides of us."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from types import TracebackType
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from consentkit import ConsentKit
from consentkit.wsgi import ConsentMiddleware

Environ = dict[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]
App = Callable[[Environ, Any], Iterable[bytes]]


def environ(path: str = "/", method: str = "GET", **more: Any) -> Environ:
    """The environ of a request; ``body=`` gives its body and length."""
    body: bytes = more.pop("body", b"")
    made: Environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "HTTP_HOST": "shop.example",
        "HTTP_ACCEPT": "text/html",
        "REMOTE_ADDR": "192.0.2.7",
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(body),
    }
    if body:
        made["CONTENT_LENGTH"] = str(len(body))
    made.update(more)
    setup_testing_defaults(made)
    return made


class Server:
    """Asks an app once, as PEP 3333 says that a server should.

    ``chunks`` is what went out, with empty strings; nothing is out before the first that is not.
    """

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.chunks: list[bytes] = []
        self.starts = 0

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], Any]:
        if exc_info is not None and any(self.chunks):
            raise exc_info[1].with_traceback(exc_info[2])
        assert exc_info is not None or self.starts == 0
        self.starts += 1
        self.status, self.headers = status, headers
        return self.chunks.append

    def ask(self, app: App, environ: Environ, stop_after: int | None = None) -> Iterable[bytes]:
        """Take the answer, or as many chunks of it; returns the iterable, which is closed."""
        result = app(environ, self.start_response)
        try:
            if stop_after != 0:
                for chunk in result:
                    assert self.starts
                    self.chunks.append(chunk)
                    if len(self.chunks) == stop_after:
                        break
        finally:
            if hasattr(result, "close"):
                result.close()
        return result

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def header(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name]


def checked(app: App, kit: ConsentKit) -> App:
    """An app behind the gate, both of them watched by the validator.

    It wants text under names without a dot, which PEP 3333 does not; ours is a contract.
    """
    watched = validator(app)

    def inner(environ: Environ, start_response: Any) -> Iterable[bytes]:
        consent = environ.pop("consentkit")
        return watched({**environ, "consentkit.consent": consent}, start_response)

    return validator(ConsentMiddleware(inner, kit))


class Closing:
    """An iterable that counts how often it is closed."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.closed = 0

    def __iter__(self) -> Closing:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        self.closed += 1


def page(chunks: Iterable[bytes], kind: str = "text/html", *headers: tuple[str, str]) -> App:
    """An app that answers with this iterable."""

    def app(_environ: Environ, start_response: Any) -> Iterable[bytes]:
        typed = [("Content-Type", kind)] if kind else []
        start_response("200 OK", [*typed, *headers])
        return chunks

    return app
