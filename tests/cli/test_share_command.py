"""Sharing from the command line: with persons, with everybody, refused with the sentence, and gone on with by hand."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from terminal import settle, troth

from troth.cli.opening import opened_vault
from troth.conditions.facts import Contract, Profile
from troth.conditions.register import Register
from troth.decision.point import DecisionPoint
from troth.gates.collect import Collecting, Submission
from troth.gates.delivery.endpoints import Endpoints
from troth.people import Identifier

PAY = ("--for", "service.payment", "--data", "payment.card")


@pytest.fixture(scope="module")
def prepared(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a published policy, the cards of three persons, and the processor under contract."""
    place = tmp_path_factory.mktemp("prepared")
    shutil.copytree(published, place, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patched:
        settle(place, patched)
        with opened_vault(write=True) as vault:
            collecting = Collecting(vault, DecisionPoint(vault.people.policy))
            for number in range(3):
                fields = {"payment.card": f"tok_{number}_visa"}
                who = Identifier("account", f"p{number}")
                collecting.collect(Submission(statement="trial-card", fields=fields, who=who, moment="trial"))
            register, now = Register(vault.store, vault.people.policy), datetime.now(UTC) - timedelta(days=1)
            terms = Contract(id="c1", begins=now, accepts="2017-02-01", data=("payment.card",), signed=now,
                             purposes=("service.payment",))  # fmt: skip
            for said in (Profile(name="Cards", kind="processor", countries=("US",)), terms):
                register.add("card-processor", said, by="mary")
            Endpoints(vault.store, vault.people).add("card-processor", "https://cards.example/troth", by="mary")
    return place


@pytest.fixture(autouse=True)
def place(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "place"
    shutil.copytree(prepared, place)
    settle(place, monkeypatch)
    return place


def test_persons_at_once() -> None:
    code, out, err = troth("share", "with", "card-processor", "account:p0", "account:nobody", *PAY)
    assert code == 0, err
    assert "done  1 values of 1 of 2 persons, to card-processor for service.payment" in out
    assert "1 by `card-payments`" in out
    assert "not payment.card of 1, nothing-held" in out
    id = out.split()[0]
    assert troth("share", "show", id)[1].split("\n")[0] == out.split("\n")[0]
    assert troth("share", "show", "dis_x")[0] == 1
    listed = troth("disclosure", "list")[1]
    assert "card-processor" in listed


def test_a_refusal_says_the_sentence() -> None:
    code, out, err = troth("share", "with", "card-processor", "account:p0", *PAY, "--consideration", "a fee")
    assert (code, out) == (1, "")
    assert "this is a sale" in err
    assert "[never]" in err
    assert "“" in err
    code, _, err = troth("share", "with", "ad-network", "account:p0", *PAY)
    assert (code, "[not-stated]" in err) == (1, True)


def test_what_cannot_be_asked() -> None:
    assert troth("share", "with", "card-processor", *PAY)[0] == 2
    assert troth("share", "with", "card-processor", "account:p0", *PAY, "--everybody")[0] == 2
    assert troth("share", "with", "card-processor", "account:p0", *PAY, "--channel", "answer")[0] == 2
    assert troth("share", "with", "card-processor", "who?", *PAY)[0] == 2


def test_everybody_is_a_job_that_is_gone_on_with() -> None:
    code, out, err = troth("share", "with", "card-processor", "--everybody", *PAY, "--format", "json", "--key", "k")
    assert code == 0, err
    told = json.loads(out)
    assert (told["state"], told["asked"]) == ("running", 3)
    code, out, err = troth("share", "run")
    assert code == 0, err
    assert "done  3 values of 3 of 3 persons" in out
    assert "No disclosure waits" in troth("share", "run")[1]
    again = json.loads(
        troth("share", "with", "card-processor", "--everybody", *PAY, "--format", "json", "--key", "k")[1]
    )
    assert (again["id"], again["state"]) == (told["id"], "done")
    assert troth("record", "verify")[0] == 0
