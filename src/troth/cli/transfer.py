"""`troth transfer`: the business goes to a successor, who gets an archive and verifies it without a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from troth.cli.legal import opened_sharing
from troth.cli.opening import vault_in
from troth.cli.recipient import day, policy_of
from troth.cli.record import opened_log, opened_store
from troth.cli.staff import As, Key, signer_of
from troth.cli.terminal import Format, fail, moment, out, sha256_of_paper

if TYPE_CHECKING:
    from troth.accountability.transfer.facts import TransferStanding
    from troth.accountability.transfer.transfers import Transfers
    from troth.record.log import Log

transfer = typer.Typer(
    no_args_is_help=True, help="The business goes to a successor: told ahead, and handed over whole."
)

Id = Annotated[str, typer.Argument(metavar="TRANSFER", help="The id of the transfer, such as bus_0123456789abcdef")]


@transfer.command("plan")
def plan(
    successor: Annotated[str, typer.Argument(help="The id of the successor, which is a recipient")],
    effective: Annotated[str, typer.Option("--effective", help="The day on which the business changes hands")],
    document: Annotated[
        str, typer.Option("--document", help="The contract: a file, of which the SHA-256 is kept, or that hash")
    ],
    days: Annotated[int, typer.Option("--days", help="How many days before their data moves people are told")] = 30,
    purpose: Annotated[str, typer.Option("--for", help="What the policy gives data to a successor for")] = "service",
    as_: As = None,
    key: Key = None,
) -> None:
    """Plan a transfer of the business, as an officer. From then on people are told. Example:
    troth transfer plan buyer --effective 2027-06-01 --document contract.pdf --as otto
    """
    from troth.accountability.transfer.facts import Planned

    said = Planned(
        successor=successor, effective=moment(effective, "--effective"), days=days, purpose=purpose,
        document=sha256_of_paper(document),
    )  # fmt: skip
    with _changing() as (log, transfers):
        signer = signer_of(log.store, as_, key)
        one = transfers.plan(signer.staff, signer.key, said)
    out.print(f"'{one.id}' is planned. People are told from now on, {days} days before their data moves.")


@transfer.command("list")
def list_(format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text) -> None:
    """List every transfer of the business, with how many people were told, and its state."""
    with opened_store() as store:
        from troth.accountability.transfer.transfers import Transfers

        known, now = list(Transfers(store, policy_of(store)).standing().values()), store.clock()
    if format is Format.json:
        out.file.write(msgspec.json.format(msgspec.json.encode(known), indent=2).decode() + "\n")
        return
    if not known:
        out.print("There is no transfer. `troth transfer plan` plans one.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("transfer", "successor", "effective", "told", "state"):
        table.add_column(heading, overflow="fold")
    for one in known:
        table.add_row(one.id, one.planned.successor, day(one.planned.effective), str(one.told), one.state(now))
    out.print(table)


@transfer.command("show")
def show(id: Id) -> None:
    """Show a transfer: how far people were told, what it lacks, and every archive that was handed over."""
    with opened_store() as store:
        from troth.accountability.transfer.transfers import Transfers

        transfers = Transfers(store, policy_of(store))
        one, now = _find(transfers, id), store.clock()
    _show(one, now)


@transfer.command("cancel")
def cancel(
    id: Id, why: Annotated[str, typer.Option("--why", help="The reason")], as_: As = None, key: Key = None
) -> None:
    """Call a transfer off, as an officer. Nothing is handed over any more."""
    with _changing() as (log, transfers):
        signer = signer_of(log.store, as_, key)
        one = transfers.cancel(signer.staff, signer.key, id, why)
    out.print(f"'{one.id}' is called off.")


@transfer.command("archive")
def archive(
    id: Id,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, a new one")],
    to: Annotated[Path, typer.Option("--to", help="A file with the successor's age key, age1…")],
    as_: As = None,
    key: Key = None,
) -> None:
    """Hand the whole archive over by the gate, encrypted to the successor's key, as an officer. Example:
    troth transfer archive bus_0123456789abcdef archive.age --to buyer.pub --as otto
    """
    from troth.accountability.transfer.archive import write_archive
    from troth.gates.errors import GateError
    from troth.gates.share.files.encrypting import EncryptionError
    from troth.gates.share.files.encrypting import read_key as read_recipient

    with _changing() as (log, transfers):
        signer = signer_of(log.store, as_, key)
        vault = vault_in(log.store, transfers.policy, begin=True)
        try:
            public = read_recipient(to.read_bytes(), log.store.clock())
            with opened_sharing(vault) as sharing:
                made = write_archive(transfers, log, vault.people, sharing, signer.staff, signer.key, id, public, file)
        except FileExistsError:
            fail(f"{file} exists.", "Name another file.")
        except (GateError, EncryptionError, OSError) as error:
            fail(str(error))
    out.print(f"{made.moved} of {made.held} persons are in {file}, with {made.values} values.")
    for no in made.stayed:
        out.print(f"  stayed: {no['data']} of {no.get('persons', 0)}, {no['reason']}")
    out.print(f"The record in it has {made.size} entries; its root is {made.root}.")


@transfer.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive")],
    identity: Annotated[Path, typer.Option("--identity", help="A file with the age identity, AGE-SECRET-KEY-1…")],
    log_key: Annotated[
        list[str] | None, typer.Option("--log-key", help="A public key of the record that you trust; may be repeated")
    ] = None,
) -> None:
    """Verify an archive: whole, with the record in it, and with as many persons as that says. It needs no store.

    Ends with 1 if it does not hold. Without --log-key the record is verified by the keys in the archive itself.
    """
    from troth.accountability.errors import CaseError
    from troth.accountability.transfer.verifying import verify_archive
    from troth.record.verifier import VerifyError, read_key

    try:
        lines = [line for line in identity.read_text().splitlines() if line.strip() and not line.startswith("#")]
        keys = [read_key(one) for one in log_key or ()]
    except (OSError, VerifyError, ValueError) as error:
        fail(str(error))
    try:
        found = verify_archive(file, lines[0] if lines else "", keys)
    except CaseError as error:
        out.print(f"✘ The archive does not hold: {error}", style="bold red")
        raise typer.Exit(1) from None
    made = found.manifest
    out.print(f"✔ The archive is whole: {made.moved} persons, {made.values} values.", style="bold green")
    out.print(f"  {found.versions} versions of the policy, {made.size} entries of the record, root {made.root}")
    out.print(f"  manifest {found.digest}")
    if not found.trusted:
        out.print("  The record was verified by the keys in the archive; name one that you trust with --log-key.")


@contextmanager
def _changing() -> Iterator[tuple[Log, Transfers]]:
    """The transfers of the configured store, for a change; its entry is signed for before it ends."""
    from troth.accountability.errors import AccountabilityError
    from troth.accountability.transfer.transfers import Transfers

    with opened_log() as log:
        try:
            yield log, Transfers(log.store, policy_of(log.store))
        except AccountabilityError as error:
            fail(str(error))
        log.sign()


def _find(transfers: Transfers, id: str) -> TransferStanding:
    from troth.accountability.errors import CaseError

    try:
        return transfers.find(id)
    except CaseError as error:
        fail(str(error))


def _show(one: TransferStanding, now: datetime) -> None:
    said = one.planned
    out.print(f"{one.id}, {one.state(now)}")
    for label, value in (
        ("successor", said.successor),
        ("effective", day(said.effective)),
        ("told ahead", f"{said.days} days"),
        ("told", f"{one.told} persons{f', everybody by {day(one.everybody)}' if one.everybody else ''}"),
        ("contract", f"SHA-256 {said.document}"),
        ("called off", one.cancelled),
        ("archive", one.lacks(now) or "may be handed over"),
    ):
        if value:
            out.print(f"  {label}: {value}")
    for made in one.archives:
        out.print(f"  handed over: {made.persons} persons by {made.disclosure}, manifest {made.manifest}")
