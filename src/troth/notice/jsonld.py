"""The policy in the W3C Data Privacy Vocabulary, version 2 (https://w3id.org/dpv), as a JSON-LD document.

Each statement that allows something is a `dpv:Process` with its personal data, processing, purposes and recipients;
each `never` a `dpv:Prohibition`; rights are `dpv:DataSubjectRight`s (of the extension for the GDPR); safeguards are
technical and organisational measures. A term without an IRI is written with its label only.
"""

from __future__ import annotations

from collections.abc import Iterable

from troth.notice.view import View
from troth.policy.model import Collects, Gated, Never, Protects, Rights, Shares, Statement, Uses, Version
from troth.policy.values import Text

PREFIXES = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "tech": "https://w3id.org/dpv/tech#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
BASES = {
    "consent": "eu-gdpr:A6-1-a",
    "contract": "eu-gdpr:A6-1-b",
    "legal-obligation": "eu-gdpr:A6-1-c",
    "vital-interest": "eu-gdpr:A6-1-d",
    "public-task": "eu-gdpr:A6-1-e",
    "legitimate-interest": "eu-gdpr:A6-1-f",
}
RIGHTS = {
    "access": "eu-gdpr:A15",
    "correct": "eu-gdpr:A16",
    "erase": "eu-gdpr:A17",
    "restrict": "eu-gdpr:A18",
    "port": "eu-gdpr:A20",
    "object": "eu-gdpr:A21",
    "human-review": "eu-gdpr:A22",
    "withdraw": "eu-gdpr:A7-3",
}
Json = dict[str, object]


def jsonld(view: View) -> Json:
    """The document of the version that the view shows."""
    version = view.version
    own = "policy" if view.current() else f"policy/versions/{version.id}"
    stated = list(version.stated_on(view.at))
    base = view.url(own)
    return {
        "@context": PREFIXES,
        "@id": base,
        "@type": "dpv:PrivacyNotice",
        "dct:title": _text(version.title),
        "dct:issued": {"@type": "xsd:dateTime", "@value": version.effective.isoformat()},
        "dct:hasVersion": version.id,
        "dpv:hasDataController": {
            "@type": "dpv:DataController",
            "dpv:hasName": version.publisher.name,
            "dpv:hasAddress": version.publisher.address,
            **({"dpv:hasContact": version.publisher.email} if version.publisher.email else {}),
        },
        "dpv:hasProcess": [_process(version, some, base) for some in stated if isinstance(some, Gated)],
        "dpv:hasProhibition": [_prohibition(version, some, base) for some in stated if isinstance(some, Never)],
        "dpv:hasTechnicalOrganisationalMeasure": [
            _node("dpv:TechnicalOrganisationalMeasure", some, base) for some in stated if isinstance(some, Protects)
        ],
        "dpv:hasRight": [
            _node(
                ["dpv:DataSubjectRight", RIGHTS[some.id]] if some.id in RIGHTS else "dpv:DataSubjectRight", some, base
            )
            for some in stated
            if isinstance(some, Rights)
        ],
    }


def _node(kind: object, statement: Statement, base: str) -> Json:
    node: Json = {"@id": f"{base}#{statement.id}", "@type": kind, "dct:description": _text(statement.says)}
    return node


def _process(version: Version, statement: Gated, base: str) -> Json:
    node = _node("dpv:Process", statement, base)
    if isinstance(statement, Collects | Uses | Shares):
        action = {Collects: "dpv:Collect", Uses: "dpv:Use", Shares: "dpv:Share"}[type(statement)]
        node["dpv:hasProcessing"] = {"@id": action}
        if statement.data:
            node["dpv:hasPersonalData"] = _terms(version, "data", statement.data)
        node["dpv:hasPurpose"] = _terms(version, "purpose", statement.purposes)
    if isinstance(statement, Shares):
        node["dpv:hasRecipient"] = [_recipient(version, id) for id in statement.recipients]
    if statement.basis:
        node["dpv:hasLegalBasis"] = {"@id": BASES[statement.basis]}
    if isinstance(statement, Collects) and statement.keeps:
        node["dpv:hasStorageCondition"] = {"@type": "dpv:StorageDuration", "dct:description": str(statement.keeps)}
    return node


def _prohibition(version: Version, statement: Never, base: str) -> Json:
    node = _node("dpv:Prohibition", statement, base)
    actions = {
        "collect": "dpv:Collect",
        "use": "dpv:Use",
        "share": "dpv:Share",
        "sell": "dpv:SellDataToThirdParties",
        "trade": "dpv:Transfer",
        "rent": "dpv:Transfer",
    }
    node["dpv:hasProcessing"] = [{"@id": iri} for iri in dict.fromkeys(actions[name] for name in statement.actions)]
    if statement.data:
        node["dpv:hasPersonalData"] = _terms(version, "data", statement.data)
    if statement.purposes:
        node["dpv:hasPurpose"] = _terms(version, "purpose", statement.purposes)
    if statement.recipients:
        node["dpv:hasRecipient"] = [_recipient(version, id) for id in statement.recipients]
    return node


def _terms(version: Version, kind: str, slugs: Iterable[str]) -> list[Json]:
    found = []
    for slug in slugs:
        term = version.vocabulary.term(kind, slug)
        # a term can be several concepts at once, written with a plus
        types = term.dpv.split("+") if term.dpv else []
        node: Json = {"dct:identifier": slug, "dct:title": term.label}
        if len(types) == 1:
            node["@type"] = types[0]
        elif types:
            node["@type"] = types
        found.append(node)
    return found


def _recipient(version: Version, id: str) -> Json:
    declared = version.recipient(id)
    term = version.vocabulary.term("recipient", declared.kind if declared else id)
    return {"@type": term.dpv or "dpv:Recipient", "dpv:hasName": declared.name if declared else term.label}


def _text(text: Text) -> list[Json]:
    return [{"@language": language, "@value": said} for language, said in text.languages]
