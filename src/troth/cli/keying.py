"""`troth recipient key`: what a recipient's files are encrypted to, and the secret with which it fetches them."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from troth.cli.recipient import Id, day, policy_of
from troth.cli.record import opened_log, opened_store
from troth.cli.terminal import Format, err, fail, out

if TYPE_CHECKING:
    from troth.gates.share.files.recipient_keys import RecipientKey, RecipientKeys
    from troth.store import Store


def key(
    id: Id,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A file with its public key: age, SSH or OpenPGP")
    ] = None,
    fetch_secret: Annotated[
        bool, typer.Option("--fetch-secret", help="Make a new secret with which it fetches files, and print it")
    ] = False,
    end: Annotated[str | None, typer.Option("--end", metavar="KEY", help="End a key, by its id")] = None,
    staff: Annotated[
        str | None, typer.Option("--staff", help="Who of your staff does this (default: your login name)")
    ] = None,
) -> None:
    """Register the key of a recipient that its files are encrypted to. The one before has ended then.

    Make sure first that the key is the recipient's: read its fingerprint to somebody there. Example:
    troth recipient key card-processor cards.age.pub
    """
    from troth.gates.share.files.encrypting import EncryptionError
    from troth.gates.share.files.recipient_keys import RecipientKeyError, RecipientKeys

    if (file is not None) + fetch_secret + (end is not None) != 1:
        fail(
            "Say what to do with the key, one of the three.",
            f"troth recipient key {id} FILE registers one; --fetch-secret makes a secret; --end KEY ends one.",
        )
    by, secret = staff or getpass.getuser(), None
    with opened_log() as log:
        _check_known(log.store, id)
        keys = RecipientKeys(log.store)
        try:
            if file is not None:
                found = keys.register(id, _bytes_of(file), by=by)
            elif fetch_secret:
                found, secret = keys.make_secret(id, by=by)
            else:
                _check_own(keys, id, str(end))
                found = keys.end(str(end))
        except (EncryptionError, RecipientKeyError) as error:
            fail(str(error))
        log.sign()
    if secret is not None:
        err.print(f"'{id}' fetches its files with a new secret ({found.id}); the one before counts no longer.")
        err.print("It is shown this once and kept nowhere; hand it over safely:")
        typer.echo(secret)
    elif end is not None:
        out.print(f"The key {found.id} of '{id}' has ended.")
    else:
        assert found.public is not None  # noqa: S101 - it was registered from a file
        told = f"Files for '{id}' are encrypted to its {found.sort} key {found.public.fingerprint} ({found.id})"
        out.print(f"{told}; entry {found.leaf} of the record.")


def keys(
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """List the keys of recipients there ever were; never a secret."""
    from rich.table import Table

    from troth.gates.share.files.recipient_keys import RecipientKeys

    with opened_store() as store:
        found = RecipientKeys(store).list()
    if format is Format.json:
        import msgspec

        out.file.write(msgspec.json.encode([_as_json(one) for one in found]).decode() + "\n")
        return
    if not found:
        out.print("No recipient has a key. `troth recipient key RECIPIENT FILE` registers one.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("key", "recipient", "for", "fingerprint", "registered (UTC)", "state"):
        table.add_column(heading, overflow="fold")
    for one in found:
        fingerprint = one.public.fingerprint if one.public is not None else ""
        what = f"files ({one.sort})" if one.public is not None else "fetching"
        state = "counts" if one.ended_at is None else f"ended {day(one.ended_at)}"
        table.add_row(one.id, one.recipient, what, fingerprint, f"{day(one.created_at)} by {one.created_by}", state)
    out.print(table)


def _as_json(one: RecipientKey) -> dict[str, object]:
    from troth.policy.values import write_moment

    return {
        "id": one.id,
        "recipient": one.recipient,
        "sort": one.sort,
        "fingerprint": one.public.fingerprint if one.public is not None else None,
        "registered": write_moment(one.created_at),
        "by": one.created_by,
        "ended": None if one.ended_at is None else write_moment(one.ended_at),
    }


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.", "Name the file with the recipient's public key.")


def _check_known(store: Store, id: str) -> None:
    """End with an error that names the nearest recipient, unless one of that id is declared or registered."""
    from troth.conditions import Register
    from troth.policy.problems import nearest

    policy = policy_of(store)
    declared = (entry.id for version in policy.versions for entry in version.recipients)
    names = list(dict.fromkeys([*declared, *Register(store, policy).standing()]))
    if id not in names:
        near = nearest(id, names)
        hint = f" Did you mean '{near}'?" if near else ""
        fail(f"'{id}' is no recipient.{hint}", "`troth recipient propose` registers one.")


def _check_own(keys: RecipientKeys, id: str, end: str) -> None:
    if not any(one.id == end and one.recipient == id for one in keys.list()):
        fail(f"'{id}' has no key '{end}'.", "`troth recipient keys` lists them.")
