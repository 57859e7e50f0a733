"""The gate `collect`: what a statement says comes in, and nothing of the rest is stored, each time with the reason."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from gate_oracle import ACCOUNT, ANN, BOB, Clock, Gated, gated
from sqlalchemy import text

from troth.gates.collect import Submission
from troth.gates.errors import GateError
from troth.people import Identifier


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Gated]:
    with gated(tmp_path) as found:
        yield found


def submit(at: Gated, statement: str, fields: dict[str, object], **more):
    return at.collecting.collect(Submission(statement=statement, fields=fields, **more))


def held(at: Gated) -> list[tuple[str, object]]:
    opener = at.vault.opener()
    terms = [term for version in at.people.policy.versions for term in version.vocabulary.slugs("data")]
    return [(item.data, opener.open(item)) for item in at.vault.read(None, dict.fromkeys(terms))]


def refusal(at: Gated, *arguments, **more) -> GateError:
    before = held(at), count(at, "leaves"), count(at, "persons")
    with pytest.raises(GateError) as caught:
        submit(at, *arguments, **more)
    assert (held(at), count(at, "leaves"), count(at, "persons")) == before, "something was stored all the same"
    return caught.value


def count(at: Gated, table: str) -> int:
    with at.store.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_registration(at: Gated) -> None:
    done = submit(at, "registration", ACCOUNT, product="gototraining", moment="trial")
    assert done.stored == tuple(ACCOUNT)
    assert done.sentence == "When you register, we ask for your name, your e-mail address and a password."
    assert done.version == "2017-02-01"
    assert at.people.find(ANN) == done.person
    assert dict(held(at)) == ACCOUNT
    (first, *_) = at.vault.read([done.person], ["contact.email"])
    assert (first.statement, first.version, first.product) == ("registration", "2017-02-01", "gototraining")
    assert first.expires_at is None  # 24 months after the account ends, which it has not yet
    assert str(first.keeps) == "account + 24 months"


@pytest.mark.parametrize(
    ("statement", "fields", "more", "code", "field"),
    [
        ("registrations", ACCOUNT, {}, "unknown-statement", None),
        ("news", ACCOUNT, {}, "unknown-statement", None),
        ("registration", {}, {}, "no-fields", None),
        ("registration", ACCOUNT | {"demographic": "40 to 50"}, {}, "undeclared", "demographic"),
        ("registration", ACCOUNT | {"contact.emial": "x"}, {}, "bad-field", "contact.emial"),
        ("registration", ACCOUNT | {"identity.name": ""}, {}, "required", "identity.name"),
        ("registration", {"identity.name": "Ann"}, {"who": ANN}, "required", "contact.email"),
        ("registration", ACCOUNT, {"moment": "visit"}, "not-stated", "moment"),
        ("registration", ACCOUNT, {"moment": "lunch"}, "unknown-moment", "moment"),
        ("registration", ACCOUNT, {"product": "gotoassist"}, "unknown-product", "product"),
        ("registration", ACCOUNT | {"account.password": "hunter2"}, {}, "password", "account.password"),
        ("registration", ACCOUNT | {"identity.name": "4111 1111 1111 1111"}, {}, "card-number", "identity.name"),
        ("registration", ACCOUNT | {"contact.email": "no address"}, {}, "bad-field", "contact.email"),
        ("trial-card", {"payment.card": "4111111111111111"}, {"who": ANN}, "card-number", "payment.card"),
        ("trial-card", {"payment.card": 42}, {"who": ANN}, "card-number", "payment.card"),
        ("trial-card", {"payment.card": "tok_visa_1"}, {}, "whose", None),
        ("media-and-attention", {"usage.webcam": True}, {"who": ANN}, "not-stated", "product"),
        ("media-and-attention", {"usage.webcam": True}, {"who": ANN, "product": "gotomypc"}, "not-stated", "product"),
        ("recordings", {"content.recording": "x"}, {"who": ANN, "product": "gotomeeting"}, "condition-not-met", None),
        ("surveys", {"demographic": {"a": "x" * 70_000}}, {"who": ANN}, "too-large", "demographic"),
        ("surveys", {"demographic": [[[[[[[[[1]]]]]]]]]}, {"who": ANN}, "too-large", "demographic"),
        ("surveys", {"demographic": float("nan")}, {"who": ANN}, "bad-field", "demographic"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named_and_not_stored(at: Gated, statement, fields, more, code, field) -> None:
    problem = refusal(at, statement, fields, **more)
    assert (problem.code, problem.field) == (code, field) if field else problem.code == code
    assert problem.message


def test_a_refused_choice_keeps_data_out(at: Gated) -> None:
    fields = {"demographic": "40 to 50", "content.feedback": "It works."}
    at.people.choose(ANN, {"optional-data": "out"}, how="page")
    problem = refusal(at, "surveys", fields, who=ANN)
    assert problem.code == "opted-out"
    assert problem.sentence == "Surveys are up to you, and we use the answers only as totals."
    assert submit(at, "surveys", fields, who=BOB).stored == tuple(fields)


def test_what_is_empty_is_dropped_and_reported(at: Gated) -> None:
    done = submit(
        at, "site-forms", {"identity.name": "Ann", "contact.email": ANN.value, "work.role": "", "work.employer": None}
    )
    assert done.stored == ("identity.name", "contact.email")
    assert [(one.field, one.reason) for one in done.dropped] == [("work.role", "empty"), ("work.employer", "empty")]


def test_what_is_forbidden_of_something_optional_is_dropped_with_the_sentence(tmp_path: Path) -> None:
    import troth
    from troth.policy.reading import parse_version

    text = """
