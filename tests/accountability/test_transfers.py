"""The business changes hands: people are told ahead, may say no where they can, and the archive is provably whole."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from house import DAY, DOCUMENT, POLICY, House, account
from sqlalchemy import text

from troth.accountability import notices
from troth.accountability.errors import CaseError, StaffError
from troth.accountability.letters import Telling
from troth.accountability.transfer.archive import Manifest, write_archive
from troth.accountability.transfer.facts import Planned
from troth.accountability.transfer.transfers import TellingOfTransfers, Transfers
from troth.accountability.transfer.verifying import Checked, Checking, verify_archive
from troth.accountability.verifying.contradictions import contradictions
from troth.conditions import Conditions
from troth.gates.errors import GateError
from troth.gates.share.files.encrypting import read_key
from troth.gates.share.wanted import Wanted
from troth.gates.use import Using
from troth.record.keys import create_keys
from troth.record.log import Log, open_log
from troth.record.publishing import Publication, publish

WANTED = Wanted(recipient="buyer", purpose="service", data=("identity", "contact", "usage"), channel="answer")


class Sale:
    """A house whose business is sold to the buyer."""

    def __init__(self, house: House) -> None:
        self.house = house
        create_keys(house.folder / "keys", "small.example/log")
        self.log: Log = open_log(house.store, house.folder / "keys")
        version = house.policy.versions[0]
        title = version.title.in_("en")
        publish(self.log, Publication(version.policy, version.id, version.effective, title, POLICY.encode()))
        self.transfers = Transfers(house.store, house.policy)
        using = Using(house.vault, house.sharing._point, house.index)
        telling = Telling(using, lambda: version, house.box, "https://small.example/choices")
        self.telling = TellingOfTransfers(self.transfers, telling)
        self.identity = pyrage.x25519.Identity.generate()

    def plan(self, by: str = "otto", **more: object) -> str:
        usual = {"successor": "buyer", "effective": self.house.clock.now + 40 * DAY, "days": 30, "purpose": "service",
                 "document": DOCUMENT}  # fmt: skip
        signer = self.house.staff[by]
        return self.transfers.plan(signer.staff, signer.key, Planned(**{**usual, **more})).id

    def tell(self) -> int:
        told = 0
        while now := self.telling.run():
            told += now
        return told

    def archive(self, id: str, by: str = "otto", name: str = "archive.age") -> tuple[Path, Manifest]:
        signer, path = self.house.staff[by], self.house.folder / name
        key = read_key(str(self.identity.to_public()).encode(), self.house.clock.now)
        manifest = write_archive(
            self.transfers, self.log, self.house.people, self.house.sharing, signer.staff, signer.key, id, key, path
        )
        return path, manifest

    def verify(self, path: Path) -> Checked:
        return verify_archive(path, str(self.identity), self.log.keys.trusted)

    def moves(self, id: str | None) -> set[str]:
        """The names of those whose data the gate lets move."""
        wanted = Wanted(**{**{name: getattr(WANTED, name) for name in WANTED.__struct_fields__}, "under": id, "identified": True})  # fmt: skip  # noqa: E501
        try:
            shared = self.house.sharing.share(wanted, [account(name) for name in ("ann", "bob", "cat")])
        except GateError:
            return set()
        return {str(one.values["identity.name"]) for part in shared.contents for one in part.persons}


@pytest.fixture
def sale(house: House) -> Sale:
    for name in ("ann", "bob", "cat"):
        house.person(name)
    return Sale(house)


def test_nothing_moves_before_people_were_told_long_enough(sale: Sale) -> None:
    clock = sale.house.clock
    id = sale.plan()
    assert sale.moves(id) == set()
    clock.move(days=40)  # the day came, and nobody had been told
    assert sale.moves(id) == set()
    assert sale.tell() == 3
    assert {mail["To"] for mail in sale.house.box.sent} == {f"{name}@example.org" for name in ("ann", "bob", "cat")}
    assert "Buyer Inc. takes over our business on 10 June 2026" in sale.house.box.sent[0].get_content()
    assert sale.transfers.find(id).everybody == clock.now
    clock.move(days=30)
    clock.now -= timedelta.resolution
    assert sale.moves(id) == set()
    with pytest.raises(CaseError, match="30 days ahead are promised"):
        sale.archive(id)
    clock.now += timedelta.resolution
    assert sale.moves(id) == {"ann", "bob", "cat"}
    assert sale.moves(None) == set()
    assert sale.moves("bus_other") == set()


def test_nothing_moves_before_the_day(sale: Sale) -> None:
    id = sale.plan()
    sale.tell()
    sale.house.clock.now += 40 * DAY - timedelta.resolution
    assert sale.moves(id) == set()
    sale.house.clock.now += timedelta.resolution
    assert sale.moves(id) == {"ann", "bob", "cat"}


def test_who_says_no_stays_and_who_comes_later_waits_as_long(sale: Sale) -> None:
    house = sale.house
    id = sale.plan()
    sale.tell()
    house.people.choose(account("bob"), {"moving": "out"}, how="page")
    house.clock.move(days=39)
    dan = house.person("dan")
    assert sale.tell() == 1
    assert [one.subject for one in notices.of_person(house.store, dan)] == [id]
    house.clock.move(days=1)
    path, manifest = sale.archive(id)
    assert (manifest.held, manifest.moved) == (4, 2)
    assert {no["reason"] for no in manifest.stayed} >= {"opted-out", "condition-not-met"}
    people = [line for line in lines(sale, path) if line["part"] == "person"]
    assert {line["values"]["identity.name"] for line in people} == {"ann", "cat"}


def test_called_off(sale: Sale) -> None:
    id = sale.plan()
    sale.tell()
    sale.house.clock.move(days=40)
    signer = sale.house.staff["olga"]
    assert sale.transfers.cancel(signer.staff, signer.key, id, "no deal").state(sale.house.clock.now) == "cancelled"
    assert sale.moves(id) == set()
    with pytest.raises(CaseError, match="It was called off"):
        sale.archive(id)


def test_the_archive_is_whole_and_shows_it(sale: Sale) -> None:
    house = sale.house
    house.people.choose(account("ann"), {"moving": "in"}, how="page")
    id = sale.plan()
    sale.tell()
    house.clock.move(days=40)
    path, manifest = sale.archive(id)
    checked = sale.verify(path)
    assert checked.manifest == manifest
    assert (checked.trusted, checked.versions, manifest.moved, manifest.values) == (True, 1, 3, 9)
    assert b"ann" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    people = [line for line in lines(sale, path) if line["part"] == "person"]
    (ann,) = [line for line in people if line["values"]["identity.name"] == "ann"]
    assert ann["choices"]["moving"]["state"] == "in"
    (done,) = sale.transfers.find(id).archives
    assert (done.manifest, done.persons, done.disclosure) == (checked.digest, 3, manifest.disclosure)
    assert contradictions(house.store) == []
    with pytest.raises(CaseError, match="cannot be decrypted"):
        verify_archive(path, str(pyrage.x25519.Identity.generate()), sale.log.keys.trusted)
    with pytest.raises(CaseError, match="cannot be read"):
        verify_archive(house.folder / "none.age", str(sale.identity))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CaseError):
        sale.verify(path)


def lines(sale: Sale, path: Path) -> list[dict]:
    return [json.loads(line) for line in pyrage.decrypt(path.read_bytes(), [sale.identity]).splitlines()]


def test_every_change_of_an_archive_is_found(sale: Sale) -> None:
    id = sale.plan()
    sale.tell()
    sale.house.clock.move(days=40)
    path, _ = sale.archive(id)
    whole = pyrage.decrypt(path.read_bytes(), [sale.identity]).splitlines(keepends=True)
    keys = sale.log.keys.trusted

    def check(some: list[bytes]) -> Checked:
        checking = Checking(keys)
        data = b"".join(some)
        for start in range(0, len(data), 1000):
            checking.write(data[start : start + 1000])
        return checking.finish()

    check(whole)
    for number in range(len(whole)):
        for changed in (
            whole[:number] + whole[number + 1 :],  # one taken away
            [*whole[:number], whole[number], *whole[number:]],  # one doubled
            [*whole[:number], whole[number].replace(b'"', b"'", 1), *whole[number + 1 :]],
            [*whole[:number], *whole[number + 1 : number + 2], whole[number], *whole[number + 2 :]],  # two swapped
        ):
            if changed != whole:
                with pytest.raises(CaseError):
                    check(changed)
    # Whoever takes a person out and makes the manifest agree is still found by the record.
    person = next(n for n, line in enumerate(whole) if b'"part":"person"' in line)
    import hashlib

    left = whole[:person] + whole[person + 1 :]
    manifest = json.loads(left[-1])
    people = b"".join(line for line in left if b'"part":"person"' in line)
    manifest["lines"]["person"] -= 1
    manifest["moved"] -= 1
    manifest["values"] -= 3
    manifest["sha256"]["person"] = hashlib.sha256(people).hexdigest()
    with pytest.raises(CaseError, match="By the record 3 persons were handed over, and there are 2"):
        check([*left[:-1], json.dumps(manifest).encode() + b"\n"])


@pytest.mark.parametrize(
    ("by", "more", "why"),
    [
        ("cara", {}, "this takes officer"),
        ("otto", {"successor": "byer"}, "'byer' is not registered"),
        ("otto", {"successor": "court"}, "no successor"),
        ("otto", {"purpose": "marketing"}, "No statement of version 2020-01-01 shares data with 'buyer'"),
        ("otto", {"document": "x"}, "SHA-256"),
        ("otto", {"days": 0}, "1 to 3650 days"),
    ],
)
def test_what_cannot_be_planned(sale: Sale, by: str, more: dict, why: str) -> None:
    with pytest.raises((CaseError, StaffError), match=why):
        sale.plan(by, **more)
    assert sale.transfers.standing() == {}


def test_the_condition_is_answered_by_nobody_else(sale: Sale) -> None:
    id = sale.plan()
    sale.tell()
    sale.house.clock.move(days=40)
    asked = {"recipient": "buyer", "data": "contact.email", "purpose": "service", "version": "2020-01-01",
             "at": sale.house.clock.now}  # fmt: skip
    assert Conditions(sale.house.store, sale.house.policy).given(**asked, under=id) == frozenset()
    with sale.house.store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM notices")).scalar() == 3
