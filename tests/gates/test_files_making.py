"""Making files: what may leave is in them, encrypted, with its entry; what ends or goes wrong leaves nothing behind."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet
import pyrage
import pysequoia
import pytest
from filing import FIRM, NOW, OTHER, Filing, filing
from sqlalchemy import text

from troth.gates.share.files import making
from troth.store import StoreUnavailableError


@pytest.fixture
def at(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Filing]:
    """The gate over SQLite, or over each database where a test asks for both."""
    with filing(tmp_path, url=getattr(request, "param", None) and request.getfixturevalue("cluster").url()) as found:
        yield found


BOTH = pytest.mark.parametrize("at", [None, pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)


@BOTH
def test_the_file_has_everybody_who_did_not_opt_out(at: Filing) -> None:
    ann, bob, eve = at.register("ann", "bob", "eve")
    at.at.people.choose(bob, {"marketing": "out"}, how="one-click")
    shared = at.share([ann, bob, eve])
    assert at.files.make_next() == shared.id
    header, *rows = csv.reader(io.StringIO(at.plain(shared.id).decode(), newline=""))
    assert header == ["subject", "contact.email", "identity.name"]
    assert sorted(row[1:] for row in rows) == [["ann@example.org", "Ann"], ["eve@example.org", "Eve"]]
    subjects = {row[0] for row in rows}
    assert len(subjects) == 2
    row = at.row(shared.id)
    assert row.state == "ready"
    (entry,) = at.entries("file-made")
    assert entry["sha256"] == row.sha256 == row.about.sha256
    assert (entry["persons"], entry["values"], entry["format"], entry["encryption"]) == (2, 4, "csv", "age")
    assert entry["size"] == row.size == (at.files.folder / row.name).stat().st_size
    assert row.about.sentences
    assert row.about.duties == ("minimise",)
    assert at.files.make_next() is None


def test_all_formats_say_the_same(at: Filing) -> None:
    whos = at.register("ann", "bob")
    found = {}
    for format in ("csv", "jsonl", "json", "parquet"):
        shared = at.share(whos, format)
        assert at.files.make_next() == shared.id
        found[format] = (shared.id, at.plain(shared.id))
    rows = list(csv.DictReader(io.StringIO(found["csv"][1].decode(), newline="")))
    lines = [json.loads(line) for line in found["jsonl"][1].splitlines()]
    assert [{"subject": row.pop("subject"), "data": row} for row in rows] == lines
    assert found["json"][1] == found["jsonl"][1]
    table = pyarrow.parquet.read_table(io.BytesIO(found["parquet"][1]))
    assert [{"subject": row.pop("subject"), "data": row} for row in table.to_pylist()] == lines
    about = pyarrow.parquet.read_metadata(io.BytesIO(found["parquet"][1])).metadata
    assert about[b"troth.disclosure"] == found["parquet"][0].encode()
    assert json.loads(about[b"troth.duties"]) == ["minimise"]
    assert about[b"troth.purpose"] == b"marketing.own"


def test_it_is_encrypted_to_an_openpgp_key_too(at: Filing) -> None:
    secret = pysequoia.Tsk.generate("Firm <privacy@firm.example>")
    at.files.keys.register(FIRM, bytes(secret.extract_certificate()), by="mary")
    shared = at.share(at.register("ann"))
    at.files.make_next()
    row = at.row(shared.id)
    assert row.name.endswith(".gpg")
    read = pysequoia.decrypt((at.files.folder / row.name).read_bytes(), decryptor=secret.decryptor())
    assert b"ann@example.org" in read.bytes


def test_nothing_readable_is_in_the_folder_or_the_tables_of_files(at: Filing) -> None:
    shared = at.share(at.register("ann"))
    at.files.make_next()
    for path in at.on_disk():
        assert b"ann@example.org" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0
    assert at.files.folder.stat().st_mode & 0o077 == 0
    assert b"ann" not in at.row(shared.id).manifest.encode()


def test_a_contract_that_has_lapsed_stops_it_before_it_is_made(at: Filing) -> None:
    shared = at.share(at.register("ann"))
    at.clock.move(days=366)
    at.at.index.refresh()
    at.files.make_next()
    assert at.row(shared.id).state == "stopped"
    assert at.on_disk() == []
    assert [entry["why"] for entry in at.entries("file-ended")] == ["condition-not-met"]
    found = at.sharing.look(shared.id)
    assert found.state == "stopped"
    assert found.why
    assert at.files.make_next() is None
    with pytest.raises(ValueError, match="Nothing of this disclosure"):
        at.token(shared.id)


@BOTH
def test_a_contract_that_lapses_in_the_middle_stops_it_and_leaves_no_file(at: Filing, monkeypatch) -> None:
    shared = at.share(at.register("ann"))
    source = at.files._maker._source

    class Lapsing:
        def __getattr__(self, name):
            return getattr(source, name)

        def contents(self, disclosure, batch):
            found = source.contents(disclosure, batch)
            at.clock.move(days=366)
            at.at.index.refresh()
            return found

    monkeypatch.setattr(at.files._maker, "_source", Lapsing())
    at.files.make_next()
    assert at.row(shared.id).state == "stopped"
    assert at.on_disk() == []
    assert at.entries("file-made") == []


def test_who_opts_out_or_is_erased_before_it_is_made_is_not_in_it(at: Filing) -> None:
    ann, bob, eve = at.register("ann", "bob", "eve")
    shared = at.share([ann, bob, eve])
    at.at.people.choose(ann, {"marketing": "out"}, how="one-click")
    at.at.vault.erase([bob], staff="mary")
    at.files.make_next()
    plain = at.plain(shared.id)
    assert b"eve@" in plain
    assert b"ann@" not in plain
    assert b"bob@" not in plain
    (withheld,) = at.entries("withheld")
    assert withheld["persons"] == 2


def test_if_nobody_is_left_there_is_no_file(at: Filing) -> None:
    (ann,) = at.register("ann")
    shared = at.share([ann])
    at.at.people.choose(ann, {"marketing": "out"}, how="one-click")
    at.files.make_next()
    assert at.row(shared.id).state == "stopped"
    assert [entry["why"] for entry in at.entries("file-ended")] == ["nobody-left"]
    assert at.on_disk() == []


def test_without_a_key_it_waits_and_says_for_what(at: Filing) -> None:
    shared = at.share(at.register("ann"), recipient=OTHER)
    at.files.make_next()
    row = at.row(shared.id)
    assert row.state == "waiting"
    assert row.why == f"'{OTHER}' has no key: troth recipient key {OTHER} FILE"
    assert at.files.make_next() is None, "it is not tried again at once"
    at.files.keys.register(OTHER, str(pyrage.x25519.Identity.generate().to_public()).encode(), by="mary")
    at.clock.move(seconds=61)
    at.files.make_next()
    assert at.row(shared.id).state == "ready"


def test_a_certificate_that_ended_is_not_used(at: Filing) -> None:
    secret = pysequoia.Tsk.generate("Firm <privacy@firm.example>", validity_seconds=86400)
    shared = at.share(at.register("ann"))
    at.files.keys.register(FIRM, bytes(secret.extract_certificate()), by="mary")
    at.clock.now = at.clock.now.replace(year=2100)
    key = at.files.keys.public(FIRM).public
    with pytest.raises(ValueError, match="ended on"):
        making.check_usable(key, at.clock.now)
    at.clock.now = NOW
    assert shared.state == "done"


def test_a_store_that_goes_away_leaves_no_file_and_it_is_tried_again(at: Filing, monkeypatch) -> None:
    shared = at.share(at.register("ann"))
    source = at.files._maker._source

    class Failing:
        def __getattr__(self, name):
            return getattr(source, name)

        def contents(self, disclosure, batch):
            raise StoreUnavailableError("The database cannot be read now.")

    with monkeypatch.context() as patch:
        patch.setattr(at.files._maker, "_source", Failing())
        with pytest.raises(StoreUnavailableError):
            at.files.make_next()
    assert at.on_disk() == []
    assert at.row(shared.id).state == "waiting"
    at.clock.move(seconds=61)
    at.files.make_next()
    assert at.row(shared.id).state == "ready"


@BOTH
def test_a_maker_that_vanished_is_followed_by_another_after_a_minute_and_what_it_left_is_swept(at: Filing) -> None:
    shared = at.share(at.register("ann"))
    maker = at.files._maker
    taken = maker._take(shared.id)
    at.files.folder.mkdir(mode=0o700)
    (at.files.folder / f"{taken.name}.part").write_bytes(b"half")
    assert at.files.sweep() == 0, "its maker may still be at work"
    assert at.files.make_next() is None
    at.clock.move(seconds=61)
    assert at.files.make_next() == shared.id
    assert at.row(shared.id).state == "ready"
    assert at.files.sweep() == 1
    assert [path.name for path in at.on_disk()] == [at.row(shared.id).name]
    with pytest.raises(making.LostError):
        maker.progressed(taken, 1)
    assert len(at.entries("file-made")) == 1


def test_a_slow_maker_keeps_it_and_one_that_lost_it_makes_nothing(at: Filing, monkeypatch) -> None:
    whos = at.register(*(f"person{number}" for number in range(3)))
    monkeypatch.setattr("troth.gates.share.jobs.BATCH", 1)
    shared = at.share(whos)
    maker = at.files._maker
    source = maker._source
    others: list[object] = []

    class Slow:
        def __getattr__(self, name):
            return getattr(source, name)

        def contents(self, disclosure, batch):
            at.clock.move(seconds=self.takes)
            at.at.index.refresh()
            others.append(maker._take(disclosure))
            return source.contents(disclosure, batch)

    slow = Slow()
    monkeypatch.setattr(maker, "_source", slow)
    slow.takes = 20
    at.files.make_next()
    assert others
    assert set(others) == {None}
    assert at.row(shared.id).state == "ready"
    assert len(at.entries("file-made")) == 1


@BOTH
def test_expiry_ends_a_file_that_nobody_fetched_and_it_can_be_made_again(at: Filing) -> None:
    shared = at.share(at.register("ann"))
    at.files.make_next()
    at.clock.move(days=7)
    at.at.index.refresh()
    at.files.sweep()
    assert at.on_disk() == []
    assert at.row(shared.id).state == "expired"
    assert [entry["why"] for entry in at.entries("file-ended")] == ["expired"]
    at.token(shared.id)
    assert at.files.make_next() == shared.id
    assert at.row(shared.id).state == "ready"
    assert len(at.entries("file-made")) == 2


def test_the_recipient_is_told_if_it_has_an_endpoint_and_once(at: Filing) -> None:
    at.queue.endpoints.add(FIRM)
    shared = at.share(at.register("ann"))
    at.files.make_next()
    (told,) = at.queue.taken
    body = json.loads(told.pop("body"))
    assert told == {"kind": "notice", "recipient": FIRM, "disclosure": shared.id}
    row = at.row(shared.id)
    assert (body["size"], body["sha256"], body["format"], body["encryption"]) == (row.size, row.sha256, "csv", "age")
    assert body["link"].startswith("https://privacy.example.org/v1/files/")
    assert body["expires"] == "2018-05-08T10:00:00Z"
    (link,) = at.files.links.list(shared.id)
    assert link.expires_at == NOW + timedelta(days=7)
    token = body["link"].rpartition("/")[2]
    with at.at.store.read() as connection:
        rows = connection.execute(text("SELECT * FROM file_links")).all()
    assert token not in repr(rows)
    assert at.fetch(token)
