"""The writer: each unit whole and durable or not at all, and no unit pays for another's failure."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from store_oracle import ADD, judge, write_of
from troth.store import Store, StoreUnavailableError, Unit, open_store
from troth.store.errors import FailedUnitError, StoreClosedError
from troth.store.schema import leaves, outbox


def in_one_group(store: Store, works: list) -> list:
    """Run units of work so that they share one commit; the outcomes, values or exceptions, in order."""
    outcomes: list = [None] * len(works)
    entered, go_on = threading.Event(), threading.Event()

    def hold(_unit: Unit) -> None:
        entered.set()
        go_on.wait()

    def run(number: int) -> None:
        try:
            outcomes[number] = store.write(works[number])
        except Exception as problem:
            outcomes[number] = problem

    holder = threading.Thread(target=lambda: store.write(hold))
    holder.start()
    entered.wait()
    threads = []
    for number in range(len(works)):
        threads.append(threading.Thread(target=run, args=(number,)))
        threads[-1].start()
        while len(store._writer._waiting) <= number:
            pass
    go_on.set()
    for thread in [holder, *threads]:
        thread.join()
    return outcomes


def test_a_unit_is_change_entry_and_message(store: Store, url: str) -> None:
    assert [store.write(write_of(f"k{n}")) for n in range(3)] == [0, 1, 2]
    assert judge(url, ["k0", "k1", "k2"]) == ["k0", "k1", "k2"]


def test_what_the_work_raises_comes_through_and_nothing_is_kept(store: Store, url: str) -> None:
    def work(unit: Unit) -> None:
        write_of("lost")(unit)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        store.write(work)
    store.write(write_of("kept"))
    assert judge(url, ["kept"]) == ["kept"]


def test_a_failing_unit_does_not_take_down_its_group(store: Store, url: str) -> None:
    store.write(write_of("taken"))

    def raising(unit: Unit) -> None:
        write_of("raising")(unit)
        raise LookupError

    works = [write_of("a"), raising, write_of("taken"), write_of("b"), write_of("a"), raising, write_of("c")]
    outcomes = in_one_group(store, works)
    kinds = [type(outcome).__name__.replace("UniqueViolation", "IntegrityError") for outcome in outcomes]
    assert kinds == ["int", "LookupError", "IntegrityError", "int", "IntegrityError", "LookupError", "int"]
    assert judge(url, ["a", "b", "c"]) == ["taken", "a", "b", "c"]


def test_a_swallowed_error_fails_the_unit(store: Store, url: str) -> None:
    store.write(write_of("first"))

    def swallowing(unit: Unit) -> str:
        unit.append(b"never", b"\x00" * 32)
        try:
            unit.change(ADD, {"event": "first", "leaf": 9, "person": None, "sealed": b""})
        except Exception:
            with pytest.raises(FailedUnitError):
                unit.send("x", "y") or unit.rows(leaves.select())
        return "done"

    with pytest.raises(FailedUnitError):
        store.write(swallowing)
    outcomes = in_one_group(store, [write_of("a"), swallowing, write_of("b")])
    assert isinstance(outcomes[1], FailedUnitError)
    assert judge(url, []) == ["first", "a", "b"]


def test_many_threads_share_commits(store: Store, url: str) -> None:
    groups = []
    commit = store._writer._commit
    store._writer._commit = lambda group: (groups.append(len(group)), commit(group))[1]  # type: ignore[method-assign]
    keys = [[f"{thread}-{number}" for number in range(20)] for thread in range(16)]
    threads = [threading.Thread(target=lambda mine=mine: [store.write(write_of(k)) for k in mine]) for mine in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(judge(url, [key for mine in keys for key in mine])) == 320
    assert sum(groups) == 320
    assert len(groups) < 320


def test_writers_on_an_event_loop(store: Store, url: str) -> None:
    async def main() -> list:
        works = [write_of(f"k{n}") for n in range(100)] + [lambda _unit: 1 / 0]
        return await asyncio.gather(*(store.write_async(work) for work in works), return_exceptions=True)

    outcomes = asyncio.run(main())
    assert outcomes[:100] == list(range(100))
    assert isinstance(outcomes[100], ZeroDivisionError)
    assert len(judge(url, [f"k{n}" for n in range(100)])) == 100


def test_an_abandoned_wait_is_no_harm(store: Store, url: str) -> None:
    async def main() -> None:
        waiting = asyncio.ensure_future(store.write_async(write_of("a")))
        await asyncio.sleep(0)
        waiting.cancel()
        await store.write_async(write_of("b"))

    asyncio.run(main())
    assert judge(url, ["b"]) == ["a", "b"]


def test_an_interrupt_answers_everyone(store: Store, url: str) -> None:
    def interrupted(_unit: Unit) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(interrupted)
    store.write(write_of("after"))
    assert judge(url, ["after"]) == ["after"]


def test_a_unit_cannot_start_another(store: Store) -> None:
    with pytest.raises(RuntimeError, match="both in one"):
        store.write(lambda _unit: store.write(write_of("inner")))


def test_a_closed_store_refuses(url: str) -> None:
    store = open_store(url, create=True)
    store.write(write_of("a"))
    store.close()
    store.close()
    with pytest.raises(StoreClosedError):
        store.write(write_of("b"))
    with pytest.raises(StoreClosedError):
        asyncio.run(store.write_async(write_of("b")))
    assert judge(url, ["a"]) == ["a"]


def test_reading_cannot_write(store: Store) -> None:
    with store.read() as connection, pytest.raises(DBAPIError, match=r"(?i)read.?only"):
        connection.execute(outbox.insert().values(topic="t", body="b", created_at=0))
    with store.read() as connection, pytest.raises(Exception, match=r"(?i)read"):
        connection.execute(text("CREATE TABLE mine (a int)"))


def test_a_database_that_goes_away_while_it_is_read_is_told_as_such(store: Store) -> None:
    def lose() -> None:
        with store.read() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            else:
                driver = connection.connection.driver_connection
                driver.set_progress_handler(lambda: driver.set_progress_handler(None, 1) or 1, 1)  # interrupts it once
                connection.execute(text("SELECT count(*) FROM leaves"))

    with pytest.raises(StoreUnavailableError):
        lose()
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM leaves")).scalar() == 0


def test_an_entry_has_a_largest_size(store: Store, url: str) -> None:
    store.write(lambda unit: unit.append(b"x" * 65_535, b"\x00" * 32))
    with pytest.raises(ValueError, match="65535"):
        store.write(lambda unit: unit.append(b"x" * 65_536, b"\x00" * 32))


def test_the_order_is_that_of_the_sequencer_when_the_clock_jumps(url: str) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    with open_store(url, create=True, clock=lambda: now[0]) as store:
        for step in (0, -86400, 10 * 365 * 86400, -20 * 365 * 86400):
            now[0] += timedelta(seconds=step)
            store.write(write_of(f"at{step}"))
        assert judge(url, []) == ["at0", "at-86400", "at315360000", "at-630720000"]
        with store.read() as connection:
            times = [at for (at,) in connection.execute(text('SELECT at FROM leaves ORDER BY "index"'))]
        assert times != sorted(times)


def test_bad_urls_are_refused(tmp_path) -> None:
    from troth.store.errors import MissingSchemaError, StoreError

    for bad in ("mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense"):
        with pytest.raises(StoreError):
            open_store(bad)
    with pytest.raises(MissingSchemaError, match="troth migrate"):
        open_store(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(StoreUnavailableError):
        open_store(f"sqlite:///{tmp_path}/no/folder/t.db", create=True)
    with pytest.raises(StoreUnavailableError):
        open_store(f"postgresql://x@/y?host={tmp_path}", create=True)
