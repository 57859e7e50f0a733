"""The gate `share`: what may leave is recorded and queued in one, and decided again as it leaves."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from gate_oracle import ANN, BOB
from sharing_oracle import CARDS, MAIL, NEWS, PAY, Sharer, sharer

from troth.gates.errors import GateError
from troth.gates.share import jobs, share
from troth.gates.share.wanted import Leaving, Segment
from troth.people import Identifier
from troth.people.errors import StaleChoicesError, UnknownPersonError
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.record.verifier import VerifyError
from troth.store import StoreUnavailableError
from troth.store.schema import metadata


@pytest.fixture
def at(tmp_path: Path, url: str) -> Iterator[Sharer]:
    with sharer(tmp_path, url=url) as found:
        yield found


def person(number: int) -> Identifier:
    return Identifier("account", f"p{number}")


def refused(at: Sharer, wanted: object, *whos: object) -> GateError:
    with pytest.raises(GateError) as caught:
        at.sharing.share(wanted, whos or [ANN])
    return caught.value


def entries(at: Sharer, kind: str) -> list[dict]:
    reader = RecordReader(at.store)
    bodies = [read_entry(reader.entry(index)) for index in range(reader.size())]
    return [body for body in bodies if body["kind"] == kind]


# --- at once ----------------------------------------------------------------------------------------------------------


def test_a_card_goes_to_the_processor_under_contract_and_to_nobody_else(at: Sharer) -> None:
    at.collect(ANN)
    at.contract()
    shared = at.sharing.share(PAY, [ANN])
    assert (shared.state, shared.persons, shared.released, shared.refused) == ("done", 1, 1, 0)
    assert (shared.statements, shared.duties) == ({"card-payments": 1}, ("minimise",))
    assert at.queue.added == [("disclosure", CARDS, shared.id, 1)]
    (leaving,) = at.sharing.contents(shared.id, 1).persons
    assert leaving == Leaving(at.people.key.pseudonym(CARDS, at.people.find(ANN)), {"payment.card": "tok_ann_visa"})
    for other in ("postal-service", "logmein-group", "ad-network"):
        problem = refused(at, msgspec.structs.replace(PAY, recipient=other))
        assert problem.code == "not-stated"
    assert len(at.queue.added) == 1


def test_the_entry_counts_and_says_nothing_of_anybody(at: Sharer) -> None:
    persons = [at.collect(who) for who in (ANN, BOB)]
    at.contract()
    shared = at.sharing.share(PAY, [ANN, BOB, Identifier("email", "nobody@example.org")])
    (entry,) = entries(at, "disclosed")
    root = entry.pop("root")
    assert entry | {"event": ""} == {
        "kind": "disclosed", "event": "", "at": "2018-05-01T10:00:00Z", "disclosure": shared.id, "batch": 1,
        "recipient": CARDS, "purpose": "service.payment", "policy": "citrix-online", "version": "2017-02-01",
        "product": "", "channel": "webhook", "statements": {"card-payments": 2}, "persons": 2, "values": 2,
    }  # fmt: skip
    assert (shared.asked, shared.persons, shared.refused) == (3, 2, 1)
    register = at.sharing.register()
    for who, id in zip((ANN, BOB), persons, strict=True):
        (mine,) = register.of_person(who)
        proof = register.proof(mine.entry, mine.position)
        proof.check()
        assert (proof.root, proof.line["person"], proof.line["data"]) == (root, id, ["payment.card"])
        for wrong in ({"position": 1 - proof.position}, {"line": {**proof.line, "data": ["identity.name"]}},
                      {"salt": "00" * 32}, {"root": "00" * 32}):  # fmt: skip
            with pytest.raises(VerifyError):
                msgspec.structs.replace(proof, **wrong).check()


def test_no_contract_no_card_and_the_refusal_says_which_is_missing(at: Sharer) -> None:
    at.collect(ANN)
    problem = refused(at, PAY)
    assert (problem.code, problem.field, problem.statement) == ("condition-not-met", "payment.card", "card-payments")
    assert "not registered" in problem.message
    at.clock.move(minutes=1)
    assert problem.sentence == "A card firm takes your payments for us, under contract."
    at.contract(ends=at.clock() + timedelta(days=10))
    assert at.sharing.share(PAY, [ANN]).state == "done"
    at.clock.move(days=10)
    problem = refused(at, PAY)
    assert "lapsed on 2018-05-11" in problem.message
    assert [one.state for one in at.sharing.register().list()] == ["refused", "done", "refused"]
    assert "lapsed" in at.sharing.register().list()[0].why
    assert len(at.queue.added) == len(entries(at, "disclosed")) == 1


def test_something_in_return_is_a_sale_and_never_done(at: Sharer) -> None:
    at.collect(ANN)
    at.contract()
    problem = refused(at, msgspec.structs.replace(PAY, consideration="a discount"))
    assert problem.code == "never"
    assert problem.sentence
    assert "this is a sale" in problem.message
    assert entries(at, "disclosed") == []
    (kept,) = at.sharing.register().list()
    assert (kept.state, problem.sentence in kept.why, "discount" in kept.why) == ("refused", True, False)
    # Also to whom nothing at all is said.
    assert refused(at, msgspec.structs.replace(PAY, recipient="ad-network", consideration="€ 1")).code == "never"


def test_data_goes_to_a_named_recipient_only(at: Sharer) -> None:
    at.register(ANN)
    for name, near in (("authority", ""), ("processor", ""), ("card-procesor", "Did you mean 'card-processor'?")):
        problem = refused(at, msgspec.structs.replace(PAY, recipient=name))
        assert problem.code == "unknown-recipient"
        assert near in problem.message
    # A recipient of whom the policy names the kind alone has to be registered.
    wanted = msgspec.structs.replace(NEWS, recipient="court", purpose="legal.comply")
    assert refused(at, wanted).code == "unknown-recipient"
    from troth.conditions.facts import Profile

    at.conditions.register.add("court", Profile(name="A court", kind="authority"), by="mary")
    problem = refused(at, wanted)
    assert (problem.code, "legal-process" in problem.message) == ("condition-not-met", True)


def test_choices_decide_for_each_person(at: Sharer) -> None:
    at.register(ANN)
    at.register(BOB)
    at.contract(MAIL)
    at.people.choose(BOB, {"marketing": "out"}, how="one-click")
    shared = at.sharing.share(NEWS, [ANN, BOB])
    assert (shared.persons, shared.refused) == (1, 1)
    assert [(r.data, r.reason, r.persons, r.sentence) for r in shared.refusals] == [
        ("contact.email", "opted-out", 1,
         "A marketing firm sends our news for us, under contract, unless you opt out."),
    ]  # fmt: skip
    assert [one.values for one in at.sharing.contents(shared.id, 1).persons] == [{"contact.email": ANN.value}]
    at.people.choose(ANN, {"marketing": "out"}, how="one-click")
    shared = at.sharing.share(NEWS, [ANN, BOB])
    assert (shared.state, shared.batches) == ("refused", 0)
    assert len(entries(at, "disclosed")) == 1


def test_only_what_was_asked_for_and_the_newest_of_it(at: Sharer) -> None:
    at.register(ANN)
    at.clock.move(days=1)
    at.register(ANN)
    at.contract(MAIL)
    shared = at.sharing.share(NEWS, [ANN])
    assert shared.released == 1
    wide = msgspec.structs.replace(NEWS, data=("identity", "contact"))
    shared = at.sharing.share(wide, [ANN])
    assert shared.released == 2
    (one,) = at.sharing.contents(shared.id, 1).persons
    assert set(one.values) == {"contact.email", "identity.name"}


def test_a_recipient_knows_a_person_by_a_pseudonym_of_its_own(at: Sharer) -> None:
    at.register(ANN)
    at.collect(ANN)
    at.contract(MAIL)
    at.contract()
    ids = {at.sharing.contents(at.sharing.share(wanted, [ANN]).id, 1).persons[0].subject
           for wanted in (NEWS, PAY, NEWS)}  # fmt: skip
    assert len(ids) == 2
    assert all(len(id) == 26 and id.isalnum() and id == id.lower() for id in ids)


def test_an_endpoint_that_is_not_there_refuses(at: Sharer) -> None:
    at.collect(ANN)
    at.contract()
    at.queue.away.add(CARDS)
    assert refused(at, PAY).code == "unreachable"
    answered = at.sharing.share(msgspec.structs.replace(PAY, channel="answer"), [ANN])
    assert [one.values for one in answered.contents[0].persons] == [{"payment.card": "tok_ann_visa"}]
    filed = at.sharing.share(msgspec.structs.replace(PAY, channel="file", format="csv"), [ANN])
    assert (filed.state, filed.contents, at.queue.added) == ("done", (), [])


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"purpose": "service.paymnet"}, "unknown-purpose"), ({"data": ("payment.crad",)}, "unknown-data"),
        ({"product": "gotomars"}, "unknown-product"), ({"data": ()}, "too-many"),
        ({"channel": "pigeon"}, "unknown-channel"), ({"format": "xls"}, "unknown-format"),
        ({"identified": True}, "identified"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_asked(at: Sharer, wanted: dict, code: str) -> None:
    at.contract()
    assert refused(at, msgspec.structs.replace(PAY, **wanted)).code == code
    assert at.sharing.register().list() == ()


def test_no_version_no_sharing(at: Sharer) -> None:
    at.collect(ANN)
    at.clock.move(days=-365 * 20)
    assert refused(at, PAY).code == "no-policy-in-force"


def test_nothing_is_told_that_was_not_written(at: Sharer, monkeypatch: pytest.MonkeyPatch) -> None:
    at.collect(ANN)
    at.contract()
    monkeypatch.setattr(at.store, "write", lambda work: (_ for _ in ()).throw(StoreUnavailableError("full")))
    with pytest.raises(StoreUnavailableError):
        at.sharing.share(PAY, [ANN])
    monkeypatch.undo()
    assert (entries(at, "disclosed"), at.queue.added, at.sharing.register().list()) == ([], [], ())
    monkeypatch.setattr(at.gates.index, "limit", -1)
    with pytest.raises(StaleChoicesError):
        at.sharing.share(PAY, [ANN])


def test_the_same_key_and_request_are_done_once(at: Sharer) -> None:
    at.collect(ANN)
    at.contract()
    answer = msgspec.structs.replace(PAY, channel="answer")
    first = at.sharing.share(answer, [ANN, BOB], key="order 7")
    at.clock.move(hours=1)
    assert at.sharing.share(answer, [ANN, BOB], key="order 7") == first
    assert len(entries(at, "disclosed")) == 1
    for other in ((answer, [ANN]), (PAY, [ANN, BOB])):
        with pytest.raises(GateError) as caught:
            at.sharing.share(*other, key="order 7")
        assert caught.value.code == "other-request"
    mailer = msgspec.structs.replace(answer, service="mailer")  # another service has keys of its own
    assert at.sharing.share(mailer, [ANN, BOB], key="order 7").id != first.id
    with pytest.raises(GateError, match="1 to 512"):
        at.sharing.share(answer, [ANN], key="")


def test_a_choice_that_is_made_while_it_is_decided_counts(at: Sharer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was acknowledged before the batch is written is not overlooked by it."""
    at.register(ANN)
    at.register(BOB)
    at.contract(MAIL)
    told = iter([lambda: at.people.choose(ANN, {"marketing": "out"}, how="one-click"), lambda: at.end(MAIL)])
    write = at.store.write

    def late(work):
        if work.__qualname__.endswith("_try.<locals>.work") and (happens := next(told, None)):
            monkeypatch.setattr(at.store, "write", write)
            happens()
            monkeypatch.setattr(at.store, "write", late)
        return write(work)

    monkeypatch.setattr(at.store, "write", late)
    shared = at.sharing.share(NEWS, [ANN, BOB])
    assert shared.state == "refused"
    assert {one.reason for one in shared.refusals} == {"opted-out", "condition-not-met"}


