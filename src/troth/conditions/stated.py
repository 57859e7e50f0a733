"""What the policy says about a recipient: the `shares` statements that cover it."""

from __future__ import annotations

from collections.abc import Sequence

from troth.policy.model import Shares, Version


def path_of(version: Version, recipient: str, kind: str | None) -> tuple[str, ...]:
    """Who covers a recipient, widest first. One that the version does not declare stands below its registered kind."""
    if kind is None or version.recipient(recipient) is not None:
        return version.recipient_path(recipient)
    return (*version.vocabulary.path("recipient", kind), recipient)


def statements_about(version: Version, recipient: str, kind: str | None) -> list[Shares]:
    """The statements that give anything to a recipient, by name or by kind, in the order of the file."""
    path = path_of(version, recipient, kind)
    return [statement for statement in version.shares if any(term in path for term in statement.recipients)]


def statements_for(version: Version, recipient: str, kind: str | None, data: str, purpose: str) -> list[Shares]:
    """Those of them that cover a data term and a purpose; one without `data` speaks of all data.

    They are the candidates of a decision (step 5 of the decisions) on whatever product.
    """
    return [
        statement
        for statement in statements_about(version, recipient, kind)
        if (not statement.data or covered(version, "data", data, statement.data))
        and covered(version, "purpose", purpose, statement.purposes)
    ]


def covered(version: Version, kind: str, term: str, by: Sequence[str]) -> bool:
    """Whether one of the terms `by` equals a term that the version knows, or is an ancestor of it."""
    return version.vocabulary.knows(kind, term) and any(one in version.vocabulary.path(kind, term) for one in by)
