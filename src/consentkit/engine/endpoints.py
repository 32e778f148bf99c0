"""Our own pages: preferences, policy, state, assets, and the post that makes a choice.

Each takes an exchange and the request's body and gives a whole reply. What is wrong with a request
is answered in a sentence; nothing here raises.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from consentkit.banner.texts import Texts
from consentkit.banner.view import ReceiptView
from consentkit.engine.choices import Choices
from consentkit.engine.forms import check_origin, read_submission, safe_next, same_origin
from consentkit.engine.messages import Header, Reply
from consentkit.engine.receipts import Receipts, wants_json
from consentkit.engine.views import Views
from consentkit.errors import RequestRefused

if TYPE_CHECKING:
    from consentkit.engine.exchange import Exchange
    from consentkit.engine.kit import ConsentKit

__all__ = ["Endpoints"]

log = logging.getLogger("consentkit")

_GZIP = re.compile(rb"\s*gzip\s*(?:;(?!\s*q\s*=\s*0(?:\.0*)?\s*\Z).*)?")
_NUMBER = re.compile(r"[0-9]{1,18}")
_HTML = b"text/html; charset=utf-8"
_JSON = b"application/json"
_COMMON: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)
_NOTHING: tuple[Header, ...] = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_OWN: tuple[Header, ...] = (*_COMMON, (b"cache-control", b"no-store"), (b"vary", b"Cookie"))
_PAGE: tuple[Header, ...] = (
    *_OWN,
    (b"content-type", _HTML),
    (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
            b"img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
    ),
)
_SENTENCES = {
    400: "failed_choice",
    403: "failed_elsewhere",
    404: "failed_missing",
    409: "failed_outdated",
    413: "failed_long",
    429: "failed_often",
}
# When we began to honour it; a site's own date is that of its policy (GPC 3.4, lastUpdate).
_SUPPORT_SINCE = "2026-11-22"
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?")
_DATA: tuple[Header, ...] = (*_OWN, *_NOTHING, (b"content-type", _JSON))


class Endpoints:
    """The pages of one site.

    Args:
        kit: what they show and change.
    """

    def __init__(self, kit: ConsentKit) -> None:
        self._kit = kit
        self._choices = Choices(kit)
        self._receipts = Receipts(kit, self._choices)

    def respond(self, exchange: Exchange, path: str, body: bytes) -> Reply:
        """The reply to a request for ``path``, which is the part behind our prefix."""
        try:
            reply = self._route(exchange, path, body)
        except RequestRefused as refusal:
            reply = self._refused(exchange, path, refusal)
        except Exception:
            log.exception("a page of consentkit failed")
            reply = self.unavailable(exchange)
        if exchange.request.method == "HEAD":
            length = (b"content-length", str(len(reply.body)).encode())
            return Reply(status=reply.status, headers=(*reply.headers, length))
        return reply

    def _route(self, exchange: Exchange, path: str, body: bytes) -> Reply:
        method = exchange.request.method
        if path == "":
            location = (b"location", self._home(exchange).encode("ascii"))
            return Reply(status=308, headers=(*_OWN, *_NOTHING, location))
        if path == "/" and method == "POST":
            return self._choose(exchange, body)
        if path == "/csp" and method == "POST" and self._kit.settings.csp == "report":
            return self._report(exchange, body)
        if path == "/forget":
            return self._forget(exchange, body)
        if self._kit.auditing is not None and (path == "/audit" or path.startswith("/audit/")):
            home = self._home(exchange)
            return self._kit.auditing.respond(
                exchange.request,
                path.removeprefix("/audit"),
                body,
                home=f"{home}audit/",
                static=f"{home}static/",
                secure=exchange.is_secure,
            )
        pages = {
            "/": self._preferences,
            "/state": self._state,
            "/policy": self._policy,
            "/receipt": self._own_records,
            "gpc": self._gpc,  # other paths start with a slash
        }
        if self._kit.settings.debug:
            pages["/csp"] = self._reports
        page = pages.get(path)
        if page is None and not path.startswith("/static/"):
            raise RequestRefused(404, "There is no such page.")
        if method not in ("GET", "HEAD"):
            raise RequestRefused(405, "This page can only be read.")
        if page is None:
            return self._asset(exchange, path.removeprefix("/static/"))
        return page(exchange)

    def _home(self, exchange: Exchange) -> str:
        return self._kit.home(exchange.request.root)

    def _views(self, exchange: Exchange) -> Views:
        return self._kit.views(exchange.request.root, self._language(exchange))

    def _language(self, exchange: Exchange) -> str:
        """What the link says that led here, else what the visitor's browser asks for."""
        return self._kit.language(exchange.query.get("lang", ""), exchange.request)

    def _texts(self, exchange: Exchange) -> Texts:
        return self._kit.renderer.texts(self._language(exchange))

    # --- pages ----------------------------------------------------------------------------------

    def _preferences(self, exchange: Exchange) -> Reply:
        query = exchange.query
        view = self._views(exchange).preferences(
            exchange.decision,
            next=self._next(exchange),
            token=self._kit.tokens.make(self._language(exchange)),
            saved="saved" in query,
            receipt=self._receipt(exchange),
        )
        return Reply(status=200, headers=_PAGE, body=self._kit.renderer.preferences_page(view))

    def _next(self, exchange: Exchange) -> str:
        """The page to go back to: the one that is named, else the one of the link that led here."""
        named = safe_next(exchange.query.get("next", ""))
        if named:
            return named
        referrer = exchange.request.header(b"referer").decode("latin-1")
        if not same_origin(referrer, exchange.request):
            return ""
        path = safe_next("/" + referrer.split("/", 3)[3] if referrer.count("/") > 2 else "")
        # One of our own pages is no page to go back to.
        return "" if path.startswith(self._home(exchange)) else path

    def _receipt(self, exchange: Exchange) -> ReceiptView | None:
        """The visitor's last record; the page is shown without it when the log cannot be read."""
        consent_id = exchange.decision.consent_id
        if not consent_id:
            return None
        try:
            records = self._kit.recorder.store.by_consent_id(consent_id)
        except Exception:
            log.exception("a receipt could not be read")
            return None
        return Views.receipt(records[-1].event, self._kit.policy) if records else None

    def _own_records(self, exchange: Exchange) -> Reply:
        """The visitor's records with their proofs."""
        self._limit(exchange)
        after = exchange.query.get("after", "")
        receipt = self._receipts.read(exchange, int(after) if _NUMBER.fullmatch(after) else -1)
        if wants_json(exchange):
            extra = (b"content-disposition", b'attachment; filename="consent-receipt.json"')
            return self._json(200, receipt.as_json(), (extra,))
        view = self._views(exchange).receipt_page(
            exchange.decision,
            receipt.records,
            receipt.checkpoint,
            more=receipt.more,
            next=self._next(exchange),
            token=self._kit.tokens.make(self._language(exchange)),
            forgotten="forgotten" in exchange.query,
        )
        body = self._kit.renderer.receipt_page(view)
        return Reply(status=200, headers=_PAGE, body=body)

    def _forget(self, exchange: Exchange, body: bytes) -> Reply:
        """Erase the visitor's records; as with a choice, no other site can have it done."""
        if exchange.request.method != "POST":
            raise RequestRefused(405, "This page can only be posted to.")
        check_origin(exchange.request)
        self._limit(exchange)
        if len(body) > exchange.body_limit:
            raise RequestRefused(413, "This is too long for a request to be forgotten.")
        try:
            erased, cookies = self._receipts.forget(exchange)
        except Exception:
            log.exception("a visitor's records could not be erased")
            return self._try_again(exchange, "again_forget")
        headers = tuple((b"set-cookie", cookie.encode("ascii")) for cookie in cookies)
        if _sends_json(exchange) or wants_json(exchange):
            return self._json(200, {"erased": erased}, headers)
        location = (b"location", f"{self._home(exchange)}receipt?forgotten=1".encode("ascii"))
        return Reply(status=303, headers=(*_OWN, *_NOTHING, *headers, location))

    def _limit(self, exchange: Exchange) -> None:
        if self._kit.rate.take(exchange.request.client):
            raise RequestRefused(429, "Too many requests in a short time. Please try again later.")

    def _policy(self, exchange: Exchange) -> Reply:
        view = self._views(exchange).policy_page(exchange.decision, self._next(exchange))
        return Reply(status=200, headers=_PAGE, body=self._kit.renderer.policy_page(view))

    def _state(self, exchange: Exchange) -> Reply:
        return self._json(200, self._choices.state(exchange.decision))

    def _gpc(self, _exchange: Exchange) -> Reply:
        """Support for Global Privacy Control (GPC 3.4), which is the same for everybody."""
        effective = self._kit.settings.policy.effective
        since = effective if _DATE.fullmatch(effective) else _SUPPORT_SINCE
        body = json.dumps({"gpc": True, "lastUpdate": since}).encode("ascii")
        cache = (b"cache-control", b"public, max-age=86400")
        headers = (*_COMMON, *_NOTHING, (b"content-type", _JSON), cache)
        return Reply(status=200, headers=headers, body=body)

    def _report(self, exchange: Exchange, body: bytes) -> Reply:
        """A browser's report. It gets no answer worth reading, whatever it sent."""
        if len(body) > exchange.body_limit:
            raise RequestRefused(413, "This is too long for a report.")
        if self._kit.reporting.take(exchange.request.client):
            raise RequestRefused(429, "Too many reports in a short time.")
        self._kit.reports.add(body)
        return Reply(status=204, headers=(*_OWN, *_NOTHING))

    def _reports(self, _exchange: Exchange) -> Reply:
        """What was reported to this process, for the developer of the site."""
        return self._json(200, {"undeclared": self._kit.reports.hosts()})

    def _asset(self, exchange: Exchange, name: str) -> Reply:
        asset = self._kit.assets.find(name)
        if asset is None:
            raise RequestRefused(404, "There is no such file.")
        headers: tuple[Header, ...] = (
            *_COMMON,
            *_NOTHING,
            (b"content-type", asset.media_type),
            (b"cache-control", b"public, max-age=31536000, immutable"),
            (b"vary", b"Accept-Encoding"),
        )
        accepted = exchange.request.header(b"accept-encoding").lower()
        if any(map(_GZIP.fullmatch, accepted.split(b","))):
            headers = (*headers, (b"content-encoding", b"gzip"))
            return Reply(status=200, headers=headers, body=asset.zipped)
        return Reply(status=200, headers=headers, body=asset.content)

    # --- choosing -------------------------------------------------------------------------------

    def _choose(self, exchange: Exchange, body: bytes) -> Reply:
        request = exchange.request
        check_origin(request)
        self._limit(exchange)
        if len(body) > exchange.body_limit:
            raise RequestRefused(413, "This is too long for a choice.")
        policy = self._kit.policy
        known = frozenset(category.id for category in policy.categories)
        services = frozenset(key for c in policy.choosable for key in policy.asked(c.id))
        submission = read_submission(request, body, known, services)
        outcome = self._choices.make(exchange, submission)
        headers = tuple((b"set-cookie", cookie.encode("ascii")) for cookie in outcome.cookies)
        if not outcome.recorded:
            reply = self._try_again(exchange, "again_choice")
            return Reply(status=503, headers=(*reply.headers, *headers), body=reply.body)
        if submission.json:
            data = {**outcome.state, "reload": outcome.withdrawn, "next": submission.next}
            return self._json(200, data, headers)
        target = submission.next or f"{self._home(exchange)}?saved=1"
        location = (b"location", target.encode("ascii"))
        return Reply(status=303, headers=(*_OWN, *_NOTHING, *headers, location))

    def _try_again(self, exchange: Exchange, key: str) -> Reply:
        reply = self._message(exchange, 503, "again", self._texts(exchange)(key))
        return Reply(status=503, headers=(*reply.headers, (b"retry-after", b"30")), body=reply.body)

    # --- answers that are no page ---------------------------------------------------------------

    def _json(self, status: int, data: dict[str, Any], extra: Iterable[Header] = ()) -> Reply:
        body = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c").encode("ascii")
        return Reply(status=status, headers=(*_DATA, *extra), body=body)

    def _refused(self, exchange: Exchange, path: str, refusal: RequestRefused) -> Reply:
        # What is said to programs stays in English; visitors get a sentence that can be translated.
        text = refusal.reason
        if refusal.status in _SENTENCES and not _sends_json(exchange):
            text = self._texts(exchange)(_SENTENCES[refusal.status])
            if refusal.status == 400:
                text = f"{text} ({refusal.reason})"
        reply = self._message(exchange, refusal.status, "failed", text)
        extra: tuple[Header, ...] = ()
        if refusal.status == 405:
            allowed = {"/": b"GET, HEAD, POST", "/forget": b"POST"}.get(path, b"GET, HEAD")
            extra = ((b"allow", allowed),)
        elif refusal.status == 429:
            extra = ((b"retry-after", b"60"),)
        return Reply(status=reply.status, headers=(*reply.headers, *extra), body=reply.body)

    def unavailable(self, exchange: Exchange) -> Reply:
        """The answer when a page cannot be shown."""
        return self._try_again(exchange, "again_page")

    def _message(self, exchange: Exchange, status: int, title: str, text: str) -> Reply:
        """A sentence, as JSON for those who send JSON.

        Args:
            title: the key of its heading.
        """
        if _sends_json(exchange):
            return self._json(status, {"error": text})
        heading = self._texts(exchange)(title)
        try:
            home, views = self._home(exchange), self._views(exchange)
            html = self._kit.renderer.message_page(
                heading,
                text,
                home,
                css_urls=views.css_urls,
                theme=self._kit.settings.banner.theme,
                site_name=self._kit.settings.site_name,
                language=views.language,
                direction=views.direction,
            )
        except Exception:
            log.exception("a message could not be rendered")
            html = f"<!doctype html><title>{escape(heading)}</title><p>{escape(text)}".encode()
        return Reply(status=status, headers=_PAGE, body=html)


def _sends_json(exchange: Exchange) -> bool:
    kind = exchange.request.header(b"content-type")
    return kind.partition(b";")[0].strip().lower() == _JSON
