"""Who may get a message of a stream: asked of the decision point, recipient by recipient.

Everything about the recipients is read from the store in one transaction that sees one moment: whose address it is,
what they chose, what is held of them and under which version, and whether the address is suppressed. So what was
acknowledged before, in this process or another, counts. When the store cannot be read, nobody gets anything yet.

What is suppressed counts as if whoever has the address were out of that choice, and so passes through the decision like
any refusal: mail that no choice stops, such as `service.notice`, is not stopped by it either. It counts no longer once
the person themselves has said yes to the choice after it, here. An address that does not work gets nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec

from troth.decision.point import DecisionPoint
from troth.decision.question import REASONS, Decision, State
from troth.gates.mail.deciding.offering import Offering, leads_to_pages
from troth.gates.mail.deciding.recipients import Known, narrowed
from troth.gates.mail.deciding.verdict import OF_RECIPIENT, Outcome, Verdict, kept_back, refused
from troth.gates.mail.streams import Stream, Streams
from troth.gates.mail.verp import Verp
from troth.people import Identifier, People
from troth.people.errors import IdentifierError
from troth.people.suppressions import EVERYTHING, PURPOSE
from troth.policy.model import Version
from troth.store import Unit

AT_ONCE = 10_000  # recipients in one call, and so in one read


class Mailing:
    """The gate over people, a decision point and the streams. Safe to share between threads.

    `site` is the address under which people reach the pages of Troth, without which no marketing leaves.
    """

    def __init__(
        self, people: People, point: DecisionPoint, streams: Streams, site: str | Callable[[], str | None] | None = None
    ) -> None:
        self.people = people
        self.point = point
        self.streams = streams
        self.verp = Verp(people.key, streams)
        self._offering = Offering(people.key, self.verp)
        self._site = site
        self._names = frozenset(point.choices({}).names)
        # What follows from the policy and a stream alone, neither of which changes here.
        self._terms_of: dict[str, list[str]] = {}
        self._choices_of: dict[tuple[Stream, str, str | None], str | None] = {}

    def verdicts(
        self,
        stream: Stream,
        addresses: Sequence[str],
        at: datetime | None = None,
        *,
        language: str | None = None,
        make: bool = True,
    ) -> list[Verdict]:
        """The verdict on each recipient of a message, in their order. `language` is that of the message.

        Whoever marketing goes to, and who was nobody yet, becomes a person here, so that they can refuse; not so
        without `make`, where they get a verdict without an offer. StoreUnavailableError: nothing is decided, try again.
        ValueError: more than 10,000 recipients.
        """
        at = at or self.people.store.clock()
        version = self.point.policy.in_force(at)
        blinds = [self._blind(address) for address in addresses]
        decided = self._decided(stream, addresses, blinds, version, at)
        marketing = stream.is_marketing(version)
        if marketing and version is not None:
            decided = [self._able(verdict, stream, version) for verdict in decided]
            if make:
                self._make_persons(decided)
        spoken = language or stream.language
        return [
            self._complete(verdict, blind, stream, version, marketing, spoken, at)
            for verdict, blind in zip(decided, blinds, strict=True)
        ]

    def outcomes(self, stream: str, addresses: Sequence[str], at: datetime | None = None) -> list[str | None]:
        """For each recipient None if mail of a stream may go there, or the reason why not: to ask again before it goes.

        StreamError: there is no such stream. StoreUnavailableError: nothing is decided, try again.
        """
        found, at = self.streams.find(stream), at or self.people.store.clock()
        blinds = [self._blind(address) for address in addresses]
        decided = self._decided(found, addresses, blinds, self.point.policy.in_force(at), at)
        return [None if verdict.allowed else verdict.reason for verdict in decided]

    def refresh(self) -> None:
        """Nothing to do: every verdict is read from the store."""

    def _decided(
        self,
        stream: Stream,
        addresses: Sequence[str],
        blinds: Sequence[bytes | None],
        version: Version | None,
        at: datetime,
    ) -> list[Verdict]:
        if len(addresses) > AT_ONCE:
            raise ValueError(f"One call is about at most {AT_ONCE} recipients, not {len(addresses)}.")
        known = Known(self.people, [blind for blind in blinds if blind is not None], self._terms(stream))
        deciding = _Deciding(self.point, stream, at, self._names, version)
        return [
            refused(address, "bad-address")
            if blind is None
            else deciding.verdict(address, known.person(blind), known, blind)
            for address, blind in zip(addresses, blinds, strict=True)
        ]

    def _blind(self, address: str) -> bytes | None:
        try:
            return self.people.key.blind(Identifier("email", address))
        except IdentifierError:
            return None

    def _terms(self, stream: Stream) -> list[str]:
        """The data terms under which the address can be held: that of the stream, and those below it."""
        found = self._terms_of.get(stream.data)
        if found is None:
            found = self._terms_of[stream.data] = list(
                dict.fromkeys(
                    term
                    for version in self.point.policy.versions
                    for term in version.vocabulary.slugs("data")
                    if stream.data in version.vocabulary.path("data", term)
                )
            )
        return found

    def _make_persons(self, decided: list[Verdict]) -> None:
        unknown = [number for number, one in enumerate(decided) if one.allowed and one.person is None]
        for start in range(0, len(unknown), 100):
            some = unknown[start : start + 100]
            made = self.people.write(partial(self._make, addresses=[decided[number].address for number in some]))
            for number, person in zip(some, made, strict=True):
                decided[number] = msgspec.structs.replace(decided[number], person=person)

    def _make(self, unit: Unit, addresses: Sequence[str]) -> list[str]:
        return [self.people.resolve(unit, Identifier("email", address)).id for address in addresses]

    def _complete(  # noqa: PLR0917
        self,
        verdict: Verdict,
        blind: bytes | None,
        stream: Stream,
        version: Version | None,
        marketing: bool,
        language: str | None,
        at: datetime,
    ) -> Verdict:
        """A verdict with what belongs to it when it is sent."""
        if not verdict.allowed or blind is None or version is None:
            return verdict
        if not marketing:
            verp = self.verp.sender(stream, blind)
            return msgspec.structs.replace(verdict, verp=verp, returns=stream.returns)
        choice, site = self._leads(stream, version, verdict.statement)
        offer = None
        if verdict.person is not None and choice is not None and site is not None:
            offer = self._offering.offer(
                stream, version, verdict.statement, verdict.person, blind, choice, site, language, at
            )
        verp = self.verp.sender(stream, blind, choice)
        return msgspec.structs.replace(verdict, offer=offer, verp=verp, returns=stream.returns)

    def _able(self, verdict: Verdict, stream: Stream, version: Version) -> Verdict:
        """The verdict, refused where marketing must say what it cannot: before anybody becomes a person for it."""
        if not verdict.allowed:
            return verdict
        if None in self._leads(stream, version, verdict.statement):
            return refused(verdict.address, "no-opt-out", verdict)
        if not (stream.address or version.publisher.address).strip():
            return refused(verdict.address, "no-postal-address", verdict)
        return verdict

    def _leads(self, stream: Stream, version: Version, statement: str | None) -> tuple[str | None, str | None]:
        """The choice that the opt-out link refuses and the site that it leads to; None for what there is not."""
        key = (stream, version.id, statement)
        if key not in self._choices_of:
            self._choices_of[key] = self._choice(stream, version, statement)
        site = self._site() if callable(self._site) else self._site
        return self._choices_of[key], site if leads_to_pages(site) else None

    def _choice(self, stream: Stream, version: Version, statement: str | None) -> str | None:
        """The choice that the opt-out link refuses: the stream's, else the first that the statement depends on."""
        declared = {choice.id for choice in version.choices}
        if stream.choice is not None:
            return stream.choice if stream.choice in declared else None
        found = next((one for one in stream.covering(version) if one.id == statement), None)
        gates = () if found is None else (*found.unless, *found.only_if)
        return next((name for name in gates if name in declared), None)


