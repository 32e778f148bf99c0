"""Requests and replies as plain values: what adapters hand in and send out."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

__all__ = ["Header", "Reply", "Request"]

Header = tuple[bytes, bytes]


class Request(Struct, frozen=True, kw_only=True):
    """The facts of a request that decide anything.

    Attributes:
        method: upper case.
        path: decoded, below the point where the site is mounted; what endpoints are matched with.
        root: where the site is mounted (``root_path``, ``SCRIPT_NAME``), without a final slash.
        url: path and query as the visitor's browser sees them, still encoded.
        query: the query string.
        headers: names in lower case.
        scheme: ``http`` or ``https``.
        client: the address of the peer; used for counting, never stored.
    """

    method: str
    path: str
    root: str = ""
    url: str = "/"
    query: str = ""
    headers: tuple[Header, ...] = ()
    scheme: str = "http"
    client: str = ""
    _known: dict[bytes, bytes] = {}

    def header(self, name: bytes) -> bytes:
        """The first value of a header, or nothing."""
        if not self._known:
            self._known.update(reversed(self.headers))
        return self._known.get(name, b"")

    def all(self, name: bytes) -> Iterable[bytes]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def host(self) -> str:
        """The host of the request without its port, in lower case."""
        host = self.header(b"host").decode("latin-1").lower()
        if host.startswith("["):
            return host.partition("]")[0] + "]"
        return host.partition(":")[0]


class Reply(Struct, frozen=True, kw_only=True):
    """A whole response of one of our endpoints; ``headers`` has everything but the length."""

    status: int
    headers: tuple[Header, ...]
    body: bytes = b""
