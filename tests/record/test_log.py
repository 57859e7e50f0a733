"""The log over the store: published, signed, proven, verified; and refused where history would fork."""

import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from store_oracle import sqlite_url
from troth.record import verifier
from troth.record.errors import AlreadyPublishedError, ContradictedHistoryError, MissingKeyError, RecordError
from troth.record.keys import add_key, create_keys, retire_keys
from troth.record.log import Log, append, open_log
from troth.record.pinned import CHECKPOINT, read_pinned
from troth.record.publishing import Publication, publish, published_source, published_versions
from troth.record.verification import verify_record
from troth.record.verifier import VerifyError, open_checkpoint, verify_consistency, verify_log, verify_receipt
from troth.store import Store, StoreUnavailableError, open_store
from troth.store.backup import backup, restore

MOMENT = datetime(2015, 12, 31, tzinfo=UTC)


def version(number: int, source: bytes | None = None) -> Publication:
    effective = MOMENT + timedelta(days=number)
    name = effective.date().isoformat()
    return Publication("citrix-online", name, effective, "Privacy policy", source or b"policy: %d" % number)


def many(log: Log, count: int) -> None:
    """Publish `count` versions in one unit, quickly, by the same code."""
    from troth.record.publishing import _publish

    first = log.size()
    log.store.write(lambda unit: [_publish(unit, version(first + n)) for n in range(count)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_keys(tmp_path / "keys", "example.org/log")
    return tmp_path / "keys"


@pytest.fixture
def log(store: Store, folder: Path) -> Log:
    return open_log(store, folder)


def verify(log: Log) -> verifier.Checkpoint | None:
    return verify_record(log, log.keys.trusted, read_pinned(log.folder, log.keys)).head


def test_publishing(log: Log) -> None:
    first, second = publish(log, version(0)), publish(log, version(1))
    assert (first.leaf, second.leaf) == (0, 1)
    assert published_versions(log.store) == [first, second]
    assert published_source(log.store, "citrix-online", "2015-12-31") == b"policy: 0"
    assert published_source(log.store, "citrix-online", "1999-01-01") is None
    assert publish(log, version(0)) == first
    assert log.size() == 2
    with pytest.raises(AlreadyPublishedError, match="new effective date"):
        publish(log, version(0, b"other bytes"))
    assert log.size() == 2
    receipt = log.receipt(1)
    assert receipt is not None
    entry, index, head = verify_receipt(receipt, log.keys.trusted)
    assert (index, head.size) == (1, 2)
    verifier.verify_document(entry, b"policy: 1")
    with pytest.raises(VerifyError, match="SHA-256 differs"):
        verifier.verify_document(entry, b"policy: 2")
    assert verify(log) == head
    assert log.receipt(2) is None
    summary = log.summary()
    assert (summary.origin, summary.entries, summary.keys) == ("example.org/log", 2, (str(log.keys.trusted[0]),))
    assert summary.latest is not None
    assert summary.latest.head == head


def test_sizes_around_the_tiles(log: Log) -> None:
    heads = []
    for count in (1, 1, 253, 1, 1, 255, 1, 300):
        many(log, count)
        heads.append(log.sign().head)
    assert [head.size for head in heads] == [1, 2, 255, 256, 257, 512, 513, 813]
    assert verify(log) == heads[-1]
    tree = log.tree(813)
    assert tree.root() == heads[-1].root
    for head in heads:
        verify_consistency(head.size, 813, head.root, heads[-1].root, tree.consistency(head.size))
    for index in range(0, 813, 50):
        verify_receipt(log.receipt(index) or b"", log.keys.trusted)
    read = lambda path: log.resource(path) or b""  # noqa: E731
    assert verify_log(read, log.keys.trusted, heads) == heads[-1]
    assert log.sign().head == heads[-1]


def test_only_what_is_signed_is_served(log: Log) -> None:
    assert log.resource("checkpoint") is None
    many(log, 300)
    assert log.resource("tile/0/000") is None
    log.sign()
    many(log, 300)
    assert len(log.resource("tile/0/000") or b"") == 8192
    assert len(log.resource("tile/0/001.p/44") or b"") == 44 * 32
    assert len(log.resource("tile/0/001.p/3") or b"") == 3 * 32
    assert len(log.resource("tile/1/000.p/1") or b"") == 32
    for path in (
        "tile/0/001", "tile/0/001.p/45", "tile/0/001.p/0", "tile/0/001.p/256", "tile/0/x000/000", "tile/00/000",
        "tile/1/000", "tile/1/000.p/2", "tile/2/000.p/1", "tile/8/000.p/1", "tile/63/000", "tile/entries/002",
        "tile/0/1",
        "tile/entries/../0/000", "checkpoint/", "", "keys", "tile/0/-01", "tile/0/x999/x999/x999/x999/x999/999",
    ):  # fmt: skip
        assert log.resource(path) is None, path


def test_verification_finds_what_is_changed_in_the_database(tmp_path: Path, folder: Path) -> None:
    with open_store(sqlite_url(tmp_path), create=True) as store:
        log = open_log(store, folder)
        many(log, 300)
        log.sign()
        many(log, 3)
        assert verify_record(log, log.keys.trusted).unsigned == 3
    pristine = (tmp_path / "troth.db").read_bytes()
    for damage in (
        "UPDATE leaves SET entry = cast(replace(entry, x'61', x'62') AS BLOB) WHERE \"index\" = 7",
        'UPDATE leaves SET entry = cast(entry AS TEXT) WHERE "index" = 7',
        'UPDATE leaves SET hash = zeroblob(32) WHERE "index" = 7',
        'UPDATE leaves SET hash = zeroblob(32) WHERE "index" = 299',
        'UPDATE leaves SET hash = zeroblob(32) WHERE "index" = 302',
        'DELETE FROM leaves WHERE "index" = 7',
        'DELETE FROM leaves WHERE "index" = 301',
        'DELETE FROM leaves WHERE "index" >= 299',
        "UPDATE tiles SET hashes = zeroblob(8192)",
        "UPDATE tiles SET root = zeroblob(32)",
        "UPDATE checkpoints SET root = zeroblob(32)",
        "UPDATE checkpoints SET size = 299",
        "UPDATE checkpoints SET note = cast(replace(note, x'0a333030', x'0a333031') AS BLOB)",
        "UPDATE policy_versions SET source = x'00' WHERE leaf = 3",
        "UPDATE policy_versions SET title = 'other' WHERE leaf = 3",
        "UPDATE policy_versions SET effective = 5 WHERE leaf = 3",
        "UPDATE policy_versions SET leaf = 9999 WHERE leaf = 3",
        "DELETE FROM policy_versions WHERE leaf = 302",
    ):
        (tmp_path / "troth.db").write_bytes(pristine)
        connection = sqlite3.connect(tmp_path / "troth.db")
        assert connection.execute(damage).rowcount > 0, damage
        connection.commit()
        connection.close()
        with open_store(sqlite_url(tmp_path)) as store:
            reader = Log(store, folder, log.keys)
            with pytest.raises(VerifyError):
                verify(reader)


def test_the_stand_alone_file_needs_nothing_of_troth(log: Log, tmp_path: Path) -> None:
    for number in range(3):
        publish(log, version(number))
    place = tmp_path / "stranger"
    place.mkdir()
    shutil.copy(verifier.__file__, place / "verifier.py")
    (place / "it.tlog-proof").write_bytes(log.receipt(1) or b"")
    (place / "policy.yaml").write_bytes(b"policy: 1")
    (place / "other.yaml").write_bytes(b"policy: 2")
    for path in ("checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"):
        (place / "copy" / path).parent.mkdir(parents=True, exist_ok=True)
        (place / "copy" / path).write_bytes(log.resource(path) or b"")
    (place / "earlier").write_bytes(log.resource("checkpoint") or b"")
    key = str(log.keys.trusted[0])
    hide = "import sys, runpy; sys.modules['troth'] = None; runpy.run_path('verifier.py', run_name='__main__')"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", hide, *arguments]
        return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)

    good = run("it.tlog-proof", "--key", key, "--document", "policy.yaml")
    assert good.returncode == 0, good.stderr
    assert "The receipt holds: entry 1 of 3" in good.stdout
    assert '"sha256"' in good.stdout
    assert run("--log", "copy", "--key", key, "--since", "earlier").returncode == 0
    bad = run("it.tlog-proof", "--key", key, "--document", "other.yaml")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "NOT verified" in bad.stderr
    assert run("it.tlog-proof", "--key", "nonsense").returncode == 1
    assert run("missing", "--key", key).returncode == 1
    assert run("--key", key).returncode == 2
    assert verifier.main([str(place / "it.tlog-proof"), "--key", key]) == 0


def test_yesterdays_database_is_not_signed_for(tmp_path: Path, folder: Path) -> None:
    url = sqlite_url(tmp_path)
    with open_store(url, create=True) as store:
        log = open_log(store, folder)
        publish(log, version(0))
        backup(url, tmp_path / "yesterday")
        publish(log, version(1))
    old = f"sqlite:///{tmp_path}/restored.db"
    restore(tmp_path / "yesterday", old)
    with open_store(old) as store:
        with pytest.raises(ContradictedHistoryError, match="has only 1"):
            open_log(store, folder)
        log = Log(store, folder, log.keys)
        with pytest.raises(ContradictedHistoryError, match="has only 1"):
            publish(log, version(2))
        assert log.size() == 1  # nothing was published either
        store.write(lambda unit: [append(unit, b"{}") for _ in range(5)])
        with pytest.raises(ContradictedHistoryError, match="not those"):
            log.sign()
        assert verify_receipt(log.receipt(0) or b"", log.keys.trusted)[1] == 0  # reading goes on
        with pytest.raises(VerifyError):
            verify(log)
    with open_store(url) as store:  # the newest database is as good as ever
        log = open_log(store, folder)
        publish(log, version(2))
        verify(log)


def test_the_newest_backup_can_go_on(tmp_path: Path, folder: Path) -> None:
    url = sqlite_url(tmp_path)
    with open_store(url, create=True) as store:
        publish(open_log(store, folder), version(0))
        backup(url, tmp_path / "saved")
    new = f"sqlite:///{tmp_path}/restored.db"
    restore(tmp_path / "saved", new)
    with open_store(new) as store:
        log = open_log(store, folder)
        publish(log, version(1))
        assert verify(log) == log.sign().head


def test_a_lost_checkpoint_file_must_be_adopted(log: Log) -> None:
    publish(log, version(0))
    with pytest.raises(RecordError, match="is there"):
        log.adopt()
    (log.folder / CHECKPOINT).unlink()
    with pytest.raises(ContradictedHistoryError, match="troth record adopt"):
        open_log(log.store, log.folder)
    with pytest.raises(ContradictedHistoryError):
        log.sign()
    assert log.adopt().head.size == 1
    publish(open_log(log.store, log.folder), version(1))


def test_keys_that_are_missing_or_of_another_log(log: Log, tmp_path: Path) -> None:
    publish(log, version(0))
    with pytest.raises(MissingKeyError):
        open_log(log.store, tmp_path / "nowhere")
    create_keys(tmp_path / "elsewhere", "example.org/elsewhere")
    with pytest.raises(RecordError, match=r"holds the log example\.org/log"):
        open_log(log.store, tmp_path / "elsewhere")
    create_keys(tmp_path / "same-name", "example.org/log")
    with pytest.raises(RecordError, match="not signed by any key"):
        open_log(log.store, tmp_path / "same-name")
    shutil.copy(log.folder / CHECKPOINT, tmp_path / "same-name" / CHECKPOINT)
    with pytest.raises(RecordError, match="key"):
        open_log(log.store, tmp_path / "same-name")
    (log.folder / CHECKPOINT).write_bytes(b"changed")
    with pytest.raises(ContradictedHistoryError, match="file was changed"):
        log.sign()


def test_rotation_of_a_running_log(log: Log) -> None:
    publish(log, version(0))
    old = log.keys
    add_key(log.folder)
    log = open_log(log.store, log.folder)
    note = log.sign().note  # the same size, signed by both now
    for key in log.keys.trusted:
        open_checkpoint(note, [key])
    assert log.sign().note == note
    retire_keys(log.folder)
    log = open_log(log.store, log.folder)
    publish(log, version(1))
    with pytest.raises(VerifyError):
        open_checkpoint(log.sign().note, old.trusted)
    assert verify(log) == log.sign().head


@pytest.mark.parametrize("crash_at", ["pinned", "stored"])
def test_a_crash_while_signing(log: Log, crash_at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(log, version(0))
    before = read_pinned(log.folder, log.keys)

    class Crash(BaseException):
        pass

    def crash(*_arguments: object) -> None:
        raise Crash

    where = "write_pinned" if crash_at == "pinned" else "_store_checkpoint"
    with monkeypatch.context() as patch:
        patch.setattr(f"troth.record.log.{where}", crash)
        with pytest.raises(Crash):
            publish(log, version(1))
    pinned = read_pinned(log.folder, log.keys)
    assert pinned == before if crash_at == "pinned" else pinned != before
    again = open_log(log.store, log.folder)
    assert publish(again, version(1)).leaf == 1
    assert verify(again) == again.sign().head


def test_an_altered_entry_is_not_signed_for(tmp_path: Path, folder: Path) -> None:
    with open_store(sqlite_url(tmp_path), create=True) as store:
        log = open_log(store, folder)
        publish(log, version(0))
        many(log, 2)
        with sqlite3.connect(tmp_path / "troth.db") as connection:
            connection.execute("UPDATE leaves SET entry = x'7b7d' WHERE \"index\" = 1")
        connection.close()
        with pytest.raises(ContradictedHistoryError, match="Entry 1 was altered"):
            log.sign()


def test_a_full_disk_beside_the_key(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(log, version(0))
    many(log, 1)
    for call in ("write", "fsync", "replace"):
        with monkeypatch.context() as patch:

            def fail(*_arguments: object) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr(f"troth.record.durable.os.{call}", fail)
            with pytest.raises(OSError, match="No space"):
                log.sign()
        assert log.latest() is not None
        assert log.latest().head.size == 1  # type: ignore[union-attr]
        assert not list(log.folder.glob(".*.new"))
    assert log.sign().head.size == 2


def test_clocks_that_jump_do_not_matter(url: str, folder: Path) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    with open_store(url, create=True, clock=lambda: now[0]) as store:
        log = open_log(store, folder)
        for number, days in enumerate((0, -400, 9000, -20000)):
            now[0] += timedelta(days=days)
            assert publish(log, version(number)).leaf == number
        verify(log)


def test_a_store_that_is_down_refuses(tmp_path: Path, folder: Path) -> None:
    with open_store(sqlite_url(tmp_path), create=True, busy=0.0) as store:
        log = open_log(store, folder)
        other = sqlite3.connect(tmp_path / "troth.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError):
            publish(log, version(0))
        other.close()
        assert log.latest() is None
        assert publish(log, version(0)).leaf == 0


def test_tiles_can_be_made_again(log: Log, url: str) -> None:
    many(log, 1000)
    root = log.sign().head.root
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text('DELETE FROM tiles WHERE level = 0 AND "index" > 1'))
    engine.dispose()
    assert Log(log.store, log.folder, log.keys).tree(1000).root() == root
    many(log, 300)
    log.sign()
    assert verify(log) is not None
