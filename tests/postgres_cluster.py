"""A PostgreSQL server for the tests alone: in a temporary folder, on a socket, stopped at the end.

The folder lies in memory where there is room for it, since each test has a database of its own.

PostgreSQL refuses to run as root, so there it runs as the user `postgres`.
"""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

MEMORY, ENOUGH = Path("/dev/shm"), 3 * 2**30  # bytes that have to be free there
TEMPLATE = "template_with_tables"


class Cluster:
    """A running server. `url` makes a new database and gives its URL."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._in_memory = folder.is_relative_to(MEMORY)
        self.programs = _programs()
        self._user = "postgres" if os.geteuid() == 0 else None
        self._numbers = itertools.count()
        self._template = False

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the user that may."""
        account = {} if self._user is None else {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid}
        subprocess.run(
            [self.programs / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            extra_groups=[] if account else None,
            **account,
        )

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = f"-k {self.folder} -c listen_addresses= -c shared_buffers=16MB -c max_wal_size=128MB"
        options += " -c autovacuum=off"  # it would go round hundreds of databases that no test needs any more
        self.run("pg_ctl", "start", "-w", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-o", options)

    def stop(self) -> None:
        """Stop at once; nothing of it is needed any more."""
        self.run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", f"{self.folder}/data")

    def kill(self) -> None:
        """Kill the postmaster, as a crash would, and wait until its children are gone."""
        process = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        children = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True, check=False).stdout
        os.kill(process, signal.SIGKILL)
        for child in map(int, children.split()):
            while True:  # they notice by themselves; those that wait for a client are helped
                try:
                    os.kill(child, signal.SIGQUIT)
                    status = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
                except (ProcessLookupError, FileNotFoundError):
                    break
                if status == "Z":
                    break
                os.sched_yield()
        # As after a reboot: no process of that number. (A container without an init keeps the dead one's number taken.)
        (self.folder / "data/postmaster.pid").unlink()
        for lock in self.folder.glob(".s.PGSQL.*"):
            lock.unlink()

    def version(self) -> str:
        """The version of the server."""
        with psycopg.connect(f"host={self.folder} user=troth dbname=postgres") as connection:
            return str(connection.info.parameter_status("server_version")).split()[0]

    def url(self, *, migrated: bool = False) -> str:
        """The URL of a new database: an empty one, or a copy of one in which the migrations made the tables."""
        if migrated and not self._template:
            from troth.store.migrate import migrate

            self._create(TEMPLATE)
            migrate(self._url(TEMPLATE))
            self._template = True
        name = f"t{next(self._numbers)}"
        self._create(f"{name} TEMPLATE {TEMPLATE}" if migrated else name)
        return self._url(name)

    def _create(self, what: str) -> None:
        with psycopg.connect(f"host={self.folder} user=troth dbname=postgres", autocommit=True) as connection:
            # Copying the files takes half the time of copying through the log, where a checkpoint costs nothing.
            copy = " STRATEGY FILE_COPY" if self._in_memory and connection.info.server_version >= 150_000 else ""
            connection.execute(f"CREATE DATABASE {what}{copy}")

    def _url(self, name: str) -> str:
        return f"postgresql://troth@/{name}?host={self.folder}"


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A fresh server."""
    memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH
    folder = Path(tempfile.mkdtemp(prefix="troth-pg-", dir=MEMORY if memory else "/tmp"))
    cluster = Cluster(folder)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    try:
        cluster.run("initdb", "-U", "troth", "-A", "trust", "-E", "UTF8", "--no-sync", "-D", f"{folder}/data")
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def installed() -> bool:
    """Whether there is a PostgreSQL to start."""
    return (_programs() / "initdb").exists()


def _programs() -> Path:
    """Where PostgreSQL's own programs are; Debian keeps them off the search path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else Path(shutil.which("initdb") or "initdb").resolve().parent
