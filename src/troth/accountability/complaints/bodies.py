"""Recourse bodies: who the policy says comes next, and how they get at their cases and at no others.

A body has a token, 256 random bits, of which only the hash is kept. It reads the cases that were escalated to it, as
long as it is not revoked. `eligible` are the rules of its programme, by which it takes a case or does not.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection
from datetime import datetime

import msgspec

from troth.accountability.claims.programmes import programme, programmes
from troth.accountability.errors import CaseError, StaffError
from troth.accountability.ledger import Ledger
from troth.accountability.signing import Act, SignedAct, make_act
from troth.accountability.staff import Role, StaffRegister
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.policy.problems import nearest
from troth.record import canonical
from troth.store import Store, Unit

SORT = "recourse-body"
TOKEN = 32  # bytes
ID = 8
OFFICERS: tuple[Role, ...] = ("officer",)

Random = Callable[[int], bytes]


class Registered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token was made for the claim or recipient `name`; `token` is its SHA-256, as hex digits."""

    name: str
    token: str
    eligible: tuple[str, ...] = ()


class Revoked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The token opens nothing any more."""


class Body(msgspec.Struct, frozen=True):
    """A body as it stands: `name` is the claim or recipient it answers for, `id` that of its token."""

    id: str
    name: str
    eligible: tuple[str, ...]
    since: datetime
    token: str
    revoked: datetime | None = None


class Bodies:
    """The bodies in `store`. Everything raises StoreUnavailableError: nobody is known, nothing was changed."""

    def __init__(self, store: Store, random: Random = secrets.token_bytes) -> None:
        whats: dict[str, type[Registered | Revoked]] = {"registered": Registered, "revoked": Revoked}
        self.ledger: Ledger[Registered | Revoked] = Ledger(store, SORT, whats, random)
        self.staff = StaffRegister(store, random)
        self._random = random

    def all(self) -> dict[str, Body]:
        """Every body that there ever was, by id."""
        found: dict[str, Body] = {}
        for fact in self.ledger.facts():
            if isinstance(fact.said, Registered):
                found[fact.subject] = Body(fact.subject, fact.said.name, fact.said.eligible, fact.at, fact.said.token)
            elif fact.subject in found:
                found[fact.subject] = msgspec.structs.replace(found[fact.subject], revoked=fact.at)
        return found

    def find(self, token: str) -> Body | None:
        """Whose a token is; None: nobody's, or it was revoked."""
        digest = _hash(token)
        return next((one for one in self.all().values() if one.token == digest and one.revoked is None), None)

    def taking(self) -> frozenset[str]:
        """The claims and recipients whose body has a token, and so takes complaints."""
        return frozenset(one.name for one in self.all().values() if one.revoked is None)

    def rules(self, name: str | None) -> tuple[str, ...]:
        """The rules by which the body of a claim or recipient takes a case."""
        known = [one for one in self.all().values() if one.name == name and one.revoked is None]
        return known[-1].eligible if known else ()

    def act(self, id: str, said: Registered | Revoked, at: datetime) -> Act:
        """What an officer has to sign: `body.registered` or `body.revoked`, about the id of the body."""
        return make_act(_kind(said), id, msgspec.to_builtins(said), at, self._random)

    def new(self, name: str, eligible: tuple[str, ...]) -> tuple[str, str, Registered]:
        """An id and a token for a body, which is kept nowhere, and what is to be entered."""
        id, token = f"bdy_{self._random(ID).hex()}", self._random(TOKEN).hex()
        return id, token, Registered(name=name, token=_hash(token), eligible=eligible)

    def enter(self, id: str, said: Registered | Revoked, signed: SignedAct) -> Body:
        """Enter a body, or revoke its token. StaffError: no officer signed for this. CaseError: there is no such."""

        def work(unit: Unit) -> None:
            facts = self.ledger.of(unit, id)
            if isinstance(said, Revoked) and (not facts or isinstance(facts[-1].said, Revoked)):
                near = nearest(id, list(self.all()))
                raise CaseError(f"There is no body '{id[:60]}' with a token.{f' Did you mean {near}?' if near else ''}")
            if isinstance(said, Registered) and facts:
                raise CaseError(f"The body '{id}' is there already.")
            one = self.staff.take(unit, signed, OFFICERS)
            act = signed.act
            same = canonical.encode(dict(act.values)) == canonical.encode(msgspec.to_builtins(said))
            if (act.kind, act.subject) != (_kind(said), id) or not same:
                raise StaffError("What was signed is something else than what is to be entered.")
            self.ledger.add(unit, id, said, one.id, signed.digest)

        self.ledger.store.write(work)
        return self.all()[id]


def known_names(policy: Policy) -> dict[str, str]:
    """Who may be a body by the policy: its claims with recourse and its recipients, by id, with their names."""
    found: dict[str, str] = {}
    for version in policy.versions:
        found |= {one.id: one.programme or one.framework or one.id for one in version.claims if one.recourse}
        found |= {one.id: one.name for one in version.recipients}
    return found


def next_body(version: Version, at: datetime, taking: Collection[str] = ()) -> str | None:
    """Who comes after a complaint by a version: the id of a claim that is current then, or of a recipient.

    A body in `taking` has a token. It takes complaints although the claim is over: a seal that is lost does not take
    the independent help with it that people were promised.
    """
    answers = {one.about or one.id: one for one in version.answers} | {one.id: one for one in version.answers}
    found = answers.get("complaints")
    name = found.then if found is not None else None
    for _ in answers:
        if name not in answers:
            break
        name = answers[name].then
    if name is None:
        return None
    claim = next((one for one in version.claims if one.id == name), None)
    if claim is not None:
        return name if claim.current(at) or name in taking else None
    return name if version.recipient(name) is not None else None


def eligible_of(policy: Policy, name: str) -> tuple[str, ...]:
    """The rules of the shipped programme that a claim names, by its id or its name; none for another."""
    called = known_names(policy).get(name, name)
    for id in programmes():
        found = programme(id)
        if id == name or found.name.casefold() == called.casefold():
            return found.eligible
    return ()


def _kind(said: Registered | Revoked) -> str:
    return "body.registered" if isinstance(said, Registered) else "body.revoked"


def _hash(token: str) -> str:
    return hashlib.sha256(b"troth recourse\n" + token.encode(errors="replace")).hexdigest()
