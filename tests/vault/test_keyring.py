"""The keys that wrap those of persons: replaced while all runs, refused when one is missing, destroyed when unused."""

import threading
from pathlib import Path

import pytest
from collecting import EMAIL, account, item, put, values
from sqlalchemy import text

from troth.people import Identifier, People, open_people
from troth.people.errors import OtherWrappingError, UnknownPersonError
from troth.people.receipt import opening_of
from troth.policy.history import Policy
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.store import Store, open_store
from troth.vault import Vault, open_vault
from troth.vault.errors import EpochError, MissingVaultKeyError, UnsafeVaultKeyError
from troth.vault.keyring import WRAPPED, epoch_of


def keys_by_epoch(vault: Vault) -> dict[int, int]:
    return {one.epoch: one.keys for one in vault.ring.epochs()}


def wrapped_keys(store: Store) -> dict[str, bytes]:
    with store.read() as connection:
        rows = connection.execute(text("SELECT id, sealing_key FROM persons WHERE sealing_key IS NOT NULL"))
        return {id: bytes(key) for id, key in rows}


def test_every_key_is_wrapped_under_the_newest_epoch(vault: Vault) -> None:
    ann, _ = put(vault, account("ann"), [item(EMAIL, 1)])
    assert vault.ring.rotate() == 2
    bob, _ = put(vault, account("bob"), [item(EMAIL, 2)])
    assert {id: epoch_of(key) for id, key in wrapped_keys(vault.store).items()} == {ann: 1, bob: 2}
    assert all(len(key) == WRAPPED for key in wrapped_keys(vault.store).values())
    assert sorted(values(vault)) == [1, 2]
    assert vault.rewrap() == 1
    assert vault.rewrap() == 0
    assert keys_by_epoch(vault) == {1: 0, 2: 2}
    assert sorted(values(vault)) == [1, 2]


def test_what_there_was_before_the_vault_is_taken_over(store: Store, people: People) -> None:
    (change,) = people.choose(account("old"), {"marketing": "out"}, how="page")
    vault = open_vault(store, people)
    assert keys_by_epoch(vault) == {0: 1, 1: 0}
    assert opening_of(people, change.leaf).values["person"] == change.person
    put(vault, account("old"), [item(EMAIL, 1)])
    assert vault.rewrap() == 1
    assert keys_by_epoch(vault) == {1: 1}
    assert opening_of(people, change.leaf).values["person"] == change.person
    assert values(vault) == [1]


def test_without_the_vault_nothing_is_written_about_whom_it_keeps(vault: Vault, policy: Policy, keys: Path) -> None:
    put(vault, account("ann"), [item(EMAIL, 1)])
    alone = open_people(vault.store, keys, policy)
    with pytest.raises(OtherWrappingError, match="vault"):
        alone.choose(account("ann"), {"marketing": "out"}, how="page")
    assert alone.current(account("ann")) == {}


def test_rewrapping_goes_on_where_it_was_broken_off(vault: Vault) -> None:
    for number in range(25):
        put(vault, account(number), [item(EMAIL, number)])
    vault.ring.rotate()
    assert [vault.rewrap(10) for _ in range(4)] == [10, 10, 5, 0]
    vault.ring.rotate()
    fresh = open_vault(vault.store, vault.people)
    assert vault.rewrap(10) == 10
    assert fresh.rewrap(100) == 15
    assert keys_by_epoch(vault) == {1: 0, 2: 0, 3: 25}
    assert sorted(values(vault)) == list(range(25))


def test_the_record_tells_what_was_done_to_the_keys(vault: Vault) -> None:
    put(vault, account("ann"), [item(EMAIL, 1)])
    vault.ring.rotate()
    vault.rewrap()
    vault.ring.retire(1)
    reader = RecordReader(vault.store)
    bodies = [read_entry(reader.entry(index) or b"") for index in range(reader.size())]
    told = [(body["epoch"], body["act"], body["keys"]) for body in bodies if body["kind"] == "rotated"]
    assert told == [(1, "created", 0), (2, "created", 0), (2, "rewrapped", 1), (1, "retired", 0)]


