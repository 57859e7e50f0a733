"""Take deleted rows out of the files: what a database only marks as free, or still has in its log, is overwritten.

SQLite overwrites what is deleted (`secure_delete`), with two gaps. The write-ahead log keeps the earlier pages until it
is emptied: that is always done here. And when a page of a tree is split, copies of rows may stay behind in the unused
part of it, where no later deletion finds them: only rewriting the file (VACUUM) takes them out.

PostgreSQL keeps the dead rows until VACUUM, and their bytes in the free space of the pages until something else is
written there; rewriting (VACUUM FULL) makes new files. Its own write-ahead log is the server's, and goes when the
server recycles or archives it.

Rewriting stops other writers for as long as it takes, so without being told it is done for small databases only.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from troth.store.errors import StoreUnavailableError
from troth.store.schema import metadata

SMALL = 64 * 2**20  # bytes that are rewritten in about a second
PATIENCE = 30.0  # seconds
PAUSE = 0.05


def scrub(engine: Engine, tables: Iterable[str], rewrite: bool | None, patience: float = PATIENCE) -> bool:
    """Take what was deleted from `tables` out of the files; whether they were rewritten, too.

    `rewrite`: None for what is small. StoreUnavailableError: others read or write for too long; try again later.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            with engine.connect() as connection:
                sqlite = connection.dialect.name == "sqlite"
                done = _sqlite(connection, rewrite) if sqlite else _postgres(connection, sorted(tables), rewrite)
            if done is not None:
                return done
            problem = ""
        except DBAPIError as error:
            problem = f" ({error.orig})"
        if time.monotonic() >= deadline:
            raise StoreUnavailableError(
                "What was deleted is gone from the tables, but its bytes may still be in the files of the database, "
                f"which others are using{problem}. Try again later: troth vault scrub"
            )
        time.sleep(PAUSE)


def _sqlite(connection: Connection, rewrite: bool | None) -> bool | None:
    def pragma(name: str) -> int:
        return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())

    if rewrite is None:
        rewrite = pragma("page_count") * pragma("page_size") <= SMALL
    if rewrite:
        connection.exec_driver_sql("VACUUM")
    # busy, pages in the log, pages moved: all of it was moved, and the file of the log is empty, if it was not busy.
    busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    return None if busy else rewrite


def _postgres(connection: Connection, tables: list[str], rewrite: bool | None) -> bool:
    for table in tables:
        if table not in metadata.tables:
            raise ValueError(f"There is no table '{table}'.")
        size = connection.exec_driver_sql(f"SELECT pg_total_relation_size('{table}')").scalar_one()
        full = int(size) <= SMALL if rewrite is None else rewrite
        connection.exec_driver_sql(f"VACUUM {'(FULL) ' if full else ''}{table}")
        rewrite = rewrite if full or rewrite is not None else None
    return bool(rewrite is None or rewrite)
