"""The relay of mail beside Postfix, in turn on the same machine: messages a second from client to sink, and the drain.

    python -m bench.mail_relay                    5 rounds of 2,000 messages, 1,000,000 suppressed addresses
    python -m bench.mail_relay 200 1 0            fewer: messages, rounds, suppressed addresses

Each message has 5 kB and a recipient of its own; 20 sessions submit them, with a new connection for each message and
over connections that stay open, over TLS. Troth decides, splices, signs by RSA and Ed25519, queues, records and relays;
Postfix queues and relays. A message counts once it is in the sink, and a relay is done when its sink has all. Without
Postfix it is left out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.machine import machine
from bench.mail_servers import FROM, postfix, postfix_root
from bench.serving import running

SESSIONS, SIZE = 20, 5000
Client = tuple[int, str, str]  # port, user, secret


class Sink:
    """A sink that counts, in a process of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.mail_load", "sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().split()[1])

    def taken(self) -> int:
        """How many messages it has."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)


@contextmanager
def of_troth(folder: Path, sink: int, suppressed: int) -> Iterator[Client]:
    """Troth, over TLS."""
    folder.mkdir()
    command = ["bench.mail_servers", str(folder), str(sink), str(suppressed), "tls"]
    with running(command, folder, r"port (\d+ secret \S+)") as server:
        port, _, secret = server.where.split()
        yield int(port), "newsletter", secret


@contextmanager
def of_postfix(folder: Path, root: Path, sink: int) -> Iterator[Client]:
    """Postfix, over TLS."""
    with postfix(folder, root, sink, tls=True) as port:
        yield port, "", ""


def once(client: Client, sink: Sink, messages: int, keep: bool) -> tuple[float, float]:
    """Submit messages; how many seconds until the last was acknowledged, and until the sink had all."""
    before, began = sink.taken(), time.perf_counter()
    port, user, secret = client
    command = [sys.executable, "-m", "bench.mail_load", str(port), str(messages), str(SESSIONS),
               "keep" if keep else "new", "tls", user, secret, FROM, str(SIZE)]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    while sink.taken() - before < messages:
        if time.perf_counter() - began > 600:
            raise SystemExit("The sink did not get everything within ten minutes.")
        time.sleep(0.005)
    return float(done.stdout), time.perf_counter() - began


def main() -> int:
    """Measure, and print the table."""
    arguments = [int(one.replace("_", "")) for one in sys.argv[1:]]
    messages, rounds, suppressed = (*arguments, *(2000, 5, 1_000_000)[len(arguments) :])
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        root = postfix_root(folder)
        sink = Sink()
        try:
            with of_troth(folder / "troth", sink.port, suppressed) as troth:
                clients: dict[str, Client] = {"Troth": troth}
                if root is None:
                    measure(clients, sink, messages, rounds, found)
                else:
                    with of_postfix(folder / "postfix", root, sink.port) as other:
                        clients["Postfix"] = other
                        measure(clients, sink, messages, rounds, found)
        finally:
            sink.close()
    print(f"## Mail: {messages:,} messages of {SIZE:,} bytes, {SESSIONS} sessions, TLS, medians of {rounds}\n")
    print(machine("aiosmtpd", "aiosmtplib", "cryptography") + f"; {suppressed:,} suppressed addresses\n")
    print("| relay | connections | acknowledged/s | in the sink/s | seconds to drain after the last 250 |")
    print("|---|---|---|---|---|")
    for (relay, mode), times in found.items():
        acknowledged, all_ = median(one for one, _ in times), median(one for _, one in times)
        drain = median(max(0.0, one - other) for other, one in times)
        print(f"| {relay} | {mode} | {messages / acknowledged:,.0f} | {messages / all_:,.0f} | {drain:.2f} |")
    for mode in ("a new one each", "kept open"):
        if ("Postfix", mode) in found:
            ratio = median(one for _, one in found["Postfix", mode]) / median(one for _, one in found["Troth", mode])
            print(f"\nTroth has {ratio:.2f} times the throughput of Postfix, connections {mode}.")
    return 0


def measure(
    clients: dict[str, Client], sink: Sink, messages: int, rounds: int, found: dict[tuple[str, str], list]
) -> None:
    """Measure the relays in turn, so that a disturbance meets all of them."""
    run: Callable[[Client, bool], tuple[float, float]] = lambda client, keep: once(client, sink, messages, keep)  # noqa: E731
    for relay, client in clients.items():
        once(client, sink, messages, True)  # warm; and from then on all recipients are known, as readers are
        found.update({(relay, mode): [] for mode in ("a new one each", "kept open")})
    for _ in range(rounds):
        for keep in (False, True):
            for relay, client in clients.items():
                found[relay, "kept open" if keep else "a new one each"].append(run(client, keep))


if __name__ == "__main__":
    sys.exit(main())
