"""Two versions side by side: what `troth.policy.diff` finds, told for a page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from troth.notice import words
from troth.policy.diff import Audience, Change, diff, effect_line
from troth.policy.model import VERBS, Version
from troth.policy.values import Text

KINDS = {
    "added": "new",
    "removed": "gone",
    "changed": "changed",
    "renamed": "renamed",
    "reworded": "other words only",
    "translated": "translated only",
}
DIRECTIONS = {
    "broader": "broader",
    "narrower": "narrower",
    "both": "broader and narrower",
    "same": "no rule changed",
}
PARTS = {
    "publisher": "Who promises",
    "covers": "Covered",
    "recipients": "Recipient",
    "vocabulary": "Word",
    "policy": "Policy",
}


class Told(msgspec.Struct, frozen=True):
    """One change as it stands on the page. `broader` is None where no rule changed."""

    name: str
    kind: str
    direction: str
    what: str
    before: Text | None
    after: Text | None
    before_id: str | None
    after_id: str | None
    effects: tuple[tuple[bool, str], ...]
    details_only: bool


class Heard(msgspec.Struct, frozen=True):
    """Who must hear of a change, and because of which promises: their names, and addresses where there are any."""

    who: str
    because: tuple[tuple[str, str | None], ...]


class Differences(msgspec.Struct, frozen=True):
    """The page: whether it is material, who is told and asked, changes of promises and of what lies around them."""

    material: bool
    told: tuple[Heard, ...]
    asked: tuple[Heard, ...]
    broader: int
    narrower: int
    same: int
    promises: tuple[Told, ...]
    around: tuple[Told, ...]


def differences(old: Version, new: Version, shown_at: tuple[datetime, datetime]) -> Differences:
    """The differences from an older version to a newer one, those that became broader first.

    `shown_at` has the moments for which the two are shown: a claim that is not current then is told of neither.
    """
    found = diff(old, new)
    stated = (_stated(old, shown_at[0]), _stated(new, shown_at[1]))
    order = {"broader": 0, "both": 0, "narrower": 1, "same": 2}
    told = [
        (change, _told(change, old, new, stated))
        for change in found.changes
        if change.part != "claims" or change.id in stated[0] | stated[1]
    ]
    told.sort(key=lambda pair: order[pair[0].direction])
    counts = [sum(order[change.direction] == rank for change, _ in told) for rank in range(3)]
    return Differences(
        found.material,
        tuple(_audience(audience, (old, new), stated) for audience in found.told),
        tuple(_audience(audience, (old, new), stated) for audience in found.asked),
        counts[0],
        counts[1],
        counts[2],
        tuple(entry for change, entry in told if change.part in VERBS),
        tuple(entry for change, entry in told if change.part not in VERBS),
    )


def _stated(version: Version, at: datetime) -> frozenset[str]:
    return frozenset(statement.id for statement in version.stated_on(at))


def _told(change: Change, old: Version, new: Version, stated: tuple[frozenset[str], frozenset[str]]) -> Told:
    effects = [(effect.direction == "broader", effect_line(effect, old, new)) for effect in change.effects]
    if not effects:
        effects = [
            (field.direction == "broader", f"{words.title(field.field)}: {_turn(field.old)} → {_turn(field.new)}")
            for field in change.fields
            if field.field not in {"says", "details"}
        ]
    of_promises = change.part in VERBS
    before_id = change.old.id if change.old and change.old.id in stated[0] and of_promises else None
    after_id = change.new.id if change.new and change.new.id in stated[1] and of_promises else None
    before = change.old.says if change.old and (before_id or not of_promises) else None
    after = change.new.says if change.new and (after_id or not of_promises) else None
    part = PARTS.get(change.part)
    return Told(
        name=f"{part}: {words.title(change.id)}"
        if part and change.part != change.id
        else part or words.title(change.id),
        kind=KINDS[change.kind],
        direction=change.direction,
        what="" if change.kind in {"reworded", "translated"} else DIRECTIONS[change.direction],
        before=before,
        after=after,
        before_id=before_id,
        after_id=after_id,
        effects=tuple(dict.fromkeys(effects)),
        details_only=before == after and not effects,
    )


def _turn(values: Iterable[str]) -> str:
    return words.listed(values) or "nothing"


def _audience(
    audience: Audience, versions: tuple[Version, Version], stated: tuple[frozenset[str], frozenset[str]]
) -> Heard:
    old, new = versions
    if audience.choice is not None:
        who = f"Those who decide by the choice ‘{words.choice(audience.choice)}’"
    elif audience.product is not None:
        covered = new.covered(audience.product) or old.covered(audience.product)
        who = f"Those who use {covered.name if covered else audience.product}"
    else:
        who = "Everybody"
    because = []
    for id in audience.because:
        # where it stands: in the new version, else in the old one
        version = new if id in stated[1] else old if id in stated[0] else None
        because.append((words.choice(id), f"policy/versions/{version.id}#{id}" if version else None))
    return Heard(who, tuple(because))
