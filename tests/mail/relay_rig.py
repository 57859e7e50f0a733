"""A relay with all its parts but a network: people, decisions and queue on a real store, an upstream to look into."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import text

from troth.decision.point import DecisionPoint
from troth.gates.mail.accepting import Accepting, Keys
from troth.gates.mail.deciding.mailing import Mailing
from troth.gates.mail.returning.returns import Returns
from troth.gates.mail.sending.conversation import Reply
from troth.gates.mail.sending.handing import HandOver, Look, Outgoing, WithheldError
from troth.gates.mail.sending.queue import Queue
from troth.gates.mail.sending.relaying import Relay
from troth.gates.mail.streams import Stream, read_streams
from troth.gates.mail.taking.protocol import Stated
from troth.people import Identifier, open_people
from troth.policy.history import Policy
from troth.record.keys import create_keys
from troth.record.log import Log, open_log
from troth.store import Store, open_store
from troth.vault import Vault, open_vault

FLAGSHIP = Policy.read(Path(__file__).parents[2] / "examples/citrix-online")
SITE = "https://privacy.example.org"
STATED = Stated("client.example", "ESMTPSA")
OK = Reply(250, "2.0.0 Ok")


class RelayClock:
    """A clock that a test moves; `monotonic` goes with it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Upstreams:
    """An upstream that keeps what it takes. `answers` are replies by recipient, or errors, taken in turn."""

    connections = 5

    def __init__(self) -> None:
        self.taken: list[Outgoing] = []
        self.answers: dict[str, list[Reply | Exception]] = {}
        self.before: Callable[[Outgoing], Awaitable[None]] | None = None
        self.between: Callable[[Outgoing], None] | None = None
        self.after: Callable[[Outgoing], None] | None = None

    async def send(self, outgoing: Outgoing, look: Look, hand_over: HandOver) -> tuple[Reply, ...]:
        replies = []
        for recipient in outgoing.recipients:
            answers = self.answers.get(recipient, [])
            answer = answers.pop(0) if answers else OK
            if isinstance(answer, Exception):
                raise answer
            replies.append(answer)
        if self.before is not None:
            await self.before(outgoing)
        await look()
        if self.between is not None:
            self.between(outgoing)
        if any(reply.accepted for reply in replies) and not hand_over(lambda: self.taken.append(outgoing)):
            raise WithheldError
        if self.after is not None:
            self.after(outgoing)
        return tuple(replies)

    async def close(self) -> None:
        pass

    @property
    def recipients(self) -> list[str]:
        """Everybody who got something, in order."""
        return [recipient for outgoing in self.taken for recipient in outgoing.recipients]


class Rig(msgspec.Struct):
    """The parts, and shortcuts for tests."""

    store: Store
    vault: Vault
    log: Log
    mailing: Mailing
    queue: Queue
    upstream: Upstreams
    relay: Relay
    gate: Accepting
    clock: RelayClock

    def stream(self, name: str) -> Stream:
        return self.mailing.streams.find(name)

    def submit(self, stream: str, *recipients: str, content: bytes | None = None, lease: str | None = None) -> str:
        found = self.stream(stream)
        sender = f"robot@{found.domains[0]}"
        told, jobs = self.gate.take(found, sender, recipients, content or message(found), STATED, lease)
        if lease is not None:
            self.relay.offer(jobs)
        return told.split()[2].rstrip(",;")

    def opt_out(self, address: str, choice: str = "marketing") -> None:
        self.vault.people.choose(Identifier("email", address), {choice: "out"}, how="page")

    def rows(self, statement: str) -> list[tuple]:
        with self.store.read() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def states(self) -> list[str]:
        return [state for (state,) in self.rows("SELECT state FROM mail_sent ORDER BY leaf")]

    async def all(self, times: int = 20) -> None:
        """Send whatever is due, until nothing is."""
        for _ in range(times):
            if not await self.relay.once():
                return


def message(stream: Stream, subject: str = "News", *extra: str) -> bytes:
    """A small message of a stream."""
    lines = [
        f"From: Robot <robot@{stream.domains[0]}>", "To: you <you@example.org>", f"Subject: {subject}",
        "Message-ID: <1@client.example>", "Date: Fri, 1 May 2026 10:00:00 +0000", *extra,
        "Content-Type: text/plain; charset=utf-8", "", "Hello", ".", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


@contextmanager
def rigged(
    folder: Path,
    url: str | None = None,
    *,
    keys: Keys = lambda domain: (),
    streams: Mapping[str, object] | None = None,
    **pragmas: str,
) -> Iterator[Rig]:
    """The rig, in a folder; on SQLite there, or on the database of `url`. `streams` are tables of the configuration."""
    clock = RelayClock()
    url = url or f"sqlite:///{folder / 'troth.db'}"
    with open_store(url, create=True, clock=clock, pragmas=pragmas or None) as store:
        create_keys(folder / "keys", "acme.example/log")
        log = open_log(store, folder / "keys")
        people = open_people(store, folder / "keys", FLAGSHIP)
        vault = open_vault(store, people)
        mailing = Mailing(people, DecisionPoint(FLAGSHIP), read_streams(streams, FLAGSHIP), SITE)
        queue, upstream = Queue(people), Upstreams()
        returns = Returns(people, mailing.streams)

        def bounced(stream: str, address: str, status: str) -> None:
            returns.bounced(mailing.streams[stream], address, status)

        relay = Relay(
            queue, upstream, lambda: mailing, bounced=bounced, chance=lambda: 0.5, monotonic=clock.monotonic
        )  # fmt: skip
        gate = Accepting(lambda: mailing, queue, keys, relay=relay)
        try:
            yield Rig(store, vault, log, mailing, queue, upstream, relay, gate, clock)
        finally:
            gate.close()
