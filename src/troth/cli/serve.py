"""`troth up` and `troth serve`: the notice and the decision point over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from troth.cli.terminal import POLICY_HELP, configured, fail, moment, out, read_policy

Policy_ = Annotated[Path | None, typer.Option("--policy", "-p", help=POLICY_HELP)]
Port = Annotated[int | None, typer.Option(help="The port to listen on; 0 takes any free one (default: 8080)")]
At = Annotated[
    str | None, typer.Option("--at", help="Show the policy as it stands at another time: a date, or a time with zone")
]


def up(port: Port = None, policy: Policy_ = None, at: At = None) -> None:
    """Serve the policy (without one, the flagship example) on this machine, ready for a browser."""
    serve(host=None, port=port, policy=policy, at=at)


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on, of this machine's own")] = None,
    port: Port = None,
    policy: Policy_ = None,
    at: At = None,
) -> None:
    """Serve the policy: the notice for people, the decision point for machines."""
    configuration = configured()
    fixed = moment(at, "--at") if at else None
    read = read_policy(policy)

    from troth.web import server

    def ready(url: str) -> None:
        shown = read.in_force(fixed or datetime.now(UTC))
        if shown is None:
            out.print(Text(f"No version of the policy is in force yet; the first one comes on {read.versions[0].id}."))
        else:
            told = f"version {shown.id}, as of {at}" if at else f"version {shown.id}"
            out.print(Text.assemble(("Troth", "bold"), f" serves “{shown.title}” of {shown.publisher.name}, {told}."))
        out.print(Text.assemble("  the overview    ", (f"{url}/", "bold underline")))
        out.print(Text.assemble("  the policy      ", f"{url}/policy"))
        out.print(Text.assemble("  the decisions   ", f"{url}/access/v1/evaluation  (OpenID AuthZEN 1.0)"))
        out.print(Text("Stop it with Ctrl-C.", style="dim"))

    try:
        server.serve(
            read,
            host or configuration.host,
            configuration.port if port is None else port,
            clock=(lambda: fixed) if fixed else None,
            ready=ready,
        )
    except server.ServerError as error:
        fail(error.message)
