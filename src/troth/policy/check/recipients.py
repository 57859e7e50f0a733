"""Recipients: each is used, named as far as can be, and a processor works under contract."""

from __future__ import annotations

from collections.abc import Iterator

from troth.policy.check.shape import Found, Subject, check_that


@check_that(
    "unused-recipient",
    "warning",
    "A recipient is declared and nothing is given to it.",
    "Name it in `with` of a `shares` statement, or remove it.",
)
def unused_recipient(subject: Subject) -> Iterator[Found]:
    """A recipient is used when a statement names it, or its kind, or a complaint goes on to it."""
    version = subject.version
    named = {recipient for shares in version.shares for recipient in shares.recipients}
    named |= {answer.then for answer in version.answers if answer.then is not None}
    for recipient in version.recipients:
        if not named.intersection(version.recipient_path(recipient.id)):
            message = f"No statement gives data to '{recipient.id}'."
            yield Found(f"recipients.{recipient.id}", message)


@check_that(
    "unnamed-recipient",
    "note",
    "Data is given to a kind of recipient that could be named.",
    "Declare who they are under `recipients:` and name them in `with`.",
)
def unnamed_recipient(subject: Subject) -> Iterator[Found]:
    """GDPR article 15(1)(c) and EDPB guidance: name recipients where they are known. Some kinds have no names."""
    version = subject.version
    nameable = ("processor", "joint", "group", "third_party.tracker")
    for statement in version.shares:
        for number, recipient in enumerate(statement.recipients):
            if version.recipient(recipient) is None and (
                recipient == "third_party" or any(kind in version.recipient_path(recipient) for kind in nameable)
            ):
                label = version.vocabulary.label("recipient", recipient)
                message = f"'{statement.id}' gives data to '{recipient}' ({label}) and names nobody."
                yield Found(f"{subject.path(statement)}.with[{number}]", message, statement.id)


@check_that(
    "processor-without-contract",
    "error",
    "A processor receives data without the condition that a contract is in force.",
    "Add `given: contract`.",
)
def processor_without_contract(subject: Subject) -> Iterator[Found]:
    """GDPR article 28(3); Safe Harbor and DPF, onward transfer."""
    version = subject.version
    for statement in version.shares:
        for recipient in statement.recipients:
            if "processor" in version.recipient_path(recipient) and "contract" not in statement.given:
                message = f"'{statement.id}' gives data to the processor '{recipient}' without `given: contract`."
                yield Found(subject.path(statement, "with"), message, statement.id)
                break


@check_that(
    "ambiguous-id",
    "warning",
    "Two different things bear one id, so that a reader or a `then` can take one for the other.",
    "Give one of them another id.",
)
def ambiguous_id(subject: Subject) -> Iterator[Found]:
    """Ids of statements are unique already; this compares them with recipients and covered sites."""
    version = subject.version
    statements = {statement.id: version.verb(statement.id) for statement in version.statements}
    for part in ("recipients", "covers"):
        for entry in getattr(version, part):
            if entry.id in statements:
                message = f"'{entry.id}' is the id of a {statements[entry.id]} statement too."
                yield Found(f"{part}.{entry.id}", message)
    for entry in version.recipients:
        if version.covered(entry.id) is not None:
            yield Found(f"recipients.{entry.id}", f"'{entry.id}' is the id of a covered site too.")
