"""The policy decision point as applications use it: `DecisionPoint(policy).decide(action=…, data=…, …)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from time import time

from troth.decision import reference
from troth.decision.bits import Choices
from troth.decision.cells import Gated
from troth.decision.kernel import Era, Kernel
from troth.decision.question import Decision, Question, State, check_question
from troth.policy.history import Policy

NOT_IN_FORCE = Decision(allowed=False, reason="no-policy-in-force")


class DecisionPoint:
    """Answers questions about one policy, in all its versions. Immutable and safe to share between threads.

    The answers are those of `reference.decide`, from the compiled form of `kernel.py`; equal questions get the same
    object. Memory is bounded as `kernel.py` says.
    """

    __slots__ = ("_conditions", "_encoding", "_era", "_kernel", "_names", "policy")

    policy: Policy

    def __init__(self, policy: Policy, *, kernel: Kernel | None = None) -> None:
        """Compile the policy; `kernel` may be given where it has been compiled already."""
        self.policy = policy
        self._kernel = kernel or Kernel(policy)
        self._encoding = self._kernel.encoding
        self._names = self._encoding.names
        self._conditions = self._encoding.conditions
        self._era: Era = self._kernel.era(datetime.now(UTC))  # the one asked for last

    def choices(self, stated: Mapping[str, State]) -> Choices:
        """The choices of a person, checked and encoded once, to be given to `decide` again and again.

        Raises QuestionError for a choice that no version declares, or a state that is neither "in" nor "out".
        """
        return self._encoding.choices(stated)

    def decide(
        self,
        *,
        action: str,
        data: str,
        purpose: str | None = None,
        recipient: str | None = None,
        product: str | None = None,
        moment: str | None = None,
        choices: Mapping[str, State] | Choices | None = None,
        given: Iterable[str] = (),
        at: datetime | None = None,
        collected_under: str | None = None,
        expires: datetime | None = None,
        accepted: str | None = None,
    ) -> Decision:
        """The decision on a question; see `Question` for the arguments. `at` is now when left out.

        Raises QuestionError for a question that names something that no version of the policy knows. The steps are
        those of `docs/reference/decisions.md`.
        """
        if given:
            given = frozenset(given)  # it may be read twice
        try:
            # 1. The version in force.
            era = self._era
            if at is None:
                if not era.since <= time() < era.until:
                    era = self._era = self._kernel.era(datetime.now(UTC))
            elif not era.begins <= at < era.ends:
                era = self._era = self._kernel.era(at)

            # 2, 4 and 5. The cell. A word that nobody knows has no number, nor has one that the action does not take.
            table = era.tables[action]
            if recipient is None:
                other = table.moment[moment]
            else:
                other = table.recipient[recipient if moment is None else None]
            number = table.data[data] + table.purpose[purpose] + other + table.product[product]
            cell = table.cells[number] or table.make(number)

            # 6, 7 and 9. The gates, by what is true of the person and of this moment.
            bits = era.claims
            if choices:
                if type(choices) is Choices and (choices.names is self._names or choices.names == self._names):
                    bits |= choices.bits
                else:
                    bits |= self._encoding.of_choices(_stated(choices))
            if given:
                for condition in given:
                    bits |= self._conditions[condition]
            decision = (cell.outcomes.get(bits & cell.mask) or cell.outcome(bits)) if isinstance(cell, Gated) else cell

            if expires is None and collected_under is None and accepted is None:
                return decision

            # 3. Data that may no longer be kept; only a product that is not covered comes before that.
            book = era.book
            assert book is not None  # noqa: S101 - it has tables
            older = book if collected_under is None else self._kernel.books[collected_under]
            agreed = None if accepted is None else self._kernel.books[accepted]
            if expires is not None and (at or datetime.now(UTC)) >= expires:
                return book.not_covered if decision is book.not_covered else book.expired

            # 8. The version under which the data was collected.
            if older is book or not decision.allowed or (agreed is not None and agreed.effective >= book.effective):
                return decision
            promised = older.tables[action].says(
                bits, data=data, purpose=purpose, recipient=recipient, moment=moment, product=product
            )
            return self._kernel.agreed(decision, promised)
        except (KeyError, TypeError):
            return self._otherwise(
                Question(
                    action=action,
                    data=data,
                    purpose=purpose,
                    recipient=recipient,
                    product=product,
                    moment=moment,
                    choices=_stated(choices or {}),
                    given=frozenset(given),
                    at=at if at is not None else datetime.now(UTC),
                    collected_under=collected_under,
                    expires=expires,
                    accepted=accepted,
                )
            )

    def _otherwise(self, question: Question) -> Decision:
        """What the tables have no number for: a mistake in the question, or a time before the first version."""
        check_question(question, self._kernel.known)
        if self.policy.in_force(question.at) is None:
            return NOT_IN_FORCE
        return reference.decide(self.policy, question)


def _stated(choices: Mapping[str, State] | Choices) -> Mapping[str, State]:
    return dict(choices.stated) if isinstance(choices, Choices) else choices
