"""Complaints over random timelines: no step out of order or without its signer, and no deadline that passes unseen."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from troth.accountability.complaints.counting import counts_by_statement, on_time, requests_of_rights, statistics
from troth.accountability.complaints.deadlines import due, missed
from troth.accountability.complaints.desk import ComplaintDesk, Form
from troth.accountability.complaints.entering import MAY, WHO, check, may_escalate
from troth.accountability.complaints.facts import (
    KINDS,
    Acknowledged,
    Added,
    Agreed,
    Answered,
    Appealed,
    Asked,
    Closed,
    Determined,
    Escalated,
    Kind,
    Mediated,
    Remedied,
    Said,
    Settled,
    what_of,
)
from troth.accountability.complaints.standing import ENDED, WITH_BODY, ComplaintStanding
from troth.accountability.complaints.texts import Written, holds
from troth.accountability.errors import AccountabilityError, CaseError, StaffError
from troth.accountability.promises.status import Requested
from troth.accountability.signing import sign
from troth.accountability.verifying.contradictions import contradictions
from troth.people import open_people
from troth.policy.history import Policy
from troth.policy.reading import parse_version
from troth.store import open_store

POLICY = Policy(
    [
        parse_version(
            b"""
policy: small
title: Small
effective: 2015-01-01
publisher: {name: Small Ltd, address: 1 Lane, email: privacy@small.example}
covers: {shop: {name: Shop, site: "https://shop.example"}}
recipients: {ombudsman: {name: The Ombudsman, kind: processor, country: US}}
never: {sale: {says: We never sell your data., do: sell}}
rights:
  access: {says: Ask what we hold., within: 10 days}
  erase: {says: Ask us to delete it.}
answers:
  complaints: {says: We answer within 20 days., within: 20 days, then: recourse}
  recourse: {says: Then the ombudsman helps., then: ombudsman}
""",
            "small.yaml",
        )
    ]
)
START = datetime(2016, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TEXT = (Written("text", b"Ann Example wrote this."),)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class Hall:
    """A store with the desk of complaints, staff of every role, and a recourse body."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.clock = Clock()
        self.store = open_store(url or f"sqlite:///{folder / 'troth.db'}", create=True, clock=self.clock)
        self.people = open_people(self.store, folder / "keys", POLICY)
        self.desk = ComplaintDesk(self.store, POLICY, self.people.key)
        self.keys: dict[str, Ed25519PrivateKey] = {}
        self.ids: dict[str, str] = {}
        for role in ("officer", "desk", "counsel"):
            key = self.keys[role] = Ed25519PrivateKey.generate()
            public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            by = None
            if role != "officer":
                from troth.accountability.signing import make_act

                act = make_act("staff.add", role, {"key": public.hex(), "roles": [role]}, self.clock())
                by = sign(act, self.ids["officer"], self.keys["officer"])
            self.ids[role] = self.desk.staff.add(role, [role], public, by).id  # type: ignore[list-item]
        id, self.token, said = self.desk.bodies.new("ombudsman", ("The organisation was asked first.",))
        act = self.desk.bodies.act(id, said, self.clock())
        self.body = self.desk.bodies.enter(id, said, sign(act, self.ids["officer"], self.keys["officer"]))

    def send(self, **more: object) -> tuple[str, str]:
        form = Form(kind="complaint", written=TEXT, statement="sale", agreed=True)
        one, code = self.desk.receive(msgspec.structs.replace(form, **more), self.desk.new_code())
        return one.id, code

    def staff(self, role: str, id: str, said: Said, text: str = "We looked at it.") -> None:
        said = msgspec.structs.replace(said, by="staff")
        written = (Written("text", text.encode()),) if text else ()
        said, prepared = self.desk.prepare(id, said, written)
        signed = sign(self.desk.act(id, said, self.clock()), self.ids[role], self.keys[role])
        self.desk.do_signed(id, said, prepared, signed)


