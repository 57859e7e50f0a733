"""What the service whose key came with a request may ask: in its own name, and within the scope of its key."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import UNSET

from troth.decision.point import DecisionPoint
from troth.gates.services import ServiceKey
from troth.policy.history import Policy
from troth.policy.vocabulary import Vocabulary
from troth.web.authzen.request import Request
from troth.web.authzen.response import Refused
from troth.web.services import CallerRefusedError, must_cover, must_name_itself


def permit(caller: ServiceKey, request: Request, point: DecisionPoint, now: datetime | None) -> None:
    """Raise Refused (403) unless the service asks in its own name, and for what its key is for."""
    of_action, context = request.action.properties, request.context
    try:
        must_name_itself(caller, request.subject.id)
        cover(
            caller,
            point.policy,
            now,
            action=request.action.name,
            data=request.resource.type,
            purpose=None if of_action is UNSET else of_action.purpose,
            product=None if context is UNSET else context.product,
            recipient=None if context is UNSET else context.recipient,
        )
    except CallerRefusedError as refused:
        raise Refused(refused.status, refused.text, *refused.headers) from None


def cover(
    caller: ServiceKey,
    policy: Policy,
    now: datetime | None,
    *,
    action: str,
    data: str,
    purpose: str | None,
    product: str | None,
    recipient: str | None = None,
) -> None:
    """Raise CallerRefusedError (403) unless the key covers a question, by the vocabulary that is in force now."""
    words = vocabulary_now(policy, now)
    why = caller.scope.refusal(words, action=action, data=data, purpose=purpose, product=product, recipient=recipient)
    must_cover(why)


def vocabulary_now(policy: Policy, now: datetime | None) -> Vocabulary:
    """The vocabulary of the version in force; of the first one, where none is in force yet."""
    return (policy.in_force(now or datetime.now(UTC)) or policy.versions[0]).vocabulary
