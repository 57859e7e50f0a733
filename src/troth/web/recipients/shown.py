"""What the page of recipients shows: by kind, each with the promises that speak of it and how its contract stands.

Pure: a version, the published list and what happened go in, values for the page come out.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from troth.conditions.lacks import CONTRACT
from troth.conditions.listing import Listed, RecipientList
from troth.policy.model import Shares, Version

OURSELVES = "self"  # whoever promises is nobody else, wherever their houses are


class Shown(msgspec.Struct, frozen=True):
    """A recipient on the page: `about` it in the policy's words, and the promises that give it something.

    `bound`: the promises give it nothing without a contract. `receives`: what it may receive now, as terms of data, and
    what `purposes` for; by its contracts where it needs one, else by the promises.
    """

    listed: Listed
    promises: tuple[Shares, ...]
    bound: bool
    receives: tuple[str, ...]
    purposes: tuple[str, ...]


class Group(msgspec.Struct, frozen=True):
    """The recipients of one kind. One without recipients is a kind that the policy names as a whole."""

    kind: str
    recipients: tuple[Shown, ...]
    promises: tuple[Shares, ...] = ()


def grouped(version: Version, listed: RecipientList) -> tuple[Group, ...]:
    """The recipients by kind, in the order of the list, then the kinds whose members are told of by kind alone."""
    by_kind: dict[str, list[Shown]] = {}
    for one in listed.recipients:
        if one.statements or not one.declared:
            by_kind.setdefault(one.kind, []).append(_shown(version, one))
    groups = [Group(kind, tuple(some), tuple(_of_kind(version, kind))) for kind, some in by_kind.items()]
    kinds = dict.fromkeys(
        term for share in version.shares for term in share.recipients if version.vocabulary.knows("recipient", term)
    )
    rest = [Group(kind, (), tuple(_of_kind(version, kind))) for kind in kinds if kind not in (*by_kind, OURSELVES)]
    return (*groups, *rest)


def _shown(version: Version, one: Listed) -> Shown:
    promises = tuple(share for share in version.shares if share.id in one.statements)
    bound = bool(promises) and all(CONTRACT in share.given for share in promises)
    open_ = [share for share in promises if CONTRACT not in share.given]
    data = dict.fromkeys((*one.data, *(term for share in open_ for term in share.data)))
    purposes = dict.fromkeys((*one.purposes, *(term for share in open_ for term in share.purposes)))
    return Shown(one, promises, bound, tuple(data), tuple(purposes))


def _of_kind(version: Version, kind: str) -> Iterator[Shares]:
    return (share for share in version.shares if kind in share.recipients)
