"""Streams, credentials and suppression from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from terminal import copied, troth

from troth.gates.mail.taking.credentials import Credentials
from troth.store import open_store


@pytest.fixture(autouse=True)
def place(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(published, tmp_path, monkeypatch, 160)


def test_the_streams_there_are(place: Path) -> None:
    code, out, _ = troth("mail", "stream", "list")
    assert code == 0
    assert re.search(
        r"newsletter\s+marketing\s+marketing\.own\s+gototraining\s+news\.gototraining\.example\s+choice:m", out
    )
    assert re.search(r"account\s+service\s+service\.notice\s+account\.logmein\.example\s+nothing", out)
    (place / "troth.toml").write_text(
        'policy = "policy"\n[streams.news]\npurpose = "marketing.own"\nfrom = "n.example.org"\nstrict = true\n'
    )
    listed = json.loads(troth("mail", "stream", "list", "--format", "json")[1])
    assert [(one["id"], one["marketing"], one["strict"]) for one in listed] == [("news", True, True)]
    (place / "troth.toml").write_text('policy = "policy"\n[streams.news]\npurpose = "marketing.onw"\n')
    code, _, err = troth("mail", "stream", "list")
    assert code == 2
    assert "[streams.news]" in err
    assert "Did you mean 'marketing.own'" in err
    (place / "troth.toml").write_text('policy = "policy"\nstreams = 7\n')
    assert troth("mail", "stream", "list")[0] == 2


def test_streams_of_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TROTH_STREAMS", '{"news": {"purpose": "marketing.own"}}')
    assert "news " in troth("mail", "stream", "list")[1]
    monkeypatch.setenv("TROTH_STREAMS", "news")
    assert troth("mail", "stream", "list")[0] == 2


def test_a_credential_is_made_shown_once_and_revoked(place: Path) -> None:
    assert "There are no credentials" in troth("mail", "credential", "list")[1]
    code, out, err = troth("mail", "credential", "create", "newsletter", "--staff", "mary")
    assert code == 0
    assert re.fullmatch(r"troth_mail_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n", out)
    assert out.strip() not in err
    id = out.split("_")[2]

    def counts() -> bool:
        with open_store(f"sqlite:///{place / 'var' / 'troth.db'}") as store:
            return Credentials(store).find("newsletter", out.strip()) is not None

    assert counts()
    listed = troth("mail", "credential", "list")[1]
    assert re.search(rf"{id}\s+newsletter\s+\d{{4}}-\d\d-\d\d\s+mary\s+counts", listed)
    assert out.strip() not in listed
    assert troth("mail", "credential", "revoke", id)[0] == 0
    assert not counts()
    assert troth("mail", "credential", "revoke", id)[0] == 2
    code, _, err = troth("mail", "credential", "create", "newsleter")
    assert (code, "Did you mean 'newsletter'" in err) == (2, True)
    assert troth("record", "verify")[0] == 0


def test_an_address_is_put_on_the_list_and_taken_off(place: Path) -> None:
    assert troth("mail", "suppressed", "ann@example.org")[0] == 1
    assert troth("mail", "suppress", "ann@example.org", "--stream", "invitations", "--staff", "mary")[0] == 0
    assert troth("mail", "suppress", "ann@example.org", "--scope", "purpose:marketing")[0] == 0
    assert troth("mail", "suppressed")[1].splitlines() == [
        "choice:marketing.events: 1 (opt-out)", "purpose:marketing: 1 (opt-out)",
    ]  # fmt: skip
    code, out, _ = troth("mail", "suppressed", "ann@example.org")
    assert (code, "from staff" in out) == (0, True)
    for wrong in (
        ("ann@example.org",), ("ann@example.org", "--stream", "news"), ("nobody", "--stream", "newsletter"),
        ("ann@example.org", "--scope", "choice:marketin"), ("a@b.c", "--scope", "*", "--stream", "newsletter"),
    ):  # fmt: skip
        assert troth("mail", "suppress", *wrong)[0] == 2, wrong
    lifted = troth("mail", "unsuppress", "ann@example.org", "--why", "she wrote", "--stream", "invitations")
    assert lifted[:2] == (0, "The address is off the list: choice:marketing.events\n")
    assert troth("mail", "unsuppress", "ann@example.org", "--why", "she wrote")[0] == 0
    assert troth("mail", "unsuppress", "ann@example.org", "--why", "she wrote")[0] == 1
    assert troth("record", "verify")[0] == 0
    kept = b"".join(one.read_bytes() for one in (place / "var").glob("troth.db*"))
    assert b"ann@example.org" not in kept
    assert b"she wrote" not in kept


def test_a_file_is_imported_whole_or_not_at_all(place: Path) -> None:
    file = place / "unsubscribed.csv"
    file.write_text("Email Address,UNSUB_TIME\nann@example.org,2025-01-01 10:00:00\nnobody,2025-01-01 10:00:00\n")
    code, _, err = troth("mail", "import", str(file), "--stream", "newsletter")
    assert code == 2
    assert "line 3:" in err
    assert "nobody" not in err
    assert "1 line cannot be read; nothing was taken" in err
    assert troth("mail", "suppressed")[1] == ""
    file.write_text("Email Address,UNSUB_TIME\nann@example.org,2025-01-01 10:00:00\nbob@example.org,\n")
    code, out, _ = troth("mail", "import", str(file), "--stream", "newsletter", "--staff", "mary")
    assert (code, out) == (0, "Put on the list: 2 addresses; on it before: 0\n")
    assert troth("mail", "import", str(file), "--stream", "newsletter")[1] == (
        "Put on the list: 0 addresses; on it before: 2\n"
    )
    assert "mailchimp" in troth("mail", "suppressed", "ann@example.org")[1]
    exported = troth("mail", "suppressed", "--export")[1]
    assert "ann@example.org" not in exported
    (place / "exported.json").write_text(exported)
    again = troth("mail", "import", str(place / "exported.json"), "--scope", "*")
    assert again[1] == "Put on the list: 0 addresses; on it before: 2\n"
    for wrong in (
        (str(place / "missing.csv"), "--stream", "newsletter"), (str(file),), (str(file), "--stream", "x"),
        (str(file), "--stream", "newsletter", "--reason", "why"), (str(file), "--scope", "*", "--service", "x"),
    ):  # fmt: skip
        assert troth("mail", "import", *wrong)[0] == 2, wrong
    (place / "list.csv").write_text("uuid,email,status\n1,ann@example.org,enabled\n2,eve@example.org,blocklisted\n")
    out = troth("mail", "import", str(place / "list.csv"), "--stream", "newsletter")[1]
    assert out.splitlines() == [
        "Put on the list: 1 address; on it before: 0", "Passed over, since they are not suppressed there: 1 line",
    ]  # fmt: skip
