"""Erasure: afterwards nothing of the person is in any byte, the record still holds, and nobody else lost anything."""

import re
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from collecting import EMAIL, NAME, account, item, put, values
from sqlalchemy import LargeBinary, text

from postgres_cluster import Cluster
from store_oracle import sqlite_url
from troth import DecisionPoint
from troth.gates.mail.sending.queue import ADD_SENT, Line, Parcel, Queue
from troth.people import ChoiceIndex, Identifier, People, open_people
from troth.people.codes import request_code
from troth.people.errors import UnknownPersonError
from troth.people.receipt import opening_of
from troth.policy.history import Policy
from troth.record.commitment import opens
from troth.record.keys import create_keys
from troth.record.kinds import read_entry
from troth.record.log import Log, open_log
from troth.record.reader import RecordReader
from troth.record.verification import verify_record
from troth.store import StoreUnavailableError, Unit, open_store
from troth.store import store as store_module
from troth.store.backup import backup, restore
from troth.store.schema import (
    case_facts,
    case_persons,
    complaint_texts,
    complaints,
    disclosed,
    disclosure_waiting,
    follow_ups,
    metadata,
    notices,
    recipient_subscriptions,
)
from troth.store.scrub import scrub
from troth.vault import Vault, open_vault
from troth.vault import vault as vault_module
from troth.vault.erasure import TABLES

ANN = Identifier("email", "ann.very.own@example.org")
BROWSER = Identifier("cookie", "browser-of-ann-0123456789")
LEFT = {"persons": {"id", "number", "created_at", "erased_leaf"}}


@pytest.fixture
def log(vault: Vault, keys: Path) -> Log:
    create_keys(keys, "example.org/log")
    return open_log(vault.store, keys)


def in_a_case(vault: Vault, person: str) -> bytes:
    """A legal request about somebody, of whom they were told; the salt by which the record tells whom it is about."""
    leaf, salt = int(person[:7], 16), bytes.fromhex(person) * 2
    fact = {"leaf": leaf, "event": person[:8], "salt": b"s", "sort": "legal", "subject": person[:8], "what": "received",
            "said": "{}", "at": 1, "staff": None, "act": None, "people": "p", "people_salt": salt}  # fmt: skip

    def work(unit: Unit) -> None:
        unit.change(case_facts.insert().values(fact))
        unit.change(case_persons.insert().values(subject=person[:8], person=person))
        unit.change(notices.insert().values(subject=person[:8], person=person, at=1, how="page"))

    with vault.store.read() as connection:
        there = connection.execute(text("SELECT 1 FROM case_facts WHERE leaf = :leaf"), {"leaf": leaf}).first()
    if there is None:  # who lives twice is in it once
        vault.store.write(work)
    return salt


def on_its_way(vault: Vault, person: str) -> list[bytes]:
    """A message in the queue to somebody, and to somebody unknown besides; what lies in the rows about them."""
    queue, leaf = Queue(vault.people), int(person[:7], 16)

    def work(unit: Unit) -> list[int]:
        holder = vault.people.seek(unit, person)
        alone = Parcel(message=person[:8], stream="account", content=b"x", sender="a@b.example", returns="a@b.example",
                       lines=(Line(address="c@d.example", person=holder, leaf=leaf),))  # fmt: skip
        both = msgspec.structs.replace(alone, lines=(*alone.lines, Line(address="e@f.example")))
        unit.change(ADD_SENT, {"leaf": leaf, "message": person[:8], "person": person, "stream": "account",
                               "state": "queued", "reason": None, "at": 1, "changed_at": 1})  # fmt: skip
        return [queue.put(unit, one)[0].id for one in (alone, both)]

    with vault.store.read() as connection:
        there = connection.execute(text("SELECT 1 FROM mail_sent WHERE leaf = :leaf"), {"leaf": leaf}).first()
    if there is None:
        vault.store.write(work)
    with vault.store.read() as connection:
        rows = connection.execute(text("SELECT q.envelope, b.sealed, b.id FROM mail_queue q JOIN mail_bodies b ON b.id = q.body WHERE q.person = :id"), {"id": person}).all()  # fmt: skip  # noqa: E501
        shared = {str(row.id) for row in rows if connection.execute(text("SELECT count(*) FROM mail_queue WHERE body = :b"), {"b": row.id}).scalar_one() > 1}  # fmt: skip  # noqa: E501
    return [bytes(row.envelope) for row in rows] + [bytes(row.sealed) for row in rows if row.id not in shared]


