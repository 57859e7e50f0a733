"""What a check finds, and how checks are written: a small function behind a decorator that gives it code and weight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from troth.policy.coverage import Allowing, Coverage, Frame, frame_of
from troth.policy.history import Policy
from troth.policy.model import Claim, Statement, Version, verb_of
from troth.policy.problems import Place

Severity = Literal["error", "warning", "note"]
Status = Literal["satisfied", "missing", "not-applicable"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a check found: where, what, and how to mend it. `statement` is the id of the statement, if any."""

    code: str
    severity: Severity
    place: Place
    message: str
    remedy: str
    statement: str | None = None


class Pointer(msgspec.Struct, frozen=True):
    """What satisfies a clause: the path of the key (`rights.access.within`) and its place in the file."""

    path: str
    place: Place


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a clause is satisfied, by what, or what is missing and how to state it, or why it does not apply."""

    clause: str
    source: str
    requires: str
    frameworks: tuple[str, ...]
    status: Status
    reason: str = ""
    pointers: tuple[Pointer, ...] = ()
    place: Place


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in one version of a policy, and the verdicts on the clauses of the frameworks asked for."""

    policy: str
    version: str
    file: str
    at: datetime
    frameworks: tuple[str, ...]
    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def exit_code(self) -> int:
        """0: clean; 1: an error, a warning or a missing clause. Notes do not count."""
        faulty = any(finding.severity != "note" for finding in self.findings)
        return int(faulty or any(verdict.status == "missing" for verdict in self.verdicts))

    def found(self, code: str) -> tuple[Finding, ...]:
        """The findings of one check."""
        return tuple(finding for finding in self.findings if finding.code == code)

    def verdict(self, clause: str) -> Verdict:
        """The verdict on a clause; KeyError when its framework was not asked for."""
        for verdict in self.verdicts:
            if verdict.clause == clause:
                return verdict
        raise KeyError(clause)


class Subject:
    """What the checks look at: a version at a moment, and what can be asked of it."""

    def __init__(
        self, version: Version, at: datetime, *, older: tuple[Version, ...] = (), frameworks: tuple[str, ...] = ()
    ) -> None:
        self.version = version
        self.at = at
        self.frameworks = frameworks
        self.older = older  # the versions before this one, earliest first
        self.stated: tuple[Statement, ...] = tuple(version.stated_on(at))
        self.claims: tuple[Claim, ...] = tuple(claim for claim in version.claims if claim.current(at))
        self.coverage = Coverage(version)
        self.frame: Frame = frame_of(version)

    @property
    def gated(self) -> tuple[Allowing, ...]:
        """All statements that allow something."""
        version = self.version
        return (*version.collects, *version.uses, *version.shares)

    def place(self, path: str) -> Place:
        """The place of a key, or of the nearest key above it that the file has."""
        places = self.version.places
        while path:
            if path in places:
                return places[path]
            path = path.rpartition(".")[0]
        return Place(self.version.file, 1, 1)

    def path(self, statement: Statement, field: str = "") -> str:
        """The path of a statement or of one of its keys."""
        path = f"{verb_of(statement)}.{statement.id}"
        return f"{path}.{field}" if field else path


class Found(NamedTuple):
    """What the function of a check yields: the path of the key, the message, the statement's id."""

    path: str
    message: str
    statement: str | None = None


class Check(NamedTuple):
    """A check: its stable code, how much it weighs, what it means, how to mend what it finds."""

    code: str
    severity: Severity
    means: str
    remedy: str
    run: Callable[[Subject], Iterable[Found]]

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """What this check finds."""
        for found in self.run(subject):
            yield Finding(
                code=self.code,
                severity=self.severity,
                place=subject.place(found.path),
                message=found.message,
                remedy=self.remedy,
                statement=found.statement,
            )


CHECKS: dict[str, Check] = {}


def check_that(
    code: str, severity: Severity, means: str, remedy: str
) -> Callable[[Callable[[Subject], Iterable[Found]]], Callable[[Subject], Iterable[Found]]]:
    """Make a function a check. Its code never changes its meaning; `docs/reference/checks.md` lists them all."""

    def register(run: Callable[[Subject], Iterable[Found]]) -> Callable[[Subject], Iterable[Found]]:
        assert code not in CHECKS, code  # noqa: S101 - two checks with one code are a mistake in Troth
        CHECKS[code] = Check(code, severity, means, remedy, run)
        return run

    return register


def versions_to_check(policy: Policy, at: datetime) -> tuple[tuple[Version, datetime], ...]:
    """The version in force and those to come, each with the moment at which it is looked at.

    A version that is no longer in force cannot be mended any more, so it is not checked as part of a history.
    """
    current = policy.in_force(at)
    return tuple(
        (version, max(at, version.effective))
        for version in policy.versions
        if current is None or version.effective >= current.effective
    )
