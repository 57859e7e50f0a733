"""Two processes on one store take turns: one sequence of indices, no gap, no fork; too long a wait is an error."""

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from store_oracle import judge, sqlite_url, write_of
from troth.store import Store, StoreUnavailableError, open_store


def write_some(url: str, name: str, count: int) -> None:
    with open_store(url) as store:
        for number in range(count):
            store.write(write_of(f"{name}-{number}"))


def test_two_processes_write_one_sequence(url: str) -> None:
    open_store(url, create=True).close()
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=write_some, args=(url, name, 200)) for name in ("a", "b")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    keys = judge(url, [f"{name}-{number}" for name in ("a", "b") for number in range(200)])
    for name in ("a", "b"):
        assert [key for key in keys if key.startswith(name)] == [f"{name}-{n}" for n in range(200)]


def test_stores_take_turns(store: Store, url: str) -> None:
    with open_store(url) as second:
        for number in range(0, 20, 2):
            assert store.write(write_of(str(number))) == number
            assert second.write(write_of(str(number + 1))) == number + 1
    assert judge(url, []) == [str(number) for number in range(20)]


def test_a_lock_held_too_long_is_a_clear_error(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with open_store(url, create=True, busy=0.0) as store:
        store.write(write_of("before"))
        other = sqlite3.connect(tmp_path / "troth.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked") as refused:
            store.write(write_of("during"))
        assert refused.value.retryable
        with store.read() as connection:  # readers are not locked out
            assert connection.exec_driver_sql("SELECT count(*) FROM leaves").scalar() == 1
        other.execute("ROLLBACK")
        store.write(write_of("after"))
        other.close()
    assert judge(url, ["before", "after"]) == ["before", "after"]
