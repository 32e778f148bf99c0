"""The shipped data: complete, consistent, and readable for visitors."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from consentkit.catalogue import shipped_services
from consentkit.catalogue.model import Service
from consentkit.settings import ServiceSettings, load_settings

SERVICES = shipped_services()
FILES = [
    file
    for file in (resources.files("consentkit.catalogue") / "services").iterdir()
    if file.name.endswith(".toml")
]
UNIT = r"(?:second|minute|hour|day|week|month|year)s?"
DURATION = re.compile(rf"no expiry|session|(?:session to |\d+ (?:{UNIT} )?to )?\d+ {UNIT}")

# The systems of the policies that the library was made for.
EXPECTED = {
    "google-analytics",
    "google-ads",
    "google-tag-manager",
    "lead-forensics",
    "zendesk",
    "dynamics-365",
    "maximizer",
    "creatio",
    "surveymonkey",
    "mailchimp",
    "linkedin",
    "facebook",
    "twitter",
    "wordpress",
    "jetpack-stats",
    "gravatar",
    "google-maps",
    "youtube",
    "recaptcha",
    "google-fonts",
    "google-hosted-libs",
}

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))


def test_all_systems_are_there() -> None:
    assert set(SERVICES) >= EXPECTED


def test_no_id_is_used_twice() -> None:
    ids = [entry["id"] for file in FILES for entry in tomllib.loads(file.read_text())["service"]]
    assert len(ids) == len(set(ids)) == len(SERVICES)


def test_other_names_lead_to_one_service() -> None:
    entries = [entry for file in FILES for entry in tomllib.loads(file.read_text())["service"]]
    names = [name for entry in entries for name in (entry["id"], *entry.get("aliases", ()))]
    assert sorted(names) == sorted(set(names))


@every_service
def test_ids_can_be_used_in_settings(service: Service) -> None:
    settings = load_settings({"secret_keys": ["k" * 32], "services": [{"id": service.id}]})
    assert settings.services == (ServiceSettings(id=service.id),)


@every_service
def test_the_category_is_a_default_one(service: Service) -> None:
    settings = load_settings({"secret_keys": ["k" * 32]})
    assert service.category in {category.id for category in settings.categories}


@every_service
def test_visitors_are_told_who_and_why(service: Service) -> None:
    assert service.name
    assert service.provider
    assert re.fullmatch("[A-Z]{2}", service.country)
    assert service.purposes
    for purpose in service.purposes:
        assert re.fullmatch(r"[A-Z].*\.", purpose)
    assert service.checked is not None
    assert dt.date(2024, 1, 1) <= service.checked <= dt.date(2100, 1, 1)


@every_service
def test_links_are_https(service: Service) -> None:
    for url in filter(None, (service.privacy_url, service.opt_out_url)):
        parts = urlsplit(url)
        assert parts.scheme == "https"
        assert parts.hostname
    assert service.privacy_url


@every_service
def test_cookies_say_what_for_and_how_long(service: Service) -> None:
    names = [(cookie.name, cookie.storage) for cookie in service.cookies]
    assert len(names) == len(set(names))
    for cookie in service.cookies:
        assert cookie.purpose, cookie.name
        assert not cookie.duration or DURATION.fullmatch(cookie.duration), cookie.duration
        assert cookie.name.strip("*"), "a cookie of any name"
        if cookie.party == "first" and "*" in cookie.name:
            # Set-Cookie headers of the site are told by these: too short a name is others' as well.
            assert len(cookie.name) >= 4, cookie.name


@every_service
def test_shapes_of_addresses_begin_at_the_host_and_have_their_word(service: Service) -> None:
    for shape in service.urls:
        # A shape that could begin anywhere would be tried at every character of a long address.
        assert shape.pattern.startswith("^")
        assert re.fullmatch("[a-z0-9_]+", shape.word)
        assert shape.word in shape.pattern.lower()


@every_service
def test_signatures_have_their_word(service: Service) -> None:
    for code in service.signatures:
        assert code.words
        for word in code.words:
            assert re.fullmatch(r"[\w$]+", word)
            assert word in code.pattern.replace("\\", "")


@every_service
def test_no_web_site_gives_a_script_away(service: Service) -> None:
    """An address that people link to counts in code with a path alone."""
    visited = {
        "facebook.com",
        "google.com",
        "linkedin.com",
        "mailchimp.com",
        "surveymonkey.com",
        "t.co",
        "twitter.com",
        "wordpress.com",
        "x.com",
        "youtube.com",
        "zendesk.com",
    }
    for host in service.hosts:
        if host.name.removeprefix("www.") in visited and host.inline:
            assert host.path, host.name


def test_what_is_not_gated_is_only_disclosed() -> None:
    disclosed = {name for name, service in SERVICES.items() if not service.gated}
    assert disclosed == {"wordpress", "woocommerce"}


@every_service
def test_the_documentation_lists_it(service: Service) -> None:
    page = Path(__file__).parents[2] / "docs" / "catalogue.md"
    row = f"| `{service.id}` | {service.name} | {service.category} |"
    assert row in page.read_text(encoding="utf-8").splitlines()
