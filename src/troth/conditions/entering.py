"""What may be registered about a recipient: nothing that the policy does not say, and nothing that contradicts itself.

A contract may say less than the policy and never more: for each of its data terms and purposes the version of the
policy that it accepts has a `shares` statement that covers both and the recipient (GDPR articles 5(1)(b) and 28(3)(a)).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from troth.conditions.facts import (
    Contract,
    Engaged,
    Page,
    Profile,
    RecipientError,
    Released,
    Returned,
    Revoked,
    Said,
    Signed,
    Terminated,
    Transfer,
)
from troth.conditions.standing import ContractStanding, RecipientStanding
from troth.conditions.stated import path_of, statements_about, statements_for
from troth.policy.history import Policy
from troth.policy.model import Shares, Version
from troth.policy.problems import nearest
from troth.policy.values import write_moment

Known = Mapping[str, RecipientStanding]

PROCESSOR, SUBPROCESSOR = "processor", "processor.sub"
NOTICE, NAMING = "notice-given", "name-recipient"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


def check(policy: Policy, known: Known, recipient: str, said: Said, at: datetime) -> None:
    """Raise RecipientError unless a fact may be registered at a moment, with the recipients that are known."""
    _check_document(getattr(said, "document", None))
    if isinstance(said, Profile):
        _check_profile(policy, recipient, said)
        return
    one = known.get(recipient)
    if one is None:
        raise RecipientError(
            f"'{recipient}' is not registered.{_near(recipient, known)} `troth recipient propose` does."
        )
    match said:
        case Contract():
            _check_contract(policy, known, one, said, at)
        case Signed():
            contract = _contract(one, said.contract)
            if contract.signed_on is not None:
                raise RecipientError(f"'{said.contract}' is signed, as of {write_moment(contract.signed_on)}.")
            if contract.end is not None and contract.end <= said.on:
                raise RecipientError(f"'{said.contract}' ends before that, on {write_moment(contract.end)}.")
        case Terminated():
            contract = _contract(one, said.contract)
            if contract.terminated is not None:
                raise RecipientError(f"'{said.contract}' is terminated, as of {write_moment(contract.terminated.on)}.")
            _in_order("what was received is due", said.due, "the contract ends", said.on, equal=True)
        case Returned():
            contract = _contract(one, said.contract)
            if contract.terminated is None:
                raise RecipientError(
                    f"'{said.contract}' is not terminated, so nothing is due to be returned or deleted."
                )
            if contract.returned is not None:
                raise RecipientError(
                    f"It was confirmed for '{said.contract}', as of {write_moment(contract.returned.on)}."
                )
        case Transfer():
            _check_transfer(policy, one, said)
        case Revoked():
            basis = one.transfers.get(said.transfer)
            if basis is None:
                raise RecipientError(_no(one, "basis of a transfer", said.transfer, one.transfers))
            if basis.revoked is not None:
                raise RecipientError(f"'{said.transfer}' is revoked, as of {write_moment(basis.revoked.on)}.")
        case Engaged():
            _check_engaged(policy, known, one, said, at)
        case Page():
            _check_page(policy, one, said)
        case Released():
            if said.subprocessor not in one.subprocessors(max(at, said.on)):
                engaged = one.subprocessors(at)
                raise RecipientError(_no(one, "sub-processor", said.subprocessor, engaged))


def _check_profile(policy: Policy, recipient: str, profile: Profile) -> None:
    _check_id(recipient, "a recipient")
    if not profile.name.strip():
        raise RecipientError("A recipient has a name.")
    for country in profile.countries:
        _check_country(country)
    if profile.site is not None and not profile.site.startswith(("https://", "http://")):
        raise RecipientError(f"'{profile.site}' is no web address; it begins with https://.")
    declaring = [version for version in policy.versions if version.recipient(recipient) is not None]
    if declaring:
        declared = declaring[-1].recipient(recipient)
        if declared is not None and declared.kind != profile.kind:
            raise RecipientError(f"The policy says that '{recipient}' is of the kind '{declared.kind}'.")
        return
    kinds = dict.fromkeys(kind for version in policy.versions for kind in version.vocabulary.slugs("recipient"))
    if profile.kind not in kinds:
        raise RecipientError(f"'{profile.kind}' is not a kind of recipient.{_near(profile.kind, kinds)}")
    if recipient in kinds and not (recipient == profile.kind == "self"):
        raise RecipientError(f"'{recipient}' is a kind of recipient; give the recipient an id of its own.")
    if profile.kind != SUBPROCESSOR and not any(
        statements_about(version, recipient, profile.kind) for version in policy.versions
    ):
        names = dict.fromkeys(entry.id for version in policy.versions for entry in version.recipients)
        raise RecipientError(
            f"The policy neither declares '{recipient}' nor shares anything with the kind '{profile.kind}'."
            f"{_near(recipient, names)} Declare it under `recipients:` first, or name the kind in `with:`."
        )


def _check_contract(policy: Policy, known: Known, one: RecipientStanding, terms: Contract, at: datetime) -> None:
    _check_id(terms.id, "a contract")
    if terms.id in one.contracts:
        raise RecipientError(f"There is a contract '{terms.id}' with '{one.id}' already. Give the new one another id.")
    _in_order("the contract ends", terms.ends, "it begins", terms.begins)
    versions = {version.id: version for version in policy.versions}
    if terms.accepts not in versions:
        raise RecipientError(f"The policy has no version '{terms.accepts}'. There are: {', '.join(versions)}.")
    version = versions[terms.accepts]
    for what, kind, names in (
        ("data", "data", terms.data), ("purposes", "purpose", terms.purposes), ("", "safeguard", terms.safeguards),
    ):  # fmt: skip
        if what and not names:
            raise RecipientError(f"A contract says which {what} it is about.")
        for name in names:
            if not version.vocabulary.knows(kind, name):
                near = _near(name, version.vocabulary.slugs(kind))
                raise RecipientError(f"'{name}' is not a {kind} term of version {version.id}.{near}")
    # What a processor may receive, its sub-processor may receive from it, and no more.
    engaging = [other for other in known.values() if one.id in other.subprocessors(at)]
    for data in terms.data:
        for purpose in terms.purposes:
            if not any(statements_for(version, who.id, who.profile.kind, data, purpose) for who in (one, *engaging)):
                raise RecipientError(_more_than_stated(version, [one, *engaging], data, purpose))


def _more_than_stated(version: Version, whom: list[RecipientStanding], data: str, purpose: str) -> str:
    one = whom[0]
    stated = {s.id: s for who in whom for s in statements_about(version, who.id, who.profile.kind)}
    held = "; ".join(_told(statement) for statement in stated.values()) or "nothing"
    name = one.id if version.recipient(one.id) is not None else path_of(version, one.id, one.profile.kind)[-2]
    near = ""
    for kind, term in (("data", data), ("purpose", purpose)):
        field = "data" if kind == "data" else "purposes"
        terms = dict.fromkeys(word for statement in stated.values() for word in getattr(statement, field))
        if terms and term not in terms:
            near = near or _near(term, terms)
    return (
        f"No statement of version {version.id} shares '{data}' with '{one.id}' for '{purpose}'.{near} It would take "
        f"one under `shares` with `data: [{data}]`, `with: [{name}]` and `for: [{purpose}]`. "
        f"What is shared with it: {held}."
    )


def _told(statement: Shares) -> str:
    return f"{', '.join(statement.data) or 'all data'} for {', '.join(statement.purposes)} (`{statement.id}`)"


def _check_transfer(policy: Policy, one: RecipientStanding, terms: Transfer) -> None:
    _check_id(terms.id, "the basis of a transfer")
    if terms.id in one.transfers:
        raise RecipientError(f"'{one.id}' has a basis '{terms.id}' already. Give the new one another id.")
    _check_country(terms.country)
    _in_order("the basis ends", terms.ends, "it begins", terms.begins)
    claims = dict.fromkeys(claim.id for version in policy.versions for claim in version.claims)
    if terms.by == "framework" and terms.claim not in claims:
        found = (
            f"'{terms.claim}' is no claim of the policy." if terms.claim else "A framework is a claim of the policy."
        )
        raise RecipientError(f"{found}{_near(terms.claim or '', claims)} Claims: {', '.join(claims) or 'none'}.")
    if terms.by != "framework" and terms.claim is not None:
        raise RecipientError(f"Only a framework rests on a claim; '{terms.by}' does not.")


def _check_engaged(policy: Policy, known: Known, one: RecipientStanding, said: Engaged, at: datetime) -> None:
    other = known.get(said.subprocessor)
    if other is None:
        raise RecipientError(
            f"'{said.subprocessor}' is not registered.{_near(said.subprocessor, known)} A sub-processor is a recipient "
            f"itself: `troth recipient propose {said.subprocessor} --kind {SUBPROCESSOR}`."
        )
    for who in (one, other):
        paths = [path_of(version, who.id, who.profile.kind) for version in policy.versions]
        if not any(PROCESSOR in path for path in paths):
            raise RecipientError(
                f"'{who.id}' is of the kind '{who.profile.kind}', and so neither has nor is a sub-processor."
            )
    if said.subprocessor in one.engaged and said.subprocessor not in one.released:
        raise RecipientError(f"'{said.subprocessor}' is a sub-processor of '{one.id}' already.")
    seen, further = set[str](), [said.subprocessor]
    while further:
        id = further.pop()
        if id == one.id:
            raise RecipientError(f"'{one.id}' would be a sub-processor of itself.")
        if id not in seen and id in known:
            seen.add(id)
            further += [sub for sub in known[id].engaged if sub not in known[id].released]


def _check_page(policy: Policy, one: RecipientStanding, page: Page) -> None:
    parts = urlsplit(page.url)
    local = (parts.hostname or "").endswith(".localhost")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise RecipientError(f"'{page.url[:200]}' is no web address; it begins with https://.")
    if parts.username or parts.query or parts.fragment:
        raise RecipientError(f"'{page.url[:200]}' has more than an address needs: no name, no '?' and no '#'.")
    covers = dict.fromkeys(covered.id for version in policy.versions for covered in version.covers)
    if page.product not in covers:
        raise RecipientError(
            f"The policy covers no '{page.product}'.{_near(page.product, covers)} It covers: {', '.join(covers)}."
        )
    _in_order("the page ends", page.ends, "it begins", page.begins)
    stated = [s for version in policy.versions for s in statements_about(version, one.id, one.profile.kind)]
    if not any(NOTICE in statement.given or NAMING in statement.must for statement in stated):
        raise RecipientError(
            f"No statement that shares with '{one.id}' says `given: {NOTICE}` or `must: {NAMING}`, so no page has to "
            "name it."
        )


def _contract(one: RecipientStanding, id: str) -> ContractStanding:
    if id not in one.contracts:
        raise RecipientError(_no(one, "contract", id, one.contracts))
    return one.contracts[id]


def _no(one: RecipientStanding, what: str, id: str, there: Iterable[str]) -> str:
    return f"'{one.id}' has no {what} '{id}'. There is: {', '.join(there) or 'none'}."


def _in_order(later: str, after: datetime | None, earlier: str, before: datetime, *, equal: bool = False) -> None:
    if after is not None and (after < before or (after == before and not equal)):
        raise RecipientError(
            f"On {write_moment(after)} {later}, and on {write_moment(before)} {earlier}: that is too late."
        )


def _check_id(id: str, whose: str) -> None:
    if not _ID.fullmatch(id):
        raise RecipientError(
            f"'{id[:100]}' is no id for {whose}: small letters, digits, dots, dashes and underscores, "
            "such as cards-2017."
        )


def _check_country(country: str) -> None:
    if not _COUNTRY.fullmatch(country):
        raise RecipientError(f"'{country[:100]}' is no country: two capital letters (ISO 3166-1 alpha-2), such as US.")


def _check_document(document: str | None) -> None:
    if document is not None and not _SHA256.fullmatch(document):
        raise RecipientError("A document is registered by its SHA-256: 64 hex digits.")


def _near(found: str, there: Collection[str]) -> str:
    near = nearest(found, list(there))
    return f" Did you mean '{near}'?" if near and near != found else ""
