"""Killed at any step, a deliverer loses nothing: each delivery arrives at least once, and is recorded exactly once."""

import asyncio
import hashlib
import os
import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from delivering import Delivering
from receiving import Receiver, Said, acknowledgement, receiving

from store_oracle import killed_under_load, sqlite_url
from troth.people import open_people
from troth.policy.history import Policy
from troth.store import open_store


class Later:
    """The time now, and some minutes for each kill, after which the leases of the one that was killed have ended."""

    def __init__(self, kills: int) -> None:
        self.ahead = timedelta(minutes=3 * kills)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def opened(folder: Path, policy: Policy, kills: int) -> Delivering:
    store = open_store(sqlite_url(folder), create=True, clock=Later(kills))
    return Delivering(store, open_people(store, folder / "keys", policy))


def deliver_until_killed(
    folder: Path, policy: Policy, writing: int, *, kills: int, stay_at: int | None, batches: dict
) -> None:
    """In the child: deliver, tell of each step, and stay at one of them until the kill, or go on."""
    delivering = opened(folder, policy, kills)
    delivering.batches = batches
    count = 0

    def step(name: str) -> None:
        nonlocal count
        os.write(writing, f"{name}\n".encode())
        count += 1
        while count == stay_at:
            time.sleep(1)

    decide, write = delivering.decide, delivering.store.write_async

    def deciding(disclosure: str, batch: int):
        found = decide(disclosure, batch)
        step("decided")
        return found

    async def written(work):
        found = await write(work)
        step("written")
        return found

    delivering.decide = deciding
    delivering.store.write_async = written  # type: ignore[method-assign]
    deliverer = delivering.deliverer(per_recipient=1 if stay_at else 8)
    post = deliverer._sender.post

    async def sent(*arguments):
        answer = await post(*arguments)
        step("sent")
        return answer

    deliverer._sender.post = sent  # type: ignore[method-assign]
    asyncio.run(deliverer.run(every=0.02))


def judge(folder: Path, policy: Policy, receiver: Receiver, ids: list[str], kills: int, batches: dict) -> Counter[str]:
    """Deliver what is left and hold the record against what the recipient saw; how often each delivery came."""
    delivering = opened(folder, policy, kills + 1)
    delivering.batches = batches
    with delivering.store:
        delivering.turn()
        seen = Counter(one.id for one in receiver.seen)
        bodies = {(one.id, hashlib.sha256(one.body).hexdigest()) for one in receiver.seen}
        assert set(seen) == set(ids), "something never arrived"
        for kind in ("delivered", "acknowledged"):
            recorded = delivering.entries(kind)
            assert Counter(entry["delivery"] for entry in recorded) == Counter(ids)
            assert {(entry["delivery"], entry["digest"]) for entry in recorded} <= bodies
        for id in ids:
            one = delivering.one(id)
            assert one.state == "acknowledged"
            assert {digest for other, digest in bodies if other == id} <= set(one.sent), "sent, and not written down"
    return seen


def start(folder: Path, policy: Policy, receiver: Receiver, count: int) -> tuple[list[str], dict]:
    delivering = opened(folder, policy, 0)
    with delivering.store:
        _, secret = delivering.endpoints.add("cards", receiver.url, by="mary")
        ids = delivering.disclose(count=count)
    receiver.behave = lambda seen: Said(200, acknowledgement(seen, secret))
    return ids, delivering.batches


# Leased, decided, written down, sent and answered, recorded.
STEPS = ["written", "decided", "written", "sent", "written"]


@pytest.mark.parametrize("step", range(1, len(STEPS) + 1))
def test_killed_at_each_step(tmp_path: Path, policy: Policy, step: int) -> None:
    with receiving() as receiver:
        ids, batches = start(tmp_path, policy, receiver, 1)
        load = lambda writing: deliver_until_killed(  # noqa: E731
            tmp_path, policy, writing, kills=0, stay_at=step, batches=batches
        )
        assert killed_under_load(load, step) == STEPS[:step]
        seen = judge(tmp_path, policy, receiver, ids, 0, batches)
    # Only where it was killed between the answer and its record did it come a second time.
    assert seen[ids[0]] == (2 if step == 4 else 1)


def run(folder: Path, policy: Policy, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    with receiving() as receiver:
        ids, batches = start(folder, policy, receiver, 60)
        for kill in range(kills):
            load = lambda writing, kill=kill: deliver_until_killed(  # noqa: E731
                folder, policy, writing, kills=kill, stay_at=None, batches=batches
            )
            killed_under_load(load, chance.choice([1, 2, 5, 9, 14, 20]))
        judge(folder, policy, receiver, ids, kills, batches)


def test_killed_six_times_under_load(tmp_path: Path, policy: Policy) -> None:
    run(tmp_path, policy, 6, seed=7)


@pytest.mark.soak
def test_killed_two_hundred_times_under_load(tmp_path: Path, policy: Policy) -> None:
    for seed in range(25):
        (tmp_path / str(seed)).mkdir()
        run(tmp_path / str(seed), policy, 8, seed)