# --- as it leaves -----------------------------------------------------------------------------------------------------


def test_what_may_not_leave_any_more_stays_and_is_recorded_once(at: Sharer) -> None:
    at.register(ANN)
    at.register(BOB)
    at.contract(MAIL)
    shared = at.sharing.share(NEWS, [ANN, BOB])
    at.people.choose(ANN, {"marketing": "out"}, how="one-click")
    for _ in range(3):
        contents = at.sharing.contents(shared.id, 1)
        assert [one.values for one in contents.persons] == [{"contact.email": BOB.value}]
    at.people.choose(ANN, {"marketing": "in"}, how="page")  # it was said to have stayed, so it stays
    assert len(at.sharing.contents(shared.id, 1).persons) == 1
    at.end(MAIL)
    for _ in range(2):
        assert at.sharing.contents(shared.id, 1).persons == ()
    assert [(one["persons"], one["why"]) for one in entries(at, "withheld")] == [
        (1, {"opted-out": 1}), (1, {"condition-not-met": 1}),
    ]  # fmt: skip
    assert all(one.withheld_at for who in (ANN, BOB) for one in at.sharing.register().of_person(who))


def test_what_stays_in_part_leaves_in_part(at: Sharer) -> None:
    at.register(ANN)
    at.contract(MAIL)
    shared = at.sharing.share(msgspec.structs.replace(NEWS, data=("contact.email", "identity.name")), [ANN])
    at.contract(MAIL, data=("contact.email",))
    at.end(MAIL)
    contents = at.sharing.contents(shared.id, 1)
    assert [one.values for one in contents.persons] == [{"contact.email": ANN.value}]
    assert contents.sentences == ("A marketing firm sends our news for us, under contract, unless you opt out.",)
    (mine,) = at.sharing.register().of_person(ANN)
    assert (mine.withheld, mine.withheld_at) == (("identity.name",), None)


