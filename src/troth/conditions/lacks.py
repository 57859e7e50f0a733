"""What a sharing lacks: the contract or the basis of the transfer that is missing, or that ended, and when.

These are pure functions of the policy, the recipients as they stand, and a moment. A contract is one with the recipient
that is in force and covers the data and the purpose, by which the recipient accepted this version of the policy or a
later one (GDPR article 28(3)). A transfer has its basis where every statement that speaks of the sharing, and of a
transfer to a country of the recipient, finds the basis that it states (GDPR articles 44 to 49).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from troth.conditions.standing import ContractStanding, RecipientStanding, TransferStanding
from troth.conditions.stated import covered, statements_for
from troth.policy.history import Policy
from troth.policy.model import Transfer, Version
from troth.policy.values import write_moment

CONTRACT, TRANSFER = "contract", "transfer"

# Why something does not hold. The codes are stable.
LACKS: dict[str, str] = {
    "not-registered": "Nobody registered the recipient.",
    "no-contract": "There is no contract with the recipient.",
    "not-covered": "No contract with the recipient covers that data for that purpose.",
    "older-version": "By the contract the recipient accepted an older version of the policy only.",
    "not-signed": "The contract is proposed and not signed.",
    "not-begun": "The contract, or the basis of the transfer, has not begun.",
    "lapsed": "The contract came to its end.",
    "terminated": "The contract was terminated.",
    "no-basis": "No basis of that kind is registered for transfers to that country.",
    "basis-ended": "The basis of the transfer came to its end.",
    "revoked": "The basis of the transfer was revoked.",
    "claim-ended": "The claim that the transfer rests on is not current.",
    "not-stated": "No statement of the policy shares that data with the recipient for that purpose.",
    "unanswered": "Nothing in this Troth answers for the condition yet, so it never holds.",
    "not-held": "What answers for the condition says that it does not hold.",
}


class Sharing(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about: data for a purpose to a recipient, by a version of the policy, at a moment.

    `under` is the id of what it is done for, such as a legal request, for the conditions that depend on one.
    """

    recipient: str
    data: str
    purpose: str
    version: Version
    at: datetime
    under: str | None = None


class Lack(msgspec.Struct, frozen=True):
    """One thing that is missing. `code` is one of `LACKS`; `when` it ended or will begin, where there is such a day."""

    condition: str
    code: str
    sentence: str
    when: datetime | None = None


def contract_lack(policy: Policy, recipients: Mapping[str, RecipientStanding], sharing: Sharing) -> Lack | None:
    """Why there is no contract for a sharing; None if there is one. Of several contracts it tells of the nearest."""
    one = recipients.get(sharing.recipient)
    if one is None:
        return _lack("not-registered", f"'{sharing.recipient}' is not registered as a recipient.")
    if not one.contracts:
        return _lack("no-contract", f"There is no contract with '{sharing.recipient}'.")
    lacks = [_lack_of(policy, contract, sharing) for contract in one.contracts.values()]
    if None in lacks:
        return None
    # The nearest is the one that would do but for its dates; among those, the latest.
    return max((lack for lack in reversed(lacks) if lack is not None), key=lambda lack: _NEARNESS[lack.code])


_NEARNESS = {"not-covered": 0, "older-version": 1, "terminated": 2, "lapsed": 3, "not-signed": 4, "not-begun": 5}


def _lack_of(policy: Policy, contract: ContractStanding, sharing: Sharing) -> Lack | None:
    terms, version = contract.terms, sharing.version
    name = f"The contract '{terms.id}' with '{sharing.recipient}'"
    if not (
        covered(version, "data", sharing.data, terms.data)
        and covered(version, "purpose", sharing.purpose, terms.purposes)
    ):
        said = f"{', '.join(terms.data)} for {', '.join(terms.purposes)}"
        return _lack("not-covered", f"{name} covers {said}, not {sharing.data} for {sharing.purpose}.")
    accepted = next((one for one in policy.versions if one.id == terms.accepts), None)
    if accepted is None or accepted.effective < version.effective:
        return _lack("older-version", f"{name} accepts version {terms.accepts} of the policy, not {version.id}.")
    match contract.state(sharing.at):
        case "proposed":
            return _lack("not-signed", f"{name} is proposed and not signed.", contract.signed_on)
        case "signed":
            return _lack("not-begun", f"{name} begins on {write_moment(terms.begins)}.", terms.begins)
        case "lapsed" if terms.ends is not None:
            return _lack("lapsed", f"{name} lapsed on {write_moment(terms.ends)}.", terms.ends)
        case "terminated" if contract.terminated is not None:
            on = contract.terminated.on
            return _lack("terminated", f"{name} was terminated as of {write_moment(on)}.", on)
        case _:
            return None


