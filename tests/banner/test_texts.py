"""Sentences: overrides, catalogues, slots."""

from __future__ import annotations

import re
from gettext import NullTranslations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.banner.countries import COUNTRIES, country_name
from consentkit.banner.durations import duration
from consentkit.banner.render import Renderer
from consentkit.banner.texts import ENGLISH, ENGLISH_PLURALS, Texts, text_keys, unknown_texts
from consentkit.catalogue import load_catalogue
from consentkit.errors import SettingsError


class German(NullTranslations):
    """A catalogue of two sentences."""

    def gettext(self, message: str) -> str:
        return {"Accept all": "Alle annehmen", "Version {version}": "Fassung {version}"}.get(
            message, message
        )

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return "{count} Dienst" if n == 1 else "{count} Dienste"


def test_english_is_what_there_is_without_a_catalogue() -> None:
    assert Texts()("accept") == "Accept all"
    assert Texts().count("services", 1) == "1 service"
    assert Texts().count("services", 0) == "0 services"


def test_a_catalogue_is_asked_for_the_english_sentence() -> None:
    texts = Texts(translations=German())
    assert texts("accept") == "Alle annehmen"
    assert texts("version", version=3) == "Fassung 3"
    assert texts("reject") == "Reject all"
    assert texts.count("services", 2) == "2 Dienste"


def test_the_sites_wording_wins_over_the_catalogue() -> None:
    texts = Texts({"accept": "Yes to all", "services_other": "{count} tools"}, German())
    assert texts("accept") == "Yes to all"
    assert texts.count("services", 2) == "2 tools"
    assert texts.count("services", 1) == "1 Dienst"


@pytest.mark.parametrize(
    ("wording", "result"),
    [
        ("{version}", "{x}"),
        ("{version} {other} {", "{x} {other} {"),
        ("{version.__class__} {version!r}", "{version.__class__} {version!r}"),
        ("}{version}{{version}}", "}{x}{{x}}"),
    ],
)
def test_slots_are_filled_once_and_nothing_else_is_read_into_them(
    wording: str, result: str
) -> None:
    assert Texts({"version": wording})("version", version="{x}") == result


@given(st.text())
def test_no_wording_can_raise(wording: str) -> None:
    assert isinstance(Texts({"version": wording})("version", version=wording), str)


def test_default_categories_have_words_and_others_their_id() -> None:
    assert Texts().category("marketing")[0] == "Marketing"
    assert Texts().category("social_media") == ("Social media", "")


def test_unknown_keys_are_named_with_the_nearest() -> None:
    assert unknown_texts({"acept": "x", "accept": "x", "services_one": "x", "qqqq": "x"}) == {
        "acept": "accept",
        "qqqq": "",
    }
    with pytest.raises(SettingsError) as caught:
        Renderer(texts={"acept": "Yes"})
    assert [(f.path, f.suggestion) for f in caught.value.faults] == [
        ("banner.texts.acept", "accept")
    ]


def test_sentences_are_plain_text() -> None:
    sentences = [*ENGLISH.values(), *(s for pair in ENGLISH_PLURALS.values() for s in pair)]
    assert not [s for s in sentences if "<" in s or "&" in s or s != s.strip()]
    assert len(text_keys()) == len(ENGLISH) + 2 * len(ENGLISH_PLURALS)


def test_countries_are_named_and_other_text_stays() -> None:
    assert country_name("DE") == "Germany"
    assert country_name("ZZ") == "ZZ"
    assert country_name("Somewhere") == "Somewhere"
    assert all(re.fullmatch("[A-Z]{2}", code) and name for code, name in COUNTRIES.items())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2 years", "2 years"),
        ("1 day", "1 day"),
        ("session", "session"),
        ("no expiry", "no expiry"),
        ("13 to 24 months", "13 to 24 months"),
        ("session to 14 days", "session to 14 days"),
        ("30 seconds to 1 year", "30 seconds to 1 year"),
        ("", "duration not stated"),
        ("until you sign out", "until you sign out"),
        ("2 fortnights to 3 years", "2 fortnights to 3 years"),
    ],
)
def test_durations_in_english(text: str, said: str) -> None:
    assert duration(text, Texts()) == said


def test_durations_are_said_in_the_language_of_the_texts() -> None:
    texts = Texts(
        {
            "years_other": "{count} Jahre",
            "months_other": "{count} Monate",
            "duration_range": "{shortest} bis {longest}",
            "duration_session": "Sitzung",
        }
    )
    assert duration("2 years", texts) == "2 Jahre"
    assert duration("13 to 24 months", texts) == "13 bis 24 Monate"
    assert duration("session to 2 years", texts) == "Sitzung bis 2 Jahre"


def test_every_duration_of_the_catalogue_can_be_translated() -> None:
    stars = Texts(dict.fromkeys(text_keys(), "*"))
    durations = {c.duration for s in load_catalogue(None).services.values() for c in s.cookies}
    assert {text for text in durations if duration(text, stars) != "*"} == set()


@given(st.text())
def test_any_duration_is_said_somehow(text: str) -> None:
    assert duration(text, Texts())
