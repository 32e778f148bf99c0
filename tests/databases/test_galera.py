"""Three nodes of MariaDB Galera: a node that dies, freezes or is alone costs no record."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from consentkit.errors import LogUnavailable
from consentkit.log import Log, open_log, open_reader
from tests.databases.servers import Galera
from tests.databases.writing import Writers
from tests.log.making import NOTICE, make_event


def one_node(url: str, galera: Galera, number: int) -> str:
    """The URL with a single node of the cluster."""
    head, _, rest = url.partition("@")
    return f"{head}@127.0.0.1:{galera.nodes[number].port}/{rest.partition('/')[2]}"


def test_writers_on_all_nodes_make_one_log(galera: Galera, tmp_path: Path) -> None:
    url = galera.database("everywhere")
    writers = [
        Writers(
            one_node(url, galera, n), _made(tmp_path / str(n)), processes=1, threads=2, seconds=4
        )
        for n in range(3)
    ]
    histories = [writer.finish() for writer in writers]
    whole = histories[0]
    for number, history in enumerate(histories[1:], 1):
        whole.begun += history.begun
        whole.acknowledged += [(f"{number} {who}", i) for who, i in history.acknowledged]
    assert all(history.acknowledged for history in histories)
    for number in range(3):
        with closing(open_reader(one_node(url, galera, number))) as log:
            whole.check(log)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_node_that_goes_under_load_loses_nothing(
    galera: Galera, tmp_path: Path, how: str
) -> None:
    url = galera.database(f"node_{how}")
    with closing(open_log(url)) as log:
        first = log.append(make_event(), NOTICE)
    node = galera.nodes[0]  # the one that is written to
    writers = Writers(url, tmp_path, processes=2, threads=2, seconds=9)
    writers.wait_until_all_write()
    if how == "killed":
        node.kill()
        time.sleep(4)
        node.start()
    else:
        node.signal(signal.SIGSTOP)
        time.sleep(6)
        node.signal(signal.SIGCONT)
    history = writers.finish()
    history.begun.append(first.event.id)
    assert {who for who, _ in history.acknowledged} == {"p0-0", "p0-1", "p1-0", "p1-1"}
    _wait_until(node.is_ready)
    for number in range(3):
        with closing(open_reader(one_node(url, galera, number))) as log:
            history.check(log)


def test_a_node_without_a_majority_refuses_and_recovers(
    galera: Galera, open_: Callable[[str], Log]
) -> None:
    url = galera.database("minority")
    log = open_(one_node(url, galera, 2))
    log.append(make_event(), NOTICE)
    log._deadline = 6.0  # type: ignore[attr-defined]
    for node in galera.nodes[:2]:
        node.signal(signal.SIGSTOP)
    refused = make_event()
    with pytest.raises(LogUnavailable):
        log.append(refused, NOTICE)
    for node in galera.nodes[:2]:
        node.signal(signal.SIGCONT)
    for node in galera.nodes:
        _wait_until(node.is_ready)
    log._deadline = 30.0  # type: ignore[attr-defined]
    # Whether or not the refused one got through: appended again, it is there once.
    assert log.append(refused, NOTICE).seq == 1
    assert log.append(make_event(), NOTICE).seq == 2


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _wait_until(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if what():
                return
        except OSError:
            pass
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "pymysql":
                raise
        time.sleep(0.2)
    raise AssertionError("the cluster did not recover")
