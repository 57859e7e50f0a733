"""A legal request from intake to release: two approve, people are told, and nothing leaves beyond it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from house import DAY, House, account, act
from sqlalchemy import text

from troth.accountability import notices
from troth.accountability.errors import CaseError, StaffError
from troth.accountability.legal.facts import (
    Approved,
    Challenged,
    Closed,
    Decided,
    Gag,
    Gagged,
    Looked,
    Raised,
    Refused,
    Reviewing,
    Scope,
)
from troth.accountability.legal.requests import hidden
from troth.accountability.verifying.contradictions import contradictions
from troth.gates.errors import GateError
from troth.gates.share.wanted import Wanted
from troth.record.kinds import read_entry


def released(house: House, id: str, by: str = "dora") -> list[dict[str, object]]:
    _, shared = house.desk.release(house.staff[by], id, house.sharing)
    return sorted((dict(one.values) for part in shared.contents for one in part.persons), key=str)


def nothing(house: House, id: str) -> None:
    with pytest.raises((CaseError, GateError)):
        released(house, id)


def test_from_intake_to_release(house: House) -> None:
    ann = house.person("ann")
    house.person("bob")
    one = house.request("ann")
    assert (one.state, one.scope.persons) == ("received", 1)
    nothing(house, one.id)
    house.desk.do(house.staff["cara"], one.id, Reviewing())
    assert house.desk.do(house.staff["cara"], one.id, Approved()).state == "under review"
    nothing(house, one.id)
    assert house.desk.do(house.staff["otto"], one.id, Approved()).state == "approved"
    nothing(house, one.id)  # nobody was told
    assert house.telling.run() == 1
    assert house.telling.run() == 0
    (mail,) = house.box.sent
    assert mail["To"] == "ann@example.org"
    assert "District Court asks for data about you" in mail.get_content()
    assert [one.how for one in notices.of_person(house.store, ann)] == ["mail"]
    house.clock.move(days=7, seconds=-1)
    nothing(house, one.id)
    house.clock.move(seconds=1)
    assert released(house, one.id) == [{"identity.name": "ann"}]
    assert house.desk.requests.find(one.id).state == "released"
    assert house.desk.do(house.staff["cara"], one.id, Closed()).state == "closed"
    nothing(house, one.id)
    assert contradictions(house.store) == []


def test_the_gate_alone_releases_nothing(small: House) -> None:
    from troth.gates.share.wanted import Wanted

    ann = small.person("ann")
    wanted = Wanted(
        recipient="court", purpose="legal.comply", data=("identity.name",), channel="answer", identified=True
    )
    one = small.request("ann")
    for under in (None, one.id, "leg_unknown"):
        with pytest.raises(GateError):
            small.sharing.share(_under(wanted, under), [ann])


def _under(wanted, under):
    import msgspec

    return msgspec.structs.replace(wanted, under=under)


def test_who_took_it_in_does_not_approve_it_and_nobody_twice(small: House) -> None:
    small.person("ann")
    one = small.request("ann", by="cara")
    small.desk.do(small.staff["cara"], one.id, Reviewing())
    with pytest.raises(CaseError, match="'cara' took it in; this is for somebody else"):
        small.desk.do(small.staff["cara"], one.id, Approved())
    small.desk.do(small.staff["carl"], one.id, Approved())
    with pytest.raises(CaseError, match="'carl' approved it already"):
        small.desk.do(small.staff["carl"], one.id, Approved())
    with pytest.raises(StaffError, match="'dora' is desk; this takes counsel or officer"):
        small.desk.do(small.staff["dora"], one.id, Approved())
    assert small.desk.do(small.staff["otto"], one.id, Approved()).state == "approved"


def test_a_signed_act_counts_once_and_only_as_it_was_signed(small: House) -> None:
    import msgspec

    small.person("ann")
    one = small.request("ann")
    cara = small.staff["cara"]
    signed = small.desk.signed(cara, one.id, Reviewing(), None)
    for wrong in (
        msgspec.structs.replace(signed, staff=small.staff["carl"].staff.id),
        msgspec.structs.replace(signed, body=signed.body.replace(one.id.encode(), b"leg_0123456789abcdef")),
        msgspec.structs.replace(signed, signature=bytes(64)),
    ):
        with pytest.raises(StaffError, match="signature"):
            small.desk.submit(wrong)
    assert small.desk.submit(signed).state == "under review"
    with pytest.raises(StaffError, match="counts once"):
        small.desk.submit(signed)
    old = small.desk.signed(cara, one.id, Approved(), None)
    small.clock.move(minutes=11)
    with pytest.raises(StaffError, match="too old"):
        small.desk.submit(old)


def test_narrowing_asks_for_both_approvals_again_and_never_widens(small: House) -> None:
    small.person("ann")
    small.person("bob")
    one = small.request("ann", "bob", scope={"data": ("identity", "usage")})
    small.approved(one.id)
    cara = small.staff["cara"]
    for wider in (
        {"data": ("identity", "contact.email")},
        {"data": ("identity",), "persons": 3},
    ):
        with pytest.raises(CaseError, match="more than was asked for"):
            small.desk.submit(*_narrowing(small, one.id, Scope(**{"persons": 2, **wider})))
    narrowed = small.desk.narrow(cara, one.id, Scope(data=("identity.name",), persons=0), "too much", [account("bob")])
    assert (narrowed.state, narrowed.scope.persons, narrowed.approvers) == ("under review", 1, ())
    nothing(small, one.id)
    small.approved(one.id)
    small.telling.run()
    assert [mail["To"] for mail in small.box.sent] == ["ann@example.org"]
    small.clock.move(days=7)
    assert released(small, one.id) == [{"identity.name": "ann"}]
    assert contradictions(small.store) == []


def _narrowing(house: House, id: str, scope: Scope):
    from troth.accountability.ledger import people_of
    from troth.accountability.legal.facts import Narrowed

    people = people_of(house.desk.requests.ledger.persons(id))
    return house.desk.signed(house.staff["cara"], id, Narrowed(scope=scope, why="w"), people), people


def test_a_gag_lets_it_out_untold_hides_it_and_people_are_told_when_it_ends(house: House) -> None:
    ann = house.person("ann")
    end = house.clock.now + 30 * DAY
    one = house.request("ann", gag=Gag(until=end, basis="18 U.S.C. 2705(b)"))
    house.approved(one.id)
    assert house.telling.run() == 0
    assert released(house, one.id) == [{"identity.name": "ann"}]
    (disclosure,) = house.desk.requests.find(one.id).released
    assert hidden(house.store, [disclosure, "dis_other"], house.clock.now) == {disclosure}
    assert notices.of_person(house.store, ann) == ()
    house.clock.now = end - timedelta.resolution
    assert house.telling.run() == 0
    house.clock.now = end
    assert hidden(house.store, [disclosure], house.clock.now) == frozenset()
    assert house.telling.run() == 1
    assert "forbade us to tell you before" in house.box.sent[0].get_content()
    assert [one.subject for one in notices.of_person(house.store, ann)] == [one.id]


def test_a_gag_that_ends_before_the_release_lets_people_be_told_first(small: House) -> None:
    small.person("ann")
    one = small.request("ann", gag=Gag(basis="18 U.S.C. 2705(b)"))
    small.approved(one.id)
    small.desk.do(small.staff["cara"], one.id, Gagged())
    nothing(small, one.id)
    small.telling.run()
    small.clock.move(days=7)
    assert released(small, one.id) == [{"identity.name": "ann"}]


def test_a_longer_gag_keeps_it_hidden(small: House) -> None:
    small.person("ann")
    one = small.request("ann", gag=Gag(until=small.clock.now + DAY, basis="b"))
    small.approved(one.id)
    released(small, one.id)
    small.desk.do(small.staff["otto"], one.id, Gagged(gag=Gag(until=small.clock.now + 9 * DAY, basis="b")))
    small.clock.move(days=8)
    assert small.telling.run() == 0
    small.clock.move(days=1)
    assert small.telling.run() == 1


def test_refused_and_challenged_release_nothing(small: House) -> None:
    small.person("ann")
    one = small.request("ann")
    small.approved(one.id)
    small.telling.run()
    small.clock.move(days=8)
    small.desk.do(small.staff["carl"], one.id, Challenged(why="too wide"))
    nothing(small, one.id)
    assert small.desk.do(small.staff["carl"], one.id, Decided(outcome="upheld")).state == "under review"
    nothing(small, one.id)
    small.approved(one.id)
    assert released(small, one.id)
    other = small.request("ann")
    small.approved(other.id)
    small.desk.do(small.staff["carl"], other.id, Challenged(why="too wide"))
    narrowed = small.desk.do(small.staff["carl"], other.id, Decided(outcome="narrowed"))
    assert narrowed.outcome == "narrowed"
    with pytest.raises(CaseError, match="A court narrowed it"):
        small.desk.do(small.staff["cara"], other.id, Approved())
    assert small.desk.do(small.staff["cara"], other.id, Refused(why="w")).state == "refused"
    nothing(small, other.id)
    with pytest.raises(CaseError, match="is refused"):
        small.desk.do(small.staff["cara"], other.id, Approved())


def test_what_is_refused_while_it_is_decided_is_not_released(small: House, monkeypatch: pytest.MonkeyPatch) -> None:
    small.person("ann")
    one = small.request("ann", gag=Gag(basis="18 U.S.C. 2705(b)"))
    small.approved(one.id)
    decide, refusals = small.sharing._deciding.decide, [Refused(why="too late")]

    def slowly(*asked):
        found = decide(*asked)
        if refusals:  # another process, between what was decided and what is written
            small.desk.do(small.staff["cara"], one.id, refusals.pop())
        return found

    monkeypatch.setattr(small.sharing._deciding, "decide", slowly)
    nothing(small, one.id)
    assert refusals == []
    (kept,) = small.sharing.register().list()
    assert (kept.state, kept.persons) == ("refused", 0)
    assert small.desk.requests.find(one.id).released == ()


def test_what_the_gate_enters_of_a_request_holds_nobody_up(small: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ann", "bob"):
        small.person(name)
    ids = [small.approved(small.request(name, gag=Gag(basis="18 U.S.C. 2705(b)")).id).id for name in ("ann", "bob")]
    decide, others = small.sharing._deciding.decide, ids[1:]
    tries = []

    def slowly(*asked):
        tries.append(decide(*asked))
        while others:  # what another process disclosed under another request meanwhile
            wanted = Wanted(recipient="court", purpose="legal.comply", data=("identity.name",), channel="answer",
                            under=others.pop(), identified=True)  # fmt: skip
            assert small.sharing.share(wanted, [account("bob")]).persons == 1
        return tries[-1]

    monkeypatch.setattr(small.sharing._deciding, "decide", slowly)
    wanted = Wanted(recipient="court", purpose="legal.comply", data=("identity.name",), channel="answer",
                    under=ids[0], identified=True)  # fmt: skip
    assert small.sharing.share(wanted, [account("ann")]).persons == 1
    assert len(tries) == 2, "each was decided once"


def test_it_ends(small: House) -> None:
    small.person("ann")
    one = small.request("ann", ends=small.clock.now + 8 * DAY, deadline=small.clock.now + 2 * DAY)
    small.approved(one.id)
    small.telling.run()
    small.clock.move(days=7)
    assert small.desk.requests.find(one.id).late(small.clock.now)
    small.clock.move(days=1)
    with pytest.raises(CaseError, match="It ended on 2026-05-09"):
        released(small, one.id)


def test_an_emergency_is_released_at_once_and_reviewed_afterwards(house: House) -> None:
    house.person("ann")
    one = house.request("ann", process="emergency", purpose="legal.disputes")
    house.desk.do(house.staff["cara"], one.id, Reviewing())
    approved = house.desk.do(house.staff["cara"], one.id, Approved(emergency="a child is missing"))
    assert approved.state == "approved"
    assert released(house, one.id) == [{"identity.name": "ann"}]
    assert house.telling.run() == 1
    with pytest.raises(CaseError, match="'cara' approved it"):
        house.desk.do(house.staff["cara"], one.id, Looked(justified=True, why="w"))
    with pytest.raises(CaseError, match="reviewed before it is closed"):
        house.desk.do(house.staff["carl"], one.id, Closed())
    due = house.desk.requests.find(one.id).review_due(house.terms)
    assert due == house.clock.now + 7 * DAY
    house.clock.move(days=7)
    with pytest.raises(CaseError, match="should have been reviewed by"):
        released(house, one.id)
    looked = house.desk.do(house.staff["carl"], one.id, Looked(justified=False, why="no danger"))
    assert looked.review_due(house.terms) is None
    with pytest.raises(CaseError, match="was not justified"):
        released(house, one.id)


def test_an_emergency_does_not_stand_in_for_the_law(small: House) -> None:
    small.person("ann")
    one = small.request("ann")  # for legal.comply, which the policy gives under legal-process
    small.desk.do(small.staff["cara"], one.id, Reviewing())
    with pytest.raises(CaseError, match="under 'emergency'"):
        small.desk.do(small.staff["cara"], one.id, Approved(emergency="danger"))


def test_a_warrant_for_everybody_stops_at_the_ceiling(small: House) -> None:
    from troth.accountability.terms import Terms

    small.desk.terms = small.telling._terms = Terms(ceiling=2)  # type: ignore[misc]
    for name in ("ann", "bob", "cat"):
        small.person(name)
    one = small.request(scope={"everybody": "all"})
    assert one.scope.persons == 3
    assert small.desk.requests.ledger.persons(one.id) == {}
    small.approved(one.id)
    with pytest.raises(CaseError, match="about 3 persons, more than 2"):
        released(small, one.id)
    with pytest.raises(CaseError, match="which is no less"):
        small.desk.do(small.staff["olga"], one.id, Raised(ceiling=2, why="w"))
    with pytest.raises(StaffError, match="this takes officer"):
        small.desk.do(small.staff["carl"], one.id, Raised(ceiling=3, why="w"))
    small.desk.do(small.staff["olga"], one.id, Raised(ceiling=3, why="a court insists"))
    assert small.desk.note_everybody(one.id) == 3
    assert small.telling.run() == 3
    small.clock.move(days=7)
    assert len(released(small, one.id)) == 3


def test_who_cannot_be_mailed_to_is_told_by_letter_or_on_the_page(small: House) -> None:
    small.person("ann")
    bob = small.person("bob", email=False)
    one = small.request("ann", "bob")
    small.approved(one.id)
    small.box.broken = True
    assert small.telling.run() == 1
    assert [one.how for one in notices.of_person(small.store, bob)] == ["page"]
    assert small.desk.tell_by_letter(small.staff["dora"], one.id).told == 2
    small.box.broken = False
    assert small.telling.run() == 0
    small.clock.move(days=7)
    assert len(released(small, one.id)) == 2


def test_data_from_outside_of_the_time_and_the_products_stays(small: House) -> None:
    small.person("ann", product="shop")
    small.person("bob", product="club")
    middle = small.clock.now + DAY
    small.clock.move(days=2)
    small.person("cat", product="shop")
    for scope, names in (
        ({"products": ("shop",)}, ["ann", "cat"]),
        ({"until": middle}, ["ann", "bob"]),
        ({"since": middle}, ["cat"]),
        ({"since": middle, "products": ("club",)}, []),
    ):
        one = small.request("ann", "bob", "cat", scope=scope, gag=Gag(basis="b"))
        small.approved(one.id)
        if names:
            assert released(small, one.id) == [{"identity.name": name} for name in names]
        else:
            nothing(small, one.id)


def test_who_became_one_is_told_once_and_released_as_one(small: House) -> None:
    ann, other = small.person("ann"), small.person("anna")
    one = small.request("ann", "anna")
    small.people.link(ann, account("anna"))
    small.approved(one.id)
    small.telling.run()
    assert len(small.box.sent) == 1
    assert {notice.subject for notice in notices.of_person(small.store, ann)} == {one.id}
    assert other != ann
    small.clock.move(days=7)
    assert len(released(small, one.id)) == 1


def test_erased_people_leave_a_case(house: House) -> None:
    house.person("ann")
    house.person("bob")
    one = house.request("ann", "bob")
    house.vault.erase([account("ann")])
    assert len(house.desk.requests.ledger.persons(one.id)) == 1
    assert contradictions(house.store) == []
    house.approved(one.id)
    house.telling.run()
    house.clock.move(days=7)
    assert released(house, one.id) == [{"identity.name": "bob"}]


def test_the_public_record_tells_nothing_of_a_request(house: House) -> None:
    """From intake to release every entry is of the same kind, has the same length, and none has a word of it."""
    house.person("ann")
    with house.store.read() as connection:
        before = int(connection.execute(text('SELECT max("index") FROM leaves')).scalar_one())
    one = house.request("ann", gag=Gag(basis="secret law"))
    house.approved(one.id)
    released(house, one.id)
    with house.store.read() as connection:
        entries = [bytes(row.entry) for row in connection.execute(text('SELECT * FROM leaves ORDER BY "index"'))]
    entries = entries[before + 1 :]
    assert len(entries) == 6  # taken in, reviewed, approved twice, the disclosure, and that it was released
    assert {read_entry(entry)["kind"] for entry in entries} == {"case"}
    assert len({len(entry) for entry in entries}) == 1
    for word in (one.id, "leg_", "court", "secret", "received", "authorities", "dis_", house.staff["dora"].staff.id):
        assert not any(word.encode() in entry for entry in entries)
    assert contradictions(house.store) == []


def test_what_stays_in_the_end_is_sealed_too(small: House) -> None:
    small.person("ann")
    one = small.request("ann", gag=Gag(basis="b"))
    small.approved(one.id)
    _, shared = small.desk.release(small.staff["dora"], one.id, small.sharing)
    small.desk.do(small.staff["cara"], one.id, Closed())
    assert small.sharing.contents(shared.id, 1).persons == ()
    with small.store.read() as connection:
        entry = connection.execute(text('SELECT entry FROM leaves ORDER BY "index" DESC LIMIT 1')).scalar_one()
    assert read_entry(bytes(entry))["kind"] == "case"
    assert contradictions(small.store) == []


def test_what_was_altered_is_found(small: House) -> None:
    small.person("ann")
    one = small.request("ann")
    small.desk.do(small.staff["cara"], one.id, Refused(why="no court"))
    assert contradictions(small.store) == []
    for change in (
        "DELETE FROM case_facts WHERE what = 'refused'",
        "UPDATE case_facts SET said = replace(said, 'court-order', 'civil') WHERE what = 'received'",
        "UPDATE case_facts SET staff = 'stf_other' WHERE what = 'received'",
        "DELETE FROM case_persons",
        "UPDATE signed_acts SET body = replace(body, 'no court', 'no codrt')",
        "DELETE FROM staff_facts WHERE leaf = (SELECT max(leaf) FROM staff_facts)",
        "UPDATE staff_facts SET said = replace(said, 'counsel', 'officer')",
    ):
        _try(small, change)


def _try(house: House, change: str) -> None:
    import shutil
    import sqlite3

    copy = house.folder / "copy.db"
    source = sqlite3.connect(house.folder / "troth.db")
    target = sqlite3.connect(copy)
    source.backup(target)
    target.execute(change)
    target.commit()
    target.close()
    source.close()
    from troth.store import open_store

    with open_store(f"sqlite:///{copy}") as store:
        assert contradictions(store), change
    for file in house.folder.glob("copy.db*"):
        file.unlink()
    assert shutil


REFUSED = [
    ({"authority": "cort"}, "Did you mean court"),
    ({"authority": "buyer"}, "no authority"),
    ({"process": "warant"}, "Did you mean warrant"),
    ({"basis": " "}, "names the law"),
    ({"document": "x"}, "SHA-256"),
    ({"purpose": "legal.compli"}, "Did you mean legal.comply"),
    ({"scope": {"data": ("identity.nam",)}}, "Did you mean identity.name"),
    ({"scope": {"data": ()}}, "which data"),
    ({"scope": {"products": ("shp",)}}, "Did you mean shop"),
    ({"scope": {"everybody": "all"}}, "not both"),
    ({"gag": Gag(basis=" ")}, "names the law"),
]


@pytest.mark.parametrize(("more", "why"), REFUSED)
def test_what_cannot_be_taken_in_is_refused_with_what_would_do(small: House, more: dict, why: str) -> None:
    small.person("ann")
    with pytest.raises(CaseError, match=why):
        small.request("ann", **more)
    assert small.desk.requests.facts() == ()


def test_nobody_here_is_refused(small: House) -> None:
    with pytest.raises(CaseError, match="1 of them is nobody here"):
        small.request("nobody")
    assert act(small.store, small.staff["cara"], "k", "s", {}).act.kind == "k"


def test_what_an_authority_got_is_followed_by_nothing(small: House) -> None:
    """An erasure that is passed on, or is late in being, would name the authority in the public record."""
    from sqlalchemy import func, select

    from troth.conditions import Register
    from troth.gates.delivery.queue import Queue
    from troth.gates.following.following import Following
    from troth.store.schema import disclosed, follow_ups

    ann = small.person("ann")
    one = small.approved(small.request("ann").id)
    small.telling.run()
    small.clock.move(days=7)
    assert released(small, one.id) == [{"identity.name": "ann"}]
    queue = Queue(small.store, small.people)
    following = Following(small.vault, Register(small.store, small.policy), queue, small.sharing)
    following.run()
    small.clock.move(days=1)
    small.person("ann")  # her name came in again, which a recipient would be told of
    following.run()
    small.vault.erase([ann], staff="dora")
    small.clock.move(days=30)
    following.run()
    with small.store.read() as connection:
        assert connection.execute(select(func.count()).select_from(follow_ups)).scalar_one() == 0
        assert connection.execute(select(disclosed.c.pseudonym)).scalars().all() == [""]
