"""`troth legal`: requests of authorities, looked at and told of. What staff sign is in `legal_acts`.

What is released is in `legal_releasing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from troth.cli.opening import opened_vault
from troth.cli.recipient import day
from troth.cli.record import opened_store
from troth.cli.terminal import Format, configured, fail, out

if TYPE_CHECKING:
    from troth.accountability.legal.desk import LegalDesk
    from troth.accountability.legal.standing import RequestStanding
    from troth.accountability.terms import Terms
    from troth.gates.share.share import Sharing
    from troth.vault import Vault

legal = typer.Typer(no_args_is_help=True, help="Requests of authorities: taken in, reviewed, and released or refused.")

Id = Annotated[str, typer.Argument(metavar="REQUEST", help="The id of the request, such as leg_0123456789abcdef")]

_STYLES = {"received": "", "under review": "", "challenged": "yellow", "approved": "yellow", "released": "green",
           "refused": "red", "closed": "dim"}  # fmt: skip


@legal.command("list")
def list_(format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text) -> None:
    """List every request, with its state and what is due. Ends with 1 when a deadline or a review is overdue."""
    from troth.accountability.legal.requests import LegalRequests

    with opened_store() as store:
        requests = list(LegalRequests(store).standing().values())
        now = store.clock()
    terms = terms_of()
    overdue = [one for one in requests if _overdue(one, terms, now)]
    if format is Format.json:
        out.file.write(msgspec.json.format(msgspec.json.encode(requests), indent=2).decode() + "\n")
        raise typer.Exit(1 if overdue else 0)
    if not requests:
        out.print("There is no legal request. `troth legal receive` takes one in.")
        return
    table = _table("request", "authority", "process", "persons", "state", "due")
    for one in requests:
        state = Text(one.state, style=_STYLES[one.state])
        if one.gagged(now):
            state.append(", gagged")
        said = one.received
        table.add_row(one.id, said.authority, said.process, str(one.scope.persons), state, _due(one, terms, now))
    out.print(table)
    raise typer.Exit(1 if overdue else 0)


@legal.command("show")
def show(id: Id) -> None:
    """Show a request: what it asks for, how it stands, what comes next, and every fact with who signed it."""
    from troth.accountability.errors import CaseError
    from troth.accountability.legal.requests import LegalRequests, ready
    from troth.accountability.legal.telling import due
    from troth.accountability.staff import StaffRegister

    with opened_store() as store:
        requests, now = LegalRequests(store), store.clock()
        try:
            one = requests.find(id)
        except CaseError as error:
            fail(str(error))
        facts = [fact for fact in requests.facts() if fact.subject == id]
        names = {member.id: member.name for member in StaffRegister(store).everybody()}
        waiting = len(due(requests, one, now))
        terms, said = terms_of(), one.received
        may = ready(requests, one, terms, now)
    out.print(Text.assemble((id, "bold"), ", ", (one.state, _STYLES[one.state] or "bold")))
    gag = one.gag
    for label, value in (
        ("authority", f"{said.authority}, {said.process}"),
        ("rests on", said.basis),
        ("reference", said.reference),
        ("paper", f"SHA-256 {said.document}"),
        ("asks for", f"{', '.join(one.scope.data)} for {said.purpose}"),
        ("persons", f"{one.scope.persons}{f', {one.scope.everybody}' if one.scope.everybody else ''}"),
        ("products", ", ".join(one.scope.products)),
        ("collected", _between(one.scope.since, one.scope.until)),
        ("deadline", day(said.deadline)),
        ("ends", day(said.ends)),
        ("gag", f"{'until ' + day(gag.until) if gag.until else 'until it is lifted'}, by {gag.basis}" if gag else None),
        ("to be told", str(waiting) if waiting else None),
        ("release", one.releasable(terms, now) or f"of {may} persons now"),
    ):
        if value:
            out.print(f"  {label}: {value}")
    table = _table("fact", "when (UTC)", "by", "entry", "says")
    for fact in facts:
        says = msgspec.json.encode(fact.said).decode()
        table.add_row(
            fact.what, f"{fact.at:%Y-%m-%d %H:%M}", names.get(fact.staff or "", "Troth"), str(fact.leaf), says
        )
    out.print(table)


@legal.command("tell")
def tell() -> None:
    """Tell the people who are to be told now; a running server does that every second."""
    with opened_desk(write=True) as (_, vault):
        told = telling_of(vault)
    out.print(f"{told} {'person was' if told == 1 else 'persons were'} told.")


# --- shared with the commands that sign -------------------------------------------------------------------------------


def terms_of() -> Terms:
    """The terms for legal requests as they are configured."""
    from datetime import timedelta

    from troth.accountability.terms import Terms

    settings = configured()
    return Terms(
        ceiling=settings.legal_ceiling,
        ahead=timedelta(days=settings.legal_ahead),
        review=timedelta(days=settings.legal_review),
        bands=settings.legal_bands,
    )


@contextmanager
def opened_desk(*, write: bool = False) -> Iterator[tuple[LegalDesk, Vault]]:
    """The desk of legal requests on the configured store; ends with an error that teaches."""
    from troth.accountability.errors import AccountabilityError
    from troth.accountability.legal.desk import LegalDesk
    from troth.gates.errors import GateError

    with opened_vault(write=write) as vault:
        try:
            yield LegalDesk(vault, vault.people.policy, terms_of()), vault
        except (AccountabilityError, GateError) as error:
            fail(str(error))


@contextmanager
def opened_sharing(vault: Vault) -> Iterator[Sharing]:
    """The gate `share` over a vault, by its policy with its claims as they stand, for a command."""
    from troth.accountability.answers import make_conditions
    from troth.conditions.claims.following import as_claims_stand
    from troth.decision.point import DecisionPoint
    from troth.gates.share.share import Sharing
    from troth.gates.tally import Tally
    from troth.people import ChoiceIndex

    policy = as_claims_stand(vault.store, vault.people.policy)
    point, tally = DecisionPoint(policy), Tally()
    index = ChoiceIndex(vault.people, point)
    index.catch_up()
    try:
        yield Sharing(vault, point, index, make_conditions(vault.store, policy, terms_of()), tally=tally)
    finally:
        index.close()
        tally.write(vault.store)


def telling_of(vault: Vault) -> int:
    """Tell whoever is to be told now, over the configured way of mail; how many were."""
    from troth.accountability.telling import Teller
    from troth.conditions.claims.following import as_claims_stand
    from troth.decision.point import DecisionPoint
    from troth.gates.tally import Tally
    from troth.people import ChoiceIndex
    from troth.web.choices.mail import make_post

    settings, policy = configured(), as_claims_stand(vault.store, vault.people.policy)
    point, tally = DecisionPoint(policy), Tally()
    index = ChoiceIndex(vault.people, point)
    index.catch_up()
    try:
        page = f"{(settings.site or f'http://{settings.host}:{settings.port}').rstrip('/')}/choices"
        return Teller(vault, point, index, terms_of(), make_post(settings.mail), page, tally).run()
    finally:
        index.close()
        tally.write(vault.store)


def _overdue(one: RequestStanding, terms: Terms, now: datetime) -> bool:
    due = one.review_due(terms)
    return one.late(now) or (due is not None and due <= now)


def _due(one: RequestStanding, terms: Terms, now: datetime) -> str:
    """What is due of a request, in words."""
    told = []
    review = one.review_due(terms)
    if review is not None:
        told.append(f"review by {day(review)}{', overdue' if review <= now else ''}")
    answered = one.state in ("released", "refused", "closed")
    if one.received.deadline is not None and not answered:
        told.append(f"answer by {day(one.received.deadline)}{', overdue' if one.late(now) else ''}")
    return "; ".join(told)


def _between(since: datetime | None, until: datetime | None) -> str:
    return " ".join(filter(None, (f"from {day(since)}" if since else "", f"until {day(until)}" if until else "")))


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
