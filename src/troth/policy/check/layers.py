"""The two layers of the notice: what the complete policy tells about sharing, the overview tells too."""

from __future__ import annotations

import re
from collections.abc import Iterator

from troth.policy.check.shape import Found, Subject, check_that
from troth.policy.check.texts import english, passages
from troth.policy.model import Collects, Shares

# Words that announce sharing with a kind of recipient.
_ANNOUNCED: dict[str, re.Pattern[str]] = {
    "group": re.compile(
        r"\b((?:companies|members?) of (?:our|the)(?: \w+)? group|our group|group companies|group-wide"
        r"|subsidiar(?:y|ies)|parent company|affiliated compan(?:y|ies)|sister compan(?:y|ies))\b",
        re.IGNORECASE,
    ),
    "joint": re.compile(r"\bco-brand(?:ed|ing)\b", re.IGNORECASE),
    "third_party": re.compile(r"\b(?:share|give|pass|sell)\w* .{0,40}\b(?:third parties|advertisers)\b", re.IGNORECASE),
}


@check_that(
    "hidden-sharing",
    "warning",
    "A kind of recipient appears only in the complete policy: the overview hides that they receive data.",
    "Take `overview: false` away from one statement that gives data to them.",
)
def hidden_sharing(subject: Subject) -> Iterator[Found]:
    """Layers that drifted apart. Kinds are told apart by their roots, third parties also by what they are."""
    version = subject.version
    shown = {kind for statement in version.shares if statement.overview for kind in _kinds(subject, statement)}
    for collects in version.collects:
        if collects.overview and any(tracker.party == "third" for tracker in collects.trackers):
            shown.add("third_party.tracker")
    told: set[str] = set()
    for statement in version.shares:
        for kind in _kinds(subject, statement):
            if kind not in shown and kind not in told:
                told.add(kind)
                label = version.vocabulary.label("recipient", kind)
                message = f"The overview does not say that data goes to '{kind}' ({label}); '{statement.id}' does."
                yield Found(subject.path(statement, "overview"), message, statement.id)


def _kinds(subject: Subject, statement: Shares) -> Iterator[str]:
    for recipient in statement.recipients:
        path = subject.version.recipient_path(recipient)
        declared = subject.version.recipient(recipient) is not None
        kinds = path[:-1] if declared else path
        if kinds[0] == "self":  # not somebody else
            continue
        yield kinds[min(1, len(kinds) - 1)] if kinds[0] == "third_party" else kinds[0]


@check_that(
    "announced-not-stated",
    "error",
    "A text announces sharing with a kind of recipient that no `shares` statement names.",
    "Write the `shares` statement, or take the words out.",
)
def announced_not_stated(subject: Subject) -> Iterator[Found]:
    """The overview that announced group-wide sharing while the part on sharing said nothing of it."""
    named = {
        kind
        for shares in subject.version.shares
        for recipient in shares.recipients
        for kind in subject.version.recipient_path(recipient)
    }
    for passage in passages(subject):
        if not english(passage) or isinstance(passage.statement, Shares):
            continue
        for kind, pattern in _ANNOUNCED.items():
            match = pattern.search(passage.text)
            if match and kind not in named:
                message = f"The text speaks of “{match[0]}”, and no statement gives data to '{kind}'."
                yield Found(passage.path, message, passage.statement.id if passage.statement else None)


@check_that(
    "hidden-collection",
    "warning",
    "Sensitive data is collected, and the overview does not say so.",
    "Take `overview: false` away from the statement.",
)
def hidden_collection(subject: Subject) -> Iterator[Found]:
    """What weighs most on people belongs on the first page (GDPR article 9; WP 260, paragraph 36)."""
    for statement in subject.version.collects:
        if not statement.overview and _sensitive(subject, statement):
            message = f"'{statement.id}' collects sensitive data, and only the complete policy says so."
            yield Found(subject.path(statement, "overview"), message, statement.id)


def _sensitive(subject: Subject, statement: Collects) -> bool:
    vocabulary = subject.version.vocabulary
    return bool(statement.sensitive) or any(vocabulary.term("data", term).sensitive for term in statement.data)
