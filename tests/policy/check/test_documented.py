"""Every check and every clause is in docs/reference/checks.md, with its meaning and its remedy."""

from pathlib import Path

from troth.policy.check import CHECKS, CLAUSES

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "checks.md").read_text("utf-8")


def test_checks():
    rows = {line.split("`")[1]: line for line in PAGE.splitlines() if line.startswith("| `")}
    assert rows.keys() >= CHECKS.keys() | CLAUSES.keys()
    for check in CHECKS.values():
        assert rows[check.code] == f"| `{check.code}` | {check.severity} | {check.means} | {check.remedy} |"
    for clause in CLAUSES.values():
        frameworks = ", ".join(clause.frameworks)
        row = f"| `{clause.id}` | {frameworks} | {clause.requires} | {clause.source} | {clause.remedy} |"
        assert rows[clause.id] == row


def test_no_row_without_a_check():
    codes = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    keys = {"policy", "at", "frameworks", "findings", "verdicts"}
    assert codes - keys == CHECKS.keys() | CLAUSES.keys()
