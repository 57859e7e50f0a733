"""`troth endpoint`: where recipients take deliveries, and the keys that sign them."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from troth.cli.opening import opened_people
from troth.cli.recipient import day
from troth.cli.terminal import Format, configured, err, fail, out

if TYPE_CHECKING:
    from troth.gates.delivery.endpoints import Endpoint, Endpoints

endpoint = typer.Typer(no_args_is_help=True, help="Where recipients take deliveries, and the keys that sign them.")

Id = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The id of the endpoint, `ep_…`")]
AckKey = Annotated[
    str | None, typer.Option("--ack-key", help="The recipient's public key for acknowledgements, `whpk_…`")
]


@endpoint.command("add")
def add(
    recipient: Annotated[str, typer.Argument(metavar="RECIPIENT", help="The id of the recipient")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Where it takes deliveries, https://…")],
    method: Annotated[str, typer.Option("--method", help="v1: a shared secret; v1a: a key pair (Ed25519)")] = "v1",
    ack_key: AckKey = None,
    staff: Annotated[str | None, typer.Option("--staff", help="Who does this (default: your login name)")] = None,
) -> None:
    """Add an endpoint, and print what the recipient verifies with: the secret, once, or the public key.

    Example: troth endpoint add card-processor https://hooks.cards.example/troth
    """
    from troth.gates.delivery.signing import METHODS

    known = {one: one for one in METHODS}
    if method not in known:
        fail(f"There is no method '{method}'.", "v1 signs with a shared secret, v1a with a key pair.")
    with _opened(write=True) as endpoints:
        _check_recipient(endpoints, recipient)
        found, shown = endpoints.add(
            recipient, url, by=staff or getpass.getuser(), method=known[method], ack_key=ack_key
        )
    _tell(found, shown)


@endpoint.command("list")
def list_(
    recipient: Annotated[str | None, typer.Option("--recipient", help="Of one recipient only")] = None,
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """List the endpoints, with what became of them.

    Example: troth endpoint list --format json
    """
    with _opened() as endpoints:
        found = endpoints.list(recipient)
    if format is Format.json:
        import msgspec

        out.file.write(msgspec.json.encode(found).decode() + "\n")
        return
    if not found:
        out.print("There is no endpoint. `troth endpoint add` adds one.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("endpoint", "recipient", "state", "method", "URL", "failing since (UTC)", "why"):
        table.add_column(heading, overflow="fold")
    for one in found:
        state = Text(one.state, style="green" if one.state == "enabled" else "red")
        table.add_row(one.id, one.recipient, state, one.method, one.url, day(one.failing_since), one.why or "")
    out.print(table)


@endpoint.command("rotate")
def rotate(
    id: Id,
    overlap: Annotated[float, typer.Option("--overlap", help="For how many hours the key before signs, too")] = 24,
) -> None:
    """Give an endpoint a new key and print what verifies it. Messages bear both signatures for a while.

    Example: troth endpoint rotate ep_0123456789abcdef --overlap 48
    """
    with _opened(write=True) as endpoints:
        found, shown = endpoints.rotate(id, timedelta(hours=overlap))
    _tell(found, shown)


@endpoint.command("ack-key")
def set_ack_key(
    id: Id,
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="The public key, `whpk_…`; none: the secret")] = None,
) -> None:
    """Change the key with which the recipient signs that it received something.

    Without one it signs with the shared secret, where there is one.
    """
    with _opened(write=True) as endpoints:
        found = endpoints.set_ack_key(id, key)
    signs = "a key of its own" if found.ack_key else "the shared secret"
    out.print(f"'{found.recipient}' signs with {signs} what it receives at {found.id}.")


@endpoint.command("disable")
def disable(
    id: Id, why: Annotated[str | None, typer.Option("--why", help="A reason; it is not put into the record")] = None
) -> None:
    """Deliver nothing to an endpoint any more. What waits for it waits, for about three days."""
    with _opened(write=True) as endpoints:
        found = endpoints.disable(id, why)
    out.print(f"The endpoint {found.id} of '{found.recipient}' is disabled.")


@endpoint.command("enable")
def enable(id: Id) -> None:
    """Deliver to an endpoint again, after it was disabled by you, by the recipient (410), or since it failed."""
    with _opened(write=True) as endpoints:
        found = endpoints.enable(id)
    out.print(f"The endpoint {found.id} of '{found.recipient}' is enabled.")


def _check_recipient(endpoints: Endpoints, recipient: str) -> None:
    """End with an error unless the policy declares a recipient, or one is registered under that id."""
    from troth.cli.recipient import policy_of
    from troth.conditions import RecipientError, Register
    from troth.policy.problems import nearest

    policy = policy_of(endpoints.store)
    try:
        registered = Register(endpoints.store, policy).standing()
    except RecipientError as error:
        fail(str(error))
    known = dict.fromkeys([*registered, *(one.id for version in policy.versions for one in version.recipients)])
    if recipient not in known:
        near = nearest(recipient, list(known))
        hint = f" Did you mean '{near}'?" if near else ""
        fail(
            f"The policy declares no recipient '{recipient[:100]}', and none is registered.{hint}",
            "`troth recipient propose` registers one.",
        )


def _tell(found: Endpoint, shown: str) -> None:
    """Print what verifies on standard output alone, so that it can be piped to where it belongs."""
    if found.method == "v1":
        err.print(Text("The secret of the endpoint, which is not shown again. Hand it to the recipient:", style="bold"))
    else:
        err.print(Text("The public key that verifies its messages. Hand it to the recipient:", style="bold"))
    out.file.write(f"{shown}\n")
    err.print(Text(f"Endpoint {found.id} of '{found.recipient}': {found.url}"))


@contextmanager
def _opened(*, write: bool = False) -> Iterator[Endpoints]:
    """The endpoints of the configured store; ends with an error that names the remedy."""
    from troth.gates.delivery.addresses import AddressError
    from troth.gates.delivery.endpoints import EndpointError, Endpoints
    from troth.gates.delivery.signing import KeyTextError

    with opened_people(write=write) as people:
        try:
            yield Endpoints(people.store, people, loopback=configured().deliver_to_loopback)
        except (AddressError, EndpointError, KeyTextError) as error:
            fail(str(error))
