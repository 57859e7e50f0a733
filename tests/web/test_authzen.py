"""The decision over HTTP, against the real server: requests, responses, errors and headers of AuthZEN 1.0.

Cases marked "certification" follow the working group's conformance scenario for decision points.
"""

import json

import httpx
import pytest
from running import EXAMPLE, SMALL, exchange, question, running

import troth
from troth.decision.question import QUESTION_ERRORS
from troth.web.app import make_app
from troth.web.authzen.request import MOST_EVALUATIONS, PLACES
from troth.web.authzen.routes import EVALUATION, EVALUATIONS, METADATA, MOST_BYTES, DecisionRoutes
from troth.web.headers import secured

ALLOWED = question(choices={"marketing": "in"})
REFUSED = question(choices={"marketing": "out"})
SUBJECT = {"type": "service", "id": "mailer"}


@pytest.fixture(scope="module")
def url():
    with running(make_app(SMALL)) as address:
        yield address


@pytest.fixture(scope="module")
def client(url):
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client


def decided(client, request, path=EVALUATION):
    response = client.post(path, json=request)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def refused(client, body, path=EVALUATION, status=400, content_type="application/json"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = client.post(path, content=content, headers={"Content-Type": content_type} if content_type else {})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert "decision" not in response.text or response.headers["content-type"] != "application/json"
    return response.text


# --- one decision -----------------------------------------------------------------------------------------------------


def test_the_flagship_refuses_marketing_to_who_opted_out():
    request = question(product="gototraining", choices={"marketing": "out"})
    with running(make_app(troth.Policy.read(EXAMPLE))) as url, httpx.Client(base_url=url) as client:
        answer = decided(client, request)
    assert answer["decision"] is False
    assert answer["context"]["reason"] == "opted-out"
    assert answer["context"]["statements"] == ["news"]
    assert "unless you opt out" in answer["context"]["sentence"]
    assert answer["context"]["gate"] == {"kind": "unless", "name": "marketing"}


def test_a_permit_brings_its_duties(client):
    assert decided(client, ALLOWED) == {
        "decision": True,
        "context": {
            "reason": "stated",
            "statements": ["news"],
            "duties": ["offer-opt-out"],
            "sentence": "We send you “news” unless you say no.",
            "version": "2016-01-01",
        },
    }


def test_a_refusal_says_why_to_people_and_to_staff(client):
    assert decided(client, REFUSED) == {
        "decision": False,
        "context": {
            "reason": "opted-out",
            "statements": ["news"],
            "duties": [],
            "sentence": "We send you “news” unless you say no.",
            "gate": {"kind": "unless", "name": "marketing"},
            "version": "2016-01-01",
            "reason_user": {"403": "We send you “news” unless you say no."},
            "reason_admin": {
                "403": "The person is out of the choice that the statement depends on. "
                "Reason: opted-out. Statements: news."
            },
        },
    }


def test_what_is_not_stated_has_no_sentence(client):
    context = decided(client, question(data="payment.card"))["context"]
    assert context["reason"] == "not-stated"
    assert context["statements"] == []
    assert "sentence" not in context
    assert "not said is not done" in context["reason_user"]["403"]


def test_all_fields_reach_the_decision(client):
    share = question("share", "identity.name", "service", recipient="carrier")
    assert decided(client, share)["context"]["gate"] == {"kind": "given", "name": "contract"}
    share = question("share", "identity.name", "service", recipient="carrier", given=["contract"])
    assert decided(client, share)["decision"] is True
    study = question("use", "usage", "improve.analytics", choices={"research": "in"})
    assert decided(client, study)["decision"] is False
    study = question("use", "usage", "improve.analytics", choices={"research": "in"}, product="blog")
    assert decided(client, study)["decision"] is True
    collect = question("collect", "identity.name", None, moment="registration")
    assert decided(client, collect)["decision"] is True
    collect = question("collect", "identity.name", None, moment="visit")
    assert decided(client, collect)["context"]["reason"] == "not-stated"
    old = question(held={"collected_under": "2014-01-01"})
    assert decided(client, old)["context"]["reason"] == "collected-under"
    agreed = question(held={"collected_under": "2014-01-01", "accepted": "2016-01-01"})
    assert decided(client, agreed)["decision"] is True
    kept = question(held={"expires": "2015-01-01T00:00:00Z"})
    assert decided(client, kept)["context"]["reason"] == "expired"


def test_a_question_about_another_time_says_so_in_its_answer(client):
    context = decided(client, question(at="2015-06-01T00:00:00Z"))["context"]
    assert context["reason"] == "not-stated"
    assert context["version"] == "2014-01-01"
    assert context["at"] == "2015-06-01T00:00:00Z"
    assert decided(client, question(at="2013-06-01T00:00:00+02:00"))["context"]["reason"] == "no-policy-in-force"
    # certification: `context.time` changes nothing
    answer = decided(client, question(time="2013-06-27T18:03-07:00", ip="192.168.1.1"))
    assert answer["decision"] is True
    assert answer["context"]["ignored"] == ["context.time", "context.ip"]
    assert "at" not in answer["context"]


def test_unknown_members_are_ignored_and_named(client):
    request = ALLOWED | {"foo": "bar", "futureField": {"nested": True}}
    request["subject"] = SUBJECT | {"properties": {"department": "Sales", "role": ["manager"]}, "x": 1}
    request["action"] = {"name": "use", "properties": {"purpose": "marketing.own", "method": "GET"}}
    request["context"] = {"choises": {"marketing": "out"}}
    answer = decided(client, request)
    assert answer["decision"] is True
    assert answer["context"]["ignored"] == [
        "subject.x", "action.properties.method", "context.choises", "foo", "futureField",
    ]  # fmt: skip


def test_members_that_are_null_count_as_left_out_and_their_objects_may_not_be(client):
    request = question() | {"context": {"recipient": None, "choices": None, "given": None, "at": None}}
    assert decided(client, request)["decision"] is True
    for key in ("subject", "action", "resource", "context"):
        assert key in refused(client, question() | {key: None})
    assert "choices" in refused(client, question(choices={"marketing": None}))


def test_the_same_question_has_the_same_answer(client):
    # certification: idempotency; and written differently, so that the quick and the slow reading agree
    compact = json.dumps(REFUSED, separators=(",", ":")).encode()
    spread = json.dumps(REFUSED, indent=3).encode()
    escaped = compact.replace(b"marketing", b"market\\u0069ng")
    colons = json.dumps(question(person="urn:person:4711", choices={"marketing": "out"})).encode()
    bodies = [compact, spread, escaped, colons, compact]
    headers = {"Content-Type": "Application/JSON; charset=UTF-8"}
    answers = {client.post(EVALUATION, content=body, headers=headers).text for body in bodies}
    assert len(answers) == 1
    assert json.loads(answers.pop())["decision"] is False


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["subject", "action", "resource"])
def test_what_is_required_and_missing_is_named(client, missing):
    # certification: missing required fields and sub-fields
    assert f"`{missing}`" in refused(client, {key: value for key, value in ALLOWED.items() if key != missing})
    for member in [name for name in ALLOWED[missing] if name != "properties"]:
        entity = {key: value for key, value in ALLOWED[missing].items() if key != member}
        assert f"`{member}`" in refused(client, ALLOWED | {missing: entity})


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "alice"},
        {"subject": {"type": "service", "id": 1}},
        {"subject": SUBJECT | {"properties": []}},
        {"action": {"name": 123}},
        {"action": {"name": "use", "properties": "marketing"}},
        {"resource": ["contact.email", "1"]},
        {"context": []},
        {"context": {"choices": ["marketing"]}},
        {"context": {"choices": {"marketing": True}}},
        {"context": {"given": "contract"}},
        {"context": {"at": "yesterday"}},
        {"context": {"at": 1700000000}},
        {"resource": {"type": "contact.email", "id": "1", "properties": {"expires": "2015-13-01T00:00:00Z"}}},
    ],
)
def test_a_wrong_type_is_an_error(client, change):
    assert refused(client, ALLOWED | change).startswith("The request is not an access evaluation request")


