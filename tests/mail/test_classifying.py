"""What a message is: the stream says it, headers only make it stricter, and signs of bulk mail hold service mail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mailing import FLAGSHIP

from troth.gates.mail.deciding.classifying import LIST_HEADERS, TEXT_SIGNS, classify, signs_of_bulk
from troth.gates.mail.streams import Stream, StreamError, read_streams

STREAMS = read_streams(None, FLAGSHIP)
VERSION = FLAGSHIP.versions[-1]
NEWS, INVITES, ACCOUNT = STREAMS["newsletter"], STREAMS["invitations"], STREAMS["account"]

PASSWORD = (
    "Hello Ann,\n\nyou asked for a new password. This link works for an hour:\nhttps://gototraining.example/r/abc\n\n"
    "If you did not ask for it, do nothing. You get this message since you have an account; account mail cannot be "
    "unsubscribed from.\n"
)
NEWSLETTER = "GoToTraining newsletter\nView this email in your browser\n20% off until Friday\nUnsubscribe: https://x\n"


@pytest.mark.parametrize("header", sorted(LIST_HEADERS))
def test_a_header_of_lists_holds_service_mail(header: str) -> None:
    for name in (header, header.title(), header.upper()):
        found = classify(STREAMS, ACCOUNT, VERSION, [("Subject", "x"), (name, "whatever")])
        assert (found.stream, found.marketing) == (ACCOUNT, False)
        assert found.held is not None
        assert header in found.held
    assert classify(STREAMS, NEWS, VERSION, [(header, "whatever")]).held is None


@pytest.mark.parametrize(("value", "held"), [
    ("bulk", True), ("Bulk", True), (" list ", True), ("junk", True), ("first-class", False), ("", False),
])  # fmt: skip
def test_precedence(value: str, held: bool) -> None:
    assert (classify(STREAMS, ACCOUNT, VERSION, [("Precedence", value)]).held is not None) == held


def test_a_header_makes_service_mail_marketing_and_nothing_else() -> None:
    found = classify(STREAMS, ACCOUNT, VERSION, [("X-Troth-Stream", "newsletter"), ("List-Id", "<x>")])
    assert (found.stream, found.marketing, found.held) == (NEWS, True, None)
    same = classify(STREAMS, NEWS, VERSION, [("x-troth-stream", "newsletter")])
    assert (same.stream, same.marketing) == (NEWS, True)
    for stream, named in ((NEWS, "account"), (NEWS, "invitations"), (ACCOUNT, "newsleter"), (ACCOUNT, "")):
        with pytest.raises(StreamError):
            classify(STREAMS, stream, VERSION, [("X-Troth-Stream", named)])
    with pytest.raises(StreamError, match="Did you mean 'newsletter'"):
        classify(STREAMS, ACCOUNT, VERSION, [("X-Troth-Stream", "newsleter")])


def test_the_password_mail_passes_and_a_newsletter_in_its_place_is_held() -> None:
    assert classify(STREAMS, ACCOUNT, VERSION, [], [PASSWORD]).held is None
    found = classify(STREAMS, ACCOUNT, VERSION, [], [NEWSLETTER])
    assert found.held is not None
    assert "it says how to unsubscribe" in found.held
    assert classify(STREAMS, NEWS, VERSION, [], [NEWSLETTER]).held is None


@pytest.mark.parametrize(("text", "sign"), [
    ("To opt out, write to us", "it says how to unsubscribe"),
    ("Se désinscrire", "it says how to unsubscribe"),
    ("Read it in your browser", "it offers to be read in the browser"),
    ("E-Mail im Browser öffnen", "it offers to be read in the browser"),
    ("Only today: 15% off", "it offers a price"),
    ("Our newsletter", "it calls itself a newsletter"),
    ('<img src="https://x/o.gif" width="1" height="1">', "it counts who opens it"),
    ("https://x.example/?utm_campaign=may", "it counts who opens it"),
])  # fmt: skip
def test_each_sign(text: str, sign: str) -> None:
    assert signs_of_bulk([text]) == [sign]
    assert classify(STREAMS, ACCOUNT, VERSION, [], [text]).held is None  # one alone holds nothing


@pytest.mark.parametrize("text", [
    "", "Your invoice of May: 49 EUR", "Your meeting begins at 15:00", '<img src="cid:logo" width="100" height="1">',
    "The browser that you signed in with is new", "Your code is 1234 5678",
])  # fmt: skip
def test_what_is_no_sign(text: str) -> None:
    assert signs_of_bulk([text]) == []


NAMES = st.sampled_from([*sorted(LIST_HEADERS), "precedence", "x-troth-stream", "subject", "x-priority", "X-Service"])
VALUES = st.sampled_from(["", "bulk", "newsletter", "account", "invitations", "service", "transactional"])


@given(
    st.sampled_from([NEWS, INVITES, ACCOUNT, Stream(id="x"), Stream(id="y", purpose="no.such")]),
    st.lists(st.tuples(NAMES, VALUES), max_size=6),
    st.lists(st.sampled_from([PASSWORD, NEWSLETTER, "x"]), max_size=3),
)
def test_nothing_in_a_message_makes_marketing_service_mail(stream: Stream, headers: list, texts: list) -> None:
    try:
        found = classify(STREAMS, stream, VERSION, headers, texts)
    except StreamError:
        return
    if stream.is_marketing(VERSION):
        assert (found.stream, found.marketing) == (stream, True)
    plain = classify(STREAMS, stream, VERSION, [], [])
    assert found.marketing >= plain.marketing
    assert found.marketing == found.stream.is_marketing(VERSION)
    assert len(TEXT_SIGNS) == 5
