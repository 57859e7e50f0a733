"""What is due of claims, of contracts with recipients, and of tests. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from troth.accountability.due.due import Due, level_of
from troth.accountability.verifying.results import Result
from troth.conditions.claims.standing import WARNINGS, ClaimStanding
from troth.conditions.findings import findings
from troth.conditions.standing import ContractStanding, RecipientStanding
from troth.policy.history import Policy
from troth.policy.model import Version

AS = "--as NAME"
AHEAD = timedelta(days=max(WARNINGS))


def due_of_claims(version: Version, claims: Mapping[str, ClaimStanding], at: datetime) -> Iterator[Due]:
    """What is due of the claims of a version: those that end within 90 days, have lapsed, or are not signed yet.

    One about which nothing was entered goes by the dates of the policy.
    """
    for stated in version.claims:
        one = claims.get(stated.id)
        if one is not None:
            yield from _of_claim(one, at)
        elif stated.current(at) and stated.end is not None and stated.end - at <= AHEAD:
            command = f"troth claim draft {stated.id} --programme PROGRAMME {AS}"
            yield _claim(stated.id, stated.end, at, "It ends by the policy itself. Begin it anew.", command)


def _of_claim(one: ClaimStanding, at: datetime) -> Iterator[Due]:
    assess, sign = f"troth claim assess {one.id} {AS}", f"troth claim sign {one.id} --until DATE {AS}"
    match one.state(at):
        case "due":
            signing = one.signing(at)
            ends = [one.carried_until(at)]
            due = signing.said.due if signing is not None else None
            if due is not None:
                ends.append(due)
            left = "It has to be certified anew" if min(ends) == due else "It ends, and with it its sentence and seal"
            yield _claim(one.id, min(ends), at, f"{left}. Assess it anew.", assess)
        case "lapsed":
            end = max((signing.end for signing in one.signings), default=None)
            what = "It has lapsed: its sentence, its seal and the transfers that rest on it are gone."
            yield _claim(one.id, end, at, what, assess)
        case "suspended":
            suspended = one.suspension(at)
            what = f"It is suspended{f': {suspended[1]}' if suspended is not None and suspended[1] else ''}."
            command = f"troth claim reinstate {one.id} {AS}"
            yield Due(room="claims", level="soon", what=what, about=one.id, when=None, command=command)
        case "draft":
            what = f"{len(one.open())} of its requirements are not known to be met."
            yield Due(room="claims", level="open", what=what, about=one.id, when=None, command=assess)
        case "assessed":
            what = "It is assessed, and an officer may sign it."
            yield Due(room="claims", level="open", what=what, about=one.id, when=None, command=sign)


def _claim(id: str, when: datetime | None, at: datetime, what: str, command: str) -> Due:
    return Due(room="claims", level=level_of(when, at), what=what, about=id, when=when, command=command)


def due_of_recipients(policy: Policy, recipients: Mapping[str, RecipientStanding], at: datetime) -> Iterator[Due]:
    """What is due of recipients: contracts that end within 90 days, and what is to be returned or deleted."""
    for found in findings(policy, recipients, at):
        one = recipients.get(found.recipient)
        if one is None or found.code not in ("expiring", "return-due", "return-overdue"):
            continue
        contract = next(contract for contract in one.contracts.values() if f"'{contract.terms.id}'" in found.message)
        when, command = _of_contract(one.id, contract, found.code, at)
        level = level_of(when, at)
        yield Due(room="recipients", level=level, what=found.message, about=one.id, when=when, command=command)


def _of_contract(id: str, contract: ContractStanding, code: str, at: datetime) -> tuple[datetime | None, str]:
    owed = contract.owes(at)
    if code != "expiring" and owed is not None:
        done = "--deleted" if owed.owed == "delete" else "--returned"
        return owed.due, f"troth recipient confirm {id} {contract.terms.id} {done} --staff NAME"
    terms = [f"--data {data}" for data in contract.terms.data] + [f"--for {one}" for one in contract.terms.purposes]
    begins = "" if contract.end is None else f" --from {contract.end:%Y-%m-%d}"
    return contract.end, f"troth recipient contract {id} {' '.join(terms)}{begins} --staff NAME"


def due_of_tests(latest: Mapping[str, Result], failing: Mapping[str, datetime], at: datetime) -> Iterator[Due]:
    """What is due of tests: those that fail, since when; those that could not be done, or not for long."""
    for name, result in latest.items():
        command = f"troth verify {name}"
        if result.state == "failed":
            since = failing.get(name, result.at)
            yield Due(room="tests", level="overdue", what=result.sentence, about=name, when=since, command=command)
        elif result.state == "unknown" or not result.fresh(at):
            what = result.sentence if result.state == "unknown" else "It has not been done for more than 35 days."
            yield Due(room="tests", level="open", what=what, about=name, when=None, command=command)
