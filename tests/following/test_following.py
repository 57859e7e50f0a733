"""Who received data is told what became of it: opt-outs, corrections and erasures, and nobody else is told anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from followed import AGENCY, GROUP, MAIL, PARTNER, Followed, followed
from sqlalchemy import text, update

from troth.gates.errors import GateError
from troth.people import Identifier
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.store.schema import deliveries


@pytest.fixture
def at(tmp_path: Path, url: str) -> Iterator[Followed]:
    with followed(tmp_path, url) as found:
        yield found


def account(name: str) -> Identifier:
    return Identifier("account", name)


def kinds(at: Followed) -> list[str]:
    record = RecordReader(at.gated.store)
    return [str(read_entry(record.entry(index) or b"")["kind"]) for index in range(record.size())]


def test_an_opt_out_goes_to_those_who_received_data_by_what_it_governs(at: Followed) -> None:
    at.know("ann")
    at.know("bob")
    at.share(AGENCY, "marketing.own", "ann", "bob")
    at.share(GROUP, "service.provide", "ann")
    at.following.run()
    at.choose("ann", marketing="out")
    at.following.run()
    ((recipient, body),) = at.messages()
    assert recipient == AGENCY
    assert body == {
        "type": "troth.opt-out", "subject": at.pseudonym(AGENCY, "ann"), "choice": "marketing", "state": "out",
        "at": "2018-05-01T10:00:00Z",
        "sentence": "A marketing firm sends our news for us, under contract, unless you opt out.",
    }  # fmt: skip
    # Told once, whatever runs again.
    at.following.run()
    assert len(at.messages()) == 1


def test_a_choice_governs_what_lies_below_it(at: Followed) -> None:
    at.know("ann")
    at.share(AGENCY, "marketing.events", "ann")
    at.choose("ann", marketing_events="in")
    at.choose("ann", marketing="out")  # the events were allowed by themselves
    at.following.run()
    assert at.messages() == []
    at.choose("ann", marketing_events="unset")
    at.following.run()
    ((_, body),) = at.messages()
    assert body["choice"] == "marketing"
    at.choose("ann", marketing="in")
    at.choose("ann", marketing_events="out")
    at.following.run()
    assert {body["choice"] for _, body in at.messages()} == {"marketing", "marketing.events"}


def test_what_was_taken_back_before_is_passed_on_to_nobody(at: Followed) -> None:
    at.know("ann")
    at.share(AGENCY, "marketing.own", "ann")
    at.choose("ann", marketing="out")
    at.choose("ann", marketing="in")
    at.following.run()
    assert at.messages() == []


def test_agreeing_is_passed_on_to_nobody(at: Followed) -> None:
    at.know("ann")
    at.share(AGENCY, "marketing.own", "ann")
    at.choose("ann", marketing="in")
    at.gated.people.accept(account("ann"), how="page")
    at.following.run()
    assert at.messages() == []


def test_where_two_became_one_the_refusal_of_one_goes_to_those_who_know_the_other(at: Followed) -> None:
    at.know("ann")
    at.share(AGENCY, "marketing.own", "ann")
    known_by = at.pseudonym(AGENCY, "ann")
    at.choose("other", marketing="out")
    at.following.run()
    at.gated.people.link(account("other"), account("ann"))
    at.following.run()
    ((recipient, body),) = at.messages()
    assert (recipient, body["subject"], body["choice"]) == (AGENCY, known_by, "marketing")
    at.following.run()
    assert len(at.messages()) == 1


def test_a_partner_receives_the_opt_outs_made_on_its_pages(at: Followed) -> None:
    at.know("ann")
    at.choose("ann", product="gotomeeting", marketing_partners="out")
    at.choose("bob", product="gototraining", marketing_partners="out")  # the page of another product
    at.choose("cat", product="gotomeeting", analytics="out")  # nothing that the partner could do anything with
    at.following.run()
    ((recipient, body),) = at.messages()
    assert (recipient, body["subject"]) == (PARTNER, at.pseudonym(PARTNER, "ann"))
    assert body["choice"] == "marketing.partners"


def test_who_has_no_endpoint_is_told_by_staff(at: Followed) -> None:
    at.know("ann")
    at.share(MAIL, "marketing.own", "ann")
    at.choose("ann", marketing="out")
    at.following.run()
    (one,) = at.following.all()
    assert (one.recipient, one.state, one.why) == (MAIL, "staff", "The recipient has no endpoint.")
    with pytest.raises(GateError, match="names who did it"):
        at.following.done(one.id, by="")
    at.following.done(one.id, by="mary")
    assert at.following.all() == []
    assert at.following.one(one.id).done_by == "mary"
    assert kinds(at)[-1] == "handed-over"
    with pytest.raises(GateError, match="nothing left to be done"):
        at.following.done(one.id, by="mary")
    with pytest.raises(GateError, match="nothing passed on under"):
        at.following.one("fol_no")


def test_what_waits_for_an_endpoint_is_sent_once_there_is_one(at: Followed) -> None:
    at.know("ann")
    at.share(MAIL, "marketing.own", "ann")
    at.choose("ann", marketing="out")
    at.following.run()
    assert at.messages() == []
    at.endpoints.add(MAIL, "https://mail.example/hooks", by="mary")
    at.following.run()
    at.following.run()
    assert [recipient for recipient, _ in at.messages()] == [MAIL]


def test_an_erasure_goes_to_everyone_and_then_the_pseudonym_is_forgotten(at: Followed) -> None:
    ann = at.know("ann")
    at.know("bob")
    at.share(AGENCY, "marketing.own", "ann", "bob")
    at.share(GROUP, "service.provide", "ann")
    names = {recipient: at.pseudonym(recipient, "ann") for recipient in (AGENCY, GROUP)}
    at.choose("ann", marketing="out")
    at.following.run()
    at.gated.vault.erase([ann], staff="mary")
    at.following.run()
    told = [(recipient, body["type"], body["subject"]) for recipient, body in at.messages()]
    assert sorted(told) == sorted(
        [(AGENCY, "troth.opt-out", names[AGENCY]), *((who, "troth.erasure", name) for who, name in names.items())]
    )
    assert ann not in str(at.messages())
    assert in_the_store(at, ann) == ["persons"]
    assert set(in_the_store(at, names[AGENCY])) == {"disclosed", "follow_ups", "deliveries"}
    at.acknowledge()
    at.following.run()
    assert at.following.all() == []
    for name in names.values():
        assert in_the_store(at, name) == []
    assert in_the_store(at, at.pseudonym(AGENCY, "bob")) == ["disclosed"]


def test_an_erased_person_whom_a_partner_knows_by_an_opt_out_alone_is_forgotten_too(at: Followed) -> None:
    ann = at.know("ann")
    at.choose("ann", product="gotomeeting", marketing_partners="out")
    name = at.pseudonym(PARTNER, "ann")
    at.following.run()
    at.gated.vault.erase([ann], staff="mary")
    at.following.run()
    assert [body["type"] for _, body in at.messages()] == ["troth.opt-out"]
    assert in_the_store(at, name)  # until it is passed on
    at.acknowledge()
    at.following.run()
    assert in_the_store(at, name) == []


def test_what_is_late_is_recorded_once(at: Followed) -> None:
    at.know("ann")
    at.share(AGENCY, "marketing.own", "ann")
    at.choose("ann", marketing="out")
    at.following.run()
    assert at.following.all(late=True) == []
    at.gated.clock.move(days=7)
    at.gated.index.catch_up()
    at.following.run()
    at.following.run()
    (one,) = at.following.all(late=True)
    assert kinds(at).count("late") == 1
    entry = read_entry(RecordReader(at.gated.store).entry(one.late_leaf or 0) or b"")
    assert (entry["recipient"], entry["what"], entry["follow_up"]) == (AGENCY, "opt-out", one.id)
    at.acknowledge()
    at.following.run()
    assert at.following.all(late=True) == []


def test_what_cannot_be_delivered_is_for_staff(at: Followed) -> None:
    at.know("ann")
    at.share(AGENCY, "marketing.own", "ann")
    at.choose("ann", marketing="out")
    at.following.run()
    at.acknowledge(state="failed")
    at.following.run()
    (one,) = at.following.all()
    assert (one.state, one.why) == ("staff", "so it is")
    acknowledged = update(deliveries).values(state="acknowledged", acknowledged_at=1)
    at.gated.store.write(lambda unit: unit.change(acknowledged))
    at.following.run()
    assert at.following.all() == []


def test_a_newer_value_goes_to_who_has_the_older_one_if_it_may(at: Followed) -> None:
    at.know("ann")
    at.know("bob")
    first = at.share(AGENCY, "marketing.own", "ann", "bob")
    at.know("ann")  # the same again is no correction
    at.following.run()
    assert at.following.all(open_only=False) == []
    at.know("ann", email="ann@new.example")
    at.choose("bob", marketing="out")
    at.know("bob", email="bob@new.example")
    at.following.run()
    by_kind = {one.kind: one for one in at.following.all(open_only=False) if one.state == "sent"}
    correction = by_kind["correction"]
    assert correction.pseudonym == at.pseudonym(AGENCY, "ann")
    assert correction.disclosure != first.id
    (body,) = [body for _, body in at.messages() if body["type"] == "troth.correction"]
    assert body == {
        "type": "troth.correction", "subject": at.pseudonym(AGENCY, "ann"), "at": "2018-05-01T10:00:00Z",
        "data": ["contact.email"], "disclosure": correction.disclosure,
    }  # fmt: skip
    (leaving,) = at.sharing.contents(correction.disclosure or "", 1).persons
    assert leaving.values == {"contact.email": "ann@new.example"}
    assert "new.example" not in str(at.messages())
    refused = [one for one in at.following.all(open_only=False) if one.state == "refused"]
    assert [one.pseudonym for one in refused] == [at.pseudonym(AGENCY, "bob")]
    at.following.run()
    assert len(at.following.all(open_only=False)) == 3


def test_what_never_left_is_told_to_nobody(at: Followed) -> None:
    """What was decided and then withheld as a whole reached nobody."""
    from troth.gates.share.wanted import Wanted

    ann = at.know("ann")
    wanted = Wanted(recipient=AGENCY, purpose="marketing.own", data=("contact.email",))
    shared = at.sharing.share(wanted, [account("ann")])
    at.choose("ann", marketing="out")
    assert at.sharing.contents(shared.id, 1).persons == ()
    at.following.run()
    assert at.told() == set()
    at.gated.vault.erase([ann], staff="mary")
    at.following.run()
    assert at.told() == set()


def in_the_store(at: Followed, word: str) -> list[str]:
    """The tables in which a word is."""
    from troth.store.schema import metadata

    found = []
    with at.gated.store.read() as connection:
        for table in metadata.tables:
            rows = connection.execute(text(f'SELECT * FROM "{table}"')).all()
            if any(word in str(value) for row in rows for value in row):
                found.append(table)
    return found
