"""A first policy for a newcomer: eight questions, and the policy file that follows from the answers.

The questions are data, so that whoever asks them (a prompt, options of a command, a form) asks the same ones. The file
is `data/starter.yaml.j2`, filled in; it passes `troth check` and states the clauses of the GDPR, the CCPA and CAN-SPAM.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import Literal

import jinja2
import msgspec

from troth.policy.check.clauses.identity import EEA
from troth.policy.problems import nearest
from troth.policy.reading import FORMATS

Gathered = Literal["account", "orders", "enquiries"]
Analytics = Literal["none", "own", "service"]


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What a newcomer answered."""

    name: str
    address: str
    email: str
    country: str
    site: str
    gathers: tuple[Gathered, ...] = ()
    newsletter: bool = False
    analytics: Analytics = "none"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question. `options` are the possible answers, with what each means; without them any text is one.

    `several`: any number of the options, separated by commas. `default` is taken for an empty answer; None: there is
    none.
    """

    id: str
    text: str
    help: str
    options: Mapping[str, str] = {}
    several: bool = False
    default: str | None = None


QUESTIONS: tuple[Question, ...] = (
    Question(id="name", text="What is the name of your organisation?", help="The name that stands in contracts."),
    Question(id="address", text="What is its postal address?", help="In one line, with the country."),
    Question(
        id="email", text="Which e-mail address answers about privacy?", help="People write there to use their rights."
    ),
    Question(id="country", text="In which country is it?", help="Two letters (ISO 3166-1), such as DE or US."),
    Question(
        id="site", text="What is the address of your site?", help="With https://.", default="https://www.example.com"
    ),
    Question(
        id="gathers",
        text="What do people give you there?",
        help="Any of them, separated by commas; nothing, if they only read.",
        options={
            "account": "they open an account and sign in",
            "orders": "they order and pay by card",
            "enquiries": "they write to you",
        },
        several=True,
        default="",
    ),
    Question(
        id="newsletter",
        text="Do you send a newsletter?",
        help="It goes only to people who asked for it.",
        options={"yes": "to those who ask for it", "no": "none"},
        default="no",
    ),
    Question(
        id="analytics",
        text="Do you count visits?",
        help="The server's log is not meant.",
        options={
            "none": "no",
            "own": "yourself, from the log, without cookies",
            "service": "an analytics firm does, with a cookie",
        },
        default="none",
    ),
)


def read_answer(question: Question, raw: str) -> str:
    """An answer as it is kept: trimmed, the default where it is empty, options in small letters and their order.

    ValueError says what is wrong and what is possible.
    """
    text = " ".join(raw.split())
    if not text:
        if question.default is None:
            raise ValueError(f"{question.text} {question.help}")
        text = question.default
    if question.options:
        return _of_options(question, text)
    if question.id == "country":
        text = text.upper()
    form = FORMATS.get({"site": "url"}.get(question.id, question.id))
    if form is not None and not form[0].match(text):
        raise ValueError(f"'{text}' is not {form[2]}.")
    if any(unicodedata.category(character).startswith("C") for character in text):
        raise ValueError("The answer holds characters that cannot be printed.")
    return text


def _of_options(question: Question, text: str) -> str:
    given = [part.strip().lower() for part in text.split(",") if part.strip()] if question.several else [text.lower()]
    aliases = {"y": "yes", "n": "no", "true": "yes", "false": "no"} if "yes" in question.options else {}
    given = [aliases.get(part, part) for part in given]
    for part in given:
        if part not in question.options:
            options = tuple(question.options)
            near = nearest(part, options)
            hint = f" Did you mean '{near}'?" if near else ""
            raise ValueError(f"'{part}' is not one of {', '.join(options)}.{hint}")
    return ", ".join(option for option in question.options if option in given)


def read_answers(raw: Mapping[str, str]) -> Answers:
    """The answers to all questions by their ids. ValueError for a wrong one; KeyError for an unknown id."""
    by_id = {question.id: question for question in QUESTIONS}
    unknown = sorted(raw.keys() - by_id.keys())
    if unknown:
        raise KeyError(unknown[0])
    read = {id: read_answer(question, raw.get(id, "")) for id, question in by_id.items()}
    return msgspec.convert(
        {
            **read,
            "gathers": [part for part in read["gathers"].split(", ") if part],
            "newsletter": read["newsletter"] == "yes",
        },
        Answers,
    )


def write_policy(answers: Answers, *, on: date, schema: str = "policy.schema.json") -> str:
    """The text of a policy file that follows from the answers, in force from `on`. The same answers give the same text.

    `schema` is where an editor finds the JSON Schema, relative to the file.
    """
    return _template().render(
        **{field: getattr(answers, field) for field in ("name", "address", "email", "country", "site")},
        id=policy_id(answers.name),
        on=on.isoformat(),
        schema=schema,
        in_eea=answers.country in EEA,
        account="account" in answers.gathers,
        orders="orders" in answers.gathers,
        enquiries="enquiries" in answers.gathers,
        newsletter=answers.newsletter,
        analytics=answers.analytics,
        collected=", ".join(_collected(answers)),
        purposes=", ".join(_hosted(answers)),
        rights=_rights(answers),
        quote=_quote,
        comment=_comment,
    )


def policy_id(name: str) -> str:
    """An id made from a name: small letters, digits and hyphens; `policy` where nothing of the name remains."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:100].strip("-") or "policy"


@cache
def _template() -> jinja2.Template:
    text = resources.files("troth.policy").joinpath("data/starter.yaml.j2").read_text("utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - YAML, not HTML; every answer is quoted
    return environment.from_string(text)


def _quote(text: str) -> str:
    """A YAML scalar in double quotes: JSON's strings are those."""
    return json.dumps(text, ensure_ascii=False)


def _comment(text: str) -> str:
    """Text within a comment: one line, and not a long one."""
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def _collected(answers: Answers) -> list[str]:
    """The data that is collected at all, by the widest terms that are true."""
    terms = ["identity", "contact", "usage", "device", "account"]
    if "orders" in answers.gathers:
        terms.append("payment")
    if "enquiries" in answers.gathers:
        terms.append("content.support")
    return terms


def _hosted(answers: Answers) -> list[str]:
    """What the hosting firm's servers do: everything but what depends on a choice."""
    services = "service" if answers.gathers else None
    return [purpose for purpose in (services, "security", "legal.rights") if purpose]


_SENTENCES: Mapping[str, str] = {
    "access": "Ask what we hold about you, and we answer within 30 days.",
    "correct": "Tell us what is wrong, and we correct it.",
    "erase": "We delete your data when you ask, unless the law makes us keep it.",
    "restrict": "We set your data aside while a question about it is open.",
    "port": "You get your data in a form that other services can read.",
    "object": "You can object to what we do in our own interest.",
    "withdraw": "What you agreed to, you can take back at any time.",
}


def _rights(answers: Answers) -> list[tuple[str, str]]:
    asks = answers.newsletter or answers.analytics == "service"
    return [(right, sentence) for right, sentence in _SENTENCES.items() if right != "withdraw" or asks]
