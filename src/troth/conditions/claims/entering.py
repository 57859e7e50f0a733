"""What may be entered about a claim: nothing about one that the policy does not make, and nothing out of turn."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from troth.conditions.claims.facts import (
    Assessed,
    ClaimError,
    Drafted,
    Reinstated,
    Said,
    Signed,
    Suspended,
    Voided,
    Withdrawn,
)
from troth.conditions.claims.standing import ClaimStanding
from troth.policy.history import Policy
from troth.policy.problems import nearest
from troth.policy.values import write_moment

# A self-assessment is done anew at least once a year (Data Privacy Framework, Supplemental Principle 7).
FRESH = timedelta(days=366)


def check(policy: Policy, one: ClaimStanding, said: Said, at: datetime) -> None:
    """Raise ClaimError unless a fact may be entered at a moment about a claim that stands like this."""
    known = dict.fromkeys(claim.id for version in policy.versions for claim in version.claims)
    if one.id not in known:
        raise ClaimError(
            f"No version of the policy makes the claim '{one.id}'.{_near(one.id, known)} Declare it under `claims:`."
        )
    match said:
        case Drafted():
            _check_draft(policy, said)
        case Assessed():
            _check_assessment(policy, one, said)
        case Signed():
            _check_signature(one, said, at)
        case Suspended():
            if one.suspension(said.on) is not None:
                raise ClaimError(f"'{one.id}' is suspended then already.")
            _carried(one, said.on)
        case Reinstated():
            if one.suspension(said.on) is None:
                raise ClaimError(f"'{one.id}' is not suspended then, so there is nothing to reinstate.")
        case Withdrawn():
            if not any(said.on < signing.end for signing in one.signings):
                raise ClaimError(
                    f"'{one.id}' does not stand on {write_moment(said.on)} or later; nothing is taken back."
                )
        case Voided():
            if one.voided is not None and one.voided.on <= said.on:
                raise ClaimError(f"'{one.id}' is void as of {write_moment(one.voided.on)}.")


def _check_draft(policy: Policy, said: Drafted) -> None:
    if not said.holder.strip():
        raise ClaimError("A claim has a holder.")
    if not said.requirements:
        raise ClaimError("A claim without requirements says nothing that could be assessed.")
    _no_twins("requirement", (one.id for one in said.requirements))
    covered = dict.fromkeys(one.id for version in policy.versions for one in version.covers)
    for id in said.covers:
        if id not in covered:
            raise ClaimError(f"The policy covers no '{id}'.{_near(id, covered)}")


def _check_assessment(policy: Policy, one: ClaimStanding, said: Assessed) -> None:
    if one.draft is None:
        raise ClaimError(f"'{one.id}' is not drafted yet: there is nothing to hold it against.")
    if said.version not in (versions := [version.id for version in policy.versions]):
        raise ClaimError(f"The policy has no version '{said.version}'. There are: {', '.join(versions)}.")
    asked = [requirement.id for requirement in one.draft.requirements]
    _no_twins("requirement", (found.requirement for found in said.evidence))
    for found in said.evidence:
        if found.requirement not in asked:
            raise ClaimError(f"'{one.id}' has no requirement '{found.requirement}'.{_near(found.requirement, asked)}")
        if found.how == "document" and (found.document is None or found.dated is None):
            raise ClaimError(f"'{found.requirement}' rests on a document, which has a SHA-256 and a date.")


def _check_signature(one: ClaimStanding, said: Signed, at: datetime) -> None:
    if one.assessed is None or one.assessed_at is None or said.assessment != one.assessment:
        raise ClaimError(f"What is signed is the latest assessment of '{one.id}'. `troth claim assess` makes one.")
    if missing := one.open():
        raise ClaimError(f"'{one.id}' cannot be signed: not met yet: {', '.join(each.id for each in missing)}.")
    if at - one.assessed_at > FRESH:
        raise ClaimError(f"The assessment of '{one.id}' is older than a year. Assess it again first.")
    if said.ends <= said.begins:
        raise ClaimError(f"It would end on {write_moment(said.ends)}, and begin only on {write_moment(said.begins)}.")
    months = one.draft.months if one.draft is not None else 0
    if said.ends > _later(said.begins, months):
        raise ClaimError(f"A signature carries '{one.id}' for {months} months at most. Choose an earlier --until.")
    if said.ends <= at:
        raise ClaimError(f"It would have ended on {write_moment(said.ends)} already.")
    if said.begins < one.assessed_at - FRESH:
        raise ClaimError("It would begin more than a year before it was assessed.")
    if one.voided is not None:
        raise ClaimError(f"'{one.id}' is void as of {write_moment(one.voided.on)}: {one.voided.why}")


def _later(moment: datetime, months: int) -> datetime:
    """The same day of the month some months later; the last one of a month that is shorter."""
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _carried(one: ClaimStanding, on: datetime) -> None:
    if not any(on < signing.end for signing in one.signings):
        raise ClaimError(f"'{one.id}' is signed for no time from {write_moment(on)} on.")


def _no_twins(what: str, ids: Iterable[str]) -> None:
    for id, count in Counter(ids).items():
        if count > 1:
            raise ClaimError(f"The {what} '{id}' is there {count} times.")


def _near(found: str, known: Iterable[str]) -> str:
    near = nearest(found, list(known))
    return f" Did you mean '{near}'?" if near else ""
