"""The first policy of a newcomer: whatever the answers, it reads, passes the checks and states three frameworks."""

from datetime import UTC, date, datetime
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.policy.check import check
from troth.policy.reading import parse_version
from troth.policy.starter import QUESTIONS, Answers, policy_id, read_answer, read_answers, write_policy

GATHERS = ("account", "orders", "enquiries")
ALL = [
    (gathers, newsletter, analytics, country)
    for count in range(4)
    for gathers in combinations(GATHERS, count)
    for newsletter, analytics, country in product((True, False), ("none", "own", "service"), ("DE", "US"))
]
ON = date(2026, 1, 1)
AT = datetime(2026, 2, 1, tzinfo=UTC)


def answers(**given):
    return Answers(
        **{
            "name": "Example Ltd",
            "address": "1 Way, Town",
            "email": "privacy@example.org",
            "country": "US",
            "site": "https://www.example.org",
            **given,
        }
    )


def test_there_are_eight_questions():
    assert len(QUESTIONS) == 8
    assert [question.id for question in QUESTIONS] == list(Answers.__struct_fields__)


@pytest.mark.parametrize(("gathers", "newsletter", "analytics", "country"), ALL)
def test_every_combination_passes(gathers, newsletter, analytics, country):
    text = write_policy(answers(gathers=gathers, newsletter=newsletter, analytics=analytics, country=country), on=ON)
    report = check(parse_version(text.encode(), "policy.yaml"), at=AT, frameworks=("gdpr", "ccpa", "can-spam"))
    assert report.findings == ()
    assert [verdict.clause for verdict in report.verdicts if verdict.status == "missing"] == []
    assert report.exit_code == 0


printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1).map(str.strip).filter(bool)


@given(printable, printable)
def test_any_name_and_address_is_written_so_that_it_reads_back(name, address):
    text = write_policy(answers(name=name, address=address), on=ON)
    publisher = parse_version(text.encode(), "policy.yaml").publisher
    assert (publisher.name, publisher.address) == (name, address)


def test_the_same_answers_give_the_same_text():
    assert write_policy(answers(), on=ON) == write_policy(answers(), on=ON)


def test_the_text_has_the_schema_line_and_comments():
    text = write_policy(answers(), on=ON, schema="../schema.json")
    assert text.startswith("# yaml-language-server: $schema=../schema.json\n")
    assert "# Edit:" in text
    assert text.endswith("\n")


def test_answers_are_read_from_words():
    read = read_answers(
        {
            "name": " Example  Ltd ",
            "address": "1 Way",
            "email": "p@example.org",
            "country": "de",
            "site": "",
            "gathers": "enquiries, Account",
            "newsletter": "Y",
            "analytics": "",
        }
    )
    assert read == answers(
        address="1 Way",
        email="p@example.org",
        country="DE",
        site="https://www.example.com",
        gathers=("account", "enquiries"),
        newsletter=True,
    )


@pytest.mark.parametrize(
    ("id", "raw", "message"),
    [
        ("name", "  ", "What is the name"),
        ("email", "nobody", "is not an e-mail address"),
        ("country", "Germany", "is not a country"),
        ("site", "example.org", "is not a web address"),
        ("gathers", "acount", "Did you mean 'account'"),
        ("newsletter", "maybe", "'maybe' is not one of yes, no"),
        ("name", "a\x07b", "cannot be printed"),
    ],
)
def test_a_wrong_answer_is_explained(id, raw, message):
    question = next(question for question in QUESTIONS if question.id == id)
    with pytest.raises(ValueError, match=message):
        read_answer(question, raw)


def test_an_unknown_question_is_refused():
    with pytest.raises(KeyError):
        read_answers({"colour": "blue"})


def test_ids():
    assert policy_id("Müller & Söhne GmbH") == "muller-sohne-gmbh"
    assert policy_id("株式会社") == "policy"
