"""The receivers in the how-to are run as they stand, and the page about deliveries says what the program does."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from delivering import Delivering
from delivery_clock import Clock

from troth.gates.delivery import acknowledging, deliverer, failing, leasing, sending
from troth.gates.delivery.deliveries import STATES
from troth.gates.delivery.queue import KINDS
from troth.gates.delivery.schedule import ATTEMPTS, DELAYS, JITTER, LONGEST

ROOT = Path(__file__).parents[2]
HOW_TO = (ROOT / "docs/how-to/receive-from-troth.md").read_text("utf-8")
PAGE = (ROOT / "docs/reference/delivery.md").read_text("utf-8")
PROGRAMS = {"python": (sys.executable, "receiver.py"), "javascript": ("node", "receiver.mjs")}


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", HOW_TO, re.M | re.S)
    return found


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = datetime.now(UTC)  # as the receivers, which are programs of their own, have it
    return clock


@contextmanager
def running(folder: Path, language: str, secret: str, port: int) -> Iterator[subprocess.Popen[str]]:
    program, name = PROGRAMS[language]
    (folder / name).write_text(block(language))
    environment = {**os.environ, "TROTH_SECRET": secret, "PORT": str(port)}
    with subprocess.Popen([program, name], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            end = time.monotonic() + 30
            while True:
                assert process.poll() is None, "it ended by itself"
                assert time.monotonic() < end
                with socket.socket() as connection:
                    if connection.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()


@pytest.mark.parametrize("language", ["python", pytest.param("javascript", marks=pytest.mark.node)])
def test_the_receivers_of_the_how_to(delivering: Delivering, clock: Clock, tmp_path: Path, language: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint, secret = delivering.endpoints.add("cards", f"http://127.0.0.1:{port}/", by="mary")
    with running(tmp_path, language, secret, port) as process:
        (id,) = delivering.disclose()
        assert delivering.turn() == 1
        assert delivering.one(id).state == "acknowledged", delivering.one(id)
        # Both signatures come during a rotation, and the receiver that has the old secret still takes it.
        delivering.endpoints.rotate(endpoint.id)
        (rotated,) = delivering.disclose()
        delivering.turn()
        assert delivering.one(rotated).state == "acknowledged"
        # What is old or signed by somebody else is refused.
        clock.move(minutes=-6)
        (old,) = delivering.disclose()
        delivering.turn()
        assert delivering.one(old).why == "It answered with the status 401."
        clock.now = datetime.now(UTC) + timedelta(seconds=1)
        delivering.endpoints.rotate(endpoint.id)
        (strange,) = delivering.disclose()
        delivering.turn()
        assert delivering.one(strange).why == "It answered with the status 401."
        process.terminate()
        assert process.stdout is not None
        assert process.stdout.read() == f"troth.disclosure {id}\ntroth.disclosure {rotated}\n"


def test_a_receiver_takes_forty_lines() -> None:
    for language in PROGRAMS:
        assert len(block(language).strip().splitlines()) <= 40


def test_the_page_has_the_numbers_of_the_program() -> None:
    assert len(DELAYS) == 9
    assert ATTEMPTS == 10
    assert "after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h" in PAGE
    seconds = [5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24))]
    assert [delay.total_seconds() for delay in DELAYS] == seconds
    assert (0.1, timedelta(days=1)) == (JITTER, LONGEST)
    assert (sending.LIMIT, sending.MOST_BYTES) == (15, 16 * 1024)
    assert (timedelta(minutes=2), timedelta(days=3)) == (leasing.LEASE, failing.DISABLED_AFTER)
    assert (8, timedelta(days=3)) == (deliverer.PER_RECIPIENT, acknowledging.WITHIN)
    assert re.findall(r"^\| `([a-z]+)` \| .* \|.*\|$", PAGE, re.M)[-5:] == list(STATES)
    for kind in KINDS:
        assert f"`troth.{kind}`" in PAGE or f'"troth.{kind}"' in PAGE
