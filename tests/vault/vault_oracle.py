"""How a vault is judged after something went wrong: nothing lost, nothing half there, and nobody brought back."""

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import text

from troth.people import open_people
from troth.people.receipt import opening_of
from troth.policy.history import Policy
from troth.record.commitment import opens
from troth.record.kinds import read_entry
from troth.record.verifier import hash_leaf
from troth.store import open_store
from troth.vault import open_vault
from troth.vault.erasure import TABLES


def judge_vault(url: str, keys: Path, policy: Policy, acknowledged: Iterable[str]) -> None:
    """AssertionError if an acknowledged item or erasure is lost, half there, or out of step with the record.

    Acknowledged is `put LEAF PERSON VALUE`, of an item with that value, or `erased PERSON`.
    """
    told = [line.split() for line in acknowledged]
    with open_store(url) as store:
        with store.read() as connection:
            if connection.dialect.name == "sqlite":
                assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            before = set(connection.execute(text("SELECT id FROM persons WHERE erased_leaf IS NOT NULL")).scalars())
        noted = set((keys / "erasures").read_text().split()) if (keys / "erasures").exists() else set()
        assert before <= noted, "an erasure that a restored backup would undo"
        vault = open_vault(store, open_people(store, keys, policy))  # whatever the power cut left is set right here
        with store.read() as connection:

            def rows(sql: str) -> list:
                return list(connection.execute(text(sql)))

            entries = rows('SELECT "index", hash, entry FROM leaves ORDER BY "index"')
            persons = {row.id: row for row in rows("SELECT * FROM persons")}
            items = rows("SELECT * FROM items ORDER BY leaf")
            openings = {row.leaf: row for row in rows("SELECT leaf, person FROM openings")}
            left = {table: rows(f"SELECT * FROM {table}") for table in TABLES if table != "persons"}
    assert [index for index, _, _ in entries] == list(range(len(entries))), "a gap among the indices"
    bodies = [read_entry(bytes(entry)) for _, _, entry in entries]
    assert all(hash_leaf(bytes(entry)) == bytes(leaf_hash) for _, leaf_hash, entry in entries)
    erased = {id for id, row in persons.items() if row.sealing_key is None}
    assert erased == {id for id, row in persons.items() if row.erased_leaf is not None}
    assert erased == noted & persons.keys(), "asked for, noted, and not erased"
    assert all(bodies[persons[id].erased_leaf]["kind"] == "erased" for id in erased)
    traces = {id for table in left.values() for row in table for id in erased & {str(value) for value in row}}
    assert traces == set(), "something is left of somebody who was erased"
    for leaf, opening in openings.items():
        assert opening.person not in erased
        assert opens(opening_of(vault.people, leaf), bodies[leaf])
    collected = {index for index, body in enumerate(bodies) if body["kind"] == "collected"}
    assert {row.leaf for row in items} <= collected & openings.keys(), "an item without its entry"
    opener = vault.opener()
    values = {one.leaf: opener.open(one) for one in vault.read(None, {row.data for row in items})}
    assert values.keys() == {row.leaf for row in items}
    kept = {(leaf, opening.person) for leaf, opening in openings.items() if leaf in collected}
    for kind, *rest in told:
        if kind == "put":
            leaf, person, value = int(rest[0]), rest[1], rest[2]
            assert leaf in collected, "acknowledged and lost"
            if person not in erased:
                assert (leaf, person) in kept, "acknowledged and lost"
                assert values[leaf] == value
        else:
            assert rest[0] in erased, "acknowledged and not erased"