MISTAKES = {
    "unknown-action": question("read"),
    "unknown-data": question(data="contact.emial"),
    "unknown-purpose": question(purpose="marketing.owm"),
    "unknown-recipient": question("share", recipient="nobody"),
    "unknown-product": question(product="shoop"),
    "unknown-moment": question("collect", moment="tomorrow"),
    "unknown-choice": question(choices={"marketting": "out"}),
    "unknown-condition": question(given=["contrakt"]),
    "unknown-version": question(held={"collected_under": "2015-01-01"}),
    "bad-state": question(choices={"marketing": "maybe"}),
    "bad-time": question(at="2016-06-01T00:00:00"),
    "missing": question(purpose=None),
    "not-taken": question(recipient="carrier"),
}


def test_all_mistakes_are_tried():
    assert MISTAKES.keys() == QUESTION_ERRORS.keys()


@pytest.mark.parametrize("code", MISTAKES)
def test_a_mistake_in_the_question_is_the_callers_error(client, code):
    text = refused(client, MISTAKES[code])
    assert text.endswith(f"[{code}]\n")
    assert text.split(": ")[0] in PLACES.values()
    answer = decided(client, {"evaluations": [MISTAKES[code], ALLOWED]}, EVALUATIONS)["evaluations"]
    assert [one["decision"] for one in answer] == [False, True]
    assert answer[0]["context"] == {"error": {"status": 400, "message": text.strip(), "code": code}}


