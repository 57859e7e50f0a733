"""`troth legal release` and `troth legal link`: what a request allows is given, here or as a file that is fetched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import msgspec
import typer

from troth.cli.legal import Id, legal, opened_desk, opened_sharing
from troth.cli.staff import As, Key, signer_of
from troth.cli.terminal import configured, err, fail, out

if TYPE_CHECKING:
    from troth.accountability.legal.by_file import ByFile, Handed
    from troth.accountability.legal.desk import LegalDesk
    from troth.gates.share.wanted import Format
    from troth.vault import Vault

__all__ = ["legal"]

Days = Annotated[int, typer.Option("--days", min=1, max=30, help="For how many days the link to a file opens")]


@legal.command("release")
def release(
    id: Id,
    here: Annotated[
        Path | None, typer.Option("--out", help="Into a file to write here, a new one; only its owner can read it")
    ] = None,
    file: Annotated[
        bool, typer.Option("--file", help="Into one that is encrypted to the authority and fetched by a link")
    ] = False,
    written: Annotated[str, typer.Option("--written", help="Of one that is fetched: jsonl, csv or parquet")] = "jsonl",
    days: Days = 7,
    as_: As = None,
    key: Key = None,
) -> None:
    """Release by the gate what the request allows now: with --out as JSON Lines here, one person each, or with --file.

    Example: troth legal release leg_0123456789abcdef --out answer.jsonl --as mary
    """
    if (here is not None) == file:
        fail(
            "Say where it goes, one of the two.",
            "--out FILE writes it here; --file encrypts it to the authority, which fetches it by a link.",
        )
    if here is not None:
        _write_here(id, here, as_, key)
    else:
        _hand_over(id, written, days, as_, key)


@legal.command("link")
def link(
    id: Id,
    disclosure: Annotated[
        str | None, typer.Option("--disclosure", help="Which release, `dis_…`; the latest one without it")
    ] = None,
    days: Days = 7,
    as_: As = None,
    key: Key = None,
) -> None:
    """Make a new link to a file that was released, and print it, this once.

    A file that was fetched or has expired is made again for it, from what may leave then. Example:
    troth legal link leg_0123456789abcdef --days 2 --as mary
    """
    with opened_desk(write=True) as (desk, vault):
        by_file = _by_file(desk, vault)
        one, found, handed = by_file.link(signer_of(vault.store, as_, key), id, disclosure, days=days)
    err.print(f"The file of {found} is for '{one.received.authority}'; every link before opens until it is fetched.")
    _show(handed)


def _write_here(id: str, file: Path, as_: str | None, key: Path | None) -> None:
    """Release into a new file of JSON Lines, which is not there when nothing was released."""
    with opened_desk(write=True) as (desk, vault):
        signer = signer_of(vault.store, as_, key)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            fail(f"{file} cannot be written: {error.strerror}.", "Name a new file.")
        with os.fdopen(descriptor, "wb") as written:
            try:
                with opened_sharing(vault) as sharing:
                    one, shared = desk.release(signer, id, sharing)
                    for batch in range(1, shared.batches + 1):
                        for person in sharing.contents(shared.id, batch).persons:
                            written.write(msgspec.json.encode(person) + b"\n")
            except BaseException:
                file.unlink()
                raise
    out.print(f"{shared.released} values of {shared.persons} persons went to '{shared.recipient}' by {shared.id}.")
    out.print(f"They are in {file}. '{one.id}' is {one.state}.")


def _hand_over(id: str, written: str, days: int, as_: str | None, key: Path | None) -> None:
    """Release as a file that the authority fetches."""
    from troth.gates.share.wanted import FORMATS

    forms = [name for name in FORMATS if name != "json"]
    if written not in forms:
        fail(f"'{written}' is not how a file is written.", f"There are: {', '.join(forms)}.")
    with opened_desk(write=True) as (desk, vault):
        signer = signer_of(vault.store, as_, key)
        with opened_sharing(vault) as sharing:
            by_file = _by_file(desk, vault)
            one, shared, handed = by_file.release(signer, id, sharing, format=cast("Format", written), days=days)
    err.print(f"{shared.released} values of {shared.persons} persons may go to '{shared.recipient}' by {shared.id}.")
    err.print(f"'{one.id}' is {one.state}. Close it once the file was fetched: to close it before stops the file.")
    _show(handed)


def _by_file(desk: LegalDesk, vault: Vault) -> ByFile:
    from troth.accountability.legal.by_file import ByFile
    from troth.gates.share.files.links import Links

    settings = configured()
    return ByFile(desk, Links(vault.store, settings.site or f"http://{settings.host}:{settings.port}"))


def _show(handed: Handed) -> None:
    """The link alone on standard output, so that it can be passed on; what people read beside it."""
    err.print(f"It opens until {handed.until:%Y-%m-%d %H:%M} UTC, for one download.")
    err.print("A running server makes the file, or `troth file make`.")
    err.print("The link is shown this once; whoever fetches by it shows the authority's fetch secret, too:")
    typer.echo(handed.link)
