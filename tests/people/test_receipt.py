"""The receipt of a choice: of the published shape, verified by its holder alone, and no word of it can be changed."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from troth.people import Identifier, People
from troth.people.errors import NotProvableYetError, PeopleError, UnknownPersonError
from troth.people.receipt import choice_receipt, opening_of, receipt_schema, verify_choice_receipt
from troth.record.keys import create_keys
from troth.record.log import Log, open_log
from troth.record.verifier import VerifyError

ANN = Identifier("email", "ann@example.org")


@pytest.fixture
def log(people: People, tmp_path: Path) -> Log:
    create_keys(tmp_path / "log", "example.org/log")
    return open_log(people.store, tmp_path / "log")


def test_a_receipt_is_verified_offline(people: People, log: Log) -> None:
    (change,) = people.choose(ANN, {"marketing": "out"}, how="page", product="shop")
    with pytest.raises(NotProvableYetError) as early:
        choice_receipt(people, log, change.leaf)
    assert early.value.retryable
    log.sign()
    receipt = json.loads(json.dumps(choice_receipt(people, log, change.leaf, identifier=ANN)))
    jsonschema.Draft202012Validator.check_schema(receipt_schema())
    jsonschema.Draft202012Validator(receipt_schema()).validate(receipt)
    values = verify_choice_receipt(receipt, log.keys.trusted)
    assert values["person"] == change.person
    assert values["change"]["state"] == "out"
    process = receipt["dpv:hasRecordOfActivity"]["dpv:hasProcess"]
    assert process["dct:description"] == "You can refuse marketing."
    assert process["dpv:hasPurpose"] == [{"dct:identifier": "marketing.own", "troth:kind": "purpose"}]
    assert receipt["dpv:hasRecordOfActivity"]["dpv:hasDataSubject"]["schema:identifier"]["schema:value"] == ANN.value
    assert "schema:identifier" not in choice_receipt(people, log, change.leaf)["dpv:hasRecordOfActivity"][
        "dpv:hasDataSubject"
    ]  # fmt: skip


def test_every_sort_of_change_has_a_receipt_of_the_shape(people: People, log: Log) -> None:
    cookie = Identifier("cookie", "c1")
    people.choose(ANN, {"partners": "in", "marketing": "unset"}, how="staff", staff="s1")
    people.signal(cookie)
    people.link(ANN, cookie)
    people.unlink(cookie)
    log.sign()
    changes = [*people.history(ANN), *people.history(cookie)]
    assert {change.how for change in changes} == {"staff", "signal", "merge", "unlink"}
    for change in changes:
        receipt = choice_receipt(people, log, change.leaf)
        jsonschema.Draft202012Validator(receipt_schema()).validate(receipt)
        verify_choice_receipt(receipt, log.keys.trusted)


CHANGED = [
    (("dct:identifier",), "0" * 32),
    (("dpv:hasRecordOfActivity", "dct:created"), "2020-06-02T00:00:00Z"),
    (("dpv:hasRecordOfActivity", "dpv:hasDataSubject", "dct:identifier"), "0" * 32),
    (("dpv:hasRecordOfActivity", "dpv:hasNotice", "dct:hasVersion"), "2021-01-01"),
    (("dpv:hasRecordOfActivity", "dpv:hasNotice", "dct:identifier"), "other"),
    (("dpv:hasRecordOfActivity", "dpv:hasProcess", "dct:identifier"), "analytics"),
    (("dpv:hasRecordOfActivity", "dpv:hasProcess", "dct:isPartOf"), "shop"),
    (("dpv:hasRecordOfActivity", "dpv:hasConsentStatus", "@type"), "dpv:ConsentGiven"),
    (("dpv:hasRecordOfActivity", "dpv:hasConsentStatus", "troth:state"), "in"),
    (("dpv:hasRecordOfActivity", "dpv:hasConsentStatus", "troth:how"), "banner"),
    (("dpv:hasRecordOfActivity", "dpv:hasConsentStatus", "dct:date"), "2020-06-02T00:00:00Z"),
    (("troth:proof", "troth:index"), 0),
    (("troth:proof", "troth:opening", "salt"), "00" * 32),
    (("troth:proof", "troth:opening", "values", "change", "state"), "in"),
    (("troth:proof", "troth:tlogProof"), "!"),
    (("troth:proof",), {}),
]


def test_a_changed_receipt_does_not_hold(people: People, log: Log) -> None:
    (change,) = people.choose(ANN, {"marketing": "out"}, how="page")
    log.sign()
    good = choice_receipt(people, log, change.leaf)
    verify_choice_receipt(good, log.keys.trusted)
    for path, value in CHANGED:
        place = receipt = copy.deepcopy(good)
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        with pytest.raises(VerifyError):
            verify_choice_receipt(receipt, log.keys.trusted)


def test_whose_receipt_it_is(people: People, log: Log) -> None:
    (change,) = people.choose(ANN, {"marketing": "out"}, how="page")
    log.sign()
    for wrong in (Identifier("email", "bob@example.org"), Identifier("account", "ann@example.org")):
        with pytest.raises(UnknownPersonError):
            choice_receipt(people, log, change.leaf, identifier=wrong)
    with pytest.raises(PeopleError):
        choice_receipt(people, log, change.leaf - 1)  # the entry of the link


def test_who_is_erased_cannot_be_opened(people: People, log: Log) -> None:
    from troth.store.schema import persons

    (change,) = people.choose(ANN, {"marketing": "out"}, how="page")
    people.store.write(lambda unit: unit.change(persons.update().values(sealing_key=None)))
    with pytest.raises(UnknownPersonError, match="erased"):
        opening_of(people, change.leaf)
    with pytest.raises(UnknownPersonError, match="erased"):
        people.choose(ANN, {"marketing": "in"}, how="page")
