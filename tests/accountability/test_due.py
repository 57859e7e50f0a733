"""What is due of each room, by a clock that stands where a test puts it: the most urgent first, nothing late unseen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from house import DAY, DOCUMENT, House, account
from hypothesis import given
from hypothesis import strategies as st

from troth.accountability.complaints.facts import Acknowledged, Added, Answered
from troth.accountability.complaints.facts import Received as Complained
from troth.accountability.complaints.standing import ComplaintStanding
from troth.accountability.due.cases import due_by, due_of_legal, due_of_transfers
from troth.accountability.due.complaints import due_of_complaints
from troth.accountability.due.due import LEVELS, Due, check_rooms, level_of, most_urgent_first
from troth.accountability.due.gathering import DueOfStaff, as_json
from troth.accountability.due.outgoing import (
    Disabled,
    Held,
    due_of_deliveries,
    due_of_files,
    due_of_following,
    due_of_mail,
)
from troth.accountability.due.registers import due_of_claims, due_of_recipients, due_of_tests
from troth.accountability.errors import CaseError
from troth.accountability.ledger import Fact
from troth.accountability.legal.facts import Approved, Closed, Gag, Looked, Received, Refused, Reviewing, Scope
from troth.accountability.legal.standing import RequestStanding
from troth.accountability.terms import Terms
from troth.accountability.transfer.facts import Archived, Planned, TransferStanding
from troth.accountability.verifying.results import Result
from troth.conditions.claims.facts import Assessed, Drafted, Evidence, Requirement, Signed
from troth.conditions.claims.standing import ClaimStanding, Signing
from troth.conditions.facts import Contract, Profile, Returned, Terminated
from troth.conditions.standing import ContractStanding, RecipientStanding
from troth.gates.delivery.deliveries import Delivery
from troth.gates.following.followups import FollowUp
from troth.gates.share.files.row import FileRow
from troth.policy.history import Policy
from troth.policy.reading import parse_version
from troth.store.schema import to_micros

T0 = datetime(2026, 5, 1, 10, tzinfo=UTC)
TERMS = Terms(ceiling=10)
LEG = "leg_0123456789abcdef"

POLICY = Policy([
    parse_version(
        b"""\
