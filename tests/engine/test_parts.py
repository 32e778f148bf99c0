"""The small parts: rate limit, form tokens, the kit's own promises."""

from __future__ import annotations

import re
import threading
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit import ConsentKit, SettingsError
from consentkit.engine import Request
from consentkit.engine.csp import closed_policy
from consentkit.engine.limits import RateLimit
from consentkit.engine.tokens import FormTokens
from consentkit.errors import LogError
from consentkit.log import new_id
from tests.engine.making import KEY, MemoryLog, Site

# --- how often -----------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_bursts_and_the_time_after() -> None:
    clock = Clock()
    limit = RateLimit(60, clock)
    assert [limit.take("a") for _ in range(60)] == [0.0] * 60
    assert limit.take("a") == pytest.approx(1.0)
    assert limit.take("b") == 0.0
    clock.now = 0.5
    assert limit.take("a") == pytest.approx(0.5)
    clock.now = 1.0
    assert limit.take("a") == 0.0
    assert limit.take("a") > 0
    clock.now = 10_000.0
    assert [limit.take("a") for _ in range(61)].count(0.0) == 60


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("", "", True),
        ("unix:", "testclient", False),
    ],
)
def test_who_counts_as_one(one: str, other: str, *, same: bool) -> None:
    limit = RateLimit(1, Clock())
    limit.take(one)
    assert (limit.take(other) > 0) is same


def test_bounded_memory() -> None:
    limit = RateLimit(1, Clock())
    for number in range(12_000):
        limit.take(str(number))
    assert len(limit._buckets) == 10_000
    assert limit.take("11999") > 0
    assert limit.take("0") == 0.0


# --- tokens --------------------------------------------------------------------------------------


def tokens(*keys: str, shown: str = "abc") -> FormTokens:
    return FormTokens(keys or (KEY,), shown, new_id)


def test_tokens() -> None:
    token = tokens().make("en")
    read = tokens().read(token)
    assert read is not None
    assert read.shown == "abc"
    assert uuid.UUID(read.id).version == 7
    assert tokens("another-key-of-more-than-thirty-two-characters").read(token) is None
    assert tokens("another-key-of-more-than-thirty-two-characters", KEY).read(token) == read
    assert tokens().make("en") != token


@given(st.text())
def test_any_text_is_no_token(text: str) -> None:
    assert tokens().read(text) is None


def test_record_ids() -> None:
    ours = tokens()
    token, other = ours.read(ours.make("en")), ours.read(ours.make("en"))
    ids = [ours.record_id(token, "accept"), ours.record_id(token, "reject")]
    ids += [ours.record_id(other, "accept"), ours.record_id(None, "a"), ours.record_id(None, "a")]
    assert len(set(ids)) == 5
    for identity in ids:
        assert uuid.UUID(identity).version == 7
        assert uuid.UUID(identity).variant == uuid.RFC_4122
        assert str(uuid.UUID(identity)) == identity
    assert ours.record_id(token, "accept") == ids[0]


# --- the kit ----------------------------------------------------------------------------------


def test_mistakes_stop_the_start(tmp_path: Path) -> None:
    for settings in (
        {},
        {"secret_keys": ["short"]},
        {"secret_keys": [KEY], "services": ["google-analitics"]},
        {"secret_keys": [KEY], "banner": {"texts": {"acept": "Yes"}}},
        {"secret_keys": [KEY], "banner": {"template_dirs": [str(tmp_path / "missing")]}},
    ):
        with pytest.raises(SettingsError):
            ConsentKit(settings)
    with pytest.raises(LogError):
        ConsentKit({"secret_keys": [KEY], "log": "oracle://scott:tiger@host"})


def test_mistakes_of_all_parts_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        ConsentKit(
            {
                "secret_keys": [KEY],
                "services": ["google-analitics"],
                "banner": {"texts": {"acept": "Yes"}, "template_dirs": [str(tmp_path / "missing")]},
            }
        )
    assert [fault.path for fault in caught.value.faults] == [
        "services[0]",
        "banner.texts.acept",
        "banner.template_dirs[0]",
    ]


def test_an_empty_log_is_a_log() -> None:
    log = MemoryLog()
    assert Site(log).kit.recorder.store is log


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    kit = ConsentKit({"secret_keys": [KEY], "log": f"sqlite:///{tmp_path}/consent.db"})
    page = Request(method="GET", path="/", headers=((b"host", b"a.example"),))
    kit.begin(page).start(200, [(b"content-type", b"text/html")], b"<p>")
    assert list(tmp_path.iterdir()) == []
    post = Request(
        method="POST", path="/consent/", headers=((b"content-type", b"application/json"),)
    )
    assert kit.begin(post).respond(b'{"action": "accept"}').status == 200
    assert (tmp_path / "consent.db").exists()
    kit.close()


@given(
    st.lists(st.tuples(st.sampled_from([b"cookie", b"host", b"sec-gpc", b"x"]), st.binary())),
    st.text(),
    st.text(),
    st.text(max_size=8),
)
def test_any_request_can_be_looked_at(
    headers: list[tuple[bytes, bytes]], path: str, root: str, method: str
) -> None:
    exchange = KIT.begin(
        Request(method=method, path=path, root=root, url=path, headers=tuple(headers))
    )
    assert exchange.decision.grants == {"necessary"}
    exchange.inward_headers()
    plan = exchange.start(200, [(b"content-type", b"text/html")], b"<!doctype html><p>")
    for name, value in plan.headers:
        assert re.fullmatch(rb"[\x20-\x7e]*", value), name
    if plan.body is not None:
        body = b"".join(plan.body.feed(b"<!doctype html><html><body>Hello")) + plan.body.close()
        assert b"Hello" in body
        assert body.isascii()


KIT = Site().kit


@pytest.mark.parametrize(
    ("given_host", "expected"),
    [
        (b"Shop.Example:8000", "shop.example"),
        (b"[::1]:8000", "[::1]"),
        (b"127.0.0.1", "127.0.0.1"),
        (b"", ""),
        (b"\xff", "\u00ff"),
    ],
)
def test_the_host_of_a_request(given_host: bytes, expected: str) -> None:
    request = Request(method="GET", path="/", headers=((b"host", given_host),))
    assert request.host == expected


def test_the_closed_policy() -> None:
    assert closed_policy() == (b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:")


def test_threads_share_a_kit() -> None:
    site = Site()
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            for i in range(30):
                visitor = site.visitor() if i % 2 else site.decided("analytics")
                shown = visitor.page(root=f"/{(i * number) % 7}")
                assert shown.banner is bool(i % 2)
        except Exception as error:  # noqa: BLE001 - for the main thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
