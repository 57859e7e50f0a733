"""What a difference of two versions is, as plain frozen values: ready to be shown or written as JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

from troth.policy.coverage import Gate
from troth.policy.problems import Place
from troth.policy.values import Text

# Seen from the organisation: `broader` lets it do more or promises less, `narrower` the reverse, `both` is each in
# another respect, `same` changes no rule.
Direction = Literal["broader", "narrower", "both", "same"]
Kind = Literal["added", "removed", "changed", "renamed", "reworded", "translated"]


class Sentence(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a version says in one place: the id, the sentence, the longer text and where it stands in the file."""

    id: str
    says: Text | None
    details: Text | None
    place: Place


class FieldChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of a statement: what it held and holds, what came and went, and which way that points by itself.

    The direction of the whole statement may differ: what one statement loses another may have gained.
    """

    field: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    direction: Direction

    @property
    def added(self) -> tuple[str, ...]:
        """What only the new version has."""
        return tuple(value for value in self.new if value not in self.old)

    @property
    def removed(self) -> tuple[str, ...]:
        """What only the old version has."""
        return tuple(value for value in self.old if value not in self.new)


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a version stands to something: stated (under which gates, with which duties), never, or not stated.

    `gates` has one set for each statement that allows it; an empty set means: always.
    """

    state: Literal["stated", "never", "not-stated"]
    statements: tuple[str, ...] = ()
    gates: tuple[tuple[Gate, ...], ...] = ()
    duties: tuple[str, ...] = ()
    keeps: str | None = None


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a change does: something became allowed or is no longer allowed, a duty or a promise came or went.

    An empty dimension means all of it. `kind`: `allowance` (what was refused, to somebody at least, is allowed, or the
    reverse), `duty` (a duty that comes with it), `retention` (how long it is kept), `promise` (a `never`).
    """

    kind: Literal["allowance", "duty", "retention", "promise"]
    direction: Literal["broader", "narrower"]
    action: str
    data: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    moments: tuple[str, ...] = ()
    was: Standing
    now: Standing


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened to one statement, or to one entry of `publisher`, `covers`, `recipients` or `vocabulary`.

    `part` is the verb (or the top-level key) and `id` the id in the new version, or in the old one where it is gone.
    `choices` names the choices through which people who are concerned decide.
    """

    part: str
    id: str
    kind: Kind
    direction: Direction
    old: Sentence | None = None
    new: Sentence | None = None
    fields: tuple[FieldChange, ...] = ()
    effects: tuple[Effect, ...] = ()
    asks: bool = False
    choices: tuple[str, ...] = ()


class Audience(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom a change concerns, and through which statements.

    `choice` is a choice, `product` a site or product whose people are meant; everybody where both are None.
    """

    choice: str | None = None
    product: str | None = None
    because: tuple[str, ...] = ()

    @property
    def everybody(self) -> bool:
        """Whether nobody is left out."""
        return self.choice is None and self.product is None


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """The difference of two versions.

    `material`: some change lets the organisation do more, or promises people less. `told` must hear of it before it
    comes into force (GDPR article 13(3)); `asked` must agree again before their data is used the new way.
    """

    policy: str
    old: str
    new: str
    material: bool
    changes: tuple[Change, ...]
    told: tuple[Audience, ...]
    asked: tuple[Audience, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)

    def change(self, id: str) -> Change:
        """The change of the statement with that id, old or new; KeyError when it did not change."""
        for change in self.changes:
            if id in (change.id, change.old.id if change.old else None):
                return change
        raise KeyError(id)
