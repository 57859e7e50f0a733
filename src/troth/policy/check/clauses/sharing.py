"""Who receives data, where it goes and how long it is kept: RE1 to RE6, TR1, TR2, RT1."""

from __future__ import annotations

import re

from troth.policy.check.clauses.shape import (
    Missing,
    NotApplicable,
    Outcome,
    Satisfied,
    answer,
    answered,
    clause,
    every,
)
from troth.policy.check.shape import Subject
from troth.policy.model import Shares

_NOTHING_SHARED = NotApplicable("No statement gives data to anybody.")


def _to(subject: Subject, kind: str) -> tuple[Shares, ...]:
    """The statements that give data to a kind of recipient."""
    return tuple(
        shares
        for shares in subject.version.shares
        if any(kind in subject.version.recipient_path(recipient) for recipient in shares.recipients)
    )


@clause("RE1", "Write `shares` statements with `data:`, `with:` and `for:`.")
def re1(subject: Subject) -> Outcome:
    """Recipients per category and purpose; recipients and purposes are demanded by the language."""
    shares = subject.version.shares
    return every(subject, shares, "data", "does not say which data it gives") if shares else _NOTHING_SHARED


@clause("RE2", "Add `given: contract`.")
def re2(subject: Subject) -> Outcome:
    """A contract for every processor."""
    shares = _to(subject, "processor")
    if not shares:
        return NotApplicable("No processor receives data.")
    for statement in shares:
        if "contract" not in statement.given:
            return Missing(f"'{statement.id}' gives data to a processor without a contract.", subject.path(statement))
    return Satisfied(tuple(subject.path(statement, "given") for statement in shares))


@clause("RE3", "Add an answer about `liability`: who answers when a recipient breaks the promise.")
def re3(subject: Subject) -> Outcome:
    """Liability for onward transfer."""
    if not subject.version.shares:
        return _NOTHING_SHARED
    return answered(subject, "liability", "who is liable when a recipient breaks these promises")


@clause("RE4", "Write a `shares` statement with `with: authority` and `given: legal-process`.")
def re4(subject: Subject) -> Outcome:
    """Disclosure to authorities on lawful request."""
    shares = [statement for statement in _to(subject, "authority") if "legal-process" in statement.given]
    if not shares:
        return Missing("No statement says when authorities receive data by legal process.", "shares")
    return Satisfied(tuple(subject.path(statement) for statement in shares))


@clause("RE5", "Write `never:` with `do: [sell]`, or an answer about `sale`.")
def re5(subject: Subject) -> Outcome:
    """Sold or not."""
    found = [subject.path(statement) for statement in subject.version.never if "sell" in statement.actions]
    said = answer(subject, "sale")
    if said is not None:
        found.append(subject.path(said))
    return Satisfied(tuple(found)) if found else Missing("Nothing says whether data is sold.", "never")


@clause("RE6", "Share with `third_party.successor` under `must: notify-before`, or add an answer about `acquisition`.")
def re6(subject: Subject) -> Outcome:
    """Merger or sale of the business, with notice before the data moves."""
    said = answer(subject, "acquisition")
    if said is not None:
        return Satisfied((subject.path(said),))
    shares = _to(subject, "third_party.successor")
    for statement in shares:
        if "notify-before" not in statement.must:
            return Missing(f"'{statement.id}' lets data move without notice beforehand.", subject.path(statement))
    if shares:
        return Satisfied(tuple(subject.path(statement, "must") for statement in shares))
    return Missing("Nothing says what happens when the business changes hands.", "shares")


@clause("TR1", "Add `transfer: {to, by, copy}` to the statement, on a basis that holds.")
def tr1(subject: Subject) -> Outcome:
    """The mechanism of each transfer, valid on this date, and how to get a copy of the safeguards."""
    version = subject.version
    current = {claim.id for claim in subject.claims}
    found: list[str] = []
    for statement in version.shares:
        transfer = statement.transfer
        if transfer is None:
            foreign = [name for name in statement.recipients if _abroad(subject, name)]
            if foreign:
                reason = f"'{statement.id}' gives data to '{foreign[0]}' in another country and states no transfer."
                return Missing(reason, subject.path(statement))
            continue
        path = subject.path(statement, "transfer")
        if transfer.claim is not None and transfer.claim not in current:
            return Missing(f"The transfer of '{statement.id}' rests on a claim that is not current.", path)
        if transfer.by == "framework" and transfer.claim is None:
            return Missing(f"The transfer of '{statement.id}' names no claim to its framework.", path)
        if transfer.by in ("standard-clauses", "binding-rules") and transfer.copy is None:
            return Missing(f"The transfer of '{statement.id}' does not say how to get a copy of the safeguards.", path)
        found.append(path)
    if found:
        return Satisfied(tuple(found))
    return NotApplicable("No transfer is stated, and no recipient is known to be in another country.")


def _abroad(subject: Subject, recipient: str) -> bool:
    declared = subject.version.recipient(recipient)
    home = subject.version.publisher.country
    return declared is not None and None not in (declared.country, home) and declared.country != home


# How claims to the Data Privacy Framework name it: `dpf`, `eu-us-dpf`, `data-privacy-framework`, …
_DPF = re.compile(r"\bdpf\b|\bdata[ -]privacy[ -]framework\b", re.IGNORECASE)


@clause("TR2", "Add a claim with `framework: dpf`, `since:`, `until:` or `next:`, and `site:` (the public list).")
def tr2(subject: Subject) -> Outcome:
    """Participation in the framework, with a link to the list, valid on this date. Another framework is not it."""
    participating = [claim for claim in subject.version.claims if claim.framework and _DPF.search(claim.framework)]
    claims = [claim for claim in participating if claim in subject.claims]
    if not participating:
        return Missing("No claim says that the publisher takes part in the Data Privacy Framework.", "claims")
    if not claims:
        return Missing(f"'{participating[0].id}' is not current.", subject.path(participating[0]))
    return every(subject, claims, "site", "does not link to the list", key="site")


@clause("RT1", "Add `keeps:`, such as `24 months` or `account + 24 months`.")
def rt1(subject: Subject) -> Outcome:
    """How long each category is kept."""
    collects = subject.version.collects
    if not collects:
        return NotApplicable("Nothing is collected.")
    return every(subject, collects, "keeps", "does not say how long its data is kept")
