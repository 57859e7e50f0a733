"""What the middleware reads of a body is what the frameworks read of it, whatever a sender does to it.

A body that two of them read in two ways would be collected as something else than what the application gets.
"""

import io
import json

import django.conf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.client.bodies import BadFormError, read_body

if not django.conf.settings.configured:
    django.conf.settings.configure()

URLENCODED = "application/x-www-form-urlencoded"
PIECES = [
    b"--b", b"--b--", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"--", b"--bb", b" ", b"\t", b"x", b"\xc3\xa4", b"\xff",
    b"\x00", b'Content-Disposition: form-data; name="email"', b"Content-Disposition: form-data; name=email",
    b'content-disposition:form-data;name="text"', b'Content-Disposition: form-data; name="email"; filename="a.txt"',
    b'Content-Disposition: form-data; name="a\\"b"', b'Content-Disposition: form-data; name="a%22b"',
    b'Content-Disposition: form-data; filename=""; name="email"', b"Content-Disposition: attachment; name=email",
    b"Content-Type: text/plain", b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: 8bit",
    b"Content-Transfer-Encoding: base64", b"X-Other: y", b"; name*=utf-8''text", b'; name="text"', b"ann@example.org",
]  # fmt: skip
PART = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'


@st.composite
def multiparts(draw: st.DrawFn) -> bytes:
    """A good body into which pieces fell, and from which some went."""
    parts = draw(
        st.lists(st.tuples(st.sampled_from([b"email", b"text", b"\xc3\xa4"]), st.sampled_from(PIECES)), max_size=3)
    )
    body = b"".join(PART % part for part in parts) + draw(st.sampled_from([b"--b--\r\n", b"--b--", b"--b\r\n", b""]))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(body)))
        length = draw(st.sampled_from([0, 0, 0, 1, 2]))
        body = body[:place] + draw(st.sampled_from([*PIECES, b""])) + body[place + length :]
    return body


def ours(kind: str, body: bytes) -> dict[str, list[object]] | None:
    try:
        found = read_body(kind, body)
    except BadFormError:
        return None
    return {name: value if isinstance(value, list) else [value] for name, value in found.items()}


def of_werkzeug(kind: str, body: bytes) -> dict[str, list[object]]:
    from werkzeug.formparser import parse_form_data

    environ = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": kind,
               "REQUEST_METHOD": "POST"}  # fmt: skip
    return dict(parse_form_data(environ)[1].lists())


def of_django(kind: str, body: bytes) -> dict[str, list[object]]:
    from django.core.handlers.wsgi import WSGIRequest

    environ = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": kind,
               "REQUEST_METHOD": "POST", "PATH_INFO": "/"}  # fmt: skip
    return dict(WSGIRequest(environ).POST.lists())


@pytest.mark.parametrize("theirs", [of_werkzeug, of_django])
def test_multipart(theirs) -> None:
    kind = "multipart/form-data; boundary=b"

    @given(multiparts())
    def check(body: bytes) -> None:
        found = ours(kind, body)
        if found is not None:
            assert found == theirs(kind, body)

    check()


@pytest.mark.parametrize("theirs", [of_werkzeug, of_django])
def test_urlencoded(theirs) -> None:
    pieces = [
        b"&",
        b";",
        b"=",
        b"+",
        b"%",
        b"%26",
        b"%3D",
        b"%C3%A4",
        b"%FF",
        b"\xc3\xa4",
        b"\xff",
        b"a",
        b"email",
        b"\n",
        b"%00",
    ]

    @given(st.lists(st.sampled_from(pieces), max_size=12).map(b"".join))
    def check(body: bytes) -> None:
        found = ours(URLENCODED, body)
        if found is not None:
            assert found == theirs(URLENCODED, body)

    check()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_json(value: object) -> None:
    found = ours("application/json", json.dumps({"a": value}).encode())
    assert found in (None, {"a": value if isinstance(value, list) else [value]})


@given(st.binary(max_size=200), st.text(max_size=60))
def test_nothing_makes_it_fail(body: bytes, kind: str) -> None:
    for one in (kind, f"multipart/form-data;{kind}", f"application/json;{kind}", f"{URLENCODED};{kind}"):
        ours(one, body)