def test_an_epoch_in_use_is_not_destroyed(vault: Vault, keys: Path) -> None:
    put(vault, account("ann"), [item(EMAIL, 1)])
    with pytest.raises(EpochError, match="newest"):
        vault.ring.retire(1)
    vault.ring.rotate()
    with pytest.raises(EpochError, match=r"1 keys .* troth vault rewrap"):
        vault.ring.retire(1)
    with pytest.raises(EpochError, match="There are: 1, 2"):
        vault.ring.retire(7)
    vault.rewrap()
    old = (keys / "vault/000001.key").read_bytes()
    vault.ring.retire(1)
    assert not (keys / "vault/000001.key").exists()
    assert old not in b"".join(path.read_bytes() for path in keys.rglob("*") if path.is_file())
    vault.ring.retire(1)  # again, as after a crash in between
    assert values(open_vault(vault.store, vault.people)) == [1]


def test_no_start_without_a_key_that_is_needed(vault: Vault, policy: Policy, keys: Path) -> None:
    put(vault, account("ann"), [item(EMAIL, 1)])
    vault.ring.rotate()
    first, second = keys / "vault/000001.key", keys / "vault/000002.key"

    def start() -> Vault:
        return open_vault(vault.store, open_people(vault.store, keys, policy))

    saved = first.read_bytes()
    first.unlink()
    with pytest.raises(MissingVaultKeyError, match="epoch 1 is missing"):
        start()
    first.write_bytes(saved)
    first.chmod(0o644)
    with pytest.raises(UnsafeVaultKeyError, match="chmod 600"):
        start()
    first.write_bytes(saved.replace(saved[-20:-1], b"0" * 19))
    first.chmod(0o600)
    with pytest.raises(UnsafeVaultKeyError, match="not the one"):
        start()
    first.write_bytes(b"nonsense")
    with pytest.raises(UnsafeVaultKeyError, match="does not hold"):
        start()
    first.write_bytes(saved)
    kept = second.read_bytes()
    second.unlink()
    with pytest.raises(MissingVaultKeyError):
        start()
    second.write_bytes(kept)
    second.chmod(0o600)
    assert values(start()) == [1]
    vault.rewrap()
    first.unlink()
    assert values(start()) == [1]  # nothing needs it


def test_another_process_is_heard_of(url: str, vault: Vault, policy: Policy, keys: Path, clock) -> None:
    with open_store(url, clock=clock) as store:
        other = open_vault(store, open_people(store, keys, policy))
        put(vault, account("ann"), [item(EMAIL, 1)])
        assert values(other) == [1]
        assert other.ring.rotate() == 2
        bob, _ = put(vault, account("bob"), [item(EMAIL, 2)])
        assert epoch_of(wrapped_keys(store)[bob]) == 2
        other.rewrap()
        other.ring.retire(1)
        put(vault, account("carl"), [item(EMAIL, 3)])
        put(vault, account("ann"), [item(EMAIL, 4)])
        assert sorted(values(vault)) == sorted(values(other)) == [1, 2, 3, 4]
        assert vault.ring.rotate() == 3
        assert other.ring.rotate() == 4


def test_keys_are_replaced_under_load(vault: Vault) -> None:
    """Persons come and are written about in several threads while epochs begin, fill and end; nothing is lost."""
    ending, errors, done = threading.Event(), [], []

    def load(thread: int) -> None:
        number = 0
        try:
            while not ending.is_set():
                number += 1
                put(vault, account(f"{thread}-{number % 40}"), [item(EMAIL, [thread, number])])
                done.append([thread, number])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=load, args=(thread,)) for thread in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        newest = vault.ring.rotate()
        while vault.rewrap(15):
            pass
        vault.ring.retire(newest - 1)
    ending.set()
    for thread in threads:
        thread.join()
    assert errors == []
    vault.rewrap()
    assert set(keys_by_epoch(vault)) == {1, 2, 3, 4, 5}
    assert sum(count for epoch, count in keys_by_epoch(vault).items() if epoch < 5) == 0
    assert sorted(values(open_vault(vault.store, vault.people))) == sorted(done)


def test_a_key_that_was_altered_opens_nothing(vault: Vault) -> None:
    ann, _ = put(vault, account("ann"), [item(EMAIL, 1)])
    put(vault, account("bob"), [item(EMAIL, 2)])
    keys = wrapped_keys(vault.store)
    with pytest.raises(UnknownPersonError):
        vault.ring.unwrap(ann, keys[ann][:-1] + bytes([keys[ann][-1] ^ 1]))
    with pytest.raises(MissingVaultKeyError):
        vault.ring.unwrap(ann, keys[ann][:1] + (9).to_bytes(4, "big") + keys[ann][5:])


def test_persons_without_items_have_their_keys_wrapped_too(vault: Vault) -> None:
    vault.people.choose(Identifier("email", "ann@example.org"), {"marketing": "out"}, how="page")
    assert keys_by_epoch(vault) == {1: 1}
