"""The questions of one disclosure, or of one batch of it, at one moment: to the conditions, and to the decision point.

The conditions are asked once for each data term, whoever the persons are; the decision point is asked about every value
of every person, by the choices of that person and the version under which it was collected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from troth.conditions import Conditions, Lack
from troth.conditions.lacks import TRANSFER
from troth.decision.bits import Choices
from troth.decision.point import DecisionPoint
from troth.decision.question import REASONS, Decision, Known, QuestionError
from troth.gates.errors import GateError
from troth.gates.share.wanted import Refused, Wanted
from troth.policy.model import Version
from troth.policy.problems import nearest
from troth.vault import SealedItem

PSEUDONYMISE = "pseudonymise"  # the duty to give no data that says who the person is
NOTHING_HELD = "nothing-held"


class Answered(msgspec.Struct, frozen=True):
    """What the conditions say of a data term.

    `limits` has those that hold for certain persons only, and `barred` is what its transfer lacks.
    """

    given: frozenset[str]
    limits: dict[str, frozenset[str]]
    barred: Lack | None


class Found(msgspec.Struct, frozen=True):
    """A value that may be shared: the item it lies in, and the decision."""

    item: SealedItem
    decision: Decision


class Asking:
    """What is wanted, asked at a moment under the version in force. Its answers hold for that moment only."""

    def __init__(  # noqa: PLR0917
        self, point: DecisionPoint, conditions: Conditions, known: Known, wanted: Wanted, version: Version, at: datetime
    ) -> None:
        self.wanted = wanted
        self.version = version
        self.at = at
        self._point = point
        self._conditions = conditions
        self._known = known
        self._recipient = conditions.asked_as(wanted.recipient, version.id)
        self._answered: dict[str, Answered] = {}

    def answered(self, data: str) -> Answered:
        """What the conditions say of a data term; they are asked the first time."""
        found = self._answered.get(data)
        if found is None:
            asking = {
                "recipient": self.wanted.recipient, "data": data, "purpose": self.wanted.purpose,
                "version": self.version.id, "at": self.at, "under": self.wanted.under,
            }  # fmt: skip
            given = self._conditions.given(**asking)  # type: ignore[arg-type]
            lacks = self._conditions.explain(**asking)  # type: ignore[arg-type]
            limits = self._conditions.limits(**asking)  # type: ignore[arg-type]
            barred = next((lack for lack in lacks if lack.condition == TRANSFER), None)
            # A condition that no version of the policy knows gates no statement, and may not be asked about.
            given = frozenset(name for name in given if name in self._known.condition)
            found = self._answered[data] = Answered(given, limits, barred)
        return found

    def decide(self, item: SealedItem, person: str, states: Choices, agreed: str | None) -> Decision:
        """Whether a value of a person may be shared. Of what its transfer lacks the reason is `transfer`."""
        answered = self.answered(item.data)
        if answered.barred is not None:
            return _barred(answered.barred, self.version)
        given = answered.given
        if answered.limits:
            limits = answered.limits
            given = frozenset(name for name in given if name not in limits or person in limits[name])
        decision = self._point.decide(
            action="share", data=item.data, purpose=self.wanted.purpose, recipient=self._recipient,
            product=self.wanted.product, choices=states, given=given, at=self.at, collected_under=item.version,
            expires=item.expires_at, accepted=agreed,
        )  # fmt: skip
        if decision.allowed and self.wanted.identified and PSEUDONYMISE in decision.duties:
            return Decision(
                allowed=False, reason="pseudonymise", statements=decision.statements, sentence=decision.sentence,
                version=decision.version,
            )  # fmt: skip
        return decision

    def of(
        self, person: str, items: Iterable[SealedItem], states: Choices, agreed: str | None
    ) -> tuple[dict[str, Found], dict[str, Refused]]:
        """The newest value of each data term that may be shared, and the reason for each that has none."""
        found: dict[str, Found] = {}
        refused: dict[str, Refused] = {}
        for item in sorted(items, key=_place, reverse=True):
            if item.data in found:
                continue
            decision = self.decide(item, person, states, agreed)
            if decision.allowed:
                found[item.data] = Found(item, decision)
                refused.pop(item.data, None)
            else:
                refused.setdefault(item.data, refusal(item.data, decision))
        return found, refused

    def missing(self, there: Iterable[str]) -> list[Refused]:
        """The refusals of what was asked for and is not there at all, given the terms that are."""
        terms = list(there)
        return [
            Refused(data, NOTHING_HELD, persons=1)
            for data in self.wanted.data
            if not any(self._is_below(term, data) for term in terms)
        ]

    def closed(self, terms: Sequence[str]) -> GateError | None:
        """The refusal of everything, whoever it is about and whatever they chose; None if something may be shared.

        It asks about somebody who is in every choice: what is refused then is refused for everybody.
        """
        willing = self._point.choices(dict.fromkeys(self._known.choice, "in"))
        first: GateError | None = None
        for data in sorted(terms, key=lambda term: (term not in self.wanted.data, terms.index(term))):
            answered = self.answered(data)
            if answered.barred is not None:
                first = first or GateError("transfer", answered.barred.sentence, field=data)
                continue
            decision = self._point.decide(
                action="share", data=data, purpose=self.wanted.purpose, recipient=self._recipient,
                product=self.wanted.product, choices=willing, given=answered.given, at=self.at,
            )  # fmt: skip
            if decision.allowed:
                return None
            first = first or self._refusal(data, decision)
        return first

    def sold(self) -> GateError:
        """The refusal of what something is given for in return: that is a sale, which nothing can allow."""
        decisions = []
        for data in self.wanted.data:
            decision = self._point.decide(
                action="sell", data=data, purpose=self.wanted.purpose, recipient=self._recipient,
                product=self.wanted.product, at=self.at,
            )  # fmt: skip
            decisions.append((data, decision))
        # Nothing permits a sale; what a `never` says of it comes first.
        data, decision = min(decisions, key=lambda pair: pair[1].reason != "never")
        statement = decision.statements[0] if decision.statements else None
        text = (
            "Something of value is given in return, so this is a sale, whatever it is called. "
            f"{REASONS[decision.reason]}"
        )
        return GateError(decision.reason, text, field=data, statement=statement, sentence=str(decision.sentence or ""))

    def _refusal(self, data: str, decision: Decision) -> GateError:
        statement = decision.statements[0] if decision.statements else None
        text = f"'{data}' may not be shared with '{self.wanted.recipient}': {REASONS[decision.reason]}"
        if decision.reason == "condition-not-met":
            lacks = self._conditions.explain(
                recipient=self.wanted.recipient, data=data, purpose=self.wanted.purpose, version=self.version.id,
                at=self.at, under=self.wanted.under,
            )  # fmt: skip
            text = " ".join([text, *(lack.sentence for lack in lacks)])
        return GateError(decision.reason, text, field=data, statement=statement, sentence=str(decision.sentence or ""))

    def _is_below(self, term: str, data: str) -> bool:
        return term == data or any(
            version.vocabulary.knows("data", term) and data in version.vocabulary.path("data", term)
            for version in self._point.policy.versions
        )


def check_wanted(point: DecisionPoint, conditions: Conditions, wanted: Wanted, at: datetime) -> Version:
    """The version in force, by which something wanted can be asked. GateError: it cannot be asked, or of nobody.

    A recipient is one that the policy declares or that is registered; a kind of recipients is nobody by name.
    """
    policy = point.policy
    version = policy.in_force(at)
    if version is None:
        raise GateError("no-policy-in-force", "No version of the policy is in force, so nothing is shared.")
    registered = conditions.register.standing(at)
    if version.recipient(wanted.recipient) is None and wanted.recipient not in registered:
        names = [*(one.id for one in version.recipients), *registered]
        near = nearest(wanted.recipient, names)
        hint = f" Did you mean '{near}'?" if near else ""
        text = (
            f"'{wanted.recipient[:100]}' is no recipient that the policy declares or that is registered.{hint} "
            "Data goes to a named recipient only: `troth recipient propose` registers one."
        )
        raise GateError("unknown-recipient", text, field="recipient")
    recipient = conditions.asked_as(wanted.recipient, version.id)
    for data in wanted.data:
        try:
            point.decide(
                action="share", data=data, purpose=wanted.purpose, recipient=recipient, product=wanted.product, at=at
            )
        except QuestionError as problem:
            raise GateError(problem.code, problem.message, field=problem.field) from None
    return version


def refusal(data: str, decision: Decision) -> Refused:
    """The refusal of data of one person, by a decision."""
    statement = decision.statements[0] if decision.statements else None
    return Refused(data, decision.reason, str(decision.sentence or REASONS.get(decision.reason, "")), statement, 1)


def _barred(lack: Lack, version: Version) -> Decision:
    return Decision(allowed=False, reason="transfer", sentence=lack.sentence, version=version.id)


def _place(item: SealedItem) -> tuple[int, int]:
    return item.leaf, item.position