def transfer_lacks(recipients: Mapping[str, RecipientStanding], sharing: Sharing) -> tuple[Lack, ...]:
    """What is missing for the transfer that statements about a sharing speak of; empty if nothing is.

    Statements that name no country of the recipient ask for nothing. Where no country of it is known, all that a
    statement names count, so that who does not say where it is gets no further than who does.
    """
    one = recipients.get(sharing.recipient)
    version = sharing.version
    declared = version.recipient(sharing.recipient)
    countries = set(one.profile.countries) if one is not None else set()
    if declared is not None and declared.country is not None:
        countries.add(declared.country)
    kind = one.profile.kind if one is not None else None
    found: dict[tuple[str, str, str | None], Lack] = {}
    for statement in statements_for(version, sharing.recipient, kind, sharing.data, sharing.purpose):
        transfer = statement.transfer
        for country in transfer.to if transfer is not None else ():
            if transfer is not None and (not countries or country in countries):
                lack = _basis_lack(one, transfer, country, sharing)
                if lack is not None:
                    found.setdefault((country, transfer.by, transfer.claim), lack)
    return tuple(found.values())


def _basis_lack(one: RecipientStanding | None, transfer: Transfer, country: str, sharing: Sharing) -> Lack | None:
    bases = [] if one is None else list(_bases(one.transfers.values(), transfer, country))
    lacks = [_lack_of_basis(basis, sharing) for basis in bases]
    if None in lacks:
        return None
    if lacks:
        return lacks[-1]
    named = f"{transfer.by} ({transfer.claim})" if transfer.claim is not None else transfer.by
    sentence = f"No basis '{named}' is registered for transfers to {country} by '{sharing.recipient}'."
    return _lack("no-basis", sentence, condition=TRANSFER)


def _bases(all_of_it: Iterable[TransferStanding], transfer: Transfer, country: str) -> Iterator[TransferStanding]:
    for basis in all_of_it:
        terms = basis.terms
        if terms.country == country and terms.by == transfer.by and transfer.claim in (None, terms.claim):
            yield basis


def _lack_of_basis(basis: TransferStanding, sharing: Sharing) -> Lack | None:
    terms, at = basis.terms, sharing.at
    name = f"The basis '{terms.id}' ({terms.by}) of transfers to {terms.country} by '{sharing.recipient}'"
    if basis.revoked is not None and basis.revoked.on <= at:
        sentence = f"{name} was revoked as of {write_moment(basis.revoked.on)}."
        return _lack("revoked", sentence, basis.revoked.on, TRANSFER)
    if terms.ends is not None and terms.ends <= at:
        return _lack("basis-ended", f"{name} ended on {write_moment(terms.ends)}.", terms.ends, TRANSFER)
    if at < terms.begins:
        return _lack("not-begun", f"{name} begins on {write_moment(terms.begins)}.", terms.begins, TRANSFER)
    if terms.by == "framework":
        claim = next((one for one in sharing.version.claims if one.id == terms.claim), None)
        if claim is None or not claim.current(at):
            end = claim.end if claim is not None else None
            return _lack(
                "claim-ended", f"{name} rests on the claim '{terms.claim}', which is not current.", end, TRANSFER
            )
    return None


def _lack(code: str, sentence: str, when: datetime | None = None, condition: str = CONTRACT) -> Lack:
    return Lack(condition, code, sentence, when)
