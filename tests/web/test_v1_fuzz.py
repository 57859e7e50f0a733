"""Everything that the description of the gates allows, and much that it does not: no answer is a failure of ours."""

import json
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from choosing import choosing
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from test_files_http import FIRM, OTHER, serving

from troth.web.v1.openapi import openapi

COUNT = 60  # requests of each operation; each is answered by the real server
TERMS = ["contact.email", "identity.name", "content.feedback", "device.ip", "payment.card", "usage.clickstream"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with choosing(tmp_path_factory.mktemp("fuzz")) as served:
        yield served


def test_no_request_of_the_description_is_a_failure_of_ours(served, tmp_path: Path) -> None:
    schema = schemathesis.openapi.from_dict(openapi())
    schema.config.base_url = served.url
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(max_examples=COUNT, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
        def check(case) -> None:
            nonlocal tried
            answer = case.call()
            tried += 1
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400 and case.method.upper() != "HEAD":
                assert set(answer.json()) == {"error", "message", "field", "statement", "sentence"}, answer.text

        check()
    assert tried > 3 * COUNT


OF_FILES = [response_schema_conformance, content_type_conformance, status_code_conformance]


def test_what_is_answered_about_files_is_what_the_description_says(tmp_path: Path) -> None:
    """With the link to a file and with others; by its recipient, another one, and nobody."""
    with serving(tmp_path) as at:
        _, link = at.made()
        schema = schemathesis.openapi.from_dict(openapi()).include(path_regex="^/v1/files/")
        schema.config.base_url = at.url
        statuses: dict[str, set[int]] = {}
        for result in schema.get_all_operations():
            operation = result.ok()

            @hypothesis.given(
                case=operation.as_strategy(), real=st.booleans(), who=st.sampled_from([None, FIRM, FIRM, OTHER])
            )
            @hypothesis.settings(max_examples=COUNT, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
            def check(case, real, who) -> None:
                if real:
                    case.path_parameters["token"] = link.rpartition("/")[2]
                headers = {} if who is None else {"Authorization": f"Bearer {at.secrets[who]}"}
                answer = case.call(headers=headers)
                statuses.setdefault(case.operation.label, set()).add(answer.status_code)
                case.validate_response(answer, checks=OF_FILES)

            check()
        assert {401, 404} <= statuses["GET /v1/files/{token}/manifest"]
        # the first whole fetch uses the link up, in whichever order they come
        assert {401, 404, 410} <= statuses["GET /v1/files/{token}"]
        assert {200, 206, 416} & statuses["GET /v1/files/{token}"]
        assert {401, 404} <= statuses["HEAD /v1/files/{token}"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@hypothesis.given(
    statement=st.sampled_from(
        ["registration", "site-forms", "feedback", "surveys", "analytics-cookies", "x", "%00", "..%2f"]
    ),
    fields=st.dictionaries(st.sampled_from(TERMS) | st.text(max_size=8), VALUES, max_size=4),
    more=st.dictionaries(st.sampled_from(["person", "product", "moment", "return"]), VALUES, max_size=3),
    damage=st.sampled_from(["", "cut", "bytes", "deep", "type"]),
)
@hypothesis.settings(max_examples=150, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
def test_no_body_is_a_failure_of_ours(served, statement, fields, more, damage) -> None:
    try:
        body = json.dumps({"fields": fields, "person": "account:1", **more}, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        body = json.dumps({"fields": fields, "person": "account:1", **more}).encode()
    kind = "application/json"
    if damage == "cut":
        body = body[: len(body) // 2]
    elif damage == "bytes":
        body += b"\xff\xfe"
    elif damage == "deep":
        body = b'{"fields": ' + b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"}"
    elif damage == "type":
        kind = "application/x-www-form-urlencoded"
    with served.client() as client:
        answer = client.post(f"/v1/collect/{statement}", content=body, headers={"Content-Type": kind})
        assert answer.status_code < 500, (answer.status_code, answer.text, body[:200])
        asked = client.post("/v1/use", content=body, headers={"Content-Type": kind})
        assert asked.status_code < 500, (asked.status_code, asked.text, body[:200])
