"""`troth recipient`: who may receive data, looked at and checked. What is registered about them is in `registering`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from troth.cli.record import opened_store
from troth.cli.terminal import Format, fail, moment, out, read_policy

if TYPE_CHECKING:
    from troth.conditions import Conditions
    from troth.conditions.standing import ContractStanding, RecipientStanding, TransferStanding
    from troth.policy.history import Policy
    from troth.policy.model import Version
    from troth.store import Store

recipient = typer.Typer(no_args_is_help=True, help="Who may receive data: recipients, contracts, bases of transfers.")

Id = Annotated[str, typer.Argument(metavar="RECIPIENT", help="The id of the recipient")]
At = Annotated[str | None, typer.Option("--at", help="As of another time (default: now)")]

_STYLES = {
    "in force": "green",
    "expiring": "yellow",
    "signed": "",
    "proposed": "",
    "lapsed": "red",
    "terminated": "red",
}


@recipient.command("list")
def list_(
    at: At = None,
    version: Annotated[
        str | None, typer.Option("--version", help="By a version of the policy (default: the one in force)")
    ] = None,
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """List the recipients that a version of the policy declares and all others, with what each may receive now.

    Example: troth recipient list --format json
    """
    from troth.conditions.listing import as_json, recipient_list

    with opened_conditions() as conditions:
        when = _when(conditions, at)
        chosen = _version(conditions.policy, version, when)
        listed = recipient_list(chosen, conditions.register.standing(when), when)
    if format is Format.json:
        out.file.write(as_json(listed).decode() + "\n")
        return
    table = _table("recipient", "kind", "state", "may receive now")
    for one in listed.recipients:
        state = _state(one.state) if one.state else Text("not registered")
        if one.until is not None:
            state.append(f" until {day(one.until)}")
        held = f"{', '.join(one.data)} for {', '.join(one.purposes)}" if one.data else "nothing"
        table.add_row(one.id, one.kind, state, held)
    out.print(f"Recipients by version {listed.version}, as of {when:%Y-%m-%d %H:%M} UTC")
    out.print(table)


@recipient.command("show")
def show(
    id: Id,
    at: At = None,
    history: Annotated[bool, typer.Option("--history", help="Show every fact too, in the order of the record")] = False,
) -> None:
    """Show what is registered about a recipient. Ends with 1 if nothing is.

    Example: troth recipient show card-processor --history
    """
    with opened_conditions() as conditions:
        when = _when(conditions, at)
        one = conditions.register.standing(when).get(id)
        facts = [fact for fact in conditions.register.facts() if fact.recipient == id]
    if one is None:
        out.print(f"Nothing is registered about '{id}'. `troth recipient propose` does it.")
        raise typer.Exit(1)
    _show_profile(one, when)
    if one.contracts:
        table = _table("contract", "state", "begins", "ends", "accepts", "may receive")
        for contract in one.contracts.values():
            terms = contract.terms
            held = f"{', '.join(terms.data)} for {', '.join(terms.purposes)}"
            state = _state(contract.state(when)).append(_due(contract, when))
            table.add_row(terms.id, state, day(terms.begins), day(contract.end), terms.accepts, held)
        out.print(table)
    if one.transfers:
        table = _table("transfer", "to", "rests on", "from", "until", "state")
        for basis in one.transfers.values():
            terms_of = basis.terms
            rests = f"{terms_of.by} ({terms_of.claim})" if terms_of.claim else terms_of.by
            table.add_row(
                terms_of.id, terms_of.country, rests, day(terms_of.begins), day(basis.end), _basis_state(basis, when)
            )
        out.print(table)
    if one.pages:
        table = _table("page that names it", "on", "since", "until")
        for page in one.pages:
            table.add_row(page.url, page.product, day(page.begins), day(page.ends))
        out.print(table)
    if history:
        from troth.conditions.facts import written

        out.print(Text("\nEvery fact, in the order of the record", style="bold"))
        table = _table("fact", "when (UTC)", "by", "entry", "says")
        for fact in facts:
            table.add_row(fact.what, f"{fact.at:%Y-%m-%d %H:%M}", fact.by, str(fact.leaf), written(fact.said))
        out.print(table)


@recipient.command("given")
def given(
    id: Id,
    data: Annotated[str, typer.Argument(metavar="DATA", help="A data term")],
    purpose: Annotated[str, typer.Option("--for", help="The purpose")],
    at: At = None,
) -> None:
    """Say which conditions hold for sharing data with a recipient, and what is missing. Ends with 1 if anything is.

    Example: troth recipient given card-processor payment.card --for service.payment
    """
    with opened_conditions() as conditions:
        when = _when(conditions, at)
        version = _version(conditions.policy, None, when).id
        holds = conditions.given(recipient=id, data=data, purpose=purpose, version=version, at=when)
        lacks = conditions.explain(recipient=id, data=data, purpose=purpose, version=version, at=when)
    out.print(f"By version {version} holds: {', '.join(sorted(holds)) or 'nothing'}.")
    for lack in lacks:
        out.print(Text.assemble(("✘ ", "red"), f"{lack.condition}: " if lack.condition else "", lack.sentence))
    raise typer.Exit(1 if lacks else 0)


@recipient.command("check")
def check(at: At = None) -> None:
    """Check the register against the policy in force. Ends with 1 when a gate is closed, or will be within 90 days.

    That is when something that the policy gives under contract has no contract in force, when a contract ends without
    another that goes on, when the basis of a transfer does not stand, or when a return is overdue. It also warns of
    what was passed on to a recipient and is not acknowledged in time.
    """
    from troth.conditions.findings import findings
    from troth.gates.following.following import list_follow_ups

    with opened_conditions() as conditions:
        when = _when(conditions, at)
        altered = conditions.register.contradictions()
        # What was altered says nothing about how anybody stands.
        late = list_follow_ups(conditions.register.store, late=True)
        found = () if altered else findings(conditions.policy, conditions.register.standing(when), when)
    signs = {"error": ("✘", "bold red"), "warning": ("!", "yellow"), "note": ("·", "")}
    for sentence in altered:
        out.print(Text.assemble(signs["error"], f" {sentence}"))
    for one in found:
        out.print(Text.assemble(signs[one.severity], f" {one.recipient}: {one.message} [{one.code}]"))
    for follow_up in late:
        since = f"{follow_up.created_at:%Y-%m-%d}"
        told = f"It has not acknowledged the {follow_up.kind} that was passed on to it on {since}"
        out.print(Text.assemble(signs["warning"], f" {follow_up.recipient}: {told} ({follow_up.id}). [late]"))
    if altered or late or any(one.severity != "note" for one in found):
        raise typer.Exit(1)
    out.print("✔ Every contract and every basis that the policy speaks of is there.", style="bold green")


# --- shared with the commands that register ---------------------------------------------------------------------------


@contextmanager
def opened_conditions() -> Iterator[Conditions]:
    """The conditions in the configured store, by its policy; ends with an error that teaches."""
    from troth.accountability.answers import make_conditions
    from troth.conditions import RecipientError

    with opened_store() as store:
        try:
            yield make_conditions(store, policy_of(store))
        except RecipientError as error:
            fail(str(error))


def policy_of(store: Store) -> Policy:
    """The policy that was published into a store, or else the configured one."""
    from troth.record.published import published_policy

    return published_policy(store) or read_policy(None)


def day(moment: datetime | None) -> str:
    """A moment as people read it, in UTC: the date alone for 00:00; nothing for none."""
    if moment is None:
        return ""
    return f"{moment:%Y-%m-%d}" if moment.time() == time() else f"{moment:%Y-%m-%d %H:%M}"


def _when(conditions: Conditions, at: str | None) -> datetime:
    return conditions.register.store.clock() if at is None else moment(at, "--at")


def _version(policy: Policy, id: str | None, at: datetime) -> Version:
    if id is None:
        found = policy.in_force(at)
        return found if found is not None else policy.versions[0]
    try:
        return policy.version(id)
    except KeyError:
        fail(f"The policy has no version '{id}'.", f"Its versions: {', '.join(one.id for one in policy.versions)}.")


def _show_profile(one: RecipientStanding, when: datetime) -> None:
    profile = one.profile
    out.print(Text.assemble((f"{profile.name} ({one.id})", "bold"), f", {profile.kind}, ", _state(one.state(when))))
    for label, value in (
        ("contact", profile.contact),
        ("site", profile.site),
        ("countries", ", ".join(profile.countries)),
        ("sub-processors", ", ".join(one.subprocessors(when))),
    ):
        if value:
            out.print(f"  {label}: {value}")


def _due(contract: ContractStanding, when: datetime) -> str:
    """What is to be done about a contract, to be said after its state."""
    owed, days = contract.owes(when), contract.warning(when)
    if owed is not None:
        return f", to {owed.owed} by {day(owed.due)}{', overdue' if owed.due <= when else ''}"
    if contract.returned is not None:
        return f", {contract.returned.how} {day(contract.returned.on)}"
    return f" within {days} days" if contract.state(when) == "expiring" else ""


def _basis_state(basis: TransferStanding, when: datetime) -> Text:
    if basis.stands(when):
        return Text("stands", style="green")
    if when < basis.terms.begins:
        return Text("not begun")
    return Text("revoked" if basis.revoked is not None and basis.revoked.on <= when else "ended", style="red")


def _state(state: str) -> Text:
    return Text(state, style=_STYLES.get(state, ""))


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
