"""The gate `share` for the tests: the flagship with a card processor under contract, and a queue that is a list."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from gate_oracle import FLAGSHIP, Clock, Gated, gated
from sqlalchemy import text

from troth.conditions import Conditions
from troth.conditions.facts import Contract, Profile, Terminated
from troth.decision.point import DecisionPoint
from troth.gates.collect import Submission
from troth.gates.share.share import Sharing
from troth.gates.share.wanted import Wanted
from troth.people import Identifier
from troth.policy.history import Policy
from troth.store import Unit

CARDS, MAIL, PARTNER = "card-processor", "mail-service", "co-brand-partner"
PAY = Wanted(recipient=CARDS, purpose="service.payment", data=("payment.card",))
NEWS = Wanted(recipient=MAIL, purpose="marketing.own", data=("contact.email",))


class ListQueue:
    """A queue that notes what is put into it; nobody is out of reach but those named."""

    def __init__(self) -> None:
        self.added: list[tuple[str, str, str, int]] = []
        self.away: set[str] = set()

    def reachable(self, recipient: str) -> bool:
        return recipient not in self.away

    def add(self, unit: Unit, *, kind, recipient, disclosure=None, batch=None, body=None, endpoint=None) -> str:
        assert body is None
        self.added.append((kind, recipient, disclosure, batch))
        return f"msg_{len(self.added)}"


class Sharer(msgspec.Struct):
    """The gate and what it stands on."""

    gates: Gated
    conditions: Conditions
    sharing: Sharing
    queue: ListQueue
    clock: Clock

    @property
    def store(self):
        return self.gates.store

    @property
    def people(self):
        return self.gates.people

    def collect(self, who: Identifier, statement: str = "trial-card", **fields: object) -> str:
        """Collect from somebody; the person's id. Without fields, the token of a card."""
        given = {name.replace("__", "."): value for name, value in fields.items()}
        moment = "trial" if statement == "trial-card" else None
        given = given or {"payment.card": f"tok_{who.value.partition('@')[0]}_visa"}
        submission = Submission(statement=statement, fields=given, who=who, moment=moment)
        return self.gates.collecting.collect(submission).person

    def register(self, who: Identifier) -> str:
        """Register an account with an address."""
        fields = {
            "identity.name": "N", "contact.email": who.value, "account.id": who.value,
            "account.password": "$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0",
        }  # fmt: skip
        submission = Submission(statement="registration", fields=fields, product="gototraining", moment="trial")
        return self.gates.collecting.collect(submission).person

    def contract(self, recipient: str = CARDS, *, ends: datetime | None = None, **more: object) -> None:
        """Register a recipient of the flagship with a contract that is in force."""
        said = {
            CARDS: (("payment.card", "identity.name"), ("service.payment",)),
            MAIL: (("contact.email", "identity.name"), ("marketing.own", "service.notice")),
        }[recipient]
        add, now = self.conditions.register.add, self.clock()
        if recipient not in self.conditions.register.standing():
            add(recipient, Profile(name=recipient, kind="processor", countries=("US",)), by="mary")
        number = len(self.conditions.register.standing()[recipient].contracts)
        terms = Contract(
            id=f"c{number}", begins=now, ends=ends, accepts="2017-02-01", data=said[0], purposes=said[1], signed=now,
        )  # fmt: skip
        add(recipient, msgspec.structs.replace(terms, **more), by="mary")

    def end(self, recipient: str = CARDS, contract: str = "c0") -> None:
        """Terminate a contract now."""
        now = self.clock()
        said = Terminated(contract=contract, on=now, owed="delete", due=now)
        self.conditions.register.add(recipient, said, by="mary")

    def rows(self, sql: str, **values: object) -> list:
        with self.store.read() as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]


@contextmanager
def sharer(
    folder: Path,
    policy: Policy = FLAGSHIP,
    clock: Clock | None = None,
    url: str | None = None,
    pragmas: dict[str, str] | None = None,
    **others: object,
) -> Iterator[Sharer]:
    """The gate on a store in a folder, or on another database; `others` answer for conditions."""
    clock = clock or Clock(datetime(2018, 5, 1, 10, tzinfo=UTC))
    with gated(folder, policy, clock, url, pragmas) as gates:
        conditions = Conditions(gates.store, policy, {name.replace("_", "-"): one for name, one in others.items()})
        queue = ListQueue()
        sharing = Sharing(gates.vault, DecisionPoint(policy), gates.index, conditions, queue=queue)
        yield Sharer(gates, conditions, sharing, queue, clock)