def test_the_newest_value_leaves_and_one_that_is_gone_does_not(at: Sharer) -> None:
    at.collect(ANN)
    at.contract()
    shared = at.sharing.share(PAY, [ANN])
    at.clock.move(days=1)
    at.collect(ANN, payment__card="tok_ann_new_visa")
    assert at.sharing.contents(shared.id, 1).persons[0].values == {"payment.card": "tok_ann_new_visa"}
    at.clock.move(days=800)
    assert at.sharing.contents(shared.id, 1).persons == ()
    assert entries(at, "withheld")[0]["why"] == {"expired": 1}


def test_an_address_leaves_short_where_that_is_a_duty(at: Sharer) -> None:
    from troth.conditions.facts import Contract, Profile

    at.collect(ANN, "security-data", device__ip="192.0.2.77")
    at.people.choose(ANN, {"analytics": "in"}, how="page")
    now = at.clock()
    terms = Contract(id="c", begins=now, accepts="2017-02-01", data=("device.ip",), purposes=("improve.analytics",),
                     signed=now)  # fmt: skip
    at.conditions.register.add("analytics-service", Profile(name="A", kind="processor", countries=("US",)), by="m")
    at.conditions.register.add("analytics-service", terms, by="m")
    wanted = msgspec.structs.replace(
        PAY, recipient="analytics-service", purpose="improve.analytics", data=("device.ip",)
    )
    contents = at.sharing.contents(at.sharing.share(wanted, [ANN]).id, 1)
    assert [one.values for one in contents.persons] == [{"device.ip": "192.0.2.0"}]
    assert set(contents.duties) == {"minimise", "mask-ip", "pseudonymise"}
    # Who asks for data that says who a person is gets none from a statement that says not to.
    at.contract(MAIL)
    named = msgspec.structs.replace(wanted, identified=True, data=("device.ip", "contact.email"))
    shared = at.sharing.share(named, [ANN])
    assert (shared.state, {one.reason for one in shared.refusals}) == ("refused", {"pseudonymise", "nothing-held"})


