"""Whether a policy is consistent, complete and honest: the checks, the clauses of the frameworks, the reports.

`check(policy, at=now)` gives a `Report`; `as_lines`, `as_json` and `as_sarif` show it. `check_pages` looks at rendered
pages. `docs/reference/checks.md` explains every code and clause.
"""

from troth.policy.check.clauses import CLAUSES, FRAMEWORKS, Clause
from troth.policy.check.pages import check_pages
from troth.policy.check.report import as_json, as_lines, as_sarif, findings_as_lines
from troth.policy.check.run import check, check_versions
from troth.policy.check.shape import CHECKS, Check, Finding, Pointer, Report, Verdict

__all__ = [
    "CHECKS", "CLAUSES", "FRAMEWORKS", "Check", "Clause", "Finding", "Pointer", "Report", "Verdict",
    "as_json", "as_lines", "as_sarif", "check", "check_pages", "check_versions", "findings_as_lines",
]  # fmt: skip
