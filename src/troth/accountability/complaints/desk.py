"""The desk of complaints: people send them, staff sign for what they do, and a recourse body acts with its token.

Each step is checked and stored in one unit of work with its entry in the record and with what was written, sealed.
A signed act names the texts by their commitments: what is signed is kept for ever, and what people write is not.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from troth.accountability.complaints.bodies import Bodies, Body, next_body
from troth.accountability.complaints.deadlines import ACKNOWLEDGE, answer_by, request_by
from troth.accountability.complaints.entering import WHO, check
from troth.accountability.complaints.facts import (
    WHATS,
    Acknowledged,
    By,
    Erased,
    Escalated,
    Kind,
    Received,
    Said,
    what_of,
)
from troth.accountability.complaints.standing import ComplaintStanding, standing
from troth.accountability.complaints.texts import SINCE, Prepared, Random, Texts, Written, hash_of
from troth.accountability.errors import CaseError, StaffError
from troth.accountability.ledger import Fact, Ledger
from troth.accountability.signing import Act, SignedAct, make_act
from troth.accountability.staff import StaffRegister
from troth.people.identifiers import Identifier
from troth.people.keys import IndexKey
from troth.policy.history import Policy
from troth.policy.problems import nearest
from troth.record import canonical
from troth.store import Store, Unit
from troth.store.schema import complaint_texts, complaints, to_micros

SORT = "complaint"
CODE, ID = 16, 8  # bytes
AN_HOUR, EACH_HOUR = 3_600_000_000, 120  # microseconds, and how many complaints are taken in it from everybody
TABLES = (complaints.name, complaint_texts.name)


class TooManyError(CaseError):
    """More came in within an hour than is taken, so that nobody can fill the disk; later it is taken again."""


class Form(msgspec.Struct, frozen=True):
    """A complaint, feedback or a request as it is sent; a request uses the right `statement`.

    With an `address` the person is mailed, without one the code shows all.
    """

    kind: Kind
    written: tuple[Written, ...]
    statement: str | None = None
    site: str | None = None
    address: str | None = None
    agreed: bool = False


class Taking(msgspec.Struct, frozen=True):
    """A complaint that is about to be entered: its id, code and key, what is kept sealed, and what the fact says."""

    id: str
    code: str
    key: bytes
    blind: bytes | None
    prepared: tuple[Prepared, ...]
    said: Received


class ComplaintDesk:
    """The complaints about `policy` in `store`, with the key of what is written. Safe to share between threads.

    CaseError, StaffError: it cannot be, nothing was changed. StoreUnavailableError: nothing was changed, try again.
    """

    def __init__(self, store: Store, policy: Policy, key: IndexKey, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self.policy = policy
        self.ledger: Ledger[Said] = Ledger(store, SORT, WHATS, random)
        self.texts = Texts(store, key, random)
        self.staff = StaffRegister(store, random)
        self.bodies = Bodies(store, random)
        self._key = key
        self._random = random

    # --- reading ------------------------------------------------------------------------------------------------------

    def standing(self, at: datetime | None = None) -> dict[str, ComplaintStanding]:
        """Every complaint as it stands, by id; with a moment, as was known by then."""
        return standing(self.ledger.facts(), at)

    def find(self, id: str) -> ComplaintStanding:
        """A complaint by its id. CaseError: there is none."""
        known = self.standing()
        if id not in known:
            near = nearest(id, list(known))
            raise CaseError(
                f"There is no complaint '{id[:60]}'.{f' Did you mean {near}?' if near else ''} "
                "`troth complaint list` has all."
            )
        return known[id]

    def by_code(self, code: str) -> ComplaintStanding | None:
        """The complaint that a code leads to; None: it leads to none."""
        id = self.texts.find(code)
        return self.standing().get(id) if id is not None else None

    def cases_of(self, body: Body) -> list[ComplaintStanding]:
        """The complaints that went to a body, the latest first."""
        return [one for one in reversed(self.standing().values()) if one.body == body.name]

    # --- from people --------------------------------------------------------------------------------------------------

    def new_code(self) -> str:
        """A code for a form, 128 bits as 32 hex digits; the same form sent twice is one complaint by it."""
        return self._random(CODE).hex()

    def receive(self, form: Form, code: str) -> tuple[ComplaintStanding, str]:
        """Take a complaint in and acknowledge it; how it stands, and the code that leads to it.

        A form that was sent before is not taken again. One with a code that is used up, which says something else, is
        taken under a new code. TooManyError; CaseError: a text is missing or too long, or there is no such statement.
        """
        if self.texts.find(code) is not None:
            known = self.by_code(code)
            if known is not None and self._same(known, form):
                return known, code
            code = self.new_code()
        taking = self.take_in(form, code)

        def work(unit: Unit) -> None:
            if len(unit.rows(SINCE, {"since": to_micros(unit.at) - AN_HOUR})) >= EACH_HOUR:
                raise TooManyError("More complaints came in than can be taken at once. Please try again in an hour.")
            first = self._begin(unit, taking, None, None)
            acknowledged = Acknowledged(by="troth")
            check(ComplaintStanding(taking.id, (first,)), acknowledged, unit.at)
            self.ledger.add(unit, taking.id, acknowledged)

        self.store.write(work)
        return self.find(taking.id), code

    def take_in(self, form: Form, code: str | None = None, by: By = "person") -> Taking:
        """What is to be entered of a form, ready to be signed where staff do it. Raises as `receive` does."""
        id, key, at = f"cmp_{self._random(ID).hex()}", self.texts.new_key(), self.store.clock()
        written, blind = form.written, None
        if form.address is not None:
            written = (*written, Written("address", form.address.encode()))
            blind = self._key.blind(Identifier("email", form.address))
        prepared = self.texts.prepare(key, written)
        said = self._received(form, prepared, at, by)
        return Taking(id, code or self.new_code(), key, blind, prepared, said)

    def do(self, id: str, said: Said, written: Sequence[Written] = ()) -> Fact[Said]:
        """A step of the person or of Troth itself: whoever calls has the code, or is a clock."""
        if said.by not in ("person", "troth"):
            raise StaffError("What staff or a body do, they sign for, or have a token.")
        return self._enter(id, said, written)

    def do_as_body(self, token: str, id: str, said: Said, written: Sequence[Written] = ()) -> Fact[Said]:
        """A step of a recourse body, which its token shows. CaseError: the case is not one of its own."""
        body = self.bodies.find(token)
        one = self.standing().get(id)
        if body is None or one is None or one.body != body.name:
            raise CaseError("There is no such case of yours.")
        return self._enter(id, msgspec.structs.replace(said, by="body", body=body.id), written)

    # --- by staff -----------------------------------------------------------------------------------------------------

    def prepare(self, id: str, said: Said, written: Sequence[Written]) -> tuple[Said, tuple[Prepared, ...]]:
        """A fact with the commitments to what is written in it, and what is to be kept."""
        if not written:
            return said, ()
        key = self.texts.key(id)
        if key is None:
            raise CaseError("What was written in this complaint was erased, so nothing more can be added to it.")
        prepared = self.texts.prepare(key, written)
        return msgspec.structs.replace(said, kept=tuple(one.kept for one in prepared)), prepared

    def receive_signed(self, taking: Taking, signed: SignedAct) -> Fact[Said]:
        """Enter a complaint that came to staff by letter or telephone; it is yet to be acknowledged."""

        def work(unit: Unit) -> Fact[Said]:
            return self._begin(unit, taking, self._signer(unit, taking.id, taking.said, signed), signed.digest)

        return self.store.write(work)

    def act(self, id: str, said: Said, at: datetime) -> Act:
        """What somebody of the staff has to sign for a step."""
        return make_act(f"complaint.{what_of(said)}", id, _values(said), at, self._random)

    def do_signed(self, id: str, said: Said, prepared: Sequence[Prepared], signed: SignedAct) -> Fact[Said]:
        """A step of staff. StaffError: the act does not hold, is for something else, or is not for them to sign."""
        if said.by != "staff" or type(said) not in WHO or isinstance(said, Received):
            raise StaffError("This is not for staff to do.")

        def work(unit: Unit) -> Fact[Said]:
            return self._step(unit, id, said, prepared, self._signer(unit, id, said, signed), signed.digest)

        fact = self.store.write(work)
        if isinstance(said, Erased):
            self.store.scrub(TABLES)
        return fact

    def to(self, one: ComplaintStanding, said: Escalated) -> None:
        """Raise CaseError unless an escalation goes where the policy said that it goes."""
        if said.to != one.received.then:
            then = one.received.then
            raise CaseError(f"By the policy it goes to {then}." if then else "The policy names nobody who comes next.")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _enter(self, id: str, said: Said, written: Sequence[Written]) -> Fact[Said]:
        said, prepared = self.prepare(id, said, written)
        return self.store.write(lambda unit: self._step(unit, id, said, prepared, None, None))

    def _step(  # noqa: PLR0917
        self,
        unit: Unit,
        id: str,
        said: Said,
        prepared: Sequence[Prepared],
        staff: str | None,
        act: str | None,
    ) -> Fact[Said]:
        facts = self.ledger.of(unit, id)
        one = ComplaintStanding(id, facts) if facts else None
        check(one, said, unit.at)
        if isinstance(said, Escalated) and one is not None:
            self.to(one, said)
        if isinstance(said, Erased):
            self.texts.forget(unit, id)
        self.texts.keep(unit, id, prepared)
        return self.ledger.add(unit, id, said, staff, act)

    def _signer(self, unit: Unit, id: str, said: Said, signed: SignedAct) -> str:
        one = self.staff.take(unit, signed, WHO[type(said)])
        act = signed.act
        same = canonical.encode(dict(act.values)) == canonical.encode(_values(said))
        if (act.kind, act.subject) != (f"complaint.{what_of(said)}", id) or not same:
            raise StaffError("What was signed is something else than what is to be done.")
        return one.id

    def _begin(self, unit: Unit, taking: Taking, staff: str | None, act: str | None) -> Fact[Said]:
        check(None, taking.said, unit.at)
        self.texts.begin(unit, taking.id, hash_of(taking.code), taking.key, taking.blind)
        self.texts.keep(unit, taking.id, taking.prepared)
        return self.ledger.add(unit, taking.id, taking.said, staff, act)

    def _received(self, form: Form, prepared: Sequence[Prepared], at: datetime, by: By) -> Received:
        version = self.policy.in_force(at)
        if version is None:
            raise CaseError("No version of the policy is in force yet, so there is nothing to complain about.")
        if form.statement is not None and form.statement not in {one.id for one in version.statements}:
            raise CaseError("The policy makes no such promise. Choose one of the list, or none.")
        if form.site is not None and version.covered(form.site) is None:
            raise CaseError("The policy covers no such site. Choose one of the list, or none.")
        if not any(one.kept.sort == "text" for one in prepared):
            raise CaseError("Say what happened.")
        complaint, until = form.kind == "complaint", None
        if complaint:
            until = answer_by(version, at)
        elif form.kind == "request":
            try:
                until = request_by(version, form.statement, at)
            except LookupError:
                rights = ", ".join(one.id for one in version.rights) or "none"
                raise CaseError(f"Say which right you use. The policy has: {rights}.") from None
        return Received(
            by=by,
            kept=tuple(one.kept for one in prepared),
            kind=form.kind,
            version=version.id,
            statement=form.statement,
            site=form.site,
            answer_by=until,
            acknowledge_by=None if until is None else min(until, at + ACKNOWLEDGE),
            then=next_body(version, at, self.bodies.taking()) if complaint else None,
            agreed=form.agreed and complaint,
        )

    def _same(self, one: ComplaintStanding, form: Form) -> bool:
        """Whether a form says what a complaint says, in the same texts and files."""
        opened = self.texts.read(one.id)
        kept = [opened[each.id].written for each in one.received.kept if each.id in opened and each.sort != "address"]
        said = (one.kind, one.received.statement, one.received.site)
        return (
            said == (form.kind, form.statement, form.site)
            and len(kept) == len(form.written)
            and all(hmac.compare_digest(a.data, b.data) for a, b in zip(kept, form.written, strict=True))
        )


def _values(said: Said) -> Mapping[str, object]:
    values: dict[str, object] = msgspec.to_builtins(said)
    return values
