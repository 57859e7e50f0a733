"""A policy that follows its claims: where the register knows a claim, it is current only while it stands there.

Everything else goes by the dates that a policy gives its claims: the notice, the seal, decisions, transfers. So the
register need not be asked everywhere. It is put into those dates instead, and only ever makes them narrower: what the
policy does not claim, no register adds. A claim about which nothing was entered goes by the policy alone.

An old version is shown as it stood on its first day, by what was entered until then: a signature of today takes no
sentence out of the notice of years ago, and neither does it bring one back. Decisions go by the dates of the present.

The dates tell of the present and what is known of the future. `moments` says when they have to be made anew although
nothing was entered, as when a suspension ends on a day that was set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise

import msgspec

from troth.conditions.claims.standing import ClaimStanding
from troth.policy.history import Policy
from troth.policy.model import Claim, Statement, Version, Void
from troth.policy.values import Text

NEVER = datetime(9999, 12, 31, tzinfo=UTC)  # where a claim would begin that nobody signed
WHYS = {
    "lapsed": "Its time was over, and it was not renewed.",
    "suspended": "It is suspended.",
    "withdrawn": "It was taken back.",
    "void": "What it rests on is no more.",
}


Claims = Mapping[str, ClaimStanding]


def applied(policy: Policy, claims: Claims, at: datetime, known: Callable[[datetime], Claims] | None = None) -> Policy:
    """The policy with its claims as they stand at a moment; the same object if none of them is in the register.

    `known` gives the claims as they stood at an earlier moment, for the archive.
    """
    if not any(claim.id in claims for version in policy.versions for claim in version.claims):
        return policy
    now = [_applied(version, claims, at) for version in policy.versions]
    if known is None:
        return Policy(now)
    old = sum(later.effective <= at for _, later in pairwise(policy.versions))
    then = [_applied(one, known(one.effective), one.effective) for one in policy.versions[:old]]
    return Policy(now, archive=Policy([*then, *now[old:]]))


def moments(claims: Mapping[str, ClaimStanding], at: datetime) -> datetime | None:
    """The next moment after `at` from which `applied` may give something else; None if there is none."""
    return min((moment for one in claims.values() for moment in _turns(one) if moment > at), default=None)


def _applied(version: Version, claims: Claims, at: datetime) -> Version:
    if not any(claim.id in claims for claim in version.claims):
        return version
    narrowed = {claim.id: _narrowed(claim, claims[claim.id], at) for claim in version.claims if claim.id in claims}

    def kept(statement: Statement) -> Statement:
        return narrowed.get(statement.id, statement) if isinstance(statement, Claim) else statement

    return msgspec.structs.replace(
        version,
        claims=tuple(narrowed.get(claim.id, claim) for claim in version.claims),
        statements=tuple(kept(statement) for statement in version.statements),
    )


def _narrowed(claim: Claim, one: ClaimStanding, at: datetime) -> Claim:
    """The claim with dates between which it stands, as seen from a moment."""
    begins, ends, why = _between(one, at)
    begins = max(claim.since, begins)
    if ends is None or (claim.end is not None and claim.end <= ends):
        return msgspec.structs.replace(claim, since=begins)
    void = Void(on=max(ends, begins), why=Text((("en", why),)))
    return msgspec.structs.replace(claim, since=begins, void=void)


def _turns(one: ClaimStanding) -> list[datetime]:
    """The moments at which it may begin or cease to hold, in their order: between two of them nothing changes."""
    found = {turn[0] for turn in one.turns} | ({one.voided.on} if one.voided is not None else set())
    for signing in one.signings:
        found |= {signing.said.begins, signing.end}
    return sorted(found)


def _between(one: ClaimStanding, at: datetime) -> tuple[datetime, datetime | None, str]:
    """From when until when it holds, and why it ends then: now, else before, else the next time that is known of."""
    turns = _turns(one)
    before = [turn for turn in turns if turn <= at]
    if not one.holds(at):
        held = [turn for turn in before if one.holds(turn)]
        if held:
            ended = next(turn for turn in before if turn > held[-1])
            return _since(one, held), ended, _why(one, ended)
        begins = next((turn for turn in turns if turn > at and one.holds(turn)), None)
        if begins is None:
            return NEVER, None, ""
        at = begins
        before = [turn for turn in turns if turn <= at]
    ends = next((turn for turn in turns if turn > at and not one.holds(turn)), None)
    return _since(one, before), ends, _why(one, ends)


def _since(one: ClaimStanding, before: list[datetime]) -> datetime:
    """Since when it has held without a gap until the last of these moments."""
    since = before[-1]
    for turn in reversed(before):
        if not one.holds(turn):
            break
        since = turn
    return since


def _why(one: ClaimStanding, ended: datetime | None) -> str:
    """Why it holds no longer from a moment on."""
    if ended is None:
        return ""
    if one.voided is not None and one.voided.on <= ended:
        return one.voided.why or WHYS["void"]
    suspension = one.suspension(ended)
    if suspension is not None and one.signing(ended) is not None:
        return suspension[1] or WHYS["suspended"]
    whys = [signing.why for signing in one.signings if signing.ended == ended and signing.why]
    return whys[0] if whys else WHYS.get(one.state(ended), WHYS["lapsed"])
