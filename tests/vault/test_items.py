"""Items: what is put in comes out the same, to whom it belongs, and opens nowhere else."""

import msgspec
import pytest
from collecting import EMAIL, NAME, ORIGIN, account, item, put, values
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from troth.people.receipt import opening_of
from troth.record.commitment import opens
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.vault import Origin, Vault
from troth.vault.errors import DamagedItemError
from troth.vault.items import Item, ItemKey, binding, nonce, opened

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=8,
)  # fmt: skip


def test_what_is_put_in_comes_out(vault: Vault, clock) -> None:
    ann, leaf = put(vault, account("ann"), [item(EMAIL, "ann@example.org", "30 days"), item(NAME, {"first": "Ann"})])
    bob, _ = put(vault, account("bob"), [item(NAME, None, "account + 24 months")])
    clock.move(days=1)
    put(vault, account("ann"), [item(EMAIL, "ann@new.example.org")], Origin("contact", "citrix-online", "2015-12-31"))
    found = list(vault.read(None, [EMAIL, NAME]))
    assert [one.person for one in found] == sorted([ann, ann, ann, bob])
    ours = [one for one in found if one.person == ann]
    assert [vault.open(one) for one in ours] == ["ann@example.org", {"first": "Ann"}, "ann@new.example.org"]
    first, _, last = ours
    assert (first.leaf, first.position, first.statement, first.product) == (leaf, 0, "registration", "gototraining")
    assert (first.expires_at - first.collected_at).days == 30
    assert (last.statement, last.product, last.keeps, last.expires_at) == ("contact", None, None, None)
    assert str(next(one for one in found if one.person == bob).keeps) == "account + 24 months"
    assert isinstance(opened(first, "x"), Item)
    assert values(vault, [bob]) == [None]
    assert values(vault, [bob, ann], [EMAIL]) == ["ann@example.org", "ann@new.example.org"]
    assert values(vault, ["0" * 32]) == []
    assert values(vault, []) == []
    assert values(vault, None, []) == []


def test_the_collection_is_in_the_record(vault: Vault) -> None:
    ann, leaf = put(vault, account("ann"), [item(EMAIL, "ann@example.org"), item(NAME, "Ann")])
    entry = RecordReader(vault.store).entry(leaf)
    assert entry is not None
    body = read_entry(entry)
    assert (body["kind"], body["statement"], body["version"]) == ("collected", "registration", "2015-12-31")
    opening = opening_of(vault.people, leaf)
    assert opens(opening, body)
    collection = {"data": [EMAIL, NAME], "product": "gototraining", "moment": "registration"}
    assert opening.values == {"person": ann, "collection": collection}


def test_pages_of_persons_are_whole(vault: Vault) -> None:
    for number in range(30):
        put(vault, account(number % 10), [item(EMAIL, number), item(NAME, -number)])
    everything = list(vault.read(None, [NAME, EMAIL]))
    assert len(everything) == 60
    seen: list = []
    after = None
    while page := list(vault.read(None, [EMAIL, NAME], after=after, limit=3)):
        assert len({one.person for one in page}) <= 3
        seen += page
        after = page[-1].person
    assert seen == everything
    persons = sorted({one.person for one in everything})
    assert list(vault.read(persons[::-1], [EMAIL, NAME])) == everything
    some = list(vault.read(persons, [EMAIL], after=persons[3], limit=2))
    assert {one.person for one in some} == set(persons[4:6])


def test_persons_who_became_one_have_both_their_items(vault: Vault) -> None:
    ann, _ = put(vault, account("ann"), [item(EMAIL, 1)])
    other, _ = put(vault, account("ann2"), [item(EMAIL, 2)])
    vault.people.link(account("ann"), account("ann2"))
    found = list(vault.read([ann], [EMAIL]))
    assert [(one.person, one.sealed_for, vault.open(one)) for one in found] == [(ann, ann, 1), (ann, other, 2)]
    assert list(vault.read(None, [EMAIL])) == found
    put(vault, account("ann2"), [item(EMAIL, 3)])
    assert values(vault) == [1, 2, 3]


@pytest.mark.parametrize("column", ["data", "policy", "version", "statement", "sealed_for", "leaf", "position"])
def test_a_value_opens_nowhere_else(vault: Vault, column: str) -> None:
    put(vault, account("ann"), [item(EMAIL, "ann@example.org")])
    bob, _ = put(vault, account("bob"), [item(EMAIL, "bob@example.org")])
    ours = next(one for one in vault.read(None, [EMAIL]) if one.person != bob)
    other = {"data": NAME, "leaf": 77, "position": 1, "sealed_for": bob}.get(column, "other")
    with pytest.raises(DamagedItemError, match="altered or moved"):
        vault.open(msgspec.structs.replace(ours, **{column: other}))
    with pytest.raises(DamagedItemError):
        vault.open(msgspec.structs.replace(ours, sealed=ours.sealed[:-1] + bytes([ours.sealed[-1] ^ 1])))


def test_a_value_is_found_by_its_blind_index_alone(vault: Vault) -> None:
    ann, _ = put(vault, account("ann"), [item(EMAIL, "ann@example.org", blind="ann@example.org")])
    put(vault, account("bob"), [item(EMAIL, "bob@example.org"), item(NAME, "x", blind="ann@example.org")])
    assert vault.holders(EMAIL, "ann@example.org") == [ann]
    assert vault.holders(EMAIL, "bob@example.org") == []
    with vault.store.read() as connection:
        blinds = {bytes(row.blind) for row in connection.execute(text("SELECT blind FROM items")) if row.blind}
    assert len(blinds) == 2  # the same text under two terms looks different


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**31 - 1)), unique=True))
def test_no_two_items_have_the_same_nonce(places: list[tuple[int, int]]) -> None:
    assert len({nonce(*place) for place in places}) == len(places)
    assert all(len(nonce(*place)) == 12 for place in places)


@given(JSON, st.integers(0, 2**40))
def test_every_value_is_the_same_again(value: object, leaf: int) -> None:
    key = ItemKey(bytes(range(32)))
    bound_to = binding("p", EMAIL, "policy", "v", "s")
    sealed = key.seal(msgspec.json.encode(value), leaf, 3, bound_to)
    from datetime import UTC, datetime

    from troth.vault import SealedItem

    now = datetime(2016, 1, 1, tzinfo=UTC)
    kept = SealedItem(leaf, 3, "p", EMAIL, "s", "policy", "v", None, now, None, None, sealed, "p")
    assert key.open(kept) == value


def test_the_places_of_the_database_are_those_of_the_nonces(vault: Vault) -> None:
    """Whatever is put in, by several at once and with failures in between, no place comes twice."""

    def fail(unit: object) -> None:
        person = vault.people.resolve(unit, account(1))
        vault.put(unit, person, ORIGIN, [item(EMAIL, "never")])
        raise RuntimeError("not kept")

    for number in range(20):
        put(vault, account(number % 3), [item(EMAIL, number)] * (number % 4))
        with pytest.raises(RuntimeError):
            vault.people.write(fail)
    with vault.store.read() as connection:
        places = connection.execute(text("SELECT leaf, position FROM items")).all()
    assert len(places) == len(set(places)) == sum(number % 4 for number in range(20))
    assert "never" not in values(vault)