def test_there_is_no_such_batch(at: Sharer) -> None:
    at.collect(ANN)
    at.contract()
    shared = at.sharing.share(PAY, [ANN])
    for id, number in ((shared.id, 2), ("dis_x", 1)):
        with pytest.raises(GateError, match="There is no batch"):
            at.sharing.contents(id, number)
    assert at.sharing.look("dis_x") is None


# --- conditions that hold for certain persons -------------------------------------------------------------------------


class Court:
    """A legal process about certain persons, which is asked once for each data term."""

    def __init__(self) -> None:
        self.named: frozenset[str] | None = frozenset()
        self.asked = 0

    def holds(self, sharing) -> bool:
        self.asked += 1
        return sharing.under == "case-1"

    def persons(self, sharing) -> frozenset[str] | None:
        return self.named


def test_a_court_gets_those_whom_it_named_and_only_for_that_case(tmp_path: Path) -> None:
    court = Court()
    with sharer(tmp_path, legal_process=court) as at:
        from troth.conditions.facts import Profile

        ids = [at.register(Identifier("email", f"p{n}@example.org")) for n in range(20)]
        at.conditions.register.add("court", Profile(name="A court", kind="authority"), by="mary")
        wanted = msgspec.structs.replace(NEWS, recipient="court", purpose="legal.comply", channel="answer")
        assert refused(at, wanted, *ids).code == "condition-not-met"
        wanted = msgspec.structs.replace(wanted, under="case-1")
        court.named = frozenset(ids[:2])
        court.asked = 0
        shared = at.sharing.share(wanted, ids)
        assert court.asked < 10, "the conditions are asked for each person"
        assert {one.person for one in map_of(at, shared.id)} == set(ids[:2])
        assert len(shared.contents[0].persons) == 2
        court.named = frozenset(ids[1:2])
        assert len(at.sharing.contents(shared.id, 1).persons) == 1
        court.named = None
        assert at.sharing.share(wanted, ids).persons == 20


