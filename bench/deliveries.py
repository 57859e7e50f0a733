"""Deliveries a second to a recipient on loopback, beside a bare aiohttp loop that signs and sends the same bodies.

    python -m bench.deliveries           2,000 deliveries a round, five rounds
    python -m bench.deliveries 200       fewer

Troth leases each one, makes its body, writes down its SHA-256, signs, sends, reads the answer, verifies the signature
in it, and records both that it arrived and that it was acknowledged, all durably. Bare is an aiohttp session that signs
the very same bodies with the same secrets, sends them with the same number under way, and forgets. The recipients are a
process of their own. The two are measured in turns; CPU time is that of the sending process.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
from aiohttp import web

from bench.machine import machine
from troth.gates.delivery.deliverer import Deliverer
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.delivery.payload import disclosure_parcel
from troth.gates.delivery.queue import Queue
from troth.gates.delivery.signing import SharedSecret, signed_headers
from troth.gates.share.wanted import Contents, Leaving
from troth.people import open_people
from troth.policy.history import Policy
from troth.store import Store, open_store

EXAMPLE = Path(__file__).parent.parent / "examples" / "citrix-online"
ROUNDS, EACH, RECIPIENTS, PER_RECIPIENT = 5, 2000, 4, 8


def receive(secrets: dict[str, str], told: Any) -> None:
    """The recipients: one service with a path for each, which acknowledges with a signature."""
    keys = {name: base64.b64decode(secret.removeprefix("whsec_")) for name, secret in secrets.items()}

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        id, digest = request.headers["webhook-id"], hashlib.sha256(body).hexdigest()
        content = f"troth-acknowledgement\n{id}\n{digest}".encode()
        signed = base64.b64encode(hmac.digest(keys[request.match_info["name"]], content, "sha256")).decode()
        return web.json_response({"acknowledged": id, "digest": digest, "signature": f"v1,{signed}"})

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/{name}", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        told.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())


def contents(disclosure: str, batch: int) -> Contents:
    """What leaves: a card token of one person."""
    recipient, _, _ = disclosure.partition("/")
    leaving = Leaving(f"x5kq{disclosure}", {"payment.card": "tok_4af1a3b8"})
    return Contents(
        disclosure=disclosure, batch=batch, recipient=recipient, purpose="service.payment", product=None,
        duties=("minimise",), sentences=("A card firm takes your payments for us, under contract.",),
        persons=(leaving,), policy="citrix-online", version="2017-02-01",
    )  # fmt: skip


def names(count: int) -> list[str]:
    """The disclosures of a round, each to the next recipient."""
    return [f"r{number % RECIPIENTS}/{number}" for number in range(count)]


def through_troth(store: Store, people: Any, count: int) -> None:
    """Deliver a round from the queue."""

    async def run() -> None:
        deliverer = Deliverer(store, people, contents, loopback=True, per_recipient=PER_RECIPIENT)
        running = asyncio.create_task(deliverer.run())
        while remaining(store):
            await asyncio.sleep(0.02)
        running.cancel()
        await deliverer.stop()

    asyncio.run(run())


def remaining(store: Store) -> bool:
    """Whether something waits."""
    with store.read() as connection:
        return (
            connection.exec_driver_sql("SELECT 1 FROM deliveries WHERE state = 'waiting' LIMIT 1").first() is not None
        )


def bare(url: str, secrets: dict[str, str], count: int) -> None:
    """Sign and send the same bodies with aiohttp alone."""
    keys = {name: SharedSecret(base64.b64decode(secret.removeprefix("whsec_"))) for name, secret in secrets.items()}

    async def run() -> None:
        waiting = iter(names(count))

        async def send(session: aiohttp.ClientSession) -> None:
            for name in waiting:
                recipient = name.split("/")[0]
                id = f"msg_{hashlib.sha256(name.encode()).hexdigest()[:32]}"
                body = disclosure_parcel(id, "0" * 32, name, contents(name, 1)).body
                headers = signed_headers(id, int(time.time()), body, [keys[recipient]])
                headers["Content-Type"] = "application/json"
                async with session.post(f"{url}/{recipient}", data=body, headers=headers) as answer:
                    json.loads(await answer.read())

        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(send(session) for _ in range(RECIPIENTS * PER_RECIPIENT)))

    asyncio.run(run())


def measured(work: Any) -> tuple[float, float]:
    """Seconds, and seconds of CPU time, that it takes."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def main(each: int = EACH) -> int:
    """Measure, and print the table."""
    print(machine("aiohttp"))
    times: dict[str, list[tuple[float, float]]] = {"Troth": [], "bare aiohttp": []}
    with tempfile.TemporaryDirectory() as place, open_store(f"sqlite:///{place}/troth.db", create=True) as store:
        people = open_people(store, Path(place) / "keys", Policy.read(EXAMPLE))
        queue = Queue(store, people)
        context = multiprocessing.get_context("spawn")
        listening, telling = context.Pipe(duplex=False)
        raw = {f"r{number}": hashlib.sha256(str(number).encode()).digest() for number in range(RECIPIENTS)}
        secrets = {name: SharedSecret(secret).text() for name, secret in raw.items()}
        process = context.Process(target=receive, args=(secrets, telling), daemon=True)
        process.start()
        url = f"http://127.0.0.1:{listening.recv()}"
        for name, secret in raw.items():
            known = partial(lambda secret, size: secret[:size], secret)
            Endpoints(store, people, loopback=True, random=known).add(name, f"{url}/{name}", by="bench")
        try:
            for _ in range(ROUNDS):
                times["bare aiohttp"].append(measured(lambda: bare(url, secrets, each)))

                def fill(unit: Any) -> None:
                    for name in names(each):
                        queue.add(unit, kind="disclosure", recipient=name.split("/")[0], disclosure=name, batch=1)

                store.write(fill)
                times["Troth"].append(measured(lambda: through_troth(store, people, each)))
        finally:
            process.terminate()
            process.join()
        with store.read() as connection:
            states = connection.exec_driver_sql("SELECT state, count(*) FROM deliveries GROUP BY state").all()
        assert [tuple(row) for row in states] == [("acknowledged", ROUNDS * each)], states
    print(
        f"\n{each} deliveries a round, {RECIPIENTS} recipients, {PER_RECIPIENT} under way for each; medians of {ROUNDS}"
    )
    print("\n| | deliveries/s | CPU µs each |\n|---|---|---|")
    for name, found in times.items():
        wall, cpu = (median(one[part] for one in found) for part in (0, 1))
        print(f"| {name} | {each / wall:,.0f} | {cpu / each * 1e6:,.0f} |")
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
