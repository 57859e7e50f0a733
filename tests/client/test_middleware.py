"""What an application collects through Troth with two lines: over ASGI and WSGI, however a form is encoded."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from stub import CLOSE, Stub, collected, refusal, said

from troth.client import (
    Answer,
    Client,
    CollectASGI,
    CollectWSGI,
    Form,
    Outcome,
    Refused,
    TrothError,
    Unavailable,
    WrongRequest,
)

URLENCODED = "application/x-www-form-urlencoded"
BODY = b"email=ann%40example.org&name=Ann+%C3%84&secret=no"
FORM = Form("registration", fields={"email": "contact.email", "name": "identity.name"}, moment="trial")
SENT = {"contact.email": "ann@example.org", "identity.name": "Ann Ä"}


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: str
    seen: bytes | None = None  # the body that the application got
    outcome: Outcome | None = None


Post = Callable[..., Response]


def post_asgi(client: Client, forms: Mapping[str, Form], path: str, body: bytes, headers: dict, **how) -> Response:
    response, step = Response(0, {}, ""), 7 if len(body) < 1000 else 65536
    pieces = [body[place : place + step] for place in range(0, len(body), step)] or [b""]
    messages = [
        {"type": "http.request", "body": piece, "more_body": place < len(pieces) - 1}
        for place, piece in enumerate(pieces)
    ]
    if how.pop("breaks_off", False):
        messages[-1:] = [{"type": "http.disconnect"}]

    async def app(scope, receive, send) -> None:
        response.outcome = scope.get("troth")
        got, more = b"", True
        while more:
            message = await receive()
            got, more = got + message["body"], message["more_body"]
        response.seen = got
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"app"})

    async def receive():
        return messages.pop(0)

    async def send(message) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            response.body += message["body"].decode()

    scope = {
        "type": "http", "method": how.pop("method", "POST"), "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "user": "4711",
    }  # fmt: skip
    asyncio.run(CollectASGI(app, client, forms, **how)(scope, receive, send))
    return response


def post_wsgi(client: Client, forms: Mapping[str, Form], path: str, body: bytes, headers: dict, **how) -> Response:
    response = Response(0, {}, "")

    def app(environ, start_response):
        response.outcome = environ.get("troth")
        response.seen = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response("200 OK", [])
        return [b"app"]

    def start_response(status: str, lines: list) -> None:
        response.status = int(status.split()[0])
        response.headers = {name.lower(): value for name, value in lines}

    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    length = len(body) + (1 if how.pop("breaks_off", False) else 0)
    environ |= {"REQUEST_METHOD": how.pop("method", "POST"), "SCRIPT_NAME": "", "PATH_INFO": path, "user": "4711"}
    environ |= {"CONTENT_LENGTH": str(length), "wsgi.input": io.BytesIO(body)}
    response.body = b"".join(CollectWSGI(app, client, forms, **how)(environ, start_response)).decode()
    return response


@pytest.fixture(params=[post_asgi, post_wsgi])
def post(request: pytest.FixtureRequest, client: Client) -> Post:
    def send(form: Form = FORM, body: bytes = BODY, path: str = "/register", kind: str = URLENCODED, **how) -> Response:
        headers = {"content-type": kind, "host": "shop.example", **how.pop("headers", {})}
        return request.param(client, {"/register": form}, path, body, headers, **how)

    return send


def multipart(**fields: str) -> tuple[bytes, str]:
    parts = [
        f'--bound\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()
    ]
    return ("\r\n".join(parts) + "\r\n--bound--\r\n").encode(), "multipart/form-data; boundary=bound"


# --- taken ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (BODY, URLENCODED),
        (BODY, "Application/X-WWW-Form-Urlencoded; charset=UTF-8"),
        multipart(email="ann@example.org", name="Ann Ä", secret="no"),
        (json.dumps({"email": "ann@example.org", "name": "Ann Ä", "secret": 1}).encode(), "application/json"),
    ],
)
def test_the_mapped_fields_are_collected_and_the_request_goes_on(
    stub: Stub, post: Post, body: bytes, kind: str
) -> None:
    stub.answer = lambda asked: said(collected(), 201)
    response = post(body=body, kind=kind)
    assert (response.status, response.body, response.seen) == (200, "app", body)
    assert response.outcome
    assert response.outcome.collected.entry == 12
    (asked,) = stub.asked
    assert asked.path == "/v1/collect/registration"
    assert asked.json() == {"fields": SENT, "product": "shop", "moment": "trial"}


@pytest.mark.parametrize("path", ["/register/", "//register", "/register//"])
def test_no_spelling_of_the_path_goes_past(stub: Stub, post: Post, path: str) -> None:
    stub.answer = lambda asked: said(collected(), 201)
    assert post(path=path).outcome


@pytest.mark.parametrize("how", [{"path": "/other"}, {"method": "GET"}, {"path": "/Register"}])
def test_other_requests_are_let_alone(stub: Stub, post: Post, how: dict) -> None:
    response = post(**how)
    assert (response.seen, response.outcome, stub.asked) == (BODY, None, [])


def test_fields_that_are_not_there_are_not_sent_and_those_that_come_twice_are_a_list(stub: Stub, post: Post) -> None:
    stub.answer = lambda asked: said(collected(), 201)
    post(body=b"name=Ann&name=Bea")
    assert stub.asked[0].json()["fields"] == {"identity.name": ["Ann", "Bea"]}


def test_fields_of_json_are_found_by_their_path(stub: Stub, post: Post) -> None:
    stub.answer = lambda asked: said(collected(), 201)
    form = Form("registration", fields={"user.email": "contact.email", "user.age.years": "demographic"})
    post(form, json.dumps({"user": {"email": "ann@example.org", "age": 7}}).encode(), kind="application/json")
    assert stub.asked[0].json()["fields"] == {"contact.email": "ann@example.org"}


def test_files_are_not_collected(stub: Stub, post: Post) -> None:
    stub.answer = lambda asked: said(collected(), 201)
    body, kind = multipart(email="ann@example.org")
    file = b'--bound\r\nContent-Disposition: form-data; name="name"; filename=""\r\nContent-Type: x/y\r\n\r\n\xff\r\n'
    assert post(body=file + body, kind=kind).status == 200
    assert stub.asked[0].json()["fields"] == {"contact.email": "ann@example.org"}


# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ("account:{name}", "account:Ann Ä"),
        (lambda request: f"account:{request['user']}", "account:4711"),
        (lambda request: None, None),
        (None, None),
    ],
)
def test_a_form_says_whose_it_is(stub: Stub, post: Post, person: object, expected: str | None) -> None:
    stub.answer = lambda asked: said(collected(), 201)
    post(Form("registration", fields=FORM.fields, person=person))
    assert stub.asked[0].json().get("person") == expected


def test_an_empty_field_is_nobody_and_not_somebody_else(stub: Stub, post: Post) -> None:
    form = Form("registration", fields=FORM.fields, person="account:{login}")
    response = post(form, b"login=+&email=ann%40example.org")
    assert (response.status, stub.asked) == (422, [])
    assert "'login'" in response.body


def test_a_browser_sends_itself_by_its_signed_cookie(stub: Stub, post: Post) -> None:
    stub.answer = lambda asked: said({**collected(), "person": None}, 201)
    form = Form("forms", fields=FORM.fields, person="cookie")
    headers = {"origin": "https://shop.example", "cookie": "session=secret; troth=2017~12~ab~sig; atroth=x"}
    assert post(form, headers=headers).outcome
    (asked,) = stub.asked
    assert "authorization" not in asked.headers
    assert (asked.headers["origin"], asked.headers["cookie"]) == ("https://shop.example", "troth=2017~12~ab~sig")
    assert post(form).status == 403  # no page is named


# --- not taken --------------------------------------------------------------------------------------------------------

NO = refusal("required", message="identity.name: this is required.", sentence="We ask for your <name>.")


def test_what_is_refused_is_answered_with_the_sentence(stub: Stub, post: Post) -> None:
    stub.answer = lambda asked: NO
    response = post()
    assert (response.status, response.seen) == (422, None)
    assert response.body == "identity.name: this is required.\n“We ask for your <name>.”\n"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    page = post(headers={"accept": "text/html,*/*"})
    assert "<blockquote>We ask for your &lt;name&gt;.</blockquote>" in page.body
    assert (page.headers["cache-control"], page.headers["content-security-policy"]) == (
        "no-store",
        "default-src 'none'",
    )
    told = json.loads(post(headers={"accept": "application/json"}).body)
    assert (told["error"], told["sentence"]) == ("required", "We ask for your <name>.")


@pytest.mark.parametrize(
    "answer", [[CLOSE], said({}, 500), said({}, 302, location="/"), said(b"<p>", kind="text/html")]
)
def test_without_troth_nothing_goes_on(stub: Stub, post: Post, answer: object) -> None:
    stub.answer = lambda asked: answer
    response = post()
    assert (response.status, response.seen) == (503, None)
    assert response.headers["retry-after"] == "1"
    assert "may not have been stored" in response.body


def test_a_wait_is_passed_on(stub: Stub, post: Post) -> None:
    stub.answer = lambda asked: said({"error": "unavailable"}, 503, retry_after="30")
    response = post()
    assert (response.status, response.headers["retry-after"]) == (503, "30")
    assert "so nothing was" in response.body


@pytest.mark.parametrize(
    "answer", [refusal("unknown-statement", 404), refusal("scope", 403), refusal("unknown-caller", 401)]
)
def test_mistakes_of_the_application_are_logged_and_not_shown(
    stub: Stub, post: Post, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    stub.answer = lambda asked: answer
    with caplog.at_level(logging.WARNING, "troth.client"):
        response = post()
    assert (response.status, response.seen) == (500, None)
    assert "It may not." not in response.body
    (record,) = caplog.records
    assert "'registration': It may not." in record.message
    assert "ann@" not in record.message


@pytest.mark.parametrize("code", ["bad-field", "bad-person"])
def test_mistakes_of_a_person_are_shown_to_them(stub: Stub, post: Post, code: str) -> None:
    stub.answer = lambda asked: refusal(code, 400, message="An e-mail address has the form name@domain.")
    response = post()
    assert (response.status, response.body) == (422, "An e-mail address has the form name@domain.\n")


@pytest.mark.parametrize(
    ("answer", "kind"), [(NO, Refused), ([CLOSE], Unavailable), (refusal("unknown-statement", 404), WrongRequest)]
)
def test_an_optional_form_goes_on_without_anything_collected(
    stub: Stub, post: Post, answer: object, kind: type[TrothError]
) -> None:
    stub.answer = lambda asked: answer
    response = post(Form("news", fields=FORM.fields, optional=True))
    assert (response.status, response.seen) == (200, BODY)
    assert not response.outcome
    assert isinstance(response.outcome.error, kind)


def test_an_application_answers_in_its_own_words_or_goes_on(stub: Stub, post: Post) -> None:
    stub.answer = lambda asked: NO
    response = post(answer=lambda form, error: Answer(409, f"{form.statement}: {error.sentence}", "text/x-own"))
    assert (response.status, response.body) == (409, "registration: We ask for your <name>.")
    assert response.headers["content-type"] == "text/x-own"
    response = post(answer=lambda form, error: None)
    assert (response.seen, response.outcome.error.code) == (BODY, "required")


# --- bodies that are not read -----------------------------------------------------------------------------------------

MULTI = "multipart/form-data; boundary=bound"
PART = b'--bound\r\nContent-Disposition: form-data; name="email"%s\r\n\r\nx\r\n--bound--\r\n'
UNREADABLE = {
    "no type": (BODY, "", 415),
    "another type": (BODY, "text/plain", 415),
    "another charset": (BODY, f"{URLENCODED}; charset=utf-16", 415),
    "two charsets": (BODY, f"{URLENCODED}; charset=utf-8; charset=utf-16", 400),
    "no utf-8": (b"name=%FF", URLENCODED, 400),
    "no utf-8 as it is": (b"name=\xff", URLENCODED, 400),
    "many fields": (b"&".join([b"a=1"] * 1001), URLENCODED, 400),
    "no json": (b"{", "application/json", 400),
    "a list": (b"[]", "application/json", 400),
    "a member twice": (b'{"email":"a","email":"b"}', "application/json", 400),
    "deep": (b'{"a":' * 100_000, "application/json", 400),
    "no boundary": (PART % b"", "multipart/form-data", 400),
    "another boundary": (PART % b"", "multipart/form-data; boundary=other", 400),
    "a preamble": (b"x" + PART % b"", MULTI, 400),
    "no end": ((PART % b"").removesuffix(b"--\r\n"), MULTI, 400),
    "two names": (PART % b'; name="name"', MULTI, 400),
    "another name": (PART % b"; name*=utf-8''name", MULTI, 400),
    "two heads": (PART % b'\r\nContent-Disposition: form-data; name="name"', MULTI, 400),
    "base64": (PART % b"\r\nContent-Transfer-Encoding: base64", MULTI, 400),
    "a part in another charset": (PART % b"\r\nContent-Type: text/plain; charset=utf-16", MULTI, 400),
    "a folded head": (PART % b"\r\n ; x=y", MULTI, 400),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_can_be_read_in_two_ways_is_not_read(stub: Stub, post: Post, name: str) -> None:
    body, kind, status = UNREADABLE[name]
    response = post(body=body, kind=kind)
    assert (response.status, response.seen, stub.asked) == (status, None, [])
    response = post(Form("news", fields=FORM.fields, optional=True), body, kind=kind)
    assert (response.status, response.seen, stub.asked) == (200, body, [])


def test_what_is_compressed_is_not_read(stub: Stub, post: Post) -> None:
    assert post(headers={"content-encoding": "gzip"}).status == 415
    assert stub.asked == []


def test_a_body_that_is_too_large_is_not_taken_and_an_optional_one_goes_on_whole(stub: Stub, post: Post) -> None:
    assert post(Form("a", fields=FORM.fields, most_bytes=10)).status == 413
    response = post(Form("a", fields=FORM.fields, most_bytes=10, optional=True))
    assert (response.status, response.seen) == (200, BODY)
    assert stub.asked == []


def test_a_body_that_breaks_off_is_not_collected(stub: Stub, post: Post) -> None:
    assert post(breaks_off=True).seen is None
    assert stub.asked == []


def test_a_body_without_a_length_is_read_where_the_server_says_where_it_ends(stub: Stub, client: Client) -> None:
    seen: list[bytes] = []

    def app(environ, start_response):
        seen.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [b""]

    def post(form: Form, **more: object) -> None:
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/register", "CONTENT_TYPE": URLENCODED}
        environ |= {"wsgi.input": io.BytesIO(BODY), **more}
        CollectWSGI(app, client, {"/register": form})(environ, lambda status, lines: None)

    stub.answer = lambda asked: said(collected(), 201)
    post(FORM, **{"wsgi.input_terminated": True})
    assert stub.asked.pop().json()["fields"] == SENT
    post(Form("a", fields=FORM.fields, most_bytes=10, optional=True), **{"wsgi.input_terminated": True})
    post(FORM, CONTENT_LENGTH="-1")
    assert (seen, stub.asked) == ([BODY, BODY], [])


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"origin": "https://shop.example"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "https://inside.example", "sec-fetch-site": "same-origin"}, True),  # a proxy changed `Host`
        ({"sec-fetch-site": "none"}, True),
    ],
)
def test_pages_of_other_sites_cannot_send_a_form(stub: Stub, post: Post, headers: dict, taken: bool) -> None:
    stub.answer = lambda asked: said(collected(), 201)
    assert post(headers=headers).status == (200 if taken else 403)
    assert len(stub.asked) == taken
    assert post(Form("a", fields=FORM.fields, cross_site=True), headers=headers).status == 200


# --- secrets ----------------------------------------------------------------------------------------------------------

SECRET = {"word": "account.password", "card": "payment.card"}


@pytest.mark.parametrize("term", ["account.password", "payment.card", "payment.card.number"])
def test_a_secret_needs_something_that_is_made_of_it(term: str) -> None:
    with pytest.raises(ValueError, match="never sent as it was written"):
        Form("registration", fields={"x": term})


def test_what_is_made_of_a_secret_is_sent_and_the_secret_is_not(stub: Stub, post: Post) -> None:
    stub.answer = lambda asked: said(collected(), 201)
    made = {"word": lambda word: f"$scrypt${len(word)}$xyz", "card": lambda token: token}
    form = Form("registration", fields=SECRET, transform=made)
    response = post(form, b"word=swordfish&card=tok_1a2b")
    assert response.seen == b"word=swordfish&card=tok_1a2b"
    assert stub.asked[0].json()["fields"] == {"account.password": "$scrypt$9$xyz", "payment.card": "tok_1a2b"}
    assert b"swordfish" not in stub.asked[0].body
    post(form, b"word=&card=tok_1a2b")  # nothing is made of nothing
    assert stub.asked[1].json()["fields"]["account.password"] == ""


@pytest.mark.parametrize("body", [b"word=swordfish", b"card=4111+1111+1111+1111", b"card=tok-4111111111111111"])
def test_a_secret_that_nothing_was_made_of_does_not_leave_the_application(stub: Stub, post: Post, body: bytes) -> None:
    same = {"word": lambda word: f"plain:{word}", "card": lambda card: card}
    response = post(Form("registration", fields=SECRET, transform=same), body)
    assert (response.status, stub.asked) == (422, [])
    assert "swordfish" not in response.body
    assert "4111" not in response.body


@pytest.mark.parametrize(
    "wrong",
    [
        {"fields": {}},
        {"fields": {"a": "contact.email", "b": "contact.email"}},
        {"fields": {"a": "contact.email"}, "transform": {"b": str}},
        {"fields": {"a": "contact.email"}, "person": "phone:{a}"},
        {"fields": {"a": "contact.email"}, "person": "email:ann@example.org"},
    ],
)
def test_forms_that_cannot_be_meant(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"form|data|person"):
        Form("registration", **wrong)


def test_what_is_no_request_is_let_through(client: Client) -> None:
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append(scope)

    asyncio.run(CollectASGI(app, client, {"/": FORM})({"type": "lifespan"}, None, None))
    assert seen == [{"type": "lifespan"}]
