"""The flagship's streams over a store of its own, for tests of who gets mail and of what comes back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

import troth
from troth.decision.point import DecisionPoint
from troth.gates.mail.deciding.mailing import Mailing
from troth.gates.mail.returning.returns import Returns
from troth.gates.mail.streams import Stream, Streams, read_streams
from troth.gates.mail.suppression import Suppression
from troth.people import Identifier, People, open_people
from troth.policy.history import Policy
from troth.store import Store, open_store
from troth.vault import Vault, open_vault

FLAGSHIP = troth.Policy.read(Path(__file__).parents[2] / "examples/citrix-online")
SITE = "https://privacy.example.org"
ANN, BOB, EVE = (f"{name}@example.org" for name in ("ann", "bob", "eve"))


class Clock:
    """A clock that moves when a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


def mail(address: str) -> Identifier:
    return Identifier("email", address)


class Mails(msgspec.Struct):
    """What a test of mail needs."""

    people: People
    vault: Vault
    streams: Streams
    mailing: Mailing
    returns: Returns
    suppression: Suppression
    clock: Clock

    @property
    def newsletter(self) -> Stream:
        return self.streams["newsletter"]

    def reason(self, stream: str, address: str) -> str | None:
        """Why mail of a stream does not go to an address, None if it does."""
        return self.mailing.outcomes(stream, [address])[0]

    def envelope(self, address: str, stream: str = "newsletter") -> str:
        """The envelope sender of a message of a stream to an address."""
        (verdict,) = self.mailing.verdicts(self.streams[stream], [address])
        assert verdict.allowed, verdict.reason
        return f"{verdict.verp}@{verdict.returns}"

    def link(self, address: str, header: str = "List-Unsubscribe") -> str:
        (verdict,) = self.mailing.verdicts(self.newsletter, [address])
        return dict(verdict.headers)[header]

    def states(self, address: str) -> dict[str, str]:
        return {name: row.state for name, row in self.people.current(mail(address)).items()}


@contextmanager
def mails(folder: Path, url: str | None = None, policy: Policy = FLAGSHIP) -> Iterator[Mails]:
    """A store in a folder, or in a database of that URL, with its people."""
    clock = Clock()
    with open_store(url or f"sqlite:///{folder / 'troth.db'}", create=True, clock=clock) as store:
        yield over(store, folder, policy, clock)


def over(store: Store, folder: Path, policy: Policy, clock: Clock) -> Mails:
    people = open_people(store, folder / "keys", policy)
    vault = open_vault(store, people)
    streams = read_streams(None, policy)
    mailing = Mailing(people, DecisionPoint(policy), streams, SITE)
    return Mails(people, vault, streams, mailing, Returns(people, streams), Suppression(people), clock)
