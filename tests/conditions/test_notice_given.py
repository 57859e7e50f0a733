"""`notice-given` holds while a page names the recipient, for those whose data came in there meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from register_clock import Clock

from troth.conditions import Conditions, RecipientError, Sharing
from troth.conditions.facts import Page, Profile
from troth.conditions.notice import NoticeGiven
from troth.people import Identifier, People, open_people
from troth.policy.history import Policy
from troth.store import Store
from troth.vault import NewItem, Origin, Vault, open_vault

URL = "https://shop.example/club"
CLUB = Profile(name="The Club", kind="joint")


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def vault(store: Store, policy: Policy, tmp_path: Path) -> Vault:
    return open_vault(store, open_people(store, tmp_path / "keys", policy))


def collect(vault: Vault, name: str, data: str, product: str | None) -> str:
    people: People = vault.people

    def work(unit: object) -> str:
        person = people.resolve(unit, Identifier("account", name))
        vault.put(unit, person, Origin("partners", "small", "2020-01-01", product), [NewItem(data, "x")])
        return person.id

    return people.write(work)


def sharing(policy: Policy, at: datetime, data: str = "contact.email") -> Sharing:
    return Sharing(recipient="club", data=data, purpose="partner.programme", version=policy.versions[0], at=at)


def test_it_is_given_to_those_whose_data_came_in_while_the_page_named_the_recipient(
    conditions: Conditions, vault: Vault, policy: Policy, clock: Clock
) -> None:
    register, answers = conditions.register, NoticeGiven(conditions.register)
    before = collect(vault, "before", "contact.email", "shop")
    clock.move(days=1)
    opened = clock.now
    register.add("club", CLUB, by="mary")
    assert not answers.holds(sharing(policy, clock.now))
    register.add("club", Page(url=URL, product="shop", begins=clock.now), by="mary")
    inside = collect(vault, "inside", "contact.email", "shop")
    collect(vault, "elsewhere", "contact.email", None)
    collect(vault, "other data", "contact.phone", "shop")
    assert answers.holds(sharing(policy, clock.now))
    assert answers.persons(sharing(policy, clock.now)) == {inside}
    assert "notice-given" in conditions.given(
        recipient="club", data="contact.email", purpose="partner.programme", version="2020-01-01", at=clock.now
    )
    assert len(answers.persons(sharing(policy, clock.now, "contact"))) == 2
    clock.move(days=1)
    register.add("club", Page(url=URL, product="shop", begins=opened, ends=clock.now), by="mary")
    after = collect(vault, "after", "contact.email", "shop")
    assert not answers.holds(sharing(policy, clock.now))
    assert answers.persons(sharing(policy, clock.now)) == frozenset()
    # What was answered before is answered so again.
    yesterday = clock.now.replace(day=clock.now.day - 1)
    assert answers.persons(sharing(policy, yesterday)) - {after} == {inside}
    assert before not in answers.persons(sharing(policy, yesterday))


def test_who_became_one_with_another_was_told_too(
    conditions: Conditions, vault: Vault, policy: Policy, clock: Clock
) -> None:
    conditions.register.add("club", CLUB, by="mary")
    conditions.register.add("club", Page(url=URL, product="shop", begins=clock.now), by="mary")
    told = collect(vault, "told", "contact.email", "shop")
    other = vault.people.know(Identifier("account", "other"))
    vault.people.link(other, Identifier("account", "told"))
    assert vault.people.find(told) == other
    assert NoticeGiven(conditions.register).persons(sharing(policy, clock.now)) == {other}


REFUSED = [
    ("club", {"url": "shop.example/club"}, "is no web address"),
    ("club", {"url": "http://shop.example/club"}, "is no web address"),
    ("club", {"url": "https://shop.example/club?for=ann"}, "no '?' and no '#'"),
    ("club", {"product": "shpo"}, "The policy covers no 'shpo'. Did you mean 'shop'?"),
    ("club", {"ends": day("2019-01-01")}, "that is too late"),
    ("cards", {}, "says `given: notice-given` or `must: name-recipient`"),
    ("clb", {}, "'clb' is not registered. Did you mean 'club'?"),
]


@pytest.mark.parametrize(("recipient", "fields", "says"), REFUSED)
def test_a_page_that_cannot_be(conditions: Conditions, recipient: str, fields: dict[str, object], says: str) -> None:
    conditions.register.add("club", CLUB, by="mary")
    conditions.register.add("cards", Profile(name="Cards Inc.", kind="processor"), by="mary")
    facts = conditions.register.facts()
    usual: dict[str, object] = {"url": URL, "product": "shop", "begins": day("2020-03-01")}
    with pytest.raises(RecipientError) as refused:
        conditions.register.add(recipient, Page(**{**usual, **fields}), by="mary")  # type: ignore[arg-type]
    assert says in str(refused.value)
    assert conditions.register.facts() == facts
