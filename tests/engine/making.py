"""A site, its log and its visitors, without any framework."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from consentkit import ConsentKit
from consentkit.engine import Exchange, Plan, Reply, Request
from consentkit.errors import LogUnavailable
from consentkit.log import Event, Log, Notice, Record

KEY = "a-key-of-more-than-thirty-two-characters"
NOW = 1_800_000_000
HOST = b"www.shop.example"
GA = b'<script src="https://www.google-analytics.com/analytics.js"></script>'
PAGE = (
    b"<!doctype html><html><head><title>A shop</title>" + GA + b"</head><body>Hello</body></html>"
)
HTML = (b"content-type", b"text/html; charset=utf-8")
SERVICES = ["google-analytics", "facebook", "youtube"]


class MemoryLog:
    """A log in memory, which can be made to fail."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.notices: dict[str, Notice] = {}
        self.error: Exception | None = None
        self.tries = 0
        self.closed = False
        self._lock = threading.Lock()

    def append_many(self, entries: Sequence[tuple[Event, Notice]]) -> list[Record]:
        with self._lock:
            self.tries += 1
            self._check()
            for event, notice in entries:
                event.check()
                assert event.notice == notice.hash
            return [self._append(event, notice) for event, notice in entries]

    def _append(self, event: Event, notice: Notice) -> Record:
        known = next((e for e in self.events if e.id == event.id), None)
        if known is None:
            self.events.append(event)
            self.notices[notice.hash] = notice
        event = known or event
        seq = self.events.index(event)
        return Record(seq=seq, leaf=b"", leaf_hash=b"", event=event, notice_language="en")

    def by_consent_id(self, consent_id: str) -> list[Record]:
        self._check()
        return [
            Record(seq=seq, leaf=b"", leaf_hash=b"", event=event, notice_language="en")
            for seq, event in enumerate(self.events)
            if event.consent_id == consent_id
        ]

    def maintain(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    def __len__(self) -> int:
        return 0  # a log that is empty is a log all the same

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the engine needs no {name} of a log")

    @property
    def actions(self) -> list[str]:
        return [event.action for event in self.events]


def down() -> LogUnavailable:
    return LogUnavailable("the disk is full")


class Site:
    """A site with its kit. Visitors come and go with ``visitor``."""

    def __init__(self, log: MemoryLog | None = None, **settings: Any) -> None:
        self.log = MemoryLog() if log is None else log
        self.now = float(NOW)
        store: Log = self.log
        given = {"secret_keys": [KEY], "site_name": "Shop", "services": SERVICES, **settings}
        self.kit = ConsentKit(given, log=store, clock=lambda: self.now)

    def visitor(self, **cookies: str) -> Visitor:
        return Visitor(self, dict(cookies))

    def cookie(self, category: str, outcome: Any, consent_id: str = "someone") -> str:
        fingerprint = self.kit.policy.fingerprint(category)
        return self.kit.cookies.value(category, outcome, consent_id, fingerprint)

    def decided(self, *granted: str) -> Visitor:
        """A visitor who granted some and denied the rest."""
        return self.visitor(
            **{
                f"consent_{c.id}": self.cookie(c.id, "granted" if c.id in granted else "denied")
                for c in self.kit.policy.choosable
            }
        )


class Visitor:
    """A browser: keeps cookies, and sends what browsers send."""

    def __init__(self, site: Site, cookies: dict[str, str]) -> None:
        self.site = site
        self.cookies = cookies

    def begin(
        self, path: str = "/", method: str = "GET", headers: Any = (), **facts: Any
    ) -> Exchange:
        sent = [(b"host", HOST)]
        if self.cookies:
            pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            sent.append((b"cookie", pairs.encode("latin-1")))
        facts = {"url": path, **facts}
        request = Request(method=method, path=path, headers=(*sent, *headers), **facts)
        return self.site.kit.begin(request)

    def get(self, path: str = "/consent/", headers: Any = (), **facts: Any) -> Reply:
        return self.begin(path, "GET", headers, **facts).respond(b"")

    def page(
        self,
        body: bytes = PAGE,
        *,
        headers: Any = (HTML,),
        status: int = 200,
        sent: Any = (),
        **facts: Any,
    ) -> Shown:
        exchange = self.begin(headers=sent, **facts)
        exchange.inward_headers()
        return show(exchange, [body], headers, status)

    def post(self, headers: Any = (), **fields: Any) -> Reply:
        body = urlencode(fields, doseq=True).encode()
        kind = (b"content-type", b"application/x-www-form-urlencoded")
        return self._keep(self.begin("/consent/", "POST", (*headers, kind)).respond(body))

    def post_json(self, headers: Any = (), **fields: Any) -> Reply:
        kind = (b"content-type", b"application/json")
        exchange = self.begin("/consent/", "POST", (*headers, kind))
        return self._keep(exchange.respond(json.dumps(fields).encode()))

    def _keep(self, reply: Reply) -> Reply:
        for name, value in reply.headers:
            if name == b"set-cookie":
                cookie, _, rest = value.decode().partition(";")
                key, _, content = cookie.partition("=")
                if "Max-Age=0" in rest:
                    self.cookies.pop(key, None)
                else:
                    self.cookies[key] = content
        return reply

    @property
    def states(self) -> dict[str, str]:
        return dict(self.begin().decision.states)


class Shown:
    """What of a page reached the browser."""

    def __init__(self, plan: Plan, body: bytes) -> None:
        self.plan = plan
        self.body = body

    def values(self, name: bytes) -> list[bytes]:
        return values(self.plan.headers, name)

    @property
    def live(self) -> bool:
        return GA in self.body

    @property
    def banner(self) -> bool:
        return b'data-consentkit="banner"' in self.body

    @property
    def closed(self) -> bool:
        return any(
            value.startswith(b"default-src 'self'")
            for value in self.values(b"content-security-policy")
        )


def show(
    exchange: Exchange, chunks: list[bytes], headers: Any = (HTML,), status: int = 200
) -> Shown:
    plan = exchange.start(status, list(headers), chunks[0] if chunks else b"")
    if plan.instead is not None:
        return Shown(plan, plan.instead.body)
    if plan.body is None:
        return Shown(plan, b"".join(chunks))
    return Shown(plan, b"".join(pieces(plan, chunks)))


def pieces(plan: Plan, chunks: list[bytes]) -> Iterator[bytes]:
    assert plan.body is not None
    for chunk in chunks:
        yield from plan.body.feed(chunk)
    yield plan.body.close()


def values(headers: Any, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


def token_of(html: bytes) -> str:
    found = re.search(rb'name="token" value="([^"]+)"', html)
    assert found is not None
    return found[1].decode()