policy: p
title: P
effective: 2018-01-01
publisher: {name: P, address: A}
covers: {shop: {name: Shop}}
collects:
  form: {says: You tell us what you like., data: [demographic, identity.name], for: improve.research, keeps: 1 month}
  must: {says: We need both., data: [demographic, identity.name], for: improve.research, required: true}
never:
  names: {says: We never collect names on the blog., do: collect, data: identity}
"""
    policy = troth.Policy([parse_version(text.encode(), "p.yaml")])
    with gated(tmp_path, policy) as at:
        done = submit(at, "form", {"demographic": "old", "identity.name": "Ann"}, who=ANN)
        assert done.stored == ("demographic",)
        assert [(one.field, one.reason, one.sentence) for one in done.dropped] == [
            ("identity.name", "never", "We never collect names on the blog.")
        ]
        assert refusal(at, "must", {"demographic": "old", "identity.name": "Ann"}, who=ANN).code == "never"
        assert refusal(at, "form", {"identity.name": "Ann"}, who=ANN).code == "never"


def test_cards_in_free_text_are_masked(at: Gated) -> None:
    done = submit(
        at, "feedback", {"content.feedback": "You charged 4111 1111 1111 1111 twice!", "contact.email": ANN.value}
    )
    assert done.masked == ("content.feedback",)
    assert dict(held(at))["content.feedback"] == "You charged •••• •••• •••• 1111 twice!"


def test_an_address_of_a_machine_loses_its_end_where_the_policy_says_so(at: Gated) -> None:
    for given, kept in (
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2::5", "2001:db8:1::"),
        ("::ffff:203.0.113.9", "203.0.113.0"),
    ):
        submit(at, "analytics-cookies", {"device.ip": given}, who=Identifier("cookie", given), moment="visit")
        assert held(at)[-1] == ("device.ip", kept) or ("device.ip", kept) in held(at)
    assert "203.0.113.77" not in str(held(at))


def test_how_long_it_is_kept(at: Gated) -> None:
    submit(at, "surveys", {"demographic": "x"}, who=ANN)
    (item,) = at.vault.read(None, ["demographic"])
    assert item.expires_at == at.clock.now.replace(year=2020)


def test_on_a_device_nothing_optional_before_a_yes(at: Gated) -> None:
    browser = Identifier("cookie", "some-browser")
    fields = {"usage.clickstream": "/pricing"}
    more = {"who": browser, "moment": "visit", "in_browser": True}
    assert refusal(at, "analytics-cookies", fields, **more).code == "undecided"
    at.people.choose(browser, {"analytics": "in"}, how="banner")
    assert submit(at, "analytics-cookies", fields, **more).stored == ("usage.clickstream",)
    at.people.choose(browser, {"analytics": "out"}, how="banner")
    assert refusal(at, "analytics-cookies", fields, **more).code == "opted-out"
    # A form that a person fills in is their own act: it needs no banner.
    assert submit(at, "surveys", {"demographic": "x"}, who=ANN, in_browser=True).stored == ("demographic",)


def test_many_at_once_stand_for_themselves(at: Gated) -> None:
    submissions = [
        Submission(
            statement="surveys",
            fields={"demographic": str(n)} if n % 3 else {"nonsense": n},
            who=Identifier("account", str(n)),
        )
        for n in range(450)
    ]
    outcomes = at.collecting.collect_many(submissions)
    assert [isinstance(outcome, GateError) for outcome in outcomes] == [n % 3 == 0 for n in range(450)]
    assert len(held(at)) == 300


def test_before_any_version_nothing_is_collected(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    with gated(tmp_path, clock=Clock(datetime(2001, 1, 1, tzinfo=UTC))) as at:
        assert refusal(at, "registration", ACCOUNT).code == "no-policy-in-force"


def test_a_choice_that_was_acknowledged_is_seen_by_the_next_collection(at: Gated) -> None:
    """It is asked in the transaction that stores, so no index can be late."""
    import threading

    stop, wrong, now = threading.Event(), [], [None]
    who = Identifier("account", "racer")
    at.people.know(who)

    def collect() -> None:
        while not stop.is_set():
            began = now[0]
            try:
                submit(at, "surveys", {"demographic": "x"}, who=who)
            except GateError:
                continue
            if began is not None and now[0] is began:
                wrong.append("stored after the refusal was acknowledged")

    threads = [threading.Thread(target=collect) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        now[0] = None
        at.people.choose(who, {"optional-data": "in"}, how="page")
        at.people.choose(who, {"optional-data": "out"}, how="page")
        now[0] = object()
        threading.Event().wait(0.004)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(held(at)) > 10


def test_the_clock_of_the_store_counts(at: Gated) -> None:
    submit(at, "surveys", {"demographic": "x"}, who=ANN)
    (item,) = at.vault.read(None, ["demographic"])
    assert abs(item.collected_at - at.clock.now) < timedelta(seconds=1)
