"""What the client sends, and what it makes of the answers."""

import json
from datetime import UTC, datetime

import pytest
from stub import Asked, Stub, collected, refusal, said

from troth.client import (
    Browser,
    Client,
    Collected,
    Dropped,
    NotAllowed,
    Refused,
    Submission,
    Unavailable,
    WrongRequest,
)

ANN = "email:ann@example.org"
FIELDS = {"contact.email": "ann@example.org"}


def test_a_collection_says_what_was_stored_and_what_was_not(stub: Stub, client: Client) -> None:
    told = collected(
        dropped=[{"field": "work.role", "reason": "empty", "sentence": ""}], masked=["content.feedback"],
        duties=["minimise"],
    )  # fmt: skip
    stub.answer = lambda asked: said(told, 201)
    done = client.collect("registration", FIELDS, person="account:4711", moment="trial")
    assert done == Collected(
        person="0" * 32, entry=12, statement="registration", version="2017-02-01",
        sentence="When you register, we ask.", stored=("contact.email",), dropped=(Dropped("work.role", "empty"),),
        masked=("content.feedback",), duties=("minimise",),
    )  # fmt: skip
    (asked,) = stub.asked
    assert (asked.method, asked.path) == ("POST", "/v1/collect/registration")
    assert asked.headers["authorization"] == "Bearer troth_billing_secret"
    assert asked.json() == {"fields": FIELDS, "person": "account:4711", "product": "shop", "moment": "trial"}


def test_a_browser_that_sends_has_no_service_key(stub: Stub, client: Client) -> None:
    stub.answer = lambda asked: said({**collected(), "person": None}, 201)
    assert client.collect("forms", FIELDS, browser=Browser("https://shop.example", "v~1~a~s")).person is None
    (asked,) = stub.asked
    assert "authorization" not in asked.headers
    assert (asked.headers["origin"], asked.headers["cookie"]) == ("https://shop.example", "troth=v~1~a~s")


def test_the_name_of_a_statement_stays_one_part_of_the_path(stub: Stub, client: Client) -> None:
    stub.answer = lambda asked: refusal("unknown-statement", 404)
    with pytest.raises(WrongRequest):
        client.collect("../use?x#y", FIELDS)
    assert stub.asked[0].path == "/v1/collect/..%2Fuse%3Fx%23y"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal("undeclared", field="work.role", statement="registration", sentence="We ask."), Refused),
        (refusal("unknown-product", field="work.role", statement="registration", sentence="We ask."), WrongRequest),
        (refusal("bad-request", 400, field="work.role", statement="registration", sentence="We ask."), WrongRequest),
        (refusal("scope", 403, field="work.role", statement="registration", sentence="We ask."), NotAllowed),
        (refusal("key", 401, field="work.role", statement="registration", sentence="We ask."), NotAllowed),
    ],
)
def test_an_error_tells_its_kind_its_place_and_the_sentence(
    stub: Stub, client: Client, answer: bytes, kind: type[Exception]
) -> None:
    stub.answer = lambda asked: answer
    with pytest.raises(kind) as caught:
        client.collect("registration", FIELDS)
    error = caught.value
    assert (error.field, error.statement, error.sentence) == ("work.role", "registration", "We ask.")
    assert not error.retryable
    assert error.code in str(error)


def test_values_and_keys_are_in_no_message_and_no_representation(stub: Stub, client: Client) -> None:
    secret = "swordfish"
    shown = [repr(client), repr(Submission(statement="s", fields={"identity.name": secret}, person=secret))]
    shown.append(repr(Browser("https://shop.example", secret)))
    with pytest.raises(WrongRequest) as caught:
        client.collect("registration", {"identity.name": {secret}})  # type: ignore[dict-item]
    shown += [str(caught.value), repr(caught.value)]
    assert caught.value.__cause__ is None
    assert not [text for text in shown if secret in text or "troth_billing" in text]
    assert stub.asked == []


# --- many -------------------------------------------------------------------------------------------------------------


def lines(*told: object) -> bytes:
    return said(b"".join(json.dumps(one).encode() + b"\n" for one in told), kind="application/x-ndjson")


