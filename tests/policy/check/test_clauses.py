"""Each clause is satisfied by a policy that states it, missing in one that does not, and points to the place."""

import pytest
from policies import case_at, load, policy

from troth.policy.check import CLAUSES, FRAMEWORKS, check

CASES = load("clauses.yaml")
VERDICTS = [(id, status) for id, case in CASES.items() for status in case]


def test_every_clause_has_its_cases():
    assert set(CASES) == set(CLAUSES)
    for id, case in CASES.items():
        assert "satisfied" in case
        assert "missing" in case or id == "PU4"


def test_every_clause_belongs_to_a_framework():
    assert all(clause.frameworks for clause in CLAUSES.values())
    assert {framework for clause in CLAUSES.values() for framework in clause.frameworks} == set(FRAMEWORKS)
    assert CLAUSES["ID1"].frameworks == ("safe-harbor", "dpf", "gdpr")
    assert CLAUSES["TR2"].frameworks == ("dpf",)
    assert CLAUSES["EM7"].frameworks == ("can-spam",)


@pytest.mark.parametrize(("id", "status"), VERDICTS)
def test_verdict(id: str, status: str):
    change = CASES[id][status]
    version = policy(change)
    report = check(version, at=case_at(change), frameworks=CLAUSES[id].frameworks)
    verdict = report.verdict(id)
    assert verdict.status == status, verdict
    if status == "satisfied":
        assert verdict.pointers or verdict.reason
        for pointer in verdict.pointers:
            # A pointer leads to a key of the file, or where a default speaks to the nearest key above it.
            assert pointer.place.line > 0, pointer
    else:
        assert verdict.reason
    if status == "missing":
        assert CLAUSES[id].remedy in verdict.reason
        assert report.exit_code == 1


def test_no_verdict_without_a_framework():
    report = check(policy({}), at=case_at({}))
    assert report.verdicts == ()
    with pytest.raises(KeyError):
        report.verdict("ID1")


def test_an_unknown_framework_is_refused():
    with pytest.raises(ValueError, match="'hipaa' is not a framework"):
        check(policy({}), at=case_at({}), frameworks=["hipaa"])


def test_the_clock_depends_on_the_framework():
    change = {
        "rights": {"access": {"says": "Ask us.", "at": "requests", "within": "45 days", "confirm_within": "10 days"}}
    }
    assert check(policy(change), at=case_at({}), frameworks=["ccpa"]).verdict("AC3").status == "satisfied"
    assert check(policy(change), at=case_at({}), frameworks=["gdpr", "ccpa"]).verdict("AC3").status == "missing"
