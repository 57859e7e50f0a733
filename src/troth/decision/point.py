"""The policy decision point as applications use it: `DecisionPoint(policy).decide(action=…, data=…, …)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from troth.decision.question import Decision, Question, State
from troth.decision.reference import decide
from troth.policy.history import Policy


class DecisionPoint:
    """Answers questions about one policy, in all its versions. Immutable and safe to share between threads."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def decide(
        self,
        *,
        action: str,
        data: str,
        purpose: str | None = None,
        recipient: str | None = None,
        product: str | None = None,
        moment: str | None = None,
        choices: Mapping[str, State] | None = None,
        given: Iterable[str] = (),
        at: datetime | None = None,
        collected_under: str | None = None,
        expires: datetime | None = None,
        accepted: str | None = None,
    ) -> Decision:
        """The decision on a question; see `Question` for the arguments. `at` is now when left out.

        Raises QuestionError for a question that names something that no version of the policy knows.
        """
        return decide(
            self.policy,
            Question(
                action=action,
                data=data,
                purpose=purpose,
                recipient=recipient,
                product=product,
                moment=moment,
                choices=choices or {},
                given=frozenset(given),
                at=at if at is not None else datetime.now(UTC),
                collected_under=collected_under,
                expires=expires,
                accepted=accepted,
            ),
        )
