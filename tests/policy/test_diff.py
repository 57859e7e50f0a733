"""What a difference says: nothing where nothing changed, exactly what changed where something did, and what that means.

Three independent grounds: single changes sown into random policies, of which the direction is known; the reference
evaluator, asked everything that two random policies could be asked; the flagship example.
"""

import copy
import json
from itertools import product
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.decision.question import Question
from troth.decision.reference import decide_in
from troth.policy.diff import as_json, as_lines, diff
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.policy.reading import parse_version

FLAGSHIP = Path(__file__).parents[2] / "examples" / "citrix-online"
BASE = {
    "policy": "example",
    "title": "Privacy policy",
    "effective": "2026-01-01",
    "publisher": {"name": "Example", "address": "1 Way", "email": "privacy@example.org"},
    "covers": {"shop": {"name": "Shop"}, "blog": {"name": "Blog"}},
    "recipients": {"mailer": {"name": "Mailer", "kind": "processor"}, "sister": {"name": "Sister", "kind": "group"}},
    "choices": {
        "news": {"says": "You can refuse news.", "model": "opt-out"},
        "ads": {"says": "You agree to ads.", "model": "opt-in"},
    },
}


def read(content: dict, effective: str | None = None) -> Version:
    content = json.loads(json.dumps(content))
    if effective:
        content["effective"] = effective
    written = yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False)  # a tenth of the time of the one in Python
    return parse_version(written.encode(), "policy.yaml")


# --- single changes ---------------------------------------------------------------------------------------------------

# Terms that no two statements share, so that the direction of a change is that of its statement.
TERMS = (
    "identity.name", "contact.email", "payment.card", "work.role", "demographic", "content.feedback",
    "usage.clickstream", "device.ip", "location.coarse", "social.profile",
)  # fmt: skip
SPARE = ("contact.phone", "work.employer", "content.post", "usage.attention")


def disjoint(rng: Random) -> dict:
    """A random policy in which each statement speaks of data of its own."""
    terms = rng.sample(TERMS, 8)
    content = copy.deepcopy(BASE)

    def gated(rng: Random) -> dict:
        found: dict = {}
        if rng.random() < 0.5:
            found["unless"] = ["news"]
        if rng.random() < 0.3:
            found["given"] = ["request"]
        if rng.random() < 0.5:
            found["must"] = rng.sample(["minimise", "confidential", "aggregate"], rng.randint(1, 2))
        if rng.random() < 0.3:
            found["where"] = ["shop"]
        return found

    content["collects"] = {
        f"collects-{n}": {
            "says": f"We collect thing {n}.", "data": [terms[n]], "for": ["service.account", "service.support"],
            "when": ["registration"], "keeps": f"{rng.randint(2, 20)} months", **gated(rng),
        }
        for n in range(3)
    }  # fmt: skip
    content["uses"] = {
        f"uses-{n}": {"says": f"We use thing {n}.", "data": [terms[3 + n]], "for": ["marketing.own"], **gated(rng)}
        for n in range(2)
    }
    content["shares"] = {
        f"shares-{n}": {
            "says": f"We share thing {n}.", "data": [terms[5 + n]], "with": ["mailer"], "for": ["service.notice"],
            **gated(rng),
        }
        for n in range(3)
    }  # fmt: skip
    content["never"] = {"sale": {"says": "We never sell.", "do": ["sell", "rent"]}}
    content["rights"] = {"access": {"says": "Ask us.", "within": "30 days"}}
    content["protects"] = {"guards": {"says": "We guard it.", "by": ["tls", "firewall"]}}
    content["answers"] = {"changes": {"says": "We tell you before.", "ahead": "30 days"}}
    return content


def sown(verb: str, field: str, change, *, absent=None):
    """A change of one field of one statement of a verb; `absent` is what the field holds where it is not there."""

    def sow(content: dict, rng: Random) -> str:
        id = rng.choice(sorted(content[verb]))
        statement = content[verb][id]
        value = change(copy.deepcopy(statement.get(field, absent)))
        if value in (None, []):
            statement.pop(field, None)
        else:
            statement[field] = value
        return id

    return sow


def plus(value):
    return lambda found: [*found, value]


