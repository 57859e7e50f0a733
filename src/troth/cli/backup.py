"""`troth backup`, `restore` and `migrate`: the store by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from troth.cli.opening import vault_in
from troth.cli.record import opened_log, opened_store
from troth.cli.terminal import configured, fail, out


def backup(file: Annotated[Path, typer.Argument(help="The file to write; it must not exist")]) -> None:
    """Copy the embedded store as it is at one moment, while the server runs. For PostgreSQL use pg_dump."""
    from troth.store import StoreError
    from troth.store.backup import backup as copy

    try:
        size = copy(configured().database, file)
    except StoreError as error:
        fail(str(error))
    out.print(f"{size} bytes written to {file}. The record's keys are not in it; keep them apart.")


def restore(file: Annotated[Path, typer.Argument(help="A backup")]) -> None:
    """Restore a backup as the embedded store, which must not exist yet."""
    from troth.store import StoreError
    from troth.store.backup import restore as put

    try:
        size = put(file, configured().database)
    except StoreError as error:
        fail(str(error))
    out.print(f"{size} bytes restored.")
    erased = _erase_again()
    if erased:
        who = (
            "1 person who had been erased since was"
            if erased == 1
            else f"{erased} persons who had been erased since were"
        )
        out.print(f"{who} erased again.")
    with opened_log():
        out.print("The restored record is the one that was signed last.")


def _erase_again() -> int:
    """Erase in a restored store whoever was erased since the backup was made, before anything is served from it."""
    from troth.record.errors import RecordError
    from troth.record.published import published_policy

    with opened_store() as store:
        try:
            policy = published_policy(store)
        except RecordError as error:
            fail(str(error))
        return 0 if policy is None else vault_in(store, policy).replayed


def migrate() -> None:
    """Bring the store to the schema of this Troth: one transaction, all of it or nothing."""
    from troth.store import StoreError
    from troth.store.migrate import migrate as bring

    try:
        before, after = bring(configured().database)
    except StoreError as error:
        fail(str(error))
    out.print(f"The store is at {after}{'' if before == after else f' (was {before})'}.")