def test_an_error_teaches_the_right_spelling(client):
    text = refused(client, MISTAKES["unknown-data"])
    assert text == "resource.type: 'contact.emial' is not a data term. Did you mean 'contact.email'? [unknown-data]\n"


def twice(name):
    return json.dumps(REFUSED).replace(f'"{name}":', f'"{name}": {{}}, "{name}":', 1).encode()


NOT_JSON = {
    "empty": b"",
    "cut off": json.dumps(ALLOWED).encode()[:-1],
    "more after it": json.dumps(ALLOWED).encode() + b"{}",
    "text": b"decision=true",
    "a list": b"[]",
    "a string": b'"subject"',
    "a comment": b"/**/" + json.dumps(ALLOWED).encode(),
    "a comma too many": json.dumps(ALLOWED)[:-1].encode() + b",}",
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(ALLOWED).encode(),
    "UTF-16": json.dumps(ALLOWED).encode("utf-16"),
    "Latin-1 in what is read": json.dumps(question(person="Ä"), ensure_ascii=False).encode("latin-1"),
    "Latin-1 in what is ignored": json.dumps(ALLOWED | {"x": "Ä"}, ensure_ascii=False).encode("latin-1"),
    "half a surrogate pair": json.dumps(ALLOWED | {"x": "\ud800"}).encode(),
    "half a surrogate pair in what is read": json.dumps(question(person="\ud800")).encode(),
    "a null byte": json.dumps(ALLOWED).encode() + b"\x00",
    "not a number": json.dumps(ALLOWED | {"x": float("nan")}).encode(),
    "a bomb of lists": json.dumps(ALLOWED)[:-1].encode() + b',"x":' + b"[" * 30000,
    "a bomb of lists that ends": json.dumps(ALLOWED)[:-1].encode() + b',"x":' + b"[" * 20000 + b"]" * 20000 + b"}",
    "a bomb of objects": json.dumps(ALLOWED)[:-1].encode() + b',"x":' + b'{"a":' * 10000 + b"1" + b"}" * 10001,
    "a huge number": json.dumps(ALLOWED)[:-1].encode() + b',"x":' + b"9" * 10000 + b"}",
    "an entity twice": twice("context"),
    "a state twice": json.dumps(REFUSED).replace('"out"', '"out", "marketing": "in"').encode(),
    "a member twice, once escaped": json.dumps(REFUSED).replace('"out"', '"out", "market\\u0069ng": "in"').encode(),
    "a time and a state twice": json.dumps(
        question(held={"expires": "2099-01-01T00:00:00Z"}, choices={"marketing": "out"})
    )
    .replace('"out"', '"out", "marketing": "in"')
    .encode(),
    "two times": json.dumps(question(held={"expires": "2015-01-01T00:00:00Z"}))
    .replace('Z"', 'Z", "expires": "2099-01-01T00:00:00+0100"')
    .encode(),
    "an ignored member twice": json.dumps(ALLOWED)[:-1].encode() + b',"x":1,"x":2}',
}


@pytest.mark.parametrize("path", [EVALUATION, EVALUATIONS])
@pytest.mark.parametrize("case", NOT_JSON)
def test_what_cannot_be_read_in_one_way_only_is_refused(client, case, path):
    # certification: malformed JSON, empty body
    refused(client, NOT_JSON[case], path)


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/json", "application/jsonp", "application/x-www-form-urlencoded",
     "application/json; charset=utf-16"],
)  # fmt: skip
def test_only_json_is_read(client, content_type):
    # certification: an invalid content type is a 400
    assert "application/json" in refused(client, ALLOWED, content_type=content_type)


def test_a_large_body_is_refused_before_it_is_read(client, url):
    text = refused(client, b" " * (MOST_BYTES + 1), status=413)
    assert str(MOST_BYTES) in text
    assert decided(client, ALLOWED)["decision"] is True
    head = f"POST {EVALUATION} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    received = exchange(url, f"{head}Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n".encode())
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in received
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    received = exchange(url, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk * 3 + b"0\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 413 ")


