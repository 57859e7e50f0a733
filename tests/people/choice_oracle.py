"""How choices are judged after something went wrong: none lost, none half, and the record tells the same."""

import json
from collections.abc import Iterable
from pathlib import Path

from small_policy import small_policy
from sqlalchemy import text

from troth.people import Change, open_people
from troth.people.sealing import open_opening
from troth.record.commitment import opens
from troth.record.keys import load_keys
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.record.verification import verify_record
from troth.record.verifier import hash_leaf, open_checkpoint
from troth.store import open_store

OPENINGS = "SELECT o.leaf, o.event, o.sealed, p.id, p.sealing_key FROM openings o JOIN persons p ON p.id = o.person"


def line_of(change: Change) -> str:
    """What is noted of a change when it is acknowledged."""
    return f"{change.leaf} {change.person} {change.choice} {change.state}"


def judge_choices(url: str, keys: Path, acknowledged: Iterable[str]) -> list[str]:
    """The changes that are there, as `line_of` writes them; AssertionError if any is lost, half, or out of step.

    `keys` is the folder with the key of the identifiers.
    """
    with open_store(url) as store:
        people = open_people(store, keys, small_policy())
        with store.read() as connection:

            def rows(sql: str) -> list:
                return list(connection.execute(text(sql)))

            if connection.dialect.name == "sqlite":
                assert rows("PRAGMA integrity_check") == [("ok",)]
            entries = rows('SELECT "index", hash, entry FROM leaves ORDER BY "index"')
            changes = {row.leaf: row for row in rows("SELECT * FROM choice_changes ORDER BY leaf")}
            links = {row.leaf for row in rows("SELECT leaf FROM person_links")}
            messages = [json.loads(row.body) for row in rows("SELECT body FROM outbox ORDER BY id")]
            current = {(row.person, row.choice): row for row in rows("SELECT * FROM choices")}
            sealed = {row.leaf: row for row in rows(OPENINGS)}
            merged = {row.id for row in rows("SELECT id FROM persons WHERE merged_into IS NOT NULL")}
            nobodys = rows("SELECT * FROM identifiers WHERE person NOT IN (SELECT id FROM persons)")
    assert [index for index, _, _ in entries] == list(range(len(entries))), "a gap among the indices"
    assert sealed.keys() == changes.keys() | links == set(range(len(entries)))
    for index, leaf_hash, entry in entries:
        assert hash_leaf(entry) == leaf_hash
        body, row = read_entry(entry), sealed[index]
        assert (index in changes) == (body["kind"] == "choice")
        opening = open_opening(people.key.wrapping, row.id, row.sealing_key, row.event, row.sealed)
        assert opens(opening, body)
        if index in changes:
            change, told = changes[index], opening.values["change"]
            assert (change.event, change.person) == (body["event"], opening.values["person"])
            stated = ("choice", "state", "actor", "how", "version", "product", "signal", "staff")
            assert [getattr(change, name) for name in stated] == [told[name] for name in stated]
    wanted = [
        {name: getattr(change, name) for name in ("leaf", "event", "person", "choice", "state")}
        for change in changes.values()
    ]
    assert messages == wanted, "the messages are not those of the changes"
    for row in current.values():
        change = changes[row.leaf]
        assert (change.choice, change.state, change.made_at) == (row.choice, row.state, row.made_at)
    for change in changes.values():
        if change.person not in merged:
            assert current[change.person, change.choice].leaf >= change.leaf, "an older change counts"
    assert nobodys == []
    kept = [f"{leaf} {row.person} {row.choice} {row.state}" for leaf, row in changes.items()]
    assert not set(acknowledged) - set(kept), "acknowledged and lost"
    return kept


def judge_record(url: str, keys: Path, signed: bytes | None) -> None:
    """VerifyError unless the whole record verifies and extends the last checkpoint that somebody may hold."""
    trusted = load_keys(keys).trusted
    with open_store(url) as store:
        verify_record(RecordReader(store), trusted, None if signed is None else open_checkpoint(signed, trusted))
