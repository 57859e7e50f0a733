"""The pages of choices with a million people in the store: latency, throughput, memory, and how long a start takes.

    python -m bench.choice_pages             with 1,000,000 people
    python -m bench.choice_pages 20000       with fewer, 10,000 at least

The server is `troth serve` in a process of its own, on SQLite with WAL and `synchronous=FULL`, and looks after the
store as it always does: once a second it signs for what is new. The client is another process, which shares the cores
of the machine with it: what it takes, the server does not have. The server's CPU time for a request, user and system,
is given beside the latencies, since it does not depend on that.

Each person has a key, an e-mail address and one to three choices, each with its history, entry and sealed opening. The
rows come from plain SQL, as large as real ones; ids, keys and blind indices are real, so that every link works, and the
openings are random bytes, which nothing here opens. A few hundred people come through `People`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import msgspec

from bench.machine import machine
from bench.serving import Running, fetch, troth
from troth.people import Identifier, People, open_people
from troth.people.passes import Passes
from troth.people.persons import person_number
from troth.people.sealing import new_person_key
from troth.people.table import CompactTable
from troth.policy.history import Policy
from troth.record.keys import create_keys
from troth.record.log import Log, open_log
from troth.record.published import publish_policy
from troth.record.verifier import hash_leaf
from troth.store import open_store

EXAMPLE = Path(__file__).parent.parent / "examples" / "citrix-online"
VERSION, PRODUCT, LIST = "2017-02-01", "gotomeeting", "marketing.partners"
REAL = 300  # people made through `People`
ROUNDS, ALONE, TOGETHER, CLIENTS = 5, 200, 800, 32
BATCH = 20_000

PERSON = "INSERT INTO persons (id, number, sealing_key, merged_into, created_at) VALUES (?, ?, ?, NULL, ?)"
IDENTIFIER = "INSERT INTO identifiers (kind, blind, person, linked_at) VALUES ('email', ?, ?, ?)"
CHOICE = (
    "INSERT INTO choices (person, choice, state, leaf, made_at, version, actor, how) "
    f"VALUES (?, ?, ?, ?, ?, '{VERSION}', 'person', 'page')"
)
CHANGE = (
    "INSERT INTO choice_changes "
    "(leaf, event, person, choice, state, actor, how, policy, version, made_at, recorded_at) "
    f"VALUES (?, ?, ?, ?, ?, 'person', 'page', 'citrix-online', '{VERSION}', ?, ?)"
)
OPENING = "INSERT INTO openings (event, leaf, person, sealed) VALUES (?, ?, ?, ?)"
LEAF = 'INSERT INTO leaves ("index", hash, entry, at) VALUES (?, ?, ?, ?)'
TABLES = (PERSON, IDENTIFIER, CHOICE, CHANGE, OPENING, LEAF)
SEALED = 420  # bytes of an opening of a choice


class Filled(msgspec.Struct, frozen=True):
    """Some of the people in the store: ids, and addresses of others. `fresh` never said anything about the list."""

    ids: list[str]
    fresh: list[str]
    addresses: list[str]
    leaves: int


def address(number: int) -> Identifier:
    """The address of a person."""
    return Identifier("email", f"person-{number}@example.com")


def fill(file: Path, people: People, count: int) -> Filled:
    """Put that many people with their choices into the store."""
    chance = random.Random(1)
    names = [choice.id for choice in people.policy.versions[-1].choices]
    ids = sorted(f"{chance.getrandbits(128):032x}" for _ in range(count))
    at, day = 1_500_000_000_000_000, "2017-07-14T02:40:00Z"
    fresh: list[str] = []
    with sqlite3.connect(file) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000"):
            connection.execute(f"PRAGMA {pragma}")
        leaf = int(connection.execute('SELECT max("index") FROM leaves').fetchone()[0]) + 1
        start = leaf
        for first in range(0, count, BATCH):
            rows: dict[str, list[tuple[Any, ...]]] = {
                PERSON: [],
                IDENTIFIER: [],
                CHOICE: [],
                CHANGE: [],
                OPENING: [],
                LEAF: [],
            }
            for number, id in enumerate(ids[first : first + BATCH], first):
                rows[PERSON].append((id, person_number(id), new_person_key(people.key.wrapping, id), at))
                rows[IDENTIFIER].append((people.key.blind(address(number)), id, at))
                said = chance.sample(names, chance.choice((1, 1, 1, 2, 3)))
                if LIST not in said:
                    fresh.append(id)
                for choice in said:
                    event, state = secrets.token_hex(16), chance.choice(("in", "out"))
                    entry = (
                        f'{{"at":"{day}","change":"{secrets.token_hex(32)}","event":"{event}","kind":"choice",'
                        f'"person":"{secrets.token_hex(32)}","policy":"citrix-online"}}'
                    ).encode()
                    rows[LEAF].append((leaf, hash_leaf(entry), entry, at))
                    rows[OPENING].append((event, leaf, id, os.urandom(SEALED)))
                    rows[CHANGE].append((leaf, event, id, choice, state, at, at))
                    rows[CHOICE].append((id, choice, state, leaf, at))
                    leaf += 1
            for sql, values in rows.items():
                connection.executemany(sql, values)
        connection.commit()
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    chance.shuffle(fresh)
    addresses = [address(number).value for number in chance.sample(range(count), min(5000, count))]
    return Filled(chance.sample(ids, min(5000, count)), fresh, addresses, leaf - start)


def make_real(people: People) -> list[str]:
    """A few hundred people as they come to be: by choosing."""
    made = []
    for number in range(REAL):
        who = Identifier("email", f"real-{number}@example.com")
        people.choose(who, {"marketing": "in" if number % 3 else "out", "analytics": "out"}, how="page")
        made.append(people.find(who) or "")
    return made


# --- the requests -----------------------------------------------------------------------------------------------------


def form(path: str, body: str, *more: str) -> bytes:
    """A form that is sent."""
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/x-www-form-urlencoded", *more]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", body]).encode()


def question(person: str) -> bytes:
    """A question to the decision point about a person."""
    body = msgspec.json.encode(
        {
            "subject": {"type": "service", "id": "mailer"},
            "action": {"name": "use", "properties": {"purpose": "marketing.own"}},
            "resource": {"type": "contact.email", "id": person},
            "context": {"product": PRODUCT},
        }
    ).decode()
    head = ["POST /access/v1/evaluation HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", body]).encode()


def cases(filled: Filled, real: list[str], passes: Passes) -> dict[str, Callable[[], bytes]]:
    """What is asked, by name: each gives the next request, about another person each time."""
    until = datetime.now(UTC) + timedelta(days=1)
    everybody = [*filled.ids, *real]
    random.Random(2).shuffle(everybody)

    def around(values: list[str]) -> Iterator[str]:
        while True:
            yield from values

    fresh = iter(filled.fresh)  # each once: a second time changes nothing
    used: list[str] = []
    somebody, anybody, mailed = around(everybody), around(everybody), around(filled.addresses)
    saving = around(everybody)
    states = around(["in", "out"])

    def one_click() -> bytes:
        used.append(next(fresh))
        return form(f"/unsubscribe/{passes.unsubscribe(used[-1], LIST, PRODUCT)}", "List-Unsubscribe=One-Click")

    def again() -> bytes:
        return form(
            f"/unsubscribe/{passes.unsubscribe(random.choice(used), LIST, PRODUCT)}", "List-Unsubscribe=One-Click"
        )

    def save() -> bytes:
        body = f"do=save&choice.marketing={next(states)}&was.marketing=unset"
        return form(f"/choices/{passes.choices(next(saving), until)}", body)

    def refuse() -> bytes:
        origin = (f"Origin: https://{PRODUCT}.localhost", "Sec-Fetch-Site: cross-site", "Accept: application/json")
        return form(f"/banner/{PRODUCT}", "do=refuse&asked=settings+analytics+advertising&cookie=&gpc=0", *origin)

    def look() -> bytes:
        return f"GET /choices/{passes.choices(next(somebody), until)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()

    return {
        "the preference page, `GET /choices/<pass>`": look,
        "one choice saved on it, `POST /choices/<pass>`": save,
        "one-click unsubscribe (RFC 8058), `POST /unsubscribe/<pass>`": one_click,
        "the same sent again, which changes nothing": again,
        "refused in the banner by a new browser, `POST /banner/<product>`": refuse,
        "decision about `email:…`": lambda: question(f"email:{next(mailed)}"),
        "decision about the id of a person": lambda: question(next(anybody)),
    }


# --- the client -------------------------------------------------------------------------------------------------------


class _Client(asyncio.Protocol):
    """One connection that sends its next request as soon as the last is answered."""

    def __init__(self, requests: Iterator[bytes], took: list[float], done: Callable[[], None]) -> None:
        self.requests, self.took, self.done = requests, took, done
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            return
        self.began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            print(f"unexpected answer: {self.buffer[:2000].decode()}", file=sys.stderr, flush=True)
            os._exit(1)
        start = head.index(b"content-length: ") + 16
        end = head.find(b"\r", start)
        if len(body) >= int(head[start : end if end > 0 else None]):
            self.took.append(time.perf_counter() - self.began)
            self.buffer = b""
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done()


def load(port: int, file: Path, clients: int) -> None:
    """Send the requests in a file over so many connections; print the seconds each took, and all together."""
    import uvloop

    requests = iter(msgspec.msgpack.decode(file.read_bytes(), type=list[bytes]))
    took: list[float] = []
    gc.disable()

    async def run() -> float:
        loop, finished = asyncio.get_running_loop(), asyncio.Queue[None]()
        began = time.perf_counter()
        for _ in range(clients):
            await loop.create_connection(
                lambda: _Client(requests, took, lambda: finished.put_nowait(None)), "127.0.0.1", port
            )
        for _ in range(clients):
            await finished.get()
        return time.perf_counter() - began

    print(msgspec.json.encode({"all": uvloop.run(run()), "took": took}).decode())


class Loaded(msgspec.Struct):
    """What one case came to: seconds of each request, requests a second, and the server's CPU time for one."""

    took: list[float] = msgspec.field(default_factory=list)
    rates: list[float] = msgspec.field(default_factory=list)
    cpu: list[float] = msgspec.field(default_factory=list)

    def at(self, percent: int) -> float:
        """A percentile, in milliseconds."""
        return 1000 * quantiles(self.took, n=100, method="inclusive")[percent - 1]

    def add(self, other: Loaded) -> None:
        """Take another round in."""
        self.took += other.took
        self.rates += other.rates
        self.cpu += other.cpu


