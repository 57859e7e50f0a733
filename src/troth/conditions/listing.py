"""The list of recipients and sub-processors of a version of the policy, as values, as JSON, and what changed in it.

It is made to be published (GDPR articles 13(1)(e) and 28(2)), so it has neither the people to write to at a recipient
nor the papers of its contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from troth.conditions.standing import GIVING, RecipientStanding, State
from troth.conditions.stated import statements_about
from troth.policy.model import TransferBasis, Version

# The kinds whose members are told of one by one, whether the policy names them or not, before a contract too.
NAMED = ("processor", "group", "joint", "self")
# Those whose members are not, unless the policy names them: that an authority asked may have to be secret, and the
# others may be natural persons.
UNNAMED = ("authority", "customer", "public")


class ListedTransfer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What transfers to a country rest on; `until` is the first moment at which that stands no longer."""

    country: str
    by: TransferBasis
    claim: str | None = None
    until: datetime | None = None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient in the list. `data` and `purposes` are what it may receive by the contracts in force.

    `declared` says whether the policy names it; `statements` are those that speak of it, by name or by kind. `since` is
    when the earliest of its contracts in force began, `until` when the last of them ends, None if one has no end.
    `pages` are the addresses that name it to people.
    """

    id: str
    name: str
    kind: str
    declared: bool
    site: str | None
    countries: tuple[str, ...]
    state: State | None
    statements: tuple[str, ...]
    data: tuple[str, ...]
    purposes: tuple[str, ...]
    safeguards: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    transfers: tuple[ListedTransfer, ...]
    subprocessors: tuple[str, ...]
    pages: tuple[str, ...]


class RecipientList(msgspec.Struct, frozen=True):
    """The recipients of a version of a policy, as they stand at a moment: those it declares, then the others."""

    policy: str
    version: str
    at: datetime
    recipients: tuple[Listed, ...]


class Change(msgspec.Struct, frozen=True):
    """What became of a recipient between two lists: `added`, `removed` or `changed`, and then in which fields."""

    recipient: str
    change: str
    fields: tuple[str, ...] = ()


def recipient_list(version: Version, recipients: Mapping[str, RecipientStanding], at: datetime) -> RecipientList:
    """The list of a version, of recipients as they stand at a moment. A declared one is in it, registered or not."""
    others = [id for id in recipients if version.recipient(id) is None]
    ids = [*(one.id for one in version.recipients), *others]
    listed = tuple(_listed(version, id, recipients.get(id), at) for id in ids)
    return RecipientList(version.policy, version.id, at, listed)


def is_published(version: Version, id: str, one: RecipientStanding | None, at: datetime) -> bool:
    """Whether a recipient may be in a list that everybody reads: the policy names it, or members of its kind are told.

    One of another kind is told of once it receives something, so that no list tells of a deal that is being made.
    """
    if one is None or version.recipient(id) is not None:
        return True
    kind = one.profile.kind.partition(".")[0]
    return kind in NAMED or (kind not in UNNAMED and one.state(at) in GIVING)


def published_list(version: Version, recipients: Mapping[str, RecipientStanding], at: datetime) -> RecipientList:
    """The list of a version as everybody may read it."""
    told = {id: one for id, one in recipients.items() if is_published(version, id, one, at)}
    return recipient_list(version, told, at)


def as_json(listed: RecipientList) -> bytes:
    """The list for machines; moments are RFC 3339, in UTC."""
    return msgspec.json.format(msgspec.json.encode(listed), indent=2)


def changes(before: RecipientList, after: RecipientList) -> tuple[Change, ...]:
    """What changed from one list to another, in the order of the later one, with the removed ones last."""
    old, new = ({one.id: one for one in some.recipients} for some in (before, after))
    found = []
    for id, one in new.items():
        if id not in old:
            found.append(Change(id, "added"))
        elif one != old[id]:
            fields = (name for name in Listed.__struct_fields__ if getattr(one, name) != getattr(old[id], name))
            found.append(Change(id, "changed", tuple(fields)))
    return (*found, *(Change(id, "removed") for id in old if id not in new))


def _listed(version: Version, id: str, one: RecipientStanding | None, at: datetime) -> Listed:
    declared = version.recipient(id)
    profile = one.profile if one is not None else None
    contracts = [] if one is None else [contract for contract in one.contracts.values() if contract.gives(at)]
    terms = [contract.terms for contract in contracts]
    ends = [contract.end for contract in contracts]
    countries = dict.fromkeys(profile.countries) if profile is not None else {}
    if declared is not None and declared.country is not None:
        countries.setdefault(declared.country)
    transfers = [] if one is None else [basis for basis in one.transfers.values() if basis.stands(at)]
    known_ends = [end for end in ends if end is not None]
    kind = declared.kind if declared is not None else (profile.kind if profile is not None else "")
    return Listed(
        id=id,
        name=declared.name if declared is not None else (profile.name if profile is not None else id),
        kind=kind,
        declared=declared is not None,
        site=(profile.site if profile is not None else None) or (declared.site if declared is not None else None),
        countries=tuple(countries),
        state=one.state(at) if one is not None else None,
        statements=tuple(statement.id for statement in statements_about(version, id, kind)),
        data=tuple(dict.fromkeys(term for some in terms for term in some.data)),
        purposes=tuple(dict.fromkeys(term for some in terms for term in some.purposes)),
        safeguards=tuple(dict.fromkeys(term for some in terms for term in some.safeguards)),
        since=min((some.begins for some in terms), default=None),
        until=max(known_ends) if len(known_ends) == len(ends) and ends else None,
        transfers=tuple(
            ListedTransfer(basis.terms.country, basis.terms.by, basis.terms.claim, basis.end) for basis in transfers
        ),
        subprocessors=one.subprocessors(at) if one is not None else (),
        pages=tuple(page.url for page in one.naming(at)) if one is not None else (),
    )
