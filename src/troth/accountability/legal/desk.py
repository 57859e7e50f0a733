"""The desk of legal requests: whatever staff do to one is a signed act, checked and stored with what comes of it.

The act has the kind `legal.` and the name of the fact, the id of the request, and as its values what the fact says,
with a commitment to the persons where it is about them: ids of persons are in no signed statement, which is for ever.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import bindparam, or_, select

from troth.accountability import notices
from troth.accountability.errors import CaseError
from troth.accountability.ledger import People, people_of
from troth.accountability.legal import entering
from troth.accountability.legal.facts import WHATS, Linked, Narrowed, Received, Released, Said, Scope, Told
from troth.accountability.legal.requests import LegalRequests
from troth.accountability.legal.standing import RequestStanding, standing
from troth.accountability.signing import SignedAct, make_act, sign
from troth.accountability.staff import Staff, StaffRegister
from troth.accountability.terms import Terms
from troth.conditions.register import Register
from troth.gates.share.share import IDENTIFYING, Sharing
from troth.gates.share.wanted import Channel, Format, Shared, Wanted
from troth.people.reading import Who
from troth.policy.history import Policy
from troth.record import canonical
from troth.store import Unit
from troth.store.schema import disclosures
from troth.vault import Vault

Random = Callable[[int], bytes]
Also = Callable[[Unit, str], object]  # what is done besides in the same unit of work, about a disclosure
UNDER = (
    select(disclosures.c.id)
    .where(
        disclosures.c.under == bindparam("of_under"),
        or_(disclosures.c.persons > 0, disclosures.c.state == "running"),
    )
    .order_by(disclosures.c.created_at, disclosures.c.id)
)
_NAMES = {said: what for what, said in WHATS.items()}


class Signer(msgspec.Struct, frozen=True):
    """Somebody of the staff with their private key, for as long as one command takes."""

    staff: Staff
    key: Ed25519PrivateKey


class LegalDesk:
    """The desk over one vault and policy. Safe to share between threads.

    CaseError, StaffError: it cannot be; nothing was changed. StoreUnavailableError: nothing was changed, try again.
    """

    def __init__(
        self, vault: Vault, policy: Policy, terms: Terms | None = None, random: Random = secrets.token_bytes
    ) -> None:
        self.vault = vault
        self.policy = policy
        self.terms = terms or Terms()
        self.requests = LegalRequests(vault.store)
        self.staff = StaffRegister(vault.store)
        self._register = Register(vault.store, policy)
        self._random = random

    # --- what staff do ------------------------------------------------------------------------------------------------

    def receive(self, signer: Signer, said: Received, whos: Sequence[Who]) -> RequestStanding:
        """Take a request in. Its scope counts the persons meant by `whos`, or by the segment that it names.

        Whom a segment means is looked up now; if they are more than the ceiling, nobody is noted yet.
        """
        entering.check_new(self.policy, self._register.standing(), said, self.vault.store.clock())
        ids, count = self._meant(said.scope, whos)
        said = msgspec.structs.replace(said, scope=msgspec.structs.replace(said.scope, persons=count))
        id = f"leg_{self._random(8).hex()}"
        return self._do(signer, id, said, people_of(ids, self._random))

    def narrow(self, signer: Signer, id: str, scope: Scope, why: str, without: Sequence[Who] = ()) -> RequestStanding:
        """Let a request be about less from now on, and about nobody of `without`."""
        one = self.requests.find(id)
        left = self._ids(without)
        before = self.requests.ledger.persons(id)
        ids = [case for case, now in before.items() if now not in left and case not in left]
        if without and len(ids) == len(before):
            raise CaseError(f"'{id}' is about none of them.")
        noted = bool(before) or one.scope.persons == 0
        scope = msgspec.structs.replace(scope, persons=len(ids) if noted else one.scope.persons)
        return self._do(signer, id, Narrowed(scope=scope, why=why), people_of(ids, self._random))

    def do(self, signer: Signer, id: str, said: Said) -> RequestStanding:
        """Do anything else to a request: review, approve, raise, refuse, challenge, decide, gag, look, close."""
        if isinstance(said, Received | Narrowed | Released | Linked):
            raise CaseError("This is done in another way.")
        return self._do(signer, id, said, None)

    def tell_by_letter(self, signer: Signer, id: str) -> RequestStanding:
        """Say that whoever was not told yet was told by letter."""
        return self._do(signer, id, Told(persons=0, how="letter"), None)

    def release(
        self, signer: Signer, id: str, sharing: Sharing, *, channel: Channel = "answer", format: Format = "json",
        also: Also | None = None,
    ) -> tuple[RequestStanding, Shared]:  # fmt: skip
        """Release by the gate what the request allows now, and say so; the request, and the disclosure.

        By the channel `answer` the values are what `Sharing.contents` has of each batch; `by_file` has the channel
        `file`. Asked again after it broke off, it says so of the same disclosure. CaseError: nothing may be released,
        or there is nothing that may. GateError: as `Sharing.share`.
        """
        one, number = self.requests.find(id), len(self.requests.find(id).released)
        act = make_act("legal.released", id, {"channel": channel, "number": number}, self.vault.store.clock())
        signed = sign(act, signer.staff.id, signer.key)
        staff = self.staff.check(signed, entering.MAY[Released])
        entering.check(
            self.policy, self.terms, one, Released(disclosure="", persons=0), staff, self.vault.store.clock()
        )
        ids = sorted(set(self.requests.ledger.persons(id).values()))
        if not ids:
            raise CaseError(f"'{id}' is about nobody who is here any more.")
        wanted = Wanted(
            recipient=one.received.authority,
            purpose=one.received.purpose,
            data=one.scope.data,
            product=one.scope.products[0] if len(one.scope.products) == 1 else None,
            service="legal",
            channel=channel,
            format=format,
            under=id,
            identified=any(data.split(".")[0] in IDENTIFYING for data in one.scope.data),
        )
        unsaid = self._unsaid(one)
        found = sharing.look(unsaid) if unsaid else None
        if found is not None and found.channel != channel:
            raise CaseError(
                f"A release of '{id}' broke off ({found.id}), by the channel '{found.channel}'. End that one first: "
                f"`troth legal release {id} {'--file' if found.channel == 'file' else '--out FILE'}`."
            )
        shared = found or sharing.share(wanted, ids)
        while shared.state == "running":
            sharing.resume()
            shared = sharing.look(shared.id) or shared
        if not shared.persons:
            raise CaseError(_nothing(one, shared, self.terms))

        def work(unit: Unit) -> RequestStanding:
            ledger = self.requests.ledger
            by = self.staff.take(unit, signed, entering.MAY[Released])
            ledger.add(unit, id, Released(disclosure=shared.id, persons=shared.persons), by.id, signed.digest)
            if also is not None:
                also(unit, shared.id)
            return standing(ledger.of(unit, id))[id]

        return self.vault.store.write(work), shared

    def _unsaid(self, one: RequestStanding) -> str | None:
        """A disclosure under a request that the request does not know of, since its release broke off."""
        with self.vault.store.read() as connection:
            ids = [str(id) for (id,) in connection.execute(UNDER, {"of_under": one.id})]
        return next((id for id in ids if id not in one.released), None)

    def note_everybody(self, id: str) -> int:
        """Note whom a segment means, after its ceiling was raised; how many they are. Done before anybody is told."""
        one = self.requests.find(id)
        if one.scope.everybody is None or self.requests.ledger.persons(id) or one.over(self.terms):
            return len(self.requests.ledger.persons(id))
        ids, _ = self._meant(one.scope, (), most=max(self.terms.ceiling, one.ceiling or 0))
        if not ids:
            raise CaseError(f"'{id}' is about more persons by now than its ceiling allows.")

        def work(unit: Unit) -> int:
            if not self.requests.ledger.persons_of(unit, id):
                self.requests.ledger.add_persons(unit, id, ids)
            return len(ids)

        return self.vault.store.write(work)

    # --- one act ------------------------------------------------------------------------------------------------------

    def signed(self, signer: Signer, id: str, said: Said, people: People | None) -> SignedAct:
        """The signed act by which something is done to a request."""
        values: dict[str, object] = {"said": canonical.encode(msgspec.to_builtins(said)).decode()}
        if people is not None:
            values["people"] = people.commitment
        act = make_act(f"legal.{_NAMES[type(said)]}", id, values, self.vault.store.clock(), self._random)
        return sign(act, signer.staff.id, signer.key)

    def submit(self, signed: SignedAct, people: People | None = None, also: Also | None = None) -> RequestStanding:
        """Do what a signed act says, in one unit of work with the act itself; the request as it stands then.

        A link is nothing by its act alone: it is made by `also`, in that unit.
        """
        act = signed.act
        said = _said(act.kind, act.values.get("said"))
        committed = people.commitment if people is not None else None
        if act.values.get("people") != committed or act.values.keys() - {"said", "people"}:
            raise CaseError("What was signed is about other persons.")

        def work(unit: Unit) -> RequestStanding:
            ledger = self.requests.ledger
            staff = self.staff.take(unit, signed, entering.MAY[type(said)])
            one = standing(ledger.of(unit, act.subject)).get(act.subject)
            told = said
            if isinstance(said, Received):
                if one is not None:
                    raise CaseError(f"There is a request '{act.subject}' already.")
                entering.check_new(self.policy, self._register.standing(unit.at), said, unit.at)
            elif one is None:
                raise CaseError(f"There is no legal request '{act.subject}'.")
            else:
                entering.check(self.policy, self.terms, one, said, staff, unit.at)
            if people is not None:
                before = set(ledger.persons_of(unit, act.subject))
                if one is not None and not set(people.ids) <= before:
                    raise CaseError("That would be more than was asked for: more persons.")
                ledger.take_persons(unit, act.subject, sorted(before - set(people.ids)))
                ledger.add_persons(unit, act.subject, sorted(set(people.ids) - before))
            if isinstance(said, Told):
                new = [p for p in ledger.persons_of(unit, act.subject) if notices.add(unit, act.subject, p, "letter")]
                told = Told(persons=len(new), how="letter")
            ledger.add(unit, act.subject, told, staff.id, signed.digest, people)
            if isinstance(said, Linked):
                if also is None:
                    raise CaseError("A link is made by `troth legal link`.")
                also(unit, said.disclosure)
            return standing(ledger.of(unit, act.subject))[act.subject]

        return self.vault.store.write(work)

    def _do(self, signer: Signer, id: str, said: Said, people: People | None) -> RequestStanding:
        return self.submit(self.signed(signer, id, said, people), people)

    # --- whom it is about ---------------------------------------------------------------------------------------------

    def _meant(self, scope: Scope, whos: Sequence[Who], most: int | None = None) -> tuple[list[str], int]:
        """The ids of whom a request is about, and how many they are; no ids where they are more than may be."""
        if (scope.everybody is None) == (not whos):
            raise CaseError("A request names persons, or a group of them with --everybody, and not both.")
        if scope.everybody is None:
            ids = sorted(self._ids(whos))
            return ids, len(ids)
        sort, _, name = scope.everybody.partition(":")
        found: set[str] = set()
        terms = self._terms(scope.data)
        for item in self.vault.read(None, terms):
            if sort == "all" or name == (item.statement if sort == "statement" else item.product):
                found.add(item.person)
        if not found:
            raise CaseError(f"Nothing of that data is held of anybody in '{scope.everybody}'.")
        allowed = self.terms.ceiling if most is None else most
        return (sorted(found) if len(found) <= allowed else []), len(found)

    def _terms(self, data: Iterable[str]) -> list[str]:
        found: dict[str, None] = {}
        for version in self.policy.versions:
            for term in version.vocabulary.slugs("data"):
                if set(version.vocabulary.path("data", term)) & set(data):
                    found[term] = None
        return list(found)

    def _ids(self, whos: Sequence[Who]) -> set[str]:
        found = self.vault.people.find_all(whos)
        missing = sum(who not in found for who in whos)
        if missing:
            raise CaseError(f"{missing} of them {'is' if missing == 1 else 'are'} nobody here. Is the spelling right?")
        return set(found.values())


def _nothing(one: RequestStanding, shared: Shared, terms: Terms) -> str:
    told = "; ".join(dict.fromkeys(f"{no.data}: {no.sentence or no.reason}" for no in shared.refusals))
    ahead = f" Whoever is told waits {terms.ahead.days} days before anything is released." if not one.emergency else ""
    return f"Nothing of it may be released now. {told}{ahead}"


def _said(kind: str, text: object) -> Said:
    room, _, what = kind.partition(".")
    if room != "legal" or what not in WHATS or not isinstance(text, str):
        raise CaseError("What was signed is nothing that can be done to a legal request.")
    try:
        said: Said = msgspec.json.decode(text, type=WHATS[what])
    except msgspec.DecodeError as error:
        raise CaseError(f"What was signed cannot be read: {error}") from None
    return said
