"""The promise: nothing leaves the browser for a vendor whom the visitor has not agreed to.

For every page of the demonstration, behind real servers, in a real browser; a request, a connection
and the look-up of a name all count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from consentkit.demo.vendors import NOSCRIPT_HOSTS, VENDOR_HOSTS
from tests.browser.browser import Open, Visitor
from tests.browser.sites import COMPLAINTS, GIVEN_WAY, VISITS, hinted, hosts

ALL = {"functional", "analytics", "marketing"}
PAGES = tuple(VENDOR_HOSTS)

Site = Callable[[str], str]

every_visit = pytest.mark.parametrize(
    ("kind", "path"), VISITS, ids=[f"{kind}-{path.strip('/') or 'home'}" for kind, path in VISITS]
)
every_page = pytest.mark.parametrize(
    "path", PAGES, ids=[path.strip("/") or "home" for path in PAGES]
)


@pytest.fixture(scope="module")
def undecided(open_visitor: Open) -> Iterator[Callable[..., Visitor]]:
    """Browsers that stay open from test to test: their visitors never decide anything."""
    with ExitStack() as stack:
        browsers: dict[tuple[bool, bool, bool], Visitor] = {}

        def visitor(
            *, javascript: bool = True, gpc: bool = False, lookups: bool = False
        ) -> Visitor:
            key = (javascript, gpc, lookups)
            if key not in browsers:
                browsers[key] = stack.enter_context(
                    open_visitor(javascript=javascript, gpc=gpc, lookups=lookups)
                )
            browsers[key].faults.clear()
            return browsers[key]

        yield visitor


def decide(person: Visitor, choice: str) -> None:
    """Press a button and see the banner go, on the same page."""
    part = "preferences" if choice == "save" else "banner"
    person.page.evaluate("window.consentkitTestMark = true")
    person.press(f"[data-consentkit={part}] [data-consentkit={choice}]")
    person.page.wait_for_selector("[data-consentkit=banner]", state="hidden")
    assert person.page.evaluate("window.consentkitTestMark"), "the page was loaded anew"


def sees_exactly(person: Visitor, path: str, categories: set[str]) -> None:
    """Every host of the granted categories is contacted, and no other."""
    wanted = hosts(path, categories)
    person.wait_for(wanted)
    assert person.outside() - hinted(path, categories) == wanted


class TestTheControl:
    """Without consentkit the pages do contact everybody: these tests are able to fail."""

    @every_page
    def test_with_javascript(self, site: Site, someone: Visitor, path: str) -> None:
        someone.goto(site("raw") + path)
        someone.wait_for(hosts(path, ALL) | hinted(path, ALL))
        assert someone.outside() == hosts(path, ALL) | hinted(path, ALL)
        assert set(someone.faults) == COMPLAINTS[path]

    @every_page
    def test_without_javascript(
        self, site: Site, undecided: Callable[..., Visitor], path: str
    ) -> None:
        person = undecided(javascript=False)
        person.goto(site("raw") + path)
        person.wait_for(NOSCRIPT_HOSTS[path])
        assert person.outside() >= set(NOSCRIPT_HOSTS[path])

    @every_page
    def test_by_lookups(self, site: Site, undecided: Callable[..., Visitor], path: str) -> None:
        person = undecided(lookups=True)
        person.goto(site("raw") + path)
        person.wait_for(VENDOR_HOSTS[path])
        assert person.outside() >= set(VENDOR_HOSTS[path])


class TestBeforeTheChoice:
    @every_visit
    @pytest.mark.parametrize(
        ("javascript", "gpc", "lookups"),
        [
            (True, False, False),
            (False, False, False),
            (True, True, False),
            (True, False, True),
            (False, False, True),
        ],
        ids=["js", "nojs", "gpc", "js-lookups", "nojs-lookups"],
    )
    def test_nothing_goes_out(
        self,
        site: Site,
        undecided: Callable[..., Visitor],
        kind: str,
        path: str,
        javascript: bool,
        gpc: bool,
        lookups: bool,
    ) -> None:
        person = undecided(javascript=javascript, gpc=gpc, lookups=lookups)
        person.goto(site(kind) + path)
        assert person.outside() == set()
        assert person.faults == []


class TestAfterTheChoice:
    @every_visit
    def test_reject(self, site: Site, someone: Visitor, kind: str, path: str) -> None:
        someone.goto(site(kind) + path)
        decide(someone, "reject")
        assert someone.outside() == set()
        someone.reload()
        assert someone.outside() == set()
        assert not someone.page.is_visible("[data-consentkit=banner]")
        assert someone.faults == []

    @every_visit
    def test_accept_and_withdraw(self, site: Site, someone: Visitor, kind: str, path: str) -> None:
        someone.goto(site(kind) + path)
        decide(someone, "accept")
        sees_exactly(someone, path, ALL)
        someone.reload()
        sees_exactly(someone, path, ALL)
        assert set(someone.faults) <= COMPLAINTS[path] | GIVEN_WAY

        someone.goto(site(kind) + "/consent/")
        someone.press("[data-consentkit=preferences] [data-consentkit=reject]")
        someone.faults.clear()  # the site has no /favicon.ico, which our page leaves to it
        someone.goto(site(kind) + path)
        assert someone.outside() == set(), "after withdrawal"
        assert someone.faults == []

    @every_visit
    def test_analytics_alone(self, site: Site, someone: Visitor, kind: str, path: str) -> None:
        someone.goto(site(kind) + path)
        someone.page.click("[data-consentkit=banner] [data-consentkit=customise]")
        someone.page.check("[data-consentkit=preferences] input[name=category][value=analytics]")
        decide(someone, "save")
        sees_exactly(someone, path, {"analytics"})
        someone.reload()
        sees_exactly(someone, path, {"analytics"})
        assert set(someone.faults) <= COMPLAINTS[path]