class Row(msgspec.Struct):
    person: str | None


def map_of(at: Sharer, id: str) -> list[Row]:
    return [Row(person) for (person,) in at.rows("SELECT person FROM disclosed WHERE disclosure = :id", id=id)]


# --- the register -----------------------------------------------------------------------------------------------------


def test_the_register_lists_and_sums_up(at: Sharer) -> None:
    at.register(ANN)
    at.collect(ANN)
    at.contract()
    at.contract(MAIL)
    for wanted in (PAY, NEWS, PAY):
        at.sharing.share(wanted, [ANN])
        at.clock.move(days=1)
    register = at.sharing.register()
    assert [one.recipient for one in register.list()] == [CARDS, MAIL, CARDS]
    assert [one.recipient for one in register.list(MAIL)] == [MAIL]
    first = register.list(limit=1)
    assert [one.recipient for one in register.list(limit=5, after=first[0].id)] == [MAIL, CARDS]
    assert len(register.list(since=at.clock() - timedelta(days=1))) == 1
    assert len(register.list(until=at.clock() - timedelta(days=1))) == 2
    with pytest.raises(ValueError, match="no disclosure 'dis_x'"):
        register.list(after="dis_x")
    told = {(one.recipient, one.purpose): one for one in register.article_30()}
    cards = told[CARDS, "service.payment"]
    assert (cards.disclosures, cards.persons, cards.values, cards.kind, cards.country) == (2, 2, 2, "processor", "US")
    assert cards.sentences == ("A card firm takes your payments for us, under contract.",)
    assert len(register.batches(register.list()[0].id)) == 1
    received = register.of_person(ANN)
    assert [one.recipient for one in received] == [CARDS, MAIL, CARDS]
    assert received[1].sentences == ("A marketing firm sends our news for us, under contract, unless you opt out.",)
    assert received[0].recipient_name == "Example Card Services"
    assert register.of_person(BOB) == ()


