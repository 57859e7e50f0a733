"""`troth share`: data given to a recipient by staff, and disclosures of many persons gone on with by hand."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from troth.cli.opening import opened_vault, read_who
from troth.cli.terminal import Format, err, fail, out

if TYPE_CHECKING:
    from troth.gates.share.share import Sharing
    from troth.gates.share.wanted import Segment, Shared
    from troth.people import Identifier

share = typer.Typer(no_args_is_help=True, help="Data given to recipients: decided, recorded, and delivered.")

Json = Annotated[Format, typer.Option("--format", help="text for people, json for programs")]
_STYLES = {"done": "green", "running": "yellow", "stopped": "red", "refused": "red"}


@share.command("with")
def with_(
    recipient: Annotated[str, typer.Argument(metavar="RECIPIENT", help="The id of the recipient")],
    whos: Annotated[
        list[str] | None, typer.Argument(metavar="WHO…", help="Persons: ids, email:…, account:… or cookie:…")
    ] = None,
    purpose: Annotated[str, typer.Option("--for", help="The purpose")] = ...,  # type: ignore[assignment]
    data: Annotated[list[str], typer.Option("--data", help="A data term; may be given several times")] = ...,  # type: ignore[assignment]
    everybody: Annotated[bool, typer.Option("--everybody", help="All of whom something of it is held")] = False,
    statement: Annotated[
        str | None, typer.Option("--statement", help="Those of whom something was collected by this statement")
    ] = None,
    collected_on: Annotated[
        str | None, typer.Option("--collected-on", help="Those of whom something was collected on this product")
    ] = None,
    product: Annotated[str | None, typer.Option("--product", help="The covered site or product it is for")] = None,
    channel: Annotated[str, typer.Option("--channel", help="webhook or file")] = "webhook",
    file: Annotated[str, typer.Option("--as", help="Of a file: json, csv, jsonl or parquet")] = "json",
    consideration: Annotated[
        str | None, typer.Option("--consideration", help="What of value is given in return: that makes it a sale")
    ] = None,
    identified: Annotated[bool, typer.Option("--identified", help="Ask for data that says who a person is")] = False,
    key: Annotated[str | None, typer.Option("--key", help="The same key and request are done once")] = None,
    format: Json = Format.text,
) -> None:
    """Give data of persons to a recipient. Ends with 1 if nothing of it may be shared.

    More than 500 persons, or a segment, are a job, which a running server goes on with; or `troth share run`.

    Example: troth share with card-processor account:4711 --for service.payment --data payment.card
    """
    from troth.gates.share.wanted import Segment, Wanted

    segment = everybody or statement is not None or collected_on is not None
    if segment == bool(whos):
        fail("Say about whom: persons, or --everybody, --statement or --collected-on.")
    if channel == "answer":
        fail("The channel 'answer' is for programs that carry the values.", "Use --channel file, or webhook.")
    whom: Segment | Sequence[Identifier | str] = (
        Segment(statement, collected_on) if segment else [read_who(text) for text in whos or ()]
    )
    wanted = Wanted(
        recipient=recipient, purpose=purpose, data=tuple(data), product=product,
        service=f"staff {getpass.getuser()}", channel=channel, format=file,  # type: ignore[arg-type]
        consideration=consideration, identified=identified,
    )  # fmt: skip
    with opened_sharing(write=True) as sharing:
        shared = sharing.share(wanted, whom, key=key)
    _tell(shared, format)


@share.command("show")
def show(
    id: Annotated[str, typer.Argument(metavar="DISCLOSURE", help="The id of the disclosure, `dis_…`")],
    format: Json = Format.text,
) -> None:
    """Show how far a disclosure came. Ends with 1 if it was stopped or refused, or there is none of that id.

    Example: troth share show dis_0123456789abcdef0123456789abcdef
    """
    with opened_sharing() as sharing:
        shared = sharing.look(id)
    if shared is None:
        out.print(f"There is no disclosure '{id}'. `troth disclosure list` has those there are.")
        raise typer.Exit(1)
    _tell(shared, format)


@share.command("run")
def run() -> None:
    """Go on with all disclosures of many persons until they are done. A running server does it by itself.

    Example: troth share run
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with opened_sharing(write=True) as sharing, Progress(*columns, console=err, transient=True) as progress:
        running = sharing.running()
        if not running:
            out.print("No disclosure waits to go on.")
            return
        tasks = {one.id: progress.add_task(one.id, total=one.asked, completed=_turns(one)) for one in running}
        while sharing.resume():
            for id, task in tasks.items():
                one = sharing.look(id)
                if one is not None:
                    progress.update(task, completed=_turns(one))
        found = [one for id in tasks if (one := sharing.look(id)) is not None]
    for one in found:
        _line(one)
    if any(one.state != "done" for one in found):
        raise typer.Exit(1)


@contextmanager
def opened_sharing(*, write: bool = False) -> Iterator[Sharing]:
    """The gate on the configured store, by its policy with its claims as they stand; ends with an error that teaches.

    What was shared with `write` is signed for before it ends.
    """
    from troth.accountability.answers import make_conditions
    from troth.cli.legal import terms_of
    from troth.conditions.claims.following import as_claims_stand
    from troth.decision.point import DecisionPoint
    from troth.gates.delivery.queue import Queue
    from troth.gates.errors import GateError
    from troth.gates.share.share import Sharing
    from troth.gates.tally import Tally
    from troth.people import ChoiceIndex

    with opened_vault(write=write) as vault:
        policy = as_claims_stand(vault.store, vault.people.policy)
        point = DecisionPoint(policy)
        index = ChoiceIndex(vault.people, point)
        index.follow()
        conditions = make_conditions(vault.store, policy, terms_of())
        tally = Tally()
        try:
            yield Sharing(vault, point, index, conditions, queue=Queue(vault.store, vault.people), tally=tally)
        except GateError as refusal:
            err.print(Text.assemble(("✘ ", "bold red"), f"{refusal.message} [{refusal.code}]"))
            if refusal.sentence:
                err.print(Text(f"“{refusal.sentence}”", style="italic"))
            raise typer.Exit(1) from None
        finally:
            index.close()
            tally.write(vault.store)


def _tell(shared: Shared, format: Format) -> None:
    if format is Format.json:
        import msgspec

        out.file.write(msgspec.json.encode(shared).decode() + "\n")
    else:
        _line(shared)
        for statement, number in shared.statements.items():
            out.print(f"  {number} by `{statement}`")
        for one in shared.refusals:
            said = f": {one.sentence}" if one.sentence else ""
            out.print(Text(f"  not {one.data} of {one.persons}, {one.reason}{said}"))
    if shared.state in ("stopped", "refused"):
        raise typer.Exit(1)


def _line(one: Shared) -> None:
    of = "" if one.asked is None else f" of {one.asked}"
    counted = f"{one.released} values of {one.persons}{of} persons, to {one.recipient} for {one.purpose}"
    out.print(Text.assemble(f"{one.id}  ", (one.state, _STYLES[one.state]), f"  {counted}"))
    if one.why:
        out.print(Text(f"  {one.why}"))


def _turns(one: Shared) -> int:
    """How many persons had their turn."""
    return one.persons + one.refused
