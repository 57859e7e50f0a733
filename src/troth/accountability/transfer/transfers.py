"""The transfers in a store: planned and called off by signed acts, told of by themselves, and asked as a condition."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import bindparam, exists, select

from troth.accountability import notices
from troth.accountability.errors import CaseError
from troth.accountability.ledger import Ledger
from troth.accountability.letters import Letter, Telling
from troth.accountability.signing import make_act, sign
from troth.accountability.staff import Role, Staff, StaffRegister
from troth.accountability.transfer.facts import (
    SORT,
    WHATS,
    Cancelled,
    Everybody,
    Planned,
    Said,
    Told,
    TransferStanding,
    standing,
)
from troth.conditions.lacks import Sharing
from troth.conditions.register import Register
from troth.conditions.stated import covered, path_of, statements_about
from troth.notice import words
from troth.policy.history import Policy
from troth.policy.problems import nearest
from troth.store import Store, Unit
from troth.store.schema import items, persons
from troth.store.schema import notices as told_of

Random = Callable[[int], bytes]
SUCCESSOR, ACQUISITION = "third_party.successor", "acquisition"
FRESH = timedelta(minutes=1)
MOST = 500  # persons told in one run
# Of whom something is held, and who was not told of a transfer.
UNTOLD = (
    select(persons.c.id)
    .where(
        persons.c.erased_leaf.is_(None),
        persons.c.merged_into.is_(None),
        exists().where(items.c.person == persons.c.id),
        ~exists().where(told_of.c.subject == bindparam("of_subject"), told_of.c.person == persons.c.id),
    )
    .order_by(persons.c.id)
    .limit(MOST)
)
OFFICERS: tuple[Role, ...] = ("officer",)
NAMES = {Planned: "planned", Cancelled: "cancelled"}


class Transfers:
    """The transfers of the business in `store`, by `policy`. Safe to share between threads.

    CaseError, StaffError: it cannot be; nothing was changed. StoreUnavailableError: nothing was changed, try again.
    """

    def __init__(self, store: Store, policy: Policy, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self.policy = policy
        self.ledger: Ledger[Said] = Ledger(store, SORT, WHATS)
        self.staff = StaffRegister(store)
        self.register = Register(store, policy)
        self._random = random

    def standing(self, at: datetime | None = None) -> dict[str, TransferStanding]:
        """Every transfer as it stands, by id; with a moment, as was known by then."""
        return standing(self.ledger.facts(), at)

    def find(self, id: str) -> TransferStanding:
        """A transfer as it stands now. CaseError: there is none of that id."""
        known = self.standing()
        if id not in known:
            near = nearest(id, list(known))
            raise CaseError(
                f"There is no transfer '{id[:100]}'.{f' Did you mean {near}?' if near else ''} "
                "`troth transfer list` has all."
            )
        return known[id]

    def plan(self, staff: Staff, key: Ed25519PrivateKey, said: Planned) -> TransferStanding:
        """Plan a transfer, as an officer. From now on people are told."""
        return self._do(staff, key, f"bus_{self._random(8).hex()}", said)

    def cancel(self, staff: Staff, key: Ed25519PrivateKey, id: str, why: str) -> TransferStanding:
        """Call a transfer off, as an officer. What was handed over before stays with the successor."""
        self.find(id)
        return self._do(staff, key, id, Cancelled(why=why))

    def _do(self, staff: Staff, key: Ed25519PrivateKey, id: str, said: Planned | Cancelled) -> TransferStanding:
        values = msgspec.to_builtins(said)
        signed = sign(make_act(f"transfer.{NAMES[type(said)]}", id, values, self.store.clock()), staff.id, key)

        def work(unit: Unit) -> TransferStanding:
            by = self.staff.take(unit, signed, OFFICERS)
            one = standing(self.ledger.of(unit, id)).get(id)
            if isinstance(said, Planned):
                self._check(said, unit.at)
            elif one is not None and one.cancelled is not None:
                raise CaseError(f"'{id}' was called off already.")
            self.ledger.add(unit, id, said, by.id, signed.digest)
            return standing(self.ledger.of(unit, id))[id]

        return self.store.write(work)

    def _check(self, said: Planned, at: datetime) -> None:
        version = self.policy.in_force(at)
        if version is None:
            raise CaseError("No version of the policy is in force.")
        one = self.register.standing(at).get(said.successor)
        if one is None:
            raise CaseError(
                f"'{said.successor[:100]}' is not registered. `troth recipient propose {said.successor[:100]} "
                f"--kind {SUCCESSOR} --name …` does it."
            )
        if SUCCESSOR not in path_of(version, said.successor, one.profile.kind):
            raise CaseError(f"'{said.successor}' is of the kind '{one.profile.kind}', and no successor.")
        if not data_for(self.policy, self.register, said, at):
            raise CaseError(
                f"No statement of version {version.id} shares data with '{said.successor}' for '{said.purpose}' under "
                f"'{ACQUISITION}'."
            )
        if not re.fullmatch(r"[0-9a-f]{64}", said.document):
            raise CaseError("The contract is registered by its SHA-256: 64 hex digits.")
        if not 0 < said.days <= 3650:
            raise CaseError("People are told 1 to 3650 days ahead.")


def data_for(policy: Policy, register: Register, said: Planned, at: datetime) -> tuple[str, ...]:
    """The data terms that the version in force gives to the successor for the purpose, under an acquisition."""
    version = policy.in_force(at)
    one = register.standing(at).get(said.successor)
    if version is None or one is None or not version.vocabulary.knows("purpose", said.purpose):
        return ()
    found: dict[str, None] = {}
    for statement in statements_about(version, said.successor, one.profile.kind):
        if ACQUISITION in statement.given and covered(version, "purpose", said.purpose, statement.purposes):
            found |= dict.fromkeys(statement.data or version.vocabulary.slugs("data"))
    return tuple(found)


class Acquisition:
    """`acquisition`: holds for a sharing under a transfer to that successor, once it is effective and people were told.

    It holds for those who were told long enough before; whoever came later is told, too, and waits as long.
    """

    def __init__(self, transfers: Transfers) -> None:
        self._transfers = transfers
        self._known: tuple[str, datetime, frozenset[str]] | None = None

    def holds(self, sharing: Sharing) -> bool:
        """Whether the transfer that the sharing is made under allows it at its moment."""
        return self._transfer(sharing) is not None

    def persons(self, sharing: Sharing) -> frozenset[str]:
        """Those who were told long enough before, by the ids that mean them now."""
        one = self._transfer(sharing)
        if one is None:
            return frozenset()
        # Of a million persons this takes a second, and the gate asks for each batch: it is at most a minute old.
        known = self._known
        if known is not None and known[0] == one.id and timedelta() <= sharing.at - known[1] < FRESH:
            return known[2]
        told = notices.told(self._transfers.store, one.id)
        found = frozenset(person for person, at in told.items() if at + one.ahead <= sharing.at)
        self._known = (one.id, sharing.at, found)
        return found

    def _transfer(self, sharing: Sharing) -> TransferStanding | None:
        if sharing.under is None:
            return None
        now, then = (self._transfers.standing(at).get(sharing.under) for at in (None, sharing.at))
        if now is None or then is None or now.planned.successor != sharing.recipient:
            return None
        fits = covered(sharing.version, "purpose", sharing.purpose, (now.planned.purpose,))
        return now if fits and now.lacks(sharing.at) is None and then.lacks(sharing.at) is None else None


class TellingOfTransfers:
    """Tells everybody of whom something is held of a transfer, some in each run, and whoever comes later as well."""

    def __init__(self, transfers: Transfers, telling: Telling) -> None:
        self._transfers = transfers
        self._telling = telling

    def run(self) -> int:
        """Tell some of those who are to be told; how many were."""
        told, store = 0, self._transfers.store
        for one in self._transfers.standing().values():
            if one.cancelled is not None or one.archives:
                continue
            with store.read() as connection:
                ids = [str(id) for (id,) in connection.execute(UNTOLD, {"of_subject": one.id})]
            if ids:
                told += self._tell(one, ids)
            elif one.everybody is None:
                self._complete(one.id)
        return told

    def _tell(self, one: TransferStanding, ids: list[str]) -> int:
        ledger, at = self._transfers.ledger, self._transfers.store.clock()
        letter = letter_of(self._transfers, one)

        def enter(unit: Unit, number: int) -> object:
            return ledger.add(unit, one.id, Told(persons=number))

        write = self._transfers.store.write
        return self._telling.tell(write, one.id, {id: id for id in ids}, letter, at, enter)

    def _complete(self, id: str) -> None:
        ledger = self._transfers.ledger

        def work(unit: Unit) -> None:
            one = standing(ledger.of(unit, id))[id]
            if one.everybody is None and not unit.rows(UNTOLD, {"of_subject": id}):
                ledger.add(unit, id, Everybody())

        self._transfers.store.write(work)


def letter_of(transfers: Transfers, one: TransferStanding) -> Letter:
    """What somebody is told of a transfer of the business."""
    said, policy = one.planned, transfers.policy
    version = policy.in_force(transfers.store.clock()) or policy.versions[-1]
    profile = transfers.register.standing().get(said.successor)
    name = profile.profile.name if profile is not None else said.successor
    kind = profile.profile.kind if profile is not None else None
    stated = [s for s in statements_about(version, said.successor, kind) if ACQUISITION in s.given]
    choices = any(statement.unless or statement.only_if for statement in stated)
    told = " ".join(str(statement.says) for statement in stated)
    return Letter(
        "Our business goes to a new owner",
        (
            f"{name} takes over our business on {words.day(said.effective)}. Your data moves with it, not before then, "
            f"and no sooner than {said.days} days from now.",
            f"What you were promised: {told}",
            "You can say no to that with your choices." if choices else "The new owner has to keep what we promised.",
        ),
    )
