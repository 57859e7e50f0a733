"""`troth staff`: who may sign what. A private key is made into a file of the person's own, and never kept here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from troth.cli.record import opened_log, opened_store
from troth.cli.terminal import fail, out

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from troth.accountability.legal.desk import Signer
    from troth.accountability.signing import SignedAct
    from troth.accountability.staff import Role, StaffRegister
    from troth.store import Store

staff = typer.Typer(no_args_is_help=True, help="Staff with keys of their own: who may sign what is done.")

Name = Annotated[str, typer.Argument(help="The name of somebody of the staff, such as mary")]
Roles = Annotated[list[str], typer.Option("--role", help="counsel, officer or desk; may be repeated")]
File = Annotated[
    Path | None,
    typer.Option("--file", help="The file of the new private key (default: ~/.config/troth/staff/NAME.pem)"),
]
Passphrase = Annotated[bool, typer.Option("--passphrase", help="Ask for a passphrase, and encrypt the file with it")]
As = Annotated[str | None, typer.Option("--as", help="Who of the staff signs this (default: your login name)")]
Key = Annotated[Path | None, typer.Option("--key", help="Their private key (default: ~/.config/troth/staff/NAME.pem)")]


@staff.command("add")
def add(
    name: Name, role: Roles, file: File = None, passphrase: Passphrase = False, as_: As = None, key: Key = None
) -> None:
    """Add somebody of the staff, with a new key in a file of their own. After the first officer, an officer signs it.

    Example: troth staff add mary --role counsel --as otto
    """
    path = file or key_file(name)

    def work(register: StaffRegister) -> None:
        from troth.accountability.signing import create_key_file

        officers = any("officer" in one.roles and one.retired is None for one in register.everybody())
        new = create_key_file(path, _new_passphrase(path) if passphrase else None)
        public = new.public_key().public_bytes_raw()
        try:
            values: dict[str, object] = {"key": public.hex(), "roles": list(_roles(role))}
            by = _act(register.store, "staff.add", name, values, as_, key) if officers or as_ else None
            made = register.add(name, _roles(role), public, by)
        except BaseException:
            path.unlink()  # a key that nobody knows is of no use to anybody
            raise
        out.print(f"'{made.name}' ({made.id}) signs as {', '.join(made.roles)} from now on, with {path}.")

    _changing(work)


@staff.command("list")
def list_() -> None:
    """List everybody there ever was, with roles, the fingerprint of the key, and since when."""
    from troth.accountability.staff import StaffRegister

    with opened_store() as store:
        everybody = StaffRegister(store).everybody()
    if not everybody:
        out.print("There is nobody. The first of the staff is an officer: `troth staff add NAME --role officer`.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "id", "roles", "key", "since", "state"):
        table.add_column(heading, overflow="fold")
    for one in everybody:
        state = f"retired {one.retired:%Y-%m-%d}" if one.retired is not None else "signs"
        table.add_row(one.name, one.id, ", ".join(one.roles), one.fingerprint, f"{one.since:%Y-%m-%d}", state)
    out.print(table)


@staff.command("rotate")
def rotate(name: Name, file: File = None, passphrase: Passphrase = False, as_: As = None, key: Key = None) -> None:
    """Give somebody a new key in a new file. They sign it with the one they have, or an officer does."""
    path = file or key_file(f"{name}.new")

    def work(register: StaffRegister) -> None:
        from troth.accountability.signing import create_key_file

        new = create_key_file(path, _new_passphrase(path) if passphrase else None)
        public = new.public_key().public_bytes_raw()
        try:
            values: dict[str, object] = {"key": public.hex(), "roles": list(register.find(name).roles)}
            made = register.rotate(name, public, _act(register.store, "staff.rotate", name, values, as_ or name, key))
        except BaseException:
            path.unlink()
            raise
        kept = path
        if file is None:  # the file before is of no use any more
            kept = key_file(name)
            path.replace(kept)
        out.print(f"'{made.name}' signs with {kept} from now on; the key before signs for nothing any more.")

    _changing(work)


@staff.command("role")
def role(name: Name, role: Roles, as_: As = None, key: Key = None) -> None:
    """Give somebody other roles; an officer signs for it, and not for themselves."""

    def work(register: StaffRegister) -> None:
        values: dict[str, object] = {"key": register.find(name).keys[-1].public.hex(), "roles": list(_roles(role))}
        made = register.change(name, _roles(role), _act(register.store, "staff.change", name, values, as_, key))
        out.print(f"'{made.name}' signs as {', '.join(made.roles)} from now on.")

    _changing(work)


@staff.command("retire")
def retire(name: Name, as_: As = None, key: Key = None) -> None:
    """Let somebody sign no longer; an officer signs for it, or they do themselves."""

    def work(register: StaffRegister) -> None:
        one = register.find(name)
        values: dict[str, object] = {"key": one.keys[-1].public.hex(), "roles": list(one.roles)}
        made = register.retire(name, _act(register.store, "staff.retire", name, values, as_, key))
        out.print(f"'{made.name}' signs for nothing from now on. What they signed stays.")

    _changing(work)


# --- shared with the commands of staff --------------------------------------------------------------------------------


def key_file(name: str) -> Path:
    """Where somebody's private key lies unless they say else."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return home / "troth" / "staff" / f"{name}.pem"


def signer_of(store: Store, name: str | None, key: Path | None) -> Signer:
    """Who signs a command, with their key; ends with an error that teaches."""
    from troth.accountability.errors import StaffError
    from troth.accountability.legal.desk import Signer
    from troth.accountability.staff import StaffRegister

    try:
        one = StaffRegister(store).find(name or _login())
        return Signer(one, read_key(one.name, key))
    except StaffError as error:
        fail(str(error))


def read_key(name: str, key: Path | None) -> Ed25519PrivateKey:
    """The private key of somebody. StaffError: it cannot be read."""
    from troth.accountability.signing import read_key_file

    path = key or key_file(name)
    return read_key_file(path, lambda: str(typer.prompt(f"Passphrase of {path}", hide_input=True, err=True)))


def _act(
    store: Store, kind: str, subject: str, values: dict[str, object], name: str | None, key: Path | None
) -> SignedAct:
    from troth.accountability.signing import make_act, sign

    signer = signer_of(store, name, key)
    return sign(make_act(kind, subject, values, store.clock()), signer.staff.id, signer.key)


@contextmanager
def _register() -> Iterator[StaffRegister]:
    from troth.accountability.errors import StaffError
    from troth.accountability.staff import StaffRegister

    with opened_log() as log:
        try:
            yield StaffRegister(log.store)
        except StaffError as error:
            fail(str(error))
        log.sign()


def _changing(work: Callable[[StaffRegister], None]) -> None:
    """Do something to the staff, and sign for its entry."""
    with _register() as register:
        work(register)


def _roles(roles: list[str]) -> list[Role]:
    from troth.accountability.staff import read_roles

    return list(read_roles(roles))


def _new_passphrase(path: Path) -> str:
    return str(typer.prompt(f"A passphrase for {path}", hide_input=True, confirmation_prompt=True, err=True))


def _login() -> str:
    import getpass

    return getpass.getuser()
