"""Choices: each is used somewhere, and its gates fail the right way."""

from __future__ import annotations

from collections.abc import Iterator

from troth.policy.check.shape import Found, Subject, check_that
from troth.policy.coverage import Allowing
from troth.policy.vocabulary import dotted_path


@check_that(
    "unused-choice",
    "warning",
    "A choice is declared and no statement depends on it, so choosing changes nothing.",
    "Name the choice in `unless` or `only_if` of what it decides, or remove it.",
)
def unused_choice(subject: Subject) -> Iterator[Found]:
    """A choice counts as used when a statement names it or a choice below it."""
    named = {choice for statement in subject.gated for choice in (*statement.unless, *statement.only_if)}
    used = {ancestor for choice in named for ancestor in dotted_path(choice)}
    for choice in subject.version.choices:
        if choice.id not in used:
            yield Found(f"choices.{choice.id}", f"No statement depends on the choice '{choice.id}'.", choice.id)


@check_that(
    "choice-cookie-missing",
    "warning",
    "Visitors of a site decide about what their browser gives away, and no statement has the cookie that remembers it.",
    "State it under `trackers:` of a `collects` statement: `name: troth, party: first, necessary: true`.",
)
def choice_cookie_missing(subject: Subject) -> Iterator[Found]:
    """A banner asks about what a browser gives away at a visit; no cookie is set that the policy does not state."""
    asked = [
        statement
        for statement in subject.version.collects
        if (statement.unless or statement.only_if) and "device" in statement.sources and "visit" in statement.when
    ]
    stated = any(
        "troth" in (tracker.name, tracker.id) and tracker.necessary and tracker.party == "first"
        for statement in subject.version.collects
        for tracker in statement.trackers
    )
    if asked and not stated:
        message = f"'{asked[0].id}' waits for the visitor's choice, which no stated cookie could remember."
        yield Found(subject.path(asked[0]), message, asked[0].id)


@check_that(
    "opt-in-with-unless",
    "error",
    "A statement is gated by `unless` with an opt-in choice: it would hold for people who never answered.",
    "Gate it with `only_if`, which is refused until the person agrees, or declare the choice as opt-out.",
)
def opt_in_with_unless(subject: Subject) -> Iterator[Found]:
    """Opt-in means: nothing without a yes (GDPR article 4(11))."""
    opt_in = {choice.id for choice in subject.version.choices if choice.model == "opt-in"}
    for statement in subject.gated:
        for choice in statement.unless:
            if choice in opt_in:
                message = f"'{choice}' is opt-in, yet '{statement.id}' holds for whoever has not answered."
                yield Found(subject.path(statement, "unless"), message, statement.id)


@check_that(
    "opt-out-with-only-if",
    "warning",
    "A statement is gated by `only_if` with an opt-out choice: it never holds for people who did not answer.",
    "Gate it with `unless`, or declare the choice as opt-in, as its sentence should say.",
)
def opt_out_with_only_if(subject: Subject) -> Iterator[Found]:
    """People read that they must refuse, while in truth they must agree."""
    opt_out = {choice.id for choice in subject.version.choices if choice.model == "opt-out"}
    for statement in subject.gated:
        for choice in statement.only_if:
            if choice in opt_out:
                message = f"'{choice}' is opt-out, yet '{statement.id}' waits for people to agree."
                yield Found(subject.path(statement, "only_if"), message, statement.id)


@check_that(
    "consent-without-choice",
    "error",
    "A statement rests on consent, and nothing asks for it.",
    "Add `only_if:` with an opt-in choice, or name the basis that it really rests on.",
)
def consent_without_choice(subject: Subject) -> Iterator[Found]:
    """GDPR articles 4(11) and 7: consent is given by a clear act and can be withdrawn."""
    for statement in subject.gated:
        if statement.basis == "consent" and not statement.only_if:
            message = f"'{statement.id}' rests on consent, but holds without it."
            yield Found(subject.path(statement, "basis"), message, statement.id)


@check_that(
    "marketing-without-opt-out",
    "error",
    "Data is used for marketing and the messages need not offer an opt-out.",
    "Add `must: [offer-opt-out]`.",
)
def marketing_without_opt_out(subject: Subject) -> Iterator[Found]:
    """CAN-SPAM 5(a)(3) and (5); GDPR article 21(4). Collecting for marketing permits the use for it."""
    version = subject.version
    using: tuple[Allowing, ...] = (*version.uses, *version.collects)
    for statement in using:
        marketing = any(version.vocabulary.covers("purpose", "marketing", purpose) for purpose in statement.purposes)
        if marketing and "offer-opt-out" not in statement.must:
            message = f"'{statement.id}' allows marketing without the duty to offer an opt-out."
            yield Found(subject.path(statement, "for"), message, statement.id)


@check_that(
    "marketing-without-choice",
    "warning",
    "Data is used for marketing, and no choice can stop it.",
    "Gate it with `unless:` (opt-out) or `only_if:` (opt-in).",
)
def marketing_without_choice(subject: Subject) -> Iterator[Found]:
    """GDPR article 21(2): whoever objects to direct marketing is heard."""
    version = subject.version
    for statement in subject.gated:
        marketing = any(version.vocabulary.covers("purpose", "marketing", purpose) for purpose in statement.purposes)
        if marketing and not statement.unless and not statement.only_if:
            message = f"Nobody can refuse the marketing of '{statement.id}'."
            yield Found(subject.path(statement, "for"), message, statement.id)
