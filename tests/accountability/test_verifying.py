"""Tests of what promises rest on: each finds what is wrong, says so, and never takes not knowing for a yes."""

from __future__ import annotations

import secrets
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from house import House
from sqlalchemy import text

from troth.accountability.verifying import run as running_tests
from troth.accountability.verifying.entries import walk
from troth.accountability.verifying.results import FRESH, Found, Results
from troth.accountability.verifying.run import TESTS, Place, run, run_due
from troth.accountability.verifying.safeguards import (
    encryption_at_rest,
    firewall,
    key_rotation,
    listening_ports,
    site_fault,
    tls,
)
from troth.record.commitment import new_event
from troth.record.keys import create_keys
from troth.record.kinds import make_entry
from troth.record.log import append, open_log

sys.path.append(str(Path(__file__).parents[1] / "mail"))
NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def place(house: House) -> Place:
    create_keys(house.folder / "keys", "small.example/log")
    return Place(open_log(house.store, house.folder / "keys"), house.policy, house.vault)


def disclosed(house: House, **changes: object) -> int:
    """An entry as the gate writes it."""
    values: dict[str, object] = {
        "disclosure": "dis_1", "batch": 1, "recipient": "buyer", "purpose": "service.provide", "policy": "small",
        "version": "2020-01-01", "product": "", "channel": "file", "statements": {"successor": 2}, "persons": 1,
        "values": 2, "root": "0" * 64,
    }  # fmt: skip
    entry = make_entry("disclosed", new_event(secrets.token_bytes), house.clock(), {**values, **changes})
    return house.store.write(lambda unit: append(unit, entry))


def test_all_is_tested_and_kept_in_the_record(house: House, place: Place) -> None:
    house.person("ann")
    place.log.sign()
    found = {one.name: one for one in run(place)}
    rights = {f"rights.{one.id}" for one in place.version.rights}
    assert set(found) == set(TESTS) | rights
    assert {found[name].state for name in ("rights", *rights)} == {"unknown"}  # nobody asked
    states = {name: one.state for name, one in found.items() if name != "firewall" and "rights" not in name}
    assert states == {
        "record": "passed", "entries": "passed", "registers": "passed", "tls": "unknown",
        "encryption_at_rest": "passed", "key_rotation": "passed", "choices": "passed",
        "complaints": "passed",
    }  # fmt: skip
    assert "1 collected" in found["entries"].sentence
    assert Results(house.store).latest() == found
    place.log.sign()
    assert run(place, ["record"])[0].state == "passed"  # the results are entries themselves


def test_the_running_server_tests_again_when_a_result_is_a_day_old(house: House, place: Place) -> None:
    assert {one.name for one in run_due(place)} >= set(TESTS)
    assert run_due(place) == ()
    house.clock.move(hours=25)
    assert {one.name for one in run_due(place)} >= set(TESTS)
    (latest,) = Results(house.store).of("record", 1)
    assert latest.fresh(house.clock())
    assert not latest.fresh(house.clock() + FRESH + timedelta(seconds=1))


def test_a_test_that_breaks_has_found_nothing(house: House, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Place) -> Found:
        raise OSError("the disk is gone")

    monkeypatch.setattr(running_tests, "TESTS", {"record": broken})
    (one,) = run(place, ["record"])
    assert (one.state, one.sentence) == ("unknown", "The test could not be done.")
    assert "the disk is gone" in one.detail  # for whoever runs it: everybody reads the sentence
    assert Results(house.store).latest()["record"].detail == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": "2019-01-01"}, "was never published"),
        ({"statements": {"successors": 2}}, "has no statement 'successors'"),
        ({"statements": {"registration": 2}}, "has no statement 'registration' that could allow it"),
        ({"statements": {"authorities": 2}}, "shares nothing with 'buyer'"),
        ({"purpose": "marketing.own"}, "for 'marketing.own'"),
        ({"statements": {}}, "names no statement"),
    ],
)
def test_an_entry_that_rests_on_nothing_is_found(house: House, changes: dict[str, object], says: str) -> None:
    disclosed(house)
    assert walk(house.store, house.policy).faults == ()
    leaf = disclosed(house, **changes)
    (fault,) = walk(house.store, house.policy).faults
    assert fault.startswith(f"Entry {leaf}, disclosed: ")
    assert says in fault


def test_what_is_never_done_is_found_whatever_else_an_entry_says(house: House) -> None:
    from house import POLICY

    from troth.policy.history import Policy
    from troth.policy.reading import parse_version

    never = "never:\n  buyers:\n    says: We never give anything to buyers.\n    do: [share]\n    with: buyer\n"
    leaf = disclosed(house)
    found = walk(house.store, Policy([parse_version((POLICY + never).encode(), "p.yaml")])).faults
    assert found == (f"Entry {leaf}, disclosed: 'buyers' of version 2020-01-01 says that it never happens: "
                     "We never give anything to buyers.",)  # fmt: skip


