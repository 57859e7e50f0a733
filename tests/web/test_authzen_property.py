"""A decision over HTTP is the decision of the decision point, and whatever is sent, the answer is a proper one."""

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import SMALL, question

import troth
from troth.decision.question import REASONS, Known
from troth.policy.vocabulary import ACTIONS
from troth.web.authzen.routes import EVALUATION, EVALUATIONS, DecisionRoutes

POINT = troth.DecisionPoint(SMALL)
NOW = datetime(2016, 6, 1, tzinfo=UTC)
ROUTES = DecisionRoutes(POINT, clock=lambda: NOW)
KNOWN = Known(SMALL)


def post(path, content):
    """The response to a request, without a server in between."""

    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=ROUTES), base_url="http://localhost") as client:
            return await client.post(path, content=content, headers={"Content-Type": "application/json"})

    return asyncio.run(run())


def some(names, *others):
    return st.sampled_from([*names, *others])


times = st.builds(
    lambda hours, zone: (datetime(2013, 1, 1, tzinfo=UTC) + timedelta(hours=hours)).astimezone(zone),
    st.integers(0, 5 * 365 * 24),
    st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
)
data = some([term for term in KNOWN.data if term.startswith(("contact", "identity", "usage"))], "contact.emial")
fields = st.fixed_dictionaries(
    {"action": some(ACTIONS, "read"), "data": data},
    optional={
        "purpose": some([term for term in KNOWN.purpose if term.startswith(("marketing", "service", "improve"))], "x"),
        "recipient": some(["carrier", "processor", "authority"], "nobody"),
        "product": some(["shop", "blog"], "gone"),
        "moment": some(["registration", "visit"], "x"),
        "choices": st.dictionaries(some(["marketing", "research"], "x"), some(["in", "out"], "maybe"), max_size=2),
        "given": st.lists(some(["contract", "legal-process"], "x"), max_size=2),
        "at": times,
        "collected_under": some(KNOWN.version, "2015-01-01"),
        "expires": times,
        "accepted": some(KNOWN.version),
    },
)


def written(fields):
    """A question as a request."""
    held = {name: fields[name] for name in ("collected_under", "expires", "accepted") if name in fields}
    rest = {name: value for name, value in fields.items() if name not in held}
    return json.loads(msgspec.json.encode(question(**({"purpose": None} | rest), held=held)))


def decide(fields):
    """The decision on a question, or None and the code of what is wrong with it."""
    try:
        return POINT.decide(**({"at": NOW} | fields)), None
    except troth.QuestionError as error:
        return None, error.code


@settings(max_examples=400)
@given(st.lists(fields, min_size=1, max_size=4))
def test_http_answers_as_the_decision_point_does(several):
    answers = post(EVALUATIONS, json.dumps({"evaluations": [written(one) for one in several]})).json()["evaluations"]
    assert len(answers) == len(several)
    for one, answer in zip(several, answers, strict=True):
        response = post(EVALUATION, json.dumps(written(one)))
        decision, code = decide(one)
        if decision is None:
            assert response.status_code == 400
            assert response.text.endswith(f"[{code}]\n")
            assert answer == {
                "decision": False,
                "context": {"error": {"status": 400, "message": response.text.strip(), "code": code}},
            }
            continue
        assert response.status_code == 200
        assert response.json() == answer
        context = answer["context"]
        assert answer["decision"] is decision.allowed
        assert context["reason"] == decision.reason
        assert tuple(context["statements"]) == decision.statements
        assert tuple(context["duties"]) == decision.duties
        assert context.get("sentence") == decision.sentence
        assert context.get("version") == decision.version
        assert context.get("gate") == (decision.gate and {"kind": decision.gate.kind, "name": decision.gate.name})
        assert ("at" in context) is ("at" in one)
        if "at" in one:
            assert datetime.fromisoformat(context["at"]) == one["at"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["use", "contact.email", "marketing.own", "2016-01-01T00:00:00Z", "in", "marketing"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["subject", "action", "resource", "context", "type", "id", "name", "properties", "purpose",
                         "choices", "evaluations", "options", "at", "expires", "x", ":"]), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=400)
@given(anything, st.sampled_from([EVALUATION, EVALUATIONS]))
def test_whatever_is_sent_the_answer_is_a_proper_one(value, path):
    proper(post(path, json.dumps(value)))


@settings(max_examples=400)
@given(st.data(), st.sampled_from([EVALUATION, EVALUATIONS]))
def test_whatever_is_done_to_a_request_the_answer_is_a_proper_one(draw, path):
    body = bytearray(json.dumps(question(choices={"marketing": "out"}), ensure_ascii=False).encode())
    for _ in range(draw.draw(st.integers(1, 4))):
        place = draw.draw(st.integers(0, len(body) - 1))
        body[place : place + draw.draw(st.integers(0, 3))] = draw.draw(st.binary(max_size=3))
    proper(post(path, bytes(body)))


def proper(response):
    assert response.status_code in (200, 400)
    if response.status_code == 400:
        assert response.text.endswith("\n")
        assert response.headers["content-type"].startswith("text/plain")
        return
    answer = response.json()
    for one in answer.get("evaluations", [answer]):
        assert isinstance(one["decision"], bool)
        assert one["context"].get("reason") in REASONS or one["context"]["error"]["status"] == 400


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_the_ends_of_time(at):
    assert post(EVALUATION, json.dumps(question(at=at))).status_code == 200
