"""Reading a policy file: what is understood, and what every mistake says.

Each case of MISTAKES is a policy with one change, and the problem that the change must give: code, line, and the words
that must be in the message. Every code of `problems.CODES` has a case here or in the tests of files below.
"""

from __future__ import annotations

import resource
import time
from datetime import UTC, datetime

import pytest

from troth.policy.problems import CODES, MOST_PROBLEMS, PolicyError, Problem
from troth.policy.reading import parse_version
from troth.policy.values import Period

GOOD = """\
policy: acme
title: Privacy at Acme
effective: 2020-01-01
publisher: {name: Acme, address: 1 Road, email: privacy@acme.example}
covers:
  shop: {name: Shop, site: "https://shop.acme.example", product: yes}
  blog: {name: Blog}
recipients:
  cards: {name: Cards Inc., kind: processor}
collects:
  registration:
    says: When you register, we ask for your name and e-mail address.
    data: [identity.name, contact.email]
    from: person
    when: registration
    required: yes
    for: [service.register, service.payment]
    keeps: account + 24 months
uses:
  news:
    says: {en: We send you news until you say stop., de: "Wir senden Neues, bis Sie Nein sagen."}
    data: contact.email
    for: marketing.own
    where: shop
    unless: marketing
    must: offer-opt-out
shares:
  payment:
    says: The card processor gets your card.
    data: payment.card
    with: cards
    for: service.payment
    given: [contract, seal]
choices:
  marketing: {says: You can refuse our news., model: opt-out}
claims:
  seal: {says: We hold the seal., programme: truste, since: 2019-05-01, until: 2021-05-01}
answers:
  complaints: {says: Write to us., within: 45 days, then: seal}
"""


def problems_of(text: str | bytes) -> tuple[Problem, ...]:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(PolicyError) as caught:
        parse_version(data, "policy.yaml")
    return caught.value.problems


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def test_a_good_policy_is_understood() -> None:
    version = parse_version(GOOD.encode(), "policy.yaml")
    assert (version.id, version.policy, version.effective) == ("2020-01-01", "acme", datetime(2020, 1, 1, tzinfo=UTC))
    assert [statement.id for statement in version.statements] == [
        "registration", "news", "payment", "marketing", "seal", "complaints",
    ]  # fmt: skip
    registration = version.collects[0]
    assert registration.data == ("identity.name", "contact.email")
    assert registration.purposes == ("service.register", "service.payment")
    assert registration.keeps == Period("account", 24, "month")
    assert registration.required
    assert (registration.place.line, registration.place.column) == (11, 3)
    news = version.uses[0]
    assert (news.data, news.where, news.unless, news.must) == (
        ("contact.email",),
        ("shop",),
        ("marketing",),
        ("offer-opt-out",),
    )
    assert news.says.in_("de-AT") == "Wir senden Neues, bis Sie Nein sagen."
    assert news.says.in_("fr") == news.says.in_("en") == "We send you news until you say stop."
    assert version.recipient_path("cards") == ("processor", "cards")
    assert version.verb("seal") == "claims"
    assert version.claims[0].current(datetime(2021, 4, 30, 23, 59, 59, tzinfo=UTC))
    assert not version.claims[0].current(datetime(2021, 5, 1, tzinfo=UTC))
    assert [s.id for s in version.stated_on(datetime(2022, 1, 1, tzinfo=UTC))][-2:] == ["marketing", "complaints"]


def test_scalars_mean_what_the_model_says_and_not_what_yaml_guesses() -> None:
    text = changed("name: Acme,", "name: no,").replace("address: 1 Road", "address: 2015-12-31")
    version = parse_version(text.encode(), "policy.yaml")
    assert (version.publisher.name, version.publisher.address) == ("no", "2015-12-31")


def test_own_terms_hang_below_their_parents() -> None:
    own = "vocabulary:\n  data:\n    badge: {label: Badge, parent: pass}\n    pass: {label: Pass, parent: identity}\n"
    own += "    contact.fax: {label: Fax}\n  moment:\n    visitor-desk: {label: at the desk}\n"
    text = own + GOOD.replace("data: payment.card", "data: [badge, contact.fax]").replace(
        "when: registration", "when: visitor-desk"
    )
    version = parse_version(text.encode(), "policy.yaml")
    assert version.vocabulary.path("data", "badge") == ("identity", "pass", "badge")
    assert version.vocabulary.covers("data", "identity", "badge")
    assert version.vocabulary.path("data", "contact.fax") == ("contact", "contact.fax")
    assert version.vocabulary.overlaps("data", "badge", "identity")
    assert not version.vocabulary.overlaps("data", "badge", "contact.fax")


