"""Assessing a claim: each requirement is answered by a machine where one can, and left to a person for the rest.

What the policy states is asked of the policy check, under the version in force; what was done is asked of the record;
whether a safeguard works is asked of its latest test. A paper and a person's word are brought by whoever assesses, and
a person may never answer for a machine. Only where a test cannot tell, a paper may, such as the report of a scan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from troth.accountability.errors import AccountabilityError
from troth.conditions.claims.facts import Assessed, Evidence, Requirement
from troth.policy.check import FRAMEWORKS, check
from troth.policy.check.shape import Report
from troth.policy.history import Policy
from troth.policy.problems import nearest
from troth.policy.values import write_moment

BY_PEOPLE = ("document", "person")


class Answer(msgspec.Struct, frozen=True):
    """What a machine answers: whether it is so, and a sentence that says what was found."""

    holds: bool
    sentence: str


# Answers a question by its name; None where nothing here can.
Ask = Callable[[str], Answer | None]


class Assessment(msgspec.Struct, frozen=True):
    """What an assessment found: evidence for what was answered, and the requirements that a person has to answer."""

    found: Assessed
    open: tuple[Requirement, ...]

    @property
    def unmet(self) -> tuple[str, ...]:
        """The ids of the requirements that are not met."""
        return tuple(one.requirement for one in self.found.evidence if one.verdict == "unmet")


def assess(
    policy: Policy,
    requirements: tuple[Requirement, ...],
    at: datetime,
    *,
    record: Ask,
    test: Ask,
    brought: Mapping[str, Evidence] | None = None,
) -> Assessment:
    """Hold a policy, its record and its tests against requirements at a moment.

    `brought` is what a person brings, by the id of the requirement. AccountabilityError: no version is in force, or
    something is brought for a requirement that is none or that a machine answers.
    """
    version = policy.in_force(at)
    if version is None:
        raise AccountabilityError("No version of the policy is in force, so there is nothing to assess.")
    by_id = {one.id: one for one in requirements}
    brought = brought or {}
    for id in brought:
        if id not in by_id:
            near = nearest(id, list(by_id))
            raise AccountabilityError(f"There is no requirement '{id}'.{f' Did you mean {near}?' if near else ''}")
        if by_id[id].how not in BY_PEOPLE and not (by_id[id].how == "test" and brought[id].how == "document"):
            raise AccountabilityError(f"'{id}' is answered by a machine ({by_id[id].how}), and by nobody's word.")
    older = policy.versions[: policy.number(version) - 1]
    report = check(version, at=at, older=older, frameworks=FRAMEWORKS)
    evidence, left = [], []
    for one in requirements:
        paper_or_word = brought.get(one.id)
        found = paper_or_word if one.how in BY_PEOPLE else _machine(one, report, record, test, paper_or_word)
        if found is None:
            left.append(one)
        else:
            evidence.append(found)
    return Assessment(Assessed(version=version.id, evidence=tuple(evidence)), tuple(left))


def _machine(one: Requirement, report: Report, record: Ask, test: Ask, paper: Evidence | None) -> Evidence:
    what = one.what or one.id
    if one.how == "clause":
        verdict = report.verdict(what)
        states = ", ".join(f"`{pointer.path}`" for pointer in verdict.pointers)
        texts = {"satisfied": f"Stated in {states}." if states else verdict.reason, "not-applicable": verdict.reason}
        return _evidence(one, verdict.status != "missing", texts.get(verdict.status, verdict.reason))
    if one.how == "check":
        findings = report.found(what)
        text = findings[0].message if findings else f"The check `{what}` of the policy finds nothing."
        return _evidence(one, not findings, text)
    answer = (record if one.how == "record" else test)(what)
    if answer is None and paper is not None:
        return paper
    if answer is None:
        # Not verified is never shown as met.
        return _evidence(one, False, f"Nothing here has answered `{what}` yet, so it does not count as met.")
    return _evidence(one, answer.holds, answer.sentence)


def _evidence(one: Requirement, met: bool, text: str) -> Evidence:
    return Evidence(requirement=one.id, verdict="met" if met else "unmet", how=one.how, text=text)


def person_says(one: Requirement, met: bool, text: str) -> Evidence:
    """What a person says of a requirement. AccountabilityError: they say nothing."""
    if not text.strip():
        raise AccountabilityError(f"'{one.id}': say in a sentence how you know.")
    return Evidence(requirement=one.id, verdict="met" if met else "unmet", how="person", text=text.strip())


def paper(  # noqa: PLR0917
    one: Requirement, sha256: str, dated: datetime, at: datetime, months: int, text: str = ""
) -> Evidence:
    """A paper that shows a requirement; it is met while the paper is no older than a signature carries, in months."""
    if dated > at:
        raise AccountabilityError(f"'{one.id}': the paper is of {write_moment(dated)}, which is yet to come.")
    old = (at.year - dated.year) * 12 + at.month - dated.month - (at.day < dated.day)
    said = text.strip() or f"A paper of {write_moment(dated)}."
    if old >= months:
        said = f"{said} It is older than {months} months."
    return Evidence(
        requirement=one.id, verdict="unmet" if old >= months else "met", how="document", text=said, document=sha256,
        dated=dated,
    )  # fmt: skip
