"""The list of recipients per version, what changed in it, and what is found to be wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from register_clock import Clock

from troth.conditions import Register, standing
from troth.conditions.facts import Contract, Engaged, Profile, Returned, Terminated, Transfer
from troth.conditions.findings import findings
from troth.conditions.listing import Change, as_json, changes, recipient_list
from troth.policy.history import Policy

NOW = datetime(2020, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def contract(**fields: object) -> Contract:
    usual = {
        "id": "c1", "begins": NOW, "ends": NOW + 100 * DAY, "accepts": "2020-01-01", "data": ("contact",),
        "purposes": ("service.notice", "service.payment"), "safeguards": ("tls",), "signed": NOW,
    }  # fmt: skip
    return Contract(**{**usual, **fields})


def fill(register: Register) -> None:
    for recipient, said in (
        ("letters", Profile(name="Letter House", kind="processor", contact="jo@letters.example", countries=("DE",))),
        ("letters", contract()),
        ("press", Profile(name="Press", kind="processor.sub", countries=("IN",))),
        ("letters", Engaged(subprocessor="press", on=NOW)),
        ("cards", Profile(name="Cards Inc.", kind="processor")),
        ("cards", Transfer(id="t1", country="US", by="standard-clauses", begins=NOW, ends=NOW + 50 * DAY)),
    ):
        register.add(recipient, said, by="mary")


def test_the_list_is_for_machines_and_names_no_contact(register: Register, policy: Policy) -> None:
    fill(register)
    read = json.loads(as_json(recipient_list(policy.versions[0], register.standing(), NOW)))
    assert (read["policy"], read["version"], read["at"]) == ("small", "2020-01-01", "2020-03-01T00:00:00Z")
    listed = {one["id"]: one for one in read["recipients"]}
    assert list(listed) == ["cards", "letters", "club", "press"]  # as the policy has them, then the others
    assert listed["letters"] == {
        "id": "letters", "name": "Letter House", "kind": "processor", "declared": True, "site": None,
        "countries": ["DE"], "state": "in force", "statements": ["post"], "data": ["contact"],
        "purposes": ["service.notice", "service.payment"], "safeguards": ["tls"], "since": "2020-03-01T00:00:00Z",
        "until": "2020-06-09T00:00:00Z", "transfers": [], "subprocessors": ["press"],
        "pages": [],
    }  # fmt: skip
    assert listed["club"]["state"] is None
    assert listed["press"]["declared"] is False
    assert listed["cards"]["transfers"] == [
        {"country": "US", "by": "standard-clauses", "until": "2020-04-20T00:00:00Z"}
    ]
    assert "jo@" not in json.dumps(read)


def test_what_changed_between_two_moments(register: Register, policy: Policy, clock: Clock) -> None:
    version = policy.versions[0]
    before = recipient_list(version, register.standing(), clock.now)
    clock.move(days=1)
    fill(register)
    after = recipient_list(version, register.standing(), clock.now)
    told = {one.recipient: one for one in changes(before, after)}
    assert told["press"] == Change("press", "added")
    assert told["cards"].change == "changed"
    assert set(told["letters"].fields) >= {"state", "data", "subprocessors"}
    assert [one.change for one in changes(after, before) if one.recipient == "press"] == ["removed"]
    later = recipient_list(version, register.standing(), NOW + 200 * DAY)
    assert {one.recipient: one.change for one in changes(after, later)} == {"letters": "changed", "cards": "changed"}


def found(register: Register, policy: Policy, at: datetime) -> set[tuple[str, str]]:
    return {(one.recipient, one.code) for one in findings(policy, standing(register.facts(), at), at)}


def test_findings_tell_what_is_closed_and_what_will_be(register: Register, policy: Policy, clock: Clock) -> None:
    closed = {("cards", "without-contract"), ("cards", "without-basis"), ("club", "without-contract")}
    assert found(register, policy, NOW) == {*closed, ("letters", "without-contract")}
    fill(register)
    closed.remove(("cards", "without-basis"))
    assert found(register, policy, NOW) == closed
    assert found(register, policy, NOW + 50 * DAY) == {
        *closed, ("cards", "without-basis"), ("letters", "expiring"),
    }  # fmt: skip
    # One that goes on after it ends the warning.
    register.add("letters", contract(id="c2", begins=NOW + 90 * DAY, ends=None), by="mary")
    assert ("letters", "expiring") not in found(register, policy, NOW + 50 * DAY)
    assert ("letters", "without-contract") not in found(register, policy, NOW + 100 * DAY)
    # The next version is accepted by nobody yet.
    assert ("letters", "without-contract") in found(register, policy, datetime(2021, 1, 1, tzinfo=UTC))
    assert found(register, policy, datetime(2019, 1, 1, tzinfo=UTC)) == set()


def test_findings_tell_what_is_owed_and_what_is_partly_covered(
    register: Register, policy: Policy, clock: Clock
) -> None:
    register.add("letters", Profile(name="Letter House", kind="processor"), by="mary")
    register.add("letters", contract(purposes=("service.notice",), ends=None), by="mary")
    assert ("letters", "partly-covered") in found(register, policy, NOW)
    due = NOW + 30 * DAY
    register.add("letters", Terminated(contract="c1", on=NOW, owed="return", due=due), by="mary")
    assert ("letters", "return-due") in found(register, policy, NOW)
    assert ("letters", "return-overdue") in found(register, policy, due)
    told = next(one for one in findings(policy, register.standing(due), due) if one.code == "return-overdue")
    assert told.message == "By contract 'c1' it is to return what it received, and should have by 2020-03-31."
    clock.now = due
    register.add("letters", Returned(contract="c1", on=due, how="returned"), by="mary")
    assert not {code for _, code in found(register, policy, due)} & {"return-due", "return-overdue"}
