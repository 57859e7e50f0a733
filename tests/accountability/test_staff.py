"""Staff: who may add whom, whose signature counts when, and keys in files that only their owner can read."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from house import House, act, employed
from hypothesis import given
from hypothesis import strategies as st

from troth.accountability.errors import StaffError
from troth.accountability.legal.desk import Signer
from troth.accountability.signing import (
    DOMAIN,
    Act,
    SignedAct,
    create_key_file,
    read_key_file,
    sign,
    signature_holds,
)
from troth.accountability.staff import StaffRegister
from troth.accountability.verifying.contradictions import contradictions
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.store import open_store

NEVER = "the passphrase was asked for"


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def asked() -> str:
    raise AssertionError(NEVER)


def test_the_first_is_an_officer_who_signs_for_the_others(url: str) -> None:
    with open_store(url, create=True) as store:
        register, key = StaffRegister(store), Ed25519PrivateKey.generate()
        with pytest.raises(StaffError, match="The first of the staff is an officer"):
            register.add("mary", ["counsel"], public(key))
        otto = Signer(register.add("otto", ["officer"], public(key)), key)
        other = Ed25519PrivateKey.generate()
        with pytest.raises(StaffError, match="An officer signs for this: otto"):
            register.add("mary", ["officer"], public(other))
        values = {"key": public(other).hex(), "roles": ["counsel"]}
        for wrong in (
            {**values, "roles": ["officer"]}, {**values, "key": public(key).hex()}, {},
        ):  # fmt: skip
            with pytest.raises(StaffError, match="something else than what is to be done"):
                register.add("mary", ["counsel"], public(other), act(store, otto, "staff.add", "mary", wrong))
        mary = Signer(
            register.add("mary", ["counsel"], public(other), act(store, otto, "staff.add", "mary", values)), other
        )
        new = {"key": "0" * 64, "roles": ["officer"]}
        with pytest.raises(StaffError, match="'mary' is no officer"):
            register.add("zoe", ["officer"], bytes(32), act(store, mary, "staff.add", "zoe", new))
        more = {"key": public(key).hex(), "roles": ["officer", "counsel"]}
        with pytest.raises(StaffError, match="Nobody gives roles to themselves"):
            register.change("otto", ["officer", "counsel"], act(store, otto, "staff.change", "otto", more))
        entries = [read_entry(bytes(entry)) for entry in _entries(store)]
        assert [(entry["change"], entry["roles"]) for entry in entries] == [("added", "officer"), ("added", "counsel")]
        assert not any("mary" in str(entry) for entry in entries)
        assert entries[1]["act"] == _acts(store)[-1]
        assert contradictions(store) == []


def _entries(store) -> list[bytes]:
    from sqlalchemy import text

    with store.read() as connection:
        return [bytes(row.entry) for row in connection.execute(text('SELECT entry FROM leaves ORDER BY "index"'))]


def _acts(store) -> list[str]:
    from sqlalchemy import text

    assert RecordReader(store).size() > 0
    with store.read() as connection:
        return [row.digest for row in connection.execute(text("SELECT digest FROM signed_acts ORDER BY at"))]


def test_a_key_counts_until_it_is_rotated_or_retired(small: House) -> None:
    register, cara = StaffRegister(small.store), small.staff["cara"]
    before = act(small.store, cara, "k", "s", {})
    assert register.check(before).id == cara.staff.id
    key = Ed25519PrivateKey.generate()
    values = {"key": public(key).hex(), "roles": ["counsel"]}
    small.clock.move(seconds=1)
    register.rotate("cara", public(key), act(small.store, cara, "staff.rotate", "cara", values))
    with pytest.raises(StaffError, match="The signature is not that of 'cara'"):
        register.check(before)
    new = Signer(cara.staff, key)
    assert register.check(act(small.store, new, "k", "s", {})).name == "cara"
    small.clock.move(seconds=1)
    register.retire("cara", act(small.store, small.staff["otto"], "staff.retire", "cara", values))
    with pytest.raises(StaffError, match="'cara' is retired since"):
        register.check(act(small.store, new, "k", "s", {}))
    assert contradictions(small.store) == []


def test_the_name_of_who_retired_is_free_again(small: House) -> None:
    register = StaffRegister(small.store)
    values = {"key": register.find("carl").keys[-1].public.hex(), "roles": ["counsel"]}
    register.retire("carl", act(small.store, small.staff["otto"], "staff.retire", "carl", values))
    key = Ed25519PrivateKey.generate()
    new = {"key": public(key).hex(), "roles": ["desk"]}
    register.add("carl", ["desk"], public(key), act(small.store, small.staff["otto"], "staff.add", "carl", new))
    assert register.find("carl").roles == ("desk",)
    assert register.find(small.staff["carl"].staff.id).retired is not None


TEXTS = st.text(max_size=20).filter(lambda one: not any("\ud800" <= c <= "\udfff" for c in one))
VALUES = st.dictionaries(st.text("abc", min_size=1), TEXTS | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans())


@given(TEXTS, TEXTS, VALUES, st.data())
def test_a_signature_is_good_for_these_bytes_and_this_one_alone(kind: str, subject: str, values: dict, data) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    said = Act(kind, subject, values, "2026-05-01T10:00:00.000000Z", "0" * 32)
    signed = sign(said, "stf_1", key)
    assert signed.act == said
    assert signature_holds(signed, public(key))
    place = data.draw(st.integers(0, len(signed.body) - 1))
    changed = bytearray(signed.body)
    changed[place] ^= data.draw(st.integers(1, 255))
    assert not signature_holds(msgspec.structs.replace(signed, body=bytes(changed)), public(key))
    assert not signature_holds(msgspec.structs.replace(signed, staff="stf_2"), public(key))
    # The same bytes signed without what they are signed for are good for nothing.
    bare = SignedAct("stf_1", signed.body, key.sign(signed.body))
    assert not signature_holds(bare, public(key))
    assert DOMAIN.endswith(b"\n")


def test_keys_in_files(tmp_path: Path) -> None:
    path = tmp_path / "staff" / "mary.pem"
    key = create_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert public(read_key_file(path, asked)) == public(key)
    with pytest.raises(StaffError, match="exists and is not overwritten"):
        create_key_file(path)
    locked = tmp_path / "locked.pem"
    key = create_key_file(locked, "a secret")
    assert b"ENCRYPTED" in locked.read_bytes()
    assert public(read_key_file(locked, lambda: "a secret")) == public(key)
    with pytest.raises(StaffError, match="not the passphrase"):
        read_key_file(locked, lambda: "another")
    path.chmod(0o640)
    with pytest.raises(StaffError, match="can be read by others"):
        read_key_file(path, asked)
    with pytest.raises(StaffError, match="There is no key at"):
        read_key_file(tmp_path / "none.pem", asked)
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish")
    rubbish.chmod(0o600)
    with pytest.raises(StaffError, match="is not a private key"):
        read_key_file(rubbish, asked)


def test_there_is_always_an_officer(url: str) -> None:
    with open_store(url, create=True) as store:
        staff = employed(store, {"otto": "officer", "olga": "officer"})
        register = StaffRegister(store)

        def retire(name: str) -> None:
            values = {"key": staff[name].staff.keys[-1].public.hex(), "roles": ["officer"]}
            register.retire(name, act(store, staff[name], "staff.retire", name, values))

        retire("otto")
        with pytest.raises(StaffError, match="'olga' is the last officer"):
            retire("olga")
