"""Serves the versions that are published now: one that is published while the server runs is served from then on.

The claims of the policy follow the register: one that is signed, suspended or void takes its sentence, its seal and
what rests on it with it, by itself.

The same look at the store signs for the entries of the record that no checkpoint covers yet, and does what the time has
come for: agreements lapse, data is deleted, counts are recorded. Beside it, what is due to recipients is delivered.

The policy and everything made from it are immutable, so a new version means a new application, made beside the old one
and put in its place at once. A request is answered by one of the two, never by a mixture.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from troth.accountability.claims.warning import ClaimWarnings
from troth.conditions.claims.following import FollowedPolicy
from troth.gates.collect import Collecting
from troth.gates.counts import Counts
from troth.gates.delivery.deliverer import Deliverer
from troth.gates.delivery.payload import Contents
from troth.people import People
from troth.people.errors import StaleChoicesError
from troth.policy.history import Policy
from troth.record.log import Log
from troth.store import StoreError
from troth.vault import Vault
from troth.web.app import WebApp
from troth.web.headers import Receive, Scope, Send
from troth.web.verifying import Schedule, Verifier

if TYPE_CHECKING:
    from troth.accountability.letters import Post
    from troth.gates.share.files.files import Files

EVERY = 1.0  # seconds between two looks at the store
log_ = logging.getLogger("troth.web")


class LiveApp:
    """An ASGI app around the one of the published policy. With a `schedule`, what promises rest on is tested by it.

    With a `post`, staff are warned of claims that end.
    """

    def __init__(
        self,
        log: Log,
        policy: Policy,
        make: Callable[[Policy], WebApp],
        *,
        every: float = EVERY,
        people: People | None = None,
        vault: Vault | None = None,
        deliver_to_loopback: bool = False,
        schedule: Schedule | None = None,
        post: Post | None = None,
    ) -> None:
        self._log = log
        self._people = people
        self._vault = vault
        self._policy = FollowedPolicy(log.store, policy)
        self._make = make
        self._every = every
        self._app = make(self._policy.applied)
        self._deliver_to_loopback = deliver_to_loopback
        self._watching: asyncio.Task[None] | None = None
        self._deliverer: Deliverer | None = None
        self._delivering: asyncio.Task[None] | None = None
        self._making: threading.Thread | None = None
        self._warnings = None if post is None else ClaimWarnings(log.store, post)
        self._verifier: Verifier | None = None
        if schedule is not None and vault is not None:
            self._verifier = Verifier(log, lambda: self._policy.published, vault, schedule)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; begin to watch the store when the server starts, and stop when it stops."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._watching = asyncio.create_task(self._watch())
                self._deliver()
                if self._verifier is not None:
                    self._verifier.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._watching is not None:
                    self._watching.cancel()
                if self._verifier is not None:
                    self._verifier.stop()
                if self._delivering is not None and self._deliverer is not None:
                    self._delivering.cancel()
                    await self._deliverer.stop()
                self._app.close()
                await asyncio.to_thread(self._count, self._app)
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _deliver(self) -> None:
        """Begin to send what is due to recipients, by what the gate `share` of the version in force decides then."""
        if self._vault is not None and self._people is not None:
            self._deliverer = Deliverer(
                self._vault.store, self._people, self._deciding, loopback=self._deliver_to_loopback
            )
            self._delivering = asyncio.create_task(self._deliverer.run())

    def _deciding(self, disclosure: str, batch: int) -> Contents:
        sharing = self._app.sharing
        if sharing is None:
            raise StaleChoicesError("There is no gate that shares now.")
        return sharing.contents(disclosure, batch)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await asyncio.to_thread(self.look)
            except Exception:
                # What is published stays in force: a store that cannot be read now changes nothing that is served.
                log_.exception("The store could not be asked for published versions; the known ones are served on.")

    @property
    def collecting(self) -> Collecting | None:
        """The gate `collect` of the version in force, for an application in the same process."""
        return self._app.collecting

    def look(self) -> bool:
        """Do what the time has come for, sign for new entries, and serve new versions; whether there were any.

        Agreements lapse, what may be kept no longer is deleted, the counts of minutes that are over are recorded,
        disclosures of many persons go on, recipients are told what follows people, and people what they are to be told.
        Deadlines of complaints are watched, and which mail went to whom is forgotten in time.
        """
        if self._people is not None:
            self._people.lapse()
        if self._vault is not None:
            self._vault.sweep()
            Counts(self._vault.store).record()
            self._count(self._app)
            self._share()
            self._pass_on()
            self._tell_subscribers()
            self._make_files()
            self._tell()
            self._forget_mail()
        self._watch_complaints()
        self._warn()
        latest = self._log.latest()
        if self._log.size() > (latest.head.size if latest else 0):
            self._log.sign()
        if not self._policy.look():
            return False
        before, self._app = self._app, self._make(self._policy.applied)
        before.close()
        self._count(before)
        return True

    def _count(self, app: WebApp) -> None:
        """Write down how often the gates allowed and refused. What cannot be written now is written the next time."""
        if app.tally is None:
            return
        try:
            app.tally.write(self._log.store)
        except StoreError as error:
            log_.warning("What the gates decided could not be counted; it is tried again: %s", error)

    def _watch_complaints(self) -> None:
        """Remind of complaints, pass on what nobody answered, mail whoever complained. What fails is tried again."""
        complaints = self._app.complaints
        if complaints is None or complaints.watch is None:
            return
        try:
            complaints.watch.run()
        except Exception:
            log_.exception("The deadlines of complaints could not be watched; it is tried again.")

    def _tell(self) -> None:
        """Tell people of what was asked about them, or done. What fails is tried again, and keeps nothing waiting."""
        if self._app.teller is None:
            return
        try:
            self._app.teller.run()
        except Exception:
            log_.exception("People could not be told; it is tried again.")

    def _forget_mail(self) -> None:
        """Forget which mail went to whom, when its time is over. What fails is tried again."""
        if self._app.mail is None:
            return
        try:
            self._app.mail.forget()
        except StoreError as error:
            log_.warning("Which mail went to whom could not be forgotten yet; it is tried again: %s", error)

    def _warn(self) -> None:
        """Warn staff of claims that end before long. What fails is tried again, and keeps nothing waiting."""
        if self._warnings is None:
            return
        try:
            self._warnings.run(self._policy.applied)
        except Exception:
            log_.exception("Staff could not be warned of the end of a claim; it is tried again.")

    def _share(self) -> None:
        """Go on with disclosures of many persons for a moment. One that fails keeps nothing else from being done."""
        sharing = self._app.sharing
        if sharing is None:
            return
        try:
            sharing.resume()
        except Exception:
            log_.exception("A disclosure could not go on; it is tried again.")

    def _tell_subscribers(self) -> None:
        """Mail those who want to know what changed in the list of recipients."""
        if self._app.subscribers is None:
            return
        try:
            self._app.subscribers()
        except Exception:
            log_.exception("Subscribers to the list of recipients could not be told; it is tried again.")

    def _pass_on(self) -> None:
        """Pass on to recipients what follows people. What fails is tried again, and keeps nothing else from going."""
        following = self._app.following
        if following is None:
            return
        try:
            following.run()
        except Exception:
            log_.exception("What follows people could not be passed on; it is tried again.")

    def _make_files(self) -> None:
        """Delete files whose time is over, and have the next one made: beside, since one may take minutes."""
        files = self._app.files
        if files is None:
            return
        try:
            files.sweep()
            if files.wait() and (self._making is None or not self._making.is_alive()):
                self._making = threading.Thread(target=_make_all, args=(files,), name="troth-files", daemon=True)
                self._making.start()
        except Exception:
            log_.exception("The files of disclosures could not be looked after; it is tried again.")


def _make_all(files: Files) -> None:
    """Make the files that wait, one after the other."""
    try:
        while files.make_next() is not None:
            pass
    except Exception:
        log_.exception("The file of a disclosure could not be made; it is tried again.")
