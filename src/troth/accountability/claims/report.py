"""The report of an assessment: what was asked, what was found and how; for people, on a screen or paper, and as JSON.

It is of one file that loads nothing, so that it can be sent, printed and kept with the papers.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from troth.conditions.claims.facts import Evidence, Requirement
from troth.conditions.claims.standing import ClaimStanding, State
from troth.policy.history import Policy
from troth.policy.values import write_moment


class Line(msgspec.Struct, frozen=True):
    """A requirement and what was found; None where nobody has answered it yet."""

    requirement: Requirement
    found: Evidence | None

    @property
    def state(self) -> str:
        """`met`, `unmet`, or `open`."""
        return self.found.verdict if self.found is not None else "open"


class ClaimReport(msgspec.Struct, frozen=True, kw_only=True):
    """A claim as it stands at a moment, with the latest assessment. `officer` signed last, by name if it is known."""

    claim: str
    name: str
    holder: str
    covers: tuple[str, ...]
    state: State
    at: datetime
    assessed_at: datetime | None
    version: str | None
    begins: datetime | None
    ends: datetime | None
    officer: str | None
    entry: int | None
    lines: tuple[Line, ...]

    def count(self, state: str) -> int:
        """How many requirements are `met`, `unmet` or `open`."""
        return sum(line.state == state for line in self.lines)


def claim_report(policy: Policy, one: ClaimStanding, at: datetime, names: dict[str, str]) -> ClaimReport:
    """The report on a claim. `names` are those of staff, by their ids."""
    claims = [claim for version in reversed(policy.versions) for claim in version.claims if claim.id == one.id]
    covered = {each.id: each.name for version in policy.versions for each in version.covers}
    found, draft = one.evidence(), one.draft
    signing = one.signing(at) or (one.signings[-1] if one.signings else None)
    return ClaimReport(
        claim=one.id,
        name=(claims[0].programme or claims[0].framework or one.id) if claims else one.id,
        holder=draft.holder if draft is not None else "",
        covers=tuple(covered.get(id, id) for id in draft.covers) if draft is not None else (),
        state=one.state(at),
        at=at,
        assessed_at=one.assessed_at,
        version=one.assessed.version if one.assessed is not None else None,
        begins=signing.said.begins if signing is not None else None,
        ends=signing.end if signing is not None else None,
        officer=names.get(signing.said.officer, signing.said.officer) if signing is not None else None,
        entry=signing.leaf if signing is not None else None,
        lines=tuple(Line(each, found.get(each.id)) for each in draft.requirements) if draft is not None else (),
    )


def as_json(report: ClaimReport) -> bytes:
    """The report for machines."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def as_html(report: ClaimReport) -> bytes:
    """The report as one page without anything around it, in UTF-8."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["day"] = write_moment
    return environment.get_template("report.html").render(report=report).encode() + b"\n"
