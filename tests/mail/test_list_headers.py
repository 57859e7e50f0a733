"""The fields that offer to leave a list with one click (RFC 2369, RFC 8058, RFC 2919)."""

from __future__ import annotations

from typing import Any

import pytest

from troth.gates.mail.content.list_headers import list_headers
from troth.gates.mail.content.splicing import as_field

GOOD: dict[str, Any] = {
    "unsubscribe_url": "https://privacy.example.org/unsubscribe/x?a=1&b=2",
    "unsubscribe_mailto": "mailto:u+x@example.org?subject=unsubscribe",
    "list_id": "newsletter.example.org",
}


def test_one_https_address_and_one_mailto() -> None:
    assert list_headers(**GOOD) == (
        ("List-Unsubscribe", f"<{GOOD['unsubscribe_url']}>, <{GOOD['unsubscribe_mailto']}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("List-Id", "<newsletter.example.org>"),
    )
    alone = list_headers(**{**GOOD, "unsubscribe_mailto": None})
    assert alone[0] == ("List-Unsubscribe", f"<{GOOD['unsubscribe_url']}>")


def test_a_name_and_what_feedback_loops_ask_for() -> None:
    made = dict(
        list_headers(**GOOD, list_name='News "of" <the>\r\nBcc: x ü month', feedback=("c1", "own", "news", "troth1"))
    )
    assert made["List-Id"] == '"News of the Bcc: x month" <newsletter.example.org>'
    assert made["Feedback-ID"] == "c1:own:news:troth1"
    assert "Feedback-ID" not in dict(list_headers(**GOOD))


def test_each_is_a_field() -> None:
    longest = {
        **GOOD,
        "unsubscribe_url": "https://example.org/" + "x" * 880,
        "unsubscribe_mailto": "mailto:" + "x" * 890,
    }
    for given in (GOOD, longest):
        for name, value in list_headers(**given):
            assert max(map(len, as_field(name, value).split(b"\r\n"))) <= 998


@pytest.mark.parametrize("host", ["127.0.0.1:8768", "localhost:8768", "[::1]:80", "localhost"])
def test_on_this_machine_alone_http_will_do(host: str) -> None:
    assert list_headers(**{**GOOD, "unsubscribe_url": f"http://{host}/x"})


BAD: list[dict[str, Any]] = [
    {"unsubscribe_url": "http://privacy.example.org/x"},
    {"unsubscribe_url": "http://localhost.example.org/x"},
    {"unsubscribe_url": "http://127.0.0.1.example.org/x"},
    {"unsubscribe_url": "mailto:x@example.org"},
    {"unsubscribe_url": "https://a>,<https://b"},
    {"unsubscribe_url": "https://a b"},
    {"unsubscribe_url": "https://a\r\nBcc: x"},
    {"unsubscribe_url": "https://ü.example"},
    {"unsubscribe_url": "https://a/" + "x" * 900},
    {"unsubscribe_mailto": "x@example.org"},
    {"unsubscribe_mailto": "mailto:x@example.org\n"},
    {"unsubscribe_mailto": "mailto:x>y"},
    {"list_id": "newsletter"},
    {"list_id": "News.example.org"},
    {"list_id": "a..b"},
    {"list_id": "a.b>\n"},
    {"list_id": "a" * 250 + ".example"},
    {"feedback": ("x",)},
    {"feedback": ("a", "b", "c", "d", "sender")},
    {"feedback": ("a:b", "sender")},
    {"feedback": ("a\n", "sender")},
    {"feedback": ("c1", "a-sender-too-long")},
]


@pytest.mark.parametrize("bad", BAD)
def test_what_is_not_of_that_form_is_an_error_of_the_caller(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"https URL|mailto|List-Id|Feedback-ID"):
        list_headers(**{**GOOD, **bad})