def received(vault: Vault, person: str, address: str) -> list[bytes]:
    """What a recipient received of somebody and was told since, and that somebody is mailed of changes in the list."""
    leaf, blind = int(person[:7], 16), vault.people.key.blind(Identifier("email", address))
    line = {"leaf": leaf, "position": 0, "disclosure": "d", "recipient": "r", "purpose": "p", "person": person,
            "pseudonym": person[:8], "data": "[]", "statements": "[]", "version": "v", "at": 1, "withheld": None,
            "withheld_at": None, "commitment": b"c", "opening": person.encode(), "erased_leaf": None}  # fmt: skip
    told = dict.fromkeys(column.name for column in follow_ups.columns) | {
        "id": person[:8], "kind": "opt-out", "recipient": "r", "person": person, "pseudonym": person[:8], "source": 1,
        "made_at": 1, "state": "sent", "created_at": 1, "due_at": 1}  # fmt: skip
    mailed = {"id": person[:8], "address": address, "blind": blind, "told_leaf": 1, "told_at": 1, "failures": 0,
              "next_at": 1, "created_at": 1, "created_by": "b"}  # fmt: skip

    def work(unit: Unit) -> None:
        unit.change(disclosed.insert().values(line))
        unit.change(disclosure_waiting.insert().values(disclosure=person[:8], position=0, person=person))
        unit.change(follow_ups.insert().values(told))
        unit.change(recipient_subscriptions.insert().values(mailed))
        complained = {"id": person[:8], "code": person.encode()[:9], "sealing_key": b"key of " + blind, "blind": blind}
        unit.change(complaints.insert().values(complained | {"created_at": 1}))
        wrote = {"id": person[:8], "complaint": person[:8], "sort": "text", "sealed": b"complaint of " + blind}
        unit.change(complaint_texts.insert().values(wrote))

    with vault.store.read() as connection:
        there = connection.execute(text("SELECT 1 FROM disclosed WHERE leaf = :leaf"), {"leaf": leaf}).first()
    if there is None:
        vault.store.write(work)
    return [person.encode(), address.encode(), blind]


def live(vault: Vault, who: Identifier = ANN, browser: Identifier = BROWSER) -> tuple[str, list[bytes]]:
    """Everything that somebody can do; the id, and what must be found nowhere once they are erased."""
    people = vault.people
    put(vault, who, [item(EMAIL, who.value, blind=who.value), item(NAME, {"first": f"Name of {who.value}"})])
    people.choose(who, {"marketing": "out"}, how="page", key=f"request of {who.value}")
    people.choose(who, {"analytics": "in"}, how="banner", product="gototraining")
    put(vault, browser, [item("usage.clickstream", f"clicks of {browser.value}")])
    people.signal(browser)
    people.link(who, browser)
    if who.kind == "email":
        request_code(people, who)
    id = people.find(who)
    assert id is not None
    case, mail = in_a_case(vault, id), on_its_way(vault, id)
    address = who.value if who.kind == "email" else f"{who.value.replace(' ', '-')}@example.org"
    people.link(id, Identifier("email", address))
    mail += received(vault, id, address)[1:]
    with vault.store.read() as connection:
        rows = connection.execute(
            text("SELECT id, sealing_key FROM persons WHERE id = :id OR merged_into = :id"), {"id": id}
        ).all()
        wrapped = {row.id: bytes(row.sealing_key) for row in rows}
        assert len(wrapped) == 2
        openings = connection.execute(text("SELECT leaf, sealed FROM openings WHERE person IN (SELECT id FROM persons WHERE id = :id OR merged_into = :id)"), {"id": id}).all()  # fmt: skip  # noqa: E501
        sealed = [bytes(row.sealed) for row in openings]
        sealed += [bytes(row.sealed) for row in connection.execute(text("SELECT sealed FROM items WHERE person = :id"), {"id": id})]  # fmt: skip  # noqa: E501
    traces = [
        case,
        *mail,
        who.value.encode(),
        browser.value.encode(),
        b"Name of " + who.value.encode(),
        *wrapped.values(),
    ]
    traces += [people.key.blind(who), people.key.blind(browser), people.key.blind_value(EMAIL, who.value), *sealed]
    traces += [vault.ring.unwrap(person, key) for person, key in wrapped.items()]
    traces += [opening_of(people, row.leaf).salt for row in openings]
    # As bytes, and as the hex digits that some of them are written in elsewhere.
    return id, [form for trace in traces for form in (trace, trace.hex().encode())]


