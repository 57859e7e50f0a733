"""`troth notice`: the notice as a static site, the same pages as the server gives."""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from troth.cli.record import opened_log, store_exists
from troth.cli.terminal import configured, fail, moment, out, read_policy


def notice(
    directory: Annotated[Path, typer.Argument(help="The directory to write; it must be empty or not exist")],
    policy: Annotated[
        Path | None, typer.Option("--policy", "-p", help="This policy as it stands in its files, without a record")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="The notice as of another time (default: now)")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is in the directory")] = False,
) -> None:
    """Write the notice as a static site: overview, complete policy, versions, differences, JSON, Markdown, JSON-LD.

    Where something is published, that is written, and the record with it; else the configured policy as it stands.

    Example: troth notice site
    """
    when = moment(at, "--at")
    if directory.exists() and not directory.is_dir():
        fail(f"{directory} is a file.", "Name a directory.")
    if directory.is_dir() and any(directory.iterdir()) and not replace:
        fail(f"{directory} is not empty.", "Name another directory, or replace everything in it with --replace.")
    # Written beside and moved into place as a whole, so that a reader never meets half a site.
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as beside:
            new = Path(beside) / "new"
            count = len(_write(policy, new, when))
            if directory.exists():
                directory.rename(Path(beside) / "old")
            shutil.move(new, directory)
    except OSError as error:
        fail(f"{directory} cannot be written: {error.strerror or error}.")
    out.print(f"{count} files written to {directory}; begin at {directory / 'index.html'}.")


def _write(policy: Path | None, directory: Path, when: datetime) -> list[Path]:
    """The published policy with its record where there is a store, else the policy as it stands in its files."""
    from troth.notice.site import write_site

    if policy is None and store_exists():
        from troth.record.published import published_policy
        from troth.web.site import write_published_site

        with opened_log() as log:
            published = published_policy(log.store)
            if published is not None:
                log.sign()
                return write_published_site(log, published, directory, when, configured().site)
    return write_site(read_policy(policy), directory, when)