def ask(server: Running, make: Callable[[], bytes], count: int, clients: int, file: Path) -> Loaded:
    """Let the client process send `count` requests, which it reads from a file."""
    file.write_bytes(msgspec.msgpack.encode([make() for _ in range(count)]))
    before = server.cpu
    port = server.where.rpartition(":")[2]
    command = [sys.executable, "-m", "bench.choice_pages", "--load", str(file), port, str(clients)]
    done = subprocess.run(command, check=True, timeout=300, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    found = msgspec.json.decode(done.stdout)
    return Loaded(found["took"], [count / found["all"]], [(server.cpu - before) / count])


# --- the whole --------------------------------------------------------------------------------------------------------


def started(folder: Path, what: Callable[[Running], object]) -> tuple[float, int]:
    """Start a server and stop it again: seconds until it answered, and bytes of memory then."""
    began = time.perf_counter()
    with troth(folder) as server:
        fetch(f"{server.where}/choices")
        ready = time.perf_counter() - began
        memory = server.resident
        what(server)
    return ready, memory


def main(count: int = 1_000_000) -> None:
    """Measure and print the tables in Markdown."""
    policy = Policy.read(EXAMPLE)
    alone: dict[str, Loaded] = {}
    together: dict[str, Loaded] = {}
    grown: list[int] = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("TROTH_BENCH_DIR")) as root:
        folder = Path(root)
        data = folder / "var"
        data.mkdir(mode=0o700)
        create_keys(data / "keys", "localhost/log")
        with open_store(f"sqlite:///{data / 'troth.db'}", create=True) as store:
            log: Log = open_log(store, data / "keys")
            publish_policy(log, policy)
            log.sign()
            people = open_people(store, data / "keys", policy)
            passes = Passes(people.key)
        empty_start, empty = started(folder, lambda _: None)
        filled = fill(data / "troth.db", people, count)
        with open_store(f"sqlite:///{data / 'troth.db'}") as store:
            real = make_real(open_people(store, data / "keys", policy))
            open_log(store, data / "keys").sign()
        size = (data / "troth.db").stat().st_size
        makers = cases(filled, real, passes)

        def measure(server: Running) -> None:
            grown.append(server.resident)
            for turn in range(-1, ROUNDS):
                for name, make in makers.items():
                    if turn < 0:  # the first round warms up
                        ask(server, make, ALONE // 4, 1, folder / "requests")
                        continue
                    for into, requests, clients in ((alone, ALONE, 1), (together, TOGETHER, CLIENTS)):
                        found = ask(server, make, requests, clients, folder / "requests")
                        into.setdefault(name, Loaded()).add(found)
            grown.append(server.resident)

        start, full = started(folder, measure)
    bits = 2 * len({choice.id for version in policy.versions for choice in version.choices}) + 1
    table = CompactTable((bits + 7) // 8, count).bytes
    print("## The pages of choices\n")
    print(
        f"{count:,} people with {filled.leaves:,} choices, a database of {size / 2**20:,.0f} MiB, SQLite (WAL, "
        f"`synchronous=FULL`), `troth serve` in a\nprocess of its own. The client is another process, which shares the "
        f"two cores. {ROUNDS} rounds in turns, each of {ALONE}\nrequests of one client and {TOGETHER} of {CLIENTS}; "
        "CPU is the server's, user and system, for one request.\n"
    )
    print(f"{machine('uvicorn', 'litestar', 'jinja2', 'sqlalchemy')}, SQLite {sqlite3.sqlite_version}\n")
    print(f"| ms | median | p95 | p99 | CPU | {CLIENTS} clients: a second | median | p99 | CPU |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name, one in alone.items():
        many = together[name]
        print(
            f"| {name} | {one.at(50):.2f} | {one.at(95):.2f} | {one.at(99):.2f} | {1000 * median(one.cpu):.2f} "
            f"| {median(many.rates):,.0f} | {many.at(50):.1f} | {many.at(99):.1f} | {1000 * median(many.cpu):.2f} |"
        )
    million = 1e6 / count / 2**20
    print("\n| | |\n|---|--:|")
    print(f"| start until the first page, nobody in the store | {empty_start:.1f} s |")
    print(f"| start until the first page, {count:,} people | {start:.1f} s |")
    print(f"| memory of the server at the start, nobody in the store | {empty / 2**20:.0f} MiB |")
    print(f"| memory of the server at the start, {count:,} people | {full / 2**20:.0f} MiB |")
    print(f"| of it for a million people | {(full - empty) * million:.0f} MiB |")
    print(f"| the choices in memory by the size of their table, for a million people | {table * million:.0f} MiB |")
    print(f"| memory of the server after all requests | {grown[-1] / 2**20:.0f} MiB |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        load(int(sys.argv[3]), Path(sys.argv[2]), int(sys.argv[4]))
    else:
        main(*(int(argument) for argument in sys.argv[1:2]))