STAFF = st.sampled_from(
    (
        Acknowledged(by="staff"), Added(by="staff"), Answered(by="staff"), Remedied(by="staff"),
        Escalated(by="staff", to="ombudsman", why="asked"), Closed(by="staff", why="silent"),
        Closed(by="staff", why="ineligible", rule="The organisation was asked first."), Appealed(by="staff"),
        Closed(by="staff", why="noted"), Determined(by="staff", outcome="dismissed"), Settled(by="staff"),
    )
)  # fmt: skip
PERSON = st.sampled_from(
    (
        Added(by="person"), Settled(by="person"), Escalated(by="person", to="ombudsman", why="asked", handed=True),
        Appealed(by="person"), Closed(by="person", why="withdrawn"), Agreed(by="person"), Answered(by="person"),
        Acknowledged(by="troth"), Escalated(by="troth", to="ombudsman", why="late", handed=True),
        Closed(by="troth", why="final"), Remedied(by="person"), Escalated(by="person", to="shop", why="asked"),
    )
)  # fmt: skip
BODY = st.sampled_from(("asked", "mediated", "upheld", "dismissed", "appealed", "done", "ineligible", "added"))
ROLE = st.sampled_from(("officer", "desk", "counsel"))
# What has to have happened before each, whatever lies between.
AFTER = {
    "answered": {"acknowledged"}, "settled": {"answered", "escalated"}, "mediated": {"escalated"},
    "determined": {"escalated"}, "appealed": {"determined"}, "remedied": {"determined"}, "agreed": {"escalated"},
    "asked": {"escalated"},
}  # fmt: skip


# Who may do each at all.
BY = {
    "received": {"person"}, "acknowledged": {"staff", "troth"}, "answered": {"staff"}, "settled": {"person"},
    "asked": {"body"}, "mediated": {"body"}, "determined": {"body"}, "remedied": {"staff"}, "agreed": {"person"},
}  # fmt: skip


