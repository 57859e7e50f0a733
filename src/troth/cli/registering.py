"""The commands of `troth recipient` that register something. Each fact is an entry in the record and never changes."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from troth.cli.recipient import Id, day, policy_of, recipient
from troth.cli.record import opened_log
from troth.cli.terminal import date_of, fail, moment, out, sha256_of_paper

if TYPE_CHECKING:
    from troth.conditions import RecipientStanding
    from troth.conditions.facts import Fact, Said
    from troth.policy.history import Policy

__all__ = ["recipient"]

Contract = Annotated[str, typer.Argument(metavar="CONTRACT", help="The id of the contract, such as c1")]
On = Annotated[str | None, typer.Option("--on", help="The day from which it counts (default: now)")]
Paper = Annotated[
    str | None, typer.Option("--document", help="The paper: a file, of which the SHA-256 is kept, or that hash itself")
]
Why = Annotated[str | None, typer.Option("--why", help="A reason; it is not put into the record")]
Until = Annotated[str | None, typer.Option("--until", help="The first day on which it no longer holds")]
Staff = Annotated[str | None, typer.Option("--staff", help="Who of your staff does this (default: your login name)")]


@recipient.command("propose")
def propose(
    id: Id,
    name: Annotated[str | None, typer.Option("--name", help="Who it is (default: as in the policy)")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Its kind, where the policy does not declare it")] = None,
    contact: Annotated[str | None, typer.Option("--contact", help="Whom to write to; not put into the record")] = None,
    site: Annotated[str | None, typer.Option("--site", help="Its web site")] = None,
    country: Annotated[
        list[str] | None, typer.Option("--country", help="Where it is (ISO 3166-1 alpha-2); may be repeated")
    ] = None,
    staff: Staff = None,
) -> None:
    """Register a recipient, or change who it is. It may receive nothing until there is a contract.

    What is left out stays as it was registered, or is as the policy declares it. Example:
    troth recipient propose card-processor --contact privacy@cards.example
    """
    from troth.conditions import RecipientError
    from troth.conditions.facts import Profile

    def make(one: RecipientStanding | None, policy: Policy) -> Said:
        declared = next((found for v in reversed(policy.versions) if (found := v.recipient(id)) is not None), None)
        known = one.profile if one is not None else None
        of_policy = (declared.country,) if declared is not None and declared.country is not None else ()
        called = kind or (known.kind if known else None) or (declared.kind if declared else None)
        if called is None:
            names = dict.fromkeys(entry.id for version in policy.versions for entry in version.recipients)
            raise RecipientError(
                f"The policy does not declare '{id}'; say of which kind it is, such as --kind joint.{_near(id, names)}"
            )
        return Profile(
            name=name or (known.name if known else None) or (declared.name if declared else id),
            kind=called,
            contact=contact if contact is not None else (known.contact if known else None),
            site=site if site is not None else (known.site if known else (declared.site if declared else None)),
            countries=tuple(dict.fromkeys(country)) if country else (known.countries if known else of_policy),
        )

    register(id, make, staff)


@recipient.command("contract")
def contract(
    id: Id,
    data: Annotated[list[str], typer.Option("--data", help="A data term that it may receive; may be repeated")],
    purpose: Annotated[list[str], typer.Option("--for", help="A purpose it may receive it for; may be repeated")],
    begins: Annotated[str | None, typer.Option("--from", help="The first day of the contract (default: now)")] = None,
    until: Until = None,
    accepts: Annotated[
        str | None, typer.Option("--accepts", help="The version of the policy it accepts (default: the one in force)")
    ] = None,
    safeguard: Annotated[list[str] | None, typer.Option("--safeguard", help="A safeguard; may be repeated")] = None,
    signed: Annotated[str | None, typer.Option("--signed", help="When it was signed; else it is proposed")] = None,
    document: Paper = None,
    name: Annotated[str | None, typer.Option("--id", help="An id for it (default: c1, c2, …)")] = None,
    staff: Staff = None,
) -> None:
    """Register a contract: what a recipient may receive, for which purposes, and how long. Never more than the policy.

    Example: troth recipient contract card-processor --data payment.card --for service.payment --signed 2017-01-20
    """
    from troth.conditions.facts import Contract as Terms

    starts, paper = moment_of(begins, "--from"), _paper(document)
    ends, signing = date_of(until, "--until"), date_of(signed, "--signed")

    def make(one: RecipientStanding | None, policy: Policy) -> Said:
        in_force = policy.in_force(starts) or policy.versions[0]
        return Terms(
            id=name or _next("c", one.contracts if one is not None else ()),
            begins=starts,
            ends=ends,
            accepts=accepts or in_force.id,
            data=tuple(dict.fromkeys(data)),
            purposes=tuple(dict.fromkeys(purpose)),
            safeguards=tuple(dict.fromkeys(safeguard or ())),
            document=paper,
            signed=signing,
        )

    register(id, make, staff)


@recipient.command("sign")
def sign(id: Id, contract: Contract, on: On = None, document: Paper = None, staff: Staff = None) -> None:
    """Say that a proposed contract was signed."""
    from troth.conditions.facts import Signed

    said = Signed(contract=contract, on=moment_of(on, "--on"), document=_paper(document))
    register(id, lambda one, policy: said, staff)


@recipient.command("terminate")
def terminate(
    id: Id,
    contract: Contract,
    on: On = None,
    return_by: Annotated[str | None, typer.Option("--return-by", help="By when the data is to be returned")] = None,
    delete_by: Annotated[str | None, typer.Option("--delete-by", help="By when the data is to be deleted")] = None,
    why: Why = None,
    staff: Staff = None,
) -> None:
    """End a contract. What was received has to be returned or deleted by a day; `confirm` says that it was.

    Example: troth recipient terminate card-processor c1 --on 2018-01-01 --delete-by 2018-01-31
    """
    from troth.conditions.facts import Terminated

    if (return_by is None) == (delete_by is None):
        fail("Say what becomes of the data.", "Give either --return-by or --delete-by, with a day.")
    owed: Literal["return", "delete"] = "return" if return_by is not None else "delete"
    due = moment(return_by if return_by is not None else delete_by, f"--{owed}-by")
    said = Terminated(contract=contract, on=moment_of(on, "--on"), owed=owed, due=due, why=why)
    register(id, lambda one, policy: said, staff)


@recipient.command("confirm")
def confirm(
    id: Id,
    contract: Contract,
    deleted: Annotated[bool, typer.Option("--deleted/--returned", help="What the recipient confirmed")],
    on: On = None,
    document: Paper = None,
    staff: Staff = None,
) -> None:
    """Say that the recipient returned or deleted what it received under a contract that was terminated."""
    from troth.conditions.facts import Returned

    how: Literal["returned", "deleted"] = "deleted" if deleted else "returned"
    said = Returned(contract=contract, on=moment_of(on, "--on"), how=how, document=_paper(document))
    register(id, lambda one, policy: said, staff)


@recipient.command("transfer")
def transfer(
    id: Id,
    country: Annotated[str, typer.Argument(metavar="COUNTRY", help="To where (ISO 3166-1 alpha-2)")],
    basis: Annotated[str, typer.Argument(metavar="BASIS", help="What it rests on, such as standard-clauses")],
    begins: Annotated[str | None, typer.Option("--from", help="From when on (default: now)")] = None,
    until: Until = None,
    claim: Annotated[str | None, typer.Option("--claim", help="For a framework: the claim of the policy")] = None,
    document: Paper = None,
    name: Annotated[str | None, typer.Option("--id", help="An id for it (default: t1, t2, …)")] = None,
    staff: Staff = None,
) -> None:
    """Register what transfers to a country rest on: adequacy, standard-clauses, binding-rules, framework and so on.

    Example: troth recipient transfer card-processor US standard-clauses --from 2017-01-20
    """
    from troth.conditions.facts import Transfer
    from troth.policy.model import TransferBasis

    allowed = {one: one for one in get_args(TransferBasis)}
    if basis not in allowed:
        fail(f"'{basis}' is not what a transfer can rest on.{_near(basis, allowed)}", f"Allowed: {', '.join(allowed)}.")
    starts, ends, paper = moment_of(begins, "--from"), date_of(until, "--until"), _paper(document)

    def make(one: RecipientStanding | None, policy: Policy) -> Said:
        new = name or _next("t", one.transfers if one is not None else ())
        return Transfer(
            id=new, country=country, by=allowed[basis], begins=starts, ends=ends, claim=claim, document=paper
        )

    register(id, make, staff)


@recipient.command("revoke")
def revoke(
    id: Id,
    transfer: Annotated[str, typer.Argument(metavar="TRANSFER", help="The id of the basis, such as t1")],
    on: On = None,
    why: Why = None,
    staff: Staff = None,
) -> None:
    """Say that the basis of a transfer stands no longer."""
    from troth.conditions.facts import Revoked

    said = Revoked(transfer=transfer, on=moment_of(on, "--on"), why=why)
    register(id, lambda one, policy: said, staff)


@recipient.command("subprocessor")
def subprocessor(
    id: Id,
    other: Annotated[str, typer.Argument(metavar="SUB-PROCESSOR", help="Its id: it is a recipient itself")],
    end: Annotated[bool, typer.Option("--end", help="It is a sub-processor no longer")] = False,
    on: On = None,
    staff: Staff = None,
) -> None:
    """Say that a processor engages another recipient as its sub-processor, or with --end no longer does.

    Example: troth recipient subprocessor card-processor fraud-check
    """
    from troth.conditions.facts import Engaged, Released

    when = moment_of(on, "--on")
    said = Released(subprocessor=other, on=when) if end else Engaged(subprocessor=other, on=when)
    register(id, lambda one, policy: said, staff)


def register(id: str, make: Callable[[RecipientStanding | None, Policy], Said], staff: str | None) -> None:
    """Register a fact, sign for its entry, and tell how it stands now."""
    from troth.conditions import RecipientError, Register

    with opened_log() as log:
        policy = policy_of(log.store)
        register = Register(log.store, policy)
        try:
            fact = register.add_with(id, lambda one: make(one, policy), by=staff or getpass.getuser())
            log.sign()
            one = register.standing()[id]
        except RecipientError as error:
            fail(str(error))
    out.print(f"{_told(fact, one)}; entry {fact.leaf} of the record.")


def _told(fact: Fact, one: RecipientStanding) -> str:
    """What holds now that a fact is registered, in words."""
    from troth.conditions.facts import Contract, Engaged, Page, Profile, Released, Revoked, Transfer

    match fact.said:
        case Profile():
            return f"'{one.id}' is {one.state(fact.at)}"
        case Engaged() | Released():
            return f"The sub-processors of '{one.id}': {', '.join(one.subprocessors(fact.at)) or 'none'}"
        case Transfer(id=id) | Revoked(transfer=id):
            basis = one.transfers[id]
            stands = "stands" if basis.stands(fact.at) else "does not stand"
            return f"The basis '{id}' ({basis.terms.by}) of transfers to {basis.terms.country} {stands} now"
        case Page() as page:
            names = "names" if page in one.naming(fact.at) else "does not name"
            ends = f", until {day(page.ends)}" if page.ends is not None else ""
            return f"{page.url} ({page.product}) {names} '{one.id}' now{ends}"
        case Contract(id=id):
            found = one.contracts[id]
        case said:
            found = one.contracts[said.contract]
    ends = f" until {day(found.end)}" if found.end is not None and found.gives(fact.at) else ""
    return f"The contract '{found.terms.id}' with '{one.id}' is {found.state(fact.at)}{ends}"


def moment_of(text: str | None, option: str) -> datetime:
    """The time that an option gives, or now to the second: what is said to count from now counts at once."""
    return moment(text, option).replace(microsecond=0) if text is None else moment(text, option)


def _paper(document: str | None) -> str | None:
    return None if document is None else sha256_of_paper(document)


def _next(letter: str, there: Collection[str]) -> str:
    number = 1
    while f"{letter}{number}" in there:
        number += 1
    return f"{letter}{number}"


def _near(found: str, there: Collection[str]) -> str:
    from troth.policy.problems import nearest

    near = nearest(found, list(there))
    return f" Did you mean '{near}'?" if near else ""