def with_gate(content: dict, rng: Random) -> dict:
    for verb in ("collects", "uses", "shares"):
        for statement in content[verb].values():
            statement.update(unless=["news"], given=["request"], must=["minimise", "aggregate"], where=["shop"])
    return content


def gone(verb: str):
    def sow(content: dict, rng: Random) -> str:
        id = rng.choice(sorted(content[verb]))
        del content[verb][id]
        return id

    return sow


def come(verb: str, statement: dict):
    def sow(content: dict, rng: Random) -> str:
        content.setdefault(verb, {})["another"] = {"says": "Another.", **statement}
        return "another"

    return sow


SEEDS = {
    "more data": ("collects", "broader", sown("collects", "data", plus(SPARE[0]))),
    "a wider data term": ("uses", "broader", sown("uses", "data", lambda data: [data[0].split(".")[0], "account"])),
    "another purpose": ("uses", "broader", sown("uses", "for", plus("advertising.targeted"))),
    "a wider purpose": ("uses", "broader", sown("uses", "for", lambda _: ["marketing"])),
    "one purpose less": ("collects", "narrower", sown("collects", "for", lambda found: found[:1])),
    "another recipient": ("shares", "broader", sown("shares", "with", plus("sister"))),
    "a wider recipient": ("shares", "broader", sown("shares", "with", lambda _: ["processor"])),
    "another moment": ("collects", "broader", sown("collects", "when", plus("purchase"))),
    "any moment": ("collects", "broader", sown("collects", "when", lambda _: [])),
    "another product": ("uses", "broader", sown("uses", "where", plus("blog"))),
    "all products": ("shares", "broader", sown("shares", "where", lambda _: [])),
    "a gate less": ("uses", "broader", sown("uses", "unless", lambda _: [])),
    "a gate more": ("uses", "narrower", sown("uses", "only_if", lambda _: ["ads"])),
    "a condition less": ("shares", "broader", sown("shares", "given", lambda _: [])),
    "a condition more": ("shares", "narrower", sown("shares", "given", plus("contract"))),
    "a duty less": ("uses", "broader", sown("uses", "must", lambda found: found[:1])),
    "a duty more": ("uses", "narrower", sown("uses", "must", plus("pseudonymise"))),
    "kept longer": ("collects", "broader", sown("collects", "keeps", lambda _: "30 months")),
    "kept for less": ("collects", "narrower", sown("collects", "keeps", lambda _: "1 month")),
    "kept without limit": ("collects", "broader", sown("collects", "keeps", lambda _: None)),
    "kept with the account": ("collects", "broader", sown("collects", "keeps", lambda _: "account + 30 months")),
    "a source more": ("collects", "broader", sown("collects", "from", lambda _: ["third_party"])),
    "demanded": ("collects", "broader", sown("collects", "required", lambda _: True)),
    "a statement more": ("uses", "broader", come("uses", {"data": SPARE[1], "for": "improve.product"})),
    "a statement less": ("shares", "narrower", gone("shares")),
    "a promise less": ("never", "broader", gone("never")),
    "a promise for less": ("never", "broader", sown("never", "do", lambda _: ["sell"])),
    "a promise of some data only": ("never", "broader", sown("never", "data", lambda _: ["contact"])),
    "a promise more": ("never", "narrower", come("never", {"do": "share", "data": SPARE[2]})),
    "a right less": ("rights", "broader", gone("rights")),
    "a later answer": ("rights", "broader", sown("rights", "within", lambda _: "60 days")),
    "a sooner answer": ("rights", "narrower", sown("rights", "within", lambda _: "10 days")),
    "a safeguard less": ("protects", "broader", sown("protects", "by", lambda found: found[:1])),
    "shorter notice": ("answers", "broader", sown("answers", "ahead", lambda _: "10 days")),
    "agreements that end": ("choices", "narrower", sown("choices", "lasts", lambda _: "12 months")),
    "a choice more": ("choices", "narrower", come("choices", {"model": "opt-out"})),
    "other words": ("collects", "same", sown("collects", "says", lambda found: found + " Truly.")),
    "a translation": ("shares", "same", sown("shares", "says", lambda found: {"en": found, "de": "Wir teilen."})),
    "out of the overview": ("uses", "same", sown("uses", "overview", lambda _: False)),
}
# Broader, yet nobody has to agree again: promises and deadlines bind the organisation, they allow it nothing.
NOT_ASKED = {"demanded"} | {name for name, (verb, _, _) in SEEDS.items() if verb not in ("collects", "uses", "shares")}


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_one_change_is_found_exactly(name: str, rng: Random):
    verb, direction, sow = SEEDS[name]
    content = with_gate(disjoint(rng), rng)
    changed = copy.deepcopy(content)
    id = sow(changed, rng)
    old, new = read(content), read(changed, "2026-06-01")
    difference = diff(old, new)
    (change,) = difference.changes
    assert (change.part, change.id, change.direction) == (verb, id, direction)
    assert difference.material == (direction == "broader")
    assert bool(difference.told) == (direction == "broader")
    assert change.asks == (direction == "broader" and name not in NOT_ASKED)
    assert bool(difference.asked) == change.asks
    if change.asks:
        assert all(audience.because == (id,) for audience in difference.asked)
    if direction == "same":
        assert difference.asked == difference.told == ()
    assert as_lines(difference, old, new)
    back = diff(read(changed), old)
    assert [(one.part, one.id) for one in back.changes] == [(verb, id)]
    turned = {"broader": "narrower", "narrower": "broader", "same": "same"}[direction]
    assert back.changes[0].direction == turned


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_a_policy_does_not_differ_from_itself(rng: Random):
    content = disjoint(rng)
    difference = diff(read(content), read(content, "2026-06-01"))
    assert not difference
    assert difference.changes == difference.told == difference.asked == ()
    assert not difference.material


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_other_words_change_no_rule(rng: Random):
    content = disjoint(rng)
    changed = copy.deepcopy(content)
    for verb in ("collects", "uses", "shares", "never", "rights", "answers"):
        for statement in changed[verb].values():
            statement["says"] = f"{statement['says']} {rng.random()}"
    difference = diff(read(content), read(changed))
    assert difference.changes
    assert {change.kind for change in difference.changes} == {"reworded"}
    assert {change.direction for change in difference.changes} == {"same"}
    assert not any(change.effects for change in difference.changes)
    assert not difference.material
    assert difference.asked == ()


