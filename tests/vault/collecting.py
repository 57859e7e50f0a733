"""What the tests put into a vault."""

from collections.abc import Sequence

from troth.people import Identifier
from troth.policy.values import read_period
from troth.vault import NewItem, Origin, Vault

ORIGIN = Origin("registration", "citrix-online", "2015-12-31", "gototraining", "registration")
EMAIL, NAME = "contact.email", "identity.name"


def item(data: str, value: object, keeps: str | None = None, blind: str | None = None) -> NewItem:
    return NewItem(data, value, None if keeps is None else read_period(keeps), blind)


def put(vault: Vault, who: Identifier | str, items: Sequence[NewItem], origin: Origin = ORIGIN) -> tuple[str, int]:
    """Collect from somebody, as a gate does; the person's id and the entry."""

    def work(unit: object) -> tuple[str, int]:
        person = vault.people.resolve(unit, who)
        return person.id, vault.put(unit, person, origin, items)

    return vault.people.write(work)


def account(name: object) -> Identifier:
    return Identifier("account", str(name))


def values(vault: Vault, persons: Sequence[str] | None = None, terms: Sequence[str] = (EMAIL, NAME)) -> list[object]:
    opener = vault.opener()
    return [opener.open(one) for one in vault.read(persons, terms)]
