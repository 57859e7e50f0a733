"""A policy that follows its claims: where the register knows a claim, it is current only while it stands there.

Everything else goes by the dates that a policy gives its claims: the notice, the seal, decisions, transfers. So the
register need not be asked everywhere. It is put into those dates instead, and only ever makes them narrower: what the
policy does not claim, no register adds. A claim about which nothing was entered goes by the policy alone.

The dates tell of the present and what is known of the future. `moments` says when they have to be made anew although
nothing was entered, as when a suspension ends on a day that was set.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

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


def applied(policy: Policy, claims: Mapping[str, ClaimStanding], at: datetime) -> Policy:
    """The policy with its claims as they stand at a moment; the same object if none of them is in the register."""
    if not any(claim.id in claims for version in policy.versions for claim in version.claims):
        return policy
    return Policy(_applied(version, claims, at) for version in policy.versions)


def moments(claims: Mapping[str, ClaimStanding], at: datetime) -> datetime | None:
    """The next moment after `at` from which `applied` may give something else; None if there is none."""
    found: set[datetime] = set()
    for one in claims.values():
        for signing in one.signings:
            found |= {signing.said.begins, signing.end}
        found |= {turn[0] for turn in one.turns}
        if one.voided is not None:
            found.add(one.voided.on)
    return min((moment for moment in found if moment > at), default=None)


def _applied(version: Version, claims: Mapping[str, ClaimStanding], at: datetime) -> Version:
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


def _between(one: ClaimStanding, at: datetime) -> tuple[datetime, datetime | None, str]:
    """From when until when it stands, and why it ends; what lies further away than the next change is left out."""
    state = one.state(at)
    if state in ("current", "due"):
        ends, why = one.carried_until(at), WHYS["lapsed"]
        for on, suspended, reason in one.turns:
            if suspended and at < on < ends:
                ends, why = on, reason or WHYS["suspended"]
                break
        return _since(one, at), ends, why
    if state == "signed":
        begins = min(signing.said.begins for signing in one.signings if at < signing.said.begins < signing.end)
        return begins, one.carried_until(begins), WHYS["lapsed"]
    if state in ("draft", "assessed"):
        return NEVER, None, ""
    if state == "suspended":
        since, reason = one.suspension(at) or (at, "")
        return _first(one), since, reason or WHYS[state]
    if state == "void" and one.voided is not None:
        return _first(one), one.voided.on, one.voided.why or WHYS[state]
    latest = max((signing for signing in one.signings if signing.said.begins <= at), key=lambda each: each.end)
    return _first(one), latest.end, latest.why or WHYS[state]


def _since(one: ClaimStanding, at: datetime) -> datetime:
    """Since when it has stood: the last reinstatement, if there was one since signatures began to carry it."""
    back = [on for on, suspended, _ in one.turns if not suspended and on <= at]
    return max([one.carried_since(at), *back])


def _first(one: ClaimStanding) -> datetime:
    return min((signing.said.begins for signing in one.signings), default=NEVER)
