"""`troth delivery`: what is on its way to recipients, what they have, and what they did not acknowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from troth.cli.record import opened_log, opened_store
from troth.cli.terminal import Format, fail, out

if TYPE_CHECKING:
    from datetime import datetime

    from troth.gates.delivery.deliveries import Delivery

delivery = typer.Typer(no_args_is_help=True, help="What is on its way to recipients, and what they acknowledged.")

Id = Annotated[str, typer.Argument(metavar="DELIVERY", help="The id of the delivery, `msg_…`")]
Printed = Annotated[Format, typer.Option(help="text for people, json for programs")]

_STYLES = {"waiting": "yellow", "delivered": "", "acknowledged": "green", "failed": "red", "stopped": "red"}


@delivery.command("list")
def list_(
    recipient: Annotated[str | None, typer.Option("--recipient", help="To one recipient only")] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="waiting, delivered, acknowledged, failed or stopped")
    ] = None,
    disclosure: Annotated[str | None, typer.Option("--disclosure", help="Of one disclosure only, `dis_…`")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Delivered, and not acknowledged in time")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many")] = 100,
    format: Printed = Format.text,
) -> None:
    """List deliveries, the latest first. With --overdue it ends with 1 if there is any.

    Example: troth delivery list --overdue
    """
    from troth.gates.delivery.deliveries import STATES, Deliveries
    from troth.policy.problems import nearest

    known = {one: one for one in STATES}
    if state is not None and state not in known:
        near = nearest(state, list(known))
        hint = f" Did you mean '{near}'?" if near else ""
        fail(f"There is no state '{state}'.{hint}", f"The states: {', '.join(STATES)}.")
    with opened_store() as store:
        deliveries, now = Deliveries(store), store.clock()
        if overdue:
            found = deliveries.overdue(limit)
        else:
            chosen = None if state is None else known[state]
            found = deliveries.list(recipient=recipient, state=chosen, disclosure=disclosure, limit=limit)
    if format is Format.json:
        import msgspec

        out.file.write(msgspec.json.encode(found).decode() + "\n")
    elif not found:
        out.print("Nothing is overdue." if overdue else "There is no such delivery.")
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("delivery", "state", "recipient", "kind", "when (UTC)"):
            table.add_column(heading, overflow="fold", no_wrap=heading in ("delivery", "state"))
        for one in found:
            table.add_row(one.id, _state(one, now), one.recipient, one.kind, _when(one))
        out.print(table)
    if overdue and found:
        raise typer.Exit(1)


@delivery.command("show")
def show(id: Id, format: Printed = Format.text) -> None:
    """Show a delivery: where it stands, and what came of its last attempt. Never what it carries.

    Example: troth delivery show msg_0123456789abcdef0123456789abcdef
    """
    from troth.gates.delivery.deliveries import Deliveries, DeliveryError

    with opened_store() as store:
        try:
            one, now = Deliveries(store).one(id), store.clock()
        except DeliveryError as error:
            fail(str(error))
    if format is Format.json:
        import msgspec

        out.file.write(msgspec.json.encode(one).decode() + "\n")
        return
    out.print(Text.assemble((one.id, "bold"), f", {one.kind} to '{one.recipient}': ", _state(one, now)))
    for label, value in (
        ("of", _of(one)),
        ("attempts", str(one.attempts)),
        ("queued", _moment(one.created_at)),
        ("next attempt", _moment(one.next_at)),
        ("delivered", _moment(one.delivered_at)),
        ("acknowledgement due", _moment(one.due_at)),
        ("acknowledged", _moment(one.acknowledged_at)),
        ("endpoint", one.sent_to or one.endpoint),
        ("SHA-256 of the body", one.digest),
        ("why", one.why),
    ):
        if value:
            out.print(f"  {label}: {value}")


@delivery.command("retry")
def retry(id: Id) -> None:
    """Send a delivery again as if it were new. What may leave is decided anew; the server sends it.

    Example: troth delivery retry msg_0123456789abcdef0123456789abcdef
    """
    from troth.gates.delivery.deliveries import Deliveries, DeliveryError

    with opened_log() as log:
        try:
            one = Deliveries(log.store).retry(id)
        except DeliveryError as error:
            fail(str(error))
    out.print(f"{one.id} to '{one.recipient}' is sent again as soon as `troth serve` runs.")


def _of(one: Delivery) -> str:
    return "" if one.disclosure is None else one.disclosure if one.batch is None else f"{one.disclosure}/{one.batch}"


def _state(one: Delivery, now: datetime) -> Text:
    late = " (overdue)" if one.overdue(now) else ""
    return Text(f"{one.state}{late}", style="red" if late else _STYLES[one.state])


def _when(one: Delivery) -> str:
    at = one.acknowledged_at or one.delivered_at
    if one.state == "waiting":
        return f"next {_moment(one.next_at)}"
    return _moment(at or one.created_at)


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"
