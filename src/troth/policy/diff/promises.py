"""What a `never` promised that the other version does not promise."""

from __future__ import annotations

from collections.abc import Sequence

from troth.policy.coverage import Coverage
from troth.policy.diff.shape import Effect, Standing
from troth.policy.model import Never, Statement, Version


def find_promises(was: Statement | None, now: Statement | None, old: Version, new: Version) -> list[Effect]:
    """What a `never` promised and the new version does not promise any more, and the reverse."""
    effects = []
    if isinstance(was, Never):
        effects += _withdrawn(was, old, new, "broader")
    if isinstance(now, Never):
        effects += _withdrawn(now, new, old, "narrower")
    return effects


def _withdrawn(never: Never, having: Version, other: Version, direction: str) -> list[Effect]:
    coverage = Coverage(other)
    effects = []
    here = Standing(state="never", statements=(never.id,))
    there = Standing(state="not-stated")
    for action in never.actions:
        missing = [
            (data, purpose, recipient)
            for data in never.data or ("",)
            for purpose in never.purposes or ("",)
            for recipient in never.recipients or ("",)
            if not any(
                action in another.actions
                and _within(coverage, "data", another.data, data)
                and _within(coverage, "purpose", another.purposes, purpose)
                and _within(coverage, "recipient", another.recipients, recipient)
                and (not another.where or (bool(never.where) and set(never.where) <= set(another.where)))
                for another in other.never
            )
        ]
        if missing:
            effects.append(
                Effect(
                    kind="promise",
                    direction=direction,  # type: ignore[arg-type]  # one of the two
                    action=action,
                    data=tuple(dict.fromkeys(data for data, _, _ in missing if data)),
                    purposes=tuple(dict.fromkeys(purpose for _, purpose, _ in missing if purpose)),
                    recipients=tuple(dict.fromkeys(recipient for _, _, recipient in missing if recipient)),
                    products=never.where,
                    was=here if direction == "broader" else there,
                    now=there if direction == "broader" else here,
                )
            )
    return effects


def _within(coverage: Coverage, kind: str, terms: Sequence[str], term: str) -> bool:
    """Whether the terms of a `never` cover one term of another; none means all of them."""
    return not terms or (bool(term) and any(wider in coverage.path(kind, term) for wider in terms))
