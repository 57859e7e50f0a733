"""Connections to the database that a URL names: SQLite in a file, or PostgreSQL.

SQLite: write-ahead log, `synchronous=FULL` (a commit is on the disk before it returns), `secure_delete` (what was
erased is overwritten), foreign keys, and a wait for another process that holds the lock. PostgreSQL:
`synchronous_commit=on`; a server that runs with `fsync=off` is refused, since a power cut takes back what it committed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from troth.store.errors import StoreError

BUSY = 10.0  # seconds that SQLite waits for another process
WRITER_CACHE = "-131072"  # KiB of pages at most, so that a large transaction does not write a page many times
DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}

SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "secure_delete": "ON",
    "foreign_keys": "ON",
    "cell_size_check": "ON",
    "trusted_schema": "OFF",
    "wal_autocheckpoint": "4000",
}


def read_url(url: str | URL) -> URL:
    """The URL with the driver that Troth uses. StoreError: neither SQLite in a file nor PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError(f"'{url}' is not a database URL, such as sqlite:///troth.db or postgresql://…") from None
    backend = parsed.get_backend_name()
    if backend not in DRIVERS:
        raise StoreError(
            f"'{backend}' is not a database that Troth keeps its store in: sqlite:///FILE or postgresql://…"
        )
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("A store in memory forgets everything; name a file: sqlite:///troth.db")
    return parsed.set(drivername=DRIVERS[backend])


def open_engine(
    url: URL, *, begin: str | None, busy: float = BUSY, pragmas: dict[str, str] | None = None, **options: Any
) -> Engine:
    """An engine for that URL.

    `begin` is the statement that begins its transactions, such as `BEGIN IMMEDIATE`; without it SQLAlchemy begins none
    and the caller does. `pragmas` are added to SQLITE_PRAGMAS, or replace them.
    """
    if url.get_backend_name() != "sqlite":
        connect_args = {"options": "-c synchronous_commit=on", "application_name": "troth"}
        isolation = "READ COMMITTED" if begin else "AUTOCOMMIT"
        return create_engine(url, isolation_level=isolation, connect_args=connect_args, pool_pre_ping=True, **options)
    engine = create_engine(url, connect_args={"timeout": busy, "check_same_thread": False}, **options)
    given = pragmas or {}  # those of its own come first: a locking mode counts only before the database is read
    chosen = {**{name: given[name] for name in given.keys() - SQLITE_PRAGMAS.keys()}, **SQLITE_PRAGMAS, **given}

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins no transactions of its own
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(busy * 1000)}")
        for name, value in chosen.items():
            cursor.execute(f"PRAGMA {name}={value}").fetchall()
        cursor.close()

    if begin is not None:

        @event.listens_for(engine, "begin")
        def begin_transaction(connection: Any) -> None:
            connection.exec_driver_sql(begin)

    return engine
