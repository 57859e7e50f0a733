"""The record over HTTP: what verifiers fetch, the page for people, and versions that are published while it runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from running import EXAMPLE, running

import troth
from troth.policy.reading import read_version
from troth.record import verifier
from troth.record.keys import create_keys
from troth.record.log import Log, open_log
from troth.record.published import publish_version, published_policy
from troth.store import open_store
from troth.web.app import make_app
from troth.web.headers import App
from troth.web.live import LiveApp

AT = datetime(2016, 1, 15, tzinfo=UTC)


def publish(log: Log, *dates: str) -> None:
    for date in dates:
        file = EXAMPLE / f"{date}.yaml"
        publish_version(log, read_version(file), file.read_bytes())


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with open_store(f"sqlite:///{tmp_path / 'troth.db'}", create=True) as store:
        create_keys(tmp_path / "keys", "acme.example/log")
        log = open_log(store, tmp_path / "keys")
        publish(log, "2010-04-26", "2015-12-31")
        yield log


def app_of(log: Log) -> App:
    policy = published_policy(log.store)
    assert policy is not None
    return make_app(policy, clock=lambda: AT, log=log)


def test_a_stranger_verifies_everything_with_what_is_served(log: Log, tmp_path: Path) -> None:
    with running(app_of(log)) as url:
        with httpx.Client(base_url=url) as client:
            (tmp_path / "verifier.py").write_bytes(client.get("/log/verifier.py").content)
            (tmp_path / "v2.tlog-proof").write_bytes(client.get("/log/receipts/2015-12-31.tlog-proof").content)
            (tmp_path / "seen").write_bytes(client.get("/log/checkpoint").content)
            key = client.get("/log/keys").text.strip()
        run = [sys.executable, "-I", "verifier.py", "--key", key]
        receipt = [*run, "v2.tlog-proof", "--document", str(EXAMPLE / "2015-12-31.yaml")]
        whole = [*run, "--log", f"{url}/log", "--since", "seen"]
        for command, words in ((receipt, "entry 1 of 2"), (whole, "2 entries of acme.example/log")):
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")
            assert words in done.stdout


def test_what_is_served_and_how_long_it_may_be_kept(log: Log) -> None:
    with running(app_of(log)) as url, httpx.Client(base_url=url) as client:
        checkpoint = client.get("/log/checkpoint")
        assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
        assert checkpoint.headers["cache-control"] == "no-cache"
        assert checkpoint.text.startswith("acme.example/log\n2\n")
        tile = client.get("/log/tile/0/000.p/2")
        assert (tile.status_code, len(tile.content)) == (200, 64)
        assert "immutable" in tile.headers["cache-control"]
        entries = verifier.split_bundle(client.get("/log/tile/entries/000.p/2").content)
        assert [b"published" in entry for entry in entries] == [True, True]
        assert client.head("/log/checkpoint").content == b""
        assert client.get("/log").headers["location"] == "/log/"
        for path in ("tile/0/000", "tile/0/000.p/3", "tile/0/00", "tile/9/000", "receipts/2017-02-01.tlog-proof",
                     "receipts/%2e%2e%2fkeys", "log.key", "nothing"):  # fmt: skip
            assert client.get(f"/log/{path}").status_code == 404, path
        refused = client.post("/log/checkpoint")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
        for path in ("/log/", "/log/checkpoint", "/log/nothing"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]


def test_pages_lead_to_the_proofs(log: Log) -> None:
    with running(app_of(log)) as url, httpx.Client(base_url=url) as client:
        for page in ("/policy/versions", "/policy/versions/2015-12-31", "/log/"):
            text = client.get(page).text
            (link,) = {
                part.split('"')[0] for part in text.split('href="')[1:] if part.split('"')[0].endswith("31.tlog-proof")
            }
            assert client.get(str(httpx.URL(f"{url}{page}").join(link))).status_code == 200
        assert "It does not prove that an entry is true" in client.get("/log/").text
        assert "2 of the record" not in client.get("/policy/versions").text


def test_without_a_record_there_is_no_link_to_one() -> None:
    with running(make_app(troth.Policy.read(EXAMPLE), clock=lambda: AT)) as url, httpx.Client(base_url=url) as client:
        assert "log/" not in client.get("/policy/versions").text
        assert client.get("/log/").status_code == 404


def test_a_version_published_while_the_server_runs_is_served(log: Log) -> None:
    policy = published_policy(log.store)
    assert policy is not None
    live = LiveApp(log, policy, lambda published: make_app(published, clock=lambda: AT, log=log), every=3600)
    with running(live) as url, httpx.Client(base_url=url) as client:
        assert live.look() is False
        assert client.get("/policy/versions/2017-02-01").status_code == 404
        publish(log, "2017-02-01")
        assert live.look() is True
        assert client.get("/policy/versions/2017-02-01").status_code == 200
        assert client.get("/log/checkpoint").text.startswith("acme.example/log\n3\n")


def test_a_stored_file_that_was_altered_is_not_served(log: Log, tmp_path: Path) -> None:
    import sqlite3

    from troth.record.errors import RecordError

    with sqlite3.connect(tmp_path / "troth.db") as connection:
        connection.execute(
            "UPDATE policy_versions SET source = CAST(source || ' ' AS BLOB) WHERE version = '2015-12-31'"
        )
    with pytest.raises(RecordError, match="2015-12-31 of citrix-online is not the one that was published"):
        published_policy(log.store)


def test_a_store_that_cannot_be_read_is_said_so(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    from troth.store import StoreUnavailableError

    def away(path: str) -> bytes:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(log, "resource", away)
    with running(app_of(log)) as url, httpx.Client(base_url=url) as client:
        answer = client.get("/log/checkpoint")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert client.get("/policy").status_code == 200


def test_the_static_site_is_what_is_served_and_its_log_verifies(log: Log, tmp_path: Path) -> None:
    from troth.notice.site import file_name
    from troth.web.site import write_published_site

    policy = published_policy(log.store)
    assert policy is not None
    written = write_published_site(log, policy, tmp_path / "site", AT)
    with running(app_of(log)) as url, httpx.Client(base_url=url) as client:
        pages = ("", "policy", "policy/versions", "policy/versions/2015-12-31", "policy.json")
        record = ("log/", "log/checkpoint", "log/keys", "log/tile/0/000.p/2", "log/receipts/2010-04-26.tlog-proof")
        for address in (*pages, *record):
            answer = client.get(f"/{address}")
            file = tmp_path / "site" / file_name(address, answer.headers["content-type"])
            if not file.exists():
                file = tmp_path / "site" / address
            assert file.read_bytes() == answer.content, address
            assert file in written
    head = verifier.verify_log(verifier.reader(str(tmp_path / "site/log")), log.keys.trusted)
    assert head.size == 2


def test_a_running_server_signs_for_new_entries(log: Log) -> None:
    from troth.record.kinds import make_entry
    from troth.record.log import append

    policy = published_policy(log.store)
    assert policy is not None
    live = LiveApp(log, policy, lambda published: make_app(published, clock=lambda: AT, log=log), every=3600)
    values = {"policy": "p", "version": "1", "effective": "2020-01-01T00:00:00Z", "title": "t", "sha256": "0" * 64}
    entry = make_entry("published", "0" * 32, AT, values)
    log.store.write(lambda unit: append(unit, entry))
    assert log.receipt(2) is None
    assert live.look() is False
    assert log.receipt(2) is not None
