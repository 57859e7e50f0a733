"""`troth disclosure`: the register of disclosures, looked at by staff and taken out for records of processing."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from troth.cli.opening import opened_people, read_who
from troth.cli.terminal import Format, fail, moment, out

if TYPE_CHECKING:
    from troth.gates.share.register import Received, Register

disclosure = typer.Typer(no_args_is_help=True, help="Disclosures: who received what, when, why, under which sentence.")

Since = Annotated[str | None, typer.Option("--since", help="From this time on")]
Before = Annotated[str | None, typer.Option("--until", help="Until before this time")]


class Form(StrEnum):
    """How the records are taken out."""

    csv = "csv"
    json = "json"


@disclosure.command("list")
def list_(
    recipient: Annotated[str | None, typer.Option("--recipient", help="To one recipient")] = None,
    since: Since = None,
    until: Before = None,
    person: Annotated[
        str | None, typer.Option("--person", help="About a person: an id, email:…, account:… or cookie:…")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the latest")] = 100,
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """List disclosures, the latest first; with --person, what was disclosed of that person, and what followed.

    Example: troth disclosure list --recipient card-processor --since 2027-01-01
    """
    from_, to = _moment(since, "--since"), _moment(until, "--until")
    with _opened() as register:
        if person is not None:
            who = read_who(person, "--person")
            lines = [
                one
                for one in register.of_person(who)
                if recipient in (None, one.recipient)
                and (from_ is None or from_ <= one.at)
                and (to is None or one.at < to)
            ]
            _show_lines(lines[::-1][:limit], format)
            return
        found = register.list(recipient, since=from_, until=to, limit=limit)
    if format is Format.json:
        out.file.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
        return
    if not found:
        out.print("Nothing was disclosed.")
        return
    table = _table("disclosure", "recipient", "purpose", "data", "persons", "state", "when (UTC)")
    for one in found:
        data = ", ".join(one.data)
        when = f"{one.created_at:%Y-%m-%d %H:%M}"
        table.add_row(one.id, one.recipient, one.purpose, data, str(one.persons), one.state, when)
    out.print(table)


@disclosure.command("show")
def show(
    id: Annotated[str, typer.Argument(metavar="DISCLOSURE", help="The id, such as dis_…")],
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """Show one disclosure with its batches, each an entry in the record. Ends with 1 if there is none of that id.

    Example: troth disclosure show dis_5c0e…
    """
    with _opened() as register:
        one = register.one(id)
        batches = () if one is None else register.batches(id)
    if one is None:
        out.print(f"There is no disclosure '{id}'. `troth disclosure list` has them.")
        raise typer.Exit(1)
    if format is Format.json:
        both = {"disclosure": one, "batches": batches}
        out.file.write(msgspec.json.format(msgspec.json.encode(both), indent=2).decode() + "\n")
        return
    for label, value in (
        ("recipient", one.recipient),
        ("purpose", one.purpose),
        ("product", one.product),
        ("data", ", ".join(one.data)),
        ("channel", one.channel),
        ("asked by", one.service),
        ("under", one.under),
        ("version", one.version),
        ("state", one.state if one.why is None else f"{one.state}: {one.why}"),
        ("persons", f"{one.persons} of {one.asked if one.asked is not None else '?'}, {one.released} values"),
        ("since", f"{one.created_at:%Y-%m-%d %H:%M} UTC"),
    ):
        if value:
            out.print(f"{label}: {value}", markup=False)
    if batches:
        table = _table("batch", "persons", "values", "entry", "root")
        for batch in batches:
            table.add_row(str(batch.number), str(batch.persons), str(batch.released), str(batch.entry), batch.root)
        out.print(table)


@disclosure.command("export")
def export(
    since: Since = None,
    until: Before = None,
    format: Annotated[Form, typer.Option(help="csv for a table, json for all of it")] = Form.json,
) -> None:
    """Take out the records of processing activities (GDPR article 30), with what was disclosed in a period.

    Example: troth disclosure export --format csv > records.csv
    """
    from troth.accountability.processing import records_of_processing, rows
    from troth.conditions import Register as Recipients

    from_, to = _moment(since, "--since"), _moment(until, "--until")
    with opened_people() as people:
        from troth.gates.share.register import Register as Disclosures

        now = people.store.clock()
        version = people.policy.in_force(now)
        if version is None:
            fail("No version of the policy is in force yet.", "`troth publish` publishes the policy.")
        activities = Disclosures(people).article_30(from_, to)
        standing = Recipients(people.store, people.policy).standing(now)
    records = records_of_processing(version, standing, activities, now, since=from_, until=to)
    if format is Form.json:
        out.file.write(msgspec.json.format(msgspec.json.encode(records), indent=2).decode() + "\n")
        return
    table = list(rows(records))
    writer = csv.DictWriter(out.file, list(table[0]) if table else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in table)


def _show_lines(lines: list[Received], format: Format) -> None:
    if format is Format.json:
        out.file.write(msgspec.json.format(msgspec.json.encode(lines), indent=2).decode() + "\n")
        return
    if not lines:
        out.print("Nothing was disclosed of that person.")
        return
    table = _table("recipient", "purpose", "data", "under", "when (UTC)", "entry")
    for one in lines:
        data = ", ".join(one.data)
        if one.withheld:
            data += f" (withheld after all: {', '.join(one.withheld)})"
        under = ", ".join(dict.fromkeys(one.statements))
        table.add_row(one.recipient, one.purpose, data, under, f"{one.at:%Y-%m-%d %H:%M}", str(one.entry))
    out.print(table)


def _plain(value: str) -> str:
    """A value that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


@contextmanager
def _opened() -> Iterator[Register]:
    from troth.gates.share.register import Register

    with opened_people() as people:
        yield Register(people)


def _moment(text: str | None, option: str) -> datetime | None:
    return None if text is None else moment(text, option)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
