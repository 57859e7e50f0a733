"""What is wrong with the register at a moment, measured by the version of the policy in force, or will soon be.

The policy says to whom data is given under contract, and where transfers rest on something; a recipient for whom that
is not so gets nothing, and who runs the policy had better know beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from troth.conditions.lacks import CONTRACT, Lack, Sharing, contract_lack, transfer_lacks
from troth.conditions.standing import RecipientStanding
from troth.conditions.stated import statements_about
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.policy.values import write_moment

# What can be found, by code. The codes are stable.
FINDINGS: dict[str, str] = {
    "without-contract": "The policy gives data under contract, and none is in force.",
    "partly-covered": "The contract in force covers less than the policy says.",
    "without-basis": "The policy says what a transfer rests on, and that does not stand.",
    "expiring": "A contract ends within 90 days, and no other goes on.",
    "return-due": "What was received under a contract is to be returned or deleted.",
    "return-overdue": "What was received should have been returned or deleted by now.",
}


class Finding(msgspec.Struct, frozen=True):
    """One thing about a recipient: what closes a gate is an error, what will soon is a warning, the rest notes."""

    recipient: str
    code: str
    severity: Literal["error", "warning", "note"]
    message: str


def findings(policy: Policy, recipients: Mapping[str, RecipientStanding], at: datetime) -> tuple[Finding, ...]:
    """Everything that is found about the recipients that the version in force declares, and those registered."""
    version = policy.in_force(at)
    if version is None:
        return ()
    ids = dict.fromkeys((*(one.id for one in version.recipients), *recipients))
    return tuple(found for id in ids for found in _about(policy, version, recipients, id, at))


def _about(
    policy: Policy, version: Version, recipients: Mapping[str, RecipientStanding], id: str, at: datetime
) -> Iterator[Finding]:
    one = recipients.get(id)
    kind = one.profile.kind if one is not None else None
    asked = 0
    lacks: list[Lack] = []
    missing: dict[str, None] = {}
    for statement in statements_about(version, id, kind):
        # A statement about all data is asked about with what the contracts name.
        named = [term for contract in one.contracts.values() for term in contract.terms.data] if one is not None else []
        for data in statement.data or dict.fromkeys(named) or ("",):
            for purpose in statement.purposes:
                sharing = Sharing(recipient=id, data=data, purpose=purpose, version=version, at=at)
                missing |= {lack.sentence: None for lack in transfer_lacks(recipients, sharing)}
                if CONTRACT in statement.given:
                    asked += 1
                    lack = contract_lack(policy, recipients, sharing)
                    lacks += [lack] if lack is not None else []
    if asked and len(lacks) == asked:
        # Of what is missing, that a contract ended says more than that it would not have covered something else.
        told = next((lack for lack in lacks if lack.code != "not-covered"), lacks[0])
        yield Finding(id, "without-contract", "error", told.sentence)
    elif lacks:
        yield Finding(id, "partly-covered", "note", f"{lacks[0].sentence} ({len(lacks)} of {asked} in the policy.)")
    for sentence in missing:
        yield Finding(id, "without-basis", "error", sentence)
    if one is not None:
        yield from _of_contracts(one, at)


def _of_contracts(one: RecipientStanding, at: datetime) -> Iterator[Finding]:
    contracts = one.contracts.values()
    for contract in contracts:
        end, days = contract.end, contract.warning(at)
        if contract.state(at) == "expiring" and end is not None:
            goes_on = any(
                other is not contract and other.gives(end) and set(other.terms.data) >= set(contract.terms.data)
                and set(other.terms.purposes) >= set(contract.terms.purposes)
                for other in contracts
            )  # fmt: skip
            if not goes_on:
                message = f"The contract '{contract.terms.id}' ends on {write_moment(end)}, within {days} days."
                yield Finding(one.id, "expiring", "warning", message)
        owed = contract.owes(at)
        if owed is not None:
            late = owed.due <= at
            message = f"By contract '{contract.terms.id}' it is to {owed.owed} what it received"
            message += f", and should have by {write_moment(owed.due)}." if late else f" by {write_moment(owed.due)}."
            yield Finding(one.id, *(("return-overdue", "warning") if late else ("return-due", "note")), message)
