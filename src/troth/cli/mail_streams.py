"""`troth mail stream` and `troth mail credential`: the kinds of mail there are, and who may submit them."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from troth.cli.record import opened_log, opened_store
from troth.cli.terminal import Format, configured, err, fail, out, read_policy

if TYPE_CHECKING:
    from troth.gates.mail.streams import Stream, Streams
    from troth.gates.mail.taking.credentials import Credentials
    from troth.policy.history import Policy

stream = typer.Typer(no_args_is_help=True, help="The streams of mail, as they are configured.")
credential = typer.Typer(no_args_is_help=True, help="Credentials to submit mail with; each is for one stream.")

Staff = Annotated[str | None, typer.Option("--staff", help="Who of your staff does this (default: your login name)")]


def streams_of(policy: Policy) -> Streams:
    """The configured streams under a policy; ends with an error that names the place."""
    from troth.gates.mail.streams import StreamError, read_streams

    try:
        return read_streams(configured().streams, policy)
    except StreamError as error:
        fail(str(error))


@stream.command("list")
def list_(format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text) -> None:
    """List the streams: whether each is marketing, what it is for, and what a recipient can refuse of it."""
    import msgspec

    from troth.gates.mail.suppression import scope_of_stream

    policy = _policy()
    streams = streams_of(policy)
    version = policy.versions[-1]
    if format is Format.json:
        found = [{**msgspec.structs.asdict(one), "marketing": one.is_marketing(version)} for one in streams.values()]
        out.file.write(msgspec.json.encode(found).decode() + "\n")
        return
    if not streams:
        out.print("There are no streams. A table [streams.NAME] in troth.toml makes one.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("stream", "kind", "purpose", "product", "from", "refused by"):
        table.add_column(name, overflow="fold")
    for one in streams.values():
        marketing = one.is_marketing(version)
        kind = "marketing" if marketing else "service"
        refused = scope_of_stream(one, version) if marketing else "nothing"
        table.add_row(
            one.id, kind + (", strict" if one.strict else ""), one.purpose, one.product or "", ", ".join(one.domains),
            refused,
        )  # fmt: skip
    out.print(table)


# --- credentials ------------------------------------------------------------------------------------------------------


@credential.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="STREAM", help="The id of the stream")], staff: Staff = None
) -> None:
    """Make a credential for a stream, and print its password, this once. The user name is the stream's.

    Example: troth mail credential create newsletter
    """
    found = _stream(streams_of(_policy()), name)
    with _changing() as credentials:
        made, secret = credentials.create(found, by=staff or getpass.getuser())
    err.print(f"The credential {made.id} submits mail of the stream '{made.stream}'. User name: {made.stream}")
    err.print("This is its password. It is shown this once and kept nowhere:")
    typer.echo(secret)


@credential.command("list")
def list_credentials() -> None:
    """List the credentials there are and were, and how each stands. Their passwords are kept nowhere."""
    from troth.gates.mail.taking.credentials import Credentials

    with opened_store() as store:
        found = Credentials(store).list()
    if not found:
        out.print("There are no credentials. `troth mail credential create STREAM` makes one.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "stream", "made", "by", "state"):
        table.add_column(name, overflow="fold")
    for one in found:
        state = "counts" if one.revoked_at is None else f"revoked {one.revoked_at:%Y-%m-%d}"
        table.add_row(one.id, one.stream, f"{one.created_at:%Y-%m-%d}", one.created_by, state)
    out.print(table)


@credential.command("revoke")
def revoke(id: Annotated[str, typer.Argument(metavar="ID", help="The id of the credential")]) -> None:
    """Revoke a credential. It counts no longer, at once and in every process."""
    with _changing() as credentials:
        one = credentials.revoke(id)
    out.print(f"The credential {one.id} of the stream '{one.stream}' is revoked.")


# --- inside -----------------------------------------------------------------------------------------------------------


@contextmanager
def _changing() -> Iterator[Credentials]:
    """The credentials of the configured store, for a change; its entry is signed for before it ends."""
    from troth.gates.mail.taking.credentials import CredentialError, Credentials

    with opened_log() as log:
        try:
            yield Credentials(log.store)
        except CredentialError as error:
            fail(str(error))
        log.sign()


def _policy() -> Policy:
    """The published policy, or the configured one where nothing is published yet."""
    from troth.cli.record import store_exists

    return (_published() if store_exists() else None) or read_policy(None)


def _published() -> Policy | None:
    from troth.policy.problems import PolicyError
    from troth.record.published import published_policy
    from troth.store import StoreError

    with opened_store() as store:
        try:
            return published_policy(store)
        except (PolicyError, StoreError) as error:
            fail(str(error))


def _stream(streams: Streams, name: str) -> Stream:
    from troth.gates.mail.streams import StreamError

    try:
        return streams.find(name)
    except StreamError as error:
        fail(str(error))