# code, old text, new text, line of the problem, words of the message, nearest spelling
MISTAKES = [
    ("unknown-key", "    where: shop", "    were: shop", 24, "no key 'were' in 'uses.news'", "where"),
    ("unknown-key", "covers:", "cover: {}\ncovers:", 5, "at the top of a policy", "covers"),
    ("missing-key", "    for: marketing.own\n", "", 21, "lacks the key 'for'", None),
    ("missing-key", "effective: 2020-01-01\n", "", 1, "The policy lacks the key 'effective'", None),
    ("missing-key", "programme: truste, ", "", 36, "neither a framework nor a programme", None),
    ("empty", "data: payment.card", "data:", 30, "'shares.payment.data' is empty", None),
    ("empty", "name: Blog", 'name: ""', 7, "is empty", None),
    ("wrong-type", "data: payment.card", "data: {payment: card}", 30, "a mapping stands here", None),
    ("wrong-type", "data: payment.card", "data: []", 30, "an empty list", None),
    ("wrong-type", "name: Blog", "name: [Blog]", 7, "one piece of text; a list", None),
    ("wrong-type", "choices:\n  marketing:", "choices:\n  - marketing:", 35, "mapping of ids", None),
    ("unknown-term", "data: contact.email", "data: contact.emial", 22, "not a data term", "contact.email"),
    ("unknown-term", "data: contact.email", "data: email", 22, "not a data term", "contact.email"),
    ("unknown-term", "for: marketing.own", "for: marketing.onw", 23, "not a purpose term", "marketing.own"),
    ("unknown-term", "with: cards", "with: card", 31, "neither a declared recipient nor a kind", "cards"),
    ("unknown-term", "kind: processor", "kind: procesor", 9, "not a kind of recipient", "processor"),
    ("unknown-term", "[contract, seal]", "[contrat, seal]", 33, "neither a condition nor a claim", "contract"),
    ("unknown-term", "must: offer-opt-out", "must: offer-optout", 26, "not a duty term", "offer-opt-out"),
    ("unknown-term", "when: registration", "when: registering", 15, "not a moment term", "registration"),
    ("unknown-choice", "unless: marketing", "unless: marketng", 25, "not among the choices", "marketing"),
    ("unknown-product", "where: shop", "where: shpo", 24, "not among the sites and products", "shop"),
    ("unknown-answer", "then: seal", "then: sael", 38, "no answer, claim or recipient", "seal"),
    ("bad-value", "from: person", "from: persons", 14, "cannot be 'persons'", "person"),
    ("bad-value", "required: yes", "required: maybe", 16, "yes or no", None),
    ("bad-date", "effective: 2020-01-01", "effective: 2020-02-30", 3, "'2020-02-30' is neither", None),
    ("bad-date", "effective: 2020-01-01", "effective: 2020-01-01T10:00", 3, "time with zone", None),
    ("bad-period", "account + 24 months", "account + 24 moons", 18, "not a unit of time", None),
    ("bad-period", "within: 45 days", "within: soon", 38, "not something that a period can begin with", None),
    ("bad-language", "de: \"Wir", "deutsch-: \"Wir", 21, "not a language tag", None),
    ("bad-address", "privacy@acme.example", "privacy.acme.example", 4, "an e-mail address", None),
    ("bad-address", "https://shop.acme.example", "shop.acme.example", 6, "a web address", None),
    ("bad-id", "  news:", "  News:", 20, "cannot be an id", None),
    ("bad-id", "choices:", "rights:\n  acces: {says: Ask us.}\nchoices:", 35, "is not a right", "access"),
    ("duplicate-key", "  blog: {name: Blog}", "  blog: {name: Blog}\n  shop: {name: Two}", 8, "is in line 6", None),
    ("duplicate-id", "  payment:", "  news:", 28, "line 20 has a statement of that id", None),
    ("duplicate-value", "[contract, seal]", "[contract, contract]", 33, "names 'contract' twice", None),
    ("claim-dates", "until: 2021-05-01", "until: 2019-05-01", 37, "ends before it begins", None),
    ("claim-dates", "until: 2021-05-01", "void: {on: 2018-01-01, why: Gone.}", 37, "void before it begins", None),
    ("vocabulary-clash", "  cards: {", "  processor: {", 9, "is a kind of recipient", None),
    ("vocabulary-clash", "  seal: {", "  contract: {", 37, "is a condition of the vocabulary", None),
    ("alias", "name: Blog", "name: &b Blog", 7, "no anchors and aliases", None),
    ("tag", "name: Blog", "name: !!str Blog", 7, "no YAML tags", None),
    ("several-documents", "choices:", "---\nchoices:", 34, "A second document", None),
    ("yaml", "covers:", "covers: [", 6, "not YAML", None),
    ("tab", "  blog:", "\tblog:", 7, "indent with spaces", None),
]  # fmt: skip


