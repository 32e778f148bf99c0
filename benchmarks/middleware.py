"""What the middleware adds to a request, as ratios and differences taken in one run.

    python benchmarks/middleware.py [rounds]

- A response that is no page, against what Starlette's ``BaseHTTPMiddleware`` adds to the same.
- A page, less the gate itself: the same page through a gate made with the same insertions.
- A consent cookie that is seen for the first time, against one ``hmac.digest`` (itsdangerous needs
  two, for its derived key, and a date); and one that was seen before, against the first sight.

Subjects take turns within each round, so that a busy machine slows all of them; the processor time
of a subject's best round is compared.
"""

# ruff: noqa: T201
from __future__ import annotations

import asyncio
import hmac
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response

from consentkit import ConsentKit
from consentkit.asgi import ConsentMiddleware
from consentkit.consent import ChoiceCookies
from consentkit.engine import Request
from consentkit.gate import Gate, Judge
from consentkit.settings import ChoiceCookieSettings

KEY = "a key for measuring, of no use elsewhere"
CALLS = 2_000
PAGE = (
    b"<!doctype html><html lang=en><head><title>A shop</title></head><body>"
    + b"<p class=card>Lamps and <a href=/chairs>chairs</a>, <b>made here</b>.</p>" * 20
    + b"</body></html>"
)
HEADERS = [
    (b"host", b"example.com"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"sec-fetch-dest", b"empty"),
    (b"accept-language", b"en-GB,en;q=0.9"),
    (b"referer", b"https://example.com/"),
]
NAVIGATION = [
    (name, b"document" if name == b"sec-fetch-dest" else value) for name, value in HEADERS
]

App = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


def scope(headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/api",
        "raw_path": b"/api",
        "query_string": b"",
        "root_path": "",
        "scheme": "https",
        "headers": list(headers),
        "client": ("192.0.2.1", 1),
        "server": ("192.0.2.2", 443),
    }


def app(media_type: bytes, body: bytes) -> App:
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]

    async def answer(_scope: object, _receive: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


class Base(BaseHTTPMiddleware):
    async def dispatch(
        self, request: StarletteRequest, call_next: RequestResponseEndpoint
    ) -> Response:
        return await call_next(request)


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: object) -> None:
    pass


async def asked(apps: dict[str, App], headers: list[tuple[bytes, bytes]], rounds: int) -> Any:
    """Microseconds of a request to each app."""
    best = dict.fromkeys(apps, float("inf"))
    for _ in range(rounds):
        for name, each in apps.items():
            begun = time.process_time()
            for _ in range(CALLS):
                await each(scope(headers), receive, send)
            best[name] = min(best[name], (time.process_time() - begun) / CALLS * 1e6)
    return best


def called(subjects: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Microseconds of a call of each."""
    best = dict.fromkeys(subjects, float("inf"))
    for _ in range(rounds):
        for name, call in subjects.items():
            begun = time.process_time()
            for _ in range(CALLS):
                call()
            best[name] = min(best[name], (time.process_time() - begun) / CALLS * 1e6)
    return best


def other(kit: ConsentKit, rounds: int) -> None:
    plain = app(b"application/json", b"{}")
    apps = {"bare": plain, "ours": ConsentMiddleware(plain, kit), "base": Base(plain)}
    found = asyncio.run(asked(apps, HEADERS, rounds))
    ours, base = found["ours"] - found["bare"], found["base"] - found["bare"]
    print(f"no page: {ours:.2f} us added, BaseHTTPMiddleware {base:.0f} us: 1/{base / ours:.0f}")


def pages(kit: ConsentKit, rounds: int) -> None:
    fingerprint = kit.policy.fingerprint
    choices = {
        c.id: kit.cookies.value(c.id, "denied", "someone", fingerprint(c.id))
        for c in kit.policy.choosable
    }
    cookie = "; ".join(f"{kit.cookies.name(key)}={value}" for key, value in choices.items())
    plain = app(b"text/html; charset=utf-8", PAGE)
    visitors = {"undecided": NAVIGATION, "decided": [*NAVIGATION, (b"cookie", cookie.encode())]}
    for kind, headers in visitors.items():
        apps = {"bare": plain, "ours": ConsentMiddleware(plain, kit)}
        found = asyncio.run(asked(apps, headers, rounds))
        exchange = kit.begin(Request(method="GET", path="/", headers=tuple(headers)))
        insertions = exchange.insertions([(b"content-type", b"text/html")])
        granted = exchange.decision.grants

        def gate(granted: Any = granted, insertions: Any = insertions) -> bytes:
            judge = Judge(kit.policy, granted, "example.com")
            each = Gate(judge, insertions, None, kit.settings.limits)
            return each.feed(PAGE) + each.close()

        alone = called({"gate": gate}, rounds)["gate"]
        added = found["ours"] - found["bare"]
        print(f"page, {kind}: {added:.1f} us added, {alone:.1f} of it the gate's: "
              f"{added - alone:.1f} us beyond it")  # fmt: skip


def cookies(rounds: int) -> None:
    settings = ChoiceCookieSettings()
    value = ChoiceCookies((KEY,), settings).value("analytics", "granted", "x" * 22, "0" * 12)
    raw, message = KEY.encode(), value.encode()
    known = ChoiceCookies((KEY,), settings)

    def first() -> object:
        known.forget()
        return known.read("analytics", (value,))

    found = called(
        {
            "hmac": lambda: hmac.digest(raw, message, "sha256"),
            "first": first,
            "again": lambda: known.read("analytics", (value,)),
        },
        rounds,
    )
    first_sight, again = found["first"], found["again"]
    print(f"cookie: first sight {first_sight:.2f} us, {first_sight / found['hmac']:.1f} HMACs; "
          f"again {again:.2f} us: 1/{first_sight / again:.0f}")  # fmt: skip


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as folder:
        kit = ConsentKit({"secret_keys": [KEY], "log": f"sqlite:///{folder}/consent.db"})
        other(kit, rounds)
        pages(kit, rounds)
        cookies(rounds)
        kit.close()


if __name__ == "__main__":
    main()
