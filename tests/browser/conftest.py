"""A Chromium for each test that wants one. Without Chromium the tests fail: they never skip."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser import shop, sites
from tests.browser.browser import Open, Visitor, visitor
from tests.browser.certificate import Certificate
from tests.browser.sink import Sink
from tests.browser.stage import chromium_browser

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def chromium() -> Path:
    path = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    if not path.exists():
        pytest.fail(
            f"{path} is missing: `make test` installs it on Debian; else install Chromium and set "
            "the environment variable CHROMIUM to its path",
            pytrace=False,
        )
    return path


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as instance:
        yield instance


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: Path) -> Iterator[Browser]:
    with chromium_browser(playwright, chromium) as browser:
        yield browser


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def open_visitor(
    playwright: Playwright,
    chromium: Path,
    certificate: Certificate,
    tmp_path_factory: pytest.TempPathFactory,
) -> Open:
    @contextmanager
    def open_(
        *, javascript: bool = True, gpc: bool = False, lookups: bool = False
    ) -> Iterator[Visitor]:
        with ExitStack() as stack:
            sink = stack.enter_context(Sink(certificate))
            profile = tmp_path_factory.mktemp("profile")
            yield stack.enter_context(
                visitor(
                    playwright,
                    sink,
                    profile,
                    chromium,
                    javascript=javascript,
                    gpc=gpc,
                    lookups=lookups,
                )
            )

    return open_


@pytest.fixture
def someone(open_visitor: Open) -> Iterator[Visitor]:
    """A visitor with JavaScript, at a new browser."""
    with open_visitor() as person:
        yield person


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """The URL of a site by its kind; each is started when it is first asked for."""
    with ExitStack() as stack:
        urls: dict[str, str] = {}

        def url(kind: str) -> str:
            if kind not in urls:
                folder = tmp_path_factory.mktemp(kind)
                urls[kind] = stack.enter_context(sites.site(kind, folder))
            return urls[kind]

        yield url


@pytest.fixture
def open_(browser: Browser, tmp_path: Path) -> Iterator[shop.Open]:
    """Opens a small site with some settings, and a visitor who has never been there."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(shop.opened(tmp_path, browser, **settings))
