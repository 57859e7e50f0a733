"""The store: the one way to the database. Reads go over connections that cannot write, writes over one writer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from troth.store.engine import BUSY, WRITER_CACHE, open_engine, read_url
from troth.store.errors import MissingSchemaError, StoreError, StoreUnavailableError
from troth.store.glance import Cursors, Glance, QuickGlance, SlowGlance, Statements
from troth.store.revision import check_revision
from troth.store.scrub import scrub
from troth.store.transaction import PostgresTransaction, SqliteTransaction, Transaction
from troth.store.writer import Clock, T, Work, Writer


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


class Store:
    """An open store. Made by `open_store`; close it, or use it in a `with` statement."""

    def __init__(self, url: URL, writing: Engine, reading: Engine, clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self._writing = writing
        self._reading = reading
        self._raw: Any = None
        self._statements = Statements(reading.dialect)
        self._cursors = Cursors(reading) if reading.dialect.name == "sqlite" else None
        self._writer = Writer(self._connect, writing.dialect, clock)

    def write(self, work: Work[T]) -> T:
        """Run a unit of work and return its result when it is durable. See Writer.write."""
        return self._writer.write(work)

    async def write_async(self, work: Work[T]) -> T:
        """The same on an event loop. See Writer.write_async."""
        return await self._writer.write_async(work)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database and cannot change it.

        StoreUnavailableError: none can be had now, or the database went away while it was being read.
        """
        try:
            with self._reading.connect() as connection, connection.begin():
                yield connection
        except Exception as problem:
            self._unavailable(problem)
            raise

    @contextmanager
    def glance(self) -> Iterator[Glance]:
        """The same with less work for each statement, for what is read for every message. Raises what `read` raises."""
        if self._cursors is None:
            with self.read() as connection:
                yield SlowGlance(connection)
            return
        try:
            with self._cursors.transaction() as cursor:
                yield QuickGlance(cursor, self._statements)
        except Exception as problem:
            self._unavailable(problem)
            raise

    def _unavailable(self, problem: Exception) -> None:
        """Raise StoreUnavailableError if that is what a failure means."""
        failures: Any = self._reading.dialect.dbapi
        if isinstance(getattr(problem, "orig", problem), (failures.OperationalError, failures.InterfaceError)):
            raise StoreUnavailableError(f"The database cannot be read now: {problem}") from problem

    def scrub(self, tables: Iterable[str], *, rewrite: bool | None = None) -> bool:
        """Take what was deleted from tables out of the files of the database; whether they were rewritten for that.

        See the file `scrub`: without `rewrite`, small databases are. StoreUnavailableError: others were reading or
        writing all the time; try again later.
        """
        return scrub(self._writing, tables, rewrite)

    def close(self) -> None:
        """Finish the units that wait, then close all connections."""
        self._writer.close()
        self._drop()
        if self._cursors is not None:
            self._cursors.close()
        self._writing.dispose()
        self._reading.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _connect(self) -> Transaction:
        self._drop()
        self._raw = self._writing.raw_connection()
        connection = self._raw.driver_connection
        if self.url.get_backend_name() == "sqlite":
            return SqliteTransaction(connection, self._writing.dialect)
        return PostgresTransaction(connection, self._writing.dialect)

    def _drop(self) -> None:
        if self._raw is not None:
            self._raw.invalidate()
            self._raw = None


def open_store(
    url: str | URL,
    *,
    create: bool = False,
    clock: Clock = utc_now,
    busy: float = BUSY,
    readers: int = 8,
    pragmas: dict[str, str] | None = None,
) -> Store:
    """Open the store in the database at `url`; with `create`, make its tables if the database is empty.

    `busy` is how many seconds to wait for another process that writes to the same SQLite file. SchemaError: the tables
    are older, newer or half migrated; the text says what to do. StoreUnavailableError: the database cannot be reached.
    """
    parsed = read_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    writer = {"cache_size": WRITER_CACHE, **(pragmas or {})}
    writing = open_engine(parsed, begin=None, busy=busy, pragmas=writer, pool_size=1, max_overflow=1)
    reading = open_engine(
        parsed,
        begin="BEGIN",
        busy=busy,
        pragmas={**(pragmas or {}), "query_only": "ON"},
        pool_size=readers,
        max_overflow=readers,
    )
    if not sqlite:
        reading = reading.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    store = Store(parsed, writing, reading, clock)
    try:
        _check(store, create)
    except BaseException:
        store.close()
        raise
    return store


def _check(store: Store, create: bool) -> None:
    try:
        with store._writing.connect() as connection:
            if connection.dialect.name == "postgresql" and connection.exec_driver_sql("SHOW fsync").scalar() != "on":
                raise StoreError("PostgreSQL runs with fsync=off: a power cut would take back what was acknowledged.")
            try:
                check_revision(connection)
                return
            except MissingSchemaError:
                if not create:
                    raise
    except Exception as problem:
        if isinstance(problem, StoreError) or not hasattr(problem, "orig"):
            raise
        raise StoreUnavailableError(f"The database cannot be opened: {problem.orig}") from problem
    # Alembic takes longer to import than everything else together, and only an empty database needs it.
    from troth.store.migrate import migrate  # noqa: PLC0415

    migrate(store.url)
