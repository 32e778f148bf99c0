"""ConsentKit: the one object that adapters call. Everything is decided below it, without I/O.

An adapter turns a request into a :class:`Request` and asks :meth:`ConsentKit.begin` for an
:class:`Exchange`. That is either for one of our endpoints (then ``respond`` gives the whole reply,
and may wait for the log) or for a page of the site (then ``start`` says how to send it).
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from consentkit.banner.languages import negotiate
from consentkit.banner.render import BannerParts, Renderer
from consentkit.consent import ChoiceCookies, Decider, Decision, Signals, nothing_granted
from consentkit.consent.signals import accepted_languages, parse_cookies, sends_gpc
from consentkit.engine.assets import Assets
from consentkit.engine.audit import Access, AuditAccess, Auditing, make_auditing
from consentkit.engine.csp import Fence, may_inline, nonce_of
from consentkit.engine.endpoints import Endpoints
from consentkit.engine.exchange import Exchange
from consentkit.engine.limits import RateLimit
from consentkit.engine.messages import Header, Request
from consentkit.engine.recorder import Recorder
from consentkit.engine.reports import Reports
from consentkit.engine.signals import consent_defaults, said
from consentkit.engine.tokens import FormTokens
from consentkit.engine.views import Views
from consentkit.errors import Fault, SettingsError
from consentkit.gate import Embed, Verdict
from consentkit.gate.urls import locate_text
from consentkit.log import Checkpoints, Log, erasure, new_id, open_log, open_spool
from consentkit.policy import SERVICE, Policy, country_of, registrable_domain
from consentkit.settings import UNCLASSIFIED, Settings, load_settings

__all__ = ["ConsentKit"]

log = logging.getLogger("consentkit")

_LOGGER = log  # "log" is the consent log where a kit is made
_KEPT = 256  # rendered parts of one kind: there are as many as states and mount points
_LONG = 2048
_GPC = "/.well-known/gpc.json"

K = TypeVar("K")
V = TypeVar("V")


class ConsentKit:
    """The consent layer of one site.

    Args:
        settings: a dict, :class:`Settings`, or the path of a TOML file.
        log: where choices are recorded; opened from ``settings.log`` when left out.
        clock: seconds since 1970.
        audit_access: the site's own word on who may see the pages for auditors: is given a
            request, returns ``read``, ``export``, ``erase`` or None.

    Raises:
        SettingsError: with every mistake in the settings.
    """

    def __init__(
        self,
        settings: Settings | Mapping[str, Any] | str | Path,
        *,
        log: Log | None = None,
        clock: Callable[[], float] = time.time,
        audit_access: AuditAccess | None = None,
    ) -> None:
        self.settings = load_settings(settings)
        self.clock = clock
        self._prefix = self.settings.prefix
        faults: list[Fault] = []
        policy = _made(faults, lambda: Policy(self.settings))
        renderer = _made(faults, lambda: _renderer(self.settings))
        own = self.settings.log
        store = open_log(own.url) if log is None else log
        checkpoints = _made(faults, lambda: Checkpoints(store, own.checkpoint, clock))
        if policy is None or renderer is None or checkpoints is None:
            raise SettingsError(tuple(faults))
        self.policy, self.renderer = policy, renderer
        self.cookies = ChoiceCookies(self.settings.secret_keys, self.settings.cookies, clock)
        self._decider = Decider(self.policy, self.cookies)
        self._country = self.settings.country_header.lower().encode("ascii")
        self.checkpoints = checkpoints
        self.recorder = Recorder(
            store,
            open_spool(own.url, own.spool) if log is None else None,
            checkpoints=checkpoints,
            retention_days=own.retention_days,
            wall=clock,
        )
        self.rate = RateLimit(self.settings.limits.rate_per_minute, time.monotonic)
        shown = "".join(self.policy.fingerprint(c.id) for c in self.policy.choosable)
        self.shown = hashlib.sha256(shown.encode()).hexdigest()[:16]
        self.tokens = FormTokens(self.settings.secret_keys, self.shown, new_id)
        self.assets = Assets(self.policy)
        files = (*self.assets.page_styles, self.assets.script)
        build = " ".join((*files, self.policy.build))
        self.build = hashlib.sha256(build.encode()).hexdigest()[:12]
        self.fence = Fence(self.policy)
        self.closed = self.fence.closed
        self.said = said(self.policy)
        prints = " ".join(f"{c.id}={self.policy.fingerprint(c.id)}" for c in self.policy.choosable)
        self._prints = f' data-prints="{prints}"'
        self.varies = _varies(self.settings)
        self.caching = ((b"vary", b", ".join(self.varies)), (b"cache-control", b"private"))
        self._heads: dict[tuple[object, ...], bytes] = {}
        self._views: dict[tuple[str, str], Views] = {}
        self._banners: dict[tuple[str, str, str, bool], BannerParts] = {}
        self._floating: dict[tuple[str, str], bytes] = {}
        self._placeholders: dict[tuple[str, str, str, Embed], bytes] = {}
        self.nothing = nothing_granted(self.policy)
        self.reports = Reports()
        self.reporting = RateLimit(self.settings.limits.rate_per_minute, time.monotonic)
        self.auditing = self._auditing(audit_access)
        self.endpoints = Endpoints(self)
        if self.settings.debug:
            logging.getLogger("consentkit").warning(
                "debug is on: pages tell every visitor what was held back and why"
            )

    def _auditing(self, ask: AuditAccess | None) -> Auditing | None:
        settings = self.settings
        if settings.audit is None:
            return None
        return make_auditing(
            self.recorder.store,
            settings.audit,
            Access(settings.audit, settings.secret_keys, ask, wall=self.clock),
            checkpoints=self.checkpoints,
            url=settings.log.url,
            forget=self._forget,
            clock=self.clock,
            site_name=settings.site_name,
            theme=settings.banner.theme,
            body_limit=settings.limits.body_bytes,
        )

    def _forget(self, consent_id: str) -> int:
        """Erase a visitor's records, as somebody asked the site to."""
        event, notice = erasure(self.settings.policy.version, self.clock)
        return self.recorder.forget(consent_id, event, notice)

    def begin(self, request: Request) -> Exchange:
        """Look at a request. Never raises; its visitor's decision is made when it is needed."""
        return Exchange(self, request)

    def decide(self, request: Request) -> tuple[Signals, Decision]:
        """What a request says of its visitor, and what that comes to."""
        country = request.header(self._country) if self._country else b""
        signals = Signals(
            cookies=parse_cookies(request.all(b"cookie")),
            gpc=sends_gpc(request.all(b"sec-gpc")),
            country=country_of(country.decode("latin-1")) if country else "",
        )
        return signals, self._decider.decide(signals)

    def endpoint(self, path: str) -> str | None:
        """The part of a path behind our prefix, or ``gpc``; None when the path is not ours."""
        prefix = self.settings.prefix
        if path == prefix:
            return ""
        if path.startswith(prefix) and path[len(prefix)] == "/":
            return path[len(prefix) :]
        if path == _GPC and self.settings.honour_gpc:
            return "gpc"
        return None

    def may_answer(self, path: str) -> bool:
        """Whether one of our own pages may be meant by a path that may have a mount point in it."""
        return self._prefix in path or path.endswith(_GPC)

    def home(self, root: str) -> str:
        """The path of the preferences page, as links, attributes and headers need it.

        A mount point may hold what a visitor wrote into the address, and comes decoded.
        """
        mount = quote("/" + root.strip("/\\"), safe="/~") if root.strip("/\\") else ""
        return f"{mount}{self.settings.prefix}/"

    def language(self, page: str, request: Request) -> str:
        """The language for a visitor of a page that is in the language ``page``, if that is known.

        Where all visitors get the same page, the page alone decides.
        """
        accepted = b"" if self.settings.shared_cache else request.header(b"accept-language")
        tags = accepted_languages(accepted.decode("latin-1"))
        return negotiate(page, tags, self.renderer.languages)

    def views(self, root: str, language: str) -> Views:
        """The views in a language for a site that is mounted at ``root``."""
        views = self._views.get((root, language))
        if views is None:
            asked = language != self.renderer.languages[0]
            views = Views(
                self.policy, self.home(root), self.assets.page_styles, language, asked=asked
            )
            _keep(self._views, (root, language), views)
        return views

    def head(
        self, request: Request, decision: Decision, headers: Sequence[Header], *, fenced: bool
    ) -> bytes:
        """Our part of a page's head: consent signals, then our script, then our style sheet.

        The script is the first of the page that may do something, while anything is held back: it
        has the guard and its rules. Where nothing is, it waits for the page (``defer``).
        """
        nonce, inline = (nonce_of(headers), may_inline(headers)) if headers else (b"", True)
        root, site = request.root, ""
        if self.settings.gate == "strict":
            site = f' data-site="{escape(registrable_domain(request.host))}"'
        key = (root, site, decision.regime, decision.key, nonce, inline, fenced)
        head = self._heads.get(key)
        if head is None:
            mark = b' nonce="' + nonce + b'"' if nonce else b""
            files = self.home(root).encode("ascii") + b"static/"
            head = consent_defaults(self, root, decision, nonce, inline=inline)
            head += (
                b'<script data-consentkit="client" data-action="%b"%b%b src="%b%b"%b%b></script>'
                % (
                    self.home(root).encode("ascii"),
                    self.client_marks(decision, reloads=fenced),
                    site.encode("ascii", "xmlcharrefreplace"),
                    files,
                    self.assets.script.encode("ascii"),
                    b" defer" if self.policy.holds_nothing(decision.grants) else b"",
                    mark,
                )
            )
            head += b'<link rel="stylesheet" data-consentkit="styles" href="%b%b"%b>' % (
                files,
                self.assets.style_sheet.encode("ascii"),
                mark,
            )
            if not nonce:
                _keep(self._heads, key, head)
        return head

    def client_marks(self, decision: Decision, *, reloads: bool) -> bytes:
        """The attributes of our script: what counts, which it cannot see of a cookie.

        Args:
            reloads: whether what is granted cannot come alive without a new page.
        """
        marks = f' data-cookie-prefix="{escape(self.settings.cookies.prefix)}"'
        if self.settings.shared_cache:
            return (marks + self._prints).encode("ascii")
        denied = _named(decision, "denied")
        marks += f' data-granted="{_named(decision, "granted")}" data-denied="{denied}"'
        if reloads:
            marks += " data-reload"
        if not decision.gpc_recorded:
            marks += ' data-gpc="record"'
        elif self._may_object(decision):
            marks += ' data-gpc="watch"'
        return marks.encode("ascii")

    def _may_object(self, decision: Decision) -> bool:
        """Whether something is on that Global Privacy Control, if only it were seen, turns off."""
        regime = self.policy.regimes.of(decision.country)
        return regime.gpc and "no objection" in decision.why.values()

    def told(self, decision: Decision) -> bytes:
        """The attributes by which the script of consent signals knows what is granted."""
        if self.settings.shared_cache:
            prefix = escape(self.settings.cookies.prefix)
            return f'{self._prints} data-cookie-prefix="{prefix}"'.encode("ascii")
        undecided = " data-undecided" if decision.undecided else ""
        return f' data-granted="{_named(decision, "granted")}"{undecided}'.encode("ascii")

    def banner(self, root: str, decision: Decision, language: str) -> BannerParts:
        """The banner for a visitor in this state, rendered once."""
        key = (root, language, decision.key, decision.gpc)
        parts = self._banners.get(key)
        if parts is None:
            parts = self.renderer.banner(self.views(root, language).notice(decision))
            _keep(self._banners, key, parts)
        return parts

    def floating(self, root: str, language: str) -> bytes:
        """The small button that leads back to the choice, rendered once."""
        html = self._floating.get((root, language))
        if html is None:
            views = self.views(root, language)
            html = self.renderer.floating(
                views.preferences_url, language=language, direction=views.direction
            )
            _keep(self._floating, (root, language), html)
        return html

    def placeholder(
        self, root: str, verdict: Verdict, embed: Embed, decision: Decision, language: str
    ) -> bytes:
        """What stands in for an embed that sleeps; nothing for what is no embed.

        A third party that nobody knows (``gate="strict"``) goes by the name of its host. It belongs
        to no category, so nobody can agree to it; the original page is a link away.
        """
        service = next((s for s in verdict.services if s.embed), None)
        name = service.name if service else "" if verdict.services else _host(embed.url)
        if not name:
            return b""
        missing = [c for c in verdict.categories if c not in decision.grants]
        title = ""
        # A category, and this service alone of it.
        if service and missing[1:] == [SERVICE + service.id]:
            missing, title = missing[1:], service.name
        category = missing[0] if len(missing) == 1 and UNCLASSIFIED not in missing else ""
        title = title or next((c.title for c in self.policy.categories if c.id == category), "")
        key = (root, language, f"{name} {category}", embed)
        html = self._placeholders.get(key)
        if html is None:
            html = self.renderer.embed(
                service=name,
                category_id=category,
                category_title=title,
                preferences_url=self.views(root, language).preferences_url,
                language=language,
                direction=self.views(root, language).direction,
                **embed._asdict(),
            )
            if sum(map(len, embed)) <= _LONG:
                _keep(self._placeholders, key, html)
        return html

    def gates_cookie(self, name: str, decision: Decision) -> bool:
        """Whether a cookie belongs to a service that this visitor did not agree to."""
        return any(
            not decision.grants.issuperset(self.policy.requirements(service))
            for service in self.policy.matcher.cookie(name)
        )

    def close(self) -> None:
        """Record what still waits, if that can be done, and let go of the log."""
        self.recorder.close()


