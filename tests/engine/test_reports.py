"""Reports of third parties that were not declared."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.engine import Reply
from consentkit.engine.reports import Reports, read_reports
from tests.engine.making import HTML, Site

REPORT_ONLY = b"content-security-policy-report-only"
OLD = {
    "csp-report": {
        "document-uri": "https://www.shop.example/basket?email=a@b.example",
        "blocked-uri": "https://pixel.unknown.example/p.gif?visitor=17",
        "violated-directive": "img-src 'self'",
        "effective-directive": "img-src",
    }
}
NEW = [
    {"type": "deprecation", "body": {"id": "x"}},
    {
        "type": "csp-violation",
        "url": "https://www.shop.example/",
        "user_agent": "Mozilla/5.0",
        "body": {
            "blockedURL": "https://other.unknown.example/s.js",
            "effectiveDirective": "script-src-elem",
            "sample": "",
        },
    },
]


def send(site: Site, body: bytes, **facts: Any) -> Reply:
    kind = (b"content-type", b"application/csp-report")
    return site.visitor().begin("/consent/csp", "POST", (kind,), **facts).respond(body)


def test_pages_say_where_reports_go_and_hold_nothing_back() -> None:
    site = Site(csp="report", services=["google-analytics"])
    shown = site.visitor().page()
    (policy,) = shown.values(REPORT_ONLY)
    assert b"*.google-analytics.com" in policy  # declared: whether it is granted is no matter here
    assert policy.endswith(b"; report-uri /consent/csp")
    assert shown.values(b"content-security-policy") == shown.values(b"reporting-endpoints") == []
    secure = site.visitor().page(scheme="https")
    assert secure.values(REPORT_ONLY) == [policy + b"; report-to consentkit"]
    assert secure.values(b"reporting-endpoints") == [b'consentkit="/consent/csp"']


def test_both_formats_are_read_and_little_of_them_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = Site(csp="report", debug=True)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "consentkit.csp"):
        for _ in range(3):
            for report in (OLD, NEW):
                reply = send(site, json.dumps(report).encode())
                assert (reply.status, reply.body) == (204, b"")
    assert [record.getMessage() for record in caplog.records] == [
        "pages load from pixel.unknown.example (img-src), which is not among the services",
        "pages load from other.unknown.example (script-src-elem), which is not among the services",
    ]
    assert json.loads(site.visitor().get("/consent/csp").body) == {
        "undeclared": {
            "other.unknown.example": {"script-src-elem": 3},
            "pixel.unknown.example": {"img-src": 3},
        }
    }


@pytest.mark.parametrize(
    "blocked",
    ["inline", "eval", "data", "chrome-extension://abc/x.js", "https://", "http://[", "", 7, None],
)
def test_what_names_no_host(blocked: object) -> None:
    report = {"csp-report": {"blocked-uri": blocked, "effective-directive": "script-src"}}
    assert list(read_reports(json.dumps(report).encode())) == []


def test_it_is_bounded() -> None:
    site = Site(csp="report", limits={"rate_per_minute": 5, "body_bytes": 2_000})
    assert send(site, b"x" * 2_001).status == 413
    assert [send(site, b"{}", client="192.0.2.1").status for _ in range(6)] == [204] * 5 + [429]
    assert send(site, b"{}", client="192.0.2.2").status == 204
    assert site.visitor().post(action="reject").status == 303  # choices have a limit of their own
    reports = Reports()
    for number in range(300):
        blocked = f"https://h{number}.example/"
        report = {"csp-report": {"blocked-uri": blocked, "effective-directive": "img-src"}}
        reports.add(json.dumps(report).encode())
    assert len(reports.hosts()) == 200


def test_nobody_else_has_the_endpoint_or_the_list() -> None:
    assert send(Site(), json.dumps(OLD).encode()).status == 404
    assert Site(csp="report").visitor().get("/consent/csp").status == 404
    assert Site(debug=True).visitor().page(headers=[HTML]).values(REPORT_ONLY) == []


KEYS = ["csp-report", "body", "type", "blocked-uri", "blockedURL", "effectiveDirective"]
JSON = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
)


@given(st.binary() | JSON.map(lambda data: json.dumps(data).encode()))
def test_any_bytes(body: bytes) -> None:
    Reports().add(body)
