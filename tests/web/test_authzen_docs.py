"""What the documents say about the decision over HTTP is true: each question in them gets the answer shown."""

import json
import re
import shlex
from pathlib import Path

import httpx
import pytest
from running import EXAMPLE, running

import troth
from troth.decision.question import QUESTION_ERRORS, REASONS
from troth.web.app import make_app
from troth.web.authzen import request as authzen_request
from troth.web.authzen import response as authzen_response
from troth.web.authzen import routes as authzen
from troth.web.server import DEFAULT_PORT

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference" / "authzen.md").read_text("utf-8")


def exchanges():
    """Every question to the decision point in a console block of the documents: page, command and what is shown."""
    found = []
    for page in sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")]):
        for block in re.findall(r"^```console\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
            for part in re.split(r"^\$ ", block, flags=re.M):
                if match := re.match(r"(curl (?:'[^']*'|\\\n|[^'\n])*)\n(.*)", part, re.S):
                    if not re.search(r"/access/v1/|/\.well-known/authzen", match[1]):
                        continue
                    found.append(pytest.param(match[1], match[2], id=f"{page.name}-{len(found)}"))
    return found


def asked(client, command):
    """The response to a curl command."""
    words = iter(shlex.split(command.replace("\\\n", " ").split(" | ")[0])[1:])
    headers, body, url = {}, None, None
    for word in words:
        if word in ("-d", "--json"):
            body = next(words)
            if word == "--json":
                headers["Content-Type"] = "application/json"
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif not word.startswith("-"):
            url = word
    host, path = re.fullmatch(r"http://(localhost:\d+|127\.0\.0\.1:\d+)(/.*)", url).groups()
    assert host.endswith(f":{DEFAULT_PORT}")
    return client.request("POST" if body else "GET", path, content=body, headers=headers | {"Host": host})


@pytest.fixture(scope="module")
def client():
    with running(make_app(troth.Policy.read(EXAMPLE))) as url, httpx.Client(base_url=url) as client:
        yield client


@pytest.mark.parametrize(("command", "shown"), exchanges())
def test_a_question_gets_the_answer_shown(client, command, shown):
    response = asked(client, command)
    if not shown.strip():
        assert response.status_code == 200
    elif shown.startswith("{"):
        assert response.json() == json.loads(shown)
    else:
        assert response.text == shown


def test_the_reference_is_complete():
    for name in [*REASONS, *authzen_request.SEMANTICS, authzen.EVALUATION, authzen.EVALUATIONS, authzen.METADATA]:
        assert f"`{name}`" in REFERENCE or f" {name}`" in REFERENCE, name
    for code, meaning in QUESTION_ERRORS.items():
        told = meaning.replace("'", "`")
        assert f"| `{code}` | {told} |" in REFERENCE, code
    for place in ["subject.type", "subject.id", "resource.id", *authzen_request.PLACES.values()]:
        assert f"`{place}`" in REFERENCE, place
    for name in authzen_response.DecisionContext.__struct_fields__:
        assert f"| `context.{name}` |" in REFERENCE, name


def test_the_limits_are_told():
    assert f"up to {authzen_request.MOST_EVALUATIONS:,} questions" in REFERENCE
    assert authzen.MOST_BYTES == 64 * 1024
    assert authzen.MOST_BYTES_OF_EVALUATIONS == 1024 * 1024
    assert "larger than 64 KiB, for several questions 1 MiB" in REFERENCE
