"""What holds for a sharing: contracts and transfers by their dates, explained, and never by anybody's word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from register_clock import Clock
from sqlalchemy import text

from store_oracle import sqlite_url
from troth.conditions import Conditions, Register, Sharing
from troth.conditions.facts import (
    Contract,
    Profile,
    Returned,
    Revoked,
    Said,
    Signed,
    Terminated,
    Transfer,
)
from troth.conditions.lacks import LACKS
from troth.decision.point import DecisionPoint
from troth.policy.history import Policy
from troth.policy.reading import parse_version
from troth.record.reader import RecordReader
from troth.store import Store, StoreUnavailableError, open_store


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def add(register: Register, recipient: str, *said: Said) -> None:
    for one in said:
        register.add(recipient, one, by="mary")


LETTERS = Profile(name="Letter House", kind="processor", countries=("DE",))
CARDS = Profile(name="Cards Inc.", kind="processor", countries=("US",), contact="jo@cards.example")
POST = Contract(
    id="c1", begins=day("2020-02-01"), ends=day("2020-12-01"), accepts="2020-01-01", data=("contact",),
    purposes=("service.notice",), signed=day("2020-01-15"),
)  # fmt: skip
PAY = Contract(
    id="c1", begins=day("2020-02-01"), accepts="2020-01-01", data=("payment.card", "identity"),
    purposes=("service.payment",), signed=day("2020-01-15"),
)  # fmt: skip
CLAUSES = Transfer(id="t1", country="US", by="standard-clauses", begins=day("2020-02-01"))


def asked(at: datetime, recipient: str = "letters", data: str = "contact.email", purpose: str = "service.notice",
          version: str = "2020-01-01") -> dict[str, object]:  # fmt: skip
    return {"recipient": recipient, "data": data, "purpose": purpose, "version": version, "at": at}


def lacking(conditions: Conditions, **asking: object) -> list[tuple[str, str]]:
    lacks = conditions.explain(**asking)
    assert {lack.code for lack in lacks} <= set(LACKS)
    return [(lack.condition, lack.code) for lack in lacks]


def test_nothing_holds_for_who_is_not_registered(conditions: Conditions, clock: Clock) -> None:
    assert conditions.given(**asked(clock.now)) == frozenset()
    assert lacking(conditions, **asked(clock.now)) == [("contract", "not-registered")]
    assert lacking(conditions, **asked(clock.now, recipient="nobody")) == [("", "not-stated")]


def test_a_contract_holds_from_its_beginning_to_its_end_and_not_a_moment_longer(
    conditions: Conditions, register: Register, clock: Clock
) -> None:
    clock.now = day("2020-01-10")
    add(register, "letters", LETTERS)
    assert lacking(conditions, **asked(clock.now)) == [("contract", "no-contract")]
    add(register, "letters", POST)
    moment = timedelta.resolution
    for at, code in (
        (POST.signed - moment, "not-signed"), (POST.signed, "not-begun"), (POST.begins - moment, "not-begun"),
        (POST.begins, None), (POST.ends - moment, None), (POST.ends, "lapsed"),
    ):  # fmt: skip
        assert conditions.given(**asked(at)) == (frozenset() if code else {"contract"})
        assert lacking(conditions, **asked(at)) == ([("contract", code)] if code else [])
    (lack,) = conditions.explain(**asked(POST.ends))
    assert (lack.when, lack.sentence) == (POST.ends, "The contract 'c1' with 'letters' lapsed on 2020-12-01.")


def test_a_contract_covers_what_it_names_and_the_versions_it_accepted(
    conditions: Conditions, register: Register, clock: Clock
) -> None:
    add(register, "letters", LETTERS, POST)
    assert conditions.given(**asked(clock.now, data="contact.phone")) == {"contract"}
    assert lacking(conditions, **asked(clock.now, purpose="service.payment")) == [("contract", "not-covered")]
    assert conditions.given(**asked(clock.now, purpose="service")) == frozenset()
    assert lacking(conditions, **asked(clock.now, data="contact.address", version="2021-01-01")) == [
        ("contract", "older-version")
    ]
    # One that accepted the later version holds for what was collected under the earlier one too.
    later = Contract(
        id="c2", begins=clock.now, accepts="2021-01-01", data=("contact.address",), purposes=("service.notice",),
        signed=clock.now,
    )  # fmt: skip
    add(register, "letters", later)
    for version in ("2020-01-01", "2021-01-01"):
        assert conditions.given(**asked(clock.now, data="contact.address", version=version)) == {"contract"}


def test_signing_and_terminating(conditions: Conditions, register: Register, clock: Clock) -> None:
    proposed = Contract(
        id="c1", begins=clock.now, accepts="2020-01-01", data=("contact",), purposes=("service.notice",)
    )
    add(register, "letters", LETTERS, proposed)
    assert register.standing()["letters"].state(clock.now) == "proposed"
    assert lacking(conditions, **asked(clock.now)) == [("contract", "not-signed")]
    clock.move(days=1)
    add(register, "letters", Signed(contract="c1", on=clock.now, document="ab" * 32))
    assert conditions.given(**asked(clock.now)) == {"contract"}
    last = clock.now + timedelta(days=40)
    due = last + timedelta(days=30)
    add(register, "letters", Terminated(contract="c1", on=last, owed="delete", due=due))
    one = register.standing()["letters"].contracts["c1"]
    assert [one.state(at) for at in (clock.now, last)] == ["expiring", "terminated"]
    assert [one.warning(last - timedelta(days=days)) for days in (40, 30, 8, 7)] == [90, 30, 30, 7]
    assert lacking(conditions, **asked(last)) == [("contract", "terminated")]
    assert one.owes(clock.now) is None
    assert one.owes(last).due == due
    clock.now = due
    add(register, "letters", Returned(contract="c1", on=clock.now, how="deleted"))
    assert register.standing()["letters"].contracts["c1"].owes(clock.now) is None


def test_an_end_counts_at_once_in_another_process(store: Store, policy: Policy, clock: Clock) -> None:
    here, there = Conditions(store, policy), Conditions(store, policy)
    add(here.register, "letters", LETTERS, POST)
    assert there.given(**asked(clock.now)) == {"contract"}
    end = Terminated(contract="c1", on=clock.now, owed="return", due=clock.now)
    add(here.register, "letters", end)
    assert there.given(**asked(clock.now)) == frozenset()


def test_a_day_in_the_past_is_answered_as_it_was(conditions: Conditions, register: Register, clock: Clock) -> None:
    add(register, "letters", LETTERS)
    clock.move(days=5)
    add(register, "letters", POST)  # which began before it was registered
    before = clock.now - timedelta(days=1)
    clock.move(days=5)
    add(register, "letters", Terminated(contract="c1", on=before, owed="return", due=clock.now))
    assert [bool(conditions.given(**asked(before + timedelta(days=days)))) for days in (0, 1, 5, 6)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_a_transfer_needs_the_basis_that_the_statement_names(
    conditions: Conditions, register: Register, clock: Clock
) -> None:
    def to_cards(at: datetime) -> dict[str, object]:
        return asked(at, "cards", "payment.card", "service.payment")

    add(register, "cards", CARDS, PAY)
    assert conditions.given(**to_cards(clock.now)) == frozenset()
    assert lacking(conditions, **to_cards(clock.now)) == [("transfer", "no-basis")]
    add(register, "cards", Transfer(id="t0", country="US", by="adequacy", begins=clock.now))
    assert lacking(conditions, **to_cards(clock.now)) == [("transfer", "no-basis")]
    add(register, "cards", CLAUSES)
    assert conditions.given(**to_cards(clock.now)) == {"contract"}
    clock.move(days=1)
    add(register, "cards", Revoked(transfer="t1", on=clock.now + timedelta(days=1), why="the court said so"))
    assert conditions.given(**to_cards(clock.now)) == {"contract"}
    clock.move(days=1)
    assert conditions.given(**to_cards(clock.now)) == frozenset()
    (lack,) = conditions.explain(**to_cards(clock.now))
    assert (lack.code, lack.when) == ("revoked", clock.now)


def test_who_does_not_say_where_it_is_gets_no_further(conditions: Conditions, register: Register, clock: Clock) -> None:
    """The policy says where cards is, whatever the register leaves out; and of others every country counts."""
    add(register, "cards", Profile(name="Cards Inc.", kind="processor"), PAY)
    assert conditions.given(**asked(clock.now, "cards", "payment.card", "service.payment")) == frozenset()
    add(register, "daughter", Profile(name="Daughter", kind="group"))
    assert lacking(conditions, **asked(clock.now, "daughter", "content.feedback"))[:2] == [("transfer", "no-basis")] * 2


def test_a_framework_ends_with_its_claim(conditions: Conditions, register: Register, clock: Clock) -> None:
    def to_daughter(at: datetime) -> dict[str, object]:
        return asked(at, "daughter", "content.feedback")

    contract = Contract(
        id="c1", begins=clock.now, accepts="2020-01-01", data=("content",), purposes=("service.notice",),
        signed=clock.now,
    )  # fmt: skip
    basis = Transfer(id="t1", country="US", by="framework", claim="shield", begins=clock.now)
    add(register, "daughter", Profile(name="Daughter", kind="group", countries=("US",)), contract, basis)
    assert conditions.given(**to_daughter(clock.now)) == {"contract"}
    void = day("2020-07-16")
    assert conditions.given(**to_daughter(void)) == frozenset()
    (lack,) = conditions.explain(**to_daughter(void))
    assert (lack.code, lack.when) == ("claim-ended", void)


def test_other_conditions_never_hold_until_something_answers(store: Store, policy: Policy, clock: Clock) -> None:
    class Told:
        answer = False

        def holds(self, sharing: Sharing) -> bool:
            assert (sharing.recipient, sharing.version.id) == ("club", "2020-01-01")
            return self.answer

    asking = asked(clock.now, "club", "contact.email", "partner.programme")
    closed, told = Conditions(store, policy), Told()
    opened = Conditions(store, policy, {"notice-given": told})
    contract = Contract(
        id="c1", begins=clock.now, accepts="2020-01-01", data=("contact.email",), purposes=("partner.programme",),
        signed=clock.now,
    )  # fmt: skip
    add(closed.register, "club", Profile(name="The Club", kind="joint"), contract)
    assert (closed.given(**asking), lacking(closed, **asking)) == ({"contract"}, [("notice-given", "not-held")])
    assert (opened.given(**asking), lacking(opened, **asking)) == ({"contract"}, [("notice-given", "not-held")])
    told.answer = True
    assert (opened.given(**asking), lacking(opened, **asking)) == ({"contract", "notice-given"}, [])
    with pytest.raises(ValueError, match="nothing else does"):
        Conditions(store, policy, {"contract": told})


def test_the_decision_point_takes_the_answers(
    conditions: Conditions, register: Register, policy: Policy, clock: Clock
) -> None:
    point = DecisionPoint(policy)
    add(register, "letters", LETTERS, POST)
    add(register, "guild", Profile(name="The Guild", kind="joint"))
    for at, allowed in ((POST.ends - timedelta(seconds=1), True), (POST.ends, False)):
        given = conditions.given(**asked(at))
        decision = point.decide(
            action="share", data="contact.email", purpose="service.notice", given=given, at=at,
            recipient=conditions.asked_as("letters", "2020-01-01"),
        )  # fmt: skip
        assert decision.allowed is allowed
    assert conditions.asked_as("guild", "2020-01-01") == "joint"
    assert conditions.asked_as("nobody", "2020-01-01") == "nobody"
    with pytest.raises(ValueError, match="Did you mean 2020-01-01"):
        conditions.asked_as("guild", "2020-01-02")


def test_every_fact_is_in_the_record_without_what_may_be_about_a_person(
    register: Register, store: Store, clock: Clock
) -> None:
    add(register, "cards", CARDS, PAY, CLAUSES, Revoked(transfer="t1", on=clock.now, why="Jo said so"))
    record = RecordReader(store)
    entries = b"".join(record.entry(fact.leaf) for fact in register.facts())
    assert len(register.facts()) == record.size() == 4
    for word in (b"jo@cards", b"Jo said", b"Cards Inc", b"mary"):
        assert word not in entries
    assert b'"kind":"recipient"' in entries
    assert b"standard-clauses" in entries
    assert register.contradictions() == []


def test_a_fact_that_was_altered_is_found(register: Register, store: Store) -> None:
    from sqlalchemy import update

    from troth.store.schema import recipient_facts

    add(register, "letters", LETTERS, POST)
    leaf = register.facts()[1].leaf
    said = (
        '{"accepts":"2020-01-01","begins":"2020-02-01T00:00:00Z","data":["contact"],"id":"c1","purposes":["service"]}'
    )
    store.write(
        lambda unit: unit.change(update(recipient_facts).where(recipient_facts.c.leaf == leaf).values(said=said))
    )
    assert register.contradictions() == [
        f"Fact {leaf} (contract of 'letters') is not what its entry in the record says."
    ]


def test_a_fact_that_was_taken_away_is_missed(register: Register, store: Store, clock: Clock) -> None:
    from sqlalchemy import delete

    from troth.store.schema import recipient_facts

    add(register, "letters", LETTERS, POST, Terminated(contract="c1", on=clock.now, owed="return", due=clock.now))
    leaf = register.facts()[2].leaf
    store.write(lambda unit: unit.change(delete(recipient_facts).where(recipient_facts.c.leaf == leaf)))
    assert register.contradictions() == [f"Entry {leaf} of the record is about a recipient, and its fact is missing."]


def test_nothing_is_given_while_the_store_cannot_be_read(tmp_path: Path, policy: Policy, clock: Clock) -> None:
    with open_store(sqlite_url(tmp_path), create=True, clock=clock) as store:
        conditions = Conditions(store, policy)
        add(conditions.register, "letters", LETTERS, POST)
        assert conditions.given(**asked(clock.now)) == {"contract"}
        store.write(lambda unit: unit.change(text("ALTER TABLE recipient_facts RENAME TO elsewhere")))
        with pytest.raises(StoreUnavailableError):
            conditions.given(**asked(clock.now))


def test_another_version_of_the_policy_is_read_as_it_is(store: Store) -> None:
    """A version that shares nothing with anybody has nothing to lack but its statements."""
    text = (
        "policy: bare\ntitle: Bare\neffective: 2020-01-01\npublisher: {name: B, address: A}\n"
        "covers: {shop: {name: Shop, site: https://shop.example}}\n"
    )
    conditions = Conditions(store, Policy([parse_version(text.encode(), "bare.yaml")]))
    assert lacking(conditions, **asked(day("2020-02-02"))) == [("", "not-stated")]