def test_persons_that_become_one_have_one_list(at: Sharer) -> None:
    at.collect(ANN)
    at.collect(BOB)
    at.contract()
    shared = at.sharing.share(PAY, [ANN, BOB])
    at.people.link(ANN, BOB)
    register = at.sharing.register()
    assert register.of_person(ANN) == register.of_person(BOB)
    assert len(register.of_person(ANN)) == 2
    for one in register.of_person(ANN):
        register.proof(one.entry, one.position).check()
    assert len(at.sharing.contents(shared.id, 1).persons) == 2
    again = at.sharing.share(PAY, [ANN, BOB])
    assert (again.asked, again.persons, again.refused) == (2, 1, 1)


def test_of_who_was_erased_nothing_is_left_but_a_line_about_nobody(at: Sharer) -> None:
    ids = [at.collect(who) for who in (ANN, BOB)]
    at.contract()
    shared = at.sharing.share(PAY, [ANN, BOB])
    register = at.sharing.register()
    (mine,), (bobs,) = register.of_person(ANN), register.of_person(BOB)
    pseudonym = at.people.key.pseudonym(CARDS, ids[0])
    at.gates.vault.erase([ANN])
    rows = at.rows("SELECT person, opening, erased_leaf, pseudonym FROM disclosed ORDER BY position")
    (erased,) = [row for row in rows if row[0] is None]
    assert erased[1] is None
    assert erased[2] is not None
    assert erased[3] == pseudonym
    assert register.of_person(ANN) == ()
    with pytest.raises(UnknownPersonError):
        register.proof(mine.entry, mine.position)
    register.proof(bobs.entry, bobs.position).check()
    assert [one.values for one in at.sharing.contents(shared.id, 1).persons] == [{"payment.card": "tok_bob_visa"}]
    assert entries(at, "withheld")[0]["why"] == {"erased": 1}
    everything = [row for table in metadata.tables for row in at.rows(f'SELECT * FROM "{table}"') if table != "persons"]
    assert not any(ids[0] in str(value) for row in everything for value in row)


def test_no_byte_of_the_opening_is_left_of_who_was_erased(tmp_path: Path) -> None:
    with sharer(tmp_path) as at:
        for who in (ANN, BOB):
            at.collect(who)
        at.contract()
        at.sharing.share(PAY, [ANN, BOB])
        rows = at.rows("SELECT person, opening FROM disclosed")
        gone = at.people.find(ANN)
        at.gates.vault.erase([ANN], rewrite=True)
        files = b"".join(path.read_bytes() for path in tmp_path.glob("troth.db*"))
        for person, opening in rows:
            assert (opening in files) is (person != gone)


# --- jobs -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def fifty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of fifty persons, so that there are several."""
    monkeypatch.setattr(jobs, "BATCH", 50)
    monkeypatch.setattr(share, "BATCH", 50)


def run(at: Sharer) -> int:
    """Run the jobs to their end, in small slices; how many slices."""
    slices = 0
    while at.sharing.resume(60):
        slices += 1
    return slices


