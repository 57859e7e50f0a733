"""The gate `use`: what the policy allows comes out, the rest comes with its reason, and what came out is counted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gate_oracle import ACCOUNT, ANN, BOB, Clock, Gated, gated

from troth.gates.collect import Submission
from troth.gates.counts import Counts
from troth.gates.errors import GateError
from troth.gates.use import Purpose, Segment
from troth.people import Identifier
from troth.people.errors import StaleChoicesError
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.store import StoreUnavailableError


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Gated]:
    with gated(tmp_path) as found:
        yield found


def register(at: Gated, who: Identifier = ANN, product: str = "gototraining") -> str:
    fields = ACCOUNT | {"contact.email": who.value, "account.id": who.value}
    done = at.collecting.collect(Submission(statement="registration", fields=fields, product=product, moment="trial"))
    return done.person


def use(
    at: Gated, purpose: str, *data: str, whos=(ANN,), product: str | None = "gototraining", service: str = "mailer"
):
    return at.using.use(Purpose(purpose=purpose, data=data, product=product, service=service), whos)


def test_marketing_until_the_person_opts_out_and_billing_always(at: Gated) -> None:
    register(at)
    (one,) = use(at, "marketing.own", "contact.email").persons
    assert one.values == {"contact.email": ANN.value}
    at.people.choose(ANN, {"marketing": "out"}, how="one-click")
    used = use(at, "marketing.own", "contact.email")
    (one,) = used.persons
    assert one.values == {}
    assert [(r.data, r.reason, r.sentence, r.statement) for r in one.refused] == [
        ("contact.email", "opted-out", "We e-mail you news of our products and promotions, unless you opt out.", "news")
    ]
    (one,) = use(at, "service.payment", "contact.email", "identity.name").persons
    assert one.values == {"contact.email": ANN.value, "identity.name": "Ann"}
    assert one.refused == ()


def test_the_duties_come_with_the_values(at: Gated) -> None:
    register(at)
    assert set(use(at, "marketing.own", "contact.email").duties) == {
        "offer-opt-out", "postal-address", "one-click", "honest-header",
    }  # fmt: skip


def test_a_wider_word_asks_for_all_below_it(at: Gated) -> None:
    register(at)
    (one,) = use(at, "service.account", "account", "contact", "identity").persons
    assert set(one.values) == set(ACCOUNT)


def test_nobody_and_nothing_are_said_so(at: Gated) -> None:
    register(at)
    known, nobody = use(at, "service.payment", "contact.phone", whos=(ANN, BOB)).persons
    assert [(r.data, r.reason) for r in known.refused] == [("contact.phone", "nothing-held")]
    assert (nobody.person, nobody.values) == (None, {})
    assert [r.reason for r in nobody.refused] == ["nothing-held"]


def test_what_no_statement_names_stays_in(at: Gated) -> None:
    register(at)
    (one,) = use(at, "advertising.targeted", "contact.email").persons
    assert [(r.data, r.reason) for r in one.refused] == [("contact.email", "not-stated")]


def test_the_newest_value_that_is_allowed(at: Gated) -> None:
    register(at)
    at.clock.move(days=1)
    fields = ACCOUNT | {"identity.name": "Ann Other"}
    at.collecting.collect(Submission(statement="registration", fields=fields))
    (one,) = use(at, "service.payment", "identity.name").persons
    assert one.values == {"identity.name": "Ann Other"}


def test_what_may_no_longer_be_kept_is_not_used(at: Gated) -> None:
    fields = {"content.feedback": "nice", "contact.email": ANN.value}
    at.collecting.collect(Submission(statement="feedback", fields=fields))
    at.clock.move(days=729)
    assert use(at, "improve.product", "content.feedback", product=None).persons[0].values
    at.clock.move(days=2)
    (one,) = use(at, "improve.product", "content.feedback", product=None).persons
    assert [(r.data, r.reason) for r in one.refused] == [("content.feedback", "expired")]


def test_an_older_version_is_kept_until_the_person_agrees(tmp_path: Path) -> None:
    """Data of 2016 obeys the version of 2015, in which attendees get no news, whatever they choose now."""
    with gated(tmp_path, clock=Clock(datetime(2016, 5, 1, tzinfo=UTC))) as at:
        submission = Submission(
            statement="organiser-data", fields={"contact.attendee": "x@example.org"}, who=ANN, product="gotomeeting"
        )
        at.collecting.collect(submission)
        at.clock.now = datetime(2018, 5, 1, tzinfo=UTC)
        at.people.choose(ANN, {"attendee-news": "in"}, how="page")
        (one,) = use(at, "marketing.own", "contact.attendee", product="gotomeeting").persons
        assert [(r.data, r.reason) for r in one.refused] == [("contact.attendee", "collected-under")]
        at.people.accept(ANN, how="page")
        (one,) = use(at, "marketing.own", "contact.attendee", product="gotomeeting").persons
        assert one.values == {"contact.attendee": "x@example.org"}
        at.people.choose(ANN, {"@policy": "out"}, how="page")
        (one,) = use(at, "marketing.own", "contact.attendee", product="gotomeeting").persons
        assert one.values == {}


def test_a_segment_comes_in_pages_and_whole(at: Gated) -> None:
    persons = [
        register(at, Identifier("email", f"p{n}@example.org"), "gototraining" if n % 2 else "gotomeeting")
        for n in range(25)
    ]
    wanted = Purpose(purpose="marketing.own", data=("contact.email",), product="gototraining")
    got, after, pages = [], None, 0
    while True:
        used = at.using.use(wanted, Segment(product="gototraining", after=after, limit=5))
        got += [one.person for one in used.persons]
        pages += 1
        after = used.next
        if after is None:
            break
    assert got == sorted(person for n, person in enumerate(persons) if n % 2)
    assert pages in (3, 4)


def test_what_is_released_is_counted_and_each_minute_recorded(at: Gated) -> None:
    register(at)
    register(at, BOB)
    use(at, "marketing.own", "contact.email", whos=(ANN, BOB))
    use(at, "marketing.own", "contact.email", whos=(ANN,))
    counts, reader = Counts(at.store), RecordReader(at.store)
    size = reader.size()
    assert counts.record() == 0  # the minute is not over
    at.clock.move(minutes=1)
    assert counts.record() == 1
    assert counts.record() == 0
    entry = reader.entry(size)
    assert entry is not None
    body = read_entry(entry)
    body.pop("event")
    assert body == {
        "kind": "used", "at": "2018-05-01T10:01:00Z", "minute": "2018-05-01T10:00:00Z", "service": "mailer",
        "statement": "news", "version": "2017-02-01", "purpose": "marketing.own", "product": "gototraining",
        "persons": 3, "values": 3,
    }  # fmt: skip


def test_nothing_leaves_that_could_not_be_counted(at: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    register(at)

    def away(work):
        raise StoreUnavailableError("the disk is full")

    monkeypatch.setattr(at.store, "write", away)
    with pytest.raises(StoreUnavailableError):
        use(at, "marketing.own", "contact.email")


def test_nothing_leaves_on_choices_that_are_too_old(at: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    register(at)
    monkeypatch.setattr(at.index, "limit", -1)
    with pytest.raises(StaleChoicesError):
        use(at, "marketing.own", "contact.email")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"purpose": "marketing.onw"}, "unknown-purpose"),
        ({"data": ("contact.emial",)}, "unknown-data"),
        ({"product": "gotomars"}, "unknown-product"),
        ({"data": ()}, "too-many"),
    ],
)
def test_a_question_that_cannot_be_asked(at: Gated, wanted: dict, code: str) -> None:
    asked = {"purpose": "marketing.own", "data": ("contact.email",), "product": "gototraining"} | wanted
    with pytest.raises(GateError) as caught:
        at.using.use(Purpose(**asked), (ANN,))
    assert caught.value.code == code


def test_two_persons_that_become_one_are_read_as_one(at: Gated) -> None:
    register(at)
    register(at, BOB)
    at.people.link(ANN, BOB)
    (one,) = use(at, "service.payment", "contact.email").persons
    assert one.values["contact.email"] in (ANN.value, BOB.value)
    first, second = use(at, "service.payment", "identity.name", whos=(ANN, BOB)).persons
    assert first.person == second.person


def test_the_clock_is_the_stores(at: Gated) -> None:
    register(at)
    at.clock.now = at.clock.now - timedelta(days=365 * 20)
    (one,) = use(at, "marketing.own", "contact.email").persons
    assert one.refused[0].reason == "no-policy-in-force"