@pytest.mark.parametrize(("code", "old", "new", "line", "words", "suggestion"), MISTAKES)
def test_a_mistake_is_named_with_its_place(
    code: str, old: str, new: str, line: int, words: str, suggestion: str | None
) -> None:
    found = [problem for problem in problems_of(changed(old, new)) if problem.code == code and words in problem.message]
    assert found, [str(problem) for problem in problems_of(changed(old, new))]
    assert abs(found[0].place.line - line) <= 1
    assert found[0].place.column >= 1
    assert found[0].suggestion == suggestion
    assert str(found[0]).startswith(f"policy.yaml:{found[0].place.line}:{found[0].place.column}: ")
    assert str(found[0]).endswith(f"[{code}]")


def test_lines_are_exact() -> None:
    problem = problems_of(changed("data: contact.email", "data: [contact.email, contact.fone]"))[0]
    assert (problem.place.line, problem.place.column) == (22, 27)
    assert (problem.found, problem.suggestion) == ("contact.fone", "contact.phone")
    assert "contact.email" in problem.allowed


def test_all_mistakes_are_reported_at_once_and_in_order() -> None:
    text = GOOD
    for old, new in (("kind: processor", "kind: procesor"), ("unless: marketing", "unless: marketin"),
                     ("until: 2021-05-01", "until: never"), ("name: Blog", "nam: Blog")):  # fmt: skip
        text = text.replace(old, new)
    found = problems_of(text)
    assert [problem.code for problem in found] == [
        "missing-key", "unknown-key", "unknown-term", "unknown-choice", "bad-date",
    ]  # fmt: skip
    assert [problem.place for problem in found] == sorted(problem.place for problem in found)


def test_one_mistake_does_not_make_others() -> None:
    """What names a choice, claim or term whose own entry is broken is no mistake."""
    assert [p.code for p in problems_of(changed("model: opt-out", "model: optout"))] == ["bad-value"]
    own = "vocabulary: {data: {badge: {label: Badge, parent: pas}}}\n"
    found = problems_of(own + GOOD.replace("data: payment.card", "data: badge"))
    assert [p.code for p in found] == ["unknown-term"]
    assert "parent of 'badge'" in found[0].message


@pytest.mark.parametrize(
    ("own", "code", "words"),
    [
        ("{data: {a: {label: A, parent: b}, b: {label: B, parent: a}}}", "vocabulary-cycle", "a → b → a"),
        ("{data: {a: {label: A, parent: a}}}", "vocabulary-cycle", "a → a"),
        ("{data: {a: {label: A}}}", "missing-key", "has no parent"),
        ("{data: {contact.a: {label: A, parent: identity}}}", "bad-value", "'contact', not 'identity'"),
        ("{data: {contact.email: {label: A}}}", "vocabulary-clash", "already"),
        ("{moment: {noon: {label: noon, parent: visit}}}", "bad-value", "have no parents"),
        ("{colour: {red: {label: Red}}}", "unknown-key", "no key 'colour'"),
    ],
)
def test_own_terms_that_cannot_be(own: str, code: str, words: str) -> None:
    found = problems_of(f"vocabulary: {own}\n{GOOD}")
    assert (found[0].code, words in found[0].message) == (code, True), found[0].message


