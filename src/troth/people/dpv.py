"""What a version of the policy says of a choice, in terms of the W3C Data Privacy Vocabulary. Pure.

The parts of a receipt that its entry does not prove: they follow from the version. After the W3C guide "Consent Records
and Receipts as per ISO/IEC TS 27560:2023 using DPV" (final community group report, 1 August 2024).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from troth.policy.model import Choice, Collects, Gated, Shares, Version
from troth.policy.values import Period

Json = dict[str, Any]
_ISO = {"minute": "PT{}M", "hour": "PT{}H", "day": "P{}D", "week": "P{}W", "month": "P{}M", "year": "P{}Y"}


def controller(version: Version) -> Json:
    """Who answers for the policy."""
    publisher = version.publisher
    contact = {"schema:email": publisher.email, "schema:telephone": publisher.phone, "schema:url": publisher.site}
    return {
        "@type": "dpv:DataController",
        "schema:name": publisher.name,
        "schema:address": publisher.address,
        **{name: str(value) for name, value in contact.items() if value is not None},
    }


def declared(version: Version, choice: str) -> Choice | None:
    """The choice as the version declares it, or None."""
    return next((entry for entry in version.choices if entry.id == choice), None)


def process(version: Version, choice: str, language: str) -> Json:
    """What the choice is about: its sentence, and what the statements that depend on it say."""
    found: Json = {}
    stated = declared(version, choice)
    if stated is not None:
        found["dct:description"] = stated.says.in_(language)
    below = f"{choice}."
    gated = [
        statement
        for statement in version.statements
        if isinstance(statement, Gated)
        and any(name == choice or name.startswith(below) for name in (*statement.unless, *statement.only_if))
    ]
    recipients = (id for statement in gated if isinstance(statement, Shares) for id in statement.recipients)
    kept = (one.keeps for one in gated if isinstance(one, Collects) and one.keeps is not None)
    parts = {
        "dpv:hasPurpose": _terms(version, "purpose", _all(gated, "purposes")),
        "dpv:hasPersonalData": _terms(version, "data", _all(gated, "data")),
        "dpv:hasRecipient": [_recipient(version, id) for id in dict.fromkeys(recipients)],
        "dpv:hasStorageCondition": [
            {"@type": "dpv:StorageDuration", "dpv:hasDuration": duration(keeps)} for keeps in dict.fromkeys(kept)
        ],
    }
    return {**found, **{name: part for name, part in parts.items() if part}}


def duration(period: Period | None) -> Json:
    """How long something lasts: an ISO 8601 duration, or until something happens; None is until the person changes it.

    Endless is no duration of a consent (section "Event Duration" of the guide): the person can end it any time.
    """
    if period is None or period.after is not None:
        return {
            "@type": "dpv:UntilEventDuration",
            "rdf:value": "changed by the person" if period is None else str(period),
        }
    return {"@type": "dpv:TemporalDuration", "rdf:value": _ISO[period.unit].format(period.count)}


def control(version: Version, choice: str) -> Json | None:
    """Where the person can choose otherwise, or None if the policy names no page."""
    stated = declared(version, choice)
    if stated is None or stated.at is None:
        return None
    return {"@type": ["dpv:ProvideConsent", "dpv:WithdrawConsent"], "dpv:isExercisedAt": stated.at}


def _all(statements: Iterable[Gated], field: str) -> Iterable[str]:
    return dict.fromkeys(term for statement in statements for term in getattr(statement, field, ()))


def _terms(version: Version, kind: str, slugs: Iterable[str]) -> list[Json]:
    return [{"dct:identifier": slug, **_type(version.vocabulary.term(kind, slug).dpv)} for slug in slugs]


def _recipient(version: Version, id: str) -> Json:
    found = version.recipient(id)
    term = version.vocabulary.term("recipient", found.kind if found else id)
    return {"dct:identifier": id, "schema:name": found.name if found else term.label, **_type(term.dpv)}


def _type(iri: str | None) -> Json:
    """A term can be several concepts at once, written with a plus; one of the policy's own may be none."""
    return {} if iri is None else {"@type": iri.split("+") if "+" in iri else iri}
