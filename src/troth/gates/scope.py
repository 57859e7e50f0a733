"""What a service may ask for: the actions, purposes, data, products, statements and recipients that its key is for.

A scope only narrows. Whatever a key is for, the policy still has to allow it; and what a question leaves out is asked
of everything, so that only a key for everything covers it. Terms cover one another by the vocabulary: a key for
`contact` is one for `contact.email`, and not the other way round. Recipients are those with just these ids: what kind
one is may change, and a key does not widen by that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from troth.decision.question import GIVING, Known
from troth.policy.history import Policy
from troth.policy.problems import nearest
from troth.policy.vocabulary import ACTIONS, Vocabulary

ALL = "*"  # in place of names: every one there is, and every one there will be

# What a scope limits: what one of it is called, how that is said of the policy, and the hierarchy of what covers what.
DIMENSIONS: Mapping[str, tuple[str, str, str | None]] = {
    "actions": ("action", "an action", None),
    "purposes": ("purpose", "a purpose", "purpose"),
    "data": ("data term", "a data term", "data"),
    "products": ("product", "a covered site or product", None),
    "statements": ("statement", "a statement that collects", None),
    "recipients": ("recipient", "a recipient", None),
}


class ScopeError(ValueError):
    """A scope that names something unknown; the text says what, and the nearest right spelling."""


class Scope(msgspec.Struct, frozen=True):
    """What a key is for. In each dimension `()` is nothing and `("*",)` everything; otherwise the names count.

    `recipients` limits actions that give data to somebody, and no others. A key from before there was this limit has
    none, and so is one for all of them.
    """

    actions: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    recipients: tuple[str, ...] = (ALL,)

    def lacks(self, vocabulary: Vocabulary, dimension: str, wanted: str | None) -> str | None:
        """Why the scope does not cover what is asked in one dimension, as a sentence about the key; None if it does.

        `wanted` is None where the question leaves the dimension out.
        """
        names: tuple[str, ...] = getattr(self, dimension)
        if ALL in names:
            return None
        one, _, hierarchy = DIMENSIONS[dimension]
        held = f"It is for {', '.join(names)}." if names else f"It is for no {one} at all."
        if wanted is None:
            return f"The question names no {one}, and so asks for all of them. {held}"
        path = vocabulary.path(hierarchy, wanted) if hierarchy else (wanted,)
        if any(name in path for name in names):
            return None
        return f"The key is not for the {one} '{wanted[:100]}'. {held}"

    def refusal(
        self,
        vocabulary: Vocabulary,
        *,
        action: str,
        data: str,
        purpose: str | None,
        product: str | None,
        recipient: str | None = None,
    ) -> str | None:
        """Why the scope does not cover a question, as a sentence; None if it covers it. See `lacks`."""
        asked = {"actions": action, "purposes": purpose, "data": data, "products": product}
        if action in GIVING:
            asked["recipients"] = recipient
        return next((why for name, wanted in asked.items() if (why := self.lacks(vocabulary, name, wanted))), None)


def check_scope(scope: Scope, policy: Policy, registered: Iterable[str] = ()) -> None:
    """Raise ScopeError for the first name that no version of the policy knows, with the nearest one that it does.

    `registered` are the recipients of the register, which count as well as those that the policy declares.
    """
    known = Known(policy)
    recipients = dict.fromkeys(one.id for version in policy.versions for one in version.recipients)
    collects = dict.fromkeys(statement.id for version in policy.versions for statement in version.collects)
    words: dict[str, Collection[str]] = {
        "actions": ACTIONS,
        "purposes": known.purpose,
        "data": known.data,
        "products": known.product,
        "statements": collects,
        "recipients": [*recipients, *registered],
    }
    for dimension, allowed in words.items():
        _check(dimension, getattr(scope, dimension), allowed)


def _check(dimension: str, names: Iterable[str], allowed: Collection[str]) -> None:
    for name in names:
        if name != ALL and name not in allowed:
            near = nearest(name, list(allowed))
            hint = f" Did you mean '{near}'?" if near else ""
            where = "of the policy, nor one that is registered" if dimension == "recipients" else "of the policy"
            raise ScopeError(f"'{name}' is not {DIMENSIONS[dimension][1]} {where}.{hint}")
