"""Which request for the pages for auditors is answered by what, and who may make it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import NamedTuple

from consentkit.engine.audit.access import Access, Auditor, Role
from consentkit.engine.audit.answers import Asked, Desk, data, see
from consentkit.engine.audit.api import Api
from consentkit.engine.audit.pages import Pages
from consentkit.engine.forms import check_origin, form_fields
from consentkit.engine.messages import Header, Reply, Request
from consentkit.errors import LogError, RequestRefused

__all__ = ["Auditing"]

log = logging.getLogger("consentkit")

_ID = r"(?P<key>[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"
_HASH = r"(?P<key>[0-9a-f]{64})"
_API = "/api/"
_NOBODY = Auditor(name="", role="read")


class _Route(NamedTuple):
    """What answers a method at a path, and the role that it takes; None: anybody."""

    path: re.Pattern[str]
    method: str
    role: Role | None
    answer: Callable[[Asked], Reply]


class Auditing:
    """The pages for auditors of one log.

    Args:
        desk: what they share.
        access: who may see them.
        site_name: whose log it is.
        theme: ``auto``, ``light`` or ``dark``.
        styles: the names of the style sheets: that of these pages, and that of banners.
        body_limit: the most bytes that are read of a request.
    """

    def __init__(
        self,
        desk: Desk,
        access: Access,
        *,
        site_name: str,
        theme: str,
        styles: tuple[str, str],
        body_limit: int,
    ) -> None:
        self._access = access
        self._pages = Pages(desk, site_name, theme, styles)
        self._limit = body_limit
        self._desk = desk
        api, pages = Api(desk), self._pages
        routes: list[tuple[str, str, Role | None, Callable[[Asked], Reply]]] = [
            ("/", "GET", "read", pages.overview),
            ("/records", "GET", "read", pages.records),
            (f"/records/{_ID}", "GET", "read", pages.record),
            ("/verification", "POST", "read", pages.verify),
            ("/forget", "POST", "erase", pages.forget),
            ("/api/openapi.json", "GET", None, api.openapi),
            ("/api/records", "GET", "read", api.records),
            (f"/api/records/{_ID}", "GET", "read", api.record),
            (f"/api/records/{_ID}/proof", "GET", "read", api.proof),
            (f"/api/notices/{_HASH}", "GET", "read", api.notice),
            ("/api/statistics", "GET", "read", api.statistics),
            ("/api/verification", "GET", "read", api.verification),
            ("/api/verification", "POST", "read", api.verify),
            ("/api/checkpoint", "GET", "read", api.checkpoint),
            ("/api/export", "GET", "export", api.export),
            ("/api/forget", "POST", "erase", api.forget),
        ]
        self._routes = [_Route(re.compile(path), *rest) for path, *rest in routes]  # type: ignore[arg-type]

    def respond(
        self, request: Request, path: str, body: bytes, *, home: str, static: str, secure: bool
    ) -> Reply:
        """The reply to a request. Never raises.

        Args:
            path: behind that of the pages for auditors.
            home: where they are, with a slash at the end.
            static: where the style sheets are.
            secure: whether the request came over https.
        """
        try:
            return self._route(request, path, body, home, static, secure=secure)
        except RequestRefused as refusal:
            return self._refused(path, home, static, refusal)
        except LogError as error:
            log.warning("a page for auditors cannot be shown: %s", error)
            why = f"This cannot be shown now: {error}."
        except Exception:
            log.exception("a page for auditors failed")
            why = "This cannot be shown; the server's log has the reason."
        return self._refused(path, home, static, RequestRefused(503, why))

    def _route(
        self, request: Request, path: str, body: bytes, home: str, static: str, *, secure: bool
    ) -> Reply:
        method = "GET" if request.method == "HEAD" else request.method
        if path == "":
            return see(home)
        if method == "POST":
            check_origin(request)
            if len(body) > self._limit:
                raise RequestRefused(413, "This is too long.")
        if path in ("/login", "/logout"):
            place = Asked(request=request, body=body, home=home, static=static, who=_NOBODY)
            return self._session(place, method, path, secure=secure)
        fitting = [route for route in self._routes if route.path.fullmatch(path)]
        found = next((route for route in fitting if route.method == method), None)
        if not fitting:
            raise RequestRefused(404, "There is no such page.")
        if found is None:
            raise RequestRefused(405, "This cannot be done here.")
        named = found.path.fullmatch(path)
        key = named.groupdict().get("key", "") if named else ""
        who = _NOBODY
        if found.role is not None:
            known = self._access.auditor(request)
            if known is None:
                if path.startswith(_API):
                    raise RequestRefused(401, "Send a token: Authorization: Bearer …")
                return see(f"{home}login")
            if not known.may(found.role):
                raise RequestRefused(403, f"This takes the role {found.role!r}.")
            who = known
        asked = Asked(request=request, body=body, home=home, static=static, who=who, key=key)
        return found.answer(asked)

    def _session(self, asked: Asked, method: str, path: str, *, secure: bool) -> Reply:
        """Exchange a token for a cookie, and back."""
        if method == "GET" and path == "/login":
            return self._pages.login(asked.home, asked.static)
        if method != "POST":
            raise RequestRefused(405, "This cannot be done here.")
        where = asked.home.rstrip("/")
        if path == "/logout":
            ended = self._access.cookie("", where, secure=secure)
            return see(f"{asked.home}login", [(b"set-cookie", ended.encode("ascii"))])
        token = form_fields(asked.request, asked.body, ("token",))["token"].strip()
        try:
            value = self._access.login(token, asked.request)
        except RequestRefused as refusal:
            return self._pages.login(
                asked.home, asked.static, failed=refusal.reason, status=refusal.status
            )
        cookie = self._access.cookie(value, where, secure=secure)
        return see(asked.home, [(b"set-cookie", cookie.encode("ascii"))])

    def _refused(self, path: str, home: str, static: str, refusal: RequestRefused) -> Reply:
        extra: list[Header] = []
        if refusal.status == 401:
            extra.append((b"www-authenticate", b'Bearer realm="consent log"'))
        if refusal.status == 405:
            methods = {r.method for r in self._routes if r.path.fullmatch(path)} or {"POST"}
            allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
            extra.append((b"allow", allowed.encode("ascii")))
        if refusal.status in (429, 503):
            extra.append((b"retry-after", b"60"))
        if path.startswith(_API):
            return data(refusal.status, {"error": refusal.reason}, extra)
        reply = self._pages.message(
            home, static, "This did not work", refusal.reason, status=refusal.status
        )
        return Reply(status=reply.status, headers=(*reply.headers, *extra), body=reply.body)
