"""`troth mail queue` and `troth mail dns`: what waits is seen, released, tried and dropped, and a drop is recorded."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from terminal import troth

from troth.gates.mail.sending.queue import Line, Parcel, Queue
from troth.gates.mail.signing.dkim_keys import dns_record, make_keys
from troth.gates.mail.signing.dns import checked, records
from troth.people import Identifier, People, open_people
from troth.policy.history import Policy
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.store import Unit, open_store
from troth.vault import open_vault

ANN, BEN = "ann@example.org", "ben@example.org"
EXAMPLE = Path(__file__).parents[2] / "examples/citrix-online"


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[People]:
    monkeypatch.chdir(tmp_path)
    assert troth("publish")[0] == 0
    with open_store(f"sqlite:///{tmp_path / 'var/troth.db'}") as store:
        people = open_people(store, tmp_path / "var/keys", Policy.read(EXAMPLE))
        open_vault(store, people)
        yield people


def put(people: People, *addresses: str, state: str = "waiting", message: str = "0123456789abcdef01") -> None:
    parcel = Parcel(message=message, stream="account", content=b"Subject: x\r\n\r\nHello\r\n", sender="a@b.example",
                    returns="a@b.example", lines=())  # fmt: skip

    def work(unit: Unit) -> None:
        lines = tuple(
            Line(address=one, person=people.resolve(unit, Identifier("email", one))) for one in addresses
        )  # fmt: skip
        Queue(people).put(unit, msgspec.structs.replace(parcel, lines=lines), state=state)

    people.write(work)


def listed() -> list[dict]:
    return json.loads(troth("mail", "queue", "list", "--format", "json")[1])


def test_the_queue_is_seen(people: People) -> None:
    assert troth("mail", "queue", "list")[1] == "Nothing waits.\n"
    put(people, ANN, BEN)
    assert [(one["recipient"], one["state"], one["tries"]) for one in listed()] == [
        (ANN, "waiting", 0), (BEN, "waiting", 0),
    ]  # fmt: skip
    told = troth("mail", "queue", "list")[1]  # folded to the width that there is
    assert told.count("waiting") == 2
    assert "account" in told
    code, told, _ = troth("mail", "queue", "show", "0123456789abcdef01")
    assert code == 0
    assert f"waiting: to {BEN}" in told
    assert told.endswith("Subject: x\n\nHello\n")
    assert troth("mail", "queue", "show", "2")[1].count("waiting: to") == 1
    assert troth("mail", "queue", "show", "none")[0] == 1


def test_what_is_held_is_released_by_its_name_alone(people: People) -> None:
    put(people, ANN, state="held")
    put(people, BEN, message="other")
    assert troth("mail", "queue", "retry", "--all")[1] == "1 line will be tried now.\n"
    assert {one["state"] for one in listed()} == {"held", "waiting"}
    assert troth("mail", "queue", "retry", "0123456789abcdef01")[0] == 0
    assert {one["state"] for one in listed()} == {"waiting"}
    assert troth("mail", "queue", "retry")[0] == 2
    assert troth("mail", "queue", "retry", "none")[0] == 1


def test_what_is_dropped_is_in_the_record(people: People) -> None:
    put(people, ANN, BEN)
    first = listed()[0]["id"]
    assert troth("mail", "queue", "drop", str(first))[1] == "1 line dropped.\n"
    assert [one["recipient"] for one in listed()] == [BEN]
    assert troth("mail", "queue", "drop", "0123456789abcdef01")[0] == 0
    assert listed() == []
    assert troth("mail", "queue", "drop", "0123456789abcdef01")[0] == 1
    reader = RecordReader(people.store)
    bodies = [read_entry(reader.entry(index) or b"") for index in range(reader.size())]
    dropped = [body for body in bodies if body["kind"] == "unsent"]
    assert [body["outcome"] for body in dropped] == ["dropped", "dropped"]
    with people.store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM mail_bodies").scalar() == 0
    assert troth("record", "verify")[0] == 0


def test_the_records_of_a_domain(people: People, tmp_path: Path) -> None:
    domain = "news.acme.example"
    assert "troth mail key news.acme.example" in troth("mail", "dns", domain)[1]
    keys = make_keys(tmp_path / "var/keys", domain, datetime(2026, 5, 1, tzinfo=UTC))
    code, told, _ = troth("mail", "dns", domain)
    assert code == 0
    for key in keys:
        name, value = dns_record(key)
        assert f"{name}. TXT {value}" in told
    for part in (f"{domain}. TXT v=spf1 -all", f"_dmarc.{domain}. TXT v=DMARC1; p=reject", f"{domain}. MX"):
        assert part in told


def test_what_dns_says_is_compared(tmp_path: Path) -> None:
    domain = "news.acme.example"
    keys = make_keys(tmp_path, domain, datetime(2026, 5, 1, tzinfo=UTC))
    wanted = records(domain, keys, "mail.acme.example", domain)
    there = {(one.name, one.type): [one.value] for one in wanted if one.type == "TXT"}
    there[domain, "TXT"] = ["google-site-verification=x", "v=spf1 include:_spf.x.example a:mail.acme.example ~all"]
    there[f"_dmarc.{domain}", "TXT"] = ["v=DMARC1;p=quarantine"]
    there[domain, "MX"] = ["10 mail.acme.example."]
    found = {
        one.what: one.found for one in (checked(one, lambda name, type: there.get((name, type), [])) for one in wanted)
    }
    assert set(found.values()) == {"there"}
    there[keys[0].selector + f"._domainkey.{domain}", "TXT"] = ["v=DKIM1; k=rsa; p=AAAA"]
    there[f"_dmarc.{domain}", "TXT"] = ["v=DMARC1; p=none"]
    there[domain, "TXT"] = []
    compared = [checked(one, lambda name, type: there.get((name, type), [])) for one in wanted]
    assert [(one.what, one.found) for one in compared] == [
        ("DKIM", "other"), ("DKIM", "there"), ("SPF", "missing"), ("DMARC", "other"), ("CFBL", "there"),
    ]  # fmt: skip
    assert {checked(one, lambda *_: None).found for one in wanted} == {"unknown"}
