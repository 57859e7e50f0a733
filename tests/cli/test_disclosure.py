"""What was disclosed and what is passed on, from the command line: listed, shown, told by staff, and taken out."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from terminal import copied, lines, settle, troth

from troth.conditions import Conditions
from troth.decision.point import DecisionPoint
from troth.gates.collect import Collecting, Submission
from troth.gates.delivery.queue import Queue
from troth.gates.share.share import Sharing
from troth.gates.share.wanted import Wanted
from troth.gates.tally import counts_by_statement
from troth.people import ChoiceIndex, Identifier, open_people
from troth.record.published import published_policy
from troth.store import open_store
from troth.vault import Vault, open_vault

ANN = Identifier("email", "ann@example.org")


@pytest.fixture(scope="module")
def shared(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place in which something of Ann was disclosed to the group and to the marketing agency, to be copied."""
    place = shutil.copytree(published, tmp_path_factory.mktemp("disclosed"), dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patched:
        settle(place, patched)
        lines("recipient", "propose", "marketing-agency", "--staff", "mary")
        terms = ("--data", "contact.email", "--for", "marketing.own", "--signed", "2017-01-20", "--safeguard", "tls")
        lines("recipient", "contract", "marketing-agency", *terms, "--staff", "mary")
        lines("recipient", "transfer", "marketing-agency", "US", "standard-clauses", "--staff", "mary")
        with gates(place) as (vault, sharing):
            fields = {"contact.email": ANN.value, "identity.name": "=Ann"}
            form = Submission(statement="site-forms", fields=fields, product="gotomeeting", moment="visit")
            Collecting(vault, DecisionPoint(vault.people.policy)).collect(form)
            for recipient, purpose in (("logmein-group", "service.provide"), ("marketing-agency", "marketing.own")):
                wanted = Wanted(recipient=recipient, purpose=purpose, data=("contact.email",), channel="answer")
                assert sharing.share(wanted, [ANN]).persons == 1
    return place


@pytest.fixture(autouse=True)
def place(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(shared, tmp_path, monkeypatch, 200)


@contextmanager
def gates(place: Path) -> Iterator[tuple[Vault, Sharing]]:
    with open_store(f"sqlite:///{place / 'var/troth.db'}") as store:
        policy = published_policy(store)
        assert policy is not None
        people = open_people(store, place / "var/keys", policy)
        vault, point = open_vault(store, people), DecisionPoint(policy)
        index = ChoiceIndex(people, point, limit=3600)
        yield vault, Sharing(vault, point, index, Conditions(store, policy), queue=Queue(store, people))
        index.close()


def test_disclosures_are_listed_and_shown() -> None:
    listed = lines("disclosure", "list")
    assert re.search(r"dis_[0-9a-f]{32} +marketing-agency +marketing\.own +contact\.email +1 +done", listed)
    assert "logmein-group" not in lines("disclosure", "list", "--recipient", "marketing-agency")
    assert lines("disclosure", "list", "--until", "2020-01-01") == "Nothing was disclosed.\n"
    found = json.loads(lines("disclosure", "list", "--format", "json"))
    shown = lines("disclosure", "show", found[0]["id"])
    assert re.search(r"persons: 1 of 1, 1 values", shown)
    assert re.search(r"^1 +1 +1 +\d+ +[0-9a-f]{64}", shown, re.M)
    assert json.loads(lines("disclosure", "show", found[0]["id"], "--format", "json"))["batches"][0]["persons"] == 1
    assert troth("disclosure", "show", "dis_no")[0] == 1
    assert troth("disclosure", "list", "--since", "soon")[0] == 2


def test_what_was_disclosed_of_a_person() -> None:
    listed = lines("disclosure", "list", "--person", "ann@example.org")
    assert re.search(r"^marketing-agency +marketing\.own +contact\.email +marketing-mail", listed, re.M)
    one = ("--person", "ann@example.org", "--recipient", "logmein-group", "--format", "json")
    assert len(json.loads(lines("disclosure", "list", *one))) == 1
    assert "  disclosed to: logmein-group, marketing-agency; " in lines("people", "show", "ann@example.org")
    assert "Nothing was disclosed of that person." in lines("disclosure", "list", "--person", "bob@example.org")


def test_the_records_of_processing(place: Path) -> None:
    records = json.loads(lines("disclosure", "export"))
    assert records["controller"] == "LogMeIn, Inc."
    assert "encryption in transit (TLS)" in records["measures"]
    by_purpose = {one["purpose"]: one for one in records["processing"]}
    own = by_purpose["marketing.own"]
    assert "E-mail address" in own["data"]
    assert own["bases"]
    agency = next(one for one in own["recipients"] if one["id"] == "marketing-agency")
    assert (agency["disclosures"], agency["persons"], agency["contract"]) == (1, 1, "in force")
    assert agency["transfers"] == ["US: standard contractual clauses"]
    assert agency["safeguards"] == ["encryption in transit (TLS)"]
    assert any("12 months" in limit for limit in by_purpose["service.reply"]["limits"])
    assert by_purpose["service.provide"]["persons"]
    table = list(csv.DictReader(lines("disclosure", "export", "--format", "csv").splitlines()))
    assert {"purpose", "persons", "data", "recipient", "transfers", "time limits", "measures"} <= table[0].keys()
    of_agency = [row for row in table if (row["recipient"], row["purpose"]) == ("Example Campaigns", "marketing.own")]
    assert [row["disclosures"] for row in of_agency] == ["1"]
    earlier = json.loads(lines("disclosure", "export", "--until", "2020-01-01"))
    assert all(who["disclosures"] == 0 for one in earlier["processing"] for who in one["recipients"])


def test_what_follows_is_told_by_staff_where_no_endpoint_takes_it() -> None:
    assert "Nobody is still to be told anything" in lines("follow", "list")
    lines("people", "choose", "ann@example.org", "marketing=out", "--staff", "mary")
    assert re.match(r"\d+ things? looked at\.", lines("follow", "run"))
    listed = lines("follow", "list")
    id = re.search(r"fol_[0-9a-f]{32}", listed)
    assert id is not None
    assert re.search(r"marketing-agency +opt-out +marketing +\d{4}.* +waiting for staff", listed)
    shown = lines("follow", "show", id[0])
    assert "The recipient has no endpoint." in shown
    assert '"type": "troth.opt-out"' in shown
    assert "ann@" not in shown
    assert "knows of the opt-out, told by mary" in lines("follow", "done", id[0], "--by", "mary")
    assert "Nobody is still to be told anything" in lines("follow", "list")
    assert "done" in lines("follow", "list", "--all")
    code, _, err = troth("follow", "done", id[0], "--by", "mary")
    assert (code, "nothing left to be done" in err) == (2, True)
    assert json.loads(lines("follow", "list", "--all", "--format", "json"))[0]["done_by"] == "mary"
    lines("record", "verify")


def test_what_is_late_is_a_warning_about_the_recipient(place: Path) -> None:
    import sqlite3

    lines("people", "choose", "ann@example.org", "marketing=out", "--staff", "mary")
    lines("follow", "run")
    with sqlite3.connect(place / "var/troth.db") as database:  # as if a week had gone by
        database.execute("UPDATE follow_ups SET due_at = created_at")
    assert troth("follow", "list", "--late")[0] == 1
    code, told, _ = troth("recipient", "check")
    assert code == 1
    assert re.search(r"! marketing-agency: It has not acknowledged the opt-out .* \[late\]", told)
    lines("follow", "run")
    with sqlite3.connect(place / "var/troth.db") as database:
        assert database.execute("SELECT count(*) FROM follow_ups WHERE late_leaf IS NOT NULL").fetchone() == (1,)
    lines("record", "verify")


def test_what_is_decided_by_hand_counts_for_the_page_of_promises(place: Path) -> None:
    def shared() -> int:
        with open_store(f"sqlite:///{place / 'var/troth.db'}") as store:
            days = counts_by_statement(store, store.clock()).get("marketing-mail", ())
            return sum(day.allowed for day in days)

    before = shared()
    lines("endpoint", "add", "marketing-agency", "https://agency.example/in", "--staff", "mary")
    with gates(place) as (vault, _):
        fields = {"contact.email": "ann@new.example", "identity.name": "Ann"}
        form = Submission(statement="site-forms", fields=fields, product="gotomeeting", moment="visit", who=ANN)
        Collecting(vault, DecisionPoint(vault.people.policy)).collect(form)
    lines("follow", "run")
    followed = json.loads(lines("follow", "list", "--all", "--format", "json"))
    assert ("marketing-agency", "correction", "sent") in {
        (one["recipient"], one["kind"], one["state"]) for one in followed
    }
    assert shared() == before + 1
