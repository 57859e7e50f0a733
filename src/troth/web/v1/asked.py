"""What the questions of the gates have in common: lists of names, and names that the policy has to know."""

from __future__ import annotations

from typing import Any

from troth.policy.problems import nearest
from troth.web.v1.bodies import BadRequestError
from troth.web.v1.desk import GateDesk


def texts_of(body: dict[str, Any], name: str) -> list[str]:
    """A member that is a list of texts, and not empty. BadRequestError: it is something else."""
    values = body.get(name)
    if not isinstance(values, list) or not values or not all(isinstance(value, str) and value for value in values):
        raise BadRequestError(f"`{name}` is an array of texts, and not empty.", field=name)
    return values


def check_known(desk: GateDesk, purpose: str, data: list[str], product: str | None) -> None:
    """Raise BadRequestError for a name that no version of the policy knows.

    That is an error of its own, before the key's scope is looked at.
    """
    vocabulary = desk.version().vocabulary
    for kind, names in (("purpose", [purpose]), ("data", data)):
        for name in names:
            if not any(one.vocabulary.knows(kind, name) for one in desk.point.policy.versions):
                near = nearest(name, vocabulary.slugs(kind))
                hint = f" Did you mean '{near}'?" if near else ""
                text = f"'{name[:100]}' is no {kind} of the policy.{hint}"
                raise BadRequestError(text, code=f"unknown-{kind}", field=kind)
    if product is not None and not any(one.covered(product) for one in desk.point.policy.versions):
        known = ", ".join(covered.id for covered in desk.version().covers)
        text = f"The policy does not cover '{product[:100]}'. It covers: {known}."
        raise BadRequestError(text, code="unknown-product", field="product")
