"""`troth due`: what is due of staff, the most urgent first. For people, and for whatever watches over a server."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from troth.cli.legal import terms_of
from troth.cli.recipient import policy_of
from troth.cli.record import opened_store
from troth.cli.terminal import Format, out

_STYLES = {"overdue": "bold red", "soon": "yellow", "open": ""}


def due(
    room: Annotated[
        list[str] | None, typer.Option("--room", help="Only of this room, such as legal or deliveries; may be repeated")
    ] = None,
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """List what is due of staff, the most urgent first, each with the command for it. Ends with 1 if any is overdue.

    Example: troth due --room legal
    """
    from troth.accountability.due.due import check_rooms
    from troth.accountability.due.gathering import DueOfStaff, as_json
    from troth.accountability.errors import CaseError
    from troth.cli.terminal import fail

    try:
        rooms = check_rooms(room or ())
    except CaseError as error:
        fail(str(error))
    with opened_store() as store:
        found = [one for one in DueOfStaff(store, policy_of(store), terms_of()).all() if not rooms or one.room in rooms]
        now = store.clock()
    if format is Format.json:
        out.file.write(as_json(found, now).decode())
    elif not found:
        out.print("✔ Nothing is due.", style="bold green")
    else:
        for one in found:
            when = "" if one.when is None else f", {one.when:%Y-%m-%d %H:%M} UTC"
            out.print(Text.assemble((one.level, _STYLES[one.level]), f"{when}: {one.room} ", (one.about, "bold")))
            out.print(Text(f"  {one.what}"))
            out.print(Text(f"  {one.command}", style="cyan"), soft_wrap=True)  # in one piece, to be copied
    raise typer.Exit(int(any(one.level == "overdue" for one in found)))
