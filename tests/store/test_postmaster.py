"""PostgreSQL killed under load: the same oracle, and the store goes on by itself when the server is back."""

import threading

import pytest

from postgres_cluster import running_cluster
from store_oracle import judge, write_of
from troth.store import StoreUnavailableError, open_store

pytestmark = pytest.mark.postgres


def kill_repeatedly(kills: int) -> None:
    acknowledged: list[str] = []
    with running_cluster() as cluster:
        url = cluster.url()
        with open_store(url, create=True) as store:
            for kill in range(kills):
                enough = threading.Semaphore(0)

                def load(thread: int, kill: int = kill, enough: threading.Semaphore = enough) -> None:
                    number = 0
                    while True:
                        key = f"{kill}-{thread}-{number}"
                        try:
                            store.write(write_of(key))
                        except StoreUnavailableError:
                            return
                        acknowledged.append(key)
                        enough.release()
                        number += 1

                threads = [threading.Thread(target=load, args=(thread,)) for thread in range(4)]
                for thread in threads:
                    thread.start()
                for _ in range(10 + 7 * kill):
                    enough.acquire()
                cluster.kill()
                for thread in threads:
                    thread.join()
                with pytest.raises(StoreUnavailableError):
                    store.write(write_of("while down"))
                cluster.start()
                judge(url, acknowledged)
                store.write(write_of(f"back{kill}"))
                acknowledged.append(f"back{kill}")
            assert "while down" not in judge(url, acknowledged)


def test_the_postmaster_is_killed() -> None:
    kill_repeatedly(3)


@pytest.mark.soak
def test_the_postmaster_is_killed_often() -> None:
    kill_repeatedly(50)


def test_a_server_without_fsync_is_refused() -> None:
    with running_cluster() as cluster:
        url = cluster.url()
        cluster.stop()
        with (cluster.folder / "data/postgresql.conf").open("a") as configuration:
            configuration.write("fsync = off\n")
        cluster.start()
        with pytest.raises(Exception, match="fsync=off"):
            open_store(url, create=True)
