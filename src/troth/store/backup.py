"""Back up a SQLite store while it runs, and restore it to a new file. PostgreSQL has pg_dump for that.

Neither ever overwrites a file. The keys of the record and the last checkpoint beside them are not part of a backup:
what it cannot bring back is exactly what shows that it is old.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import URL

from troth.store.engine import open_engine, read_url
from troth.store.errors import BackupError
from troth.store.revision import check_revision, read_revision
from troth.store.schema import REVISIONS


def backup(url: str | URL, target: Path) -> int:
    """Copy the store at `url` to the new file `target` as it is at one moment, while others write; its size in bytes.

    Returns when the copy is on the disk and was read back without fault. BackupError: the target exists, the store is
    not SQLite, or the disk is full; then nothing is left at `target`.
    """
    source = _file(read_url(url), "pg_dump --format=custom")
    if not source.exists():
        raise BackupError(f"There is no store at {source}.")
    temporary = _temporary(target)
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading:
            with closing(sqlite3.connect(temporary)) as writing:
                reading.backup(writing)  # all pages in one step: one state, and writers do not have to wait
                writing.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
            _check(temporary)
        return _put(temporary, target)
    except (sqlite3.Error, OSError) as problem:
        raise BackupError(f"No backup was made: {problem}") from problem
    finally:
        temporary.unlink(missing_ok=True)


def restore(saved: Path, url: str | URL) -> int:
    """Restore the backup `saved` as the store at `url`, which must not exist yet; its size in bytes.

    BackupError: it exists, or the backup is damaged or not one of a store. If it is older than the last checkpoint that
    was signed, it can be read, but the record refuses to sign for it.
    """
    target = _file(read_url(url), "pg_restore")
    for path in (target, Path(f"{target}-wal"), Path(f"{target}-journal")):
        if path.exists():
            raise BackupError(f"{path} exists and is not overwritten. Move it away to restore the backup in its place.")
    temporary = _temporary(target)
    try:
        shutil.copyfile(saved, temporary)
        _check(temporary)
        return _put(temporary, target)
    except (sqlite3.Error, OSError) as problem:
        raise BackupError(f"Nothing was restored: {problem}") from problem
    finally:
        temporary.unlink(missing_ok=True)


def _file(url: URL, instead: str) -> Path:
    if url.get_backend_name() != "sqlite" or url.database is None:
        raise BackupError(f"This is for SQLite. For PostgreSQL use {instead}; docs/reference/store.md says how.")
    return Path(url.database)


def _temporary(target: Path) -> Path:
    if target.exists():
        raise BackupError(f"{target} exists and is not overwritten.")
    return target.with_name(f".{target.name}.{os.getpid()}.new")


def _check(path: Path) -> None:
    """Read every page, and see that it is a store of a revision that this Troth knows."""
    with closing(sqlite3.connect(path)) as plain:
        found = plain.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise BackupError(f"The copy is damaged: {found}")
    engine: Engine = open_engine(read_url(f"sqlite:///{path}"), begin=None, pragmas={"journal_mode": "DELETE"})
    try:
        with engine.connect() as connection:
            if read_revision(connection) == REVISIONS[-1]:
                check_revision(connection)
    finally:
        engine.dispose()


def _put(temporary: Path, target: Path) -> int:
    """Give the finished file its name, unless someone else took it meanwhile, and make both durable."""
    _sync(temporary, os.O_RDONLY)
    os.link(temporary, target)
    _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    return target.stat().st_size


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
