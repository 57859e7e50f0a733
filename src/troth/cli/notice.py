"""`troth notice`: the notice as a static site, the same pages as the server gives."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from troth.cli.terminal import POLICY_HELP, fail, moment, out, read_policy


def notice(
    directory: Annotated[Path, typer.Argument(help="The directory to write; it must be empty or not exist")],
    policy: Annotated[Path | None, typer.Option("--policy", "-p", help=POLICY_HELP)] = None,
    at: Annotated[str | None, typer.Option("--at", help="The notice as of another time (default: now)")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is in the directory")] = False,
) -> None:
    """Write the notice as a static site: overview, complete policy, versions, differences, JSON, Markdown, JSON-LD.

    Example: troth notice site
    """
    from troth.notice.site import write_site

    when = moment(at, "--at")
    read = read_policy(policy)
    if directory.exists() and not directory.is_dir():
        fail(f"{directory} is a file.", "Name a directory.")
    if directory.is_dir() and any(directory.iterdir()) and not replace:
        fail(f"{directory} is not empty.", "Name another directory, or replace everything in it with --replace.")
    # Written beside and moved into place as a whole, so that a reader never meets half a site.
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as beside:
            new = Path(beside) / "new"
            count = len(write_site(read, new, when))
            if directory.exists():
                directory.rename(Path(beside) / "old")
            shutil.move(new, directory)
    except OSError as error:
        fail(f"{directory} cannot be written: {error.strerror or error}.")
    out.print(f"{count} files written to {directory}; begin at {directory / 'index.html'}.")
