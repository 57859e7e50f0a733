"""What the checks say of the flagship example: no errors, and warnings that are true."""

from pathlib import Path

import pytest

from troth.policy.check import check
from troth.policy.history import Policy

POLICY = Policy.read(Path(__file__).parents[3] / "examples" / "citrix-online")


@pytest.mark.parametrize("version", POLICY.versions, ids=lambda version: version.id)
def test_no_errors_and_true_warnings(version):
    older = POLICY.versions[: POLICY.number(version) - 1]
    report = check(version, at=version.effective, older=older)
    codes = {finding.code for finding in report.findings if finding.severity == "warning"}
    assert [finding for finding in report.findings if finding.severity == "error"] == []
    # The first two versions stated no retention; some recipients have their place in the complete policy only.
    assert codes <= {"retention-missing", "hidden-sharing"}
    assert version.id != "2017-02-01" or "retention-missing" not in codes


def test_the_version_of_today_states_what_mail_needs():
    version = POLICY.version("2017-02-01")
    report = check(version, at=version.effective, frameworks=["can-spam"])
    assert {verdict.status for verdict in report.verdicts} == {"satisfied"}


@pytest.mark.parametrize("version", POLICY.versions, ids=lambda version: version.id)
def test_safe_harbor_is_no_participation_in_its_successors(version):
    assert check(version, at=version.effective, frameworks=["dpf"]).verdict("TR2").status == "missing"
