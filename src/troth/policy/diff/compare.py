"""The difference of two versions: which statements changed, which way, and whom that concerns.

Statements are matched by their id; where an id is new and another is gone, by their rule (then it is *renamed*). What a
collects, uses or shares statement changes is decided by what becomes allowed in the whole policy (`effects.py`), so a
purpose that moves from one statement to another is not broader. All else is compared field by field (`fields.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from troth.policy.diff.audiences import who_is_asked, who_is_told
from troth.policy.diff.effects import Found, find_effects
from troth.policy.diff.entries import entry_changes
from troth.policy.diff.fields import (
    compare_fields,
    direction_of,
    only_texts,
    same_rule,
    together,
    translated_only,
)
from troth.policy.diff.promises import find_promises
from troth.policy.diff.shape import (
    Change,
    Diff,
    Direction,
    Effect,
    FieldChange,
    Kind,
    Sentence,
)
from troth.policy.model import (
    VERBS,
    Choice,
    Claim,
    Gated,
    Never,
    Statement,
    Version,
    verb_of,
)

# Fields of allowing statements whose weight is told by effects, not by themselves.
_BY_EFFECT = frozenset({"data", "for", "with", "when", "where", "unless", "only_if", "given", "must", "keeps"})
# Other fields of theirs that people must be asked about when they become broader.
_ASK = frozenset({"basis", "transfer", "from", "trackers", "automated"})

Pair = tuple[Statement | None, Statement | None]


def diff(old: Version, new: Version) -> Diff:
    """The difference from `old` to `new`. It is empty (and false) when they say the same, whatever their dates are.

    GDPR articles 13(3), 6(4) and 7: people are told of what becomes broader, and asked again before their data is used
    in a way that they were not told of, or agreed to.
    """
    pairs = [pair for verb in VERBS for pair in _matched(getattr(old, verb), getattr(new, verb))]
    changed = {id for pair in pairs if _differs(pair) for id in _ids(pair)}
    effects = _attributed(find_effects(old, new), changed)
    changes = entry_changes(old, new)
    for verb in VERBS:
        of_verb = (pair for pair in pairs if _verb(pair) == verb)
        changes += [change for pair in of_verb if (change := _change(verb, pair, old, new, effects)) is not None]
    return Diff(
        policy=new.policy,
        old=old.id,
        new=new.id,
        material=any(change.direction in ("broader", "both") for change in changes),
        changes=tuple(changes),
        told=who_is_told(changes),
        asked=who_is_asked(changes),
    )


def _verb(pair: Pair) -> str:
    was, now = pair
    statement = now or was
    assert statement is not None  # noqa: S101 - a pair has one at least
    return verb_of(statement)


def _matched(olds: Sequence[Statement], news: Sequence[Statement]) -> list[Pair]:
    """Which statement became which, in the order of the new file; those that went stand where they stood."""
    before = {statement.id: statement for statement in olds}
    after = {statement.id: statement for statement in news}
    gone = [statement for statement in olds if statement.id not in after]
    pairs: list[Pair] = []
    for statement in news:
        was = before.get(statement.id)
        if was is None:
            alike = [candidate for candidate in gone if same_rule(candidate, statement)]
            was = next((candidate for candidate in alike if candidate.says == statement.says), None)
            if was is None and len(alike) == 1:
                was = alike[0]
            if was is not None:
                gone.remove(was)
        pairs.append((was, statement))
    for statement in gone:
        place = sum(1 for was, _ in pairs if was is not None and was.order < statement.order)
        pairs.insert(place, (statement, None))
    return pairs


def _ids(pair: Pair) -> list[str]:
    return [statement.id for statement in pair if statement is not None]


def _differs(pair: Pair) -> bool:
    was, now = pair
    return was is None or now is None or not same_rule(was, now)


def as_json(difference: Diff) -> bytes:
    """The difference as JSON, in UTF-8, indented; `docs/reference/diff.md` describes it."""
    return msgspec.json.format(msgspec.json.encode(difference), indent=2)


# --- to which statement an effect belongs -----------------------------------------------------------------------------


def _attributed(found: Iterable[Found], changed: set[str]) -> dict[str, list[Effect]]:
    """Effects by the statement that brings them: one that changed, the new ones first unless something was lost."""
    effects: dict[str, list[Effect]] = {}
    for item in found:
        lost = item.effect.kind == "allowance" and item.effect.direction == "narrower"
        first, second = (item.old, item.new) if lost else (item.new, item.old)
        causes = [id for id in first if id in changed] or [id for id in second if id in changed] or first[:1]
        for id in causes or second[:1]:
            if item.effect not in effects.setdefault(id, []):
                effects[id].append(item.effect)
    return effects


# --- one statement ----------------------------------------------------------------------------------------------------


def _change(verb: str, pair: Pair, old: Version, new: Version, effects: dict[str, list[Effect]]) -> Change | None:
    was, now = pair
    fields = compare_fields(verb, was, now, old, new) if was is not None and now is not None else ()
    own = [effect for id in dict.fromkeys(_ids((was, now))) for effect in effects.get(id, ())]
    renamed = was is not None and now is not None and was.id != now.id
    if isinstance(was or now, Never):
        own += find_promises(was, now, old, new)
    if was is not None and now is not None and not fields and not own and not renamed:
        return None
    statement = now or was
    assert statement is not None  # noqa: S101 - a pair has one at least
    return Change(
        part=verb,
        id=statement.id,
        kind=_kind(was, now, fields, own, new),
        direction=_direction(was, now, fields, own) if not _lapsed(was, now, new) else "same",
        old=_sentence(was),
        new=_sentence(now),
        fields=fields,
        effects=tuple(own),
        asks=_asks(pair, fields, own, old),
        choices=_choices(statement, own),
    )


def _kind(
    was: Statement | None, now: Statement | None, fields: Sequence[FieldChange], own: Sequence[Effect], new: Version
) -> Kind:
    if was is None:
        return "added"
    if now is None:
        return "removed"
    if own or not only_texts(was, now):
        return "changed"
    if was.id != now.id:
        return "renamed"
    return "translated" if translated_only(was, now, new.language) else "reworded"


def _direction(
    was: Statement | None, now: Statement | None, fields: Sequence[FieldChange], own: Sequence[Effect]
) -> Direction:
    by_effect = direction_of(
        any(effect.direction == "broader" for effect in own), any(effect.direction == "narrower" for effect in own)
    )
    if isinstance(was or now, Gated):
        return together([by_effect, *(field.direction for field in fields if field.field not in _BY_EFFECT)])
    if isinstance(was or now, Never):
        return by_effect
    if was is None:  # a promise, a right, a choice or a safeguard that came
        return "narrower"
    if now is None:
        return "broader"
    return together([*(field.direction for field in fields), by_effect])


def _lapsed(was: Statement | None, now: Statement | None, new: Version) -> bool:
    """Whether it is about a claim that does not hold under the new version, whatever that says of it, and had ended."""
    gone = not isinstance(now, Claim) or not now.current(new.effective)
    return gone and isinstance(was, Claim) and was.end is not None and was.end <= new.effective


def _asks(pair: Pair, fields: Sequence[FieldChange], own: Sequence[Effect], old: Version) -> bool:
    """Whether people must be asked again: something is allowed, or kept longer, that was not when they were told.

    What happens on a site that the older version did not cover is new to its people, who are told of it: nobody's data
    from before goes there without their agreement to the newer version.
    """
    was, now = pair
    if any(_reaches_back(effect, old) for effect in own):
        return True
    if isinstance(now, Gated) and was is not None:
        return any(field.field in _ASK and field.direction in ("broader", "both") for field in fields)
    if isinstance(now, Choice):
        return any(field.field == "model" and field.direction == "broader" for field in fields)
    return False


def _reaches_back(effect: Effect, old: Version) -> bool:
    further = bool(effect.products) and all(old.covered(product) is None for product in effect.products)
    return effect.direction == "broader" and effect.kind != "promise" and not further


def _choices(statement: Statement, own: Sequence[Effect]) -> tuple[str, ...]:
    """The choices through which those who are concerned decide: those of what became allowed, or of the statement."""
    if isinstance(statement, Choice):
        return (statement.id,)
    broader = [effect for effect in own if effect.direction == "broader"]
    names: dict[str, None] = {}
    for effect in broader:
        for gates in effect.now.gates:
            names.update((gate.name, None) for gate in gates if gate.kind != "given")
    if not broader and isinstance(statement, Gated):
        names.update(dict.fromkeys((*statement.only_if, *statement.unless)))
    return tuple(names)


def _sentence(statement: Statement | None) -> Sentence | None:
    if statement is None:
        return None
    return Sentence(id=statement.id, says=statement.says, details=statement.details, place=statement.place)
