"""`troth mail`: the gate of mail. Further commands lie in files beside this one, which add them to the group `mail`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

mail = typer.Typer(no_args_is_help=True, help="The gate of mail: who may be written to, and what a message bears.")


@mail.command("lint")
def lint(file: Annotated[Path, typer.Argument(metavar="FILE", help="A message as it would be sent")]) -> None:
    """Say whether a message is ready for the large mailbox providers and the law."""
    raise NotImplementedError


@mail.callback()
def _mail() -> None:
    pass