def _host(url: str) -> str:
    place = locate_text(url)
    return place.host if place else ""


def _varies(settings: Settings) -> tuple[bytes, ...]:
    """The request headers that pages depend on."""
    country = settings.country_header.encode("ascii")
    honours = settings.honour_gpc or any(regime.gpc for regime in settings.regimes)
    several = len(settings.languages) != 1
    return (
        b"Cookie",
        *([b"Sec-GPC"] if honours else []),
        *([country] if country else []),
        *([b"Accept-Language"] if several else []),
    )


def _named(decision: Decision, state: str) -> str:
    """The categories in a state, and the services that are asked about one by one."""
    services = {SERVICE + key: value for key, value in decision.services.items()}
    return " ".join(key for key, value in {**decision.states, **services}.items() if value == state)


def _renderer(settings: Settings) -> Renderer:
    folders = [Path(folder) for folder in settings.banner.template_dirs]
    return Renderer(
        texts=settings.banner.texts, template_dirs=folders, languages=settings.languages
    )


def _made(faults: list[Fault], make: Callable[[], V]) -> V | None:
    """What ``make`` makes; its faults are collected, so that all are told at once."""
    try:
        return make()
    except SettingsError as error:
        faults += error.faults
        return None


def _keep(cache: dict[K, V], key: K, value: V) -> None:
    """Remember a value; a full cache starts anew."""
    if len(cache) >= _KEPT:
        cache.clear()
    cache[key] = value
