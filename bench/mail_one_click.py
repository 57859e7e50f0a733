"""Refusing by one click while mail goes out: how long the POST of RFC 8058 takes when the server is busy with mail.

    python -m bench.mail_one_click               1,000,000 suppressed addresses, 1,000 clicks in each state
    python -m bench.mail_one_click 10000 200     fewer: suppressed addresses, clicks

`troth serve` has pages and mail in one process, so the clicks compete with the newsletter at its worst. Somebody clicks
as soon as the last click was answered, each time another person, whose opt-out is then durable: first while no mail is
sent, then while 20 sessions submit as fast as they are answered.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import quantiles

from bench.choice_pages import ask, form
from bench.machine import machine
from bench.mail_check import add
from bench.mail_relay import SESSIONS, SIZE, Sink
from bench.mail_servers import EXAMPLE, FROM, free_port
from bench.serving import troth
from troth.gates.mail.signing.dkim_keys import make_keys
from troth.gates.mail.streams import read_streams
from troth.gates.mail.taking.credentials import Credentials
from troth.people import Identifier, People, open_people
from troth.people.passes import Passes
from troth.policy.history import Policy
from troth.record.keys import create_keys
from troth.record.log import open_log
from troth.record.published import publish_policy
from troth.store import Store, Unit, open_store

CHOICE, PRODUCT, STREAM = "marketing", "gototraining", "newsletter"
AT_ONCE = 20_000


def known(people: People, count: int) -> list[str]:
    """The ids of so many people."""

    def work(unit: Unit, numbers: range) -> list[str]:
        return [people.resolve(unit, Identifier("email", f"clicker{number}@example.org")).id for number in numbers]

    found: list[str] = []
    for start in range(0, count, 100):
        found += people.write(partial(work, numbers=range(start, min(start + 100, count))))
    return found


def suppress(store: Store, people: People, count: int) -> None:
    """Suppress so many addresses."""
    for start in range(0, count, AT_ONCE):
        store.write(partial(add, key=people.key, numbers=range(start, min(start + AT_ONCE, count))))


def main(suppressed: int = 1_000_000, clicks: int = 1000) -> None:
    """Measure and print the table in Markdown."""
    policy = Policy.read(EXAMPLE)
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        data = folder / "var"
        data.mkdir(mode=0o700)
        create_keys(data / "keys", "localhost/log")
        with open_store(f"sqlite:///{data / 'troth.db'}", create=True) as store:
            log = open_log(store, data / "keys")
            publish_policy(log, policy)
            people = open_people(store, data / "keys", policy)
            suppress(store, people, suppressed)
            passes = [Passes(people.key).unsubscribe(id, CHOICE, PRODUCT) for id in known(people, 2 * clicks + 100)]
            make_keys(data / "keys", FROM.rpartition("@")[2], store.clock())
            secret = Credentials(store).create(read_streams(None, policy).find(STREAM), by="bench")[1]
            log.sign()
        sink, submission = Sink(), free_port()
        (folder / "troth.toml").write_text(
            f'site = "https://privacy.example.org"\nsubmission = "127.0.0.1:{submission}"\n'
            f'relay = "smtp://127.0.0.1:{sink.port}"\n'
        )
        try:
            with troth(folder) as server:
                unused = iter(passes)
                click = lambda: form(f"/unsubscribe/{next(unused)}", "List-Unsubscribe=One-Click")  # noqa: E731
                ask(server, click, 100, 1, folder / "requests")  # warms up
                alone = ask(server, click, clicks, 1, folder / "requests")
                command = [sys.executable, "-m", "bench.mail_load", str(submission), "1000000", str(SESSIONS), "keep",
                           "plain", STREAM, secret, FROM, str(SIZE)]  # fmt: skip
                sending = subprocess.Popen(command, stderr=subprocess.DEVNULL)
                before, began = sink.taken(), time.perf_counter()
                try:
                    time.sleep(1.0)  # until all sessions are signed in
                    busy = ask(server, click, clicks, 1, folder / "requests")
                    rate = (sink.taken() - before) / (time.perf_counter() - began)
                finally:
                    sending.terminate()
                    sending.wait(10)
        finally:
            sink.close()
    print(f"## Refusing by one click while mail goes out, {suppressed:,} suppressed addresses\n")
    print(machine("uvicorn", "litestar", "aiosmtpd") + f"; {clicks:,} clicks in each state, one after the other\n")
    print("| ms | median | p95 | p99 | mail in the sink/s meanwhile |")
    print("|---|--:|--:|--:|--:|")
    for name, one, sent in (("no mail is sent", alone, 0.0), (f"{SESSIONS} sessions send", busy, rate)):
        at = [1000 * found for found in quantiles(one.took, n=100, method="inclusive")]
        print(f"| {name} | {at[49]:.1f} | {at[94]:.1f} | {at[98]:.1f} | {sent:,.0f} |")


if __name__ == "__main__":
    main(*(int(argument.replace("_", "")) for argument in sys.argv[1:3]))
