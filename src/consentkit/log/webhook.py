"""Sending a text to a URL, once, with a time limit."""

from __future__ import annotations

import urllib.request
from http.client import HTTPException

__all__ = ["post"]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """What is sent on as a GET has not arrived."""


def post(url: str, text: bytes, seconds: float) -> None:
    """POST ``text`` (UTF-8) to an http or https ``url``; ``OSError`` unless the answer is a 2xx."""
    request = urllib.request.Request(  # noqa: S310 - the caller checked the scheme
        url, data=text, headers={"Content-Type": "text/plain; charset=utf-8"}, method="POST"
    )
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=seconds):
            pass
    except HTTPException as error:  # an answer that is not HTTP
        raise OSError(f"{type(error).__name__}: {error}") from error
