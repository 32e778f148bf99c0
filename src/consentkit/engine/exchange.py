"""One request and its response, from first fact to last byte."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from msgspec import Struct

from consentkit.consent import Decision, Signals
from consentkit.consent.signals import is_bot
from consentkit.engine.body import Body
from consentkit.engine.coding import (
    Decoder,
    Fields,
    can_decode,
    content_codings,
    is_html,
    read_fields,
    readable,
    readable_codings,
)
from consentkit.engine.consent import Consent
from consentkit.engine.csp import CSP
from consentkit.engine.debug import closing_comment, explanation
from consentkit.engine.leftovers import deletions
from consentkit.engine.messages import Header, Reply, Request
from consentkit.engine.passing import may_be_page
from consentkit.engine.validators import conditions_for, mark_etag, mark_private, with_vary
from consentkit.gate import Embed, Gate, Insertions, Judge, Verdict, nothing
from consentkit.gate.headers import CONTACTS, WATCHED, gate_headers

if TYPE_CHECKING:
    from consentkit.engine.kit import ConsentKit

__all__ = ["Exchange", "Plan"]

log = logging.getLogger("consentkit")

_BODY_FIELDS = frozenset(
    b"content-length content-md5 content-digest repr-digest digest accept-ranges".split()
)
_CACHING = frozenset(
    {b"vary", b"cache-control", b"surrogate-control", b"x-accel-expires", b"edge-control"}
)
_CONDITIONS = (b"if-none-match", b"if-modified-since")
_FRAGMENT_HEADERS = (b"hx-request", b"turbo-frame", b"x-pjax", b"x-up-target")
# The banner is shown when something follows it, that is, when it is all there.
_END = b'<template data-consentkit="end"></template>'
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
    """

    def __init__(self, kit: ConsentKit, request: Request) -> None:
        self._kit = kit
        self._endpoint = kit.endpoint(request.path)
        self.request = request
        self._decided: tuple[Signals, Decision] | None = None

    def _decide(self) -> tuple[Signals, Decision]:
        """Never raises: a fault of ours leaves everything denied."""
        try:
            self._decided = self._kit.decide(self.request)
        except Exception:
            log.exception("a request could not be looked at; nothing counts as granted")
            self._decided = Signals(), self._kit.nothing
        return self._decided

    @property
    def signals(self) -> Signals:
        """What the request says of its visitor."""
        return (self._decided or self._decide())[0]

    @property
    def decision(self) -> Decision:
        """What the visitor agreed to."""
        return (self._decided or self._decide())[1]

    @cached_property
    def consent(self) -> Consent:
        """What the site's own code is given."""
        return Consent(lambda: self)

    @cached_property
    def language(self) -> str:
        """The language of our parts. Of a page it is found out while the page goes through."""
        return self._kit.language("", self.request)

    @cached_property
    def home(self) -> str:
        """The path of the preferences page."""
        return self._kit.home(self.request.root)

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
    def shown(self) -> Decision:
        """The decision that pages are made by: about nobody when they are the same for all."""
        return self._kit.nothing if self._kit.settings.shared_cache else self.decision

    @property
    def state(self) -> bytes:
        """The consent state of a page, for its entity tag."""
        shared = self._kit.settings.shared_cache
        return f"{self._kit.build}.{'shared' if shared else self.decision.key}".encode()

    def inward_headers(self) -> Sequence[Header]:
        """The request headers for the app: conditions it may judge by, codings we can read."""
        try:
            return self._inward[0]
        except Exception:
            log.exception("the headers of a request could not be read; its conditions are left out")
            return [header for header in self.request.headers if header[0] not in _CONDITIONS]

    @cached_property
    def _inward(self) -> tuple[Sequence[Header], bool]:
        """The request headers for the app, and whether it may answer that a page is still good."""
        given = self.request.headers
        if not self._may_be_page:
            return given, False
        headers, matched = list(given), False
        if self.request.method in ("GET", "HEAD"):
            headers, matched = conditions_for(given, self.state, page=self._is_navigation)
        headers = [
            (name, readable_codings(value) if name == b"accept-encoding" else value)
            for name, value in headers
        ]
        return (given if headers == list(given) else headers), matched

    @property
    def _may_be_page(self) -> bool:
        """Whether the answer may be HTML, as far as the request tells."""
        return may_be_page(self.request.header(b"sec-fetch-dest"), self.request.header(b"accept"))

    @property
    def _is_navigation(self) -> bool:
        """Whether a browser loads a page: it says so, or names HTML first of all (Fetch 5.1)."""
        destination = self.request.header(b"sec-fetch-dest")
        if destination:
            return destination in (b"document", b"iframe", b"frame", b"embed", b"object")
        accept = self.request.header(b"accept")
        return not accept or b"text/html" in accept

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
            kept = [header for header in headers if header[0].lower() not in CONTACTS]
            return Plan(headers=[*kept, self._kit.closed])

    def _plan(self, status: int, headers: Sequence[Header], first: bytes) -> Plan:
        kit = self._kit
        fields = read_fields(headers)
        page = status >= 200 and status not in _NO_BODY and is_html(fields, first)
        decision = self.shown if page else self.decision
        judge = Judge(kit.policy, decision.grants, self.request.host)
        if not WATCHED.isdisjoint(fields):
            headers = gate_headers(headers, judge, lambda name: kit.gates_cookie(name, decision))
        if status == 304 and self._inward[1]:
            return Plan(headers=self._page_headers(headers, fields, keep_length=True))
        if not page:
            return Plan(headers=headers)
        codings = content_codings(fields)
        partial = status == 206 or b"content-range" in fields
        if (
            partial
            or not readable(fields, first if not codings else b"")
            or not can_decode(codings)
        ):
            return self._unprotected(headers, fields, partial=partial)
        fence = self._fence(headers, fields)
        sent = self._page_headers(headers, fields, keep_length=False)
        sent += self._leftovers()
        if codings:
            sent = [(name, value) for name, value in sent if name.lower() != b"content-encoding"]
        sent += fence
        if kit.settings.csp == "report":
            sent += kit.fence.report_only(self.request.host, f"{self.home}csp", self.is_secure)
        if kit.settings.debug:
            sent.append((b"x-consentkit", explanation(decision).encode("ascii")))
        if self.request.method == "HEAD":
            return Plan(headers=sent)
        policies = headers if CSP in fields else ()
        insertions = self.insertions(policies, fenced=bool(fence))
        gate = Gate(judge, insertions, self._placeholder, kit.settings.limits)
        end = closing_comment(decision, judge) if kit.settings.debug and insertions else None
        return Plan(headers=sent, body=Body(gate, [Decoder(c) for c in reversed(codings)], end))

    def _fence(self, headers: Sequence[Header], fields: Fields) -> list[Header]:
        """The second policy of a page; what is the same for all can have none."""
        settings = self._kit.settings
        if settings.shared_cache or not (CSP in fields or settings.csp == "enforce"):
            return []
        return self._kit.fence.second(headers, self.decision.grants, self.request.host)

    def _page_headers(
        self,
        headers: Sequence[Header],
        fields: Fields,
        *,
        keep_length: bool,
        keep_etag: bool = False,
    ) -> list[Header]:
        kept: list[Header] = []
        for name, value in headers:
            lower = name.lower()
            if lower == b"etag" and not keep_etag:
                marked = mark_etag(value, self.state)
                if marked:
                    kept.append((name, marked))
            elif keep_length or lower not in _BODY_FIELDS:
                kept.append((name, value))
        if self._kit.settings.shared_cache:
            return kept
        if not any(name in _CACHING or name.endswith(b"cdn-cache-control") for name in fields):
            kept += self._kit.caching  # as the two below would, with nothing to heed
            return kept
        return mark_private(with_vary(kept, *self._kit.varies))

    def _leftovers(self) -> Sequence[Header]:
        """Deletes what services that may not run have left behind."""
        kit, decision = self._kit, self.decision
        if kit.settings.shared_cache:
            return ()  # what is the same for all can set no cookies
        names = [name for name in self.signals.cookies if kit.gates_cookie(name, decision)]
        return deletions(self.request, names) if names else ()

    def _unprotected(self, headers: Sequence[Header], fields: Fields, *, partial: bool) -> Plan:
        """A page that cannot be rewritten: no third party may load on it, unless all may."""
        headers = self._page_headers(headers, fields, keep_length=True, keep_etag=partial)
        if self._kit.policy.holds_nothing(self.shown.grants):
            return Plan(headers=headers)
        if self._kit.settings.on_unprotected == "503" and not partial:
            reply = self._kit.endpoints.unavailable(self)
            return Plan(headers=reply.headers, instead=reply)
        return Plan(headers=[*headers, self._kit.closed])

    def insertions(self, headers: Sequence[Header], *, fenced: bool = False) -> Insertions | None:
        """What goes into the page; None for a fragment that asked to be one.

        Args:
            headers: of the site's response.
            fenced: whether the page gets a second policy, under which nothing more comes alive.
        """
        request, kit, decision = self.request, self._kit, self.shown
        destination = request.header(b"sec-fetch-dest")
        if destination not in (b"", b"document", b"iframe", b"frame") or _is_fragment(request):
            return None
        state = b"unset" if decision.undecided else b"set"
        if kit.settings.shared_cache:
            state = b"shared"
        html = b' data-consentkit-state="%b"' % state
        if kit.settings.banner.theme != "auto":
            html += b' data-consentkit-theme="%b"' % kit.settings.banner.theme.encode()
        return Insertions(
            head=kit.head(request, decision, headers, fenced=fenced),
            body=self._furnish if destination in (b"", b"document") else nothing,
            html=html,
        )

    def _furnish(self, page_language: str) -> bytes:
        """What goes into the body of a page in this language."""
        self.language = self._kit.language(page_language, self.request)
        return self._banner()

    def _banner(self) -> bytes:
        """The banner for a visitor who has something to decide, and the button that leads back.

        A page that is the same for all has it for all, without what belongs to a single visit.
        """
        kit, settings, decision = self._kit, self._kit.settings, self.shown
        asks = bool(decision.undecided) and settings.banner.enabled
        if not asks and decision.gpc_recorded and not settings.banner.floating:
            return b""
        root, shared = self.request.root, settings.shared_cache
        try:
            seen = shared or settings.bots == "banner"
            if not seen and is_bot(self.request.header(b"user-agent")):
                return b""
            parts = b""
            if asks and shared:
                path = self.request.url.partition("?")[0]
                parts = kit.banner(root, decision, self.language).fill(next=path, token="") + _END
            elif asks:
                banner = kit.banner(root, decision, self.language)
                token = kit.tokens.make(self.language)
                parts = banner.fill(next=self.request.url, token=token) + _END
            elif not decision.gpc_recorded:
                parts = kit.renderer.gpc_note(kit.views(root, self.language).notice(decision))
            return parts + kit.floating(root, self.language) if settings.banner.floating else parts
        except Exception:
            log.exception("the banner could not be made; the page goes out without it")
            return b""

    def _placeholder(self, verdict: Verdict, embed: Embed) -> bytes:
        try:
            root, language = self.request.root, self.language
            return self._kit.placeholder(root, verdict, embed, self.shown, language)
        except Exception:
            log.exception("the placeholder of an embed could not be made")
            return b""


def _is_fragment(request: Request) -> bool:
    """Whether a script asked for a piece of a page.

    Apps that embed a browser send ``X-Requested-With`` as well, with their own name, for pages.
    """
    if request.header(b"x-requested-with").lower() == b"xmlhttprequest":
        return True
    return any(request.header(name) for name in _FRAGMENT_HEADERS)
