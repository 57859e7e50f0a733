"""A vault with its gates for the tests, under the flagship or another policy, with a clock that a test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

import troth
from troth.decision.point import DecisionPoint
from troth.gates.collect import Collecting
from troth.gates.use import Using
from troth.people import ChoiceIndex, Identifier, People, open_people
from troth.policy.history import Policy
from troth.store import Store, open_store
from troth.vault import Vault, open_vault

EXAMPLE = Path(__file__).parents[2] / "examples" / "citrix-online"
FLAGSHIP = troth.Policy.read(EXAMPLE)
ANN, BOB = Identifier("email", "ann@example.org"), Identifier("email", "bob@example.org")
HASH = "$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0"
ACCOUNT = {
    "identity.name": "Ann", "contact.email": ANN.value, "account.id": ANN.value, "account.password": HASH,
}  # fmt: skip


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2018, 5, 1, 10, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Gated(msgspec.Struct):
    """Both gates and what they stand on."""

    store: Store
    people: People
    vault: Vault
    index: ChoiceIndex
    collecting: Collecting
    using: Using
    clock: Clock


@contextmanager
def gated(
    folder: Path,
    policy: Policy = FLAGSHIP,
    clock: Clock | None = None,
    url: str | None = None,
    pragmas: dict[str, str] | None = None,
) -> Iterator[Gated]:
    """The gates on a store in a folder, or on another database."""
    clock = clock or Clock()
    with open_store(url or f"sqlite:///{folder / 'troth.db'}", create=True, clock=clock, pragmas=pragmas) as store:
        people = open_people(store, folder / "keys", policy)
        vault = open_vault(store, people)
        point = DecisionPoint(policy)
        index = ChoiceIndex(people, point, limit=3600)
        yield Gated(store, people, vault, index, Collecting(vault, point), Using(vault, point, index), clock)
        index.close()
