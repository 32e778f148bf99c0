"""Real database servers from Debian's packages, on free ports of loopback, with data of their own.

They run as the user that their package made, when we are root: both refuse root, or break with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from tests.browser.servers import free_port

_PATIENCE = 60.0
_GALERA = Path("/usr/lib/galera/libgalera_smm.so")


def program(name: str, *folders: str) -> str:
    """The path of a server's program; the test fails when it is not installed."""
    path = shutil.which(name, path=os.pathsep.join([*folders, os.environ["PATH"], "/usr/sbin"]))
    if path is None:
        pytest.fail(
            f"{name} is missing: `make test` installs it on Debian (packages postgresql, "
            "mariadb-server, galera-4 and rsync)",
            pytrace=False,
        )
    return path


def as_user(user: str, command: Sequence[str]) -> list[str]:
    """The command, run by another user when we are root."""
    prefix: list[str] = []
    if os.geteuid() == 0:
        prefix = [program("setpriv"), f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return [*prefix, *command]


def own(folder: Path, user: str) -> Path:
    folder.mkdir()
    if os.geteuid() == 0:
        shutil.chown(folder, user)
    return folder


def wait_for(what: Callable[[], Any], process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            if what():
                return
        except (psycopg.Error, pymysql.Error, OSError):
            pass
        if process.poll() is not None or time.monotonic() > until:
            said = log.read_text(errors="replace")[-3000:] if log.exists() else ""
            raise RuntimeError(f"{process.args!r} does not answer; it said:\n{said}")
        time.sleep(0.05)


class Server:
    """A process that can be killed, frozen and started again. Its data are not worth an orderly
    end."""

    process: subprocess.Popen[bytes]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class PostgreSQL(Server):
    """One server; each database made by ``database`` is empty."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self._bin = str(found[-1]) if found else ""
        self.folder = own(folder, "postgres")
        self.port = free_port()
        data = self.folder / "data"
        initdb = [program("initdb", self._bin), "-D", str(data), "-A", "trust", "-U", "postgres"]
        options = ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        command = as_user("postgres", [*initdb, *options])
        subprocess.run(command, check=True, capture_output=True, cwd="/")
        self.start()

    def start(self) -> None:
        data = str(self.folder / "data")
        command = [program("postgres", self._bin), "-D", data, "-p", str(self.port)]
        options = ["-k", str(self.folder), "-c", "listen_addresses=127.0.0.1"]
        log = self.folder / "log"
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                as_user("postgres", [*command, *options]), stdout=file, stderr=file, cwd=self.folder
            )
        wait_for(lambda: self.run("SELECT 1"), self.process, log)

    def run(self, statement: str, database: str = "postgres") -> list[Any]:
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True
        ) as db:
            cursor = db.execute(statement.encode())
            return cursor.fetchall() if cursor.description else [()]

    def database(self, name: str) -> str:
        """The URL of a new database."""
        self.run(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def kill(self) -> None:
        """Kill the server and all its processes, as a power cut does."""
        children = subprocess.run(
            [program("pgrep"), "-P", str(self.process.pid)], check=True, capture_output=True
        )
        super().kill()
        for pid in map(int, children.stdout.split()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class MariaDB(Server):
    """One server, or one node of a Galera cluster."""

    def __init__(self, folder: Path, *, node: _Node | None = None) -> None:
        self.folder = own(folder, "mysql")
        self.port = free_port()
        self._node = node
        self._configuration = self.folder / "my.cnf"
        self._configuration.write_text(self._settings(), encoding="ascii")
        if node is None or node.number == 0:
            install = program("mariadb-install-db")
            command = [install, "--no-defaults", f"--datadir={self.folder}/data"]
            options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
            subprocess.run(
                as_user("mysql", [*command, *options]), check=True, capture_output=True, cwd="/"
            )
        else:
            own(self.folder / "data", "mysql")
        self.start(new_cluster=node is not None and node.number == 0)

    def start(self, *, new_cluster: bool = False) -> None:
        command = [program("mariadbd"), f"--defaults-file={self._configuration}"]
        if new_cluster:
            command.append("--wsrep-new-cluster")
        log = self.folder / "log"
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                as_user("mysql", command), stdout=file, stderr=file, cwd=self.folder
            )
        wait_for(self.is_ready, self.process, log)

    def is_ready(self) -> bool:
        if self._node is None:
            return bool(self.run("SELECT 1"))
        state = self.run("SHOW STATUS LIKE 'wsrep_local_state_comment'")
        ready = self.run("SHOW STATUS LIKE 'wsrep_ready'")
        return (state[0][1], ready[0][1]) == ("Synced", "ON")

    def run(self, statement: str, database: str | None = None) -> Any:
        db = pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True
        )
        with db, db.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() or ((),)

    def database(self, name: str) -> str:
        """The URL of a new database."""
        self.run(f"CREATE DATABASE {name}")
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/{name}"

    def _settings(self) -> str:
        settings = {
            "datadir": f"{self.folder}/data",
            "socket": f"{self.folder}/socket",
            "pid-file": f"{self.folder}/pid",
            "port": self.port,
            "bind-address": "127.0.0.1",
            "innodb_buffer_pool_size": "64M",
            "innodb_log_file_size": "32M",
            "skip-name-resolve": 1,
            # On a cluster the other nodes hold what one has not flushed; alone it must flush.
            "innodb_flush_log_at_trx_commit": 1 if self._node is None else 2,
        }
        if self._node is not None:
            settings |= self._node.settings()
        return "[mysqld]\n" + "".join(f"{name}={value}\n" for name, value in settings.items())


class _Node:
    """A node's place in its cluster."""

    def __init__(self, number: int, ports: Sequence[tuple[int, int, int]]) -> None:
        self.number = number
        self._ports = ports

    def settings(self) -> dict[str, Any]:
        group, state, increment = self._ports[self.number]
        everybody = ",".join(f"127.0.0.1:{port}" for port, _, _ in self._ports)
        return {
            "binlog_format": "ROW",
            "default_storage_engine": "InnoDB",
            "innodb_autoinc_lock_mode": 2,
            "wsrep_on": "ON",
            "wsrep_provider": _GALERA,
            "wsrep_cluster_name": "consentkit",
            "wsrep_node_name": f"n{self.number}",
            "wsrep_cluster_address": f"gcomm://{everybody}",
            "wsrep_node_address": f"127.0.0.1:{group}",
            "wsrep_sst_method": "rsync",
            "wsrep_sst_receive_address": f"127.0.0.1:{state}",
            # A node that went silent is given up after two seconds instead of five.
            "wsrep_provider_options": (
                f'"gmcast.listen_addr=tcp://127.0.0.1:{group};ist.recv_addr=127.0.0.1:{increment};'
                "gcache.size=32M;pc.recovery=true;evs.keepalive_period=PT0.5S;"
                "evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;"
                'evs.inactive_check_period=PT0.5S"'
            ),
        }


class Galera:
    """A cluster of three nodes."""

    def __init__(self, folder: Path) -> None:
        if not _GALERA.exists():
            pytest.fail(f"{_GALERA} is missing: install the package galera-4", pytrace=False)
        folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder, "mysql")
        ports = [(free_port(), free_port(), free_port()) for _ in range(3)]
        self.nodes: list[MariaDB] = []
        try:
            for number in range(3):
                self.nodes.append(MariaDB(folder / f"n{number}", node=_Node(number, ports)))
        except BaseException:
            self.kill()
            raise

    def database(self, name: str) -> str:
        """The URL of a new database, with all nodes."""
        self.nodes[0].run(f"CREATE DATABASE {name}")
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"mysql+pymysql://root@{hosts}/{name}"

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()
