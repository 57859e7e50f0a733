"""`troth file`: the files of disclosures, looked at, linked to, and made by hand where no server runs."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from troth.cli.opening import opened_vault
from troth.cli.recipient import day
from troth.cli.terminal import Format, configured, err, fail, out

if TYPE_CHECKING:
    from troth.gates.share.files.files import Files
    from troth.gates.share.files.row import FileRow

file = typer.Typer(no_args_is_help=True, help="Disclosures as files: made, encrypted, and fetched by their recipients.")

Id = Annotated[str, typer.Argument(metavar="DISCLOSURE", help="The id of the disclosure, `dis_…`")]

_STYLES = {"ready": "green", "fetched": "", "making": "yellow", "waiting": "yellow", "expired": "", "stopped": "red"}


@file.command("list")
def list_(format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text) -> None:
    """List the files there are, and were.

    Example: troth file list --format json
    """
    with _opened() as files:
        found = files.list()
    if format is Format.json:
        import msgspec

        out.file.write(msgspec.json.encode([_as_json(row) for row in found]).decode() + "\n")
        return
    if not found:
        out.print("There is no file. A disclosure with the channel `file` becomes one.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("disclosure", "recipient", "state", "made (UTC)", "persons", "bytes", "until"):
        table.add_column(heading, overflow="fold")
    for row in found:
        about = row.about
        table.add_row(
            row.disclosure, row.recipient, _state(row), "" if about is None else f"{about.made:%Y-%m-%d %H:%M}",
            "" if about is None else str(about.persons), "" if row.size is None else str(row.size), day(row.until),
        )  # fmt: skip
    out.print(table)


@file.command("show")
def show(id: Id) -> None:
    """Show a file: what it is, how far it is, and the links to it. Ends with 1 if there is none.

    Example: troth file show dis_0123456789abcdef0123456789abcdef
    """
    with _opened() as files:
        row = next((row for row in files.list() if row.disclosure == id), None)
        links = files.links.list(id)
        now = files.store.clock()
    if row is None:
        out.print(f"There is no file of '{id}'. `troth file list` has those there are.")
        raise typer.Exit(1)
    out.print(Text.assemble((row.disclosure, "bold"), f", for {row.recipient}: ", _state(row)))
    if row.why:
        out.print(f"  why: {row.why}")
    if row.state == "making":
        out.print(f"  batches done: {row.progress}")
    about = row.about
    if about is not None:
        for label, value in (
            ("purpose", about.purpose),
            ("data", ", ".join(about.columns)),
            ("persons", str(about.persons)),
            ("format", f"{about.format}, encrypted with {about.encryption} to {about.key}"),
            ("size", f"{about.size} bytes, SHA-256 {about.sha256}"),
            ("sentences", " ".join(about.sentences)),
            ("duties", ", ".join(about.duties)),
        ):
            out.print(Text(f"  {label}: {value}"))
    for link in links:
        state = link.state(now)
        told = f"used {day(link.used_at)}" if link.used_at else f"{state}, until {day(link.expires_at)}"
        out.print(f"  link by {link.created_by}, made {day(link.created_at)}: {told}; {link.fetches} begun")


@file.command("link")
def link(
    id: Id,
    days: Annotated[int, typer.Option("--days", min=1, max=30, help="For how many days it opens")] = 7,
    staff: Annotated[
        str | None, typer.Option("--staff", help="Who of your staff does this (default: your login name)")
    ] = None,
) -> None:
    """Make a link to a file and print it, this once. It opens for its recipient alone, and for one download.

    A file that was fetched or has expired is made again for it, from what may leave then. Example:
    troth file link dis_0123456789abcdef0123456789abcdef --days 2
    """
    from troth.gates.share.files.links import LinkError

    with _opened(write=True) as files:
        try:
            made, expires = files.links.make(id, by=staff or getpass.getuser(), lasts=timedelta(days=days))
        except LinkError as error:
            fail(str(error))
        row = next(row for row in files.list() if row.disclosure == id)
    err.print(f"It opens for '{row.recipient}' until {expires:%Y-%m-%d %H:%M} UTC, for one download.")
    if row.state != "ready":
        err.print("The file is made first; a server that runs does it, and `troth file make`.")
    err.print("The link is shown this once; whoever fetches by it shows its fetch secret or its signature, too:")
    typer.echo(made)


@file.command("make")
def make() -> None:
    """Make the files that wait, and delete those whose time is over. A running server does both by itself."""
    with _opened(write=True) as files:
        files.sweep()
        done = []
        while (id := files.make_next()) is not None:
            done.append(id)
        rows = {row.disclosure: row for row in files.list()}
    for id in done:
        row = rows[id]
        why = f": {row.why}" if row.why else ""
        out.print(Text.assemble(f"{id} for {row.recipient} is ", _state(row), why))
    if not done:
        out.print("No file waits to be made.")
    if any(rows[id].state != "ready" for id in done):
        raise typer.Exit(1)


@contextmanager
def _opened(*, write: bool = False) -> Iterator[Files]:
    """The files of the configured store, decided by its policy; what changed is signed for before it ends."""
    from troth.cli.legal import terms_of
    from troth.conditions.claims.following import as_claims_stand
    from troth.decision.point import DecisionPoint
    from troth.gates.errors import GateError
    from troth.gates.share.files.place import Place
    from troth.people import ChoiceIndex
    from troth.web.v1.filing import files_of

    configuration = configured()
    address = configuration.site or f"http://{configuration.host}:{configuration.port}"
    with opened_vault(write=write) as vault:
        policy = as_claims_stand(vault.store, vault.people.policy)
        point = DecisionPoint(policy)
        index = ChoiceIndex(vault.people, point)
        index.follow()
        try:
            yield files_of(vault, point, index, Place(configuration.data / "files", address), terms_of())
        except GateError as error:
            fail(str(error))
        finally:
            index.close()


def _state(row: FileRow) -> Text:
    return Text(row.state, style=_STYLES[row.state])


def _as_json(row: FileRow) -> dict[str, object]:
    return {
        "disclosure": row.disclosure, "recipient": row.recipient, "state": row.state, "why": row.why,
        "batches": row.progress, "manifest": row.about, "until": row.until,
    }  # fmt: skip
