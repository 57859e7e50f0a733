"""Tests what the promises rest on while the server runs: what is due, looked at every hour, in a thread of its own.

A test may take minutes, so nothing waits for it. What was found is kept and recorded as `troth verify` does it; what
fails is logged as a warning, too. A test that cannot be done now is tried again an hour later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection

import msgspec

from troth.accountability.verifying.run import Place, run_due
from troth.policy.history import Policy
from troth.record.log import Log
from troth.vault import Vault

log_ = logging.getLogger("troth.web")
EVERY = 3600.0  # seconds between two looks at what is due
FIRST = 300.0  # seconds after the start, when everything else has come up


class Schedule(msgspec.Struct, frozen=True):
    """When is tested, in seconds: first after the start, and then. `ports` may answer to others (None: see Place)."""

    ports: Collection[int] | None = None
    first: float = FIRST
    every: float = EVERY


class Verifier:
    """Runs the tests of a server by a schedule. `policy` gives the one that is published now.

    `wait` waits for some seconds and says whether to stop; without it, until `stop` is called.
    """

    def __init__(
        self,
        log: Log,
        policy: Callable[[], Policy],
        vault: Vault,
        schedule: Schedule,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._log = log
        self._policy = policy
        self._vault = vault
        self._schedule = schedule
        self._ending = threading.Event()
        self._wait = wait or self._ending.wait
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self.run, name="troth-verifying", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin no further test. One that is under way ends with the process; nothing waits for it."""
        self._ending.set()

    def run(self) -> None:
        """Look again and again until it is told to stop."""
        pause = self._schedule.first
        while not self._wait(pause):
            self.look()
            pause = self._schedule.every

    def look(self) -> int:
        """Do the tests that are due; how many were done. Does not raise: what cannot be done now is still due."""
        try:
            found = run_due(Place(self._log, self._policy(), self._vault, self._schedule.ports))
        except Exception:
            log_.exception("What the promises rest on could not be tested; it is tried again.")
            return 0
        for one in found:
            if one.state == "failed":
                log_.warning("The test '%s' fails: %s %s", one.name, one.sentence, one.detail)
        return len(found)
