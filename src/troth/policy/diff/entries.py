"""Changes of what stands beside the statements: publisher, introduction, sites and products, recipients, own terms."""

from __future__ import annotations

from typing import Any

from troth.policy.diff.fields import compare_fields, together
from troth.policy.diff.shape import Change, Direction, FieldChange, Kind, Sentence
from troth.policy.model import Publisher, Version


def entry_changes(old: Version, new: Version) -> list[Change]:
    """Changes of the publisher, of what is covered, of the recipients and of the policy's own terms."""
    changes: list[Change] = []
    fields = compare_fields("publisher", old.publisher, new.publisher, old, new)
    if fields:
        changes.append(_plain_change("publisher", "publisher", fields, old.publisher, new.publisher))
    texts = [
        FieldChange(field=name, old=_text(getattr(old, name)), new=_text(getattr(new, name)), direction="same")
        for name in ("title", "says", "details")
        if getattr(old, name) != getattr(new, name)
    ]
    if texts:
        kind: Kind = "translated" if all(field.old == field.new for field in texts) else "reworded"
        changes.append(Change(part="policy", id="introduction", kind=kind, direction="same", fields=tuple(texts)))
    # A site that comes is a further place for the same promises; one that goes takes the promises with it.
    changes += _entries("covers", old.covers, new.covers, old, new, added="broader", removed="both")
    changes += _entries("recipients", old.recipients, new.recipients, old, new, added="same", removed="same")
    for kind_of_term in old.own_terms.__struct_fields__:
        before, after = getattr(old.own_terms, kind_of_term), getattr(new.own_terms, kind_of_term)
        changes += _entries("vocabulary", before, after, old, new, added="same", removed="same")
    return changes


def _text(value: Any) -> tuple[str, ...]:
    return () if value is None else (str(value),)


def _entries(
    part: str, olds: Any, news: Any, old: Version, new: Version, *, added: Direction, removed: Direction
) -> list[Change]:
    before, after = {entry.id: entry for entry in olds}, {entry.id: entry for entry in news}
    changes = []
    for id in dict.fromkeys((*after, *before)):
        was, now = before.get(id), after.get(id)
        if was is None or now is None:
            kind: Kind = "added" if was is None else "removed"
            direction = added if was is None else removed
            changes.append(Change(part=part, id=id, kind=kind, direction=direction, old=_entry(was), new=_entry(now)))
            continue
        fields = compare_fields(part, was, now, old, new)
        if fields:
            changes.append(_plain_change(part, id, fields, was, now))
    return changes


def _entry(entry: Any) -> Sentence | None:
    if entry is None:
        return None
    return Sentence(id=entry.id, says=getattr(entry, "about", None), details=None, place=entry.place)


def _plain_change(part: str, id: str, fields: tuple[FieldChange, ...], was: Any, now: Any) -> Change:
    published = isinstance(now, Publisher)
    return Change(
        part=part,
        id=id,
        kind="changed",
        direction=together(field.direction for field in fields),
        old=None if published else _entry(was),
        new=None if published else _entry(now),
        fields=fields,
    )
