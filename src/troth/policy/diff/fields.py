"""How the fields of two statements differ, and which way each difference points by itself.

One table says for each field what more of it means. Fields that allow something point the way of the organisation:
more is broader. Fields that bind it (gates, duties, safeguards) point the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from troth.policy.diff.effects import may_be_longer
from troth.policy.diff.shape import Direction, FieldChange
from troth.policy.model import Statement, Tracker, Version
from troth.policy.values import Period, Text, write_moment

# Fields that are not part of what a version says.
_LEFT_OUT = frozenset({"id", "place", "order"})

Covers = Callable[[str, str], bool]
Rule = Callable[[Any, Any, Covers], Direction]


def direction_of(broader: bool, narrower: bool) -> Direction:
    """The direction in one word."""
    if broader and narrower:
        return "both"
    return "broader" if broader else "narrower" if narrower else "same"


def together(directions: Iterable[Direction]) -> Direction:
    """The direction of several changes together."""
    found = set(directions)
    return direction_of(bool(found & {"broader", "both"}), bool(found & {"narrower", "both"}))


def turned(direction: Direction) -> Direction:
    """The reverse."""
    reverse: dict[Direction, Direction] = {"broader": "narrower", "narrower": "broader"}
    return reverse.get(direction, direction)


# --- rules ------------------------------------------------------------------------------------------------------------


def _terms(empty_is_all: bool) -> Rule:
    """More terms, or wider ones, are broader."""

    def rule(old: Sequence[str], new: Sequence[str], covers: Covers) -> Direction:
        def within(ones: Sequence[str], others: Sequence[str]) -> bool:
            if empty_is_all and not others:
                return True
            if empty_is_all and not ones:
                return False
            return all(any(covers(other, one) for other in others) for one in ones)

        return direction_of(not within(new, old), not within(old, new))

    return rule


def _reverse(rule: Rule) -> Rule:
    return lambda old, new, covers: turned(rule(old, new, covers))


def _longer_is_broader(old: Period | None, new: Period | None, _: Covers) -> Direction:
    return direction_of(may_be_longer(new, old), may_be_longer(old, new))


def _sooner_without(old: Period | None, new: Period | None, covers: Covers) -> Direction:
    """A deadline that reads "at once" when it is left out."""
    return _longer_is_broader(old or Period(), new or Period(), covers)


def _broader_when_true(old: object, new: object, _: Covers) -> Direction:
    return direction_of(bool(new) and not old, bool(old) and not new)


def _broader_when_gone(old: object, new: object, _: Covers) -> Direction:
    return direction_of(bool(old) and not new, bool(new) and not old)


def _same(_old: object, _new: object, _covers: Covers) -> Direction:
    return "same"


def _broader(_old: object, _new: object, _covers: Covers) -> Direction:
    return "broader"


def _basis(old: str | None, new: str | None, _: Covers) -> Direction:
    """Consent can be withdrawn; no other basis gives people as much."""
    return direction_of(old == "consent", new == "consent")


def _model(old: str, new: str, _: Covers) -> Direction:
    return direction_of((old, new) == ("opt-in", "opt-out"), (old, new) == ("opt-out", "opt-in"))


def _earlier_end(old: datetime | None, new: datetime | None, _: Covers) -> Direction:
    """A claim that ends earlier promises less."""
    if old is None or new is None:
        return direction_of(new is not None, old is not None)
    return direction_of(new < old, old < new)


def _trackers(old: Sequence[Tracker], new: Sequence[Tracker], covers: Covers) -> Direction:
    before, after = {tracker.id: tracker for tracker in old}, {tracker.id: tracker for tracker in new}
    directions = [direction_of(bool(after.keys() - before.keys()), bool(before.keys() - after.keys()))]
    for id in before.keys() & after.keys():
        was, now = before[id], after[id]
        directions += [
            _longer_is_broader(was.lifetime, now.lifetime, covers),
            direction_of((was.party, now.party) == ("first", "third"), (was.party, now.party) == ("third", "first")),
            _terms(False)(was.purposes, now.purposes, covers),
            _broader_when_true(was.necessary, now.necessary, covers),
        ]
    return together(directions)


def _transfer(old: Any, new: Any, covers: Covers) -> Direction:
    before, after = (old.to if old else ()), (new.to if new else ())
    return _terms(False)(before, after, covers)


_MORE, _ALL_WITHOUT = _terms(False), _terms(True)
_RULES: dict[str, Rule] = {
    "data": _ALL_WITHOUT, "purposes": _MORE, "recipients": _MORE, "where": _ALL_WITHOUT, "when": _ALL_WITHOUT,
    "unless": _reverse(_MORE), "only_if": _reverse(_MORE), "given": _reverse(_MORE), "must": _reverse(_MORE),
    "sources": _MORE, "by": _MORE, "required": _broader_when_true, "keeps": _longer_is_broader,
    "sensitive": _reverse(_MORE), "trackers": _trackers, "basis": _basis, "automated": _broader_when_true,
    "transfer": _transfer, "model": _model, "signals": _reverse(_MORE), "needs": _MORE,
    "link_works": _reverse(_longer_is_broader), "lasts": _longer_is_broader,
    "within": _longer_is_broader, "confirm_within": _longer_is_broader, "free": _broader_when_gone,
    "ahead": _reverse(_sooner_without), "recourse": _broader_when_gone, "until": _earlier_end,
    "void": _broader_when_true, "verified": _broader_when_gone, "kind": _same,
}  # fmt: skip
# Where the same field means the reverse: a `never` with fewer terms promises less, a safeguard that goes protects less.
_RULES_OF: dict[tuple[str, str], Rule] = {
    **{("never", field): _reverse(_ALL_WITHOUT) for field in ("data", "purposes", "recipients", "where")},
    ("never", "actions"): _reverse(_MORE),
    ("protects", "by"): _reverse(_MORE),
    **{(verb, "data"): _reverse(_ALL_WITHOUT) for verb in ("protects",)},
    **{(verb, "where"): _reverse(_ALL_WITHOUT) for verb in ("protects", "choices", "rights", "claims", "answers")},
    ("choices", "within"): _sooner_without,
    ("publisher", "name"): _broader,
    **{("publisher", field): _broader_when_gone for field in ("email", "phone", "address")},
    ("covers", "entity"): _broader,
}


# --- comparing --------------------------------------------------------------------------------------------------------

# By class. Asked anew, every annotation of the class is resolved again.
_fields: Callable[[Any], tuple[msgspec.structs.FieldInfo, ...]] = cache(msgspec.structs.fields)


def compare_fields(part: str, old: Any, new: Any, before: Version, after: Version) -> tuple[FieldChange, ...]:
    """The fields in which two statements (or entries) differ, in the order of the language."""
    changes = []
    for field in _fields(type(new)):
        name = field.name
        was, now = getattr(old, name), getattr(new, name)
        if name in _LEFT_OUT or _plain(was) == _plain(now):
            continue
        rule = _RULES_OF.get((part, name)) or _RULES.get(name, _same)
        direction = (
            "same" if _is_text(was, now) and name != "automated" else rule(was, now, _covers(name, before, after))
        )
        changes.append(FieldChange(field=field.encode_name, old=_words(was), new=_words(now), direction=direction))
    return tuple(changes)


def same_rule(old: Statement, new: Statement) -> bool:
    """Whether two statements differ in nothing but their ids, their words and whether the overview has them."""
    if type(old) is not type(new):
        return False
    for field in _fields(type(new)):
        if field.name in _LEFT_OUT or field.name == "overview":
            continue
        was, now = getattr(old, field.name), getattr(new, field.name)
        if not _is_text(was, now) and _plain(was) != _plain(now):
            return False
    return True


def only_texts(old: Any, new: Any) -> bool:
    """Whether nothing but texts differ."""
    return all(
        _plain(getattr(old, field.name)) == _plain(getattr(new, field.name))
        or (
            _is_text(getattr(old, field.name), getattr(new, field.name))
            and (getattr(old, field.name) is None) == (getattr(new, field.name) is None)
        )
        or field.name in ("says", "details")
        for field in _fields(type(new))
        if field.name not in _LEFT_OUT
    )


def translated_only(old: Any, new: Any, language: str) -> bool:
    """Whether the texts are the same in the policy's language, so that only translations came, went or changed."""
    for field in _fields(type(new)):
        was, now = getattr(old, field.name), getattr(new, field.name)
        if field.name in _LEFT_OUT or was == now:
            continue
        if not (isinstance(was, Text) and isinstance(now, Text)) or was.in_(language) != now.in_(language):
            return False
    return True