def test_a_translation_is_told_from_other_words():
    content = disjoint(Random(1))
    changed = copy.deepcopy(content)
    changed["collects"]["collects-0"]["says"] = {"en": "We collect thing 0.", "de": "Wir erheben es."}
    (change,) = diff(read(content), read(changed)).changes
    assert change.kind == "translated"


def test_another_id_for_the_same_rule_is_a_new_name():
    content = with_gate(disjoint(Random(2)), Random(2))
    changed = copy.deepcopy(content)
    changed["uses"] = {{"uses-0": "news-mail"}.get(id, id): entry for id, entry in changed["uses"].items()}
    difference = diff(read(content), read(changed))
    (change,) = difference.changes
    assert (change.kind, change.direction, change.id, change.old.id) == ("renamed", "same", "news-mail", "uses-0")
    assert difference.change("uses-0") is difference.change("news-mail") is change
    assert not difference.asked


def test_a_purpose_that_moves_to_another_statement_is_not_broader():
    content = with_gate(disjoint(Random(3)), Random(3))
    content["uses"]["uses-0"]["for"] = ["marketing.own", "improve.product"]
    changed = copy.deepcopy(content)
    changed["uses"]["uses-0"]["for"] = ["marketing.own"]
    changed["uses"]["learning"] = {**changed["uses"]["uses-0"], "says": "We learn.", "for": ["improve.product"]}
    difference = diff(read(content), read(changed))
    assert {change.id: change.direction for change in difference.changes} == {"uses-0": "same", "learning": "same"}
    assert difference.change("uses-0").fields[0].direction == "narrower"
    assert not difference.material
    assert difference.asked == ()


def test_who_is_asked():
    content = disjoint(Random(4))
    changed = copy.deepcopy(content)
    changed["uses"]["free"] = {"says": "Free.", "data": SPARE[0], "for": "improve.product"}
    changed["uses"]["asked"] = {"says": "Asked.", "data": SPARE[1], "for": "advertising", "only_if": "ads"}
    difference = diff(read(content), read(changed))
    assert [(audience.choice, audience.because) for audience in difference.asked] == [
        (None, ("free",)),
        ("ads", ("asked",)),
    ]
    assert difference.asked[0].everybody


