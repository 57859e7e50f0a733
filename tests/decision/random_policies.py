"""Random policies and questions, small enough that everything meets everything.

Used wherever two ways of deciding are compared. The words are few and short, so that statements, prohibitions and
questions often speak of the same thing; versions disagree about what words there are, where they hang, what is a claim
and what a condition. All draws come from the `random.Random` that is handed in.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any

from troth.decision.question import Known
from troth.policy.history import Policy
from troth.policy.model import (
    Choice,
    Claim,
    Collects,
    Covered,
    Never,
    Publisher,
    Recipient,
    Shares,
    Uses,
    Version,
    Void,
)
from troth.policy.problems import Place
from troth.policy.values import Text, write_moment
from troth.policy.vocabulary import ACTIONS, Term, Vocabulary, dotted_path

START = datetime(2020, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PLACE = Place("random.yaml")

# Terms with dots hang where the dots say; the others are own terms, which each version may hang elsewhere.
DATA = ("a", "a.b", "a.b.c", "a.d", "e", "e.f", "own", "own.g", "pet")
PURPOSES = ("p", "p.q", "p.q.r", "s", "s.t", "aim")
KINDS = ("k", "k.l", "m", "club")
RECIPIENTS = ("anna", "bert", "carl", "dora")
MOMENTS = ("visit", "sale")
CONDITIONS = ("contract", "law", "seal")
CHOICES = ("x", "x.y", "x.y.z", "w", "w.v")
CLAIMS = ("seal", "shield")
PRODUCTS = ("shop", "blog", "app")
DUTIES = ("tell", "ask", "mask")


def some(rng: Random, words: tuple[str, ...], most: int, *, least: int = 0) -> tuple[str, ...]:
    """Return a few of the words, in random order."""
    return tuple(rng.sample(words, rng.randint(min(least, len(words)), min(most, len(words)))))


def gate(rng: Random, words: tuple[str, ...], most: int = 2) -> tuple[str, ...]:
    """Return the names of a gate; most statements have none."""
    return some(rng, words, most, least=1) if words and rng.random() < 0.3 else ()


def random_vocabulary(rng: Random) -> Vocabulary:
    """Return most of the words, those without dots hung at random."""
    terms: list[Term] = []
    for kind, slugs in (("data", DATA), ("purpose", PURPOSES), ("recipient", KINDS)):
        paths: dict[str, tuple[str, ...]] = {}
        for slug in slugs:
            if rng.random() < 0.1:
                continue
            above = dotted_path(slug)[-2] if "." in slug else None
            if above is not None:
                if above not in paths:
                    continue
                paths[slug] = (*paths[above], slug)
            elif slug in ("own", "pet", "aim", "club") and paths and rng.random() < 0.8:
                paths[slug] = (*paths[rng.choice(tuple(paths))], slug)
            else:
                paths[slug] = (slug,)
        if not paths:
            paths[slugs[0]] = (slugs[0],)
        terms += [Term(kind, slug, slug, path) for slug, path in paths.items()]
    for kind, slugs in (("moment", MOMENTS), ("condition", CONDITIONS), ("duty", DUTIES)):
        kept = [slug for slug in slugs if rng.random() < 0.9] or [slugs[0]]
        terms += [Term(kind, slug, slug, (slug,)) for slug in kept]
    return Vocabulary(terms)


def random_version(rng: Random, effective: datetime, statements: int) -> Version:
    """Return a version with about that many statements."""
    vocabulary = random_vocabulary(rng)
    conditions = vocabulary.slugs("condition")
    claims = tuple(slug for slug in CLAIMS if slug not in conditions and rng.random() < 0.8)
    recipients = tuple(
        Recipient(id=id, place=PLACE, name=id, kind=rng.choice(vocabulary.slugs("recipient")))
        for id in some(rng, RECIPIENTS, 4)
    )
    products = some(rng, PRODUCTS, 3, least=1)
    choices = some(rng, CHOICES, 5)
    data, purposes = vocabulary.slugs("data"), vocabulary.slugs("purpose")
    receivers = (*vocabulary.slugs("recipient"), *(recipient.id for recipient in recipients))
    found: dict[str, list[Any]] = {"collects": [], "uses": [], "shares": [], "never": [], "choices": [], "claims": []}
    order = 0

    def common(id: str) -> dict[str, Any]:
        nonlocal order
        order += 1
        return {"id": id, "place": PLACE, "order": order - 1, "says": Text((("en", f"Sentence of {id}."),))}

    def gated(id: str) -> dict[str, Any]:
        return common(id) | {
            "where": some(rng, products, 2, least=1) if rng.random() < 0.2 else (),
            "unless": gate(rng, choices),
            "only_if": gate(rng, choices),
            "given": gate(rng, (*conditions, *claims)),
            "must": gate(rng, vocabulary.slugs("duty"), 3),
        }

    def maybe(words: tuple[str, ...], most: int, often: float) -> tuple[str, ...]:
        return some(rng, words, most, least=1) if rng.random() < often else ()

    for number in range(statements):
        verb = rng.choices(("collects", "uses", "shares", "never"), (4, 4, 5, 1))[0]
        id = f"{verb}-{number}"
        statement: Any
        if verb == "collects":
            when = maybe(vocabulary.slugs("moment"), 2, 0.4)
            terms = {"data": some(rng, data, 3, least=1), "purposes": some(rng, purposes, 3, least=1)}
            statement = Collects(**gated(id), **terms, when=when)
        elif verb == "uses":
            statement = Uses(**gated(id), data=some(rng, data, 3, least=1), purposes=some(rng, purposes, 3, least=1))
        elif verb == "shares":
            statement = Shares(
                **gated(id),
                data=maybe(data, 3, 0.7),
                purposes=some(rng, purposes, 3, least=1),
                recipients=some(rng, receivers, 3, least=1),
            )
        else:
            statement = Never(
                **common(id),
                actions=some(rng, ACTIONS, 2, least=1),
                data=maybe(data, 2, 0.9),
                purposes=maybe(purposes, 2, 0.9),
                recipients=maybe(receivers, 2, 0.6),
                where=maybe(products, 2, 0.4),
            )
        found[verb].append(statement)
    found["choices"] = [Choice(**common(id), model=rng.choice(("opt-out", "opt-in"))) for id in choices]
    found["claims"] = [random_claim(rng, common(id)) for id in claims]
    return Version(
        policy="random",
        title=Text((("en", "Random"),)),
        effective=effective,
        publisher=Publisher(name="Nobody", address="Nowhere"),
        covers=tuple(Covered(id=id, place=PLACE, name=id) for id in products),
        recipients=recipients,
        id=write_moment(effective),
        file="random.yaml",
        vocabulary=vocabulary,
        statements=tuple(sorted((s for some in found.values() for s in some), key=lambda s: s.order)),
        **{verb: tuple(several) for verb, several in found.items()},
    )


def random_claim(rng: Random, common: dict[str, Any]) -> Claim:
    """Return a claim that is current for some days of the time that is asked about."""
    since = START + DAY * rng.randint(-2, 8)
    until = since + DAY * rng.randint(1, 8) if rng.random() < 0.6 else None
    void = Void(on=since + DAY * rng.randint(0, 8), why=common["says"]) if rng.random() < 0.4 else None
    return Claim(**common, programme="p", since=since, until=until, void=void)


def random_policy(rng: Random, *, versions: int = 3, statements: int = 20) -> Policy:
    """Return a policy with at most that many versions, of at most that many statements each."""
    count = rng.randint(1, versions)
    days = sorted(rng.sample(range(1, 10), count))
    return Policy([random_version(rng, START + DAY * day, rng.randint(1, statements)) for day in days])


@lru_cache(maxsize=8)
def words_of(policy: Policy) -> Known:
    """Return the words that some version of the policy knows."""
    return Known(policy)


def random_question(rng: Random, policy: Policy, *, mistaken: float = 0.04) -> dict[str, Any]:
    """Return the arguments of a question; about one in so many asks something that it should not."""
    known = words_of(policy)

    def word(names: dict[str, None]) -> str:
        return rng.choice(tuple(names))

    action = rng.choices(ACTIONS, (5, 6, 8, 1, 1, 1))[0]
    question: dict[str, Any] = {"action": action, "data": word(known.data), "at": random_moment(rng)}
    if question["at"] < policy.versions[0].effective and rng.random() < 0.8:
        question["at"] += 10 * DAY
    if action in ("use", "share") or rng.random() < 0.7:
        question["purpose"] = word(known.purpose)
    if action not in ("use", "collect"):
        question["recipient"] = word(known.recipient)
    if action == "collect" and rng.random() < 0.5:
        question["moment"] = word(known.moment)
    if rng.random() < 0.5:
        question["product"] = word(known.product)
    if rng.random() < 0.8:
        question["choices"] = {choice: rng.choice(("in", "out")) for choice in some(rng, tuple(known.choice), 5)}
    if rng.random() < 0.7:
        question["given"] = some(rng, tuple(known.condition), 5)
    if rng.random() < 0.4:
        question["collected_under"] = rng.choice(policy.versions).id
        if rng.random() < 0.4:
            question["accepted"] = rng.choice(policy.versions).id
    if rng.random() < 0.1:
        question["expires"] = random_moment(rng)
    if rng.random() < mistaken:
        question |= rng.choice(MISTAKES)
    return question


def random_moment(rng: Random) -> datetime:
    """Return a time, often exactly on the boundary of a day, or just before it."""
    return START + DAY * rng.randint(0, 12) - timedelta(microseconds=rng.choice((0, 0, 1, 5_000_000_000)))


# What is wrong with a question, as changes to it.
MISTAKES: tuple[dict[str, Any], ...] = (
    {"action": "keep"},
    {"data": "a.bb"},
    {"purpose": "p.p"},
    {"purpose": None},
    {"recipient": "emil"},
    {"recipient": None},
    {"recipient": "k", "moment": "visit"},
    {"product": "shed"},
    {"moment": "never"},
    {"moment": "visit"},
    {"choices": {"x": "maybe"}},
    {"choices": {"x": ["in"]}},
    {"choices": {"xx": "in"}},
    {"given": ("contact",)},
    {"collected_under": "1999-01-01"},
    {"accepted": "1999-01-01"},
    {"at": datetime(2020, 1, 5)},  # noqa: DTZ001 - that is the mistake
    {"expires": datetime(2020, 1, 5)},  # noqa: DTZ001
)
