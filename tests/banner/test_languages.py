"""Which language a page gets, and what the catalogues know."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.banner.countries import COUNTRIES
from consentkit.banner.durations import duration
from consentkit.banner.languages import (
    direction,
    languages,
    negotiate,
    translations,
    written_date,
)
from consentkit.banner.texts import ENGLISH, ENGLISH_PLURALS, Texts
from consentkit.catalogue import shipped_services

# Regulation 1/58, article 1, as amended: the official languages of the Union.
OFFICIAL = "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv".split()
OTHERS = [tag for tag in languages() if tag != "en"]

_SLOT = re.compile(r"\{\w+\}")


def shown_to_visitors() -> set[str]:
    services = shipped_services().values()
    return {
        *ENGLISH.values(),
        *(purpose for service in services for purpose in service.purposes),
        *(cookie.purpose for service in services for cookie in service.cookies if cookie.purpose),
    }


def test_there_are_forty_languages_and_all_official_ones_of_the_union() -> None:
    assert len(languages()) >= 40
    assert set(OFFICIAL) <= set(languages())


@pytest.mark.parametrize("tag", OTHERS)
def test_every_sentence_is_there_in_every_language_with_its_slots(tag: str) -> None:
    catalogue = translations(tag)
    same = 0
    for english in shown_to_visitors():
        text = catalogue.gettext(english)
        assert sorted(_SLOT.findall(text)) == sorted(_SLOT.findall(english)), english
        assert text.strip() == text != ""
        assert not re.search(r"[<>\x00-\x1f]", text), text
        assert len(text) < 2.5 * len(english) + 25, english
        same += text == english
    # A word may be the same in two languages ("Analytics", "Cookies"); sentences are not.
    assert same <= 8
    for key, (one, other) in ENGLISH_PLURALS.items():
        for number in (1, 2, 3, 5, 11, 21, 100):
            text = Texts({}, catalogue).count(key, number)
            assert "{" not in text
            # Services, minutes and weeks are the same word in some languages.
            if key in {"days", "years"}:
                assert text != (one if number == 1 else other).format(count=number), key


@pytest.mark.parametrize("tag", OTHERS)
def test_dates_durations_and_countries_are_written_as_the_language_does(tag: str) -> None:
    catalogue = translations(tag)
    texts = Texts({}, catalogue)
    written = written_date(catalogue, "2026-11-02")
    assert re.search(r"(?<!\d)0?2(?!\d)", written.replace("2026", "", 1))
    assert "2026" in written
    assert written == written_date(catalogue, "2026-11-02T10:20:30.000Z")
    assert "DE" != catalogue.pgettext("country", "DE") != "Germany"
    for text in ("1 day", "30 days", "1 year", "2 years", "13 to 24 months"):
        assert duration(text, texts) != text


def test_english_says_it_in_words_too() -> None:
    texts = Texts()
    assert written_date(translations("en"), "2026-11-02") == "2 November 2026"
    assert duration("1 year", texts) == "1 year"
    assert duration("13 to 24 months", texts) == "13 to 24 months"
    assert duration("session to 2 years", texts) == "session to 2 years"


@given(st.text())
def test_what_is_no_date_stays_as_it_is(text: str) -> None:
    assert written_date(translations("de"), f"about {text}") == f"about {text}"
    assert written_date(translations("de"), "2026-13-01") == "2026-13-01"


@pytest.mark.parametrize(
    ("page", "accepted", "offered", "best"),
    [
        ("de", ["fr"], ["en", "de", "fr"], "de"),
        ("de-AT", [], ["en", "de"], "de"),
        ("de_AT", [], ["en", "de"], "de"),
        ("DE-at-1996", [], ["en", "de"], "de"),
        ("", ["tlh", "fr-CA", "de"], ["en", "de", "fr"], "fr"),
        ("tlh", ["de"], ["en", "de"], "de"),
        ("tlh", ["tlh"], ["de", "en"], "de"),
        ("no", [], ["en", "nb"], "nb"),
        ("iw-IL", [], ["en", "he"], "he"),
        ("zh-TW", [], ["en", "zh-Hans", "zh-Hant"], "zh-Hant"),
        ("zh-Hant-HK", [], ["en", "zh-Hans", "zh-Hant"], "zh-Hant"),
        ("zh", [], ["en", "zh-Hans", "zh-Hant"], "zh-Hans"),
        ("pt-BR", [], ["en", "pt", "pt-BR"], "pt-BR"),
        ("pt-AO", [], ["en", "pt", "pt-BR"], "pt"),
        ("pt", [], ["en", "pt-BR"], "pt-BR"),
        ("<script>", ["*", "x"], ["en", "de"], "en"),
    ],
)
def test_negotiation(page: str, accepted: list[str], offered: list[str], best: str) -> None:
    assert negotiate(page, accepted, offered) == best


@given(st.text(), st.lists(st.text()), st.lists(st.sampled_from(languages()), min_size=1))
def test_negotiation_always_gives_what_is_offered(
    page: str, accepted: list[str], offered: list[str]
) -> None:
    assert negotiate(page, accepted, offered) in offered


def test_right_to_left() -> None:
    assert [tag for tag in languages() if direction(tag) == "rtl"] == ["ar", "fa", "he", "ur"]
    assert direction("ar-EG") == "rtl"


def test_a_language_that_is_not_there_has_no_sentences_and_costs_nothing() -> None:
    assert translations("../../etc").gettext("Accept all") == "Accept all"
    assert set(COUNTRIES) >= {"DE", "US"}