def test_another_publisher_is_material_and_asks_nobody():
    content = disjoint(Random(5))
    changed = copy.deepcopy(content)
    changed["publisher"]["name"] = "Successor"
    difference = diff(read(content), read(changed))
    assert difference.material
    assert difference.told[0].everybody
    assert difference.asked == ()


def test_a_lapsed_claim_that_goes_promises_no_less():
    claim = {"says": "We are certified.", "framework": "safe-harbor", "since": "2010-01-01", "until": "2015-10-06"}
    content = {**disjoint(Random(6)), "claims": {"harbor": claim}}
    without = {key: value for key, value in content.items() if key != "claims"}
    (change,) = diff(read(content), read(without)).changes
    assert (change.kind, change.direction) == ("removed", "same")
    claim.pop("until")
    (change,) = diff(read(content), read(without)).changes
    assert (change.kind, change.direction) == ("removed", "broader")


def test_sites_that_come_and_go_are_told_to_those_who_use_them():
    content = disjoint(Random(7))
    changed = copy.deepcopy(content)
    changed["covers"]["app"] = {"name": "App"}
    difference = diff(read(content), read(changed))
    assert [(change.part, change.id) for change in difference.changes] == [("covers", "app")]
    assert [audience.product for audience in difference.told] == ["app"]
    assert difference.asked == ()
    # What is said of the new site alone is new to its people, and asks nobody else.
    changed["uses"]["app-only"] = {"says": "In the app.", "data": SPARE[0], "for": "improve.product", "where": "app"}
    difference = diff(read(content), read(changed))
    assert difference.change("app-only").direction == "broader"
    assert difference.asked == ()


# --- against the reference evaluator ----------------------------------------------------------------------------------

DATA = ("contact", "contact.email", "contact.phone", "contact.address", "identity", "identity.name")
PURPOSES = ("marketing", "marketing.own", "marketing.partner", "service.support", "service.notice")
RECIPIENTS = ("processor", "processor.sub", "group", "mailer", "sister")


def entangled(rng: Random) -> dict:
    """A random policy in which everything overlaps everything."""
    content = copy.deepcopy(BASE)

    def some(words, most):
        return rng.sample(words, rng.randint(1, most))

    def gated(n: int) -> dict:
        gates = {"unless": ["news"], "only_if": ["ads"], "given": ["contract"]}
        found: dict = {"says": f"Sentence {n}.", **{kind: names for kind, names in gates.items() if rng.random() < 0.3}}
        if rng.random() < 0.4:
            found["must"] = some(["minimise", "aggregate"], 2)
        if rng.random() < 0.3:
            found["where"] = [rng.choice(["shop", "blog"])]
        return found

    content["collects"] = {}
    content["uses"] = {}
    content["shares"] = {}
    content["never"] = {}
    for n in range(rng.randint(1, 6)):
        verb = rng.choice(("collects", "uses", "shares", "shares", "never"))
        terms: dict = {"data": some(DATA, 2), "for": some(PURPOSES, 2)}
        if verb == "shares":
            terms["with"] = some(RECIPIENTS, 2)
        if verb == "collects" and rng.random() < 0.5:
            terms["when"] = [rng.choice(["visit", "registration"])]
        if verb == "never":
            terms = {key: value for key, value in terms.items() if rng.random() < 0.8}
            content[verb][f"{verb}-{n}"] = {
                "says": f"Never {n}.",
                "do": some(["collect", "use", "share"], 2),
                **terms,
            }
        else:
            content[verb][f"{verb}-{n}"] = {**gated(n), **terms}
    return {key: value for key, value in content.items() if value != {}}


