"""Runs the checks and the clauses on a version, or on the versions of a policy that can still be mended."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

# Importing these files fills the table of checks.
from troth.policy.check import (  # noqa: F401
    choices,
    claims,
    contradictions,
    data,
    history,
    layers,
    pages,
    readability,
    recipients,
    wording,
)
from troth.policy.check.clauses import FRAMEWORKS, verdicts_on
from troth.policy.check.shape import CHECKS, SEVERITIES, Finding, Report, Subject, versions_to_check
from troth.policy.history import Policy
from troth.policy.model import Version


def check(
    subject: Policy | Version, *, at: datetime, frameworks: Collection[str] = (), older: tuple[Version, ...] = ()
) -> Report:
    """The report on a version, or on the version of a policy that is in force at `at` (the first, before any is).

    A version is looked at on the day it comes into force or at `at`, whichever is later: claims, reviews and renewals
    are judged then. For a bare version, `older` are the versions before it. `frameworks` asks for the verdicts on the
    clauses of those; ValueError for one that Troth does not know, or for a time without a zone.
    """
    if isinstance(subject, Policy):
        version, moment = versions_to_check(subject, at)[0]
        older = subject.versions[: subject.number(version) - 1]
    else:
        version, moment = subject, max(at, subject.effective)
    return _report(version, moment, older, frameworks)


def check_versions(policy: Policy, *, at: datetime, frameworks: Collection[str] = ()) -> tuple[Report, ...]:
    """A report on the version in force and on each one to come. Earlier ones are published and cannot be mended."""
    return tuple(
        _report(version, moment, policy.versions[: policy.number(version) - 1], frameworks)
        for version, moment in versions_to_check(policy, at)
    )


def _report(version: Version, at: datetime, older: tuple[Version, ...], frameworks: Collection[str]) -> Report:
    if at.tzinfo is None:
        raise ValueError("`at` needs a time zone.")
    unknown = sorted(set(frameworks) - set(FRAMEWORKS))
    if unknown:
        raise ValueError(f"'{unknown[0]}' is not a framework. Allowed: {', '.join(FRAMEWORKS)}.")
    asked = tuple(framework for framework in FRAMEWORKS if framework in frameworks)
    subject = Subject(version, at, older=older, frameworks=asked)
    findings = [finding for each in CHECKS.values() for finding in each.findings(subject)]
    return Report(
        policy=version.policy,
        version=version.id,
        file=version.file,
        at=at,
        frameworks=asked,
        findings=tuple(sorted(findings, key=_by_place)),
        verdicts=verdicts_on(subject),
    )


def _by_place(finding: Finding) -> tuple[object, ...]:
    return finding.place, SEVERITIES.index(finding.severity), finding.code, finding.message