def test_a_register_that_was_altered_fails(house: House, place: Place) -> None:
    with house.store._writing.connect() as connection:
        connection.execute(text("UPDATE recipient_facts SET said = replace(said, 'Buyer', 'Other')"))
        connection.execute(text("DELETE FROM recipient_facts WHERE recipient = 'court'"))
        connection.commit()
    (one,) = run(place, ["registers"])
    assert (one.state, "its fact is missing" in one.sentence) == ("failed", True)


def test_a_value_in_the_clear_is_found(house: House) -> None:
    assert encryption_at_rest(house.vault).state == "unknown"
    house.person("annabel-of-the-sea")
    assert encryption_at_rest(house.vault).state == "passed"
    with house.store._writing.connect() as connection:
        connection.execute(text("INSERT INTO settings (name, value) VALUES ('leak', 'annabel-of-the-sea')"))
        connection.commit()
    embedded = house.store.url.get_backend_name() == "sqlite"
    assert encryption_at_rest(house.vault).state == ("failed" if embedded else "passed")


def test_a_key_that_is_too_old_fails(house: House) -> None:
    house.person("ann")
    assert key_rotation(house.vault, house.clock()).state == "passed"
    found = key_rotation(house.vault, house.clock() + timedelta(days=401))
    assert (found.state, "troth vault rotate" in found.sentence) == ("failed", True)


def test_a_port_that_nobody_declared_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert port not in listening_ports()  # loopback is nobody else's
        here = {"addresses": lambda: ["127.0.0.1"], "listening": lambda: {port}}
        assert str(port) in firewall([], **here).detail
        assert str(port) not in firewall([], **here).sentence  # which is public
        assert firewall(None, **here).state == "unknown"
        assert firewall([], **here).state == "failed"
        assert firewall([port], **here).state == "passed"
        assert firewall([], addresses=lambda: ["127.0.0.1"], listening=set).state == "passed"
        assert firewall([], addresses=list).state == "unknown"
    with socket.create_server(("0.0.0.0", 0)) as listener:
        assert listener.getsockname()[1] in listening_ports()


# --- TLS --------------------------------------------------------------------------------------------------------------


@contextmanager
def site(
    folder: Path, hsts: str = "max-age=31536000", **limits: ssl.TLSVersion
) -> Iterator[tuple[int, ssl.SSLContext]]:
    """A site on loopback with a certificate of an authority of our own; its port, and a context that trusts it."""
    from submitting import certificates

    authority, certificate, key = certificates(folder)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    for name, value in limits.items():
        setattr(serving, name, value)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                try:
                    with plain, serving.wrap_socket(plain, server_side=True) as wire:
                        wire.recv(4096)
                        header = f"Strict-Transport-Security: {hsts}\r\n" if hsts else ""
                        wire.sendall(
                            f"HTTP/1.1 200 OK\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
                        )
                except OSError:
                    continue

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], ssl.create_default_context(cafile=str(authority))
        listener.shutdown(socket.SHUT_RDWR)


def test_a_site_as_it_should_be(tmp_path: Path) -> None:
    with site(tmp_path) as (port, trusting):
        assert site_fault("localhost", port, NOW, trusting) is None
        assert "certificate" in str(site_fault("localhost", port, NOW))  # nobody else trusts our authority
        ends = datetime(2119, 12, 30, tzinfo=UTC)
        assert "ends within 7 days" in str(site_fault("localhost", port, ends, trusting))


@pytest.mark.parametrize("hsts", ["", "max-age=60", "includeSubDomains"])
def test_a_site_that_may_be_reached_without_tls_next_time(tmp_path: Path, hsts: str) -> None:
    with site(tmp_path, hsts) as (port, trusting):
        assert "HSTS" in str(site_fault("localhost", port, NOW, trusting))


def test_a_site_that_is_not_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert str(site_fault("localhost", port, NOW)).startswith("localhost: ")


def test_an_example_says_nothing(house: House) -> None:
    assert tls(house.policy.versions[0], NOW).state == "unknown"


def test_a_choice_that_is_not_the_latest_one_made_is_found(house: House, place: Place) -> None:
    from troth.people import Identifier

    ann = Identifier("account", "ann")
    house.people.choose(ann, {"moving": "out"}, how="page")
    house.people.choose(ann, {"moving": "in"}, how="page")
    assert run(place, ["choices"])[0].state == "passed"
    with house.store._writing.connect() as connection:
        connection.execute(text("UPDATE choices SET state = 'out'"))
        connection.commit()
    assert run(place, ["choices"])[0].state == "failed"
    assert set(Results(house.store).failing()) == {"choices"}
    with house.store._writing.connect() as connection:
        connection.execute(text("UPDATE choices SET state = 'in'"))
        connection.commit()
    house.clock.move(hours=1)
    assert run(place, ["choices"])[0].state == "passed"
    assert Results(house.store).failing() == {}
