"""Killed at any step, each batch of a disclosure is recorded once, with its lines and its delivery, or not at all.

What was acknowledged is there; a job goes on behind its last batch, and in the end everybody had one turn.
"""

import os
import random
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from gate_oracle import FLAGSHIP
from sqlalchemy import text

from store_oracle import killed_under_load, sqlite_url
from troth.conditions import Conditions
from troth.conditions.facts import Contract, Profile
from troth.decision.point import DecisionPoint
from troth.gates.collect import Collecting, Submission
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.delivery.queue import Queue
from troth.gates.share.lines import root_of
from troth.gates.share.share import Sharing
from troth.gates.share.wanted import Segment, Wanted
from troth.people import ChoiceIndex, Identifier, open_people
from troth.record.kinds import read_entry
from troth.store import open_store
from troth.vault import open_vault

PERSONS = 40
NEWS = Wanted(recipient="mail-service", purpose="marketing.own", data=("contact.email",), channel="webhook")


def opened(folder: Path):
    from troth.gates.share import jobs

    jobs.BATCH = 3  # in this process only: the child of a fork, or one test that sets it back
    store = open_store(sqlite_url(folder), create=True, pragmas={"wal_autocheckpoint": "50"})
    vault = open_vault(store, open_people(store, folder / "keys", FLAGSHIP))
    point = DecisionPoint(FLAGSHIP)
    index = ChoiceIndex(vault.people, point, limit=60)
    conditions = Conditions(store, FLAGSHIP)
    queue = Queue(store, vault.people)
    return store, vault, conditions, Sharing(vault, point, index, conditions, queue=queue)


def who(number: int) -> Identifier:
    return Identifier("email", f"p{number}@example.org")


def prepare(folder: Path) -> None:
    """Persons with an address, and a mail service under contract with an endpoint."""
    store, vault, conditions, _ = opened(folder)
    with store:
        collecting = Collecting(vault, DecisionPoint(FLAGSHIP))
        for number in range(PERSONS):
            fields = {
                "identity.name": "N", "contact.email": who(number).value, "account.id": str(number),
                "account.password": "$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0",
            }  # fmt: skip
            collecting.collect(Submission(statement="registration", fields=fields, product="gototraining"))
        now = datetime.now(UTC) - timedelta(days=1)
        terms = Contract(id="c", begins=now, accepts="2017-02-01", data=("contact.email",), signed=now,
                         purposes=("marketing.own",))  # fmt: skip
        for said in (Profile(name="M", kind="processor", countries=("US",)), terms):
            conditions.register.add("mail-service", said, by="mary")
        Endpoints(store, vault.people).add("mail-service", "https://mail.example/troth", by="mary")


def work_until_killed(folder: Path, acknowledgements: int, kill: int) -> None:
    """In the child: share at once, begin jobs, go on with them, choose, and look at what leaves."""
    _, vault, _, sharing = opened(folder)

    def tell(line: str) -> None:
        os.write(acknowledgements, f"{line}\n".encode())

    def load(thread: int) -> None:
        own = random.Random(f"{kill}-{thread}")
        while True:
            kind = own.random()
            if kind < 0.3:
                key = f"{kill} {thread} {own.randrange(5)}"
                persons = random.Random(key).sample(range(PERSONS), 3)
                shared = sharing.share(NEWS, [who(one) for one in persons], key=key)
                tell(f"shared {key.replace(' ', '-')} {shared.id} {shared.persons}")
            elif kind < 0.35:
                tell(f"job {sharing.share(NEWS, Segment()).id}")
            elif kind < 0.7:
                sharing.resume(12)
                tell("went on")
            elif kind < 0.8:
                state = own.choice(["in", "out"])
                vault.people.choose(who(own.randrange(PERSONS)), {"marketing": state}, how="page")
            elif some := sharing.register().list(limit=5):
                one = own.choice(some)
                if one.batches:
                    sharing.contents(one.id, own.randint(1, one.batches))

    threads = [threading.Thread(target=load, args=(thread,), daemon=True) for thread in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def judge(folder: Path, acknowledged: list[str]) -> None:
    store, _, _, sharing = opened(folder)
    with store:
        while sharing.resume(10_000):
            pass
        with store.read() as connection:

            def rows(sql: str) -> list:
                return list(connection.execute(text(sql)))

            entries = {
                index: body
                for index, entry in rows('SELECT "index", entry FROM leaves')
                if (body := read_entry(bytes(entry)))["kind"] in ("disclosed", "withheld")
            }
            batches = rows("SELECT disclosure, number, leaf, persons, released, root FROM disclosure_batches")
            lines = rows("SELECT * FROM disclosed ORDER BY leaf, position")
            deliveries = rows("SELECT disclosure, batch FROM deliveries WHERE kind = 'disclosure'")
            disclosures = {row.id: row for row in rows("SELECT * FROM disclosures")}
        disclosed = {index: body for index, body in entries.items() if body["kind"] == "disclosed"}
        assert {row.leaf for row in batches} == disclosed.keys(), "an entry without its batch, or the reverse"
        assert len({(row.disclosure, row.number) for row in batches}) == len(batches)
        assert sorted(map(tuple, deliveries)) == sorted((row.disclosure, row.number) for row in batches)
        register = sharing.register()
        for batch in batches:
            entry, mine = disclosed[batch.leaf], [line for line in lines if line.leaf == batch.leaf]
            assert (entry["disclosure"], entry["batch"]) == (batch.disclosure, batch.number)
            assert entry["persons"] == batch.persons == len(mine)
            assert entry["root"] == bytes(batch.root).hex() == root_of([bytes(line.commitment) for line in mine]).hex()
        for line in random.Random(1).sample(lines, min(30, len(lines))):
            proof = register.proof(line.leaf, line.position)
            proof.check()
            assert proof.line["person"] == line.person
        for id, row in disclosures.items():
            mine = [line for line in lines if line.disclosure == id]
            assert row.state in ("done", "refused")
            assert row.persons == len(mine) == len({line.person for line in mine}), "somebody had two turns"
            assert row.batches == sum(batch.disclosure == id for batch in batches)
            assert row.persons + row.refused == row.asked
        told = [line.split() for line in acknowledged]
        assert any(line[0] == "shared" for line in told), "nothing was shared before the kills"
        by_key: dict[str, str] = {}
        for kind, *rest in told:
            if kind == "shared":
                assert disclosures[rest[1]].persons == int(rest[2]), "acknowledged and lost"
                assert by_key.setdefault(rest[0], rest[1]) == rest[1], "one key, done twice"
            elif kind == "job":
                assert disclosures[rest[0]].asked == PERSONS
        stayed = sum(body["persons"] for body in entries.values() if body["kind"] == "withheld")
        assert stayed == sum(line.withheld is not None for line in lines), "withheld twice, or not recorded"
        assert all(msgspec.json.decode(line.data) == ["contact.email"] for line in lines)


def run(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    prepare(folder)
    acknowledged: list[str] = []
    for kill in range(kills):
        load = lambda writing, kill=kill: work_until_killed(folder, writing, kill)  # noqa: E731
        acknowledged += killed_under_load(load, chance.choice([1, 5, 20, 60]))
    judge(folder, acknowledged)


@pytest.fixture(autouse=True)
def batches_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    from troth.gates.share import jobs

    monkeypatch.setattr(jobs, "BATCH", jobs.BATCH)


def test_killed_six_times(tmp_path: Path) -> None:
    run(tmp_path, 6, seed=5)


@pytest.mark.soak
def test_killed_two_hundred_times(tmp_path: Path) -> None:
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        run(tmp_path / str(seed), 20, seed)