def files(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield path, path.read_bytes()


def found_in(traces: list[bytes], *folders: Path) -> list[tuple[str, int]]:
    return [
        (path.name, number)
        for path, content in files(*folders)
        for number, trace in enumerate(traces)
        if trace in content
    ]


def fill(vault: Vault, count: int = 60) -> list[str]:
    """Others, so that pages fill and split."""
    return [
        live(vault, account(f"other {number}"), Identifier("cookie", f"other-browser-{number}"))[0]
        for number in range(count)
    ]


def test_nothing_is_left_in_any_byte(vault: Vault, log: Log, keys: Path, tmp_path: Path, url: str) -> None:
    fill(vault, 20)
    ann, traces = live(vault)
    fill(vault, 20)
    log.sign()
    folders = [tmp_path] if url.startswith("sqlite") else []
    if folders:
        assert len({number for _, number in found_in(traces, *folders)}) > 10  # else the search would be no test
    before = values(vault, terms=[EMAIL, NAME, "usage.clickstream"])
    erasure = vault.erase([ANN], staff="mary", reason="asked by letter")
    log.sign()
    assert (erasure.persons, len(erasure.entries), erasure.scrubbed, erasure.rewritten) == (1, 1, True, True)
    if folders:
        assert found_in(traces, *folders) == []
        assert (tmp_path / "troth.db-wal").stat().st_size < 200_000  # what came after the scrubbing
    assert vault.people.find(ANN) is None
    assert vault.people.find(BROWSER) is None
    assert list(vault.read([ann], [EMAIL, NAME])) == []
    assert vault.holders(EMAIL, ANN.value) == []
    assert len(before) - len(values(vault, terms=[EMAIL, NAME, "usage.clickstream"])) == 3
    verify_record(log, log.keys.trusted, log.check())


@pytest.mark.postgres
def test_nothing_is_left_in_the_files_of_postgresql(cluster: Cluster, policy: Policy, tmp_path: Path, clock) -> None:
    """The tables' files are searched, after a checkpoint. The server's own log is the server's: see the page.

    Those of its own database and those that all share: the hundreds that other tests left have nothing of the person.
    """
    url = cluster.url()
    with open_store(url, create=True, clock=clock) as store:
        vault = open_vault(store, open_people(store, tmp_path / "keys", policy))
        fill(vault, 20)
        _, traces = live(vault)
        fill(vault, 20)
        with store._writing.connect() as connection:
            connection.exec_driver_sql("ANALYZE")  # as the server does by itself, now and then
            connection.exec_driver_sql("CHECKPOINT")
            root = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
            asked = "SELECT oid FROM pg_database WHERE datname = current_database()"
            own = root / "base" / str(connection.exec_driver_sql(asked).scalar_one())
        assert len({number for _, number in found_in(traces, own)}) > 10
        assert vault.erase([ANN], staff="mary").rewritten
        with store._writing.connect() as connection:
            connection.exec_driver_sql("CHECKPOINT")
        assert found_in(traces, own, root / "global") == []


@pytest.mark.postgres
def test_postgresql_samples_no_value_of_a_person(cluster: Cluster) -> None:
    """A column of bytes that an erasure empties, a new one too, is not copied into the statistics of the server."""
    with open_store(cluster.url(), create=True) as store, store.read() as connection:
        asked = "SELECT attstattarget FROM pg_attribute WHERE attrelid = to_regclass(:t) AND attname = :c"
        columns = [(t, c.name) for t in TABLES for c in metadata.tables[t].c if isinstance(c.type, LargeBinary)]
        assert len(columns) > 5
        assert {connection.execute(text(asked), {"t": t, "c": c}).scalar_one() for t, c in columns} == {0}


def test_no_row_names_the_person(vault: Vault) -> None:
    fill(vault, 3)
    ann, _ = live(vault)
    with vault.store.read() as connection:
        ids = [row.id for row in connection.execute(text("SELECT id FROM persons WHERE id = :id OR merged_into = :id"), {"id": ann})]  # fmt: skip  # noqa: E501
    vault.erase([ann], staff="mary")
    with vault.store.read() as connection:
        tables = [name for name in TABLES if name not in ("codes", "persons")]
        for table in [*tables, "outbox"]:
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()
            assert rows, table
            assert not [row for row in rows if any(id in str(value) for value in row for id in ids)], table
        assert connection.execute(text("SELECT count(*) FROM codes")).scalar() == 0
        rows = connection.execute(text("SELECT * FROM persons WHERE erased_leaf IS NOT NULL")).mappings().all()
        assert {row["id"] for row in rows} == set(ids)
        assert all({name for name, value in row.items() if value is not None} == LEFT["persons"] for row in rows)


def test_the_erasure_is_proven_and_its_proof_kept_nowhere(vault: Vault, tmp_path: Path) -> None:
    ann, _ = live(vault)
    bob, _ = live(vault, account("bob"), Identifier("cookie", "bobs"))
    (erased,) = vault.erase([ANN, account("bob"), ann], staff="mary", reason="as she wrote").entries
    entry = RecordReader(vault.store).entry(erased.leaf)
    assert entry is not None
    body = read_entry(entry)
    assert (body["kind"], body["persons"]) == ("erased", 2)
    assert opens(erased.opening, body)
    said = erased.opening.values["erasure"]
    assert (said["staff"], said["reason"]) == ("mary", "as she wrote")
    assert {ann, bob} < set(said["ids"]) == set(erased.ids)
    assert len(erased.ids) == 4  # their browsers had been persons of their own
    with pytest.raises(UnknownPersonError):
        opening_of(vault.people, erased.leaf)
    assert found_in([erased.opening.salt, erased.opening.salt.hex().encode(), b"as she wrote", b"mary"], tmp_path) == []


def test_who_is_erased_is_no_more(vault: Vault) -> None:
    people = vault.people
    ann, _ = live(vault)
    (kept,) = vault.read([ann], [NAME])
    leaf = people.history(ANN)[0].leaf
    vault.erase([ANN], staff="mary")
    with pytest.raises(UnknownPersonError, match="erased"):
        vault.open(kept)
    with pytest.raises(UnknownPersonError):
        opening_of(people, leaf)
    with pytest.raises(UnknownPersonError, match="erased"):
        people.choose(ann, {"marketing": "in"}, how="page")
    with pytest.raises(UnknownPersonError):
        vault.erase([ANN], staff="mary")
    with pytest.raises(UnknownPersonError, match="no person"):
        vault.erase(["0" * 32], staff="mary")
    assert vault.erase([ann], staff="mary").entries == ()
    # The same request as before is another one now, and the same address somebody else.
    (change,) = people.choose(ANN, {"marketing": "out"}, how="page", key=f"request of {ANN.value}")
    assert change.person != ann
    assert values(vault, [change.person]) == []


def test_nobody_is_erased_when_one_is_unknown(vault: Vault) -> None:
    ann, _ = live(vault)
    with pytest.raises(UnknownPersonError):
        vault.erase([ANN, account("nobody")], staff="mary")
    with pytest.raises(UnknownPersonError):
        vault.erase([ann, "0" * 32], staff="mary")
    assert vault.people.find(ANN) == ann


def test_by_an_id_that_became_another(vault: Vault) -> None:
    first = vault.people.know(BROWSER)
    ann, _ = live(vault)
    assert first != ann
    vault.erase([first], staff="mary")
    assert vault.people.find(ANN) is None


def test_what_is_said_of_somebody_else_is_closed_too(vault: Vault) -> None:
    """A browser was taken from Ann, and is another person's: erased, Ann's record does not tell of it either."""
    people = vault.people
    ann, _ = live(vault)
    taken = people.unlink(BROWSER).person
    with vault.store.read() as connection:
        leaf = connection.execute(text("SELECT leaf FROM person_links WHERE other = :o"), {"o": taken}).scalar()
    assert opening_of(people, leaf).values["other"] == taken
    vault.erase([taken], staff="mary")
    with pytest.raises(UnknownPersonError):
        opening_of(people, leaf)
    assert people.find(ANN) == ann
    assert len(values(vault, [ann])) == 2


def test_every_process_learns_of_it(vault: Vault, url: str, policy: Policy, keys: Path, clock) -> None:
    point = DecisionPoint(policy)
    ann, _ = live(vault)
    ours = ChoiceIndex(vault.people, point)
    with open_store(url, clock=clock) as store:
        others = open_people(store, keys, policy)
        theirs = ChoiceIndex(others, point)
        merged = next(id for id in _merged_into(vault, ann))
        out = theirs.choices(ann)
        assert out.bits == theirs.choices(merged).bits != point.choices({}).bits
        vault.erase([ANN], staff="mary")
        assert ours.choices(ann) == ours.choices(merged) == point.choices({})
        assert theirs.choices(ann) == out
        assert theirs.refresh() >= 2
        assert theirs.choices(ann) == theirs.choices(merged) == point.choices({})
        fresh = ChoiceIndex(others, point)
        assert fresh.choices(ann) == fresh.choices(merged) == point.choices({})
        # Chosen and erased between two looks: the choices of the one who comes again are new.
        put(vault, ANN, [])
        vault.people.choose(ANN, {"marketing": "out"}, how="page")
        again = vault.people.find(ANN)
        assert again is not None
        vault.erase([ANN], staff="mary")
        theirs.refresh()
        assert theirs.choices(again) == point.choices({})


def _merged_into(vault: Vault, person: str) -> list[str]:
    with vault.store.read() as connection:
        return list(
            connection.execute(text("SELECT id FROM persons WHERE merged_into = :id"), {"id": person}).scalars()
        )


def test_many_are_erased_in_parts(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_module, "ERASED_AT_ONCE", 110)  # more than the slots of one statement
    whos = [put(vault, account(number), [item(EMAIL, number)])[0] for number in range(250)]
    erasure = vault.erase(whos[:240], staff="mary")
    assert [entry.persons for entry in erasure.entries] == [110, 110, 20]
    assert sorted(values(vault)) == list(range(240, 250))
    assert vault.erase(whos, staff="mary").persons == 10


def test_a_reader_that_stays_is_reported(
    policy: Policy, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite alone: PostgreSQL has no log of pages that readers hold."""
    monkeypatch.setattr(store_module, "scrub", partial(scrub, patience=0.2))
    with open_store(sqlite_url(tmp_path), create=True, busy=0.05) as store:
        vault = open_vault(store, open_people(store, keys, policy))
        live(vault)
        reader = sqlite3.connect(tmp_path / "troth.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM persons").fetchall()
        erasure = vault.erase([ANN], staff="mary")
        assert (erasure.persons, erasure.scrubbed) == (1, False)
        with pytest.raises(StoreUnavailableError, match="troth vault scrub"):
            vault.scrub()
        reader.close()
        assert vault.scrub()


def test_a_backup_brings_nobody_back(policy: Policy, keys: Path, tmp_path: Path, clock) -> None:
    """With the backup of SQLite. What follows from an older copy of the database is the same on both."""
    url = sqlite_url(tmp_path)
    with open_store(url, create=True, clock=clock) as store:
        vault = open_vault(store, open_people(store, keys, policy))
        _, traces = live(vault)
        bob, _ = live(vault, account("bob"), Identifier("cookie", "bobs"))
        vault.erase([bob], staff="mary")
        backup(url, tmp_path / "saved.db")
        vault.erase([ANN], staff="mary")
        put(vault, ANN, [item(EMAIL, "again")])
        expected = (keys / "erasures").read_bytes()
        assert open_vault(store, vault.people).replayed == 0
    old = f"sqlite:///{tmp_path}/old/troth.db"
    (tmp_path / "old").mkdir()
    restore(tmp_path / "saved.db", old)
    assert found_in(traces, tmp_path / "old")
    with open_store(old, clock=clock) as store:
        again = open_vault(store, open_people(store, keys, policy))
        assert again.replayed == 1
        assert again.people.find(ANN) is None
        assert values(again) == []
        assert (keys / "erasures").read_bytes() == expected
        assert open_vault(store, again.people).replayed == 0
    assert found_in(traces, tmp_path / "old") == []


def test_the_file_of_erasures_heals(vault: Vault, keys: Path) -> None:
    file = keys / "erasures"
    ann, _ = live(vault)
    vault.erase([ANN], staff="mary")
    whole = file.read_bytes()
    assert re.fullmatch(rb"([0-9a-f]{32}\n){2}", whole)
    assert file.stat().st_mode & 0o077 == 0
    # A power cut left half a line: it was not acknowledged.
    file.write_bytes(whole + b"0123")
    assert open_vault(vault.store, vault.people).replayed == 0
    assert file.read_bytes() == whole
    # An erasure that was not committed: the one who is there is erased now, the other is not here.
    bob, _ = live(vault, account("bob"), Identifier("cookie", "bobs"))
    file.write_bytes(whole + f"{bob}\n{'1' * 32}\n".encode())
    assert open_vault(vault.store, vault.people).replayed == 1
    assert vault.people.find(account("bob")) is None
    # Lost: written again from the database.
    file.unlink()
    assert open_vault(vault.store, vault.people).replayed == 0
    assert {ann, bob} < set(file.read_text().split())
    live(vault)
    vault.erase([ANN], staff="mary")
    assert open_vault(vault.store, vault.people).replayed == 0


def test_an_erasure_that_cannot_be_noted_is_not_made(vault: Vault, keys: Path) -> None:
    ann, _ = live(vault)
    (keys / "erasures").mkdir()
    with pytest.raises(OSError, match="erasures"):
        vault.erase([ANN], staff="mary")
    assert vault.people.find(ANN) == ann
    assert len(values(vault, [ann])) == 2


def test_two_processes_erase_and_neither_is_forgotten(
    vault: Vault, url: str, policy: Policy, keys: Path, clock
) -> None:
    with open_store(url, clock=clock) as store:
        other = open_vault(store, open_people(store, keys, policy))
        for number in range(6):
            who = account(number)
            put(vault, who, [item(EMAIL, number)])
            (vault, other)[number % 2].erase([who], staff="mary")
        assert len((keys / "erasures").read_text().split()) == 6
        assert open_vault(store, other.people).replayed == 0


def test_people_alone_can_still_be_asked(vault: Vault, policy: Policy, keys: Path) -> None:
    ann, _ = live(vault)
    vault.erase([ANN], staff="mary")
    alone: People = open_people(vault.store, keys, policy)
    assert alone.current(ann) == {}
    assert alone.find(ann) == ann