def questions(at):
    people = [
        ({choice: state for choice, state in (("news", news), ("ads", ads)) if state}, frozenset(given))
        for news, ads, given in product((None, "in", "out"), (None, "in", "out"), ((), ("contract",)))
    ]
    for action in ("collect", "use", "share"):
        recipients = RECIPIENTS if action == "share" else (None,)
        moments = ("visit", "registration", "purchase") if action == "collect" else (None,)
        for terms in product(DATA, PURPOSES, recipients, ("shop", "blog"), moments):
            data, purpose, recipient, site, moment = terms
            for choices, given_now in people:
                yield Question(
                    action=action, data=data, purpose=purpose, recipient=recipient, product=site, moment=moment,
                    at=at, choices=choices, given=given_now,
                )  # fmt: skip


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.booleans())
def test_direction_is_what_the_reference_decides(rng: Random, alike: bool):
    one = entangled(rng)
    other = entangled(rng)
    if alike:  # two policies that share most statements
        for verb in ("collects", "uses", "shares", "never"):
            if verb in one and rng.random() < 0.7:
                other[verb] = copy.deepcopy(one[verb])
    old, new = read(one), read(other)
    expected = set()
    for question in questions(old.effective):
        was, now = decide_in(old, question), decide_in(new, question)
        if was.allowed != now.allowed:
            expected.add("broader" if now.allowed else "narrower")
        elif was.allowed:
            if set(was.duties) - set(now.duties):
                expected.add("broader")
            if set(now.duties) - set(was.duties):
                expected.add("narrower")
    difference = diff(old, new)
    found = {
        effect.direction
        for change in difference.changes
        for effect in change.effects
        if effect.kind in ("allowance", "duty")
    }
    assert found == expected


def test_a_duty_that_two_statements_bring_together_is_told():
    """Who refused nothing, agreed to ads and has a contract is mailed by both versions, by the new one minimised."""
    old, new = copy.deepcopy(BASE), copy.deepcopy(BASE)
    shared = {"says": "We mail you.", "data": "contact", "for": "marketing", "unless": "news"}
    old["uses"] = {"mail": {**shared, "given": "contract"}}
    new["uses"] = {"mail": {**shared, "given": "contract"}}
    new["collects"] = {"advertised": {**shared, "only_if": "ads", "must": "minimise"}}
    found = [effect for change in diff(read(old), read(new)).changes for effect in change.effects]
    assert [one.now.duties for one in found if (one.kind, one.direction) == ("duty", "narrower")] == [("minimise",)]
    back = [effect for change in diff(read(new), read(old)).changes for effect in change.effects]
    assert [one.was.duties for one in back if (one.kind, one.direction) == ("duty", "broader")] == [("minimise",)]


# --- the flagship -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flagship() -> Policy:
    return Policy.read(FLAGSHIP)


def test_marketing_to_attendees_became_broader(flagship: Policy):
    old, new = flagship.version("2015-12-31"), flagship.version("2017-02-01")
    difference = diff(old, new)
    change = difference.change("news-to-attendees")
    assert (change.kind, change.direction, change.asks) == ("added", "broader", True)
    (effect,) = change.effects
    assert (effect.action, effect.data, effect.purposes) == ("use", ("contact.attendee",), ("marketing.own",))
    assert (effect.was.state, effect.was.statements) == ("never", ("attendee-marketing",))
    assert effect.now.state == "stated"
    promise = difference.change("attendee-marketing")
    assert (promise.kind, promise.direction) == ("removed", "broader")
    asked = {audience.choice: audience.because for audience in difference.asked}
    assert "news-to-attendees" in asked["attendee-news"]
    text = "\n".join(as_lines(difference, old, new))
    assert "became allowed if they agree to 'attendee-news'" in text
    assert "(was never, by 'attendee-marketing')" in text
    assert "those who decide by the choice 'attendee-news'" in text


def test_the_flagship_told_as_json(flagship: Policy):
    difference = diff(flagship.versions[1], flagship.versions[2])
    content = json.loads(as_json(difference))
    assert content["material"] is True
    assert content.keys() == {"policy", "old", "new", "material", "changes", "told", "asked"}
    change = next(change for change in content["changes"] if change["id"] == "news-to-attendees")
    assert change["effects"][0]["was"] == {"state": "never", "statements": ["attendee-marketing"]}


def test_a_version_does_not_differ_from_itself(flagship: Policy):
    for version in flagship.versions:
        difference = diff(version, version)
        assert not difference
        assert as_lines(difference, version, version)[-1] == "The two versions say the same."