def test_many_are_answered_in_their_order_and_one_does_not_fail_for_another(stub: Stub, client: Client) -> None:
    no = {"error": "undeclared", "message": "No.", "field": "work.role", "statement": "a", "sentence": "We ask."}
    scope = {**no, "error": "scope"}
    stub.script(lines(collected(entry=1), no, scope), lines(collected(entry=2)))
    sent = [
        Submission(statement="a", fields={"identity.name": "Ann\nB"}, person=ANN),
        Submission(statement="a", fields={"identity.name": "Bob"}, moment="trial"),
        Submission(statement="a", fields={"identity.name": float("nan")}),
        Submission(statement="a", fields={"identity.name": "Cem"}, product="blog"),
        Submission(statement="b", fields={"identity.name": "Dan"}),
    ]
    first, second, third, fourth, fifth = client.collect_many(iter(sent))
    assert (first.entry, fifth.entry) == (1, 2)
    assert isinstance(second, Refused)
    assert isinstance(third, WrongRequest)
    assert isinstance(fourth, NotAllowed)
    assert [asked.path for asked in stub.asked] == ["/v1/collect/a", "/v1/collect/b"]
    assert stub.asked[0].headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in stub.asked[0].body.split(b"\n")] == [
        {"fields": {"identity.name": "Ann\nB"}, "person": ANN, "product": "shop"},
        {"fields": {"identity.name": "Bob"}, "product": "shop", "moment": "trial"},
        {"fields": {"identity.name": "Cem"}, "product": "blog"},
    ]


def test_many_more_go_in_several_requests(stub: Stub, client: Client) -> None:
    stub.answer = lambda asked: lines(*[collected() for _ in asked.body.split(b"\n")])
    outcomes = client.collect_many(Submission(statement="a", fields={"x": 1}) for _ in range(10_001))
    assert len(outcomes) == 10_001
    large = client.collect_many(Submission(statement="a", fields={"x": "y" * 1_000_000}) for _ in range(5))
    assert len(large) == 5
    assert [len(asked.body.split(b"\n")) for asked in stub.asked] == [10_000, 1, 4, 1]


@pytest.mark.parametrize(
    "answer",
    [
        lines(collected()),
        said([collected(), collected()]),
        lines(collected(), "done"),
        refusal("unavailable", 503),
        said({}, 502),
    ],
)
def test_of_many_nothing_is_believed_half_and_what_comes_later_is_not_sent(
    stub: Stub, client: Client, answer: bytes
) -> None:
    """Also after a 503: those before the transaction that failed are stored."""
    stub.script(answer)
    outcomes = client.collect_many(Submission(statement=name, fields={"x": 1}) for name in "aabb")
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert [outcome.unknown for outcome in outcomes] == [True, True, False, False]
    assert len(stub.asked) == 1


def test_none_are_not_sent(stub: Stub, client: Client) -> None:
    assert client.collect_many([]) == []
    assert stub.asked == []


# --- use --------------------------------------------------------------------------------------------------------------


def released(
    asked: str, person: str | None = "0" * 32, values: dict | None = None, refused: list | None = None
) -> dict:
    return {"person": person, "asked": asked, "values": values or {}, "refused": refused or []}


def test_values_come_for_a_purpose_with_the_reasons_for_the_rest(stub: Stub, client: Client) -> None:
    no = {"data": "contact.phone", "reason": "opted-out", "sentence": "Unless you refuse.", "statement": "news"}
    one = released(ANN, values={"contact.email": "ann@example.org"}, refused=[no])
    stub.answer = lambda asked: said({"persons": [one], "duties": ["offer-opt-out"], "next": None})
    used = client.use("marketing.own", ["contact.email", "contact.phone"], [ANN])
    (ann,) = used.persons
    assert (dict(ann.values), used.duties) == ({"contact.email": "ann@example.org"}, ("offer-opt-out",))
    assert [(one.data, one.reason, one.statement) for one in ann.refused] == [("contact.phone", "opted-out", "news")]
    assert "ann@example.org" not in repr(used)
    assert stub.asked[0].json() == {
        "purpose": "marketing.own", "data": ["contact.email", "contact.phone"], "persons": [ANN], "product": "shop",
    }  # fmt: skip


@pytest.mark.parametrize("persons", [[], [released("email:bob@example.org")], [released(ANN), released(ANN)]])
def test_values_of_others_than_those_asked_for_are_no_answer(stub: Stub, client: Client, persons: list) -> None:
    stub.answer = lambda asked: said({"persons": persons, "duties": [], "next": None})
    with pytest.raises(Unavailable):
        client.use("marketing.own", ["contact.email"], [ANN])


