"""A report for people (plain lines), for programs (JSON) and for code scanning (SARIF 2.1.0)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from textwrap import wrap
from typing import Any
from urllib.parse import quote

import msgspec

from troth.policy.check.clauses import CLAUSES
from troth.policy.check.shape import CHECKS, SEVERITIES, Finding, Report, Verdict
from troth.policy.problems import Place
from troth.policy.values import write_moment

_WIDTH = 100
_HEADS = {"error": "Errors", "warning": "Warnings", "note": "Notes"}
_STATUSES = {"satisfied": "satisfied", "missing": "MISSING", "not-applicable": "does not apply"}


def as_lines(report: Report) -> list[str]:
    """The report, ready to print: findings by weight, then the clauses by framework, then one line that sums up."""
    lines = [f"{report.policy}, version {report.version} ({report.file}), on {write_moment(report.at)}"]
    lines += findings_as_lines(report.findings)
    for framework in report.frameworks:
        lines += ["", f"Clauses of {framework}", ""]
        for verdict in report.verdicts:
            if framework in verdict.frameworks:
                lines += _verdict_lines(verdict)
    return [*lines, "", _sum(report)]


def findings_as_lines(findings: Iterable[Finding]) -> list[str]:
    """Findings by weight, each with its place, what was found and how to mend it."""
    several = tuple(findings)
    lines: list[str] = []
    for severity in SEVERITIES:
        group = [finding for finding in several if finding.severity == severity]
        if group:
            lines += ["", _HEADS[severity], ""]
        shown: str | None = None
        for finding in sorted(group, key=lambda finding: (finding.code, finding.place)):
            if finding.code != shown:
                if shown is not None:
                    lines.append("")
                lines.append(f"  {finding.code}: {CHECKS[finding.code].means if finding.code in CHECKS else ''}")
                lines += _wrapped(f"Remedy: {finding.remedy}", "    ")
                shown = finding.code
            lines.append(f"    {finding.place}")
            lines += _wrapped(finding.message, "      ")
    return lines


def _verdict_lines(verdict: Verdict) -> list[str]:
    lines = _wrapped(
        f"{verdict.clause}  {_STATUSES[verdict.status]}: {verdict.requires} ({verdict.source})", "  ", "       "
    )
    if verdict.reason:
        lines += _wrapped(verdict.reason, "       ")
    lines += [f"       {pointer.path} at {pointer.place}" for pointer in verdict.pointers[:_SHOWN]]
    if len(verdict.pointers) > _SHOWN:
        lines.append(f"       and {len(verdict.pointers) - _SHOWN} more")
    return lines


_SHOWN = 3


def _wrapped(text: str, indent: str, further: str | None = None) -> list[str]:
    return wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _sum(report: Report) -> str:
    counts = [
        f"{count} {severity}{'' if count == 1 else 's'}"
        for severity in SEVERITIES
        if (count := sum(1 for finding in report.findings if finding.severity == severity))
    ]
    missing = sum(1 for verdict in report.verdicts if verdict.status == "missing")
    if report.verdicts:
        counts.append(f"{missing} of {len(report.verdicts)} clauses missing")
    return f"{', '.join(counts) or 'Nothing found'}."


def as_json(reports: Report | Sequence[Report]) -> bytes:
    """One report or several as JSON, in UTF-8, indented; `docs/reference/checks.md` describes it."""
    several = (reports,) if isinstance(reports, Report) else tuple(reports)
    content = {"reports": several, "exit_code": max((report.exit_code for report in several), default=0)}
    return msgspec.json.format(msgspec.json.encode(content), indent=2)


# --- SARIF ------------------------------------------------------------------------------------------------------------

_SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(reports: Report | Sequence[Report], *, tool_version: str = "0") -> bytes:
    """Findings and missing clauses as SARIF 2.1.0 (OASIS standard), in UTF-8, indented.

    Paths are as they were given to Troth, so run it from the root of the repository. Satisfied clauses are results of
    the kind `pass`, those that do not apply `notApplicable`.
    """
    several = (reports,) if isinstance(reports, Report) else tuple(reports)
    rules: dict[str, dict[str, Any]] = {}
    results: list[dict[str, Any]] = []
    for report in several:
        for finding in report.findings:
            check = CHECKS[finding.code]
            rules.setdefault(check.code, _rule(check.code, check.means, check.remedy, check.severity))
            results.append(
                {
                    "ruleId": check.code,
                    "level": finding.severity,
                    "kind": "fail",
                    "message": {"text": f"{finding.message} {finding.remedy}"},
                    "locations": [_location(finding.place)],
                }
            )
        for verdict in report.verdicts:
            clause = CLAUSES[verdict.clause]
            rules.setdefault(clause.id, _rule(clause.id, clause.requires, clause.remedy, "warning", clause.source))
            results.append(_clause_result(verdict))
    order = {id: index for index, id in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = order[result["ruleId"]]
    driver = {
        "name": "Troth",
        "version": tool_version,
        "rules": list(rules.values()),
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return msgspec.json.format(msgspec.json.encode({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}), indent=2)


def _rule(id: str, means: str, remedy: str, level: str, source: str = "") -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": id,
        "shortDescription": {"text": means},
        "help": {"text": remedy},
        "defaultConfiguration": {"level": level},
    }
    if source:
        rule["fullDescription"] = {"text": f"{means} ({source})"}
    return rule


def _clause_result(verdict: Verdict) -> dict[str, Any]:
    kind = {"satisfied": "pass", "missing": "fail", "not-applicable": "notApplicable"}[verdict.status]
    places = [pointer.place for pointer in verdict.pointers] or [verdict.place]
    return {
        "ruleId": verdict.clause,
        # SARIF 3.27.10: whatever did not fail has no level.
        "level": "warning" if kind == "fail" else "none",
        "kind": kind,
        "message": {"text": verdict.reason or f"Stated: {verdict.requires}."},
        "locations": [_location(place) for place in places[:_SHOWN]],
    }


def _location(place: Place) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(PurePath(place.file).as_posix())}}
    if place.line:
        physical["region"] = {"startLine": place.line, "startColumn": max(place.column, 1)}
    return {"physicalLocation": physical}
