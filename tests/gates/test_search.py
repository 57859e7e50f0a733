"""Search: exactly those whom the reference allows, page by page, on random policies, people and items."""

import sys
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "decision"))

from gate_oracle import ANN, BOB, EXAMPLE, gated
from random_policies import random_moment, random_policy, words_of

from troth.decision import reference
from troth.decision.point import DecisionPoint
from troth.decision.question import Question, QuestionError
from troth.gates import search as searching
from troth.gates.search import Found, search, terms_below
from troth.people import ChoiceIndex, Identifier, open_people
from troth.people.changes import ACCEPTED
from troth.people.errors import StaleChoicesError
from troth.policy.history import Policy
from troth.store import open_store
from troth.store.schema import choices, items, to_micros

NEWS = {"purpose": "marketing.own", "data": "contact.email", "product": "gototraining"}


def put_item(unit, leaf, person, data, version, expires=None):
    row = dict.fromkeys(column.name for column in items.columns)
    row |= {
        "leaf": leaf, "position": 0, "person": person, "sealed_for": person, "data": data, "statement": "s",
        "policy": "p", "version": version, "collected_at": 0, "sealed": b"x",
        "expires_at": None if expires is None else to_micros(expires),
    }  # fmt: skip
    unit.change(items.insert(), row)


def put_choice(unit, person, choice, state, version="v"):
    row = {"person": person, "choice": choice, "state": state, "leaf": 0, "made_at": 0, "version": version}
    unit.change(choices.insert(), {**row, "actor": "person", "how": "page", "signal_leaf": None})


class Crowd:
    """Random people with random items under a random policy, and what the reference says of each."""

    def __init__(self, rng, store, keys, policy):
        self.policy, self.point = policy, DecisionPoint(policy)
        self.words = words_of(policy)
        self.held, self.states, self.agreed = [], {}, {}
        versions = [version.id for version in policy.versions]
        persons = [f"{rng.getrandbits(128):032x}" for _ in range(rng.randint(1, 30))]

        def fill(unit):
            unit.change(items.delete())
            unit.change(choices.delete())
            leaf = 0
            for person in persons:
                self.states[person] = {
                    name: rng.choice(("in", "out")) for name in self.words.choice if rng.random() < 0.5
                }
                for name, state in self.states[person].items():
                    put_choice(unit, person, name, state)
                if rng.random() < 0.4:
                    agreed = rng.choice(versions)
                    state = rng.choice(("in", "in", "unset"))
                    put_choice(unit, person, ACCEPTED, state, agreed)
                    self.agreed[person] = agreed if state == "in" else None
                for _ in range(rng.randint(0, 5)):
                    leaf += 1
                    data = rng.choice((*self.words.data, "elsewhere"))
                    expires = random_moment(rng) if rng.random() < 0.4 else None
                    held = (person, data, rng.choice(versions), expires)
                    self.held.append(held)
                    put_item(unit, leaf, *held)

        store.write(fill)
        people = open_people(store, keys, policy)
        self.index = ChoiceIndex(people, self.point, limit=1e9)

    def wanted(self, asked):
        """Literally: an item of that term or below, allowed as what was asked for and as what it is."""
        found = set()
        terms = {
            term for version in self.policy.versions for term in version.vocabulary.slugs("data")
            if version.vocabulary.covers("data", asked["data"], term)
        } | {asked["data"]}  # fmt: skip
        for person, data, version, expires in self.held:
            if data in terms and all(
                reference.decide(
                    self.policy,
                    Question(
                        action="use", **{**asked, "data": term}, choices=self.states[person], collected_under=version,
                        expires=expires, accepted=self.agreed.get(person),
                    ),
                ).allowed
                for term in (asked["data"], data)
            ):  # fmt: skip
                found.add(person)
        return sorted(found)


def all_pages(point, index, limit, **asked):
    found, after, sizes = [], None, []
    while True:
        page = search(point, index, **asked, after=after, limit=limit)
        found += page.persons
        sizes.append(len(page.persons))
        assert len(page.persons) <= limit
        if page.next is None:
            return found
        assert after is None or page.next > after
        after = page.next


@pytest.mark.parametrize("part", range(4))
def test_the_search_finds_whom_the_reference_allows(part, tmp_path, monkeypatch):
    found_some = 0
    with open_store(f"sqlite:///{tmp_path / 'troth.db'}", create=True, pragmas={"synchronous": "OFF"}) as store:
        for seed in range(25):
            rng = Random(part * 1000 + seed)
            crowd = Crowd(rng, store, tmp_path / "keys", random_policy(rng))
            for _ in range(12):
                monkeypatch.setattr(searching, "_AT_ONCE", rng.choice((10, 50, 10_000)))
                monkeypatch.setattr(searching, "MOST_LOOKED_AT", rng.choice((1, 20, 100_000)))
                asked = {
                    "data": rng.choice(tuple(crowd.words.data)),
                    "purpose": rng.choice(tuple(crowd.words.purpose)),
                    "product": rng.choice((None, *crowd.words.product)),
                    "given": frozenset(name for name in crowd.words.condition if rng.random() < 0.6),
                    "at": random_moment(rng) + timedelta(days=rng.choice((0, 6))),
                }
                limit = rng.choice((1, 2, 7, 1000))
                wanted = crowd.wanted(asked)
                assert all_pages(crowd.point, crowd.index, limit, **asked) == wanted, (part, seed, asked)
                found_some += bool(wanted)
    assert found_some > 30


