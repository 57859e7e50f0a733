"""The records of processing activities (GDPR article 30(1)), made of what there is: the policy, the register of
recipients, and the register of disclosures.

One record for each purpose of the version in force. Nothing is written twice, so the records cannot be out of date:
what the policy says is what the gates keep, and who received data is who did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from troth.conditions.standing import RecipientStanding
from troth.conditions.stated import path_of
from troth.gates.share.register import Activity
from troth.notice import words
from troth.policy.model import Collects, Contact, Shares, Uses, Version


class RecipientOf(msgspec.Struct, frozen=True, kw_only=True):
    """Who receives data for a purpose: by the policy, and by the disclosures of the period.

    `transfers` are countries with what the transfer there rests on (article 30(1)(e)); `safeguards` those of the
    contracts in force. The counts are of disclosures, of persons in them, and of values.
    """

    id: str
    name: str
    kind: str
    stated: tuple[str, ...]
    contract: str | None
    transfers: tuple[str, ...]
    safeguards: tuple[str, ...]
    disclosures: int = 0
    persons: int = 0
    values: int = 0
    last: datetime | None = None


class Processing(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one purpose. The letters are those of article 30(1)."""

    purpose: str
    label: str  # (b)
    sentences: tuple[str, ...]
    bases: tuple[str, ...]
    persons: tuple[str, ...]  # (c)
    data: tuple[str, ...]  # (c)
    recipients: tuple[RecipientOf, ...]  # (d) and (e)
    limits: tuple[str, ...]  # (f)


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """The records of a controller, by a version of the policy, as they stand at a moment."""

    controller: str  # (a)
    address: str
    email: str | None
    representative: str | None
    officer: str | None
    policy: str
    version: str
    at: datetime
    since: datetime | None
    until: datetime | None
    measures: tuple[str, ...]  # (g)
    processing: tuple[Processing, ...]


