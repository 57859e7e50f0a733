"""The store and the record by hand: publish, verify, receipts, keys, backup and restore, as an operator does it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import laid_out, lines, refusal, settle, troth

from troth.record import verifier


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settle(tmp_path, monkeypatch)
    return laid_out(tmp_path)


def test_versions_are_published_once_and_verified(place: Path) -> None:
    out = lines("publish")
    assert "2015-12-31: published as entry 1" in out
    again = lines("publish")
    assert "2015-12-31: was published as entry 1" in again
    assert out.splitlines()[-1] == again.splitlines()[-1]  # the same root
    assert "3 entries" in lines("record", "verify")
    assert (place / "var/keys/log.key").stat().st_mode & 0o777 == 0o600


def test_a_published_version_never_changes(place: Path) -> None:
    lines("publish")
    file = place / "policy/2015-12-31.yaml"
    file.write_text(file.read_text("utf-8").replace("unless you opt out", "always"), "utf-8")
    error = refusal("publish")
    assert "was published on" in error
    assert "new effective date" in error
    assert "3 entries" in lines("record", "verify")


def test_nothing_is_there_before_the_first_publication() -> None:
    assert "`troth publish` makes one" in refusal("record", "verify")
    assert "no signing key" in refusal("record", "key")


def test_a_stranger_verifies_a_receipt_with_one_file(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    lines("publish")
    lines("receipt", "get", "2015-12-31")
    key = lines("record", "key").strip()
    elsewhere = tmp_path_factory.mktemp("stranger")
    for file in (Path(verifier.__file__), place / "2015-12-31.tlog-proof", place / "policy/2015-12-31.yaml"):
        shutil.copy(file, elsewhere)
    shutil.copy(Path(verifier.__file__), elsewhere / "verifier.py")
    command = [sys.executable, "-I", "verifier.py", "2015-12-31.tlog-proof", "--key", key, "--document"]
    # -I: without the paths through which Troth could be imported; a bare import of it must fail there.
    done = subprocess.run([*command, "2015-12-31.yaml"], cwd=elsewhere, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "entry 1 of 3 in the log acme.example/log" in done.stdout
    assert '"version":"2015-12-31"' in done.stdout
    (elsewhere / "2015-12-31.yaml").write_text("something else")
    done = subprocess.run([*command, "2015-12-31.yaml"], cwd=elsewhere, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "NOT verified" in done.stderr
    assert "import troth" not in Path(verifier.__file__).read_text("utf-8")
    assert "from troth" not in Path(verifier.__file__).read_text("utf-8")


def test_receipts_from_the_command_line(place: Path) -> None:
    lines("publish")
    lines("receipt", "get", "2017-02-01", "one.tlog-proof")
    assert "exists" in refusal("receipt", "get", "2017-02-01", "one.tlog-proof")
    assert "2010-04-26, 2015-12-31, 2017-02-01" in refusal("receipt", "get", "2016-01-01")
    code, _, _ = troth("receipt", "verify", "one.tlog-proof", "--document", "policy/2017-02-01.yaml")
    assert code == 0
    code, _, _ = troth("receipt", "verify", "one.tlog-proof", "--document", "policy/2015-12-31.yaml")
    assert code == 1


def test_the_receipt_of_a_choice_from_the_command_line(place: Path) -> None:
    import json

    from troth.people import Identifier, open_people
    from troth.people.receipt import choice_receipt
    from troth.record.log import open_log
    from troth.record.published import published_policy
    from troth.store import open_store

    lines("publish")
    keys = place / "var/keys"
    with open_store(f"sqlite:///{place}/var/troth.db") as store:
        people = open_people(store, keys, published_policy(store))
        (change,) = people.choose(Identifier("email", "ann@example.org"), {"marketing": "out"}, how="page")
        log = open_log(store, keys)
        log.sign()
        receipt = choice_receipt(people, log, change.leaf)
    (place / "choice.json").write_text(json.dumps(receipt))
    told = lines("receipt", "verify", "choice.json")
    assert f"who      person {change.person}" in told
    assert "marketing, of the policy citrix-online" in told
    assert troth("receipt", "verify", "choice.json", "--document", "policy/2017-02-01.yaml")[0] == 1
    (place / "choice.json").write_text(json.dumps(receipt).replace('"out"', '"in"', 1))
    assert troth("receipt", "verify", "choice.json")[0] == 1


def test_a_restored_copy_of_yesterday_is_not_signed_for(place: Path) -> None:
    later = place / "policy/2017-02-01.yaml"
    later.rename(place / "later.yaml")
    lines("publish")
    lines("backup", "yesterday.db")
    assert "exists" in refusal("backup", "yesterday.db")
    (place / "later.yaml").rename(later)
    lines("publish")
    assert "exists" in refusal("restore", "yesterday.db")
    for file in (place / "var").glob("troth.db*"):
        file.unlink()
    code, _, error = troth("restore", "yesterday.db")  # which says what it restored before it finds that out
    assert code == 2
    assert "3 entries were signed for, but the database has only 2" in error
    assert "signed for" in refusal("publish")


def test_a_backup_of_today_is_restored_and_goes_on(place: Path) -> None:
    lines("publish")
    lines("backup", "today.db")
    for file in (place / "var").glob("troth.db*"):
        file.unlink()
    lines("restore", "today.db")
    assert "3 entries" in lines("record", "verify")
    assert "was published" in lines("publish")


def test_keys_rotate_and_old_receipts_still_verify(place: Path) -> None:
    lines("publish")
    lines("receipt", "get", "2015-12-31")
    old = lines("record", "key").strip()
    assert "2 keys sign" in lines("record", "rotate")
    assert "1 key signs" in lines("record", "rotate", "--retire")
    assert lines("record", "key").splitlines()[1] == old
    assert "3 entries" in lines("record", "verify")
    assert troth("receipt", "verify", "2015-12-31.tlog-proof", "--key", old)[0] == 0


def test_an_altered_database_is_found(place: Path) -> None:
    import sqlite3

    lines("publish")
    with sqlite3.connect(place / "var/troth.db") as connection:
        connection.execute(
            "UPDATE policy_versions SET source = CAST(source || ' ' AS BLOB) WHERE version = '2015-12-31'"
        )
    code, out, _ = troth("record", "verify")
    assert code == 1
    assert "2015-12-31" in out


def test_a_lost_checkpoint_is_adopted_only_by_hand(place: Path) -> None:
    lines("publish")
    (place / "var/keys/log.checkpoint").unlink()
    assert "troth record adopt" in refusal("publish")
    assert "known one again" in lines("record", "adopt")
    assert "3 entries" in lines("record", "verify")


def test_migrate_says_where_the_store_is() -> None:
    lines("publish")
    assert "The store is at" in lines("migrate")
