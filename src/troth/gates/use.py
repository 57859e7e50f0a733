"""The gate `use`: values come out for a purpose that a statement names, person by person and value by value.

Each value is asked of the decision point with the choices of its person, the version under which it was collected, its
end, and the version that the person agreed to since. What is released is counted durably before it leaves; each full
minute becomes an entry in the record (`counts.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from troth.decision.bits import Choices
from troth.decision.point import DecisionPoint
from troth.decision.question import REASONS, Decision, QuestionError
from troth.gates.counts import Counts, Released
from troth.gates.errors import GateError
from troth.gates.held import Held, Part
from troth.gates.tally import Decided, Tally
from troth.people import ChoiceIndex
from troth.people.reading import Who
from troth.vault import Opener, SealedItem, Vault

MOST_PERSONS = 10_000
MOST_DATA = 50
ANYBODY = "anybody"  # the service that a release is counted for where callers need no key


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Persons by what is held of them: by the statement it came under, the product, or just that there is some.

    They come in the order of their ids, after `after` and at most `limit` of them.
    """

    statement: str | None = None
    product: str | None = None
    after: str | None = None
    limit: int = 1000


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """What values are wanted for: the purpose, the data, the site or product, and the service that asks."""

    purpose: str
    data: tuple[str, ...]
    product: str | None = None
    service: str = ANYBODY


class Refusal(msgspec.Struct, frozen=True):
    """Data that was not released: the reason of the decision, or `nothing-held`, with the sentence that says so."""

    data: str
    reason: str
    sentence: str = ""
    statement: str | None = None


class OfPerson(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of one person: the newest allowed value of each data term, and what did not."""

    person: str | None
    values: Mapping[str, object] = {}
    refused: tuple[Refusal, ...] = ()


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What was released, in the order asked or, of a segment, of the ids; `next` is where a segment goes on."""

    persons: tuple[OfPerson, ...]
    duties: tuple[str, ...] = ()
    next: str | None = None


class Using:
    """The gate over one vault, decision point and index of choices. Safe to share between threads.

    `tally` counts each value that is decided about.
    """

    def __init__(self, vault: Vault, point: DecisionPoint, index: ChoiceIndex, tally: Tally | None = None) -> None:
        self._tally = tally
        self._vault = vault
        self._point = point
        self._index = index
        self._held = Held(vault, point.policy)
        self._counts = Counts(vault.people.store)

    def use(self, wanted: Purpose, whos: Sequence[Who] | Segment) -> Used:
        """Release what is allowed, and say of the rest why not. It is counted, durably, before this returns.

        GateError: the question cannot be asked; nothing was released. StaleChoicesError, StoreUnavailableError: nothing
        was released, and it may be tried again.
        """
        at = self._vault.people.store.clock()
        self._check(wanted, whos, at)
        held = self._held
        terms = held.terms(wanted.data)
        following: str | None = None
        if isinstance(whos, Segment):
            found = held.of_part(Part(whos.statement, whos.product), terms, whos.after, whos.limit)
            asked: list[str | None] = list(found)
            if len(found) == whos.limit:
                following = asked[-1]
        else:
            known = self._vault.people.find_all(whos)
            asked = [known.get(who) for who in whos]
            found = held.of([person for person in asked if person is not None], terms)
        agreed = held.agreed([person for person in asked if person is not None])
        holders = (item.sealed_for for items in found.values() for item in items)
        release = _Release(self._vault.opener(holders), self._point, wanted, at)
        persons = tuple(self._one(release, person, found, agreed) for person in asked)
        self._counts.add(at, release.counted)
        if self._tally is not None:
            self._tally.add_all("use", release.decided, at)
        return Used(persons=persons, duties=tuple(release.duties), next=following)

    # --- what is asked ------------------------------------------------------------------------------------------------

    def _check(self, wanted: Purpose, whos: Sequence[Who] | Segment, at: datetime) -> None:
        count = whos.limit if isinstance(whos, Segment) else len(whos)
        if not 0 < count <= MOST_PERSONS:
            raise GateError("too-many", f"One request asks for 1 to {MOST_PERSONS} persons, not {count}.")
        if not 0 < len(wanted.data) <= MOST_DATA:
            raise GateError("too-many", f"One request asks for 1 to {MOST_DATA} data terms, not {len(wanted.data)}.")
        for data in wanted.data:
            try:
                self._point.decide(action="use", data=data, purpose=wanted.purpose, product=wanted.product, at=at)
            except QuestionError as problem:
                raise GateError(problem.code, problem.message, field=problem.field) from None

    def _one(
        self, release: _Release, person: str | None, found: Mapping[str, list[SealedItem]], agreed: Mapping[str, str]
    ) -> OfPerson:
        if person is None:
            return OfPerson(person=None, refused=tuple(Refusal(data, "nothing-held") for data in release.wanted.data))
        return release.of(person, found.get(person, []), self._index.choices(person), agreed.get(person))


class _Release:
    """One request while it is answered: what is released, and what that counts as."""

    def __init__(self, opener: Opener, point: DecisionPoint, wanted: Purpose, at: datetime) -> None:
        self.wanted = wanted
        self.counted: dict[Released, list[int]] = {}
        self.decided: Decided = {}
        self.duties: dict[str, None] = {}
        self._opener = opener
        self._point = point
        self._at = at

    def of(self, person: str, items: Sequence[SealedItem], states: Choices, agreed: str | None) -> OfPerson:
        """The newest allowed value of each term, and the refusals."""
        values: dict[str, object] = {}
        refused: dict[str, Refusal] = {}
        counted: dict[Released, int] = {}
        wanted = self.wanted
        for item in sorted(items, key=lambda item: (item.leaf, item.position), reverse=True):
            if item.data in values:
                continue
            decision = self._decide(item, states, agreed)
            of = (decision.statements[0] if decision.statements else None, decision.version, decision.allowed)
            self.decided[of] = self.decided.get(of, 0) + 1
            if not decision.allowed:
                refused.setdefault(item.data, _refusal(item.data, decision))
                continue
            values[item.data] = self._opener.open(item)
            refused.pop(item.data, None)
            self.duties |= dict.fromkeys(decision.duties)
            one = Released(
                wanted.service, decision.statements[0], decision.version or "", wanted.purpose, wanted.product or ""
            )
            counted[one] = counted.get(one, 0) + 1
        for released, number in counted.items():
            totals = self.counted.setdefault(released, [0, 0])
            totals[0] += 1
            totals[1] += number
        there = (*values, *refused)
        missing = [Refusal(data, "nothing-held") for data in wanted.data if not self._any_below(there, data)]
        return OfPerson(person=person, values=values, refused=(*refused.values(), *missing))

    def _decide(self, item: SealedItem, states: Choices, agreed: str | None) -> Decision:
        wanted = self.wanted
        return self._point.decide(
            action="use", data=item.data, purpose=wanted.purpose, product=wanted.product, choices=states, at=self._at,
            collected_under=item.version, expires=item.expires_at, accepted=agreed,
        )  # fmt: skip

    def _any_below(self, terms: Iterable[str], data: str) -> bool:
        return any(
            term == data or (version.vocabulary.knows("data", term) and data in version.vocabulary.path("data", term))
            for term in terms
            for version in self._point.policy.versions
        )


def _refusal(data: str, decision: Decision) -> Refusal:
    statement = decision.statements[0] if decision.statements else None
    return Refusal(data, decision.reason, str(decision.sentence or REASONS[decision.reason]), statement)
