"""Page open, trackers closed: whatever of ours fails, the page is there and nothing gets loose."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from consentkit.engine import endpoints, exchange, kit
from consentkit.gate import Gate, Judge
from tests.engine.making import GA, HTML, PAGE, Site

FAULTS = [RuntimeError("broken"), MemoryError(), RecursionError(), KeyError("x"), UnicodeError()]
IN_THE_PLAN = [
    (exchange, "gate_headers"),
    (exchange, "is_html"),
    (exchange, "readable"),
    (exchange, "content_codings"),
    (kit, "nonce_of"),
    (exchange, "mark_private"),
    (exchange, "with_vary"),
    (exchange, "Judge"),
    (exchange, "Gate"),
    (exchange, "Body"),
    (kit, "consent_defaults"),
    (exchange.Exchange, "_page_headers"),
    (exchange.Exchange, "insertions"),
]


def failing(fault: Exception) -> Any:
    def fail(*_: object, **__: object) -> NoReturn:
        raise fault

    return fail


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize(("where", "name"), IN_THE_PLAN)
def test_before_the_first_byte(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, fault: Exception
) -> None:
    site = Site()
    monkeypatch.setattr(where, name, failing(fault))
    headers = [
        HTML,
        (b"set-cookie", b"session=1"),
        (b"vary", b"Accept"),
        (b"content-security-policy", b"script-src 'nonce-x'"),
        (b"content-length", b"%d" % len(PAGE)),
        (b"Link", b"<https://www.google-analytics.com>; rel=preconnect"),
    ]
    for visitor in (site.visitor(), site.decided("analytics")):
        shown = visitor.page(headers=headers, status=418)
        assert shown.body == PAGE
        assert shown.closed
        assert shown.values(b"set-cookie") == [b"session=1"]
        assert shown.values(b"content-length") == [b"%d" % len(PAGE)]
        assert shown.values(b"link") == []


@pytest.mark.parametrize("name", ["parse_cookies", "sends_gpc", "Signals"])
def test_a_request_that_cannot_be_looked_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    site = Site(categories=["analytics", {"id": "ads", "mode": "objection"}], services=None)
    visitor = site.decided("analytics", "ads")
    assert visitor.page().live
    monkeypatch.setattr(kit, name, failing(RuntimeError("broken")))
    shown = visitor.page()
    assert not shown.live
    assert visitor.begin().decision.grants == {"necessary"}
    assert visitor.get("/consent/").status == 200


@pytest.mark.parametrize("name", ["banner", "views"])
def test_a_banner_that_fails(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    site = Site()
    monkeypatch.setattr(site.kit, name, failing(RuntimeError("broken")))
    shown = site.visitor().page()
    assert not shown.live
    assert not shown.closed
    assert not shown.banner
    assert b'data-consentkit="client"' in shown.body
    monkeypatch.setattr(site.kit.tokens, "make", failing(RuntimeError("broken")))
    assert not site.visitor().page().live


def test_a_placeholder_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    monkeypatch.setattr(site.kit.renderer, "embed", failing(RuntimeError("broken")))
    frame = b'<!doctype html><iframe src="https://www.youtube.com/embed/1"></iframe>' + GA + b"<p>x"
    shown = site.visitor().page(frame)
    assert b" src=" not in shown.body.partition(b"<iframe")[2].partition(b">")[0]
    assert b"<p>x" in shown.body
    assert not shown.live


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_judge_that_fails_in_the_middle(
    monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    site = Site()
    monkeypatch.setattr(Judge, "url", failing(fault))
    shown = site.visitor().page(PAGE + GA)
    assert b"<script src" not in shown.body
    monkeypatch.setattr(Gate, "close", failing(fault))
    assert not site.visitor().page(PAGE).live


def test_conditions_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    monkeypatch.setattr(exchange, "conditions_for", failing(RuntimeError("broken")))
    headers = ((b"if-none-match", b'"x"'), (b"if-modified-since", b"y"), (b"x", b"z"))
    begun = site.visitor().begin(headers=headers)
    assert [name for name, _ in begun.inward_headers()] == [b"host", b"x"]
    plan = begun.start(304, [(b"etag", b'"x"')])
    assert plan.body is None


@pytest.mark.parametrize("name", ["read_submission", "check_origin", "safe_next", "escape"])
def test_endpoints(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    site = Site()
    monkeypatch.setattr(endpoints, name, failing(RuntimeError("broken")))
    for path in ("/consent/", "/consent/state", "/consent/policy", "/consent/static/x"):
        assert site.visitor().get(path).status in (200, 404, 503)
    assert site.visitor().post(action="accept").status in (303, 503)


def test_only_exceptions_are_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    for stop in (KeyboardInterrupt(), GeneratorExit(), SystemExit()):
        monkeypatch.setattr(exchange, "is_html", failing(stop))  # type: ignore[arg-type]
        with pytest.raises(type(stop)):
            site.visitor().page()


def test_a_user_agent_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "is_bot", failing(RuntimeError("broken")))
    shown = Site().visitor().page()
    assert not shown.live
    assert not shown.closed
    assert not shown.banner