@pytest.mark.usefixtures("fifty")
def test_more_than_a_batch_is_a_job_with_progress(at: Sharer) -> None:
    at.gates.collecting.collect_many([_card(n) for n in range(110)])
    at.contract()
    whos = [person(n) for n in range(112)]  # two of them are nobody
    shared = at.sharing.share(PAY, whos, key="job")
    assert (shared.state, shared.asked, shared.persons, shared.refused) == ("running", 112, 0, 2)
    assert at.sharing.resume(60) >= 60
    now = at.sharing.look(shared.id)
    assert (now.state, now.persons) == ("running", 100)
    run(at)
    now = at.sharing.look(shared.id)
    assert (now.state, now.persons, now.refused, now.batches) == ("done", 110, 2, 3)
    assert at.sharing.share(PAY, whos, key="job") == now
    assert [batch for *_, batch in at.queue.added] == [1, 2, 3]
    assert [entry["persons"] for entry in entries(at, "disclosed")] == [50, 50, 10]
    assert at.rows("SELECT count(*), count(DISTINCT person) FROM disclosed") == [(110, 110)]
    assert at.rows("SELECT count(*) FROM disclosure_waiting") == [(0,)]
    assert at.sharing.resume() == 0


def _card(number: int):
    from troth.gates.collect import Submission

    fields = {"payment.card": f"tok_{number}_visa"}
    return Submission(statement="trial-card", fields=fields, who=person(number), moment="trial")


def test_a_segment_is_a_job_whatever_its_size(at: Sharer) -> None:
    at.gates.collecting.collect_many([_card(n) for n in range(30)])
    at.register(ANN)
    at.contract()
    at.contract(MAIL)
    cards = at.sharing.share(PAY, Segment(statement="trial-card"))
    wide = at.sharing.share(NEWS, Segment())
    nobody = at.sharing.share(NEWS, Segment(product="gotomypc"))
    assert [one.asked for one in (cards, wide, nobody)] == [30, 1, 0]
    run(at)
    found = [at.sharing.look(one.id) for one in (cards, wide, nobody)]
    assert [(one.state, one.persons) for one in found] == [("done", 30), ("done", 1), ("refused", 0)]


@pytest.mark.usefixtures("fifty")
def test_a_contract_that_ends_in_the_middle_stops_the_rest(at: Sharer) -> None:
    at.gates.collecting.collect_many([_card(n) for n in range(110)])
    at.contract(ends=at.clock() + timedelta(days=1))
    shared = at.sharing.share(PAY, Segment())
    at.sharing.resume(50)
    at.clock.move(days=1)
    run(at)
    now = at.sharing.look(shared.id)
    assert (now.state, now.persons, now.batches) == ("stopped", 50, 1)
    assert "lapsed on 2018-05-02" in now.why or "lapsed" in now.why
    assert at.sharing.contents(shared.id, 1).persons == ()
    at.contract()
    assert at.sharing.resume() == 0, "it is not taken up again by itself"


def test_an_opt_out_in_the_middle_leaves_the_person_out(at: Sharer) -> None:
    for number in range(30):
        at.register(Identifier("email", f"p{number}@example.org"))
    at.contract(MAIL)
    shared = at.sharing.share(NEWS, Segment())
    at.people.choose(Identifier("email", "p7@example.org"), {"marketing": "out"}, how="one-click")
    run(at)
    now = at.sharing.look(shared.id)
    assert (now.state, now.persons, now.refused) == ("done", 29, 1)
    assert [one.reason for one in now.refusals] == ["opted-out"]


@pytest.mark.usefixtures("fifty")
def test_another_version_stops_a_job_and_an_endpoint_that_goes_too(at: Sharer) -> None:
    at.gates.collecting.collect_many([_card(n) for n in range(60)])
    at.contract()
    shared = at.sharing.share(PAY, [person(n) for n in range(60)])
    at.sharing.resume(50)
    at.queue.away.add(CARDS)
    run(at)
    assert (at.sharing.look(shared.id).state, at.sharing.look(shared.id).persons) == ("stopped", 50)
    assert "no endpoint" in at.sharing.look(shared.id).why
    at.queue.away.clear()
    shared = at.sharing.share(PAY, Segment())
    at.clock.move(days=-800)  # as if another version were in force
    run(at)
    assert at.sharing.look(shared.id).state == "stopped"
    assert "was asked for under version 2017-02-01" in at.sharing.look(shared.id).why


