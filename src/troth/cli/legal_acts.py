"""The commands of `troth legal` by which staff do something. Each is a signed act, kept with what it did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from troth.cli.legal import Id, opened_desk
from troth.cli.legal_releasing import legal
from troth.cli.opening import read_who
from troth.cli.recipient import day
from troth.cli.staff import As, Key, signer_of
from troth.cli.terminal import date_of, fail, moment, out, sha256_of_paper

if TYPE_CHECKING:
    from troth.accountability.legal.desk import LegalDesk, Signer
    from troth.accountability.legal.facts import Gag, Process, Said
    from troth.accountability.legal.standing import RequestStanding

__all__ = ["legal"]

Why = Annotated[str, typer.Option("--why", help="The reason")]
Data = Annotated[list[str] | None, typer.Option("--data", help="A data term, and all below it; may be repeated")]
Product = Annotated[list[str] | None, typer.Option("--product", help="A covered site or product; may be repeated")]
Since = Annotated[str | None, typer.Option("--since", help="Data that was collected from then on")]
Until = Annotated[str | None, typer.Option("--until", help="Data that was collected before then")]
Paper = Annotated[str, typer.Option("--document", help="The paper: a file, of which the SHA-256 is kept, or that hash")]
PaperToo = Annotated[
    str | None, typer.Option("--document", help="The paper: a file, of which the SHA-256 is kept, or that hash")
]


@legal.command("receive")
def receive(
    authority: Annotated[str, typer.Argument(help="The id of the authority, which is a recipient")],
    process: Annotated[str, typer.Option("--process", help="warrant, court-order, subpoena, national-security, …")],
    basis: Annotated[str, typer.Option("--basis", help="The law that it rests on, such as 18 U.S.C. 2703(d)")],
    document: Paper,
    data: Annotated[list[str], typer.Option("--data", help="A data term that it asks for; may be repeated")],
    who: Annotated[
        list[str] | None, typer.Option("--who", help="Whom it is about: email:…, account:…, cookie:… or an id")
    ] = None,
    everybody: Annotated[
        str | None, typer.Option("--everybody", help="Or a group: all, statement:ID or product:ID")
    ] = None,
    purpose: Annotated[str, typer.Option("--for", help="The purpose that it is given for")] = "legal.comply",
    product: Product = None,
    since: Since = None,
    until: Until = None,
    deadline: Annotated[str | None, typer.Option("--deadline", help="By when it is to be answered")] = None,
    ends: Annotated[str | None, typer.Option("--ends", help="From when on nothing is released by it")] = None,
    gag: Annotated[
        str | None, typer.Option("--gag", help="Nobody may be told before this day; `lifted` for no day")
    ] = None,
    gag_basis: Annotated[str | None, typer.Option("--gag-basis", help="The law that forbids it")] = None,
    reference: Annotated[str | None, typer.Option("--reference", help="The number of the case")] = None,
    as_: As = None,
    key: Key = None,
) -> None:
    """Take a request in. It is in force for nothing until two others approved it. Example:
    troth legal receive court --process court-order --basis "18 U.S.C. 2703(d)" --document order.pdf
    --data identity.name --who ann@example.org --as mary
    """
    from troth.accountability.legal.facts import Received, Scope

    whos = [read_who(one, "--who") for one in who or ()]
    scope = Scope(
        data=tuple(dict.fromkeys(data)), products=tuple(dict.fromkeys(product or ())), since=date_of(since, "--since"),
        until=date_of(until, "--until"), persons=0, everybody=everybody,
    )  # fmt: skip
    said = Received(
        authority=authority, process=cast("Process", process), basis=basis, document=sha256_of_paper(document),
        purpose=purpose, scope=scope, reference=reference, deadline=date_of(deadline, "--deadline"),
        ends=date_of(ends, "--ends"), gag=_gag(gag, gag_basis),
    )  # fmt: skip
    _act(lambda desk, signer: desk.receive(signer, said, whos), as_, key)


@legal.command("review")
def review(id: Id, as_: As = None, key: Key = None) -> None:
    """Begin to review a request, as counsel."""
    from troth.accountability.legal.facts import Reviewing

    _do(id, Reviewing(), as_, key)


@legal.command("narrow")
def narrow(
    id: Id,
    why: Why,
    data: Data = None,
    product: Product = None,
    since: Since = None,
    until: Until = None,
    without: Annotated[list[str] | None, typer.Option("--without", help="Somebody whom it is not about")] = None,
    as_: As = None,
    key: Key = None,
) -> None:
    """Let a request be about less: what is named here takes the place of what it had. It has to be approved again."""
    import msgspec

    left = [read_who(one, "--without") for one in without or ()]

    def work(desk: LegalDesk, signer: Signer) -> RequestStanding:
        scope = desk.requests.find(id).scope
        changes: dict[str, object] = {
            name: value
            for name, value in (
                ("data", tuple(dict.fromkeys(data or ()))),
                ("products", tuple(dict.fromkeys(product or ()))),
                ("since", date_of(since, "--since")),
                ("until", date_of(until, "--until")),
            )
            if value
        }
        return desk.narrow(signer, id, msgspec.structs.replace(scope, **changes), why, left)

    _act(work, as_, key)


@legal.command("approve")
def approve(
    id: Id,
    emergency: Annotated[
        str | None, typer.Option("--emergency", help="The danger, where one is enough and another reviews it later")
    ] = None,
    as_: As = None,
    key: Key = None,
) -> None:
    """Approve a request as its scope stands. Two have to, neither of whom took it in."""
    from troth.accountability.legal.facts import Approved

    _do(id, Approved(emergency=emergency), as_, key)


@legal.command("raise")
def raise_(
    id: Id,
    ceiling: Annotated[int, typer.Argument(help="How many persons it may be about")],
    why: Why,
    as_: As = None,
    key: Key = None,
) -> None:
    """Raise the ceiling on persons for one request, as an officer."""
    from troth.accountability.legal.facts import Raised

    def work(desk: LegalDesk, signer: Signer) -> RequestStanding:
        one = desk.do(signer, id, Raised(ceiling=ceiling, why=why))
        desk.note_everybody(id)
        return one

    _act(work, as_, key)


@legal.command("refuse")
def refuse(id: Id, why: Why, as_: As = None, key: Key = None) -> None:
    """Refuse a request; nothing is released by it any more."""
    from troth.accountability.legal.facts import Refused

    _do(id, Refused(why=why), as_, key)


@legal.command("challenge")
def challenge(id: Id, why: Why, as_: As = None, key: Key = None) -> None:
    """Say that a request is contested before a court; nothing is released until that is decided."""
    from troth.accountability.legal.facts import Challenged

    _do(id, Challenged(why=why), as_, key)


@legal.command("decide")
def decide(
    id: Id,
    outcome: Annotated[str, typer.Argument(help="upheld (the request stands), narrowed, or dismissed")],
    document: PaperToo = None,
    as_: As = None,
    key: Key = None,
) -> None:
    """Say what the court decided about a request that was challenged."""
    from troth.accountability.legal.facts import OUTCOMES, Decided

    if outcome not in OUTCOMES:
        fail(f"'{outcome}' is no outcome.", f"There are: {', '.join(OUTCOMES)}.")
    paper = sha256_of_paper(document) if document else None
    _do(id, Decided(outcome=outcome, document=paper), as_, key)


@legal.command("gag")
def gag(
    id: Id,
    until: Annotated[str | None, typer.Option("--until", help="The day on which people may be told")] = None,
    open_ended: Annotated[bool, typer.Option("--until-lifted", help="There is no such day")] = False,
    basis: Annotated[str | None, typer.Option("--basis", help="The law that forbids it")] = None,
    document: PaperToo = None,
    as_: As = None,
    key: Key = None,
) -> None:
    """Say that nobody may be told of a request until a day. Without a day the gag is lifted, and people are told."""
    from troth.accountability.legal.facts import Gagged

    told = "lifted" if open_ended else until
    paper = sha256_of_paper(document) if document else None
    _do(id, Gagged(gag=_gag(told, basis), document=paper), as_, key)


@legal.command("letter")
def letter(id: Id, as_: As = None, key: Key = None) -> None:
    """Say that whoever was not told of a request yet was told by letter."""
    _act(lambda desk, signer: desk.tell_by_letter(signer, id), as_, key)


@legal.command("look")
def look(
    id: Id,
    justified: Annotated[bool, typer.Option("--justified/--not-justified", help="What the review found")],
    why: Why,
    as_: As = None,
    key: Key = None,
) -> None:
    """Review an emergency that another one approved. If it was not justified, nothing more is released by it."""
    from troth.accountability.legal.facts import Looked

    _do(id, Looked(justified=justified, why=why), as_, key)


@legal.command("close")
def close(id: Id, as_: As = None, key: Key = None) -> None:
    """Close a request; nothing more is done about it, but that people are told when a gag ends."""
    from troth.accountability.legal.facts import Closed

    _do(id, Closed(), as_, key)


def _do(id: str, said: Said, name: str | None, key: Path | None) -> None:
    _act(lambda desk, signer: desk.do(signer, id, said), name, key)


def _act(work: Callable[[LegalDesk, Signer], RequestStanding], name: str | None, key: Path | None) -> None:
    """Do something as somebody of the staff, and tell how the request stands now."""
    from troth.accountability.legal.standing import APPROVERS, STATES

    with opened_desk(write=True) as (desk, vault):
        one = work(desk, signer_of(vault.store, name, key))
        why, now = one.releasable(desk.terms, vault.store.clock()), vault.store.clock()
    out.print(f"'{one.id}' is {one.state}. {STATES[one.state]}")
    if one.state == "under review" and one.approvers:
        out.print(f"{len(one.approvers)} of {APPROVERS} approved it as its scope stands.")
    elif one.state == "approved":
        if why is not None:
            out.print(why)
        elif one.emergency is not None:
            out.print(f"It is an emergency; another one reviews it by {day(one.review_due(desk.terms))}.")
        elif one.gagged(now):
            out.print("Nobody may be told now, so it can be released at once.")
        else:
            out.print(f"Whoever is told waits {desk.terms.ahead.days} days before anything is released.")


def _gag(until: str | None, basis: str | None) -> Gag | None:
    from troth.accountability.legal.facts import Gag

    if until is None:
        return None
    if basis is None:
        fail("A gag names the law that it rests on.", "Say it with --gag-basis, or --basis of `troth legal gag`.")
    return Gag(until=None if until == "lifted" else moment(until, "--gag"), basis=basis)
