"""What a person, a signal or staff may ask for under a version of the policy. Pure: everything is checked here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from troth.people.changes import STATES, Act, Actor, Current, How
from troth.people.errors import ChoiceError
from troth.people.strictness import Model, State
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.policy.problems import nearest


def version_for(policy: Policy, at: datetime, id: str | None = None, made_at: datetime | None = None) -> Version:
    """The version that a choice is made under: the one named, else the one in force when it was made, else now.

    ChoiceError: there is no such version, it is not in force yet, or none is.
    """
    if id is not None:
        try:
            version = policy.version(id)
        except KeyError:
            raise _unknown("version of the policy", id, [version.id for version in policy.versions]) from None
        if version.effective > at:
            raise ChoiceError(f"Version {id} is not in force yet.")
        return version
    found = (policy.in_force(made_at) if made_at is not None else None) or policy.in_force(at)
    if found is None:
        raise ChoiceError("No version of the policy is in force.")
    return found


def check_states(states: Mapping[str, State], version: Version | None = None) -> None:
    """ChoiceError: a state that is none, or a choice that the version does not declare."""
    for choice, state in states.items():
        if state not in STATES:
            raise ChoiceError(f"The state of '{choice}' is in, out or unset, not {state!r}.")
        if version is not None:
            declared = [entry.id for entry in version.choices]
            if choice not in declared:
                raise _unknown("choice of the policy", choice, declared)


def model_of(models: Mapping[str, Model], choice: str) -> Model:
    """How a choice of any version works. ChoiceError: no version declares it."""
    model = models.get(choice)
    if model is None:
        near = nearest(choice, list(models))
        hint = f" Did you mean '{near}'?" if near else ""
        raise ChoiceError(f"No version of the policy declares the choice '{choice}'.{hint}")
    return model


def act_of(
    policy: Policy,
    version: Version,
    actor: Actor,
    how: How,
    *,
    staff: str | None = None,
    signal: str | None = None,
    product: str | None = None,
    made_at: datetime | None = None,
) -> Act:
    """What is kept of the act. ChoiceError: a product that the version does not cover, or an unknown signal."""
    if product is not None and version.covered(product) is None:
        raise _unknown("covered site or product", product, [covered.id for covered in version.covers])
    if signal is not None and signal not in ("gpc", "dnt"):
        raise _unknown("signal", signal, ["gpc", "dnt"])
    return Act(
        actor=actor, how=how, policy=policy.id, version=version.id, staff=staff, signal=signal, product=product,
        made_at=made_at,
    )  # fmt: skip


def optional_states(version: Version, current: Mapping[str, Current]) -> dict[str, State]:
    """Everything that is optional, refused: the choices of the version, and what the person is in from earlier ones."""
    names = dict.fromkeys(choice.id for choice in version.choices)
    names.update(dict.fromkeys(name for name, row in current.items() if row.state == "in"))
    return dict.fromkeys(names, "out")


def signal_states(version: Version, current: Mapping[str, Current], signal: str) -> list[str]:
    """The choices that a signal puts out now.

    Not those that it put out already, and not those that the person said in to after it had counted.
    """
    found = []
    for choice in version.choices:
        if signal not in choice.signals:
            continue
        row = current.get(choice.id)
        if row is not None and row.signal_leaf is not None:
            later = row.state == "in" and row.actor == "person" and row.leaf > row.signal_leaf
            if row.state == "out" or later:
                continue
        found.append(choice.id)
    return found


def _unknown(what: str, found: str, known: list[str]) -> ChoiceError:
    near = nearest(found, known)
    hint = f"Did you mean '{near}'?" if near else f"There are: {', '.join(known) or 'none'}."
    return ChoiceError(f"'{found}' is not a {what}. {hint}")
