"""What happened to the list of recipients, in words: each fact about those who are listed, and each end that came.

Made to be published and subscribed to (GDPR article 28(2)): it names neither whom to write to at a recipient nor who of
the staff registered something, nor why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from troth.conditions.facts import (
    Contract,
    Engaged,
    Fact,
    Page,
    Profile,
    Released,
    Returned,
    Revoked,
    Signed,
    Terminated,
    Transfer,
)
from troth.conditions.listing import is_published
from troth.conditions.standing import RecipientStanding, standing
from troth.notice import words
from troth.policy.model import Version


class Happening(msgspec.Struct, frozen=True):
    """Something that happened to a recipient: when, by which fact of the record, and in words.

    `ended`: the end that the fact had named came by itself, and there is no fact of that.
    """

    at: datetime
    leaf: int
    recipient: str
    name: str
    text: str
    ended: bool = False


def happenings(version: Version, facts: Sequence[Fact], at: datetime) -> tuple[Happening, ...]:
    """What happened up to a moment, the latest first, in the words of a version. Of those alone who may be listed."""
    known = standing(facts, at)
    published = {id: one for id, one in known.items() if is_published(version, id, one, at)}
    found = [
        Happening(fact.at, fact.leaf, fact.recipient, _name(version, published, fact.recipient), text)
        for fact, text in _told(version, published, (fact for fact in facts if fact.at <= at))
    ]
    for id, one in published.items():
        leaves = {(fact.recipient, fact.said.id): fact for fact in facts if isinstance(fact.said, Contract | Transfer)}
        for contract in one.contracts.values():
            if contract.state(at) == "lapsed" and contract.terms.ends is not None:
                fact = leaves[id, contract.terms.id]
                when, text = max(contract.terms.ends, fact.at), "A contract came to its end."
                found.append(Happening(when, fact.leaf, id, _name(version, published, id), text, ended=True))
        for basis in one.transfers.values():
            ends = basis.terms.ends
            if ends is not None and ends <= at and (basis.revoked is None or ends < basis.revoked.on):
                fact = leaves[id, basis.terms.id]
                text = f"What transfers to {basis.terms.country} rested on came to its end."
                when = max(ends, fact.at)
                found.append(Happening(when, fact.leaf, id, _name(version, published, id), text, ended=True))
    return tuple(sorted(found, key=lambda one: (one.at, one.leaf), reverse=True))


def _told(
    version: Version, published: Mapping[str, RecipientStanding], facts: Iterable[Fact]
) -> Iterator[tuple[Fact, str]]:
    seen: dict[str, Profile] = {}
    for fact in facts:
        before = seen.get(fact.recipient)
        if isinstance(fact.said, Profile):
            seen[fact.recipient] = fact.said
        if fact.recipient in published:
            text = _text(version, published, fact, before)
            if text:
                yield fact, text


def _text(version: Version, known: Mapping[str, RecipientStanding], fact: Fact, before: Profile | None) -> str:
    match fact.said:
        case Profile() as profile:
            return _of_profile(version, profile, before)
        case Contract() as terms:
            data = words.listed(words.small(version.vocabulary.label("data", term)) for term in terms.data)
            purposes = words.listed(words.small(version.vocabulary.label("purpose", term)) for term in terms.purposes)
            until = f" until {words.day(terms.ends)}" if terms.ends is not None else ""
            signed = "A contract" if terms.signed is not None else "A contract that is proposed and not signed"
            return f"{signed} from {words.day(terms.begins)}{until}: {data}; for: {purposes}."
        case Signed(on=on):
            return f"A contract was signed, as of {words.day(on)}."
        case Terminated() as end:
            becomes = "deleted" if end.owed == "delete" else "returned"
            told = f"A contract was terminated as of {words.day(end.on)}."
            return f"{told} What was received is to be {becomes} by {words.day(end.due)}."
        case Returned() as returned:
            return f"It confirmed that what it had received was {returned.how}, as of {words.day(returned.on)}."
        case Transfer() as basis:
            ground = words.TRANSFER_BASES[basis.by]
            return f"Transfers to {basis.country} rest on {ground}, from {words.day(basis.begins)}."
        case Revoked(transfer=id, on=on):
            country = known[fact.recipient].transfers[id].terms.country
            return f"What transfers to {country} rested on stands no longer, as of {words.day(on)}."
        case Engaged(subprocessor=id, on=on):
            return f"It engages {_name(version, known, id)} as a sub-processor, from {words.day(on)}."
        case Released(subprocessor=id, on=on):
            return f"{_name(version, known, id)} is no sub-processor of it any longer, as of {words.day(on)}."
        case Page() as page:
            covered = version.covered(page.product)
            place = covered.name if covered is not None else page.product
            until = f" until {words.day(page.ends)}" if page.ends is not None else ""
            return f"A page of {place} names it, from {words.day(page.begins)}{until}: {page.url}"
    return ""


def _of_profile(version: Version, profile: Profile, before: Profile | None) -> str:
    kind = words.small(version.vocabulary.label("recipient", profile.kind))
    where = f", in {words.listed(profile.countries)}" if profile.countries else ""
    if before is None:
        return f"Registered: {kind}{where}."
    if (before.name, before.kind, before.site, before.countries) == (
        profile.name, profile.kind, profile.site, profile.countries,
    ):  # fmt: skip
        return ""  # whom to write to is nobody else's business
    return f"Registered anew: {profile.name}, {kind}{where}."


def _name(version: Version, known: Mapping[str, RecipientStanding], id: str) -> str:
    declared = version.recipient(id)
    if declared is not None:
        return declared.name
    return known[id].profile.name if id in known else id
