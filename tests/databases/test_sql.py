"""PostgreSQL and MariaDB: what ends a transaction, who else writes, what is not ours."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consentkit.errors import LogError, LogTampered, LogUnavailable, LogUnreadable
from consentkit.log import Log, open_log, open_reader, verify
from consentkit.log.sql_schema import tables
from tests.databases.servers import MariaDB, PostgreSQL
from tests.databases.test_conformance import fill
from tests.databases.writing import Writers
from tests.log.making import NOTICE, make_event

Server = PostgreSQL | MariaDB


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def test_many_processes_and_threads_make_one_log(
    server: Server, new_database: str, tmp_path: Path
) -> None:
    # Four who all find no tables yet; one of them is killed, one stands still for a moment.
    writers = Writers(new_database, tmp_path, processes=4, threads=3, seconds=3)
    writers.wait_until_all_write()
    writers.processes[0].kill()
    writers.processes[1].send_signal(signal.SIGSTOP)
    time.sleep(1)
    writers.processes[1].send_signal(signal.SIGCONT)
    history = writers.finish()
    with closing(open_reader(new_database)) as log:
        history.check(log)
    assert len({who for who, _ in history.acknowledged}) >= 10
    assert not history.unknown


def test_a_server_that_dies_and_comes_back_loses_nothing(
    server: Server, new_database: str, tmp_path: Path
) -> None:
    with closing(open_log(new_database)) as log:
        log.append(make_event(), NOTICE)
    writers = Writers(new_database, tmp_path, processes=2, threads=3, seconds=5)
    writers.wait_until_all_write()
    server.kill()
    time.sleep(0.5)
    server.start()
    history = writers.finish()
    with closing(open_reader(new_database)) as log:
        records = {record.event.id for record in log.records()}
        history.begun += records - set(history.begun)  # the one that made the tables
        history.check(log)
    assert len({who for who, _ in history.acknowledged}) == 6


def test_a_frozen_process_holds_up_the_others_for_a_while_only(
    server: Server, new_database: str, open_: Callable[[str], Log]
) -> None:
    log = open_(new_database)
    log.append(make_event(), NOTICE)
    holding = threading.Event()
    ended: list[BaseException] = []

    def hold() -> None:
        """Stands in for a process that stopped in the midst of its transaction."""
        from consentkit.log.sql_engine import Engine, parse_url  # noqa: PLC0415

        engine = Engine(*parse_url(new_database), deadline=2)
        try:
            with engine.begin() as db:
                db.exec_driver_sql("SELECT size FROM consent_log_head FOR UPDATE")
                holding.set()
                time.sleep(5)
                db.exec_driver_sql("SELECT 1")
        except Exception as error:  # noqa: BLE001 - the server ends the session
            ended.append(error)
        engine.dispose()

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(10)
    assert log.append(make_event(), NOTICE).seq == 1
    thread.join()
    assert ended


def test_a_forked_child_writes_with_connections_of_its_own(
    server: Server, new_database: str, open_: Callable[[str], Log]
) -> None:
    log = open_(new_database)
    log.append(make_event(), NOTICE)

    def child() -> None:
        log.append(make_event(), NOTICE)
        log.close()
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert log.append(make_event(), NOTICE).seq == 2
    assert verify(log).whole


def test_a_server_that_is_not_there_is_said_to_be_unavailable(server: Server) -> None:
    scheme = "postgresql" if isinstance(server, PostgreSQL) else "mysql"
    log = open_log(f"{scheme}://someone:geheim@127.0.0.1:1/nowhere")
    log._deadline = 0.5  # type: ignore[attr-defined]
    with closing(log), pytest.raises(LogUnavailable) as caught:
        log.append(make_event(), NOTICE)
    assert "geheim" not in str(caught.value)


def test_the_first_host_that_answers_is_used(
    server: Server, new_database: str, open_: Callable[[str], Log]
) -> None:
    head, _, name = new_database.rpartition("/")
    user, _, place = head.rpartition("@")
    log = open_(f"{user}@127.0.0.1:1,{place}/{name}")
    assert log.append(make_event(), NOTICE).seq == 0
    with closing(open_reader(new_database)) as reader:
        assert reader.head().size == 1


def test_tables_of_a_newer_version_are_left_alone(
    server: Server, new_database: str, open_: Callable[[str], Log]
) -> None:
    open_(new_database).append(make_event(), NOTICE)
    server.run("UPDATE consent_log_head SET version = 99", name_of(new_database))
    for use in (
        lambda: open_(new_database).append(make_event(), NOTICE),
        lambda: open_(new_database).head(),
    ):
        with pytest.raises(LogUnreadable, match="version 99"):
            use()


CHANGES = {
    "hash": "UPDATE consent_log_leaf SET hash = {zeros} WHERE seq = 3",
    "time": "UPDATE consent_log_leaf SET time = '2026-01-01T00:00:00.000Z' WHERE seq = 3",
    "action": "UPDATE consent_log_leaf SET action = 'accept' WHERE seq = 2",
    "body": "UPDATE consent_log_leaf SET body = replace(body, 'denied', 'granted') WHERE seq = 3",
    "missing": "DELETE FROM consent_log_leaf WHERE seq = 3",
    "cut off": "DELETE FROM consent_log_leaf WHERE seq >= 3",
    "swapped": "UPDATE consent_log_leaf SET seq = 1003 WHERE seq = 3",
    "salt": "UPDATE consent_log_personal SET salt = {zeros} WHERE seq = 3",
    "personal": "UPDATE consent_log_personal SET body = replace(body, 'de', 'fr') WHERE seq = 3",
    "personal moved": "UPDATE consent_log_personal SET seq = 5000 WHERE seq = 3",
    "notice": "UPDATE consent_log_notice SET html = {zeros}",
    "no notice": "DELETE FROM consent_log_notice",
    "subtree": "UPDATE consent_log_subtree SET hash = {zeros}",
    "no subtree": "DELETE FROM consent_log_subtree",
    "frontier": "UPDATE consent_log_head SET frontier = {zeros}",
    "size": "UPDATE consent_log_head SET size = size - 1",
    "no head": "DELETE FROM consent_log_head",
    "times": "UPDATE consent_log_block SET last = first",
}


@pytest.fixture(scope="module")
def filled() -> dict[str, str]:
    """The URL of a log of 300 records for each kind of server, when it has been made."""
    return {}


@pytest.fixture
def whole(server: Server, filled: dict[str, str]) -> Iterator[str]:
    """A log that may be changed: it is made whole again from copies of its tables."""
    kind = type(server).__name__
    if kind not in filled:
        filled[kind] = server.database("filled")
        with closing(open_log(filled[kind])) as log:
            fill(log, 300)
        for table in TABLES:
            query = f"SELECT {columns(table)} FROM {table}"  # noqa: S608
            server.run(f"CREATE TABLE copy_{table} AS {query}", "filled")
    yield filled[kind]
    for table in TABLES:
        server.run(f"DELETE FROM {table}", "filled")  # noqa: S608
        names = columns(table)
        server.run(f"INSERT INTO {table} ({names}) SELECT {names} FROM copy_{table}", "filled")  # noqa: S608


TABLES = [table.name for table in tables("postgresql").metadata.tables.values()]


def columns(table: str) -> str:
    """The columns of a table that the database does not fill itself."""
    found = tables("postgresql").metadata.tables[table].columns
    return ", ".join(column.name for column in found if column.computed is None)


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_changed_in_the_database_is_found(
    server: Server, whole: str, what: str, open_: Callable[[str], Log]
) -> None:
    zeros = r"'\x" + "00" * 32 + "'" if isinstance(server, PostgreSQL) else f"x'{'00' * 32}'"
    assert verify(open_(whole)).whole
    server.run(CHANGES[what].format(zeros=zeros), "filled")
    found = verify(open_(whole))
    assert not found.whole
    if what in {"hash", "time", "body", "salt", "personal", "missing", "cut off"}:
        assert found.first == 3
    if what == "body":
        with pytest.raises(LogTampered):
            list(open_(whole).records())


def test_only_utf8_is_taken(postgresql: PostgreSQL, open_: Callable[[str], Log]) -> None:
    postgresql.run("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    url = f"postgresql://postgres@127.0.0.1:{postgresql.port}/latin"
    with pytest.raises(LogError, match="LATIN1"):
        open_(url).append(make_event(), NOTICE)


def test_an_acknowledged_record_lasts_also_where_the_server_does_not_care(
    postgresql: PostgreSQL, open_: Callable[[str], Log]
) -> None:
    url = postgresql.database("careless")
    postgresql.run("ALTER DATABASE careless SET synchronous_commit = off")
    log = open_(url)
    log.append(make_event(), NOTICE)
    with log._engine.connect() as db:  # type: ignore[attr-defined]
        assert db.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_table_that_is_no_log_is_no_log(postgresql: PostgreSQL) -> None:
    url = postgresql.database("foreign_")
    with closing(open_reader(url)) as reader, pytest.raises(LogUnreadable, match="no consent log"):
        verify(reader)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://host", "names no database"),
        ("mysql://host:port/x", "cannot be understood"),
        ("oracle://host/x", "not supported"),
    ],
)
def test_a_wrong_url_is_explained(url: str, said: str) -> None:
    with pytest.raises(LogError, match=said):
        open_log(url)