policy: small
title: Small
effective: 2020-01-01
publisher: {name: Small Ltd, address: 1 Lane, email: privacy@small.example, country: DE}
covers:
  shop: {name: Shop, site: https://shop.example, product: true}
recipients:
  cards: {name: Cards, kind: processor}
collects:
  registration:
    says: We ask for your name.
    data: [identity.name]
    for: [service.register]
shares:
  payments:
    says: Cards gets your name.
    data: [identity.name]
    with: cards
    for: service.register
    given: contract
claims:
  truste: {says: We are certified., programme: truste, since: 2020-01-01}
  iso: {says: We are certified., programme: iso-27701, since: 2020-01-01, until: 2026-06-01}
""",
        "small.yaml",
    )
])  # fmt: skip


def request(**changes: object) -> RequestStanding:
    said = {
        "deadline": None,
        "ends": None,
        "gag": None,
        **{k: changes.pop(k) for k in ("deadline", "ends") if k in changes},
    }
    scope = Scope(data=("identity.name",), persons=changes.pop("persons", 1))  # type: ignore[arg-type]
    received = Received(authority="court", process="warrant", basis="law", document=DOCUMENT,
                        purpose="legal.comply", scope=scope, **said)  # fmt: skip
    return RequestStanding(LEG, received, T0, "dora", scope, **{"gag": None, **changes})  # type: ignore[arg-type]


def commands(found) -> list[str]:
    return [" ".join(one.command.split()[1:4]).replace(LEG, "").strip() for one in found]


# --- how urgent, and in which order -----------------------------------------------------------------------------------


@given(st.integers(-40, 40))
def test_what_is_past_its_day_is_overdue_and_a_week_before_it_is_soon(days: int) -> None:
    level = level_of(T0 + days * DAY, T0)
    assert level == ("overdue" if days <= 0 else "soon" if days <= 7 else "open")


def test_without_a_day_it_is_open_and_never_overdue() -> None:
    assert level_of(None, T0) == "open"


dues = st.builds(
    Due, room=st.sampled_from(["legal", "mail"]), level=st.sampled_from(LEVELS), what=st.just("x"),
    about=st.sampled_from("abc"), when=st.none() | st.integers(-9, 9).map(lambda days: T0 + days * DAY),
    command=st.just("troth"),
)  # fmt: skip


@given(st.lists(dues))
def test_the_most_urgent_comes_first_and_nothing_is_lost(some: list[Due]) -> None:
    found = most_urgent_first(some)
    assert sorted(map(repr, found)) == sorted(map(repr, some))
    ranks = [(LEVELS.index(one.level), one.when is None, one.when or T0) for one in found]
    assert ranks == sorted(ranks)


def test_rooms_are_spelt() -> None:
    assert check_rooms(["legal", "mail"]) == ("legal", "mail")
    with pytest.raises(CaseError, match="Did you mean 'deliveries'"):
        check_rooms(["delivery"])


# --- legal requests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "command"),
    [
        (request(), "legal review"),
        (request(reviewed_by="cara"), "legal approve"),
        (request(reviewed_by="cara", persons=11), "legal raise"),
        (request(reviewed_by="cara", persons=11, ceiling=11), "legal approve"),
        (request(reviewed_by="cara", outcome="narrowed"), "legal narrow"),
        (request(reviewed_by="cara", challenged="it is too wide"), "legal decide"),
        (request(reviewed_by="cara", approved_at=T0, approvers=("cara", "otto")), "legal release"),
        (request(approved_at=T0, approvers=("cara",), emergency="a life"), "legal look"),
        (request(approved_at=T0, approvers=("cara",), emergency="a life", looked=Looked(justified=False, why="no")),
         "legal close"),
        (request(approved_at=T0, released=("dis_1",)), "legal close"),
        (request(reviewed_by="cara", ends=T0 - DAY), "legal close"),
    ],
)  # fmt: skip
def test_the_next_step_of_a_request(one: RequestStanding, command: str) -> None:
    (found,) = due_of_legal([one], TERMS, T0)
    assert commands([found]) == [command]
    assert found.command.endswith("--as NAME")
    assert found.about == LEG


def test_a_request_is_not_closed_while_its_file_is_there_to_be_fetched() -> None:
    one = request(approved_at=T0, released=("dis_1",))
    assert commands(due_of_legal([one], TERMS, T0, fetching={LEG})) == ["legal show"]
    assert commands(due_of_legal([one], TERMS, T0, fetching={"another"})) == ["legal close"]


def test_a_request_that_is_done_with_needs_nothing() -> None:
    assert not list(due_of_legal([request(refused="no"), request(closed=True)], TERMS, T0))


def test_whoever_is_to_be_told_is_told_before_a_release() -> None:
    one = request(approved_at=T0, approvers=("cara", "otto"))
    assert commands(due_of_legal([one], TERMS, T0, ready={LEG: 0}, waiting={LEG: 2})) == ["legal show", "legal tell"]
    assert commands(due_of_legal([one], TERMS, T0, ready={LEG: 1})) == ["legal release"]


@given(days=st.integers(-30, 30), step=st.integers(0, 4))
def test_no_deadline_passes_unseen(days: int, step: int) -> None:
    deadline = T0 + days * DAY
    states = [{}, {"reviewed_by": "c"}, {"challenged": "x"}, {"approved_at": T0}, {"approved_at": T0, "ends": T0 - DAY}]
    one = request(deadline=deadline, **states[step])
    (found,) = due_of_legal([one], TERMS, T0)
    assert (found.when, found.level) == (deadline, level_of(deadline, T0))
    assert (found.level == "overdue") == one.late(T0)
    answered = msgspec.structs.replace(one, released=("dis_1",))
    assert [each.level for each in due_of_legal([answered], TERMS, T0)] == ["open"]


def test_an_emergency_is_overdue_once_its_review_is() -> None:
    one = request(approved_at=T0, approvers=("cara",), emergency="a life", released=("dis_1",))
    assert due_by(one, TERMS) == T0 + 7 * DAY
    levels = [next(iter(due_of_legal([one], TERMS, T0 + days * DAY))).level for days in (0, 6, 7, 8)]
    assert levels == ["soon", "soon", "overdue", "overdue"]


def test_a_gag_is_told_of_before_it_ends_and_never_afterwards() -> None:
    one = request(refused="no", gag=Gag(until=T0 + 40 * DAY, basis="law"))
    found = [[each.level for each in due_of_legal([one], TERMS, T0 + days * DAY)] for days in (0, 10, 33, 39, 40)]
    assert found == [[], ["open"], ["soon"], ["soon"], []]
    assert not list(due_of_legal([request(refused="no", gag=Gag(basis="law"))], TERMS, T0))


# --- transfers, claims, contracts, tests ------------------------------------------------------------------------------


def test_a_transfer_is_late_while_somebody_was_not_told() -> None:
    planned = Planned(successor="buyer", effective=T0, days=10, purpose="service", document=DOCUMENT)
    one = TransferStanding("bus_1", planned, T0 - 20 * DAY, told=3)

    def levels(one: TransferStanding) -> list[tuple[str, str]]:
        return [(each.level, each.command.split()[2])
                for days in (-9, -3, 0) for each in due_of_transfers([one], T0 + days * DAY)]  # fmt: skip

    assert levels(one) == [("open", "show"), ("soon", "show"), ("overdue", "show")]
    told = msgspec.structs.replace(one, everybody=T0 - 15 * DAY)
    assert levels(told) == [("open", "show"), ("soon", "show"), ("soon", "archive")]
    archived = msgspec.structs.replace(told, archives=(Archived(disclosure="dis_1", persons=3, manifest="m"),))
    assert levels(archived) == []
    assert levels(msgspec.structs.replace(one, cancelled="no")) == []


def claim(days: int, due: int | None = None, **more: object) -> ClaimStanding:
    tls = Requirement(id="tls", says="x", source="1", how="person")
    draft = Drafted(holder="S", requirements=(tls,), covers=("shop",))
    met = Assessed(version="2020-01-01", evidence=(Evidence(requirement="tls", verdict="met", how="person"),))
    said = Signed(officer="otto", assessment=1, begins=T0 - 300 * DAY, ends=T0 + days * DAY,
                  due=None if due is None else T0 + due * DAY)  # fmt: skip
    return ClaimStanding("truste", draft, met, 1, T0, (Signing(2, said, draft),), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "level"),
    [
        (claim(91), None), (claim(90), "open"), (claim(30), "open"), (claim(7), "soon"), (claim(0), "overdue"),
        (claim(-5), "overdue"), (claim(200, due=60), "open"), (claim(200, due=-1), "overdue"),
        (claim(200, turns=((T0 - DAY, True, "an audit"),)), "soon"),
        (msgspec.structs.replace(claim(1), signings=()), "open"),
        (ClaimStanding("truste", claim(1).draft), "open"),
    ],
)  # fmt: skip
def test_a_claim_is_told_of_ahead_and_once_it_has_lapsed(one: ClaimStanding, level: str | None) -> None:
    found = [each for each in due_of_claims(POLICY.versions[0], {"truste": one}, T0) if each.about == "truste"]
    assert [each.level for each in found] == ([] if level is None else [level])
    assert all(each.command.startswith("troth claim ") for each in found)


def test_a_claim_that_nobody_entered_goes_by_the_policy() -> None:
    found = [(each.about, each.level) for each in due_of_claims(POLICY.versions[0], {}, T0)]
    assert found == [("iso", "open")]
    assert not list(due_of_claims(POLICY.versions[0], {}, T0 + 60 * DAY))


def contract(id: str, days: int, **more: object) -> ContractStanding:
    terms = Contract(id=id, begins=T0 - 300 * DAY, ends=T0 + days * DAY, accepts="2020-01-01", data=("identity.name",),
                     purposes=("service.register",), signed=T0 - 300 * DAY)  # fmt: skip
    return ContractStanding(terms, T0 - 300 * DAY, **more)  # type: ignore[arg-type]


def test_contracts_that_end_and_what_is_owed() -> None:
    def levels(*some: ContractStanding) -> list[tuple[str, str]]:
        one = RecipientStanding(
            "cards", Profile(name="Cards", kind="processor"), {c.terms.id: c for c in some}, {}, {}, {}
        )
        return [(each.level, each.command) for each in due_of_recipients(POLICY, {"cards": one}, T0)]

    again = "troth recipient contract cards --data identity.name --for service.register --from"
    assert levels(contract("c1", 91)) == []
    assert levels(contract("c1", 80)) == [("open", f"{again} 2026-07-20 --staff NAME")]
    assert levels(contract("c1", 3)) == [("soon", f"{again} 2026-05-04 --staff NAME")]
    assert levels(contract("c1", 3), contract("c2", 300)) == []  # the other goes on
    assert levels(contract("c1", -1)) == []  # the gate is closed, which `troth recipient check` says
    owed = Terminated(contract="c1", on=T0 - DAY, owed="delete", due=T0 + 3 * DAY)
    confirm = "troth recipient confirm cards c1 --deleted --staff NAME"
    assert levels(contract("c1", 90, terminated=owed)) == [("soon", confirm)]
    late = msgspec.structs.replace(owed, due=T0)
    assert levels(contract("c1", 90, terminated=late)) == [("overdue", confirm)]
    done = Returned(contract="c1", on=T0, how="deleted")
    assert levels(contract("c1", 90, terminated=late, returned=done)) == []


def test_tests_that_fail_or_say_nothing() -> None:
    latest = {
        "tls": Result(3, "tls", "failed", "TLS 1.0", T0), "record": Result(4, "record", "passed", "It holds.", T0),
        "firewall": Result(5, "firewall", "unknown", "There is no port.", T0),
        "choices": Result(1, "choices", "passed", "Yes.", T0 - 36 * DAY),
    }  # fmt: skip
    found = {each.about: (each.level, each.when) for each in due_of_tests(latest, {"tls": T0 - 2 * DAY}, T0)}
    assert found == {"tls": ("overdue", T0 - 2 * DAY), "firewall": ("open", None), "choices": ("open", None)}


# --- complaints -------------------------------------------------------------------------------------------------------


def complaint(*after: object) -> ComplaintStanding:
    received = Complained(
        by="person", kind="complaint", version="1", acknowledge_by=T0 + 30 * DAY, answer_by=T0 + 45 * DAY
    )
    return ComplaintStanding(
        "cmp_1", tuple(Fact(n, "cmp_1", "x", said, T0 + n * DAY) for n, said in enumerate((received, *after)))
    )


def test_complaints_are_answered_in_time() -> None:
    def steps(one: ComplaintStanding, days: int) -> list[tuple[str, str]]:
        return [(each.command.split()[2], each.level) for each in due_of_complaints([one], T0 + days * DAY)]

    new = complaint()
    assert steps(new, 0) == [("acknowledge", "open"), ("answer", "open")]
    assert steps(new, 23) == [("acknowledge", "soon"), ("answer", "open")]
    assert steps(new, 45) == [("acknowledge", "overdue"), ("answer", "overdue")]
    here = complaint(Acknowledged(by="staff"))
    assert steps(here, 44) == [("answer", "soon")]
    assert steps(complaint(Acknowledged(by="staff"), Answered(by="staff")), 99) == []
    assert steps(complaint(Acknowledged(by="staff"), Added(by="person")), 2) == [("answer", "open"), ("show", "open")]


# --- what leaves ------------------------------------------------------------------------------------------------------


def delivery(id: str, recipient: str = "cards", **more: object) -> Delivery:
    values = dict.fromkeys(Delivery.__struct_fields__) | {
        "id": id, "kind": "notice", "recipient": recipient, "state": "delivered", "attempts": 1, "sent": (),
        "created_at": T0, "due_at": T0 - DAY,
    }  # fmt: skip
    return Delivery(**{**values, **more})  # type: ignore[arg-type]


def test_deliveries_by_recipient() -> None:
    late = [delivery("msg_1"), delivery("msg_2"), delivery("msg_3", "mailer")]
    failed = [delivery("msg_4", state="failed", why="It answered 500.")]
    found = list(due_of_deliveries(late, failed, [Disabled("ep_1", "shop", "It answered 410.", None)]))
    assert [(each.level, each.about, each.command) for each in found] == [
        ("overdue", "cards", "troth delivery list --overdue"),
        ("overdue", "msg_3", "troth delivery retry msg_3"),
        ("soon", "msg_4", "troth delivery retry msg_4"),
        ("soon", "ep_1", "troth endpoint enable ep_1"),
    ]
    assert "2 deliveries" in found[0].what


def follow_up(id: str, state: str, days: int, kind: str = "opt-out") -> FollowUp:
    values = dict.fromkeys(FollowUp.__struct_fields__) | {
        "id": id, "kind": kind, "recipient": "cards", "pseudonym": "p", "data": (), "source": 1, "state": state,
        "made_at": T0, "created_at": T0, "due_at": T0 + days * DAY,
    }  # fmt: skip
    return FollowUp(**values)  # type: ignore[arg-type]


def test_what_follows_people_and_is_late_or_for_staff() -> None:
    some = [
        follow_up("fol_1", "sent", 3), follow_up("fol_2", "sent", -1), follow_up("fol_3", "sent", -2),
        follow_up("fol_4", "staff", 3), follow_up("fol_5", "staff", -1, "erasure"), follow_up("fol_6", "done", -9),
        follow_up("fol_7", "refused", -9),
    ]  # fmt: skip
    found = [(each.level, each.about, each.command) for each in due_of_following(some, T0)]
    assert found == [
        ("overdue", "cards", "troth follow list --recipient cards --late"),
        ("soon", "fol_4", "troth follow done fol_4 --by NAME"),
        ("overdue", "fol_5", "troth follow done fol_5 --by NAME"),
    ]


def test_files_wait_for_a_key_and_mail_for_somebody_to_let_it_go() -> None:
    rows = [
        FileRow(**(dict.fromkeys(FileRow.__struct_fields__) | {  # type: ignore[arg-type]
            "disclosure": f"dis_{n}", "recipient": recipient, "state": state, "next_at": to_micros(T0),
        }))
        for n, (recipient, state) in enumerate(
            [("cards", "waiting"), ("cards", "waiting"), ("mailer", "waiting"), ("shop", "ready")]
        )
    ]  # fmt: skip
    (found,) = due_of_files(rows, lambda recipient: recipient == "mailer")
    assert (found.level, found.command) == ("soon", "troth recipient key cards FILE")
    assert "2 files wait" in found.what
    held = [Held("m1", "newsletter", T0), Held("m1", "newsletter", T0), Held("m2", "account", T0)]
    assert [each.command for each in due_of_mail([*held, Held("m3", "account", T0)])] == [
        "troth mail queue show m1", "troth mail queue list",
    ]  # fmt: skip


# --- gathered from a store --------------------------------------------------------------------------------------------


def test_what_is_gathered_is_what_is_done_about_it(house: House) -> None:
    due = DueOfStaff(house.store, house.policy, house.terms)
    assert due.all() == ()
    ann = account("ann")
    house.person("ann")
    one = house.request(
        "ann", deadline=house.clock.now + 20 * DAY, gag=Gag(until=house.clock.now + 29 * DAY, basis="x")
    )
    seen = [due.all()]

    def step(*said: tuple[str, object]) -> None:
        for by, what in said:
            house.desk.do(house.staff[by], one.id, what)  # type: ignore[arg-type]
        seen.append(due.all())

    step(("cara", Reviewing()))
    step(("cara", Approved()), ("otto", Approved()))
    house.clock.move(days=20)
    seen.append(due.all())
    house.desk.release(house.staff["dora"], one.id, house.sharing)
    seen.append(due.all())
    step(("cara", Closed()))
    house.clock.move(days=10)
    seen.append(due.all())
    told = [[(each.command.split()[2], each.level) for each in found if each.about == one.id] for found in seen]
    assert told == [
        [("review", "open"), ("gag", "open")],
        [("approve", "open"), ("gag", "open")],
        [("release", "open"), ("gag", "open")],
        [("release", "overdue"), ("gag", "open")],
        [("gag", "open"), ("close", "open")],
        [("gag", "open")],
        [("tell", "soon")],
    ]
    house.telling.run()
    assert due.all() == ()
    text = b"".join(as_json(found, house.clock.now) for found in seen)
    for secret in (ann.value.encode() + b"@", b'"ann"', house.people.find(ann).encode()):  # type: ignore[union-attr]
        assert secret not in text


def test_refused_is_done(small: House) -> None:
    small.person("ann")
    one = small.request("ann", deadline=small.clock.now + timedelta(hours=1))
    due = DueOfStaff(small.store, small.policy, small.terms)
    assert [each.level for each in due.all()] == ["soon"]
    small.clock.move(hours=1)
    assert [each.level for each in due.all()] == ["overdue"]
    small.desk.do(small.staff["cara"], one.id, Refused(why="no"))
    assert due.all() == ()
