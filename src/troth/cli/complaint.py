"""`troth complaint`: complaints and who waits for what. What staff sign for is in `complaint_acts`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.text import Text

from troth.cli.recipient import day
from troth.cli.record import opened_store, published_in
from troth.cli.terminal import Format, configured, fail, out

if TYPE_CHECKING:
    from troth.accountability.complaints.desk import ComplaintDesk
    from troth.store import Store

complaint = typer.Typer(
    no_args_is_help=True, help="Complaints: answered in time, or passed on to the recourse body by themselves."
)
body = typer.Typer(no_args_is_help=True, help="Recourse bodies: who gets at the complaints that went to them.")
complaint.add_typer(body, name="body")

Id = Annotated[str, typer.Argument(metavar="COMPLAINT", help="The id of a complaint, such as cmp_0123456789abcdef")]

_NEXT = {"acknowledge": "acknowledgement", "answer": "answer", "remedy": "remedy"}


@complaint.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended, too")] = False,
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """List what is open, that first whose deadline was passed. Ends with 1 if there is such.

    Example: troth complaint list
    """
    from troth.accountability.complaints.deadlines import deadlines, due

    with opened_desk() as desk:
        now, known = desk.store.clock(), desk.standing()
    waiting = due(known.values(), now)
    order = list(dict.fromkeys([*(one.id for one in waiting), *reversed(known)]))
    shown = [known[id] for id in order if every or known[id].open]
    late = any(one.late(now) for one in waiting)
    if format is Format.json:
        made = [
            {"id": one.id, "state": one.state, "kind": one.kind, "statement": one.received.statement, "at": one.at,
             "body": one.body, "deadlines": deadlines(one)}
            for one in shown
        ]  # fmt: skip
        out.file.write(msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n")
        raise typer.Exit(int(late))
    if not shown:
        out.print("No complaint is open.")
        return
    for one in shown:
        mine = [each for each in waiting if each.id == one.id]
        late_ones = any(each.late(now) for each in mine)
        remark = Text(" overdue", style="bold red") if late_ones else Text(" more was written" if one.unread() else "")
        about = f" about {one.received.statement}" if one.received.statement else ""
        out.print(Text.assemble((one.id, "bold"), f"  {one.state}", remark))
        out.print(f"  {one.kind}{about}, came {one.at:%Y-%m-%d}")
        for each in mine:
            by = f"{'should have been ' if each.late(now) else ''}by {each.until:%Y-%m-%d}"
            out.print(f"  {_NEXT[each.what]} {by}")
    raise typer.Exit(int(late))


@complaint.command("show")
def show(
    id: Id,
    files: Annotated[Path | None, typer.Option("--files", help="A folder to write the attached files into")] = None,
) -> None:
    """Show what was written in a complaint, every step, and by which rules the body takes it.

    Example: troth complaint show cmp_0123456789abcdef
    """
    from troth.accountability.complaints.case_file import rules

    with opened_desk() as desk:
        one = desk.find(id)
        opened = desk.texts.read(id)
        names = {each.id: each.name for each in desk.staff.everybody()}
        found_rules = rules(desk, one)
    received = one.received
    out.print(f"{one.kind.capitalize()} {one.id}: {one.state}")
    for label, value in (("about", received.statement), ("site", received.site), ("version", received.version)):
        if value:
            out.print(f"  {label:<9} {value}")
    if received.answer_by is not None:
        out.print(f"  answer by {day(received.answer_by)}")
    if received.then is not None:
        agreed = "may read what was written" if received.agreed or one.handed else "may not read what was written"
        out.print(f"  then      {received.then}, which {agreed}")
    for fact in one.facts:
        who = names.get(fact.staff or "", fact.said.body or fact.said.by)
        out.print(Text.assemble(f"\n{fact.at:%Y-%m-%d %H:%M} ", (fact.what, "bold"), f" by {who} (entry {fact.leaf})"))
        for kept in fact.said.kept:
            found = opened.get(kept.id)
            if found is None:
                out.print("  (erased)")
            elif kept.sort == "file":
                out.print(Text(f"  file {found.written.name} ({found.written.type}, {len(found.written.data)} bytes)"))
                if files is not None:
                    _write(files, f"{kept.id}-{found.written.name}", found.written.data)
            else:
                label = {"wanted": "wants: ", "address": "answer to: "}.get(kept.sort, "")
                out.print(Text(f"  {label}{found.written.text}"))
    if found_rules and one.open:
        out.print(f"\n{received.then} takes a complaint if:")
        for rule in found_rules:
            out.print(Text(f"  {rule}"))


@complaint.command("statistics")
def statistics_() -> None:
    """Write what is counted of complaints, by year, as JSON: what `/complaints/statistics.json` has."""
    from troth.accountability.complaints.counting import statistics

    with opened_desk() as desk:
        made = statistics(desk.standing().values(), desk.store.clock())
    out.file.write(msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n")


# --- shared with the acts ---------------------------------------------------------------------------------------------


@contextmanager
def opened_desk(store: Store | None = None) -> Iterator[ComplaintDesk]:
    """The desk of complaints of the configured store; ends with an error that names the remedy."""
    from troth.accountability.complaints.desk import ComplaintDesk
    from troth.accountability.errors import AccountabilityError
    from troth.conditions.claims.following import as_claims_stand
    from troth.people.errors import PeopleError
    from troth.people.keys import load_index_key
    from troth.policy.problems import PolicyError
    from troth.record.errors import RecordError
    from troth.store import StoreError

    if store is None:
        with opened_store() as opened, opened_desk(opened) as desk:
            yield desk
        return
    policy = as_claims_stand(store, published_in(store, "there is nothing to complain about"))
    try:
        yield ComplaintDesk(store, policy, load_index_key(store, configured().keys))
    except (AccountabilityError, PeopleError, RecordError, PolicyError, StoreError) as error:
        fail(str(error))


def _write(folder: Path, name: str, data: bytes) -> None:
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / safe).write_bytes(data)
    except OSError as error:
        fail(f"{folder / safe} cannot be written: {error.strerror}.")
    out.print(f"  written to {folder / safe}")
