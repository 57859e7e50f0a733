"""Which of two states is the stricter one. Pure: what a merge and an import may do follows from here.

A choice without a state takes that of its nearest ancestor by dots; with none at all it is neither in nor out. Out is
the strictest, always. Unset is stricter than in where the person is asked first (opt-in), and weighs the same where the
person may refuse (opt-out), since both allow it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from troth.policy.history import Policy
from troth.policy.model import Gated
from troth.policy.vocabulary import dotted_path

State = Literal["in", "out", "unset"]
Model = Literal["opt-in", "opt-out"]


def choice_models(policy: Policy) -> dict[str, Model]:
    """How each choice of any version works, as the newest that declares it says.

    A choice of which some statement says `only_if` counts as opt-in, whatever it is called: there unset refuses.
    """
    models: dict[str, Model] = {}
    asked: set[str] = set()
    for version in policy.versions:
        models.update((choice.id, choice.model) for choice in version.choices)
        asked.update(
            name for statement in version.statements if isinstance(statement, Gated) for name in statement.only_if
        )
    return {name: "opt-in" if name in asked else model for name, model in models.items()}


def weight(model: Model, state: State) -> int:
    """How strict a state is: the more, the less is allowed."""
    if state == "out":
        return 2
    return 1 if state == "unset" and model == "opt-in" else 0


def effective(states: Mapping[str, State], choice: str) -> State:
    """The state that counts: the choice's own, else that of its nearest ancestor, else unset."""
    return effective_with_source(states, choice)[0]


def effective_with_source(states: Mapping[str, State], choice: str) -> tuple[State, str | None]:
    """The state that counts, and the choice that it comes from: itself, an ancestor, or None."""
    for name in reversed(dotted_path(choice)):
        state = states.get(name, "unset")
        if state != "unset":
            return state, name
    return "unset", None


def merge_states(
    models: Mapping[str, Model], ours: Mapping[str, State], theirs: Mapping[str, State]
) -> dict[str, State]:
    """The states of one person who was two: for no choice less strict than either had it. Unset ones are left out.

    A choice that no version declares is taken as opt-in.
    """
    merged: dict[str, State] = {}
    for choice in sorted({*models, *ours, *theirs}, key=lambda name: (name.count("."), name)):
        model = models.get(choice, "opt-in")
        stated: tuple[State, State] = (ours.get(choice, "unset"), theirs.get(choice, "unset"))
        # What was said comes before what was not, where both are as strict.
        state = max(stated, key=lambda state: (weight(model, state), state != "unset"))
        if state != "unset":
            merged[choice] = state
        wanted = max(weight(model, effective(side, choice)) for side in (ours, theirs))
        if weight(model, effective(merged, choice)) < wanted:
            merged[choice] = "out"
    return merged


def narrow(names: Iterable[str], stored: Mapping[str, State], stated: Mapping[str, State]) -> dict[str, State]:
    """The states that count when somebody else states choices for a person whose choices are stored.

    They can refuse for the person and never agree: a stated in is heard only where in counts by what is stored too. Of
    the choices `names` one is then out if out counts on either side, and else what counts by what is stored. Each state
    is given for the choice itself, none is left to an ancestor; unset ones are left out.
    """
    heard = {name: state for name, state in stated.items() if state == "out" or effective(stored, name) == "in"}
    narrowed: dict[str, State] = {}
    for name in names:
        state = "out" if effective(heard, name) == "out" else effective(stored, name)
        # An unset choice has no ancestor among these: one that is stored in or out, or stated out, would count for it,
        # and what could keep a stated out from it is an in that is stored, which would count for it as well.
        if state != "unset":
            narrowed[name] = state
    return narrowed
