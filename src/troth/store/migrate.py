"""Bring a database to another revision of the schema: one transaction, all of it or nothing, on both databases."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from troth.store.engine import BUSY, open_engine, read_url
from troth.store.errors import MissingSchemaError, StoreUnavailableError
from troth.store.revision import check_revision, read_revision
from troth.store.schema import REVISIONS, VERSION_TABLE
from troth.store.transaction import SEQUENCER

EMPTY = "empty"


def migrate(url: str | URL, to: str = REVISIONS[-1], busy: float = BUSY) -> tuple[str, str]:
    """Migrate up or down to revision `to` (`empty` takes all tables away); returns the revisions before and after.

    SchemaError: the database is newer than this Troth, or half migrated. StoreUnavailableError: another process holds
    it, or the disk is full; then nothing was changed. Writers wait until the migration is committed.
    """
    if to not in (EMPTY, *REVISIONS):
        raise ValueError(f"There is no schema '{to}'. There are: {EMPTY}, {', '.join(REVISIONS)}.")
    engine = open_engine(read_url(url), begin="BEGIN IMMEDIATE", busy=busy)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SEQUENCER})")
            before = _revision(connection)
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            order = (EMPTY, *REVISIONS)
            if order.index(to) >= order.index(before):
                command.upgrade(config, to)
            else:
                command.downgrade(config, "base" if to == EMPTY else to)
            if to == EMPTY:
                connection.exec_driver_sql(f"DROP TABLE {VERSION_TABLE}")
            elif to == REVISIONS[-1]:
                check_revision(connection)
    except DBAPIError as problem:
        raise StoreUnavailableError(f"The migration was not made, nothing was changed: {problem.orig}") from problem
    finally:
        engine.dispose()
    return before, to


def _revision(connection: Connection) -> str:
    try:
        return read_revision(connection)
    except MissingSchemaError:
        return EMPTY