def records_of_processing(
    version: Version,
    recipients: Mapping[str, RecipientStanding],
    activities: Sequence[Activity],
    at: datetime,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Records:
    """The records by a version, with recipients as they stand, and what was disclosed in a period."""
    publisher = version.publisher
    purposes = dict.fromkeys(purpose for statement in _stated(version) for purpose in statement.purposes)
    disclosed = dict.fromkeys(one.purpose for one in activities)
    return Records(
        controller=publisher.name, address=publisher.address, email=publisher.email,
        representative=_contact(publisher.representative), officer=_contact(publisher.officer), policy=version.policy,
        version=version.id, at=at, since=since, until=until,
        measures=tuple(
            dict.fromkeys(version.vocabulary.label("safeguard", term) for one in version.protects for term in one.by)
        ),
        processing=tuple(
            _processing(version, recipients, activities, purpose, at) for purpose in {**purposes, **disclosed}
        ),
    )  # fmt: skip


def rows(records: Records) -> Iterator[dict[str, str]]:
    """The records as rows of a table: one for each purpose and recipient, and one for a purpose that has none."""
    for one in records.processing:
        row = {
            "controller": records.controller, "version": records.version, "purpose": one.purpose, "what for": one.label,
            "legal bases": "; ".join(one.bases), "persons": "; ".join(one.persons), "data": "; ".join(one.data),
            "time limits": "; ".join(one.limits), "measures": "; ".join(records.measures),
        }  # fmt: skip
        for who in one.recipients or (None,):
            yield {**row, **_columns(who)}


def _columns(who: RecipientOf | None) -> dict[str, str]:
    if who is None:
        names = (
            "recipient", "kind", "contract", "transfers", "safeguards", "disclosures", "disclosed persons", "last",
        )  # fmt: skip
        return dict.fromkeys(names, "")
    return {
        "recipient": who.name, "kind": who.kind, "contract": who.contract or "", "transfers": "; ".join(who.transfers),
        "safeguards": "; ".join(who.safeguards), "disclosures": str(who.disclosures),
        "disclosed persons": str(who.persons), "last": "" if who.last is None else who.last.date().isoformat(),
    }  # fmt: skip


def _processing(
    version: Version,
    recipients: Mapping[str, RecipientStanding],
    activities: Sequence[Activity],
    purpose: str,
    at: datetime,
) -> Processing:
    stated = [one for one in _stated(version) if purpose in one.purposes]
    mine = [one for one in activities if one.purpose == purpose]
    data = dict.fromkeys(term for one in stated for term in one.data)
    data |= dict.fromkeys(term for one in mine for term in one.data)
    collects = [one for one in stated if isinstance(one, Collects)]
    label = version.vocabulary.label
    limits = (
        f"{words.listed(words.small(label('data', term)) for term in one.data)}: {words.period(one.keeps)}"
        for one in version.collects
        if one.keeps is not None and (one in collects or set(one.data) & set(data))
    )
    return Processing(
        purpose=purpose, label=label("purpose", purpose), sentences=tuple(str(one.says) for one in stated),
        bases=tuple(dict.fromkeys(words.BASES[one.basis] for one in stated if one.basis is not None)),
        persons=tuple(_persons(version, collects or [one for one in version.collects if set(one.data) & set(data)])),
        data=tuple(label("data", term) for term in data),
        recipients=tuple(_recipients(version, recipients, stated, mine, at)), limits=tuple(dict.fromkeys(limits)),
    )  # fmt: skip


def _stated(version: Version) -> list[Collects | Uses | Shares]:
    return [*version.collects, *version.uses, *version.shares]


def _persons(version: Version, collects: Sequence[Collects]) -> Iterator[str]:
    """The categories of persons: those whose data comes in at the moments that the statements name."""
    moments = dict.fromkeys(moment for one in collects for moment in one.when)
    for moment in moments:
        yield f"people at the moment of: {words.small(version.vocabulary.label('moment', moment))}"
    if any("third_party" in one.sources for one in collects):
        yield "people of whom somebody else tells"


def _recipients(
    version: Version,
    recipients: Mapping[str, RecipientStanding],
    stated: Sequence[Collects | Uses | Shares],
    activities: Sequence[Activity],
    at: datetime,
) -> Iterator[RecipientOf]:
    shares = [one for one in stated if isinstance(one, Shares)]
    named = dict.fromkeys(term for share in shares for term in share.recipients)
    for id in {**named, **dict.fromkeys(one.recipient for one in activities)}:
        one, declared = recipients.get(id), version.recipient(id)
        kind = declared.kind if declared is not None else (one.profile.kind if one is not None else id)
        path = path_of(version, id, kind if one is not None else None)
        mine = [activity for activity in activities if activity.recipient == id]
        contracts = [] if one is None else [contract for contract in one.contracts.values() if contract.gives(at)]
        bases = [] if one is None else [basis.terms for basis in one.transfers.values() if basis.stands(at)]
        name = version.vocabulary.label("recipient", id)
        if declared is not None or one is not None:
            name = declared.name if declared is not None else one.profile.name if one is not None else id
        yield RecipientOf(
            id=id, name=name, kind=version.vocabulary.label("recipient", kind),
            stated=tuple(share.id for share in shares if any(term in path for term in share.recipients)),
            contract=None if one is None else one.state(at),
            transfers=tuple(f"{basis.country}: {words.TRANSFER_BASES[basis.by]}" for basis in bases),
            safeguards=tuple(
                dict.fromkeys(
                    version.vocabulary.label("safeguard", term)
                    for contract in contracts
                    for term in contract.terms.safeguards
                )
            ),
            disclosures=sum(activity.disclosures for activity in mine),
            persons=sum(activity.persons for activity in mine), values=sum(activity.values for activity in mine),
            last=max((activity.last for activity in mine), default=None),
        )  # fmt: skip


def _contact(contact: Contact | None) -> str | None:
    if contact is None or contact.none is not None:
        return None
    return ", ".join(part for part in (contact.name, contact.address, contact.email) if part)
