"""Settings: every mistake is named, all at once, and nothing that is secret is told."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from consentkit.errors import SettingsError
from consentkit.settings import NECESSARY, Settings, load_settings

KEY = "a-key-of-more-than-thirty-two-characters"


def faults(**settings: Any) -> list[tuple[str, str, str, str]]:
    with pytest.raises(SettingsError) as caught:
        load_settings({"secret_keys": [KEY], **settings})
    return [(f.path, f.value, f.expected, f.suggestion) for f in caught.value.faults]


def test_the_smallest_settings() -> None:
    settings = load_settings({"secret_keys": [KEY]})
    assert [category.id for category in settings.categories] == [
        "necessary",
        "functional",
        "analytics",
        "marketing",
    ]
    assert load_settings(settings) is settings
    assert load_settings({"secret_keys": KEY, "log": "sqlite:///a.db"}).log.url == "sqlite:///a.db"


def test_frozen() -> None:
    settings = load_settings({"secret_keys": [KEY], "banner": {"texts": {"accept": "Yes"}}})
    for part, name in ((settings, "prefix"), (settings.cookies, "prefix"), (settings.log, "url")):
        with pytest.raises(AttributeError):
            setattr(part, name, "other")


def test_what_the_caller_changes_later_changes_nothing() -> None:
    given_settings: dict[str, Any] = {
        "secret_keys": [KEY],
        "banner": {"texts": {"accept": "Yes"}},
        "allow": ["a.example"],
    }
    settings = load_settings(given_settings)
    given_settings["banner"]["texts"]["accept"] = "No"
    given_settings["allow"].append("b.example")
    assert settings.banner.texts == {"accept": "Yes"}
    assert settings.allow == ("a.example",)


@pytest.mark.parametrize(
    ("settings", "path", "value", "expected", "suggestion"),
    [
        ({"sit_name": "x"}, "sit_name", "'x'", "one of the keys", "site_name"),
        ({"site_name": None}, "site_name", "None", "text", ""),
        ({"site_name": "a\nb"}, "site_name", r"'a\nb'", "without control characters", ""),
        ({"prefix": "consent"}, "prefix", "'consent'", "a path such as '/consent'", ""),
        ({"prefix": "/consent/"}, "prefix", "'/consent/'", "a path such as '/consent'", ""),
        ({"prefix": "/a/../b"}, "prefix", "'/a/../b'", "a path such as '/consent'", ""),
        ({"prefix": "/a\n"}, "prefix", r"'/a\n'", "a path such as '/consent'", ""),
        ({"gate": "declred"}, "gate", "'declred'", "one of known, strict, declared", "declared"),
        ({"gate": "declared"}, "gate", "'declared'", "a list of services", ""),
        ({"allow": ["ok.example", 5]}, "allow[1]", "5", "text", ""),
        ({"allow": ["https://a.example"]}, "allow[0]", "'https://a.example'", "a host", ""),
        ({"allow": ["a.example\n"]}, "allow[0]", r"'a.example\n'", "a host", ""),
        ({"allow": ["\N{KELVIN SIGN}.example"]}, "allow[0]", "'\u212a.ex", "a host", ""),
        ({"allow": ["a.example; script-src *"]}, "allow[0]", "'a.example; scr", "a host", ""),
        ({"policy": {"url": "javascript:a"}}, "policy.url", "'javascript:a'", "http or https", ""),
        ({"policy": {"url": "//evil.example"}}, "policy.url", "'//evil.example'", "a path", ""),
        ({"policy": {"url": "/\t/evil"}}, "policy.url", r"'/\t/evil'", "a path of this site", ""),
        ({"policy": {"url": "https://"}}, "policy.url", "'https://'", "http or https", ""),
        ({"policy": {"url": "http://[::1"}}, "policy.url", "'http://[::1'", "http or https", ""),
        ({"policy": {"version": ""}}, "policy.version", "''", "text of length >= 1", ""),
        ({"policy": 5}, "policy", "5", "a table with the keys version, url, effective", ""),
        ({"cookies": {"secure": "yes"}}, "cookies.secure", "'yes'", "one of true, false, auto", ""),
        ({"cookies": {"same_site": "lax"}}, "cookies.same_site", "'lax'", "one of Lax", "Lax"),
        ({"cookies": {"max_age_days": 401}}, "cookies.max_age_days", "401", "<= 400", ""),
        ({"cookies": {"max_age_days": True}}, "cookies.max_age_days", "True", "a whole number", ""),
        ({"cookies": {"prefix": "a;b"}}, "cookies.prefix", "'a;b'", "a name such as", ""),
        ({"cookies": {"prefix": "a\n"}}, "cookies.prefix", r"'a\n'", "a name such as", ""),
        ({"cookies": {"domain": "*.a.example"}}, "cookies.domain", "'*.a.example'", "a domain", ""),
        ({"cookies": {"domain": "a;b"}}, "cookies.domain", "'a;b'", "a domain", ""),
        (
            {"cookies": {"same_site": "None", "secure": False}},
            "cookies.secure",
            "False",
            "SameSite=None needs Secure",
            "",
        ),
        (
            {"cookies": {"prefix": "__Host-c_", "domain": "a.example"}},
            "cookies.domain",
            "'a.example'",
            "nothing",
            "",
        ),
        ({"banner": {"texts": {"accept": 1}}}, "banner.texts.accept", "1", "text", ""),
        ({"limits": {"body_bytes": 0}}, "limits.body_bytes", "0", "a whole number >= 1", ""),
        ({"limits": {"body_bytes": 2**70}}, "limits.body_bytes", "11805916", "whole number <=", ""),
        ({"limits": {"tag_bytes": "1"}}, "limits.tag_bytes", "'1'", "a whole number", ""),
        ({"bots": "all"}, "bots", "'all'", "one of no-banner, banner", ""),
        ({"on_unprotected": 503}, "on_unprotected", "503", "text", ""),
        (
            {"log": {"ulr": "x"}},
            "log.ulr",
            "'x'",
            "one of the keys url, spool, retention_days",
            "url",
        ),
        ({"categories": "analytics"}, "categories", "'analytics'", "a list", ""),
        ({"categories": [5]}, "categories[0]", "5", "a table with the keys id", ""),
        ({"categories": ["Ana lytics"]}, "categories[0].id", "'Ana lytics'", "a name such", ""),
        ({"categories": ["analytics\n"]}, "categories[0].id", r"'analytics\n'", "a name such", ""),
        ({"categories": ["a", "b", "a"]}, "categories[2].id", "'a'", "not used twice", ""),
        ({"categories": ["unclassified"]}, "categories[0].id", "'unclassified'", "another id", ""),
        (
            {"categories": [{"id": "necessary", "mode": "consent"}]},
            "categories[0].mode",
            "'consent'",
            "'none'",
            "",
        ),
        (
            {"categories": {"stats": {}, "ads": {"mode": "objecton"}}},
            "categories.ads.mode",
            "'objecton'",
            "one of consent, objection, none",
            "objection",
        ),
        ({"categories": {"stats": 5}}, "categories.stats", "5", "a table", ""),
        ({"services": "youtube"}, "services", "'youtube'", "a list or nothing", ""),
        ({"services": [5]}, "services[0]", "5", "a table with the keys id", ""),
        ({"services": ["youtube", {}]}, "services[1].id", "nothing", "a value", ""),
        (
            {"services": [{"id": "x", "hosts": [{"id": "y"}]}]},
            "services[0].hosts[0]",
            "",
            "text",
            "",
        ),
        (
            {"services": [{"id": "x", "purpose": 5}]},
            "services[0].purpose",
            "5",
            "text or a list",
            "",
        ),
        ({"services": [{"id": "x", "purpose": [5]}]}, "services[0].purpose[0]", "5", "text", ""),
        (
            {"services": [{"id": "x", "category": "analitics"}]},
            "services[0].category",
            "'analitics'",
            "one of the categories necessary, functional",
            "analytics",
        ),
        (
            {"services": [{"id": "x", "cookies": [{"name": "a"}, {"nam": "b", "name": "b"}]}]},
            "services[0].cookies[1].nam",
            "'b'",
            "one of the keys name",
            "name",
        ),
        (
            {"services": [{"id": "x", "cookies": [{"name": "a", "party": "second"}]}]},
            "services[0].cookies[0].party",
            "'second'",
            "one of first, third",
            "",
        ),
        (
            {"services": [{"id": "x", "privacy_url": "javascript:1"}]},
            "services[0].privacy_url",
            "'javascript:1'",
            "an http or https URL",
            "",
        ),
    ],
)
def test_mistakes(
    settings: dict[str, Any], path: str, value: str, expected: str, suggestion: str
) -> None:
    ((found_path, found_value, found_expected, found_suggestion),) = faults(**settings)
    assert found_path == path
    assert found_value.startswith(value)
    assert expected in found_expected
    assert found_suggestion == suggestion


def test_all_at_once_in_the_order_of_the_settings() -> None:
    found = faults(
        cookies={"max_age_days": 0, "domain": "a b"},
        site_nam="x",
        allow=[1, "ok.example", 2, "no host"],
        policy={"url": "ftp://x"},
    )
    assert [path for path, *_ in found] == [
        "cookies.max_age_days",
        "site_nam",
        "allow[0]",
        "allow[2]",
        "policy.url",
    ]


def test_a_mistake_does_not_bring_others_along() -> None:
    assert [path for path, *_ in faults(services=5, gate="declared")] == ["services"]
    found = faults(
        categories=[{"id": "stats", "mod": "consent"}], services=[{"id": "x", "category": "stats"}]
    )
    assert [path for path, *_ in found] == ["categories[0].mod"]


@pytest.mark.parametrize(
    "settings",
    [
        {"secret_keys": ["opensesame"]},
        {"secret_keys": [KEY, "opensesame"]},
        {"secret_keys": {"opensesame": "opensesame"}},
        {"secret_keys": [["opensesame"]]},
        {"secret_keys": [KEY], "secret_key": "opensesame"},
        {"secret_keys": [KEY], "SECRET": "opensesame"},
        {"secret_keys": [KEY], "secretkeys": ["opensesame"]},
        {"consentkit": {"secret_keys": ["opensesame"]}},
        {"secret_keys": [KEY], "policy": {"secret_keys": "opensesame"}},
        [{"secret_keys": ["opensesame"]}],
    ],
)
def test_secrets_are_never_shown(settings: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(settings)
    assert "opensesame" not in str(caught.value)


def test_a_missing_and_an_empty_key() -> None:
    faulty: list[dict[str, Any]] = [{}, {"secret_keys": []}, {"secret_keys": ["short"]}]
    for settings in faulty:
        assert "secret_keys" in str(refusal(settings))


def test_half_of_a_surrogate_pair() -> None:
    assert [path for path, *_ in faults(site_name="\ud800")] == ["settings"]


def test_categories_by_name_keep_what_we_know_of_them() -> None:
    settings = load_settings({"secret_keys": [KEY], "categories": ["marketing", "own"]})
    assert [category.id for category in settings.categories] == [NECESSARY, "marketing", "own"]
    assert settings.categories[0].mode == "none"
    table = {"analytics": {"title": "Numbers", "mode": "objection"}}
    settings = load_settings({"secret_keys": [KEY], "categories": table})
    assert [(c.id, c.title, c.mode) for c in settings.categories[1:]] == [
        ("analytics", "Numbers", "objection")
    ]


def test_a_service_may_be_necessary_even_where_that_is_not_listed() -> None:
    settings = load_settings(
        {
            "secret_keys": [KEY],
            "categories": ["marketing"],
            "services": [{"id": "youtube", "category": "necessary"}],
        }
    )
    assert settings.categories[0].id == NECESSARY


def test_toml(tmp_path: Path) -> None:
    file = tmp_path / "consent.toml"
    text = f'secret_keys = ["{KEY}"]\nservices = ["youtube", {{ id = "own", name = "Own" }}]\n'
    file.write_text(text + '[categories.stats]\ntitle = "Statistics"\n', encoding="utf-8")
    settings = load_settings(file)
    assert settings.categories[1].title == "Statistics"
    assert settings.services is not None
    assert len(settings.services) == 2
    assert load_settings(str(file)) == settings
    nested = f'[other]\nx = 1\n[consentkit]\nsecret_keys = ["{KEY}"]\n'
    file.write_text(nested, encoding="utf-8")
    assert load_settings(file) == load_settings({"secret_keys": [KEY]})


@pytest.mark.parametrize(
    "content", [b"secret_keys = [", b"\xff\xfe", b"a = " + b"[" * 100_000, b"a = 1\na = 2\n"]
)
def test_bad_toml(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "consent.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    (fault,) = caught.value.faults
    assert fault.path == "settings"
    assert str(file) in fault.value


@pytest.mark.parametrize("path", ["missing.toml", ".", "nul\0byte", "a" * 5000])
def test_no_file(path: str) -> None:
    with pytest.raises(SettingsError, match="a readable file"):
        load_settings(path)


NAMES = [field.name for field in msgspec.structs.fields(Settings)]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters() | st.sampled_from("\ud800\n\0"))
    | st.sampled_from(["analytics", "strict", "consent", "auto", KEY])
)
KEYS = st.sampled_from([*NAMES, "id", "name", "mode", "url", "cookies", "secure"]) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@effort(max_examples=200)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_dict_loads_or_is_refused(settings: dict[str, Any]) -> None:
    for extra in ({}, {"secret_keys": [KEY]}):
        error = refusal({**settings, **extra})
        if error is not None:
            assert error.faults
            assert all(fault.expected for fault in error.faults)
            assert all(len(fault.value) <= 120 for fault in error.faults)


@effort(max_examples=100)
@given(st.dictionaries(KEYS, VALUES, max_size=4), st.text(string.ascii_letters, min_size=12))
def test_no_key_ever_shows(settings: dict[str, Any], secret: str) -> None:
    secret = f"<{secret}>"
    assert secret not in str(refusal({**settings, "secret_keys": [KEY, secret]}))


def refusal(settings: dict[str, Any]) -> SettingsError | None:
    """Why settings are refused; None when they load."""
    try:
        load_settings(settings)
    except SettingsError as error:
        return error
    return None


def test_a_number_beyond_all_bounds() -> None:
    found = faults(limits={"body_bytes": 10**5000}, site_name=10**5000, gate=10**5000)
    assert [path for path, *_ in found] == ["limits.body_bytes", "site_name", "gate"]


def test_a_list_that_holds_itself_is_not_shown() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert [path for path, *_ in faults(site_name=endless, allow=endless)] == [
        "site_name",
        "allow[0]",
    ]
