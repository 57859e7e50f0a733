"""Whom a difference concerns: who must be told of it, and who must be asked again."""

from __future__ import annotations

from collections.abc import Iterable

from troth.policy.diff.shape import Audience, Change, Effect


def who_is_told(changes: Iterable[Change]) -> tuple[Audience, ...]:
    """Everybody, when a change is material; and whoever uses a site or product that comes or goes."""
    because: list[str] = []
    audiences = []
    for change in changes:
        if change.part == "covers" and change.kind in ("added", "removed"):
            audiences.append(Audience(product=change.id, because=(change.id,)))
        elif change.direction in ("broader", "both"):
            because.append(change.id)
    if because:
        audiences.insert(0, Audience(because=tuple(because)))
    return tuple(audiences)


def who_is_asked(changes: Iterable[Change]) -> tuple[Audience, ...]:
    """For each choice that a broader allowance depends on, those who have it; everybody where it depends on none."""
    because: dict[str | None, list[str]] = {}
    for change in changes:
        if not change.asks:
            continue
        free = [
            effect
            for effect in change.effects
            if effect.direction == "broader" and effect.kind != "promise" and not _with_choice(effect)
        ]
        names: list[str | None] = list(change.choices)
        if free or not names:
            names.insert(0, None)
        for name in names:
            because.setdefault(name, []).append(change.id)
    order = sorted(because, key=lambda name: name is not None)
    return tuple(Audience(choice=name, because=tuple(because[name])) for name in order)


def _with_choice(effect: Effect) -> bool:
    return bool(effect.now.gates) and all(any(gate.kind != "given" for gate in gates) for gates in effect.now.gates)
