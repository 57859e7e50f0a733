"""The gate of mail with all its parts: who submits, who decides, the queue, the keys that sign, and who takes it over.

It follows what is published, and the claims of the policy as they stand: a version that comes into force while it
runs decides from then on, and a claim that ends takes with it what rests on it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from ssl import SSLContext

from troth.conditions.claims.following import FollowedPolicy
from troth.decision.point import DecisionPoint
from troth.gates.mail.accepting import Accepting
from troth.gates.mail.deciding.mailing import Mailing
from troth.gates.mail.returning.returns import Returns
from troth.gates.mail.sending.handing import Upstream
from troth.gates.mail.sending.queue import Queue
from troth.gates.mail.sending.relaying import Relay
from troth.gates.mail.sending.sink import Sink
from troth.gates.mail.sending.upstream import upstream_of
from troth.gates.mail.signing.dkim import SigningKey
from troth.gates.mail.signing.dkim_keys import keys_for, make_keys
from troth.gates.mail.streams import Stream, StreamError, read_streams
from troth.gates.mail.taking.listening import Listener, MailServer
from troth.gates.mail.taking.protocol import Limits
from troth.gates.tally import Tally
from troth.people import People
from troth.policy.history import Policy
from troth.policy.problems import PolicyError
from troth.record.errors import RecordError
from troth.store import StoreError

KEPT = 60.0  # seconds for which the keys of a domain are not read again
EVERY = 1.0  # seconds between two looks for a new version
log = logging.getLogger("troth.mail")


class PostOffice:
    """The parts, put together. `streams` are the tables of the configuration, `relay` its key: a server, or a folder.

    `site` is where people reach the pages; it may be known only later. With `make_dkim_keys` a domain of a stream that
    has no keys gets some, so that nothing leaves unsigned while Troth is tried out. StreamError: see `read_streams`.
    ValueError: `relay` is neither a server nor a folder.
    """

    def __init__(
        self,
        people: People,
        policy: Policy,
        *,
        streams: Mapping[str, object] | None,
        site: str | Callable[[], str | None] | None,
        keys: Path,
        relay: str | Upstream,
        name: str = "localhost",
        make_dkim_keys: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.people = people
        self.name = name
        self._streams = streams
        self._site = site
        self._folder = keys
        self._make_keys = make_dkim_keys
        self._monotonic = monotonic
        self._keys: dict[str, tuple[float, Sequence[SigningKey]]] = {}
        self._reading = threading.Lock()
        self._policy = FollowedPolicy(people.store, policy)
        self.mailing = self._decider(self._policy.applied)
        self.queue = Queue(people)
        self.sink: Sink | None = None
        if isinstance(relay, str):
            self.upstream: Upstream = upstream_of(relay, name, people.store.clock)
            self.sink = self.upstream if isinstance(self.upstream, Sink) else None
        else:
            self.upstream = relay
        self.relay = Relay(self.queue, self.upstream, lambda: self.mailing, host=name, bounced=self._bounced)
        self.tally = Tally()
        self.gate = Accepting(
            lambda: self.mailing, self.queue, self.keys, host=name, relay=self.relay, tally=self.tally
        )

    def keys(self, domain: str) -> Sequence[SigningKey]:
        """The keys that sign for a domain. DkimKeyError: there are some that cannot be used, and nothing is taken."""
        with self._reading:
            now = self._monotonic()
            at, found = self._keys.get(domain, (0.0, ()))
            if not found or now - at > KEPT:
                found = keys_for(self._folder, domain)
                if not found and self._make_keys and any(domain in one.domains for one in self._all_streams()):
                    found = make_keys(self._folder, domain, self.people.store.clock())
                self._keys[domain] = (now, found)
            return found

    def server(
        self, listeners: Sequence[Listener], tls: SSLContext | None = None, limits: Limits | None = None
    ) -> MailServer:
        """What takes mail and sends it on. ListeningError: one of the listeners needs TLS."""
        return _Office(self, listeners, tls, limits)

    def look(self) -> bool:
        """Write down what was decided, and decide by the version that is published now; whether there was a new one."""
        self.tally.write(self.people.store)
        if not self._policy.look():
            return False
        self.people.use(self._policy.applied)
        self.mailing = self._decider(self._policy.applied)
        return True

    async def follow(self) -> None:
        """Look every second."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await asyncio.to_thread(self.look)
            except (StoreError, RecordError, PolicyError, StreamError) as error:
                log.warning("Mail goes on by the versions that are known: %s", error)

    def _decider(self, policy: Policy) -> Mailing:
        return Mailing(self.people, DecisionPoint(policy), read_streams(self._streams, policy), self._site)

    def _bounced(self, stream: str, address: str, status: str) -> None:
        """An address that does not work is suppressed, as if its server had sent a report of it."""
        streams = self.mailing.streams
        if stream in streams:
            Returns(self.people, streams).bounced(streams[stream], address, status)

    def _all_streams(self) -> Iterator[Stream]:
        return iter(self.mailing.streams.values())


class _Office(MailServer):
    """The server of a post office."""

    def __init__(
        self, office: PostOffice, listeners: Sequence[Listener], tls: SSLContext | None, limits: Limits | None
    ) -> None:
        super().__init__(office.gate, office.relay, listeners, name=office.name, tls=tls, limits=limits)
        self._office = office
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See MailServer."""
        await super().start()
        self._following = asyncio.create_task(self._office.follow())

    async def stop(self, grace: float = 5.0) -> None:
        """See MailServer."""
        if self._following is not None:
            self._following.cancel()
        await super().stop(grace)
        self._office.gate.close()
        try:
            await asyncio.to_thread(self._office.tally.write, self._office.people.store)
        except StoreError as error:
            log.warning("What was decided in the last second is not counted: %s", error)
