"""A transfer of the business from the command line, from the plan to the archive that the successor verifies."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest
from terminal import laid_out, lines, settle, troth

from troth.cli import terminal
from troth.cli.opening import opened_vault
from troth.people import Identifier
from troth.store import store as store_module
from troth.vault import NewItem, Origin


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    laid_out(tmp_path)
    (tmp_path / "contract.pdf").write_bytes(b"a paper")
    settle(tmp_path, monkeypatch)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(terminal.out, "_width", 160)
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "buyer.key").write_text(f"# a key\n{identity}\n")
    (tmp_path / "buyer.pub").write_text(f"{identity.to_public()}\n")
    lines("publish")
    origin = Origin("registration", "citrix-online", "2017-02-01", "gotomeeting", "registration")
    with opened_vault(write=True) as vault:

        def work(unit: object) -> None:
            person = vault.people.resolve(unit, Identifier("email", "ann@example.org"))
            items = [NewItem("contact.email", "ann@example.org", None), NewItem("identity.name", "Ann", None)]
            vault.put(unit, person, origin, items)

        vault.people.write(work)
    lines("staff", "add", "otto", "--role", "officer")
    lines("recipient", "propose", "buyer", "--kind", "third_party.successor", "--name", "Buyer Inc.")
    return tmp_path


def test_from_the_plan_to_the_verified_archive(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    effective = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
    planned = lines("transfer", "plan", "buyer", "--effective", effective, "--document", "contract.pdf", "--as", "otto")
    id = re.findall(r"bus_[0-9a-f]{16}", planned)[0]
    assert "1 person was told." in lines("legal", "tell")
    lines("legal", "tell")  # nobody is left
    assert "told" in lines("transfer", "list")
    code, _, err = troth("transfer", "archive", id, "archive.age", "--to", "buyer.pub", "--as", "otto")
    assert (code, "The business changes hands on" in err) == (2, True)
    assert not (place / "archive.age").exists()
    later = datetime.now(UTC) + timedelta(days=41)
    monkeypatch.setattr(store_module.open_store, "__kwdefaults__", {**store_module.open_store.__kwdefaults__, "clock": lambda: later})  # fmt: skip  # noqa: E501
    assert "may be handed over" in lines("transfer", "show", id)
    out = lines("transfer", "archive", id, "archive.age", "--to", "buyer.pub", "--as", "otto")
    assert "1 of 1 persons are in archive.age, with 2 values." in out
    trusted = lines("record", "key").splitlines()[0]
    verified = lines("transfer", "verify", "archive.age", "--identity", "buyer.key", "--log-key", trusted)
    assert "The archive is whole: 1 persons, 2 values." in verified
    assert "name one that you trust" in lines("transfer", "verify", "archive.age", "--identity", "buyer.key")
    (listed,) = json.loads(lines("transfer", "list", "--format", "json"))
    assert listed["archives"][0]["manifest"] in verified
    lines("record", "verify")
    (place / "archive.age").write_bytes((place / "archive.age").read_bytes()[:-1])
    code, out, _ = troth("transfer", "verify", "archive.age", "--identity", "buyer.key")
    assert (code, "does not hold" in out) == (1, True)
    assert "is called off" in lines("transfer", "cancel", id, "--why", "w", "--as", "otto")
