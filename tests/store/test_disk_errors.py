"""Every write, sync and truncation fails: the store refuses clearly, keeps nothing half, and goes on afterwards."""

from pathlib import Path

import apsw
import pytest

from simulated_disk import Disk, store_on
from store_oracle import judge, write_of
from troth.store import StoreUnavailableError
from troth.store.migrate import migrate

PRAGMAS = {"wal_autocheckpoint": "8"}  # so that the database file itself is written, too


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "troth.db"
    migrate(f"sqlite:///{path}")
    return path


def write_all(disk: Disk, template: Path) -> tuple[list[str], list[str]]:
    """A dozen writes; the keys acknowledged, and those refused."""
    acknowledged, refused = [], []
    store = store_on(disk, PRAGMAS, template)
    for number in range(12):
        try:
            store.write(write_of(f"k{number}", padding=1500))
            acknowledged.append(f"k{number}")
        except StoreUnavailableError:
            refused.append(f"k{number}")
    store.close()
    return acknowledged, refused


@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError], ids=["EIO", "ENOSPC"])
@pytest.mark.parametrize("failing_for", [1, 10**9], ids=["once", "for good"])
def test_every_write_fails(error: type[Exception], failing_for: int, template: Path, tmp_path: Path) -> None:
    clean = Disk()
    write_all(clean, template)
    files = [Path(name).name for kind, name, *_ in clean.log if kind == "write"]
    assert min(files.count("troth.db"), files.count("troth.db-wal")) > 50  # each is written often enough to fail
    refusals = 0
    for operation in range(1, clean.operations + 1):
        disk = Disk()
        disk.fail_at, disk.fail_with, disk.failing_for = operation, error, failing_for
        acknowledged, refused = write_all(disk, template)
        refusals += len(refused)
        kept = judge(disk.save_all(tmp_path / str(operation)), acknowledged)
        # What was refused while it was being committed may be there after all, but whole; the judge saw to that.
        assert set(kept) <= set(acknowledged) | set(refused)
        assert len(kept) == len(set(kept))
        if failing_for == 1:
            assert len(refused) <= 1
    assert refusals >= clean.operations // 3
