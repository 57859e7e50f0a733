"""What rests on a claim is shared and decided by commands only while the claim stands in the register."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from terminal import troth

from troth.cli.opening import opened_vault
from troth.cli.record import opened_store
from troth.cli.settings import KEYS
from troth.decision.point import DecisionPoint
from troth.gates.collect import Collecting, Submission
from troth.gates.mail.post_office import PostOffice
from troth.gates.tally import counts_by_statement
from troth.people import Identifier

POLICY = """\
policy: club
title: Club
effective: 2020-01-01
publisher: {name: Club Ltd, address: 1 Lane, email: privacy@club.example}
covers: {shop: {name: Shop, site: "https://shop.example"}}
recipients: {partner: {name: Partner Inc., kind: joint, country: DE}}
collects:
  form: {says: We ask for your name., data: [identity.name, contact.email], for: service.register}
uses:
  notice: {says: We write to members while we are certified., data: contact.email, for: service.notice, given: code}
shares:
  members:
    says: We give names to our partner while we are certified.
    data: identity.name
    with: partner
    for: partner.programme
    given: code
claims:
  code: {says: We are certified by the town., programme: town, since: 2020-01-01, until: 2099-01-01, seal: true}
"""
PROGRAMME = """
name: Code of the town
kind: programme
source: https://town.example/rules
clauses: can-spam
months: 12
requirements:
  review: {says: Somebody looked at the sites., source: Rule 1, how: person}
eligible: []
"""
WHAT = ("--for", "partner.programme", "--data", "identity.name")
SHARE = ("share", "with", "partner", "account:p0", *WHAT, "--channel", "file")
DECIDE = ("decide", "share", "identity.name", "--for", "partner.programme", "--with", "partner")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where an officer signed for the claim, and a name that was collected."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for key in KEYS:
        monkeypatch.delenv(f"TROTH_{key.upper()}", raising=False)
    for name, text in (("policy", POLICY), ("programmes", PROGRAMME)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "town.yaml").write_text(text)
    (tmp_path / "troth.toml").write_text('policy = "policy"\nlog = "club.example/log"\n')
    run("publish")
    run("staff", "add", "olga", "--role", "officer")
    run("claim", "draft", "code", "--programme", "town", "--programmes", "programmes", "--site", "shop", "--as", "olga")
    run("claim", "assess", "code", "--met", "review=I looked at them.", "--as", "olga")
    until = (datetime.now(UTC) + timedelta(days=100)).date().isoformat()
    run("claim", "sign", "code", "--until", until, "--as", "olga")
    with opened_vault(write=True) as vault:
        fields = {"identity.name": "Ann", "contact.email": "ann@example.org"}
        who = Identifier("account", "p0")
        Collecting(vault, DecisionPoint(vault.people.policy)).collect(
            Submission(statement="form", fields=fields, who=who)
        )
    return tmp_path


def run(*arguments: str) -> str:
    code, said, err = troth(*arguments)
    assert code == 0, said + err
    return said


def suspend() -> None:
    run("claim", "suspend", "code", "--why", "The fee was not paid.", "--as", "olga")


def test_a_sharing_that_rests_on_a_claim_is_refused_by_command_once_it_is_suspended(place: Path) -> None:
    assert "1 values of 1" in run(*SHARE)
    suspend()
    code, said, err = troth(*SHARE)
    assert (code, "condition-not-met" in err, "while we are certified" in err) == (1, True, True), said + err
    run("claim", "reinstate", "code", "--as", "olga")
    assert "1 values of 1" in run(*SHARE)
    with opened_store() as store:  # the commands count what they decide, too
        (counted,) = counts_by_statement(store, store.clock())["members"]
        assert (counted.allowed, counted.refused) == (2, 1)


def test_a_decision_about_somebody_in_the_store_goes_by_the_claims_there(place: Path) -> None:
    person = (*DECIDE, "--person", "account:p0")
    assert "members" in run(*person)
    suspend()
    code, said, _ = troth(*person)
    assert (code, "while we are certified" in said) == (1, True)
    assert troth(*DECIDE)[0] == 0  # without a person it is a question about the policy as it is written
    assert troth(*person, "--at", "2021-01-01")[0] == 0  # before anything was entered the policy alone counts


def test_mail_that_rests_on_a_claim_goes_only_while_it_stands(place: Path) -> None:
    streams = {"members": {"purpose": "service.notice", "from": "club.example"}}
    with opened_vault(write=True) as vault:
        office = PostOffice(
            vault.people,
            vault.people.policy,
            streams=streams,
            site=None,
            keys=place / "keys",
            relay=str(place / "sink"),
        )
        assert office.mailing.outcomes("members", ["ann@example.org"]) == [None]
        assert not office.look()
        suspend()
        assert office.look()
        assert office.mailing.outcomes("members", ["ann@example.org"]) == ["condition-not-met"]
        office.gate.close()