class Timelines(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.hall = Hall(Path(self.folder.name))
        self.ids: list[str] = []
        self.send("complaint", True)

    def teardown(self) -> None:
        assert contradictions(self.hall.store) == []
        for one in self.hall.desk.standing().values():
            opened = self.hall.desk.texts.read(one.id)
            assert all(holds(kept, opened[kept.id]) for fact in one.facts for kept in fact.said.kept)
        self.hall.store.close()
        self.folder.cleanup()

    @rule(kind=st.sampled_from(KINDS), agreed=st.booleans())
    def send(self, kind: Kind, agreed: bool) -> None:
        if len(self.ids) < 3:
            about = "access" if kind == "request" else "sale"
            self.ids.append(self.hall.send(kind=kind, agreed=agreed, statement=about)[0])

    @rule(days=st.sampled_from((0.5, 1, 9, 10, 19.99, 20, 31, 200)))
    def wait(self, days: float) -> None:
        self.hall.clock.now += timedelta(days=days)

    @rule(said=STAFF, role=ROLE, place=st.integers(0, 3))
    def by_staff(self, said: Said, role: str, place: int) -> None:
        self._try(place, lambda id: self.hall.staff(role, id, said))

    @rule(said=PERSON, place=st.integers(0, 3))
    def by_person(self, said: Said, place: int) -> None:
        written = TEXT if isinstance(said, Added | Answered | Appealed) else ()
        self._try(place, lambda id: self.hall.desk.do(id, said, written))

    @rule(what=BODY, place=st.integers(0, 3), right=st.booleans())
    def by_body(self, what: str, place: int, right: bool) -> None:
        at = self.hall.clock()
        made: dict[str, Said] = {
            "asked": Asked(by="body"), "mediated": Mediated(by="body"), "appealed": Appealed(by="body"),
            "upheld": Determined(by="body", outcome="upheld", remedy_by=at + 10 * DAY),
            "dismissed": Determined(by="body", outcome="dismissed"), "done": Closed(by="body", why="done"),
            "ineligible": Closed(by="body", why="ineligible", rule="The organisation was asked first."),
            "added": Added(by="body"),
        }  # fmt: skip
        token = self.hall.token if right else "0" * 64
        before = self._count()
        self._try(place, lambda id: self.hall.desk.do_as_body(token, id, made[what], TEXT))
        if not right:
            assert self._count() == before

    def _try(self, place: int, step) -> None:
        before = self._count()
        try:
            step(self.ids[place % len(self.ids)])
        except AccountabilityError:
            assert self._count() == before  # nothing half done

    def _count(self) -> int:
        return sum(len(one.facts) for one in self.hall.desk.standing().values())

    @invariant()
    def nothing_is_out_of_order_or_unsigned(self) -> None:
        if not hasattr(self, "hall"):
            return
        acts = {row.id: row.roles for row in self.hall.desk.staff.everybody()}
        for one in self.hall.desk.standing().values():
            seen: set[str] = set()
            for fact in one.facts:
                needs = AFTER.get(fact.what)
                assert needs is None or needs & seen, (fact.what, seen)
                assert fact.said.by in BY.get(fact.what, {fact.said.by}), (fact.what, fact.said.by)
                assert not (set(ENDED) - {"closed"}) & seen, "nothing comes after the end"
                assert "closed" not in seen or fact.what in ("escalated", *WITH_BODY, "agreed", "added", "closed",
                                                            "asked", "appealed", "remedied", "settled")  # fmt: skip
                seen.add(fact.what)
                if fact.said.by == "staff":
                    assert fact.act is not None
                    assert set(acts[fact.staff]) & set(WHO[type(fact.said)])
                elif fact.said.by == "body":
                    assert fact.said.body == self.hall.body.id
                else:
                    assert fact.staff is None
                assert what_of(fact.said) == fact.what

    @invariant()
    def no_deadline_passes_unseen(self) -> None:
        if not hasattr(self, "hall"):
            return
        at = self.hall.clock()
        known = list(self.hall.desk.standing().values())
        listed = due(known, at)
        late = {(one.id, one.what) for one in listed if one.late(at)}
        failed = {(one.id, one.what) for one in missed(known, at, timedelta(days=10_000))}
        for one in known:
            # Said anew, not by the code: who complained waits twenty days for one of these.
            if one.kind == "feedback":
                continue
            until = one.at + (20 if one.kind == "complaint" else 10) * DAY
            ends = [f.at for f in one.facts if f.what in ("answered", "settled", "escalated", "closed")]
            assert (not ends and at >= until) == ((one.id, "answer") in late)
            assert ((one.id, "answer") in failed) == (min(ends, default=at) >= until)
        assert [one.late(at) for one in listed] == sorted((one.late(at) for one in listed), reverse=True)
        recent = list(missed((one for one in known if one.kind == "complaint"), at))
        assert on_time(self.hall.store).holds == (recent == [])
        open_ = sum(one.open and one.kind == "complaint" for one in known)
        assert counts_by_statement(self.hall.store, at).get("sale", None) is None or (
            counts_by_statement(self.hall.store, at)["sale"].open == open_
        )
        assert sum(year.complaints + year.feedback + year.requests for year in statistics(known, at)) == len(known)

    @invariant()
    def no_right_is_called_kept_that_was_late(self) -> None:
        if not hasattr(self, "hall"):
            return
        at = self.hall.clock()
        asked = [one for one in self.hall.desk.standing().values() if one.kind == "request"]
        ends = {one.id: [f.at for f in one.facts if f.what in ("answered", "settled", "closed")] for one in asked}
        late = [one for one in asked if min(ends[one.id], default=at) >= one.at + 10 * DAY > at - timedelta(days=365)]
        found = requests_of_rights(self.hall.store, at).get("access", Requested())
        assert (found.state == "broken") == bool(late)
        assert found.since == min((one.at + 10 * DAY for one in late), default=None)
        answered = [one for one in asked if one.facts_of(Answered) and one.at + 375 * DAY > at]
        assert found.state != "kept" or answered
        assert found.ever or found.state == "not verified"


TestTimelines = Timelines.TestCase
TestTimelines.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)