def _is_text(was: object, now: object) -> bool:
    return isinstance(was, Text) or isinstance(now, Text)


def _covers(field: str, before: Version, after: Version) -> Covers:
    kind = {"data": "data", "purposes": "purpose", "recipients": "recipient", "sensitive": "data"}.get(field)
    if kind is None:
        return lambda wider, narrower: wider == narrower

    def covers(wider: str, narrower: str) -> bool:
        for version in (after, before):
            if version.recipient(narrower) is not None and kind == "recipient":
                return wider in version.recipient_path(narrower)
            if version.vocabulary.knows(kind, narrower):
                return version.vocabulary.covers(kind, wider, narrower)
        return wider == narrower

    return covers


def _plain(value: Any) -> Any:
    """A value without the places of its parts; the order of a list says nothing."""
    if isinstance(value, msgspec.Struct) and not isinstance(value, Text | Period):
        return tuple(
            (name, _plain(getattr(value, name))) for name in value.__struct_fields__ if name not in ("place", "order")
        )
    if isinstance(value, tuple):
        return frozenset(_plain(item) for item in value)
    return value


def _words(value: Any) -> tuple[str, ...]:
    """A value as words."""
    if value is None or value == ():
        return ()
    if isinstance(value, tuple):
        return tuple(word for item in value for word in _words(item))
    if isinstance(value, bool):
        return ("yes" if value else "no",)
    if isinstance(value, datetime):
        return (write_moment(value),)
    if isinstance(value, msgspec.Struct) and not isinstance(value, Text | Period):
        if isinstance(value, Tracker):
            return (f"{value.id} ({value.party} party, {value.lifetime})",)
        return (
            ", ".join(
                f"{name}: {', '.join(_words(getattr(value, name)))}"
                for name in value.__struct_fields__
                if getattr(value, name) not in (None, (), False) and name not in ("id", "place")
            ),
        )
    return (str(value),)