@pytest.fixture
def gates(url, tmp_path):
    with gated(tmp_path, url=url) as gates:
        yield gates


def who(gates, **more):
    found = search(DecisionPoint(gates.people.policy), gates.index, **NEWS | more)
    assert found.next is None
    return list(found.persons)


def collect(gates, person, version="2017-02-01", data="contact.email", leaf=[10_000]):  # noqa: B006
    leaf[0] += 1
    gates.store.write(lambda unit: put_item(unit, leaf[0], person, data, version))


def test_on_both_databases_the_newsletter_goes_to_who_did_not_refuse(gates):
    ann, bob = gates.people.know(ANN), gates.people.know(BOB)
    assert who(gates) == []
    collect(gates, ann)
    collect(gates, ann)
    collect(gates, bob)
    assert who(gates) == sorted((ann, bob))
    gates.people.choose(ANN, {"marketing": "out"}, how="page")
    assert who(gates) == [bob]
    assert who(gates, purpose="service.register") == sorted((ann, bob))
    assert who(gates, data="contact.phone") == []


def test_somebody_who_became_one_with_another_is_found_once_by_the_choices_of_both(gates):
    ann, cookie = gates.people.know(ANN), Identifier("cookie", "c1")
    before = gates.people.know(cookie)
    collect(gates, before)
    assert who(gates) == [before]
    gates.people.link(ANN, cookie)
    assert who(gates) == [ann]
    # As if the items had been read just before the two became one: the id goes on to mean the same person.
    collect(gates, before)
    assert who(gates) == sorted((ann, before))
    gates.people.choose(ANN, {"marketing": "out"}, how="page")
    assert who(gates) == []


def test_who_agreed_to_the_present_version_is_found_for_what_an_older_one_did_not_say(tmp_path):
    with gated(tmp_path) as gates:
        policy = gates.people.policy
        point, old, now = DecisionPoint(policy), policy.versions[0].id, gates.clock.now
        asked = next(
            asked
            for data in words_of(policy).data
            for purpose in words_of(policy).purpose
            if point.decide(action="use", **(asked := {**NEWS, "data": data, "purpose": purpose}), at=now).allowed
            and not point.decide(action="use", **asked, at=now, collected_under=old).allowed
        )
        ann, bob = gates.people.know(ANN), gates.people.know(BOB)
        for person in (ann, bob):
            collect(gates, person, version=old, data=asked["data"])
        assert who(gates, **asked) == []
        gates.people.accept(ANN, how="page")
        assert who(gates, **asked) == [ann]
        gates.people.accept(BOB, how="page", version=old)
        assert who(gates, **asked) == [ann]


def test_a_page_has_a_size_and_a_question_has_to_be_one(tmp_path):
    with gated(tmp_path) as gates:
        point = DecisionPoint(gates.people.policy)
        for limit in (0, -1, searching.MOST_PERSONS + 1):
            with pytest.raises(ValueError, match="A page has"):
                search(point, gates.index, **NEWS, limit=limit)
        for wrong in ({"data": "contact.emial"}, {"purpose": "marketing.owne"}, {"product": "x"}, {"given": ["x"]}):
            with pytest.raises(QuestionError):
                search(point, gates.index, **NEWS | wrong)
        assert search(point, gates.index, **NEWS) == Found((), None)


def test_choices_that_are_too_old_are_not_searched_by(tmp_path):
    with gated(tmp_path) as gates:
        now = [0.0]
        index = ChoiceIndex(gates.people, DecisionPoint(gates.people.policy), limit=5, monotonic=lambda: now[0])
        collect(gates, gates.people.know(ANN))
        now[0] = 6.0
        with pytest.raises(StaleChoicesError):
            search(DecisionPoint(gates.people.policy), index, **NEWS)


def test_somebodys_many_items_are_one_row(tmp_path, monkeypatch):
    with gated(tmp_path) as gates:
        ann, bob = gates.people.know(ANN), gates.people.know(BOB)
        for _ in range(40):
            collect(gates, ann)
            collect(gates, bob)
        monkeypatch.setattr(searching, "MOST_LOOKED_AT", 3)
        assert who(gates) == sorted((ann, bob))


def test_the_terms_below(tmp_path):
    policy = Policy.read(EXAMPLE)
    assert terms_below(policy, "contact.email") == ["contact.email"]
    assert set(terms_below(policy, "contact")) >= {"contact", "contact.email", "contact.phone"}
