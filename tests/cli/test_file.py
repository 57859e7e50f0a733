"""Files of disclosures from the command line: keys of recipients, links, and making them, with errors that teach."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest
from terminal import copied, lines, refusal, troth

from troth.accountability.answers import make_conditions
from troth.cli.opening import opened_vault
from troth.decision.point import DecisionPoint
from troth.gates.collect import Collecting, Submission
from troth.gates.share.share import Sharing
from troth.gates.share.wanted import Wanted
from troth.people import ChoiceIndex, Identifier

FIRM = "marketing-agency"
DAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


@pytest.fixture
def place(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = copied(published, tmp_path, monkeypatch, 160)
    lines("recipient", "propose", FIRM)
    lines(
        "recipient", "contract", FIRM, "--data", "contact.email", "--for", "marketing.own", "--signed", DAY, "--from",
        DAY,
    )  # fmt: skip
    return place


def shared(*names: str) -> str:
    """A disclosure to the firm by a file; its id."""
    with opened_vault(write=True) as vault:
        point = DecisionPoint(vault.people.policy)
        index = ChoiceIndex(vault.people, point, limit=3600)
        whos = []
        for name in names:
            who = Identifier("email", f"{name}@example.org")
            fields = {"identity.name": name, "contact.email": who.value, "account.id": who.value}
            fields |= {"account.password": "$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0"}
            submission = Submission(statement="registration", fields=fields, product="gototraining", moment="trial")
            Collecting(vault, point).collect(submission)
            whos.append(who)
        sharing = Sharing(vault, point, index, make_conditions(vault.store, point.policy))
        wanted = Wanted(
            recipient=FIRM, purpose="marketing.own", data=("contact.email",), product="gototraining", channel="file",
            format="jsonl",
        )  # fmt: skip
        found = sharing.share(wanted, whos)
        index.close()
    return found.id


def test_without_a_key_it_waits_and_says_what_to_do(place: Path) -> None:
    assert "No recipient has a key" in lines("recipient", "keys")
    assert "There is no file" in lines("file", "list")
    assert "No file waits" in lines("file", "make")
    shared("ann", "bob")
    code, out, _ = troth("file", "make")
    assert code == 1
    assert f"'{FIRM}' has no key: troth recipient key {FIRM} FILE" in out
    identity = pyrage.x25519.Identity.generate()
    (place / "firm.pub").write_text(f"{identity.to_public()}\n")
    told = lines("recipient", "key", FIRM, "firm.pub", "--staff", "mary")
    assert re.search(rf"encrypted to its age key {identity.to_public()} \(key_[0-9a-f]{{16}}\); entry \d+", told)
    assert f"That is the key of '{FIRM}' already" in refusal("recipient", "key", FIRM, "firm.pub")
    assert "No file waits" in lines("file", "make"), "it is tried again a minute later"


def test_making_showing_linking(place: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    (place / "firm.pub").write_text(f"{identity.to_public()}\n")
    lines("recipient", "key", FIRM, "firm.pub")
    id = shared("ann", "bob")
    assert f"{id} for {FIRM} is ready" in lines("file", "make")
    (made,) = (place / "var/files").iterdir()
    plain = pyrage.decrypt(made.read_bytes(), [identity])
    found = sorted(json.loads(line)["data"]["contact.email"] for line in plain.splitlines())
    assert found == ["ann@example.org", "bob@example.org"]
    (row,) = json.loads(lines("file", "list", "--format", "json"))
    assert (row["disclosure"], row["state"], row["manifest"]["persons"]) == (id, "ready", 2)
    link = lines("file", "link", id, "--days", "2").strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:8768/v1/files/[A-Za-z0-9_-]{43}", link)
    told = lines("file", "show", id)
    assert f"for {FIRM}: ready" in told
    assert row["manifest"]["sha256"] in told
    assert "open, until" in told
    assert link.rpartition("/")[2] not in told
    assert "is ready" not in lines("file", "make")
    assert "ready" in lines("file", "list")
    assert "The record holds" in lines("record", "verify")


def test_fetch_secrets_and_the_list_of_keys(place: Path) -> None:
    secret = lines("recipient", "key", FIRM, "--fetch-secret", "--staff", "mary").strip()
    assert re.fullmatch(r"troth_fetch_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", secret)
    (one,) = json.loads(lines("recipient", "keys", "--format", "json"))
    assert (one["recipient"], one["sort"], one["by"], one["ended"]) == (FIRM, "fetch", "mary", None)
    listed = lines("recipient", "keys")
    assert "fetching" in listed
    assert secret[-43:] not in listed
    assert f"The key {one['id']} of '{FIRM}' has ended." in lines("recipient", "key", FIRM, "--end", one["id"])
    assert "ended" in lines("recipient", "keys")
    assert "has no key" in refusal("recipient", "key", FIRM, "--end", "key_0")
    assert "that has not ended" in refusal("recipient", "key", FIRM, "--end", one["id"])


def test_errors_teach(place: Path) -> None:
    (place / "secret").write_text(str(pyrage.x25519.Identity.generate()))
    assert "This is a secret key" in refusal("recipient", "key", FIRM, "secret")
    assert "cannot be read: No such file" in refusal("recipient", "key", FIRM, "nothing.pub")
    assert f"Did you mean '{FIRM}'?" in refusal("recipient", "key", "marketing-agenci", "secret")
    assert "one of the three" in refusal("recipient", "key", FIRM)
    assert "one of the three" in refusal("recipient", "key", FIRM, "secret", "--fetch-secret")
    assert "There is no disclosure 'dis_0'" in refusal("file", "link", "dis_0")
    code, out, _ = troth("file", "show", "dis_0")
    assert code == 1
    assert "There is no file of 'dis_0'" in out
