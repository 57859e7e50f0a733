"""Choices that come from elsewhere, and choices that go there. Neither way makes a choice weaker.

What an import may change, by what is in force here for that choice (its own state, or that of an ancestor):

| the import says | is taken |
|---|---|
| out | unless the person said in here later, of their own act |
| in | over out, or over a choice taken back: only if it is later and stated to be the person's own act |
| unset | over an in that is older and has no refusal to hide; never over out |

An agreement that is over by now, by the `lasts` of its choice, is not taken; one that lapsed here is like one that was
taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from troth.people.changes import Current, stated
from troth.people.identifiers import Identifier
from troth.people.strictness import Model, State, effective_with_source, weight

Outcome = Literal["taken", "same", "weaker", "older", "lapsed"]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A choice that was made elsewhere: whose, what, when. `own_act`: it is known that the person said so themselves.

    `version` is the version of the policy under which it was made; without it, the one in force at that time, or now.
    """

    who: Identifier | str
    choice: str
    state: State
    made_at: datetime
    own_act: bool = False
    version: str | None = None
    product: str | None = None


class Taken(msgspec.Struct, frozen=True):
    """What became of an imported choice: `taken`, or why not. `leaf` is its entry in the record."""

    outcome: Outcome
    leaf: int | None = None


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A choice of a person for another system.

    `counts` is what is in force, with what ancestors say: who does not know that choices nest goes by it alone.
    """

    person: str
    choice: str
    state: State
    counts: State
    made_at: datetime | None
    version: str | None
    own_act: bool


def judge(model: Model, current: Mapping[str, Current], imported: Imported, over: bool = False) -> Outcome:
    """What an import does to the choices of a person; see the table above. `over`: an agreement of then has ended."""
    own = current.get(imported.choice)
    states = stated(dict(current))
    now, source = effective_with_source(states, imported.choice)
    deciding = current[source] if source is not None else own
    if own is not None and own.state == imported.state:
        return "same"
    if imported.state == "in" and over:
        return "lapsed"
    later = deciding is None or imported.made_at > deciding.made_at
    if own is not None:
        later = later and imported.made_at > own.made_at
    if imported.state == "out":
        kept = own is not None and own.state == "in" and own.actor == "person" and own.made_at >= imported.made_at
        return "older" if kept else "taken"
    after = {name: state for name, state in states.items() if name != imported.choice}
    if imported.state == "in":
        after[imported.choice] = "in"
        taken_back = own is not None and own.state == "unset"
        if now == "out" or taken_back:
            return "taken" if later and imported.own_act else "weaker"
        return "taken"
    if own is None or own.state == "out":
        return "same" if own is None else "weaker"
    weaker = weight(model, effective_with_source(after, imported.choice)[0]) < weight(model, now)
    return "weaker" if weaker else "taken" if later else "older"