def test_a_text_where_a_list_belongs_is_not_taken_letter_by_letter(client: Client) -> None:
    with pytest.raises(TypeError):
        client.use("marketing.own", "contact.email", [ANN])
    with pytest.raises(TypeError):
        client.use("marketing.own", ["contact.email"], ANN)
    with pytest.raises(TypeError):
        client.purpose("marketing.own", data="contact.email")


def test_a_segment_comes_page_by_page_when_it_is_taken(stub: Stub, client: Client) -> None:
    def answer(asked: Asked) -> bytes:
        after = asked.json()["segment"]["after"]
        person, following = {None: ("a", "a"), "a": ("b", "b"), "b": ("c", None)}[after]
        return said({"persons": [released(person, person)], "duties": [], "next": following})

    stub.answer = answer
    pages = client.use_segment("marketing.own", ["contact.email"], statement="registration", limit=1)
    assert stub.asked == []
    assert next(pages).persons[0].person == "a"
    assert len(stub.asked) == 1
    assert [one.person for page in pages for one in page.persons] == ["b", "c"]
    assert stub.asked[0].json()["segment"] == {
        "statement": "registration", "product": None, "after": None, "limit": 1,
    }  # fmt: skip


def test_pages_that_go_round_in_a_circle_end(stub: Stub, client: Client) -> None:
    stub.answer = lambda asked: said({"persons": [], "duties": [], "next": "a"})
    with pytest.raises(Unavailable):
        list(client.use_segment("marketing.own", ["contact.email"]))
    assert len(stub.asked) == 2


# --- decide -----------------------------------------------------------------------------------------------------------


def test_a_decision_is_true_where_it_allows(stub: Stub, client: Client) -> None:
    context = {"reason": "stated", "statements": ["news"], "duties": ["offer-opt-out"], "sentence": "We mail.",
               "version": "2017-02-01"}  # fmt: skip
    no = {"reason": "opted-out", "statements": ["news"], "gate": {"kind": "unless", "name": "marketing"}}
    stub.script(said({"decision": True, "context": context}), said({"decision": False, "context": no}))
    yes = client.decide("use", "contact.email", "marketing.own", ANN)
    assert yes
    assert (yes.reason, yes.duties, yes.sentence) == ("stated", ("offer-opt-out",), "We mail.")
    at = datetime(2017, 3, 1, tzinfo=UTC)
    refused = client.decide("use", "contact.email", "marketing.own", ANN, at=at, choices={"marketing": "out"})
    assert not refused
    assert refused.gate is not None
    assert refused.gate.name == "marketing"
    assert stub.asked[1].json() == {
        "subject": {"type": "service", "id": "billing"},
        "action": {"name": "use", "properties": {"purpose": "marketing.own"}},
        "resource": {"type": "contact.email", "id": ANN},
        "context": {"product": "shop", "choices": {"marketing": "out"}, "at": "2017-03-01T00:00:00+00:00"},
    }


@pytest.mark.parametrize("decision", ["true", 1, None, [], {}])
def test_nearly_a_decision_is_none(stub: Stub, client: Client, decision: object) -> None:
    stub.answer = lambda asked: said({"decision": decision, "context": {"reason": "stated"}})
    with pytest.raises(Unavailable):
        client.decide("use", "contact.email", "marketing.own", ANN)


def test_the_errors_of_the_decision_route_are_a_line_of_text(stub: Stub, client: Client) -> None:
    line = b"resource.type: 'contact.emial' is not a data term. Did you mean 'contact.email'? [unknown-data]\n"
    stub.answer = lambda asked: said(line, 400, "text/plain; charset=utf-8")
    with pytest.raises(WrongRequest, match="Did you mean") as caught:
        client.decide("use", "contact.emial", "marketing.own", ANN)
    assert caught.value.code == "unknown-data"


# --- the client itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "privacy.example.org",
        "ftp://privacy.example.org",
        "http://privacy.example.org",
        "http://10.0.0.1:8768",
        "https://ann:secret@privacy.example.org",
        "https://privacy.example.org/?key=x",
        "https://",
    ],
)
def test_addresses_that_cannot_be_meant(url: str) -> None:
    with pytest.raises(ValueError, match=r"Troth|clear"):
        Client(url)


def test_http_in_the_clear_has_to_be_meant() -> None:
    for url in ("http://localhost:1", "http://troth.localhost", "http://127.0.0.1", "http://[::1]:80"):
        Client(url)
    Client("http://troth.internal", plain_http=True)


def test_a_key_is_one_line() -> None:
    with pytest.raises(ValueError, match="visible ASCII"):
        Client("https://privacy.example.org", "troth_a_b\r\nX: y")
