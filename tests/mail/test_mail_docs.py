"""The pages about streams, suppression and what comes back are true: their tables have what the program has."""

import re
import tomllib
from pathlib import Path

from mailing import FLAGSHIP

from troth.decision.question import REASONS
from troth.gates.mail.deciding.classifying import TEXT_SIGNS
from troth.gates.mail.deciding.verdict import MAIL_REASONS, OF_RECIPIENT
from troth.gates.mail.importing import SERVICES, WORDS
from troth.gates.mail.returning.reports import HARD, MOST_BYTES, asks_to_stop
from troth.gates.mail.streams import KEYS, read_streams
from troth.gates.mail.suppression import AT_ONCE
from troth.gates.mail.verp import KINDS

DOCS = Path(__file__).parents[2] / "docs/reference"
STREAMS, LIST, RETURNS = (
    (DOCS / name).read_text("utf-8") for name in ("mail-streams.md", "suppression.md", "mail-returns.md")
)


def rows(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", text, re.M))


def test_the_keys_and_the_example_of_a_stream() -> None:
    assert set(KEYS) <= rows(STREAMS).keys()
    (example,) = re.findall(r"```toml\n(.*?)```", STREAMS, re.S)
    streams = read_streams(tomllib.loads(example)["streams"], FLAGSHIP)
    assert [one.is_marketing(FLAGSHIP.versions[-1]) for one in streams.values()] == [True, False]


def test_every_reason_has_its_outcome() -> None:
    assert {name: text for name, text in rows(STREAMS).items() if name in MAIL_REASONS} == MAIL_REASONS
    outcomes = re.search(r"\| `send` \| (.*) \|\n\| `suppressed`.*? \| (.*) \|\n\| `refused`.*? \| (.*) \|", STREAMS)
    assert outcomes is not None
    send, suppressed, refused = (set(re.findall(r"`([a-z-]+)`", one)) for one in outcomes.groups())
    assert send | suppressed | refused == {*REASONS, *MAIL_REASONS}
    assert send == {"stated"}
    assert suppressed == OF_RECIPIENT | {"bounced", "suppressed"}


def test_the_signs_of_bulk_mail() -> None:
    text = " ".join(STREAMS.split())
    assert all(sign.removeprefix("it ") in text for sign in TEXT_SIGNS)


def test_what_says_that_an_address_does_not_work() -> None:
    assert {name: text for name, text in rows(RETURNS).items() if name in HARD} == HARD
    assert f"{MOST_BYTES:,} bytes" in RETURNS
    assert set(re.findall(r"^\| `([a-z])-…`", RETURNS, re.M)) == set(KINDS)
    words = re.search(r"has a word such as (.*?), and does not", " ".join(RETURNS.split()))
    assert words is not None
    assert all(asks_to_stop(word) for word in re.split(r", | or ", words[1]))


def test_the_services_that_are_read() -> None:
    named = {name.lower().removeprefix("amazon ") for name in re.findall(r"^\| ([A-Z][\w ]+|listmonk) \| ", LIST, re.M)}
    assert {one.name for one in SERVICES} | {"troth"} == named
    assert f"parts of {AT_ONCE:,} addresses" in LIST
    assert (WORDS["subscribed"], WORDS["enabled"]) == (None, None)