# --- files that are no policy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_encodings_are_read(encoding: str) -> None:
    text = changed("1 Road", "1 Straße 🏠")
    assert parse_version(text.encode(encoding), "p.yaml").publisher.address == "1 Straße 🏠"


def test_other_encodings_are_named_with_the_byte() -> None:
    problem = problems_of(changed("1 Road", "1 Straße").encode("latin-1"))[0]
    assert (problem.code, problem.place.line) == ("encoding", 4)
    assert "0xdf" in problem.message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("just words", "wrong-type"),
        ("- a\n- list\n", "wrong-type"),
        ("policy: a\x00b", "yaml"),
        ("? {a: b}\n: c\n", "wrong-type"),
        ("[" * 100, "too-deep"),
        ("- " * 100 + "x", "too-deep"),
        ("a: " + "{b: " * 50 + "1" + "}" * 50, "too-deep"),
        ("a: &x [1]\nb: *x\n", "alias"),
        ("a: *nowhere\n", "alias"),
        ("%YAML 3.0\n---\na: 1\n", "yaml"),
        ("policy: !!python/object/apply:os.system [echo]", "tag"),
    ],
)
def test_what_is_no_policy_is_a_clear_error(text: str, code: str) -> None:
    assert code in [problem.code for problem in problems_of(text)]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)
NONSENSE = {
    "bomb": (BOMB, "alias"),
    "one scalar": ("x" * 1_000_000, "wrong-type"),
    "unknown keys": ("".join(f"key{n}: value\n" for n in range(60_000)), "unknown-key"),
    "duplicate keys": ("policy: x\n" * 100_000, "duplicate-key"),
    "brackets": ("[" * 1_000_000, "too-deep"),
    "dashes": ("- " * 500_000, "too-deep"),
    "indentation": ("".join(" " * n + "a:\n" for n in range(1_400)), "too-deep"),
    "unknown terms": (
        GOOD.replace("data: payment.card", f"data: [{', '.join(f'contact.x{n}' for n in range(60_000))}]"),
        "unknown-term",
    ),
    "ids": (GOOD + "rights:\n" + "".join(f"  R{n}: {{}}\n" for n in range(60_000)), "bad-id"),
    "quotes": ("'" * 1_000_001, "yaml"),
    "control characters": ("\x01" * 1_000_000, "yaml"),
    "colons": (": " * 500_000, "yaml"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_megabyte_of_nonsense_costs_little(name: str) -> None:
    text, code = NONSENSE[name]
    began = time.process_time()
    found = problems_of(text)
    spent = time.process_time() - began
    assert code in {problem.code for problem in found}
    assert len(found) <= MOST_PROBLEMS + 1
    assert sum(len(str(problem)) for problem in found) < 2_000_000
    assert spent < 20  # seconds of CPU; measured below 3
    if len(found) > MOST_PROBLEMS:
        assert "too-many-problems" in {problem.code for problem in found}


def large_policy(statements: int) -> str:
    lines = [GOOD.split("answers:")[0].replace("choices:\n", "choices:\n  optional: {says: x, model: opt-out}\n")]
    lines.append("answers:\n")
    head = "".join(lines)
    many = "".join(
        f"  use{n}:\n    says: We use this for reason number {n}.\n    data: [contact.email, identity.name]\n"
        f"    for: [service.support, improve.product]\n    unless: marketing\n"
        for n in range(statements)
    )
    return head.replace("answers:\n", "").replace("shares:\n", many + "shares:\n", 1)


def test_ten_thousand_statements_are_read() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    version = parse_version(large_policy(10_000).encode(), "large.yaml")
    spent = time.process_time() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert len(version.uses) == 10_001
    assert version.uses[-1].place.line > 50_000
    assert spent < 20  # seconds of CPU; measured below 1
    assert grown < 500  # MB


def test_every_code_of_a_file_has_a_case() -> None:
    cases = {case[0] for case in MISTAKES} | {code for _, code in NONSENSE.values()}
    cases |= {"encoding", "too-deep", "vocabulary-cycle", "too-many-problems"}  # above
    cases |= {"file-not-found", "file-unreadable", "file-too-large", "no-policy", "same-effective-date", "other-policy"}
    assert set(CODES) == cases  # the last line's are in test_history.py