class TestLongTimelines(Timelines.TestCase):
    settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
    pytestmark = pytest.mark.soak


@pytest.fixture
def hall(tmp_path: Path, url: str) -> Iterator[Hall]:
    found = Hall(tmp_path, url)
    yield found
    found.store.close()


def test_a_complaint_that_nobody_answers_goes_to_the_body_and_is_remedied(hall: Hall) -> None:
    id, code = hall.send()
    assert hall.desk.by_code(code) is not None
    assert hall.desk.by_code("0" * 32) is None
    with pytest.raises(CaseError, match="No deadline was passed"):
        hall.desk.do(id, Escalated(by="troth", to="ombudsman", why="late"))
    hall.clock.now += 20 * DAY
    assert [(one.what, one.late(hall.clock())) for one in due(hall.desk.standing().values(), hall.clock())] == [
        ("answer", True)
    ]
    assert not on_time(hall.store).holds
    hall.desk.do(id, Escalated(by="troth", to="ombudsman", why="late", handed=True))
    hall.desk.do_as_body(hall.token, id, Determined(by="body", outcome="upheld", remedy_by=hall.clock() + DAY), TEXT)
    assert counts_by_statement(hall.store, hall.clock())["sale"].upheld == 1
    with pytest.raises(StaffError, match="takes counsel or officer"):
        hall.staff("desk", id, Remedied(by="staff"))
    hall.staff("officer", id, Remedied(by="staff"))
    assert hall.desk.find(id).state == "remedied"
    assert (
        counts_by_statement(hall.store, hall.clock())["sale"] == counts_by_statement(hall.store, hall.clock())["sale"]
    )
    assert contradictions(hall.store) == []