@pytest.mark.usefixtures("fifty")
def test_two_that_run_a_job_write_each_batch_once(at: Sharer) -> None:
    from threading import Thread

    at.gates.collecting.collect_many([_card(n) for n in range(130)])
    at.contract()
    shared = at.sharing.share(PAY, Segment())
    threads = [Thread(target=lambda: at.sharing.resume(10_000)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run(at)
    assert at.sharing.look(shared.id).persons == 130
    assert [entry["batch"] for entry in entries(at, "disclosed")] == [1, 2, 3]
    assert at.rows("SELECT count(*), count(DISTINCT person) FROM disclosed") == [(130, 130)]


def test_who_comes_twice_at_once_is_served_once(at: Sharer) -> None:
    """The same key in six threads is one disclosure; six that look at a batch at once note once what stays."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    at.collect(ANN)
    at.collect(BOB)
    at.contract()
    for turn in range(5):
        together = Barrier(6)

        def same(_: int, turn: int = turn, together: Barrier = together):
            together.wait()
            return at.sharing.share(PAY, [ANN, BOB], key=f"k{turn}")

        with ThreadPoolExecutor(6) as pool:
            (shared,) = {one.id: one for one in pool.map(same, range(6))}.values()
    assert len(entries(at, "disclosed")) == len(at.queue.added) == 5
    at.end()
    together = Barrier(6)

    def look(_: int):
        together.wait()
        return at.sharing.contents(shared.id, 1).persons

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(look, range(6))) == {()}
    assert [entry["persons"] for entry in entries(at, "withheld")] == [2]


def test_a_job_that_fails_keeps_no_other_waiting(at: Sharer, monkeypatch: pytest.MonkeyPatch) -> None:
    at.gates.collecting.collect_many([_card(n) for n in range(3)])
    at.contract()
    bad, good = (at.sharing.share(PAY, Segment()) for _ in range(2))
    step = at.sharing._jobs.step

    def fails(id: str) -> int:
        if id == bad.id:
            raise StaleChoicesError("not now")
        return step(id)

    monkeypatch.setattr(at.sharing._jobs, "step", fails)
    with pytest.raises(StaleChoicesError):
        at.sharing.resume()
    assert at.sharing.look(good.id).state == "done"
    monkeypatch.undo()
    run(at)
    assert at.sharing.look(bad.id).state == "done"


@pytest.mark.usefixtures("fifty")
def test_who_is_erased_or_merged_before_their_turn(at: Sharer) -> None:
    at.gates.collecting.collect_many([_card(n) for n in range(55)])
    at.contract()
    shared = at.sharing.share(PAY, [person(n) for n in range(55)])
    at.gates.vault.erase([person(3)])
    at.people.link(person(4), person(5))
    run(at)
    now = at.sharing.look(shared.id)
    assert (now.state, now.persons) == ("done", 53)
    assert at.rows("SELECT count(DISTINCT person) FROM disclosed") == [(53,)]


@pytest.mark.usefixtures("fifty")
def test_the_memory_of_a_job_does_not_grow_with_its_persons(tmp_path: Path) -> None:
    import tracemalloc

    with sharer(tmp_path) as at:
        at.gates.collecting.collect_many([_card(n) for n in range(900)])
        at.contract()
        shared = at.sharing.share(PAY, Segment())
        at.sharing.resume(100)  # what is made once is there
        assert at.sharing.look(shared.id).persons == 100
        peaks = []
        tracemalloc.start()
        try:
            for persons in (100, 700):
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
                at.sharing.resume(persons)
                peaks.append(tracemalloc.get_traced_memory()[1] - before)
        finally:
            tracemalloc.stop()
        assert peaks[1] < 1.5 * peaks[0], peaks
        assert at.sharing.look(shared.id).persons == 900
