"""`troth follow`: what is passed on to those who received data: listed, run by hand, and told by staff."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from troth.cli.opening import opened_vault
from troth.cli.record import opened_store
from troth.cli.terminal import Format, fail, out

if TYPE_CHECKING:
    from troth.gates.following.following import Following
    from troth.gates.following.followups import FollowUp

follow = typer.Typer(no_args_is_help=True, help="What is passed on to recipients: opt-outs, corrections, erasures.")

Id = Annotated[str, typer.Argument(metavar="ID", help="The id that `troth follow list` shows, such as fol_…")]
_STATES = {
    "deciding": "the gate decides",
    "sent": "sent, not acknowledged",
    "staff": "waiting for staff",
    "done": "done",
    "refused": "may not leave",
}


@follow.command("list")
def list_(
    late: Annotated[bool, typer.Option("--late", help="Only what should have been acknowledged by now")] = False,
    all_: Annotated[bool, typer.Option("--all", help="What is done, too")] = False,
    recipient: Annotated[str | None, typer.Option("--recipient", help="Of one recipient")] = None,
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """List what recipients are still to be told, the oldest first. Ends with 1 if something is late.

    Example: troth follow list --late
    """
    from troth.gates.following.following import list_follow_ups

    with opened_store() as store:
        found = list_follow_ups(store, late=late, open_only=not all_, recipient=recipient)
        now = store.clock()
    overdue = [one for one in found if one.state in ("deciding", "sent", "staff") and one.due_at <= now]
    if format is Format.json:
        out.file.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
        raise typer.Exit(1 if overdue else 0)
    if not found:
        out.print("✔ Nobody is still to be told anything.", style="bold green")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("id", "recipient", "what", "about", "since (UTC)", "state"):
        table.add_column(heading, overflow="fold")
    for one in found:
        state = Text(_STATES[one.state])
        if one in overdue:
            state = Text(f"late: {state.plain}", style="red")
        table.add_row(one.id, one.recipient, one.kind, _about(one), f"{one.created_at:%Y-%m-%d %H:%M}", state)
    out.print(table)
    raise typer.Exit(1 if overdue else 0)


@follow.command("show")
def show(id: Id) -> None:
    """Show one thing that a recipient is to be told, with the message as the recipient is to get it.

    Example: troth follow show fol_0b8e55…
    """
    from troth.gates.following.followups import message

    with _opened() as following:
        one = following.one(id)
    for label, value in (
        ("recipient", one.recipient),
        ("what", f"{one.kind}: {_about(one)}"),
        ("state", _STATES[one.state]),
        ("why", one.why),
        ("since", f"{one.created_at:%Y-%m-%d %H:%M} UTC"),
        ("due", f"{one.due_at:%Y-%m-%d %H:%M} UTC"),
        ("follows", f"entry {one.source} of the record"),
        ("delivery", one.delivery),
        ("done", None if one.done_at is None else f"{one.done_at:%Y-%m-%d %H:%M} UTC, by {one.done_by}"),
    ):
        if value:
            out.print(f"{label}: {value}", highlight=False)
    if one.state in ("deciding", "sent", "staff"):
        out.print("message:")
        out.print(msgspec.json.format(message(one), indent=2), markup=False)


@follow.command("run")
def run() -> None:
    """Pass on what is new now, and look after what was passed on. The server does it every second by itself."""
    with _opened(write=True) as following:
        total = 0
        while some := following.run():
            total += some
    out.print(f"{total} thing{'s' if total != 1 else ''} looked at.")


@follow.command("done")
def done(
    id: Id,
    by: Annotated[str, typer.Option("--by", help="Who of your staff told the recipient")],
) -> None:
    """Say that staff told it to the recipient by other means, such as a letter. It is an entry in the record.

    Example: troth follow done fol_0b8e55… --by mary
    """
    with _opened(write=True) as following:
        one = following.done(id, by=by)
    out.print(f"'{one.recipient}' knows of the {one.kind}, told by {by}.")


def _about(one: FollowUp) -> str:
    if one.choice is not None:
        return one.choice
    return ", ".join(one.data) if one.data else "everything"


@contextmanager
def _opened(*, write: bool = False) -> Iterator[Following]:
    """What follows people in the configured store; ends with an error that teaches."""
    from troth.accountability.answers import make_conditions
    from troth.cli.legal import terms_of
    from troth.conditions.claims.following import as_claims_stand
    from troth.decision.point import DecisionPoint
    from troth.gates.delivery.queue import Queue
    from troth.gates.errors import GateError
    from troth.gates.following.following import Following
    from troth.gates.share.share import Sharing
    from troth.gates.tally import Tally
    from troth.people import ChoiceIndex

    with opened_vault(write=write) as vault:
        policy = as_claims_stand(vault.store, vault.people.policy)
        queue = Queue(vault.store, vault.people)
        conditions = make_conditions(vault.store, policy, terms_of())
        point, tally = DecisionPoint(policy), Tally()
        index = ChoiceIndex(vault.people, point)
        index.catch_up()
        sharing = Sharing(vault, point, index, conditions, queue=queue, tally=tally)
        try:
            yield Following(vault, conditions.register, queue, sharing)
        except GateError as error:
            fail(error.message)
        finally:
            index.close()
            tally.write(vault.store)
