"""`troth up` and `troth serve`: the notice and the decision point over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from troth.cli.terminal import POLICY_HELP, fail, moment, out, read_policy

_AT = typer.Option("--at", help="Show the policy as it stands at another time: a date, or a time with zone")


def up(
    port: Annotated[
        int | None, typer.Option(help="The port to listen on [default: from troth.toml, else 8080]")
    ] = None,
    policy: Annotated[Path | None, typer.Option("--policy", "-p", help=POLICY_HELP)] = None,
    at: Annotated[str | None, _AT] = None,
) -> None:
    """Serve the policy on this machine and print its address."""
    serve(host=None, port=port, policy=policy, at=at)


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on; loopback only")] = None,
    port: Annotated[
        int | None, typer.Option(help="The port to listen on [default: from troth.toml, else 8080]")
    ] = None,
    policy: Annotated[Path | None, typer.Option("--policy", "-p", help=POLICY_HELP)] = None,
    at: Annotated[str | None, _AT] = None,
) -> None:
    """Serve the policy: the notice for people, the decision point for machines."""
    fail("not yet")
