"""`troth recipient subscribe`: who is mailed when the list of recipients changes."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from troth.cli.naming import recipient
from troth.cli.opening import opened_vault
from troth.cli.registering import Staff
from troth.cli.terminal import fail, out

if TYPE_CHECKING:
    from troth.web.recipients.subscribing import Subscriptions

__all__ = ["recipient"]

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="An e-mail address")]


@recipient.command("subscribe")
def subscribe(address: Address, staff: Staff = None) -> None:
    """Mail an address whenever the list of recipients changes, such as that of a business customer.

    Example: troth recipient subscribe privacy@customer.example
    """
    with _opened() as subscriptions:
        subscriptions.add(address, by=staff or getpass.getuser())
    out.print(f"{address} is told of what changes from now on.", markup=False)


@recipient.command("unsubscribe")
def unsubscribe(address: Address) -> None:
    """Mail an address no longer."""
    with _opened() as subscriptions:
        subscriptions.end(address)
    out.print(f"{address} is told no longer.", markup=False)


@recipient.command("subscribers")
def subscribers() -> None:
    """List the addresses that are mailed when the list of recipients changes."""
    with _opened() as subscriptions:
        found = subscriptions.all()
    for one in found:
        failing = f", {one.failures} messages not taken" if one.failures else ""
        out.print(f"{one.address}, since {one.created_at:%Y-%m-%d}, by {one.created_by}{failing}", markup=False)
    if not found:
        out.print("Nobody is. `/recipients.atom` can be subscribed to without being on a list.")


@contextmanager
def _opened() -> Iterator[Subscriptions]:
    from troth.conditions import RecipientError, Register
    from troth.web.recipients.subscribing import Subscriptions

    with opened_vault() as vault:
        try:
            yield Subscriptions(vault.people, Register(vault.store, vault.people.policy))
        except RecipientError as error:
            fail(str(error))
