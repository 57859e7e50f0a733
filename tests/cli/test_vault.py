"""The vault from the command line: persons erased, keys replaced and destroyed, what has expired deleted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from terminal import copied, lines, troth
from typer.testing import CliRunner

from troth.cli import app
from troth.cli.opening import opened_vault
from troth.people import Identifier
from troth.policy.values import read_period
from troth.record.commitment import Opening, opens
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.vault import NewItem, Origin

ANN = "ann.very.own@example.org"


@pytest.fixture(autouse=True)
def place(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(published, tmp_path, monkeypatch, 120)


def collect(address: str, keeps: str = "account + 24 months") -> str:
    """Something collected from somebody; their id."""
    with opened_vault(write=True) as vault:

        def work(unit: object) -> str:
            person = vault.people.resolve(unit, Identifier("email", address))
            origin = Origin("registration", "citrix-online", "2015-12-31")
            vault.put(unit, person, origin, [NewItem("contact.email", address, read_period(keeps))])
            return person.id

        return vault.people.write(work)


def test_erasing_a_person(place: Path) -> None:
    ann, bob = collect(ANN), collect("bob@example.org")
    lines("people", "choose", ANN, "marketing=out", "--staff", "mary")
    (place / "var/mail").mkdir()
    (place / "var/mail/1.eml").write_text(f"To: {ANN}\nSubject: Your code\n\n12345678\n")
    (place / "var/mail/2.eml").write_text("To: Bob <bob@example.org>\nSubject: Your code\n\n12345678\n")
    out = lines("people", "erase", ANN, "--staff", "mary", "--reason", "asked by letter", "--yes")
    assert "1 person was erased" in out
    assert "1 kept message to them is gone" in out
    proof = json.loads(out.strip().splitlines()[-1])
    assert proof["values"]["erasure"] == {"ids": [ann], "staff": "mary", "reason": "asked by letter"}
    with opened_vault() as vault:
        assert vault.people.find(Identifier("email", "bob@example.org")) == bob
        entry = RecordReader(vault.store).entry(proof["leaf"])
    assert entry is not None
    opening = Opening(proof["event"], bytes.fromhex(proof["salt"]), proof["values"])
    assert opens(opening, read_entry(entry))
    for path in place.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert ANN.encode() not in content
            assert b"asked by letter" not in content
            assert path.name == "erasures" or path.name.startswith("troth.db") or ann.encode() not in content
    assert sorted(path.name for path in (place / "var/mail").iterdir()) == ["2.eml"]
    assert troth("people", "show", ANN)[0] == 1
    assert lines("people", "erase", ann, "--staff", "mary", "--yes").startswith("They had been erased before.")
    assert "The record holds" in lines("record", "verify")


def test_erasing_asks_first_and_erases_all_or_nobody() -> None:
    ann = collect(ANN)
    code, out, _ = troth("people", "erase", ANN, "nobody@example.org", "--staff", "mary", "--yes")
    assert (code, out) == (1, "Somebody among them is nobody here. Nobody was erased.\n")
    result = CliRunner().invoke(app, ["people", "erase", ANN, "--staff", "mary"], input="n\n")
    assert result.exit_code == 1
    assert f"1 person: {ann}" in result.stdout
    assert ann in lines("people", "show", ANN)
    result = CliRunner().invoke(app, ["people", "erase", ANN, "--staff", "mary"], input="y\n")
    assert result.exit_code == 0
    assert troth("people", "show", ANN)[0] == 1


def test_replacing_the_keys(place: Path) -> None:
    assert lines("vault", "epochs").startswith("No epoch has begun yet")  # reading begins nothing
    for number in range(3):
        collect(f"{number}@example.org")
    assert re.search(r"1 +20\d\d-\d\d-\d\d \d\d:\d\d +3 +wraps new ones", lines("vault", "epochs"))
    assert lines("vault", "rotate").startswith("Epoch 2 has begun.")
    code, _, err = troth("vault", "retire", "1", "--yes")
    assert code == 2
    assert "Move them first: troth vault rewrap" in err
    assert lines("vault", "rewrap", "--limit", "2") == "2 keys moved.\n"
    assert lines("vault", "rewrap") == "1 key moved.\n"
    assert CliRunner().invoke(app, ["vault", "retire", "1"], input="n\n").exit_code == 1
    assert (place / "var/keys/vault/000001.key").exists()
    assert lines("vault", "retire", "1", "--yes") == "The key of epoch 1 is destroyed.\n"
    assert not (place / "var/keys/vault/000001.key").exists()
    assert re.search(r"1 .* 0 +destroyed on", lines("vault", "epochs"))
    (place / "var/keys/vault/000002.key").unlink()
    code, _, err = troth("people", "choose", ANN, "marketing=out", "--staff", "mary")
    assert code == 2
    assert "Restore it" in err


def test_deleting_what_has_expired() -> None:
    collect(ANN, "0 days")
    collect("bob@example.org")
    assert lines("vault", "sweep", "--limit", "5") == "1 item was deleted.\n"
    assert lines("vault", "sweep") == "0 items were deleted.\n"
    assert "out of the files" in lines("vault", "scrub", "--rewrite")


def test_a_restored_backup_erases_again(place: Path) -> None:
    collect(ANN)
    lines("backup", "saved.db")
    lines("people", "erase", ANN, "--staff", "mary", "--yes")
    for path in (place / "var").glob("troth.db*"):
        path.unlink()
    code, out, err = troth("restore", "saved.db")
    assert "1 person who had been erased since was erased again." in out
    assert code == 2  # it is older than the checkpoint
    assert "restored from an older copy" in err
    assert troth("people", "show", ANN)[0] == 1
    assert ANN.encode() not in (place / "var/troth.db").read_bytes()


def test_a_wrong_place_for_the_keys_is_named(place: Path) -> None:
    (place / "troth.toml").write_text('policy = "policy"\nlog = "acme.example/log"\nvault = "somewhere"\n')
    code, _, err = troth("vault", "epochs")
    assert code == 2
    assert "`vault`: 'somewhere' is not where keys are" in err
