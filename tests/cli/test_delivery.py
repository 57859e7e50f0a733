"""Endpoints and deliveries from the command line, with errors that teach."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from terminal import copied, lines, refusal, troth

from troth.cli.settings import flagship
from troth.gates.delivery.queue import Queue
from troth.people import open_people
from troth.policy.history import Policy
from troth.store import open_store

URL = "https://hooks.cards.example/troth"
ACK = "whpk_" + "A" * 43 + "="


@pytest.fixture(autouse=True)
def place(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(published, tmp_path, monkeypatch, 160)


def endpoint() -> dict:
    (found,) = json.loads(lines("endpoint", "list", "--format", "json"))
    return found


def test_an_endpoint_from_its_secret_to_its_end() -> None:
    code, out, err = troth("endpoint", "add", "card-processor", URL, "--staff", "mary")
    assert code == 0
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=\n", out)  # alone, to be piped to where it belongs
    assert "which is not shown again" in err
    found = endpoint()
    assert (found["recipient"], found["url"], found["method"], found["state"], found["created_by"]) == (
        "card-processor", URL, "v1", "enabled", "mary",
    )  # fmt: skip
    id = found["id"]
    rotated = lines("endpoint", "rotate", id, "--overlap", "2")
    assert rotated != out
    assert re.fullmatch(r"whsec_\S{44}\n", rotated)
    assert "signs with a key of its own" in lines("endpoint", "ack-key", id, ACK)
    assert "signs with the shared secret" in lines("endpoint", "ack-key", id)
    assert f"{id} of 'card-processor' is disabled." in lines("endpoint", "disable", id, "--why", "moved")
    assert re.search(rf"{id} +card-processor +disabled +v1 +{URL} +moved", lines("endpoint", "list"))
    assert f"{id} of 'card-processor' is enabled." in lines("endpoint", "enable", id)
    assert lines("endpoint", "list", "--recipient", "x") == ("There is no endpoint. `troth endpoint add` adds one.\n")
    for secret in (out, rotated):
        assert secret.strip() not in lines("endpoint", "list", "--format", "json")
    lines("record", "verify")


def test_with_a_key_pair_the_public_key_is_printed() -> None:
    code, out, err = troth("endpoint", "add", "card-processor", URL, "--method", "v1a", "--ack-key", ACK)
    assert code == 0
    assert out == f"{endpoint()['public_key']}\n"
    assert out.startswith("whpk_")
    assert "not shown again" not in err


REFUSED = [
    (("add", "card-processor", "http://hooks.cards.example/"), "Data leaves over https only: https://hooks.cards"),
    (("add", "card-processor", "https://127.0.0.1:8000/"), "`deliver_to_loopback` in troth.toml allows it"),
    (("add", "card-processor", "https://0x7f000001/"), "'0x7f000001' is not the name of a host"),
    (("add", "card-procesor", URL), "none is registered. Did you mean 'card-processor'?"),
    (("add", "card-processor", URL, "--method", "v2"), "There is no method 'v2'."),
    (("add", "card-processor", URL, "--method", "v1a"), "give it with --ack-key"),
    (("add", "card-processor", URL, "--ack-key", "x"), "whpk_"),
    (("rotate", "ep_0"), "There is no endpoint 'ep_0'."),
    (("enable", "ep_0"), "There is no endpoint 'ep_0'."),
    (("disable", "ep_0"), "`troth endpoint list` has them"),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSED)
def test_what_cannot_be_done_is_an_error_that_teaches(arguments: tuple[str, ...], says: str) -> None:
    assert says in refusal("endpoint", *arguments)
    assert lines("endpoint", "list", "--format", "json") == "[]\n"


def test_this_machine_where_the_configuration_allows_it(place: Path) -> None:
    with (place / "troth.toml").open("a") as file:
        file.write("deliver_to_loopback = true\n")
    lines("endpoint", "add", "card-processor", "http://127.0.0.1:8000/")
    (place / "troth.toml").write_text("deliver_to_loopback = 3\n")
    assert "`deliver_to_loopback` is true or false, not '3'." in refusal("endpoint", "list")


def test_deliveries_are_listed_shown_and_tried_again(place: Path) -> None:
    assert lines("delivery", "list") == "There is no such delivery.\n"
    assert lines("delivery", "list", "--overdue") == "Nothing is overdue.\n"
    with open_store("sqlite:///var/troth.db") as store:
        queue = Queue(store, open_people(store, place / "var/keys", Policy.read(flagship())))
        add = queue.add
        disclosed = store.write(
            lambda unit: add(unit, kind="disclosure", recipient="card-processor", disclosure="dis_1", batch=2)
        )
        store.write(lambda unit: add(unit, kind="erasure", recipient="postal-service", body='{"subject": "k3s"}'))
    listed = lines("delivery", "list", "--recipient", "card-processor")
    assert re.search(rf"{disclosed} +waiting +card-processor +disclosure +next \d{{4}}-", listed)
    assert len(json.loads(lines("delivery", "list", "--format", "json"))) == 2
    assert len(json.loads(lines("delivery", "list", "--state", "failed", "--format", "json"))) == 0
    shown = lines("delivery", "show", disclosed)
    assert f"{disclosed}, disclosure to 'card-processor': waiting" in shown
    assert "of: dis_1/2" in shown
    assert json.loads(lines("delivery", "show", disclosed, "--format", "json"))["batch"] == 2
    assert "k3s" not in lines("delivery", "list", "--format", "json")
    assert "is sent again as soon as `troth serve` runs" in lines("delivery", "retry", disclosed)
    assert "Did you mean 'waiting'?" in refusal("delivery", "list", "--state", "waitin")
    for command in ("show", "retry"):
        assert "There is no delivery 'msg_0'" in refusal("delivery", command, "msg_0")


def test_what_is_overdue_ends_with_1() -> None:
    with open_store("sqlite:///var/troth.db") as store:
        from troth.store.schema import deliveries

        row: dict[str, object] = dict.fromkeys(column.name for column in deliveries.columns)
        row |= {"id": "msg_1", "kind": "notice", "recipient": "c", "state": "delivered", "attempts": 1, "next_at": 0}
        store.write(
            lambda unit: unit.change(deliveries.insert().values(**row | {"sent": "", "created_at": 0, "due_at": 1}))
        )
    code, out, _ = troth("delivery", "list", "--overdue")
    assert code == 1
    assert "delivered (overdue)" in out
