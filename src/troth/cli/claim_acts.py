"""The commands of `troth claim` that staff sign: each fact is an entry in the record and never changes."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from troth.cli.claim import Folder, Id, claim, opened_desk
from troth.cli.recipient import day
from troth.cli.record import opened_log
from troth.cli.staff import As, Key, signer_of
from troth.cli.terminal import fail, moment, out

if TYPE_CHECKING:
    from troth.accountability.claims.desk import ClaimDesk
    from troth.conditions.claims.facts import Evidence, Fact, Requirement, Said
    from troth.record.log import Log

__all__ = ["claim"]

On = Annotated[str | None, typer.Option("--on", help="The day from which it counts (default: now)")]
Why = Annotated[str, typer.Option("--why", help="The reason; people may read it, the record does not hold it")]
Name = Annotated[str, typer.Option("--programme", help="The programme: `troth claim programmes` lists them")]


@claim.command("draft")
def draft(
    id: Id,
    programme: Name,
    holder: Annotated[str | None, typer.Option("--holder", help="Who holds it (default: the publisher)")] = None,
    site: Annotated[
        list[str] | None,
        typer.Option("--site", help="A covered site or product it is for (default: all); may be repeated"),
    ] = None,
    folder: Folder = None,
    as_: As = None,
    key: Key = None,
) -> None:
    """Begin a claim with what its programme asks for. From now on it is not made until an officer has signed it.

    Example: troth claim draft truste --programme truste --as mary
    """
    from troth.accountability.claims.programmes import programme as read
    from troth.accountability.claims.programmes import requirements_of
    from troth.conditions.claims.facts import Drafted

    def make(desk: ClaimDesk, _: Log) -> Said:
        version = desk.register.policy.in_force(desk.register.store.clock())
        if version is None:
            fail("No version of the policy is in force.")
        sites = tuple(site) if site else tuple(one.id for one in version.covers)
        found = read(programme, folder)
        named = holder or version.publisher.name
        return Drafted(holder=named, requirements=requirements_of(found), covers=sites, months=found.months)

    fact = _enter(id, make, as_, key)
    out.print(f"'{id}' is drafted (entry {fact.leaf}). Until it is signed, nobody is told of it.")
    out.print(f"Next: troth claim assess {id}")


@claim.command("assess")
def assess(
    id: Id,
    met: Annotated[
        list[str] | None,
        typer.Option("--met", help="What a person knows: REQUIREMENT=HOW, in a sentence; may be repeated"),
    ] = None,
    unmet: Annotated[list[str] | None, typer.Option("--unmet", help="The same of one that is not met")] = None,
    paper: Annotated[
        list[str] | None, typer.Option("--paper", help="A paper: REQUIREMENT=FILE@DATE; may be repeated")
    ] = None,
    months: Annotated[int, typer.Option(help="How old a paper may be")] = 12,
    as_: As = None,
    key: Key = None,
) -> None:
    """Hold the claim against what its programme asks for: machines answer what they can, you are asked for the rest.

    Ends with 1 while something is not met. Example:
    troth claim assess truste --met self-assessment="I looked at all sites." --paper training=list.pdf@2016-04-02
    """
    from troth.accountability.claims.assessing import assess as hold
    from troth.accountability.questions import record_questions, safeguard_questions

    def make(desk: ClaimDesk, log: Log) -> Said:
        one = desk.register.standing().get(id)
        if one is None or one.draft is None:
            fail(f"'{id}' is not drafted yet.", f"First: troth claim draft {id} --programme …")
        now, asked = desk.register.store.clock(), one.draft.requirements
        brought = _brought(asked, met or [], unmet or [], paper or [], months, now)
        policy = desk.register.policy
        record, test = record_questions(log, policy), safeguard_questions(log.store)
        found = hold(policy, asked, now, record=record, test=test, brought=brought)
        if found.open and sys.stdin.isatty():
            brought |= _asked(found.open)
            found = hold(policy, asked, now, record=record, test=test, brought=brought)
        for each in found.found.evidence:
            style = "green" if each.verdict == "met" else "red"
            out.print(Text.assemble((f"{each.verdict:<6}", style), f" {each.requirement}: {each.text}"))
        for left in found.open:
            out.print(Text.assemble(("open  ", "yellow"), f" {left.id} ({left.source}): {left.says}"))
        return found.found

    fact = _enter(id, make, as_, key)
    with opened_desk() as desk:
        missing = desk.register.standing()[id].open()
    if missing:
        out.print(
            f"Assessed (entry {fact.leaf}); {len(missing)} of the requirements are not met, so it cannot be signed."
        )
        raise typer.Exit(1)
    out.print(f"Assessed (entry {fact.leaf}); everything is met. An officer signs: troth claim sign {id} --until DATE")


@claim.command("sign")
def sign(
    id: Id,
    until: Annotated[str, typer.Option("--until", help="The first day on which it no longer holds")],
    since: Annotated[str | None, typer.Option("--from", help="The day from which it holds (default: now)")] = None,
    due: Annotated[
        str | None, typer.Option("--due", help="When it has to be certified anew, if before its end")
    ] = None,
    as_: As = None,
    key: Key = None,
) -> None:
    """Sign the latest assessment as an officer: the claim is made from then on, and its seal may be shown.

    Example: troth claim sign truste --until 2017-04-26 --as olga
    """
    from troth.conditions.claims.facts import Signed

    def make(desk: ClaimDesk, _: Log) -> Said:
        now = desk.register.store.clock()
        one = desk.register.standing().get(id)
        # The page of the seal stays the same when the claim is renewed.
        seal = one.signings[-1].said.seal if one is not None and one.signings else desk.seal()
        signer = signer_of(desk.register.store, as_, key)
        assessment = one.assessment if one is not None and one.assessment is not None else -1
        return Signed(
            officer=signer.staff.id,
            assessment=assessment,
            begins=moment(since, "--from") if since else now,
            ends=moment(until, "--until"),
            due=moment(due, "--due") if due else None,
            seal=seal,
        )

    fact = _enter(id, make, as_, key)
    seal = getattr(fact.said, "seal", "")
    out.print(f"'{id}' is signed (entry {fact.leaf}). Its seal: /seals/{seal}.svg, validated by /seals/{seal}")


@claim.command("suspend")
def suspend(id: Id, why: Why, on: On = None, as_: As = None, key: Key = None) -> None:
    """Suspend a claim: from that day its sentence, its seal and what rests on it are gone, until it is reinstated."""
    from troth.conditions.claims.facts import Suspended

    _ended(id, lambda when: Suspended(on=when, why=why), on, as_, key, "is suspended")


@claim.command("reinstate")
def reinstate(
    id: Id,
    on: On = None,
    why: Annotated[str, typer.Option("--why", help="The reason")] = "",
    as_: As = None,
    key: Key = None,
) -> None:
    """Let a claim that is suspended hold again, from that day."""
    from troth.conditions.claims.facts import Reinstated

    _ended(id, lambda when: Reinstated(on=when, why=why), on, as_, key, "is reinstated")


@claim.command("withdraw")
def withdraw(id: Id, why: Why, on: On = None, as_: As = None, key: Key = None) -> None:
    """Take a claim back, from that day. Only a new signature makes it again."""
    from troth.conditions.claims.facts import Withdrawn

    _ended(id, lambda when: Withdrawn(on=when, why=why), on, as_, key, "is withdrawn")


@claim.command("void")
def void(
    id: Id,
    why: Why,
    on: On = None,
    source: Annotated[str, typer.Option("--source", help="Where that is said, such as a case number")] = "",
    as_: As = None,
    key: Key = None,
) -> None:
    """Enter that what a claim rests on is no more, as when a court strikes a framework down. It never comes back.

    Example: troth claim void safe-harbor-eu --on 2015-10-06 --why "Struck down." --source C-362/14 --as olga
    """
    from troth.conditions.claims.facts import Voided

    _ended(id, lambda when: Voided(on=when, why=why, source=source), on, as_, key, "is void")


# --- inside -----------------------------------------------------------------------------------------------------------


def _enter(id: str, make: Callable[[ClaimDesk, Log], Said], name: str | None, key: Path | None) -> Fact:
    """Make a fact, let somebody sign it, enter it, and sign for its entry."""
    from troth.accountability.signing import sign as sign_act

    with opened_log() as log, opened_desk(log.store) as desk:
        said = make(desk, log)
        signer = signer_of(log.store, name, key)
        fact = desk.enter(id, said, sign_act(desk.act(id, said, log.store.clock()), signer.staff.id, signer.key))
        log.sign()
        return fact


def _ended(
    id: str, make: Callable[[datetime], Said], on: str | None, name: str | None, key: Path | None, what: str
) -> None:
    def said(desk: ClaimDesk, _: Log) -> Said:
        return make(moment(on, "--on") if on else desk.register.store.clock())

    fact = _enter(id, said, name, key)
    when: datetime = getattr(fact.said, "on", fact.at)
    out.print(f"'{id}' {what} from {day(when)} (entry {fact.leaf}).")


def _brought(
    asked: tuple[Requirement, ...], met: list[str], unmet: list[str], papers: list[str], months: int, at: datetime
) -> dict[str, Evidence]:
    """What was brought with the command, by the id of the requirement."""
    from troth.accountability.claims.assessing import paper, person_says

    by_id = {one.id: one for one in asked}
    found: dict[str, Evidence] = {}
    for option, values in (("--met", met), ("--unmet", unmet)):
        for value in values:
            id, text = _split(option, value, "REQUIREMENT=HOW")
            found[id] = person_says(_one(by_id, id), option == "--met", text)
    for value in papers:
        id, text = _split("--paper", value, "REQUIREMENT=FILE@DATE")
        name, _, date = text.rpartition("@")
        if not name:
            fail(f"--paper '{value}': a paper has a date.", "Write REQUIREMENT=FILE@2016-04-02.")
        try:
            content = Path(name).read_bytes()
        except OSError as error:
            fail(f"--paper: {name} cannot be read: {error.strerror}.")
        found[id] = paper(_one(by_id, id), hashlib.sha256(content).hexdigest(), moment(date, "--paper"), at, months)
    return found


def _asked(left: tuple[Requirement, ...]) -> dict[str, Evidence]:
    """What somebody says at the terminal about each requirement that nothing else answers."""
    from troth.accountability.claims.assessing import person_says

    found = {}
    for one in left:
        out.print(f"\n{one.says} ({one.source})")
        text = typer.prompt("How do you know? A sentence, or nothing to leave it open", default="", show_default=False)
        if text.strip():
            found[one.id] = person_says(one, typer.confirm("Is it met?"), text)
    return found


def _one(by_id: dict[str, Requirement], id: str) -> Requirement:
    from troth.policy.problems import nearest

    if id not in by_id:
        near = nearest(id, list(by_id))
        fail(
            f"There is no requirement '{id}'.", f"Did you mean '{near}'?" if near else f"There are: {', '.join(by_id)}."
        )
    return by_id[id]


def _split(option: str, value: str, form: str) -> tuple[str, str]:
    id, there, text = value.partition("=")
    if not there:
        fail(f"{option} '{value}': nothing is said of it.", f"Write {form}.")
    return id.strip(), text.strip()
