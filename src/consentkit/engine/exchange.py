"""One request and its response, from first fact to last byte."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from msgspec import Struct

from consentkit.consent import Signals
from consentkit.engine.assets import asset_names
from consentkit.engine.body import Body
from consentkit.engine.coding import Decoder, content_codings, is_html, readable
from consentkit.engine.consent import Consent
from consentkit.engine.csp import closed_policy, nonce_of
from consentkit.engine.messages import Header, Reply, Request
from consentkit.engine.validators import mark_etag, mark_private, marked_conditions, with_vary
from consentkit.gate import Gate, Insertions, Judge, Verdict
from consentkit.gate.headers import gate_headers

if TYPE_CHECKING:
    from consentkit.engine.kit import ConsentKit

__all__ = ["Exchange", "Plan"]

log = logging.getLogger("consentkit")

_CODINGS = (b"gzip", b"x-gzip", b"deflate")
_BODY_FIELDS = frozenset(
    b"content-length content-md5 content-digest repr-digest digest accept-ranges".split()
)
_FRAGMENT_HEADERS = (b"hx-request", b"turbo-frame", b"x-pjax", b"x-requested-with", b"x-up-target")
_NO_BODY = frozenset({204, 205, 304})


class Plan(Struct, frozen=True, kw_only=True):
    """How a response is to be sent.

    Attributes:
        headers: those to send; the very object that came in when nothing had to change.
        body: takes the body, or None when it passes as it is.
        instead: a reply to send in place of the app's, when its page may not be shown.
    """

    headers: Sequence[Header]
    body: Body | None = None
    instead: Reply | None = None


class Exchange:
    """What becomes of one request.

    Attributes:
        request: its facts.
        consent: what the site's own code is given.
        is_endpoint: whether one of our own pages answers it.
    """

    def __init__(
        self,
        kit: ConsentKit,
        request: Request,
        signals: Signals,
        consent: Consent,
        endpoint: str | None,
    ) -> None:
        self._kit = kit
        self._endpoint = endpoint
        self.request = request
        self.signals = signals
        self.consent = consent
        self.decision = consent.decision

    @property
    def is_endpoint(self) -> bool:
        """Whether the request is for one of our own pages; then ``respond`` answers it."""
        return self._endpoint is not None

    @property
    def body_limit(self) -> int:
        """The most bytes of a request body that an endpoint reads."""
        return self._kit.settings.limits.body_bytes

    def respond(self, body: bytes) -> Reply:
        """The reply of one of our own pages; may wait for the log. Never raises."""
        return self._kit.endpoints.respond(self, self._endpoint or "", body)

    @property
    def query(self) -> dict[str, str]:
        """The fields of the query string; of duplicates the last."""
        try:
            return dict(parse_qsl(self.request.query, keep_blank_values=True, max_num_fields=50))
        except ValueError:
            return {}

    @property
    def is_secure(self) -> bool:
        """Whether the visitor came over https, as far as the request or its origin tells."""
        origin = self.request.header(b"origin").lower()
        return self.request.scheme == "https" or origin.startswith(b"https://")

    def cookie_values(self, category: str) -> Sequence[str]:
        """The values of a category's cookie, as they came."""
        return self.signals.cookies.get(self._kit.cookies.name(category), ())

    @property
    def state(self) -> bytes:
        """The consent state of a page, for its entity tag."""
        return f"{self._kit.build}.{self.decision.key}".encode()

    def inward_headers(self) -> Sequence[Header]:
        """The request headers for the app: conditions it may judge by, codings we can read."""
        headers = self.request.headers
        if not self._wants_page():
            return headers
        if any(name in (b"if-none-match", b"if-modified-since") for name, _ in headers):
            headers = tuple(marked_conditions(headers, self.state))
        return tuple(
            (name, _readable_codings(value) if name == b"accept-encoding" else value)
            for name, value in headers
        )

    def _wants_page(self) -> bool:
        destination = self.request.header(b"sec-fetch-dest")
        if destination and destination != b"empty":
            return destination in (b"document", b"iframe", b"frame", b"embed", b"object")
        accept = self.request.header(b"accept")
        return not accept or b"text/html" in accept or b"*/*" in accept

    def start(self, status: int, headers: Sequence[Header], first: bytes = b"") -> Plan:
        """Plan a response of the site.

        Args:
            status: of the app.
            headers: of the app, names in any case.
            first: the first bytes of the body, for what only they tell.
        """
        try:
            return self._plan(status, headers, first)
        except Exception:
            log.exception("a response could not be gated; it goes out under a closed policy")
            return Plan(headers=[*headers, self._closed()])

    def _plan(self, status: int, headers: Sequence[Header], first: bytes) -> Plan:
        judge = Judge(self._kit.policy, self.decision.grants, self.request.host)
        headers = gate_headers(
            headers, judge, lambda name: self._kit.gates_cookie(name, self.decision)
        )
        if status == 304 and self._wants_page():
            return Plan(headers=self._page_headers(headers, keep_length=True))
        if status < 200 or status in _NO_BODY or not is_html(headers, first):
            return Plan(headers=headers)
        codings = content_codings(headers)
        partial = status == 206 or any(name.lower() == b"content-range" for name, _ in headers)
        if partial or not readable(headers) or not set(codings) <= set(_CODINGS):
            return self._unprotected(headers, partial=partial)
        page = self._page_headers(headers, keep_length=False)
        if codings:
            page = [(name, value) for name, value in page if name.lower() != b"content-encoding"]
        if self.request.method == "HEAD":
            return Plan(headers=page)
        gate = Gate(judge, self._insertions(headers), self._placeholder, self._kit.settings.limits)
        return Plan(headers=page, body=Body(gate, [Decoder(c) for c in reversed(codings)]))

    def _page_headers(self, headers: Sequence[Header], *, keep_length: bool) -> list[Header]:
        kept: list[Header] = []
        for name, value in headers:
            lower = name.lower()
            if lower == b"etag":
                marked = mark_etag(value, self.state)
                if marked:
                    kept.append((name, marked))
            elif keep_length or lower not in _BODY_FIELDS:
                kept.append((name, value))
        if self._kit.settings.honour_gpc:
            return mark_private(with_vary(kept, b"Cookie", b"Sec-GPC"))
        return mark_private(with_vary(kept, b"Cookie"))

    def _unprotected(self, headers: Sequence[Header], *, partial: bool) -> Plan:
        """A page that cannot be rewritten: no third party may load on it."""
        if self._kit.settings.on_unprotected == "503" and not partial:
            reply = self._kit.endpoints.unavailable(self)
            return Plan(headers=reply.headers, instead=reply)
        return Plan(headers=[*mark_private(with_vary(headers, b"Cookie")), self._closed()])

    def _closed(self) -> Header:
        return (b"content-security-policy", closed_policy(self._kit.settings.allow))

    def _insertions(self, headers: Sequence[Header]) -> Insertions | None:
        """What goes into the page; None for a fragment that asked to be one."""
        request = self.request
        if any(request.header(name) for name in _FRAGMENT_HEADERS):
            return None
        destination = request.header(b"sec-fetch-dest")
        if destination not in (b"", b"document", b"iframe", b"frame"):
            return None
        framed = destination in (b"iframe", b"frame")
        undecided = bool(self.decision.undecided)
        settings = self._kit.settings
        asked = (
            undecided
            and not framed
            and settings.banner.enabled
            and not (self.signals.bot and settings.bots == "no-banner")
        )
        banner = b""
        if asked:
            parts = self._kit.banner(request.root, self.decision)
            banner = parts.fill(next=request.url, token=self._kit.tokens.make())
        state = b"unset" if undecided else b"set"
        return Insertions(
            head=self._head(headers),
            body=banner,
            html=b' data-consentkit-state="' + state + b'"',
        )

    def _head(self, headers: Sequence[Header]) -> bytes:
        """Our style sheet and script; both are files of this site, so most policies allow them."""
        home = self._kit.home(self.request.root).encode()
        css, js = (name.encode() for name in asset_names())
        nonce = nonce_of(headers)
        mark = b' nonce="' + nonce + b'"' if nonce else b""
        prefix = self._kit.settings.cookies.prefix.encode()
        return (
            b'<link rel="stylesheet" data-consentkit="styles" href="' + home + b"static/" + css
            + b'"' + mark + b'><script data-consentkit="client" data-action="' + home
            + b'" data-cookie-prefix="' + prefix + b'" src="' + home + b"static/" + js
            + b'" defer' + mark + b"></script>"
        )  # fmt: skip

    def _placeholder(self, verdict: Verdict, url: str) -> bytes:
        return self._kit.placeholder(self.request.root, verdict, url, self.decision)


def _readable_codings(value: bytes) -> bytes:
    """``Accept-Encoding`` less the codings that we could not undo."""
    kept = [
        part.strip()
        for part in value.split(b",")
        if part.partition(b";")[0].strip().lower() in (*_CODINGS, b"identity")
    ]
    return b", ".join(kept) or b"identity"