def test_a_body_in_pieces_is_put_together(url):
    body = json.dumps(REFUSED).encode()
    head = f"POST {EVALUATION} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(body[i : i + 50]), body[i : i + 50]) for i in range(0, len(body), 50))
    received = exchange(url, head.encode() + pieces + b"0\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b'"decision":false' in received


def test_methods(client):
    for path in (EVALUATION, EVALUATIONS):
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
            response = client.request(method, path)
            assert (response.status_code, response.headers["allow"]) == (405, "POST, OPTIONS")
        response = client.options(path)
        assert (response.status_code, response.headers["allow"], response.content) == (204, "POST, OPTIONS", b"")
        assert "access-control-allow-origin" not in response.headers
    response = client.post(METADATA)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_what_is_not_offered_is_not_found(client):
    for path in ("/access/v1/search/subject", "/access/v1/", "/access/v1/evaluation/"):
        response = client.post(path, json=ALLOWED)
        assert response.status_code == 404
        assert METADATA in response.text


# --- several decisions ------------------------------------------------------------------------------------------------


def decisions(client, request):
    answer = decided(client, request, EVALUATIONS)
    assert answer.keys() == {"evaluations"}
    return [one["decision"] for one in answer["evaluations"]]


IN = {"context": {"choices": {"marketing": "in"}}}
OUT = {"context": {"choices": {"marketing": "out"}}}


@pytest.mark.parametrize(
    ("semantic", "items", "expected"),
    [
        (None, [IN, OUT, IN], [True, False, True]),
        ("execute_all", [IN, OUT, IN], [True, False, True]),
        ("deny_on_first_deny", [IN, OUT, IN], [True, False]),
        ("deny_on_first_deny", [IN, {"resource": {}}, IN], [True, False]),
        ("deny_on_first_deny", [IN, IN], [True, True]),
        ("permit_on_first_permit", [OUT, IN, OUT], [False, True]),
        ("permit_on_first_permit", [{"action": 1}, OUT], [False, False]),
    ],
)
def test_the_semantics(client, semantic, items, expected):
    request = {key: ALLOWED[key] for key in ("subject", "action")} | {"evaluations": items}
    if {"resource": {}} not in items:
        request["resource"] = ALLOWED["resource"]
    else:
        request["evaluations"] = [{"resource": ALLOWED["resource"]} | item for item in items]
    if semantic:
        request["options"] = {"evaluations_semantic": semantic, "another_option": "value"}
    assert decisions(client, request) == expected


def test_defaults_are_overridden_as_a_whole(client):
    request = REFUSED | {"evaluations": [{}, IN, {"context": {}}, {"action": {"name": "sell"}}]}
    request["evaluations"].append({"resource": {"type": "payment.card", "id": "1"}})
    answers = decided(client, request, EVALUATIONS)["evaluations"]
    assert [one["context"].get("reason") for one in answers] == ["opted-out", "stated", "stated", None, "not-stated"]
    assert answers[3]["context"]["error"]["code"] == "missing"  # to sell takes a recipient


def test_what_is_required_may_come_from_the_default(client):
    # certification: batch with default value merging
    request = {
        "subject": SUBJECT,
        "action": {"name": "use"},
        "resource": {"type": "contact.email"},
        "evaluations": [
            {"resource": {"id": "1"}, "action": {"properties": {"purpose": "marketing.own"}}},
            {"resource": {"type": "payment.card", "id": "2"}, "action": {"properties": {"purpose": "marketing.own"}}},
            {"action": {"properties": {"purpose": "marketing.own"}}},
        ],
    }
    assert decisions(client, request) == [True, False, False]


def test_one_bad_item_spoils_no_other(client):
    # certification: evaluation-level errors
    items = [IN, {"resource": {}}, {"subject": "x"}, 1, None, [], {"context": None}, MISTAKES["unknown-data"], OUT]
    request = {key: ALLOWED[key] for key in ("subject", "action")}
    request["evaluations"] = [
        {"resource": ALLOWED["resource"]} | item if isinstance(item, dict) else item for item in items
    ]
    answers = decided(client, request, EVALUATIONS)["evaluations"]
    assert [one["decision"] for one in answers] == [True] + [False] * 8
    assert all(one["context"]["error"]["status"] == 400 for one in answers[1:8])
    assert answers[8]["context"]["reason"] == "opted-out"


@pytest.mark.parametrize("more", [{}, {"evaluations": []}, {"options": {}}, {"evaluations": [], "options": {"x": 1}}])
def test_without_items_it_is_a_single_evaluation(client, more):
    assert decided(client, REFUSED | more, EVALUATIONS) == decided(client, REFUSED)
    refused(client, {"subject": SUBJECT} | more, EVALUATIONS)


@pytest.mark.parametrize(
    "more",
    [
        {"evaluations": {}},
        {"evaluations": None},
        {"evaluations": [{}], "options": []},
        {"evaluations": [{}], "options": {"evaluations_semantic": "first"}},
        {"evaluations": [{}], "options": {"evaluations_semantic": None}},
        {"evaluations": [{}], "options": {"evaluations_semantic": ["execute_all"]}},
        {"evaluations": [{}], "subject": "alice"},
        {"evaluations": [{}], "context": None},
        {"evaluations": [{}] * (MOST_EVALUATIONS + 1)},
    ],
)
def test_what_is_wrong_as_a_whole_is_an_error(client, more):
    refused(client, ALLOWED | more, EVALUATIONS)


def test_as_many_as_may_be_asked_are_answered(client):
    assert decisions(client, REFUSED | {"evaluations": [{}, IN] * (MOST_EVALUATIONS // 2)}) == [False, True] * 500


def test_evaluations_are_no_member_of_a_single_evaluation(client):
    answer = decided(client, ALLOWED | {"evaluations": [OUT]})
    assert answer["decision"] is True
    assert answer["context"]["ignored"] == ["evaluations"]


# --- headers and metadata ---------------------------------------------------------------------------------------------


def test_the_request_id_comes_back(client):
    for method, path, request in [
        ("POST", EVALUATION, ALLOWED), ("POST", EVALUATION, {}), ("POST", EVALUATIONS, ALLOWED),
        ("GET", METADATA, None), ("GET", EVALUATION, None), ("OPTIONS", EVALUATION, None),
        ("POST", "/access/v1/search/subject", {}),
    ]:  # fmt: skip
        headers = {"X-Request-ID": "bfe9eb29-ab87-4ca3-be83-a1d5d8305716 ü".encode()}
        response = client.request(method, path, json=request, headers=headers)
        assert response.headers.raw.count((b"x-request-id", headers["X-Request-ID"])) == 1
        assert "x-request-id" not in client.request(method, path, json=request).headers


def test_the_metadata_offers_what_there_is(client, url):
    response = client.get(METADATA)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "max-age=3600"
    assert response.json() == {
        "policy_decision_point": url,
        "access_evaluation_endpoint": f"{url}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{url}/access/v1/evaluations",
    }
    head = client.head(METADATA)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == response.headers["content-length"]


def test_the_metadata_names_the_public_address():
    with running(make_app(SMALL, public_url="https://pdp.example.com/")) as url:
        metadata = httpx.get(url + METADATA).json()
    assert metadata["policy_decision_point"] == "https://pdp.example.com"
    assert metadata["access_evaluation_endpoint"] == "https://pdp.example.com/access/v1/evaluation"


# --- failing closed ---------------------------------------------------------------------------------------------------


class Broken:
    """A decision point that fails, or answers nonsense."""

    def __init__(self, answer):
        self.answer = answer

    def decide(self, **_):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("answer", [RuntimeError("the table is empty"), MemoryError(), None, True, {"allowed": True}])
def test_a_failure_inside_is_never_a_yes(answer, caplog):
    with running(alone(DecisionRoutes(Broken(answer)))) as url, httpx.Client(base_url=url) as client:
        response = client.post(EVALUATION, json=ALLOWED, headers={"X-Request-ID": "abc"})
        assert (response.status_code, response.headers["x-request-id"]) == (500, "abc")
        assert "table" not in response.text
        assert "abc" in caplog.text
        assert client.post(EVALUATION, json=ALLOWED).headers["x-request-id"]
        answers = client.post(EVALUATIONS, json=ALLOWED | {"evaluations": [IN, OUT]}).json()["evaluations"]
    assert [one["decision"] for one in answers] == [False, False]
    assert [one["context"]["error"]["status"] for one in answers] == [500, 500]
    assert "127.0.0.1" not in caplog.text


def alone(routes):
    """The decision routes without pages."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{kind}"
                await send({"type": f"lifespan.{kind}.complete"})
        else:
            await routes(scope, receive, send)

    return secured(app)
