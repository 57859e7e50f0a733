"""`troth verify`: test what the promises rest on, keep the results, and put them into the record."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from troth.cli.opening import vault_in
from troth.cli.record import opened_log, published_in
from troth.cli.terminal import configured, fail, out

_STYLES = {"passed": "green", "failed": "bold red", "unknown": "yellow"}


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[TEST]...", help="Tests by name (default: all of them)")
    ] = None,
    port: Annotated[
        list[int] | None,
        typer.Option("--port", min=1, max=65535, help="A port that may answer to others; may be repeated"),
    ] = None,
) -> None:
    """Test the record, the registers and the safeguards. Ends with 1 if a test fails.

    What could not be told is `unknown`, which is never taken for kept. Example: troth verify record entries
    """
    from troth.accountability.verifying.run import TESTS, Place, run
    from troth.policy.problems import nearest

    for name in names or ():
        if name not in TESTS:
            near = nearest(name, list(TESTS))
            fail(
                f"There is no test '{name}'.", f"Did you mean '{near}'?" if near else f"There are: {', '.join(TESTS)}."
            )
    with opened_log() as log:
        policy = published_in(log.store, "nothing is promised")
        vault = vault_in(log.store, policy, begin=True)
        found = run(Place(log, policy, vault, declared_ports(more=port or ())), names or None)
        log.sign()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("test", "result", "what was found"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(one.name, Text(one.state, style=_STYLES[one.state]), f"{one.sentence} {one.detail}".strip())
    out.print(table)
    raise typer.Exit(int(any(one.state == "failed" for one in found)))


def declared_ports(own: int | None = None, more: Collection[int] = ()) -> set[int] | None:
    """The ports of this machine that may answer to others, by the configuration and `more`; None: nobody declared any.

    `own` is the port of the server, if it is another than the configured one. It counts as declared beside others.
    """
    configuration = configured()
    if configuration.ports is None and not more:
        return None
    return {own or configuration.port, *(configuration.ports or ()), *more}
