"""The gate `share` with files: the flagship, a marketing firm under contract with a key, and persons to share."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyrage
from gate_oracle import ACCOUNT, Clock, Gated, gated
from sqlalchemy import text

from troth.conditions import Conditions
from troth.conditions.facts import Contract, Profile
from troth.decision.point import DecisionPoint
from troth.gates.collect import Submission
from troth.gates.share.deciding import Deciding
from troth.gates.share.files.files import Files
from troth.gates.share.files.source import Gate
from troth.gates.share.share import Sharing
from troth.gates.share.wanted import Segment, Shared, Wanted
from troth.people import Identifier
from troth.record.kinds import read_entry

FIRM, OTHER = "marketing-agency", "mail-service"
DATA = ("contact.email", "identity.name")
NOW = datetime(2018, 5, 1, 10, tzinfo=UTC)
MADE = {"file-made", "file-fetched", "file-ended", "withheld"}


class Queue:
    """Takes down what is to be delivered."""

    def __init__(self) -> None:
        self.taken: list[dict] = []
        self.endpoints: set[str] = set()

    def reachable(self, recipient: str) -> bool:
        return recipient in self.endpoints

    def add(self, unit, **what) -> str:
        self.taken.append(what)
        return f"msg_{len(self.taken):032x}"


class Filing(msgspec.Struct):
    """The gate, its files, and the secret key of the firm."""

    at: Gated
    clock: Clock
    policy: object
    conditions: Conditions
    sharing: Sharing
    files: Files
    queue: Queue
    identity: pyrage.x25519.Identity
    secret: str
    folder: Path

    def register(self, *names: str) -> list[Identifier]:
        """Collect the account of some persons."""
        found = []
        for name in names:
            email = f"{name}@example.org"
            fields = ACCOUNT | {"identity.name": name.title(), "contact.email": email, "account.id": email}
            self.at.collecting.collect(
                Submission(statement="registration", fields=fields, product="gototraining", moment="trial")
            )
            found.append(Identifier("email", email))
        return found

    def share(self, whos, format: str = "csv", data: tuple[str, ...] = DATA, recipient: str = FIRM) -> Shared:
        """Share them by a file, to the end of the job."""
        wanted = Wanted(
            recipient=recipient, purpose="marketing.own", data=data, product="gototraining", channel="file",
            format=format,
        )  # fmt: skip
        shared = self.sharing.share(wanted, whos)
        while self.sharing.resume():
            pass
        return shared

    def everybody(self, format: str = "csv") -> Shared:
        return self.share(Segment(), format)

    def row(self, disclosure: str):
        return next(row for row in self.files.list() if row.disclosure == disclosure)

    def on_disk(self) -> list[Path]:
        return sorted(self.files.folder.iterdir()) if self.files.folder.exists() else []

    def plain(self, disclosure: str) -> bytes:
        """What is in a file that was made, read with the firm's key."""
        name = self.row(disclosure).name
        return pyrage.decrypt((self.files.folder / name).read_bytes(), [self.identity])

    def entries(self, *kinds: str) -> list[dict]:
        """The entries of some kinds, in the order of the record."""
        with self.at.store.read() as connection:
            rows = connection.execute(text('SELECT entry FROM leaves ORDER BY "index"')).scalars().all()
        found = [read_entry(bytes(row)) for row in rows]
        return [entry for entry in found if entry["kind"] in (kinds or MADE)]

    def token(self, disclosure: str, **more) -> str:
        link, _ = self.files.links.make(disclosure, by="mary", **more)
        return link.rpartition("/")[2]

    def fetch(self, token: str, who: str = FIRM, start: int | None = None) -> bytes:
        """A whole download."""
        fetch = self.files.fetching.open(token, who, start)
        try:
            return b"".join(fetch.pieces())
        finally:
            fetch.close()


@contextmanager
def filing(
    folder: Path, clock: Clock | None = None, url: str | None = None, ends: datetime | None = None
) -> Iterator[Filing]:
    """The gate over a store in a folder, or another database; the contract ends in a year or at `ends`."""
    clock = clock or Clock(NOW)
    with gated(folder, clock=clock, url=url) as at:
        yield open_filing(at, folder, clock, ends or NOW + timedelta(days=365))


def open_filing(at: Gated, folder: Path, clock: Clock, ends: datetime) -> Filing:
    policy = at.people.policy
    conditions = Conditions(at.store, policy)
    if not conditions.register.facts():
        for name in (FIRM, OTHER):
            conditions.register.add(name, Profile(name=name, kind="processor", countries=("US",)), by="mary")
            terms = Contract(
                id="c1", begins=NOW - timedelta(days=10), ends=ends, accepts="2017-02-01", data=DATA,
                purposes=("marketing.own",), signed=NOW - timedelta(days=10),
            )  # fmt: skip
            conditions.register.add(name, terms, by="mary")
    point, queue = DecisionPoint(policy), Queue()
    sharing = Sharing(at.vault, point, at.index, conditions, queue=queue)
    gate = Gate(Deciding(at.vault, point, at.index, conditions))
    files = Files(at.store, folder / "files", gate, "https://privacy.example.org", queue)
    identity, secret = pyrage.x25519.Identity.generate(), ""
    if not files.keys.list():
        files.keys.register(FIRM, str(identity.to_public()).encode(), by="mary")
        _, secret = files.keys.make_secret(FIRM, by="mary")
    return Filing(at, clock, policy, conditions, sharing, files, queue, identity, secret, folder)
