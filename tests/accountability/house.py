"""What the tests of this room share: a policy, a store with everything open on it, and staff who sign."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from troth.accountability.answers import make_conditions
from troth.accountability.legal.desk import LegalDesk, Signer
from troth.accountability.legal.facts import Approved, Gag, Received, Reviewing, Scope
from troth.accountability.legal.standing import RequestStanding
from troth.accountability.legal.telling import TellingOfRequests
from troth.accountability.letters import Telling
from troth.accountability.signing import SignedAct, make_act, sign
from troth.accountability.staff import StaffRegister
from troth.accountability.terms import Terms
from troth.conditions import Register
from troth.conditions.facts import Profile
from troth.decision.point import DecisionPoint
from troth.gates.share.share import Sharing
from troth.gates.use import Using
from troth.people import ChoiceIndex, Identifier, People, open_people
from troth.policy.history import Policy
from troth.policy.reading import parse_version
from troth.store import Store, open_store
from troth.vault import NewItem, Origin, Vault, open_vault

DAY = timedelta(days=1)
START = datetime(2026, 5, 1, 10, tzinfo=UTC)
DOCUMENT = "a" * 64

POLICY = """\
policy: small
title: Small
effective: 2020-01-01
publisher: {name: Small Ltd, address: 1 Lane, email: privacy@small.example, country: DE}
covers:
  shop: {name: Shop, site: https://shop.example, product: true}
  club: {name: Club, site: https://club.example, product: true}
recipients:
  buyer: {name: Buyer Inc., kind: third_party.successor, country: US}
choices:
  moving: {says: You may stay behind when the business is sold., model: opt-out}
collects:
  registration:
    says: We ask for your name and address.
    data: [identity.name, contact.email, usage.clickstream]
    for: [service.register, service.notice]
    basis: contract
shares:
  authorities:
    says: We give data to authorities when the law requires it.
    data: [identity, contact, usage]
    with: authority
    for: legal.comply
    given: legal-process
    must: minimise
  danger:
    says: We give data to the police when a life is in danger.
    data: [identity, contact]
    with: authority
    for: legal.disputes
    given: emergency
  successor:
    says: If our business is sold, your data moves with it, unless you say no.
    data: [identity, contact, usage]
    with: third_party.successor
    for: service
    given: acquisition
    unless: moving
    must: notify-before
"""


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Box:
    """A post that keeps what it is given; `broken` makes it take nothing."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []
        self.broken = False

    def send(self, message: EmailMessage) -> None:
        if self.broken:
            raise OSError("The mail server is away.")
        self.sent.append(message)


def read_policy() -> Policy:
    return Policy([parse_version(POLICY.encode(), "small.yaml")])


def account(name: str) -> Identifier:
    return Identifier("account", name)


class House(msgspec.Struct):
    """Everything that is open in a test."""

    store: Store
    policy: Policy
    clock: Clock
    people: People
    vault: Vault
    index: ChoiceIndex
    sharing: Sharing
    desk: LegalDesk
    telling: TellingOfRequests
    box: Box
    staff: dict[str, Signer]
    terms: Terms
    folder: Path

    def person(self, name: str, *, email: bool = True, product: str | None = None) -> str:
        """Somebody of whom a name, clicks and perhaps an address are held; the id."""
        origin = Origin("registration", "small", "2020-01-01", product, None)
        items = [NewItem("identity.name", name), NewItem("usage.clickstream", f"clicks of {name}")]
        if email:
            items.append(NewItem("contact.email", f"{name}@example.org"))

        def work(unit) -> str:
            person = self.people.resolve(unit, account(name))
            self.vault.put(unit, person, origin, items)
            return person.id

        return self.people.write(work)

    def request(self, *names: str, by: str = "dora", gag: Gag | None = None, **more: object) -> RequestStanding:
        """A request about persons by their accounts."""
        scope = Scope(**{"data": ("identity.name",), "persons": 0, **more.pop("scope", {})})  # type: ignore[dict-item]
        usual = {"authority": "court", "process": "court-order", "basis": "18 U.S.C. 2703(d)", "document": DOCUMENT,
                 "purpose": "legal.comply", "scope": scope, "gag": gag}  # fmt: skip
        return self.desk.receive(self.staff[by], Received(**{**usual, **more}), [account(name) for name in names])

    def approved(self, id: str) -> RequestStanding:
        """The request, reviewed and approved by two."""
        self.desk.do(self.staff["cara"], id, Reviewing())
        self.desk.do(self.staff["cara"], id, Approved())
        return self.desk.do(self.staff["otto"], id, Approved())


@contextmanager
def opened(url: str, folder: Path, terms: Terms | None = None) -> Iterator[House]:
    clock, policy, terms = Clock(), read_policy(), terms or Terms()
    with open_store(url, create=True, clock=clock) as store:
        people = open_people(store, folder / "keys", policy)
        vault = open_vault(store, people)
        point = DecisionPoint(policy)
        index = ChoiceIndex(people, point, monotonic=lambda: 0.0)  # never too old, however slow the machine
        index.catch_up()
        Register(store, policy).add("court", Profile(name="District Court", kind="authority"), by="mary")
        Register(store, policy).add("buyer", Profile(name="Buyer Inc.", kind="third_party.successor"), by="mary")
        sharing = Sharing(vault, point, index, make_conditions(store, policy, terms))
        desk, box = LegalDesk(vault, policy, terms), Box()
        using = Using(vault, point, index)
        telling = Telling(using, lambda: policy.versions[-1], box, "https://small.example/choices")
        staff = employed(
            store, {"otto": "officer", "cara": "counsel", "carl": "counsel", "olga": "officer", "dora": "desk"}
        )
        yield House(
            store, policy, clock, people, vault, index, sharing, desk,
            TellingOfRequests(desk.requests, policy, terms, telling), box, staff, terms, folder,
        )  # fmt: skip


def employed(store: Store, roles: dict[str, str]) -> dict[str, Signer]:
    """Staff, each with one role; the first is an officer, who signs for the others."""
    register, found = StaffRegister(store), dict[str, Signer]()
    for name, role in roles.items():
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        by = None
        if found:
            by = act(store, next(iter(found.values())), "staff.add", name, {"key": public.hex(), "roles": [role]})
        found[name] = Signer(register.add(name, [role], public, by), key)
    return found


def act(store: Store, signer: Signer, kind: str, subject: str, values: dict[str, object]) -> SignedAct:
    return sign(make_act(kind, subject, values, store.clock()), signer.staff.id, signer.key)
