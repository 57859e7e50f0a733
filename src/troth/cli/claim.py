"""`troth claim`: what the policy claims to be a member of, looked at. What staff sign for it is in `claim_acts`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from troth.cli.recipient import day
from troth.cli.record import opened_store, published_in
from troth.cli.terminal import fail, moment, out

if TYPE_CHECKING:
    from troth.accountability.claims.desk import ClaimDesk
    from troth.conditions.claims.standing import ClaimStanding
    from troth.policy.history import Policy
    from troth.policy.model import Claim
    from troth.store import Store

claim = typer.Typer(
    no_args_is_help=True, help="Claims: programmes, seals and frameworks, each for as long as it holds."
)

Id = Annotated[str, typer.Argument(metavar="CLAIM", help="The id of a claim of the policy, such as truste")]
At = Annotated[str | None, typer.Option("--at", help="As of another time (default: now)")]
Folder = Annotated[
    Path | None, typer.Option("--programmes", help="A folder with programmes of your own, each a file NAME.yaml")
]

_STYLES = {
    "current": "green", "due": "yellow", "signed": "", "assessed": "", "draft": "",
    "lapsed": "red", "suspended": "red", "withdrawn": "red", "void": "red",
}  # fmt: skip


NAMED = 76  # columns of a terminal from which on there is room for the names of claims
_SHORT = ("state", "until", "entry", "when", "by")


class Output(StrEnum):
    """How a report is written."""

    html = "html"
    json = "json"


@claim.command("programmes")
def programmes(
    name: Annotated[str | None, typer.Argument(help="A programme, to see what it asks for")] = None,
    folder: Folder = None,
) -> None:
    """List the programmes and frameworks that are known, or what one of them asks for.

    Example: troth claim programmes truste
    """
    from troth.accountability.claims.programmes import programme, requirements_of
    from troth.accountability.claims.programmes import programmes as known
    from troth.accountability.errors import AccountabilityError

    try:
        if name is None:
            table = _table("programme", "name", "kind", "asks for")
            for id in known():
                found = programme(id)
                table.add_row(id, found.name, found.kind, f"{len(requirements_of(found))} things")
            out.print(table)
            return
        found = programme(name, folder)
    except AccountabilityError as error:
        fail(str(error))
    out.print(f"{found.name} ({found.kind}), by {found.source}; a signature carries {found.months} months at most.")
    table = _table("requirement", "source", "known by", "what is asked")
    for one in requirements_of(found):
        table.add_row(one.id, one.source, f"{one.how} {one.what}" if one.what else one.how, one.says)
    out.print(table)


@claim.command("list")
def list_(at: At = None) -> None:
    """List every claim of the policy in force, how it stands, and until when. Ends with 1 if one is made that is not
    current, or will not be for long.

    Example: troth claim list
    """
    with opened_desk() as desk:
        when = moment(at, "--at") if at else desk.register.store.clock()
        version = desk.register.policy.in_force(when)
        standing = desk.register.standing(when)
    if version is None:
        fail("No version of the policy is in force then.")
    warned = False
    named = ("name",) if out.width >= NAMED else ()  # the id says it, too
    table = _table("claim", *named, "state", "until", "")
    for stated in version.claims:
        state, until, remark = _stands(stated, standing.get(stated.id), when)
        warned |= bool(remark)
        name = (stated.programme or stated.framework or "",) if named else ()
        table.add_row(stated.id, *name, Text(state, style=_STYLES[state]), until, remark)
    out.print(table if version.claims else "The policy in force makes no claim.")
    raise typer.Exit(int(warned))


@claim.command("show")
def show(id: Id, at: At = None) -> None:
    """Show how a claim stands, what of it is open, and every fact that was entered. Ends with 1 if nothing was.

    Example: troth claim show truste
    """
    from troth.accountability.claims.report import claim_report

    with opened_desk() as desk:
        when = moment(at, "--at") if at else desk.register.store.clock()
        one = desk.register.standing(when).get(id)
        facts = [fact for fact in desk.register.facts() if fact.claim == id and fact.at <= when]
        names = {each.id: each.name for each in desk.staff.everybody()}
        _known(desk.register.policy, id)
    if one is None:
        out.print(f"Nothing was entered about '{id}': it goes by the dates of the policy. `troth claim draft` begins.")
        raise typer.Exit(1)
    report = claim_report(desk.register.policy, one, when, names)
    out.print(Text.assemble(f"{report.name}, {report.holder}: ", (report.state, _STYLES[report.state])))
    if report.begins is not None and report.ends is not None:
        out.print(f"Signed by {report.officer} from {day(report.begins)} until {day(report.ends)}.")
        seal = (one.signing(when) or one.signings[-1]).said.seal
        out.print(f"Its seal: /seals/{seal}.svg, validated by /seals/{seal}")
    out.print(f"{report.count('met')} met, {report.count('unmet')} not met, {report.count('open')} open")
    for line in report.lines:
        if line.state != "met":
            found = f": {line.found.text}" if line.found is not None else ""
            out.print(f"  {line.state:<6} {line.requirement.id} ({line.requirement.source}){found}")
    table = _table("entry", "when", "what", "by", "")
    for fact in facts:
        why = getattr(fact.said, "why", "")
        on = getattr(fact.said, "on", None)
        about = f"from {day(on)}: {why}" if on is not None else ""
        table.add_row(str(fact.leaf), f"{fact.at:%Y-%m-%d %H:%M}", fact.what, names.get(fact.by, fact.by), about)
    out.print(table)


@claim.command("report")
def report(
    id: Id,
    at: At = None,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it (default: the terminal)")
    ] = None,
    format: Annotated[Output, typer.Option(help="html to read and print, json for programs")] = Output.html,
) -> None:
    """Write the report of the latest assessment: what was asked, what was found, and who signed.

    Example: troth claim report truste --output truste.html
    """
    from troth.accountability.claims.report import as_html, as_json, claim_report

    with opened_desk() as desk:
        when = moment(at, "--at") if at else desk.register.store.clock()
        one = desk.register.standing(when).get(id)
        _known(desk.register.policy, id)
        if one is None:
            fail(f"Nothing was entered about '{id}' yet.", "`troth claim draft` begins.")
        found = claim_report(desk.register.policy, one, when, {each.id: each.name for each in desk.staff.everybody()})
    written = as_html(found) if format is Output.html else as_json(found) + b"\n"
    if file is None:
        out.file.write(written.decode())
        return
    try:
        file.write_bytes(written)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.")
    out.print(f"The report is in {file}.")


# --- shared with the acts ---------------------------------------------------------------------------------------------


@contextmanager
def opened_desk(store: Store | None = None) -> Iterator[ClaimDesk]:
    """The desk of claims of the configured store; ends with an error that names the remedy."""
    from troth.accountability.claims.desk import ClaimDesk
    from troth.accountability.errors import AccountabilityError
    from troth.conditions.claims.facts import ClaimError
    from troth.policy.problems import PolicyError
    from troth.record.errors import RecordError

    if store is None:
        with opened_store() as opened, opened_desk(opened) as desk:
            yield desk
        return
    policy = published_in(store, "nothing is claimed")
    try:
        yield ClaimDesk(store, policy)
    except (AccountabilityError, ClaimError, RecordError, PolicyError) as error:
        fail(str(error))


def _known(policy: Policy, id: str) -> None:
    from troth.policy.problems import nearest

    known = list(dict.fromkeys(one.id for version in policy.versions for one in version.claims))
    if id not in known:
        near = nearest(id, known)
        fail(
            f"The policy makes no claim '{id}'.",
            f"Did you mean '{near}'?" if near else f"It makes: {', '.join(known)}.",
        )


def _stands(stated: Claim, one: ClaimStanding | None, at: object) -> tuple[str, str, str]:
    """The state of a claim, until when, and what staff should know beforehand."""
    from datetime import datetime

    assert isinstance(at, datetime)  # noqa: S101 - a type for the reader of types
    if one is None:
        state = "current" if stated.current(at) else ("void" if stated.void and stated.void.on <= at else "lapsed")
        return state, day(stated.end) if stated.end else "", "" if state != "current" else "goes by the policy alone"
    state = one.state(at)
    signing = one.signing(at)
    warning = one.warning(at)
    remark = f"within {warning} days" if state == "due" else "" if state == "current" else "not shown"
    return state, day(signing.end) if signing else "", remark


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        # What is copied, and what is one word, stays whole; the rest is broken between words.
        table.add_column(heading, overflow="fold", no_wrap=heading in ("claim", "programme", "requirement", *_SHORT))
    return table
