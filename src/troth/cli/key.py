"""`troth key`: the keys of services, made, listed, rotated and revoked. Nothing of this can be done over HTTP."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from troth.cli.record import opened_log, opened_store
from troth.cli.terminal import err, fail, out, read_policy

if TYPE_CHECKING:
    from troth.gates.scope import Scope
    from troth.gates.services import ServiceKey, ServiceKeys
    from troth.policy.history import Policy
    from troth.store import Store

key = typer.Typer(no_args_is_help=True, help="The keys of services: who may ask the server, and for what.")

Name = Annotated[str, typer.Argument(metavar="KEY", help="The name of the key, or its id")]
Staff = Annotated[str | None, typer.Option("--staff", help="Who of your staff does this (default: your login name)")]


@contextmanager
def _changing() -> Iterator[ServiceKeys]:
    """The keys of the configured store, for a change; its entry is signed for before it ends."""
    from troth.gates.services import ServiceKeyError, ServiceKeys

    with opened_log() as log:
        try:
            yield ServiceKeys(log.store)
        except ServiceKeyError as error:
            fail(str(error))
        log.sign()


@key.command("create")
def create(
    name: Annotated[str, typer.Argument(help="The name of the service, such as newsletter")],
    action: Annotated[list[str] | None, typer.Option("--action", help="An action that it may ask for")] = None,
    purpose: Annotated[list[str] | None, typer.Option("--purpose", help="A purpose, and all below it")] = None,
    data: Annotated[list[str] | None, typer.Option("--data", help="A data term, and all below it")] = None,
    product: Annotated[list[str] | None, typer.Option("--product", help="A covered site or product")] = None,
    statement: Annotated[list[str] | None, typer.Option("--statement", help="A statement to collect under")] = None,
    recipient: Annotated[list[str] | None, typer.Option("--recipient", help="A recipient to share with, by id")] = None,
    staff: Staff = None,
) -> None:
    """Make a key for a service and print its secret, which is shown this once.

    Each option may be repeated; '*' means all. What is not named, the service may not ask for. Example:
    troth key create newsletter --action use --purpose marketing.own --data contact.email --product '*'
    """
    from troth.conditions import Register
    from troth.gates.scope import Scope, ScopeError, check_scope

    named = (action, purpose, data, product, statement, recipient)
    scope = Scope(*(tuple(dict.fromkeys(one or ())) for one in named))
    _check_use(scope)
    with _changing() as keys:
        try:
            policy = _policy(keys.store)
            check_scope(scope, policy, Register(keys.store, policy).standing())
        except ScopeError as error:
            fail(str(error))
        made, secret = keys.create(name, scope, by=staff or getpass.getuser())
    _show(secret, f"The key '{made.name}' ({made.id}) is made. It may ask for: {_words(made)}.")
    err.print("From now on every call of /access and /v1 needs a key.")


@key.command("list")
def list_() -> None:
    """List the keys there ever were, and what each is for; never a secret."""
    from troth.gates.services import ServiceKeys

    with opened_store() as store:
        keys = ServiceKeys(store).list()
        now = store.clock()
    if not keys:
        out.print("There is no key. On this machine everything is open; `troth key create` makes one.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("id", "name", "may ask for", "made (UTC)", "state"):
        table.add_column(heading, overflow="fold")
    for one in keys:
        table.add_row(one.id, one.name, _words(one), f"{_day(one.created_at)} by {one.created_by}", _state(one, now))
    out.print(table)


@key.command("rotate")
def rotate(
    name: Name,
    overlap: Annotated[int, typer.Option("--overlap", min=0, help="For how many hours the old one counts too")] = 24,
) -> None:
    """Give a key a new secret and print it, this once. The one before counts for a day longer, unless you say else."""
    with _changing() as keys:
        made, secret = keys.rotate(name, timedelta(hours=overlap))
    until = f"until {made.overlap_until:%Y-%m-%d %H:%M} UTC" if overlap else "no longer"
    _show(secret, f"The key '{made.name}' ({made.id}) has a new secret. The one before counts {until}.")


@key.command("revoke")
def revoke(name: Name) -> None:
    """Revoke a key: it counts no longer from now on, in every process, and never again."""
    with _changing() as keys:
        gone = keys.revoke(name)
        left = keys.any()
    out.print(f"The key '{gone.name}' ({gone.id}) is revoked.")
    if not left:
        err.print("It was the last one. A server that listens on this machine alone is open again; any other refuses.")


def _policy(store: Store) -> Policy:
    from troth.record.published import published_policy

    return published_policy(store) or read_policy(None)


def _check_use(scope: Scope) -> None:
    """End with an error when a key could ask for nothing."""
    from troth.decision.question import GIVING
    from troth.gates.scope import ALL

    if not scope.actions:
        fail("Without --action the key may ask for nothing.", "Name actions, such as --action use, or --action '*'.")
    collects = bool(scope.statements) and scope.actions == ("collect",)
    for option, names in (("--purpose", scope.purposes), ("--data", scope.data), ("--product", scope.products)):
        if not names and (option == "--product" or not collects):
            fail(f"Without {option} the key may ask for nothing.", f"Name what it is for, or say {option} '*' for all.")
    if not scope.recipients and {ALL, *GIVING} & set(scope.actions):
        fail(
            "Without --recipient the key may share with nobody.",
            "Name recipients by their ids (`troth recipient list` has them), or say --recipient '*' for all.",
        )
    if scope.recipients and not {ALL, *GIVING} & set(scope.actions):
        fail("The key gives nothing to anybody, so --recipient says nothing.", "Add --action share, or leave it out.")


def _show(secret: str, told: str) -> None:
    """The secret alone on standard output, so that it can be passed on; what people read beside it."""
    err.print(told)
    err.print("This is its secret. It is shown this once and kept nowhere; send it as `Authorization: Bearer …`:")
    typer.echo(secret)


def _words(one: ServiceKey) -> str:
    from troth.gates.scope import DIMENSIONS

    told = [f"{name} {', '.join(some)}" for name in DIMENSIONS if (some := getattr(one.scope, name))]
    return "; ".join(told) or "nothing"


def _state(one: ServiceKey, now: datetime) -> str:
    if one.revoked_at is not None:
        return f"revoked {_day(one.revoked_at)}"
    if one.overlap_until is not None and now < one.overlap_until:
        return f"two secrets until {one.overlap_until:%Y-%m-%d %H:%M}"
    return "counts" if one.rotated_at is None else f"counts, rotated {_day(one.rotated_at)}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
