"""The three forms of a report: lines for people, JSON for programs, SARIF 2.1.0 for code scanning."""

import json

import pytest
from policies import case_at, load, policy

from troth.policy.check import CHECKS, CLAUSES, FRAMEWORKS, as_json, as_lines, as_sarif, check

BAD = load("checks.yaml")["unqualified-may"]["fails"]


@pytest.fixture
def report():
    return check(policy(BAD, "policies/a file.yaml"), at=case_at({}), frameworks=FRAMEWORKS)


def test_lines_for_people(report):
    text = "\n".join(as_lines(report))
    (finding,) = report.found("unqualified-may")
    assert f"policies/a file.yaml:{finding.place.line}:{finding.place.column}" in text
    assert "unqualified-may: " in text
    assert "Remedy: " in text
    assert all(f"Clauses of {framework}" in text for framework in FRAMEWORKS)
    assert "AC1  MISSING" in text
    assert text.splitlines()[-1].startswith("1 error, ")
    assert max(len(line) for line in as_lines(report) if " at policies" not in line) <= 110


def test_lines_of_a_clean_policy():
    assert as_lines(check(policy({}), at=case_at({})))[-1] == "Nothing found."


def test_the_same_policy_gives_the_same_report():
    one, other = (check(policy(BAD), at=case_at({}), frameworks=FRAMEWORKS) for _ in range(2))
    assert as_json(one) == as_json(other)


def test_json(report):
    content = json.loads(as_json(report))
    assert content["exit_code"] == 1
    (read,) = content["reports"]
    assert read["policy"] == "example"
    assert read["version"] == "2026-01-01"
    assert read["findings"][0].keys() >= {"code", "severity", "place", "message", "remedy"}
    assert read["findings"][0]["place"].keys() == {"file", "line", "column"}
    assert len(read["verdicts"]) == len(CLAUSES)
    assert {verdict["status"] for verdict in read["verdicts"]} <= {"satisfied", "missing", "not-applicable"}


def test_sarif_has_the_members_that_the_standard_requires(report):
    """OASIS SARIF 2.1.0: 3.13 (log), 3.14 (run), 3.18 (tool), 3.19 (driver), 3.27 (result), 3.28 to 3.30 (location)."""
    log = json.loads(as_sarif(report, tool_version="1.2.3"))
    assert log["version"] == "2.1.0"
    assert "sarif-schema-2.1.0.json" in log["$schema"]
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "Troth"
    assert driver["version"] == "1.2.3"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    assert set(ids) <= CHECKS.keys() | CLAUSES.keys()
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    assert run["results"]
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"]
        assert result["level"] in ("none", "note", "warning", "error")
        # 3.27.10: only what failed has a level.
        assert (result["kind"] == "fail") == (result["level"] != "none")
        assert result["kind"] in ("pass", "open", "informational", "notApplicable", "review", "fail")
        for location in result["locations"]:
            physical = location["physicalLocation"]
            # A URI reference (RFC 3986): no spaces, no backslashes.
            assert physical["artifactLocation"]["uri"] == "policies/a%20file.yaml"
            assert physical["region"]["startLine"] >= 1
            assert physical["region"]["startColumn"] >= 1


def test_several_reports_in_one(report):
    clean = check(policy({}), at=case_at({}))
    assert json.loads(as_json([clean]))["exit_code"] == 0
    assert json.loads(as_json([clean, report]))["exit_code"] == 1
    assert json.loads(as_sarif([]))["runs"][0]["results"] == []
