"""Opting out and sending in every order: nothing leaves after an opt-out was acknowledged but what upstream has."""

import asyncio
import random
import threading
from pathlib import Path

import pytest
from relay_rig import Rig, Upstreams, rigged

from troth.gates.mail.sending.conversation import LostError, Reply
from troth.gates.mail.sending.handing import HandOver, Look, Outgoing, UnavailableError, WithheldError
from troth.gates.mail.sending.relaying import Relay
from troth.people import Identifier

POINTS = (
    "before it is submitted", "while it waits", "as it is taken", "before the last look", "after the last look",
    "while it is handed over", "after it left",
)  # fmt: skip


class Racing(Upstreams):
    """An upstream at whose every step the recipient may opt out; `events` tells what happened, in order."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.events: list[tuple[str, str]] = []
        self.chance = random.Random(seed)
        self.plan: dict[str, str] = {}
        self.threads: list[threading.Thread] = []
        self.rig: Rig | None = None

    def opt_out(self, address: str, choice: str = "marketing") -> None:
        assert self.rig is not None
        self.rig.opt_out(address, choice)
        self.events.append(("acknowledged", address))

    def at(self, point: str, address: str) -> None:
        """What is planned for this point; sometimes from another thread, as from a page."""
        if self.plan.get(address) != point:
            return
        del self.plan[address]
        if self.chance.random() < 0.5 and point != "while it is handed over":
            self.opt_out(address)
            return
        thread = threading.Thread(target=self.opt_out, args=(address,))
        self.threads.append(thread)
        thread.start()

    async def send(self, outgoing: Outgoing, look: Look, hand_over: HandOver) -> tuple[Reply, ...]:
        address = outgoing.recipients[0]
        self.at("as it is taken", address)
        problem = self.chance.random()
        if problem < 0.05:
            raise LostError("gone")
        if problem < 0.06:
            raise UnavailableError("away")
        await asyncio.sleep(0)
        self.at("before the last look", address)
        await look()
        self.at("after the last look", address)

        def write() -> None:
            self.at("while it is handed over", address)
            self.events.append(("left", address))

        if not hand_over(write):
            raise WithheldError
        self.at("after it left", address)
        if self.chance.random() < 0.05:
            return (Reply(451, "4.7.1 Later"),)
        if self.chance.random() < 0.02:
            raise LostError("the answer got lost")
        return (Reply(250, "2.0.0 Ok"),)


def interleave(folder: Path, messages: int, seed: int, *, together: int = 50) -> Racing:
    with rigged(folder, synchronous="OFF") as rig:
        upstream = Racing(seed)
        upstream.rig = rig
        relays = [
            Relay(rig.queue, upstream, lambda: rig.mailing, chance=lambda: 0.5, monotonic=rig.clock.monotonic)
            for _ in range(2)
        ]
        chance = upstream.chance

        async def work() -> None:
            for start in range(0, messages, together):
                people = [f"p{number}@example.org" for number in range(start, start + together)]
                for address in people:
                    rig.vault.people.know(Identifier("email", address))
                    if chance.random() < 0.8:
                        upstream.plan[address] = chance.choice(POINTS)
                    upstream.at("before it is submitted", address)
                rig.submit("newsletter", *people)
                for address in people:
                    upstream.at("while it waits", address)
                for _ in range(2):
                    await asyncio.gather(*(relay.once() for relay in relays))
                    rig.clock.move(minutes=chance.choice([0, 1, 7]))
            for _ in range(60):
                rig.clock.move(hours=1)
                await asyncio.gather(*(relay.once() for relay in relays))
                if not rig.queue.waiting():
                    break
            assert rig.queue.waiting() == 0

        asyncio.run(work())
        for thread in upstream.threads:
            thread.join()
        said = {state for (state,) in rig.rows("SELECT DISTINCT state FROM mail_sent")}
        assert said <= {"sent", "suppressed"}
    return upstream


def judge(upstream: Racing) -> tuple[int, int]:
    """How many left and how many opted out; nobody's message left after that was acknowledged."""
    acknowledged: set[str] = set()
    left = 0
    for what, address in upstream.events:
        if what == "acknowledged":
            acknowledged.add(address)
        else:
            assert address not in acknowledged, f"a message to {address} left after their opt-out was acknowledged"
            left += 1
    return left, len(acknowledged)


def test_interleavings(tmp_path: Path) -> None:
    left, out = judge(interleave(tmp_path, 2_000, seed=1))
    assert left > 600
    assert out > 1_200


@pytest.mark.soak
def test_ten_thousand_interleavings(tmp_path: Path) -> None:
    left, out = judge(interleave(tmp_path, 10_000, seed=2))
    assert left > 3_000
    assert out > 6_000