def test_what_was_written_is_nowhere_in_the_clear_and_gone_when_it_is_erased(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    from troth.accountability.complaints.facts import Erased

    id, _ = hall.send(address="ann.unusual@example.org")
    hall.staff("desk", id, Answered(by="staff"), "Dear Ann, zebras.")
    found = b"".join(file.read_bytes() for file in tmp_path.glob("troth.db*"))
    for secret in (b"Ann Example wrote", b"ann.unusual", b"zebras"):
        assert secret not in found
    hall.desk.do(id, Closed(by="person", why="withdrawn"))
    sealed = [bytes(row[0]) for row in _rows(hall, "SELECT sealed FROM complaint_texts")]
    assert len(sealed) == 3
    hall.staff("officer", id, Erased(by="staff"), "")
    assert hall.desk.texts.read(id) == {}
    found = b"".join(file.read_bytes() for file in tmp_path.glob("troth.db*"))
    assert not any(one[:40] in found for one in sealed)
    assert hall.desk.find(id).erased
    with pytest.raises(CaseError, match="closed"):
        hall.desk.do(id, Added(by="person"), ())


def test_a_form_sent_twice_is_one_complaint_and_another_text_another(hall: Hall) -> None:
    code = hall.desk.new_code()
    form = Form(kind="complaint", written=TEXT, statement="sale")
    first, again = hall.desk.receive(form, code), hall.desk.receive(form, code)
    assert (first[0].id, first[1]) == (again[0].id, again[1])
    other = hall.desk.receive(msgspec.structs.replace(form, written=(Written("text", b"Else."),)), code)
    assert other[0].id != first[0].id
    assert other[1] != code


def test_another_token_or_a_revoked_one_opens_nothing(hall: Hall) -> None:
    from troth.accountability.complaints.bodies import Revoked

    id, _ = hall.send()
    with pytest.raises(CaseError, match="no such case of yours"):
        hall.desk.do_as_body(hall.token, id, Asked(by="body"), TEXT)  # not escalated: not theirs
    act = hall.desk.bodies.act(hall.body.id, Revoked(), hall.clock())
    with pytest.raises(StaffError, match="takes officer"):
        hall.desk.bodies.enter(hall.body.id, Revoked(), sign(act, hall.ids["desk"], hall.keys["desk"]))
    hall.desk.bodies.enter(hall.body.id, Revoked(), sign(act, hall.ids["officer"], hall.keys["officer"]))
    assert hall.desk.bodies.find(hall.token) is None


def _rows(hall: Hall, sql: str) -> list:
    with hall.store.read() as connection:
        return list(connection.exec_driver_sql(sql))


def test_a_step_that_was_slipped_into_the_tables_is_found(hall: Hall) -> None:
    """A signed step without its act, and one out of order, each with an entry that fits it."""
    id, _ = hall.send()
    assert contradictions(hall.store) == []
    hall.store.write(lambda unit: hall.desk.ledger.add(unit, id, Answered(by="staff")))
    hall.store.write(lambda unit: hall.desk.ledger.add(unit, id, Determined(by="body", outcome="dismissed")))
    found = " ".join(contradictions(hall.store))
    for said in ("signed by nobody", "there is no text", "done by no recourse body", "so 'determined' cannot be"):
        assert said in found, said


STEPS: dict[str, tuple[Said, ...]] = {
    "acknowledged": (),
    "answered": (Answered(by="staff"),),
    "settled": (Answered(by="staff"), Settled(by="person")),
    "escalated": (Escalated(by="person", to="ombudsman", why="asked"),),
    "mediated": (Escalated(by="person", to="ombudsman", why="asked"), Mediated(by="body")),
    "appealed": (
        Escalated(by="person", to="ombudsman", why="asked"), Determined(by="body", outcome="dismissed"),
        Appealed(by="person"),
    ),
    "closed": (Closed(by="staff", why="silent"),),
}  # fmt: skip


def _stands(hall: Hall, *steps: Said) -> ComplaintStanding:
    """A complaint that came in and was acknowledged, with more steps, each a day after the one before."""
    one = hall.desk.find(hall.send()[0])
    for said in steps:
        last = one.facts[-1]
        fact = msgspec.structs.replace(last, leaf=last.leaf + 1, at=last.at + DAY, said=said, what=what_of(said))
        one = msgspec.structs.replace(one, facts=(*one.facts, fact))
    return one


@pytest.mark.parametrize("by", ["person", "staff", "body"])
@pytest.mark.parametrize("state", list(STEPS))
def test_only_a_determination_is_appealed(hall: Hall, state: str, by: str) -> None:
    one = _stands(hall, *STEPS[state])
    assert one.state == state
    with pytest.raises(CaseError, match=f"The complaint is {state}, so 'appealed' cannot be now; it can while it is d"):
        check(one, Appealed(by=by), one.facts[-1].at)  # type: ignore[arg-type]


@pytest.mark.parametrize("by", ["person", "staff", "body"])
def test_a_determination_is_appealed_within_thirty_days_and_once(hall: Hall, by: str) -> None:
    determined = Determined(by="body", outcome="dismissed")
    one = _stands(hall, Escalated(by="person", to="ombudsman", why="asked"), determined)
    appeal = Appealed(by=by)  # type: ignore[arg-type]
    at = one.facts[-1].at
    check(one, appeal, at + 30 * DAY - timedelta(microseconds=1))
    with pytest.raises(CaseError, match="within 30 days"):
        check(one, appeal, at + 30 * DAY)
    again = _stands(hall, Escalated(by="person", to="ombudsman", why="asked"), determined, appeal, determined)
    with pytest.raises(CaseError, match="appealed once"):
        check(again, appeal, again.facts[-1].at)
    assert MAY[Appealed].keys() == {"person", "staff", "body"}


def test_who_was_answered_goes_to_the_body_at_once_and_who_waits_only_when_it_is_late(hall: Hall) -> None:
    passed_on = Escalated(by="person", to="ombudsman", why="asked")
    waiting = _stands(hall)
    at = waiting.facts[-1].at
    assert not may_escalate(waiting, at + 20 * DAY - timedelta(microseconds=1))
    with pytest.raises(CaseError, match="once there is an answer"):
        check(waiting, passed_on, at)
    assert may_escalate(waiting, at + 20 * DAY)
    answered = _stands(hall, Answered(by="staff"))
    assert answered.state == "answered"
    assert may_escalate(answered, answered.facts[-1].at)
    check(answered, passed_on, answered.facts[-1].at)
    settled = _stands(hall, Answered(by="staff"), Settled(by="person"))
    assert not may_escalate(settled, settled.facts[-1].at)
    with pytest.raises(CaseError, match="The complaint is settled"):
        check(settled, passed_on, settled.facts[-1].at)


def test_a_request_goes_to_no_body_and_names_a_right(hall: Hall) -> None:
    id, _ = hall.send(kind="request", statement="access")
    hall.clock.now += 100 * DAY
    one = hall.desk.find(id)
    assert one.received.then is None
    assert not may_escalate(one, hall.clock())
    with pytest.raises(CaseError, match="This is a request, which no body settles"):
        hall.desk.do(id, Escalated(by="troth", to="ombudsman", why="late"))
    with pytest.raises(CaseError, match="The policy has: access, erase"):
        hall.send(kind="request", statement="sale")


def test_a_right_without_days_is_answered_within_a_month(hall: Hall) -> None:
    id, _ = hall.send(kind="request", statement="erase")
    assert hall.desk.find(id).received.answer_by == datetime(2016, 6, 1, tzinfo=UTC)


def test_what_became_of_requests_is_told_in_counts_and_days(hall: Hall) -> None:
    told = lambda right="access": requests_of_rights(hall.store, hall.clock()).get(right, Requested())  # noqa: E731
    assert (told().state, told().sentence[:38]) == ("not verified", "Nobody has made such a request here ye")
    first, _ = hall.send(kind="request", statement="access")
    assert told().sentence == "1 request waits for an answer, and the time for it is not over."
    hall.clock.now += 9 * DAY
    hall.staff("desk", first, Answered(by="staff"))
    assert told().state == "kept"
    assert told().sentence.startswith("1 request was answered in time in the last twelve months")
    second, _ = hall.send(kind="request", statement="access")
    third, _ = hall.send(kind="request", statement="access")
    taken_back, _ = hall.send(kind="request", statement="erase")
    hall.desk.do(taken_back, Closed(by="person", why="withdrawn"))
    assert (told("erase").ever, told("erase").state) == (0, "not verified")
    hall.clock.now += 10 * DAY
    assert (told().state, told().since) == ("broken", START + 19 * DAY)
    assert told().sentence == (
        "2 requests of the last twelve months had no answer in time, the first by 20 May 2016. "
        "2 wait for an answer yet."
    )
    hall.staff("desk", second, Answered(by="staff"))
    assert "1 waits for an answer yet. 1 was answered later, the last on 20 May 2016." in told().sentence
    hall.clock.now += DAY
    hall.staff("desk", third, Answered(by="staff"))
    assert told().sentence.endswith("the first by 20 May 2016. 2 were answered later, the last on 21 May 2016.")
    hall.clock.now = START + 19 * DAY + timedelta(days=365)
    assert told().state == "not verified"
    assert told().sentence == "No request in the last twelve months, so nothing shows whether it is kept."
    assert on_time(hall.store).holds  # which is of complaints


def test_a_letter_is_signed_for_and_waits_to_be_acknowledged(hall: Hall) -> None:
    taking = hall.desk.take_in(Form(kind="complaint", written=TEXT, statement="sale"), by="staff")
    act = hall.desk.act(taking.id, taking.said, hall.clock())
    with pytest.raises(StaffError, match="signature is not that of"):
        hall.desk.receive_signed(taking, sign(act, hall.ids["officer"], hall.keys["desk"]))
    hall.desk.receive_signed(taking, sign(act, hall.ids["desk"], hall.keys["desk"]))
    listed = due(hall.desk.standing().values(), hall.clock())
    assert [(one.what, one.until - one.since) for one in listed] == [("acknowledge", 20 * DAY), ("answer", 20 * DAY)]
    found = hall.desk.by_code(taking.code)
    assert found is not None
    assert found.state == "received"
    assert contradictions(hall.store) == []
