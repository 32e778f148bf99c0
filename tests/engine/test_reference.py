"""docs/reference.md tells what the engine does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from consentkit.engine import endpoints
from tests.engine.making import KEY, Site, values

TEXT = (Path(__file__).parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")
SOURCES = Path(endpoints.__file__).parent


def test_the_answer_in_json() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", TEXT, re.S)
    site = Site()
    answer = json.loads(site.visitor().post_json(action="save", categories=["analytics"]).body)
    told = json.loads(example)
    assert list(told) == list(answer)
    assert told["categories"] == answer["categories"]
    state = json.loads(site.visitor().get("/consent/state").body)
    assert list(state) == list(told)[:5]


def test_every_status_is_told() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*.py"))
    used = set(re.findall(r"(?:RequestRefused\(|status=)([1-5]\d\d)", code))
    assert used >= {"303", "308", "400", "403", "404", "405", "409", "413", "415", "429", "503"}
    assert {status for status in used if status not in TEXT} == set()


def test_the_cookie() -> None:
    reply = Site(secret_keys=[KEY]).visitor().post(action="accept")
    found = [value.decode() for value in values(reply.headers, b"set-cookie")]
    (line,) = re.findall(r"^consent_analytics=.*$", TEXT, re.M)
    (cookie,) = [value for value in found if value.startswith("consent_analytics=")]
    assert line.partition("; ")[2].replace(" Secure;", "") == cookie.partition("; ")[2]
    assert line.count(".") == cookie.count(".")


def test_the_closed_policy() -> None:
    shown = (
        Site()
        .visitor()
        .page(headers=[(b"content-type", b"text/html"), (b"content-encoding", b"br")])
    )
    (policy,) = shown.values(b"content-security-policy")
    assert f"`{policy.decode()}`" in TEXT
