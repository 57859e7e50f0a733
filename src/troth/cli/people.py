"""`troth people`: a person's choices looked at and set by staff, and persons erased."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer
from rich.table import Table
from rich.text import Text

from troth.cli.opening import opened_people, opened_vault, read_who, vault_in
from troth.cli.record import opened_store
from troth.cli.terminal import configured, err, fail, out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from troth.decision.point import DecisionPoint
    from troth.people import Change, Identifier
    from troth.people.strictness import State
    from troth.policy.history import Policy

people = typer.Typer(no_args_is_help=True, help="People and their choices: look, set, link, take out and in, erase.")

WHO_HELP = "A person's id, email:name@domain (or the address alone), account:… or cookie:…"
Who = Annotated[str, typer.Argument(metavar="WHO", help=WHO_HELP)]
Staff = Annotated[str, typer.Option("--staff", help="Who of your staff does this; it is kept with each change")]
Product = Annotated[str | None, typer.Option("--product", help="The covered site or product it was made on")]

_STYLES = {"in": "green", "out": "red"}


@people.command("show")
def show(
    who: Who,
    history: Annotated[
        bool, typer.Option("--history", help="Show every change too, in the order of the record")
    ] = False,
) -> None:
    """Show what counts for a person and where it comes from. Ends with 1 if there is no such person.

    Example: troth people show ann@example.org --history
    """
    from troth.gates.share.register import Register
    from troth.people.overview import act, origin, overview

    wanted = read_who(who)
    with opened_people() as found:
        seen = overview(found, wanted)
        received = dict.fromkeys(one.recipient for one in Register(found).of_person(wanted) if not one.withheld_at)
        changes = found.history(wanted) if history else []
    if seen is None:
        out.print("Nobody here is known by that. Who is nobody here has made no choice.")
        raise typer.Exit(1)
    linked = ", ".join(f"{count} {kind}" for kind, count in seen.identifiers.items()) or "none"
    out.print(Text.assemble(("Person ", "bold"), (seen.person, "bold")))
    out.print(f"  identifiers: {linked}; stored blind, so they cannot be shown")
    if received:
        out.print(f"  disclosed to: {', '.join(received)}; `troth disclosure list --person` has what and when")
    table = _table("choice", "counts", "said", "when (UTC)", "entry")
    for counted in seen.choices:
        note = "" if counted.model else f" (not in version {seen.version})"
        when, entry = (_when(counted.made.made_at), str(counted.made.leaf)) if counted.made else ("", "")
        table.add_row(counted.choice, _state(counted.state), origin(counted) + note, when, entry)
    out.print(table)
    if history:
        out.print(Text("\nEvery change, in the order of the record", style="bold"))
        table = _table("choice", "state", "said", "when (UTC)", "entry")
        for change in changes:
            state, when = _state(change.state), _when(change.made_at)
            table.add_row(change.choice, state, act(change), when, str(change.leaf))
        out.print(table)


@people.command("choose")
def choose(
    who: Who,
    choices: Annotated[list[str], typer.Argument(metavar="CHOICE=STATE", help="Such as marketing=out")],
    staff: Staff,
    product: Product = None,
) -> None:
    """Set choices for a person who asked for it: in, out, or unset to take one back.

    Example: troth people choose ann@example.org marketing=out --staff mary
    """
    wanted = read_who(who)
    states: dict[str, State] = {}
    for text in choices:
        choice, _, state = text.partition("=")
        if not choice or not state:
            fail(f"'{text}' is not CHOICE=STATE.", "Write the choice and in, out or unset: marketing=out")
        if choice in states:
            fail(f"The choice '{choice}' is given twice.", "Name each choice once.")
        states[choice] = cast("State", state)
    with opened_people(write=True) as found:
        changes = found.choose(wanted, states, how="staff", staff=staff, product=product)
    _tell(changes)


@people.command("refuse")
def refuse(who: Who, staff: Staff, product: Product = None) -> None:
    """Refuse everything optional for a person: each choice of the policy is out, and whatever else they are in.

    Example: troth people refuse ann@example.org --staff mary
    """
    wanted = read_who(who)
    with opened_people(write=True) as found:
        changes = found.refuse_everything(wanted, how="staff", staff=staff, product=product)
    if not changes:
        out.print("The policy has no choices, so there was nothing to refuse.")
    _tell(changes)


@people.command("link")
def link(
    who: Who,
    identifier: Annotated[str, typer.Argument(metavar="IDENTIFIER", help="email:name@domain, account:… or cookie:…")],
) -> None:
    """Link an identifier to a person who confirmed it. If it is another person's, the two become one.

    For each choice the stricter state of the two holds. Example: troth people link ann@example.org account:4711
    """
    wanted, added = read_who(who), _identifier(identifier)
    with opened_people(write=True) as found:
        linked = found.link(wanted, added)
    if linked.before == linked.person:
        out.print(f"That is an identifier of person {linked.person} already; nothing was changed.")
    elif linked.before:
        out.print(f"Person {linked.before} is one with person {linked.person} now, and the stricter choices hold.")
    else:
        out.print(f"The identifier is linked to person {linked.person}.")
    _tell(linked.changes)


@people.command("links")
def links(
    who: Who,
    product: Product = None,
    days: Annotated[int, typer.Option("--days", min=1, help="How long the link to the choices works")] = 30,
) -> None:
    """Print the links of a person: to all choices, and to stop each one. Whoever has a link can use it.

    Somebody who is nobody here yet becomes a person. Example: troth people links ann@example.org
    """
    from datetime import timedelta

    from troth.people.passes import Passes

    wanted = read_who(who)
    configuration = configured()
    site = (configuration.site or f"http://{configuration.host}:{configuration.port}").rstrip("/")
    with opened_people(write=True) as found:
        version = found.policy.in_force(found.store.clock())
        if version is None:
            fail("No version of the policy is in force yet, so there is nothing to choose.")
        if product is not None and version.covered(product) is None:
            fail(
                f"--product: the policy covers no '{product}'.",
                f"It covers: {', '.join(c.id for c in version.covers)}.",
            )
        person = wanted if isinstance(wanted, str) else found.know(wanted)
        passes = Passes(found.key)
        until = found.store.clock() + timedelta(days=days)
        out.print(Text.assemble(("all choices", "bold"), f", until {until:%Y-%m-%d}"))
        _print_link(f"{site}/choices/{passes.choices(person, until)}")
        for choice in version.choices:
            out.print(Text.assemble(("unsubscribe: ", "bold"), choice.id))
            _print_link(f"{site}/unsubscribe/{passes.unsubscribe(person, choice.id, product)}")


def _print_link(address: str) -> None:
    typer.echo(f"  {address}")  # a link is never broken into lines


@people.command("unlink")
def unlink(
    identifier: Annotated[str, typer.Argument(metavar="IDENTIFIER", help="email:name@domain, account:… or cookie:…")],
) -> None:
    """Take an identifier from its person. It is a person of its own then, with every refusal and no agreement.

    Example: troth people unlink account:4711
    """
    taken = _identifier(identifier)
    with opened_people(write=True) as found:
        linked = found.unlink(taken)
    out.print(f"The identifier was of person {linked.before}, and is of person {linked.person} now.")
    _tell(linked.changes)


@people.command("erase")
def erase(
    whos: Annotated[list[str], typer.Argument(metavar="WHO…", help=WHO_HELP)],
    staff: Staff,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is in the proof, and nowhere else")] = "request",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to go on")] = False,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Rewrite the files of a large database, too; others wait meanwhile")
    ] = False,
) -> None:
    """Erase persons: destroy their keys, and delete what is kept of them. It cannot be undone.

    Prints what proves the erasure; that is kept nowhere else. Ends with 1, and erases nobody, if somebody among them is
    nobody here. Example: troth people erase ann@example.org --staff mary
    """
    from troth.cli.erased import forget_mail, print_erasure
    from troth.people.errors import UnknownPersonError

    wanted = [read_who(text) for text in whos]
    with opened_vault(write=True) as vault:
        try:
            found = vault.people.find_all(wanted)
            if len(found) < len(set(wanted)):
                out.print("Somebody among them is nobody here. Nobody was erased.")
                raise typer.Exit(1)
            persons = sorted(set(found.values()))
            if not yes:
                out.print(f"{len(persons)} person{'s' if len(persons) != 1 else ''}: {', '.join(persons)}")
                typer.confirm("Erase everything that is kept of them, for good?", abort=True)
            mails = forget_mail(vault.people, persons)
            erasure = vault.erase(persons, staff=staff, reason=reason, rewrite=rewrite or None)
        except UnknownPersonError as error:
            fail(str(error))
        except OSError as error:
            fail(f"Nobody was erased: {error}.")
    print_erasure(erasure, mails)


def with_claims(policy: Policy, at: datetime) -> Policy:
    """A policy with its claims as they stand in the configured store, for a decision about somebody in it."""
    from troth.conditions.claims.following import as_claims_stand

    with opened_store() as store:
        return as_claims_stand(store, policy, at)


def stored_choices(who: str, point: DecisionPoint) -> dict[str, Literal["in", "out"]]:
    """What a person said, of what the decision point knows; says so when it is nobody's identifier."""
    from troth.people.reading import read_stated

    wanted = read_who(who, "--person")
    with opened_store() as store:
        found = vault_in(store, point.policy).people
        if found.find(wanted) is None:
            if isinstance(wanted, str):
                fail("--person: There is no person with that id.", "`troth people show` finds one by an identifier.")
            err.print("Nobody here has that identifier: decided as for somebody who made no choice.", style="dim")
        return read_stated(store, found.key, wanted, point.choices({}).names)


def _identifier(text: str) -> Identifier:
    found = read_who(text, "IDENTIFIER")
    if isinstance(found, str):
        fail("IDENTIFIER: This is the id of a person, not an identifier.", "Write email:…, account:… or cookie:….")
    return found


def _table(*columns: str) -> Table:
    """A table of which only the words wrap where the terminal is narrow."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=column != "said", justify="right" if column == "entry" else "left")
    return table


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _state(state: str) -> Text:
    return Text(state, style=_STYLES.get(state, ""))


def _tell(changes: Iterable[Change]) -> None:
    """Print changes, each with its entry in the record."""
    for change in changes:
        out.print(Text.assemble(f"  {change.choice} is ", _state(change.state), f", entry {change.leaf} of the record"))
