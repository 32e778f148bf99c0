"""The pages for auditors: who gets in, what they see, what is written down, and no way around."""

from __future__ import annotations

import io
import json
import logging
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from consentkit import ConsentKit
from consentkit.engine import Reply, Request
from consentkit.engine.audit import Auditor, new_token, token_hash
from consentkit.engine.audit.access import COOKIE
from consentkit.engine.audit.charts import Series, columns, lines
from consentkit.engine.audit.trail import Trail, trail_path
from consentkit.errors import LogUnavailable
from consentkit.log import Notice, standalone
from consentkit.log.sqlite import SqliteLog
from tests.engine.making import KEY, values
from tests.log.making import fill, make_event

FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json")
TOKENS = {role: new_token() for role in ("read", "export", "erase")}
EVIL = "<script>alert(1)</script>"


class House:
    """A site with records, and somebody who asks."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.now = 1_800_000_000.0
        self.access_log = folder / "access.jsonl"
        self.log = SqliteLog(folder / "consent.db")
        self.tokens = [
            {"name": f"{role}er", "hash": token_hash(token), "role": role}
            for role, token in TOKENS.items()
        ]
        self.more = more
        self.kit = self.make()

    def make(self, **changes: Any) -> ConsentKit:
        audit = {"tokens": self.tokens, "access_log": str(self.access_log), **changes}
        settings = {"secret_keys": [KEY], "site_name": "Shop", "audit": audit}
        return ConsentKit(settings, log=self.log, clock=lambda: self.now, **self.more)

    def ask(
        self, path: str, *headers: Any, method: str = "GET", body: bytes = b"", **facts: Any
    ) -> Reply:
        path, _, query = path.partition("?")
        sent = ((b"host", b"shop.example"), *headers)
        request = Request(
            method=method, path=f"/consent/audit{path}", query=query, headers=sent, **facts
        )
        return self.kit.begin(request).respond(body)

    def get(self, path: str, role: str = "erase") -> Reply:
        return self.ask(path, bearer(TOKENS[role]))

    def json(self, path: str, role: str = "erase") -> Any:
        reply = self.get(path, role)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def login(self, token: str, *headers: Any, **facts: Any) -> Reply:
        body = urlencode({"token": token}).encode()
        return self.ask("/login", FORM, *headers, method="POST", body=body, **facts)

    @property
    def trail(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.access_log.read_text().splitlines()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    with closing(house.log):
        fill(house.log, 9)
        yield house
        house.kit.close()


def bearer(token: str) -> tuple[bytes, bytes]:
    return b"authorization", b"Bearer " + token.encode()


def cookie(reply: Reply) -> tuple[bytes, bytes]:
    (header,) = values(reply.headers, b"set-cookie")
    return b"cookie", header.partition(b";")[0]


def test_without_the_setting_there_is_nothing(house: House) -> None:
    house.kit = ConsentKit({"secret_keys": [KEY]}, log=house.log)
    for path in ("", "/", "/login", "/records", "/api/records", "/api/openapi.json"):
        assert house.get(path).status == 404


def test_strangers_are_led_to_the_login_and_programs_told(house: House) -> None:
    for path in ("/", "/records"):
        reply = house.ask(path)
        assert (reply.status, values(reply.headers, b"location")) == (
            303,
            [b"/consent/audit/login"],
        )
    reply = house.ask("/api/records")
    assert reply.status == 401
    assert values(reply.headers, b"www-authenticate")
    assert house.ask("/login").status == 200
    assert not house.access_log.exists()


@pytest.mark.parametrize(
    ("method", "path", "needs"),
    [
        ("GET", "/", "read"),
        ("GET", "/records", "read"),
        ("GET", "/api/records", "read"),
        ("GET", "/api/statistics", "read"),
        ("POST", "/api/verification", "read"),
        ("GET", "/api/export", "export"),
        ("POST", "/forget", "erase"),
        ("POST", "/api/forget", "erase"),
    ],
)
def test_each_role_may_what_it_may(house: House, method: str, path: str, needs: str) -> None:
    roles = ["read", "export", "erase"]
    for role in roles:
        reply = house.ask(path, bearer(TOKENS[role]), method=method)
        assert (reply.status == 403) == (roles.index(role) < roles.index(needs)), role


def test_a_session_is_a_cookie_of_these_pages_alone(house: House) -> None:
    reply = house.login(TOKENS["read"], scheme="https")
    assert reply.status == 303
    (header,) = values(reply.headers, b"set-cookie")
    name, *attributes = header.decode().split("; ")
    assert name.startswith(f"{COOKIE}=")
    assert set(attributes) == {
        "Path=/consent/audit",
        "Max-Age=28800",
        "HttpOnly",
        "Secure",
        "SameSite=Strict",
    }
    assert token_hash(TOKENS["read"]) not in header.decode()
    assert house.ask("/", cookie(reply)).status == 200
    ended = house.ask("/logout", cookie(reply), method="POST")
    assert b"Max-Age=0" in values(ended.headers, b"set-cookie")[0]


def test_a_session_ends_with_its_time_and_with_its_token(house: House) -> None:
    session = cookie(house.login(TOKENS["read"]))
    house.now += 28_800
    assert house.ask("/", session).status == 200
    house.now += 2
    assert house.ask("/", session).status == 303
    session = cookie(house.login(TOKENS["read"]))
    house.tokens = [t for t in house.tokens if t["role"] != "read"]
    house.kit = house.make()
    assert house.ask("/", session).status == 303


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "é" * 9, "." * 5000])
def test_no_other_cookie_opens_them(house: House, value: str) -> None:
    assert house.ask("/", (b"cookie", f"{COOKIE}={value}".encode())).status == 303
    signed = house.kit.cookies.value("analytics", "granted", "x", "y")
    assert house.ask("/", (b"cookie", f"{COOKIE}={signed}".encode())).status == 303


def test_wrong_tokens_are_few_and_do_not_keep_others_out(house: House) -> None:
    found = [house.login("wrong", client="192.0.2.1").status for _ in range(11)]
    assert found == [401] * 10 + [429]
    wrong = house.ask("/api/records", bearer("wrong"), client="192.0.2.1")
    assert (wrong.status, values(wrong.headers, b"retry-after")) == (429, [b"60"])
    assert house.login("wrong", client="192.0.2.2").status == 401
    assert house.login(TOKENS["read"], client="192.0.2.1").status == 303
    assert b'role="alert"' in house.login("wrong", client="192.0.2.2").body


@pytest.mark.parametrize(
    "header", [(b"sec-fetch-site", b"cross-site"), (b"origin", b"https://evil.example")]
)
@pytest.mark.parametrize("path", ["/login", "/logout", "/verification", "/forget", "/api/forget"])
def test_no_other_site_can_post(house: House, path: str, header: Any) -> None:
    session = cookie(house.login(TOKENS["erase"]))
    assert house.ask(path, session, FORM, header, method="POST").status == 403


def test_the_site_itself_may_let_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Any] = ["erase", None, "king", ZeroDivisionError]

    def ask(request: Request) -> str | None:
        assert request.header(b"host") == b"shop.example"
        answer = answers.pop(0)
        if answer is ZeroDivisionError:
            raise ZeroDivisionError
        found: str | None = answer
        return found

    house = House(tmp_path, audit_access=ask)
    assert [house.ask("/api/records").status for _ in range(4)] == [200, 401, 401, 401]
    assert house.trail[0]["who"] == "site"
    assert "'king', which is no role" in caplog.text
    house.log.close()


def test_what_was_read_is_written_down_without_what_is_personal(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "consentkit.audit")
    house.get("/api/records?consent_id=visitor-1&action=reject&page=/secret")
    assert house.trail == [
        {
            "time": "2027-01-15T08:00:00.000Z",
            "who": "eraseer",
            "role": "erase",
            "what": "records",
            "filters": {"consent_id": "(given)", "action": "reject", "page": "(given)"},
        }
    ]
    found = house.json("/api/records?action=reject&limit=2")["records"]
    assert house.trail[-1]["records"] == [record["seq"] for record in found] == [7, 4]
    house.get(f"/records/{found[0]['id']}")
    house.get(f"/api/records/{found[0]['id']}/proof")
    house.get("/api/export?form=csv")
    assert [entry["what"] for entry in house.trail[2:]] == ["record", "proof", "export"]
    assert house.trail[-1]["count"] == 9
    assert "visitor-1" not in house.access_log.read_text()
    assert len([r for r in caplog.records if r.name == "consentkit.audit"]) == 5
    assert house.access_log.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_down_is_not_shown(house: House, tmp_path: Path) -> None:
    house.kit = house.make(access_log=str(tmp_path / "nowhere" / "access.jsonl"))
    reply = house.get("/api/records")
    assert reply.status == 503
    assert b"visitor" not in reply.body
    with pytest.raises(LogUnavailable):
        Trail(tmp_path).note(Auditor(name="a", role="read"), "x", "now")


def test_where_it_is_written_down() -> None:
    assert trail_path(True, "sqlite:///a/consent.db") == Path("a/consent.db-access.jsonl")
    assert trail_path("x", "postgresql://db/log") == Path("x")
    assert trail_path(True, "postgresql://db/log") is trail_path(False, "sqlite:///x") is None


def test_paging_gives_each_record_once(house: House) -> None:
    for order in ("newest", "oldest"):
        url, seen = f"/api/records?limit=2&order={order}", []
        while url:
            found = house.json(url)
            seen += [record["seq"] for record in found["records"]]
            url = (found["next"] or "").removeprefix("/consent/audit")
        assert seen == sorted(range(9), reverse=order == "newest")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=501", "limit=x", "limit=٣", "after=-1", "action=buy", "since=yesterday",
        "until=2026-11-22T10", "category=%00", "page=%FF", "nothing=1",
        "action=save&action=save", "order=up", "consent_id=" + "x" * 129,
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said_so(house: House, query: str) -> None:
    reply = house.get(f"/api/records?{query}")
    assert reply.status == 400
    assert json.loads(reply.body)["error"]
    assert house.get(f"/records?{query}").status == 400


def test_a_nul_is_in_no_record(house: House) -> None:
    assert house.json("/api/records?country=DE%00")["records"] == []


def test_empty_fields_of_the_form_ask_nothing(house: House) -> None:
    page = house.get("/records?since=&action=&country=DE&consent_id=").body
    assert page.count(b"/consent/audit/records/") == 9


def test_statistics_are_those_of_the_log(house: House) -> None:
    found = house.json("/api/statistics?by=category&step=total")
    numbers = {(c["value"], c["state"]): c["number"] for c in found["counts"] if c["state"]}
    assert numbers == {
        ("analytics", "denied"): 5,
        ("analytics", "granted"): 4,
        ("marketing", "denied"): 9,
    }
    assert (found["size"], found["counted"]) == (9, 9)
    page = house.get("/?by=category&step=day&since=2026-01-01").body.decode()
    assert '<th scope="col">analytics</th>' in page
    assert "44%" in page


def test_a_record_its_notice_and_its_proof(house: House, tmp_path: Path) -> None:
    record = house.json("/api/records?limit=1")["records"][0]
    whole = house.json(f"/api/records/{record['id']}")
    assert whole["leaf"]
    notice = house.json(f"/api/notices/{record['notice']}")
    page = house.get(f"/records/{record['id']}").body.decode()
    assert re.search(r'<iframe class="notice" title="[^"]+" sandbox="" srcdoc="&lt;', page)
    assert "We would like to count visits." in notice["html"]
    assert "We would like to count visits." in page
    proof = house.get(f"/api/records/{record['id']}/proof").body
    file = tmp_path / "proof.json"
    file.write_bytes(proof)
    assert standalone.main([str(file)]) == 0
    assert house.get("/api/records/0192f0c4-7d3e-7c31-9c55-0d0f6f2c9a11").status == 404
    assert house.get("/api/notices/" + "0" * 64).status == 404


def test_exports_hold_what_was_asked_for(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines_ = house.get("/api/export?form=jsonl&action=save").body.splitlines()
    assert [json.loads(line)["action"] for line in lines_] == ["save"] * 3
    assert house.get("/api/export?form=csv").body.count(b"\r\n") == 10
    target = tmp_path / "export.zip"
    target.write_bytes(house.get("/api/export?form=zip&action=save").body)
    assert standalone.main([str(target)]) == 0
    with zipfile.ZipFile(io.BytesIO(house.get("/api/export?form=zip").body)) as archive:
        assert json.loads(archive.read("manifest.json"))["whole"]
    monkeypatch.setattr("consentkit.engine.audit.api.AT_ONCE", 4)
    reply = house.get("/api/export?form=csv")
    (link,) = values(reply.headers, b"link")
    assert link == b'</consent/audit/api/export?form=csv&after=3>; rel="next"'
    assert house.get("/api/export?form=zip").status == 400


def test_erasing_by_page_and_by_program(house: House) -> None:
    body = json.dumps({"consent_id": "visitor-1"}).encode()
    reply = house.ask("/api/forget", bearer(TOKENS["erase"]), JSON, method="POST", body=body)
    assert json.loads(reply.body) == {"erased": 3}
    body = urlencode({"consent_id": "visitor-2"}).encode()
    reply = house.ask("/forget", bearer(TOKENS["erase"]), FORM, method="POST", body=body)
    assert b"3 records" in reply.body
    assert not house.log.by_consent_id("visitor-2")
    assert [entry["what"] for entry in house.trail] == ["erase", "erase"]
    assert b"erased" in house.get("/records").body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"consent_id":""}',
        b'{"consent_id":1}',
        b'{"consent_id":"\\ud800"}',
        b'{"consent_id":"a","b":1}',
    ],
)
def test_nobody_is_erased_by_mistake(house: House, body: bytes) -> None:
    reply = house.ask("/api/forget", bearer(TOKENS["erase"]), JSON, method="POST", body=body)
    assert reply.status == 400
    assert house.log.head().size == 9


def test_verification_runs_aside_and_not_again_at_once(house: House) -> None:
    auditing = house.kit.auditing
    assert auditing is not None
    assert house.json("/api/verification")["result"] is None
    assert house.ask("/api/verification", bearer(TOKENS["read"]), method="POST").status == 202
    auditing._desk.runs.wait()
    found = house.json("/api/verification")
    assert found["result"]["whole"]
    assert (found["seen"], found["result"]["size"], found["running"]) == (9, 9, False)
    assert b"Whole: 9 records" in house.get("/").body
    assert house.ask("/api/verification", bearer(TOKENS["read"]), method="POST").status == 429


def test_what_is_stored_never_becomes_markup(house: House) -> None:
    event = make_event(
        policy_version=EVIL, country=EVIL, page=EVIL, language=EVIL, browser=EVIL, consent_id=EVIL
    )
    notice = Notice.of(EVIL.encode(), "en")
    house.log.append(msgspec.structs.replace(event, notice=notice.hash), notice)
    query = urlencode({"country": EVIL, "page": EVIL})
    pages = [
        house.get("/?by=policy_version").body,
        house.get(f"/records?{query}").body,
        house.get(f"/records/{event.id}").body,
        house.get(f"/{query}").body,
    ]
    for page in pages:
        assert b"<script" not in page
    assert EVIL.replace("<", "&lt;").replace(">", "&gt;").encode() in pages[0]
    for reply in (house.get("/"), house.get(f"/records/{event.id}")):
        (policy,) = values(reply.headers, b"content-security-policy")
        assert b"default-src 'none'" in policy
        assert b"script-src" not in policy


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "X"])
def test_other_methods_are_refused(house: House, method: str) -> None:
    reply = house.ask("/api/verification", bearer(TOKENS["read"]), method=method)
    assert (reply.status, values(reply.headers, b"allow")) == (405, [b"GET, HEAD, POST"])
    assert house.ask("/login", method=method).status == 405
    assert house.ask("/api/nothing", bearer(TOKENS["read"]), method=method).status == 404


def test_charts_tell_in_words_what_they_show() -> None:
    series = [Series(name=f"<{n}>", values=(0.5, None, n / 10)) for n in range(8)]
    for draw in (lines, columns):
        svg = str(draw("key", "<title>", "<text>", ["a", "b", "<c>"], series))
        assert 'role="img"' in svg
        assert 'aria-labelledby="key-title key-text"' in svg
        assert "&lt;title&gt;</title>" in svg
        assert not re.search(r"<(?:[0-9]|c>|text>)", svg)
        assert "s7" not in svg
        assert draw("key", "t", "d", [], []).startswith("<svg")
