"""Opening the people and the vault of the configured store, for the commands about persons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from troth.cli.record import opened_log, opened_store, published_in
from troth.cli.terminal import configured, fail

if TYPE_CHECKING:
    from troth.people import Identifier, People
    from troth.policy.history import Policy
    from troth.store import Store
    from troth.vault import Vault


def read_who(text: str, place: str = "WHO") -> Identifier | str:
    """Who is meant by an argument; ends with an error that names it."""
    from troth.people.errors import IdentifierError
    from troth.people.identifiers import parse_who

    try:
        return parse_who(text, bare=True)
    except IdentifierError as error:
        fail(f"{place}: {error}")


def vault_in(store: Store, policy: Policy, *, begin: bool = False) -> Vault:
    """The vault of a store, with its people; ends with an error that names the remedy when it cannot be opened."""
    from troth.people import PeopleError, open_people
    from troth.store import StoreError
    from troth.vault import VaultError, open_vault
    from troth.vault.choosing import key_provider

    configuration = configured()
    try:
        provider = key_provider(configuration.vault, configuration.keys)
        return open_vault(store, open_people(store, configuration.keys, policy), provider, begin=begin)
    except (PeopleError, VaultError, StoreError, OSError) as error:
        fail(str(error))


@contextmanager
def opened_vault(*, write: bool = False) -> Iterator[Vault]:
    """The vault of the configured store; what is changed with `write` is signed for before it ends."""
    if not write:
        with opened_store() as store, _vault_in(store, False) as found:
            yield found
        return
    with opened_log() as log:
        with _vault_in(log.store, True) as found:
            yield found
        log.sign()


@contextmanager
def opened_people(*, write: bool = False) -> Iterator[People]:
    """The people of the configured store, in the same way."""
    with opened_vault(write=write) as vault:
        yield vault.people


@contextmanager
def _vault_in(store: Store, begin: bool) -> Iterator[Vault]:
    from troth.people import PeopleError
    from troth.policy.problems import PolicyError
    from troth.record.errors import RecordError
    from troth.vault import VaultError

    policy = published_in(store, "there are no choices")
    try:
        yield vault_in(store, policy, begin=begin)
    except (PeopleError, RecordError, PolicyError, VaultError) as error:
        fail(str(error))
