"""Servers, each started when it is first asked for. A missing one fails the tests."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from consentkit.log import Log, open_log
from tests.databases.servers import Galera, MariaDB, PostgreSQL

Open = Callable[[], tuple[str, Log]]

_numbers = itertools.count()


@pytest.fixture(scope="session")
def cellar() -> Iterator[Path]:
    """A folder that other users can get to, as those are that the servers run as. pytest's own
    folders are for its user alone."""
    with tempfile.TemporaryDirectory(prefix="consentkit-databases-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def postgresql(cellar: Path) -> Iterator[PostgreSQL]:
    server = PostgreSQL(cellar / "postgresql")
    yield server
    server.kill()


@pytest.fixture(scope="session")
def mariadb(cellar: Path) -> Iterator[MariaDB]:
    server = MariaDB(cellar / "mariadb")
    yield server
    server.kill()


@pytest.fixture(scope="session")
def galera(cellar: Path) -> Iterator[Galera]:
    cluster = Galera(cellar / "galera")
    yield cluster
    cluster.kill()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new log in each kind of store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/consent.db"
    server: PostgreSQL | MariaDB = request.getfixturevalue(request.param)
    return server.database(f"log_{next(_numbers)}")


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> PostgreSQL | MariaDB:
    found: PostgreSQL | MariaDB = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def new_database(server: PostgreSQL | MariaDB) -> str:
    return server.database(f"log_{next(_numbers)}")


@pytest.fixture
def open_(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Log]]:
    """Opens logs that are closed after the test."""
    with ExitStack() as stack:

        def opened(url: str) -> Log:
            log = open_log(url)
            stack.callback(log.close)
            return log

        yield opened


@pytest.fixture
def log(url: str, open_: Callable[[str], Log]) -> Log:
    return open_(url)
