"""Backup while others write, and restore: one state, whole, and nothing overwritten."""

import shutil
import threading
from pathlib import Path

import pytest

from store_oracle import judge, sqlite_url, write_of
from troth.store import open_store
from troth.store.backup import backup, restore
from troth.store.errors import BackupError


def test_a_backup_taken_under_load_is_one_state(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    acknowledged: list[str] = []
    with open_store(url, create=True) as store:
        stop, written = threading.Event(), threading.Semaphore(0)

        def load() -> None:
            number = 0
            while not stop.is_set():
                store.write(write_of(f"k{number}", padding=3000))
                acknowledged.append(f"k{number}")
                written.release()
                number += 1

        thread = threading.Thread(target=load)
        thread.start()
        for number in range(5):
            for _ in range(100):
                written.acquire()
            before = list(acknowledged)
            saved = tmp_path / f"backup{number}"
            assert backup(url, saved) == saved.stat().st_size
            restored = tmp_path / f"restored{number}.db"
            restore(saved, f"sqlite:///{restored}")
            kept = judge(f"sqlite:///{restored}", before)
            assert kept == [f"k{n}" for n in range(len(kept))]
        stop.set()
        thread.join()
    judge(url, acknowledged)
    with open_store(f"sqlite:///{tmp_path}/restored4.db") as again:
        again.write(write_of("later"))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with open_store(url, create=True) as store:
        store.write(write_of("k"))
        (tmp_path / "there").write_text("mine")
        with pytest.raises(BackupError, match="not overwritten"):
            backup(url, tmp_path / "there")
        backup(url, tmp_path / "saved")
        with pytest.raises(BackupError, match="not overwritten"):
            restore(tmp_path / "saved", url)
    (tmp_path / "other.db-wal").write_text("left over")
    with pytest.raises(BackupError, match="other"):
        restore(tmp_path / "saved", f"sqlite:///{tmp_path}/other.db")
    assert (tmp_path / "there").read_text() == "mine"
    assert judge(url, ["k"]) == ["k"]
    assert not list(tmp_path.glob(".*.new"))


def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with open_store(url, create=True) as store:
        for number in range(50):
            store.write(write_of(f"k{number}", padding=2000))
        backup(url, tmp_path / "saved")
    damaged = bytearray((tmp_path / "saved").read_bytes())
    damaged[4096 * 12 : 4096 * 20] = b"\xff" * 4096 * 8
    (tmp_path / "damaged").write_bytes(damaged)
    (tmp_path / "short").write_bytes((tmp_path / "saved").read_bytes()[:5000])
    (tmp_path / "text").write_text("not a database at all" * 100)
    for name in ("damaged", "short", "text", "missing"):
        with pytest.raises(BackupError):
            restore(tmp_path / name, f"sqlite:///{tmp_path}/new.db")
        assert not (tmp_path / "new.db").exists()
    with pytest.raises(BackupError):
        backup(f"sqlite:///{tmp_path}/nothing.db", tmp_path / "b")
    with pytest.raises(BackupError, match="pg_dump"):
        backup("postgresql://x/y", tmp_path / "b")
    shutil.rmtree(tmp_path)
