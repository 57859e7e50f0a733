"""`troth vault`: the keys that wrap those of persons, the deletion of what has expired, and the files scrubbed."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from troth.cli.opening import opened_vault
from troth.cli.terminal import out

vault = typer.Typer(no_args_is_help=True, help="The vault: its keys, and what it may keep no longer.")

Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many (default: all)")]
SOME = 10_000


@vault.command("epochs")
def epochs() -> None:
    """Show the keys that wrap those of persons, and how many lie under each.

    Example: troth vault epochs
    """
    with opened_vault() as found:
        shown = found.ring.epochs()
    if not shown:
        out.print("No epoch has begun yet: the first begins when something is written.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("epoch", "since (UTC)", "persons", ""):
        table.add_column(column, no_wrap=True, justify="right" if column in ("epoch", "persons") else "left")
    newest = max(one.epoch for one in shown)
    for one in shown:
        since = "" if one.made_at is None else f"{one.made_at:%Y-%m-%d %H:%M}"
        state = "wraps new ones" if one.epoch == newest else ""
        if one.epoch == 0:
            state = "from before there was a vault"
        elif one.retired_at is not None:
            state = f"destroyed on {one.retired_at:%Y-%m-%d}"
        table.add_row(str(one.epoch), since, str(one.keys), state)
    out.print(table)


@vault.command("rotate")
def rotate() -> None:
    """Begin a new epoch: its key wraps the keys of new persons from now on, in every process.

    Example: troth vault rotate
    """
    with opened_vault(write=True) as found:
        epoch = found.ring.rotate()
    out.print(f"Epoch {epoch} has begun. `troth vault rewrap` moves the keys of those who are here already.")


@vault.command("rewrap")
def rewrap(limit: Limit = None) -> None:
    """Move the keys of persons to the newest epoch, while everything goes on. It may be broken off and called again.

    Example: troth vault rewrap
    """
    moved = 0
    with opened_vault(write=True) as found:
        while limit is None or moved < limit:
            some = found.rewrap(SOME if limit is None else min(SOME, limit - moved))
            if not some:
                break
            moved += some
    out.print(f"{moved} key{'s' if moved != 1 else ''} moved.")


@vault.command("retire")
def retire(
    epoch: Annotated[int, typer.Argument(metavar="EPOCH", help="The number of the epoch, as `epochs` shows it")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to go on")] = False,
) -> None:
    """Destroy the key of an epoch under which nothing lies any more. Backups from its time cannot be read then.

    Example: troth vault retire 1
    """
    with opened_vault(write=True) as found:
        if not yes:
            typer.confirm(
                f"Destroy the key of epoch {epoch}? What backups from its time hold of persons is lost with it.",
                abort=True,
            )
        found.ring.retire(epoch)
    out.print(f"The key of epoch {epoch} is destroyed.")


@vault.command("sweep")
def sweep(limit: Limit = None) -> None:
    """Delete what the policy lets be kept no longer, the longest due first. The server does it by itself.

    Example: troth vault sweep
    """
    deleted = 0
    with opened_vault(write=True) as found:
        while limit is None or deleted < limit:
            some = found.sweep(SOME if limit is None else min(SOME, limit - deleted))
            if not some:
                break
            deleted += some
    out.print(f"{deleted} item{'s were' if deleted != 1 else ' was'} deleted.")


@vault.command("scrub")
def scrub(
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Rewrite the files of a large database, too; others wait meanwhile")
    ] = False,
) -> None:
    """Take what was deleted out of the files of the database, as `troth people erase` does by itself.

    Example: troth vault scrub --rewrite
    """
    with opened_vault() as found:
        done = found.scrub(rewrite=rewrite or None)
    out.print(f"What was deleted is out of the files{', which were rewritten' if done else ''}.")
