"""The whole of it without JavaScript: plain forms, a redirect back, cookies, tags live or inert."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Response

from tests.browser.browser import Open, Visitor
from tests.browser.sites import hosts

ALL = {"functional", "analytics", "marketing"}
PATH = "/product"

Site = Callable[[str], str]

every_stack = pytest.mark.parametrize("kind", ["asgi", "wsgi"])


@pytest.fixture
def plain(open_visitor: Open) -> Iterator[Visitor]:
    """A visitor without JavaScript."""
    with open_visitor(javascript=False) as person:
        yield person


def press(person: Visitor, selector: str) -> list[Response]:
    """Press a button that sends a form; the answers of our endpoint."""
    answers: list[Response] = []

    def collect(response: Response) -> None:
        if response.request.method == "POST":
            answers.append(response)

    person.page.on("response", collect)
    person.press(selector)
    person.page.remove_listener("response", collect)
    return answers


def choices(person: Visitor) -> dict[str, str]:
    """The choice cookies: category ─► the readable first part of the value."""
    return {
        cookie["name"].removeprefix("consent_"): cookie["value"].partition(".")[0]
        for cookie in person.context.cookies()
        if cookie["name"].startswith("consent_")
    }


@every_stack
def test_a_page_alone_sets_no_choice(site: Site, plain: Visitor, kind: str) -> None:
    plain.goto(site(kind) + PATH)
    assert choices(plain) == {}


@every_stack
def test_accept(site: Site, plain: Visitor, kind: str) -> None:
    url = site(kind) + PATH
    plain.goto(url)
    (answer,) = press(plain, "[data-consentkit=banner] [data-consentkit=accept]")
    plain.wait_for(hosts(PATH, ALL, javascript=False))
    assert answer.status == 303
    assert plain.page.url == url
    assert choices(plain) == dict.fromkeys(ALL, "granted")
    assert plain.page.query_selector("[data-consentkit=banner]") is None
    assert plain.page.query_selector("[data-consent]") is None
    assert plain.outside() >= hosts(PATH, ALL, javascript=False)


@every_stack
def test_reject(site: Site, plain: Visitor, kind: str) -> None:
    url = site(kind) + PATH
    plain.goto(url)
    (answer,) = press(plain, "[data-consentkit=banner] [data-consentkit=reject]")
    assert answer.status == 303
    assert plain.page.url == url
    assert choices(plain) == dict.fromkeys(ALL, "denied")
    assert plain.page.query_selector("[data-consentkit=banner]") is None
    assert plain.page.query_selector("script[data-consent~=marketing]") is not None
    assert plain.outside() == set()


@every_stack
def test_save_a_part(site: Site, plain: Visitor, kind: str) -> None:
    url = site(kind) + PATH
    plain.goto(url)
    plain.page.click("[data-consentkit=banner] [data-consentkit=customise]")
    plain.page.check("[data-consentkit=preferences] input[name=category][value=functional]")
    (answer,) = press(plain, "[data-consentkit=preferences] [data-consentkit=save]")
    embedded = {"www.youtube.com", "www.google.com"}
    plain.wait_for(embedded)
    assert answer.status == 303
    assert plain.page.url == url
    assert choices(plain) == {"functional": "granted", "analytics": "denied", "marketing": "denied"}
    assert plain.page.query_selector("[data-consent=functional]") is None
    assert plain.page.query_selector("[data-consent=marketing]") is not None
    assert plain.outside() >= embedded
    assert not plain.outside() & hosts(PATH, {"marketing", "analytics"}, javascript=False)


@every_stack
def test_change_of_mind(site: Site, plain: Visitor, kind: str) -> None:
    plain.goto(site(kind) + PATH)
    press(plain, "[data-consentkit=banner] [data-consentkit=accept]")
    plain.goto(site(kind) + "/consent/")
    assert plain.page.is_checked("input[name=category][value=analytics]")
    (answer,) = press(plain, "[data-consentkit=preferences] [data-consentkit=reject]")
    assert answer.status == 303
    assert choices(plain) == dict.fromkeys(ALL, "denied")
    plain.goto(site(kind) + PATH)
    assert plain.outside() == set()
