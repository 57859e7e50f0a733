"""Claims: none is made after its end, and no text boasts of a framework that does not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from troth.policy.check.shape import Found, Subject, check_that
from troth.policy.check.texts import passages
from troth.policy.values import write_moment

# Frameworks that ended for everybody: names as people write them, the first day without it, and why.
ENDED: tuple[tuple[tuple[str, ...], datetime, str], ...] = (
    (
        ("safe-harbor", "safe-harbour"),
        datetime(2015, 10, 6, tzinfo=UTC),
        "struck down by the Court of Justice of the European Union (case C-362/14)",
    ),
    (
        ("privacy-shield",),
        datetime(2020, 7, 16, tzinfo=UTC),
        "struck down by the Court of Justice of the European Union (case C-311/18)",
    ),
)


@check_that(
    "framework-ended",
    "error",
    "A claim to a framework is made on a day when that framework had ended for everybody.",
    "Give the claim `void: {on: …, why: …}`: its sentence and seal then leave the notice by themselves.",
)
def framework_ended(subject: Subject) -> Iterator[Found]:
    """Safe Harbor ended on 2015-10-06 (C-362/14), Privacy Shield on 2020-07-16 (C-311/18)."""
    for claim in subject.claims:
        for names, end, why in ENDED:
            if claim.framework and claim.framework.lower().startswith(names) and subject.at >= end:
                message = f"'{claim.id}' claims {claim.framework}, which was {why} on {write_moment(end)}."
                yield Found(subject.path(claim, "framework"), message, claim.id)


@check_that(
    "lapsed-claim-named",
    "error",
    "A text names a framework or programme whose claim is not current.",
    "Move the words into the sentence of the claim, which goes when the claim goes, or take them out.",
)
def lapsed_claim_named(subject: Subject) -> Iterator[Found]:
    """A framework claimed after it was void: the claim lapses by itself, words elsewhere do not."""
    current = {name for claim in subject.claims for name in (claim.framework, claim.programme) if name}
    gone: dict[str, str] = {}
    for claim in subject.version.claims:
        for name in (claim.framework, claim.programme):
            if name and name not in current:
                when = f"ended on {write_moment(claim.end)}" if claim.end and claim.end <= subject.at else "not begun"
                gone[name] = f"the claim '{claim.id}' has {when}"
    declared = current | gone.keys()
    for names, end, why in ENDED:
        for name in names:
            if subject.at >= end and not any(known.lower().startswith(name) for known in declared):
                gone[name] = f"it was {why} on {write_moment(end)}"
    for passage in passages(subject):
        for name, reason in gone.items():
            if _pattern(name).search(passage.text):
                id = passage.statement.id if passage.statement else None
                yield Found(passage.path, f"The text names '{name}', but {reason}.", id)


def _pattern(name: str) -> re.Pattern[str]:
    """The name as people write it: `safe-harbor` is also "Safe Harbor"."""
    return re.compile(rf"\b{'[ -]'.join(re.escape(part) for part in name.split('-'))}\b", re.IGNORECASE)


@check_that(
    "claim-not-current",
    "note",
    "A claim is not current on the day of the check, so its sentence and seal are not part of the notice.",
    "Nothing to do, unless the claim should hold: then renew it and change its dates.",
)
def claim_not_current(subject: Subject) -> Iterator[Found]:
    """A claim is current from `since` until `until` or the day it is void."""
    for claim in subject.version.claims:
        if claim in subject.claims:
            continue
        if claim.since > subject.at:
            message = f"'{claim.id}' begins on {write_moment(claim.since)}."
        else:
            assert claim.end is not None  # noqa: S101 - it has begun and is not current
            message = f"'{claim.id}' ended on {write_moment(claim.end)}."
        yield Found(subject.path(claim), message, claim.id)


@check_that(
    "claim-renewal-due",
    "warning",
    "The day of a claim's next certification has passed.",
    "Certify again and set `next`, or set `until`.",
)
def claim_renewal_due(subject: Subject) -> Iterator[Found]:
    """DPF supplemental principle 6 and Safe Harbor FAQ 6: certification is renewed each year."""
    for claim in subject.claims:
        if claim.next is not None and claim.next <= subject.at:
            message = f"The next certification of '{claim.id}' was due on {write_moment(claim.next)}."
            yield Found(subject.path(claim, "next"), message, claim.id)


@check_that(
    "transfer-without-claim",
    "error",
    "A transfer to other countries rests on a claim that is not current, or on a framework that no claim names.",
    "Rest the transfer on something that holds, or stop it.",
)
def transfer_without_claim(subject: Subject) -> Iterator[Found]:
    """GDPR article 46 and 45(3): a transfer needs a basis on the day it happens."""
    current = {claim.id for claim in subject.claims}
    for statement in subject.version.shares:
        transfer = statement.transfer
        if transfer is None:
            continue
        if transfer.claim is not None and transfer.claim not in current:
            message = f"'{statement.id}' transfers data on the claim '{transfer.claim}', which is not current."
            yield Found(subject.path(statement, "transfer"), message, statement.id)
        elif transfer.by == "framework" and transfer.claim is None:
            message = f"'{statement.id}' transfers data by a framework and names no claim to it."
            yield Found(subject.path(statement, "transfer"), message, statement.id)