class _Deciding:
    """One message while it is decided. Recipients who said the same share an answer."""

    def __init__(
        self, point: DecisionPoint, stream: Stream, at: datetime, names: frozenset[str], version: Version | None
    ) -> None:
        self._point = point
        self._stream = stream
        self._at = at
        self._names = names
        self._path = () if version is None else version.vocabulary.path("purpose", stream.purpose)
        self._answers: dict[object, Decision] = {}

    def verdict(self, address: str, person: str | None, known: Known, blind: bytes) -> Verdict:
        """The verdict on one recipient, without what is added when it is sent."""
        rows = known.suppressed(blind)
        for row in rows:
            if row.scope == EVERYTHING:
                return kept_back(address, person, "bounced" if row.reason == "bounce" else "suppressed")
            if row.scope.startswith(PURPOSE) and row.scope.removeprefix(PURPOSE) in self._path:
                return kept_back(address, person, "suppressed")
        stated = {} if person is None else known.stated.get(person, {})
        if rows:
            stated = narrowed(stated, {} if person is None else known.said_in.get(person, {}), rows)
        held = [] if person is None else known.held.get(person, [])
        decision = self._decide(stated, held, None if person is None else known.agreed.get(person))
        outcome: Outcome = "send"
        if not decision.allowed:
            outcome = "suppressed" if decision.reason in OF_RECIPIENT else "refused"
        return Verdict(
            address=address, person=person, outcome=outcome, reason=decision.reason,
            sentence=str(decision.sentence or REASONS[decision.reason]),
            statement=decision.statements[0] if decision.statements else None, version=decision.version,
        )  # fmt: skip

    def _decide(
        self, stated: Mapping[str, State], held: Sequence[tuple[str, datetime | None]], agreed: str | None
    ) -> Decision:
        """The decision; of an address that is held several times, one that allows it if there is any."""
        states = {name: state for name, state in stated.items() if name in self._names}
        first: Decision | None = None
        nothing: tuple[None, None] = (None, None)
        for under, expires in held or (nothing,):
            key = (tuple(sorted(states.items())), under, expires, agreed)
            decision = self._answers.get(key)
            if decision is None:
                decision = self._answers[key] = self._point.decide(
                    action="use", data=self._stream.data, purpose=self._stream.purpose, product=self._stream.product,
                    choices=states, at=self._at, collected_under=under, expires=expires,
                    accepted=agreed if under is not None else None,
                )  # fmt: skip
            if decision.allowed:
                return decision
            first = first or decision
        assert first is not None  # noqa: S101 - there is at least one
        return first
