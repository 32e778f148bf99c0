"""ConsentKit: the one object that adapters call. Everything is decided below it, without I/O.

An adapter turns a request into a :class:`Request` and asks :meth:`ConsentKit.begin` for an
:class:`Exchange`. That is either for one of our endpoints (then ``respond`` gives the whole reply,
and may wait for the log) or for a page of the site (then ``start`` says how to send it).
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from consentkit.banner.render import BannerParts, Renderer
from consentkit.consent import ChoiceCookies, Decision, Signals, decide
from consentkit.consent.signals import is_bot, parse_cookies, sends_gpc
from consentkit.engine.assets import asset_names
from consentkit.engine.consent import Consent
from consentkit.engine.endpoints import Endpoints
from consentkit.engine.exchange import Exchange
from consentkit.engine.limits import RateLimit
from consentkit.engine.messages import Request
from consentkit.engine.recorder import Recorder
from consentkit.engine.tokens import FormTokens
from consentkit.engine.views import Views
from consentkit.gate import Verdict
from consentkit.log import Log, new_id, open_log
from consentkit.policy import Policy
from consentkit.settings import UNCLASSIFIED, Settings, load_settings

__all__ = ["ConsentKit"]

log = logging.getLogger("consentkit")

_BANNERS = 256


class ConsentKit:
    """The consent layer of one site.

    Args:
        settings: a dict, :class:`Settings`, or the path of a TOML file.
        log: where choices are recorded; opened from ``settings.log`` when left out.
        clock: seconds since 1970.

    Raises:
        SettingsError: with every mistake in the settings.
    """

    def __init__(
        self,
        settings: Settings | Mapping[str, Any] | str | Path,
        *,
        log: Log | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = load_settings(settings)
        self.clock = clock
        self.policy = Policy(self.settings)
        self.cookies = ChoiceCookies(self.settings.secret_keys, self.settings.cookies, clock)
        self.renderer = Renderer(
            texts=self.settings.banner.texts,
            template_dirs=[Path(folder) for folder in self.settings.banner.template_dirs],
        )
        self.recorder = Recorder(log or open_log(self.settings.log.url))
        self.rate = RateLimit(self.settings.limits.rate_per_minute, time.monotonic)
        shown = "".join(self.policy.fingerprint(c.id) for c in self.policy.choosable)
        self.shown = hashlib.sha256(shown.encode()).hexdigest()[:16]
        self.tokens = FormTokens(self.settings.secret_keys, self.shown, new_id)
        self.build = hashlib.sha256(" ".join((*asset_names(), self.shown)).encode()).hexdigest()[:8]
        self._views: dict[str, Views] = {}
        self._banners: dict[tuple[str, str, bool], BannerParts] = {}
        self._placeholders: dict[tuple[str, str, str], bytes] = {}
        self._closed = decide(self.policy, self.cookies, Signals(gpc=True))
        self.endpoints = Endpoints(self)

    def begin(self, request: Request) -> Exchange:
        """Look at a request. Never raises: a fault of ours leaves everything denied."""
        try:
            cookies = parse_cookies(request.all(b"cookie"))
            signals = Signals(
                cookies=cookies,
                gpc=sends_gpc(request.all(b"sec-gpc")),
                bot=is_bot(request.header(b"user-agent")),
            )
            decision = decide(self.policy, self.cookies, signals)
        except Exception:
            log.exception("a request could not be looked at; nothing counts as granted")
            signals, decision = Signals(), self._closed
        home = self.home(request.root)
        consent = Consent(decision=decision, settings_url=home)
        endpoint = self._endpoint(request.path)
        return Exchange(self, request, signals, consent, endpoint)

    def _endpoint(self, path: str) -> str | None:
        """The part of a path behind our prefix; None when the path is not ours."""
        prefix = self.settings.prefix
        if path == prefix:
            return ""
        if path.startswith(prefix) and path[len(prefix)] == "/":
            return path[len(prefix) :]
        if path == "/.well-known/gpc.json" and self.settings.honour_gpc:
            return path
        return None

    def home(self, root: str) -> str:
        """The path of the preferences page, as links need it."""
        return f"{root}{self.settings.prefix}/"

    def views(self, root: str) -> Views:
        """The views for a site that is mounted at ``root``."""
        views = self._views.get(root)
        if views is None:
            css = f"{self.home(root)}static/{asset_names()[0]}"
            views = Views(self.policy, root, css)
            if len(self._views) < _BANNERS:
                self._views[root] = views
        return views

    def banner(self, root: str, decision: Decision) -> BannerParts:
        """The banner for a visitor in this state, rendered once."""
        key = (root, decision.key, decision.gpc)
        parts = self._banners.get(key)
        if parts is None:
            parts = self.renderer.banner(self.views(root).notice(decision))
            if len(self._banners) < _BANNERS:
                self._banners[key] = parts
        return parts

    def placeholder(self, root: str, verdict: Verdict, url: str, decision: Decision) -> bytes:
        """What stands in for an embed that sleeps; nothing for what is no embed."""
        service = next((s for s in verdict.services if s.embed), None)
        if service is None:
            return b""
        missing = [c for c in verdict.categories if not decision.granted(c)]
        category = missing[0] if len(missing) == 1 and UNCLASSIFIED not in missing else ""
        title = next((c.title for c in self.policy.categories if c.id == category), "")
        key = (root, service.id + " " + category, url)
        html = self._placeholders.get(key)
        if html is None:
            html = self.renderer.embed(
                service=service.name,
                category_id=category,
                category_title=title,
                url=url,
                preferences_url=self.home(root),
            )
            if len(self._placeholders) < _BANNERS:
                self._placeholders[key] = html
        return html

    def gates_cookie(self, name: str, decision: Decision) -> bool:
        """Whether a cookie belongs to a service that this visitor did not agree to."""
        return any(
            not decision.grants.issuperset(self.policy.requirements(service))
            for service in self.policy.matcher.cookie(name)
        )

    def close(self) -> None:
        """Let go of the log."""
        self.recorder.store.close()
