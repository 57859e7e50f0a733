"""What a decision costs over HTTP, beside a server that only sends back what it gets.

Both are plain ASGI apps on the same uvicorn (uvloop, httptools), each in a process of its own on loopback, and are
asked in turns by the same client in a third process. Counted are the requests per second of CPU time (user and system)
of the server's process, which does not depend on how busy the machine is otherwise.

    python -m bench.decision_http                 print the table
    python -m bench.decision_http --requests 5000 a quick look
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench.machine import machine

EXAMPLE = Path(__file__).parent.parent / "examples" / "citrix-online"
CONNECTIONS = 32
ROUNDS = 7
BOXCAR = 100
SECRET = "troth_010101010101_" + "AQEB" * 10 + "AQE"  # no secret at all: bytes that are all 1


def _question(
    action: str, data: str, purpose: str, *, held: dict[str, str] | None = None, **context: Any
) -> dict[str, Any]:
    return {
        "subject": {"type": "service", "id": "mailer"},
        "action": {"name": action, "properties": {"purpose": purpose}},
        "resource": {"type": data, "id": "4711"} | ({"properties": held} if held else {}),
        "context": context,
    }


QUESTIONS = [
    _question("use", "contact.email", "marketing.own", product="gototraining", choices={"marketing": "out"}),
    _question("use", "contact.email", "marketing.own", product="gototraining", choices={"marketing": "in"}),
    _question("use", "contact.email", "service.register", product="gotomeeting"),
    _question("use", "usage.clickstream", "improve.analytics", product="gotomeeting", choices={"analytics": "out"}),
    _question("share", "payment.card", "service.payment", recipient="card-processor", given=["contract"]),
    _question("share", "payment.card", "service.payment", recipient="card-processor"),
    _question("sell", "contact.email", "marketing.own", recipient="marketing-agency"),
    _question("collect", "identity.name", "service.register", product="gotowebinar", moment="registration"),
]
# Data that is held already brings a time along.
WITH_TIMES = [
    _question("use", "contact.email", "marketing.own", held={"expires": "2099-01-01T00:00:00Z"}, product="gototraining")
]
SEVERAL = [
    {
        "subject": QUESTIONS[0]["subject"],
        "evaluations": [
            {key: QUESTIONS[i % len(QUESTIONS)][key] for key in ("action", "resource", "context")}
            for i in range(BOXCAR)
        ],
    }
]

# Name, server, path, bodies, decisions in one request.
CASES: list[tuple[str, str, str, list[dict[str, Any]], int]] = [
    ("bare ASGI echo", "echo", "/access/v1/evaluation", QUESTIONS, 0),
    ("echo that also sends the security headers of a decision", "echo-headers", "/access/v1/evaluation", QUESTIONS, 0),
    ("decision", "troth", "/access/v1/evaluation", QUESTIONS, 1),
    ("decision beside a store without any service key", "troth-store", "/access/v1/evaluation", QUESTIONS, 1),
    ("decision for a caller with a service key", "troth-key", "/access/v1/evaluation", QUESTIONS, 1),
    ("decision on data with an end of its keeping", "troth", "/access/v1/evaluation", WITH_TIMES, 1),
    (f"{BOXCAR} decisions in one request", "troth", "/access/v1/evaluations", SEVERAL, BOXCAR),
]


# --- the servers ------------------------------------------------------------------------------------------------------


def echo_app(more: tuple[tuple[bytes, bytes], ...] = ()) -> Callable[..., Any]:
    """The smallest app that reads a request and sends its body back."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message.get("more_body"):
                break
        headers = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *more)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def _no_pages(scope: Any, receive: Any, send: Any) -> None:
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _log(with_key: bool) -> Any:
    """A log on a store of its own, with the one key that the client knows."""
    from troth.gates.scope import Scope
    from troth.gates.services import ServiceKeys
    from troth.record.keys import create_keys
    from troth.record.log import open_log
    from troth.store import open_store

    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    create_keys(folder / "keys", "bench.example/log")
    store = open_store(f"sqlite:///{folder / 'troth.db'}", create=True)
    if with_key:
        scope = Scope(("*",), ("*",), ("*",), ("*",), ("*",))
        _, secret = ServiceKeys(store, random=lambda size: b"\1" * size).create("mailer", scope, by="bench")
        assert secret == SECRET
    return open_log(store, folder / "keys")


def serve(kind: str) -> None:
    """Serve one of the apps; for each line on standard input print the CPU seconds used so far."""
    from troth.policy.history import Policy
    from troth.web.app import make_app
    from troth.web.headers import DATA_HEADERS
    from troth.web.server import listen, server

    if kind == "troth":
        app: Any = make_app(Policy.read(EXAMPLE), pages=_no_pages)
    elif kind.startswith("troth-"):
        app = make_app(Policy.read(EXAMPLE), pages=_no_pages, log=_log(kind == "troth-key"))
    else:
        app = echo_app(((b"cache-control", b"no-store"), *DATA_HEADERS) if kind == "echo-headers" else ())
    listener = listen(port=0)

    def tell() -> None:
        for _ in sys.stdin:
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(used.ru_utime + used.ru_stime, flush=True)
        os._exit(0)  # the parent is gone

    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=tell, daemon=True).start()
    running = server(app)
    if not kind.startswith("troth"):
        running.config.lifespan = "off"
    running.run(sockets=[listener])


# --- the client -------------------------------------------------------------------------------------------------------


class _Asker(asyncio.Protocol):
    """One connection that asks its next question as soon as the last is answered."""

    def __init__(self, requests: list[bytes], budget: list[int], done: Callable[[], None]) -> None:
        self.requests, self.budget, self.done = requests, budget, done
        self.buffer = b""
        self.next = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        if self.budget[0] <= 0:
            self.transport.close()
            return
        self.budget[0] -= 1
        self.transport.write(self.requests[self.next % len(self.requests)])
        self.next += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            print(f"unexpected answer: {self.buffer.decode()}", file=sys.stderr, flush=True)
            os._exit(1)
        start = head.index(b"content-length: ") + 16
        end = head.find(b"\r", start)
        if len(body) >= int(head[start : end if end > 0 else None]):
            self.buffer = b""
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done()


def load(port: int, path: str, bodies: list[dict[str, Any]], requests: int, kind: str) -> None:
    """Ask `requests` times over a fixed number of connections."""
    import uvloop

    written = []
    for body in bodies:
        text = json.dumps(body, separators=(",", ":")).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        if kind == "troth-key":
            head += f"Authorization: Bearer {SECRET}\r\n"
        written.append(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        finished: asyncio.Queue[None] = asyncio.Queue()
        budget = [requests]
        for _ in range(CONNECTIONS):
            await loop.create_connection(
                lambda: _Asker(written, budget, lambda: finished.put_nowait(None)), "127.0.0.1", port
            )
        for _ in range(CONNECTIONS):
            await finished.get()

    uvloop.run(run())


# --- the measurement --------------------------------------------------------------------------------------------------


class _Server:
    def __init__(self, kind: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.decision_http", "--serve", kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.line())

    def line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the server did not start")
        return line

    def cpu(self) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.line())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=15)


def _loaded(server: _Server, case: int, requests: int) -> float:
    """Requests per CPU second of the server."""
    before = server.cpu()
    arguments = ["--load", str(case), "--port", str(server.port), "--requests", str(requests)]
    subprocess.run([sys.executable, "-m", "bench.decision_http", *arguments], check=True, timeout=120)
    return requests / (server.cpu() - before)


def measure(requests: int) -> list[list[float]]:
    """For each case the requests per CPU second of every round; the cases take turns in a round."""
    servers = {kind: _Server(kind) for kind in dict.fromkeys(case[1] for case in CASES)}
    figures: list[list[float]] = [[] for _ in CASES]
    try:
        for round_ in range(-1, ROUNDS):
            for index, (_, kind, _, _, decisions) in enumerate(CASES):
                count = max(requests // (decisions or 1), 200)
                rate = _loaded(servers[kind], index, count if round_ >= 0 else min(count, 1000))
                if round_ >= 0:  # the first round warms up
                    figures[index].append(rate)
    finally:
        for server in servers.values():
            server.stop()
    return figures


def main(argv: list[str] | None = None) -> None:
    """Measure and print the table in Markdown."""
    parser = argparse.ArgumentParser(description="Measure the decision over HTTP.")
    parser.add_argument("--requests", type=int, default=20_000, help="requests in a round, for one decision each")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--load", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args([] if argv is None else argv)
    if arguments.serve:
        serve(arguments.serve)
        return
    if arguments.load is not None:
        _, kind, path, bodies, _ = CASES[arguments.load]
        load(arguments.port, path, bodies, arguments.requests, kind)
        return
    results = measure(arguments.requests)
    print("## The decision over HTTP\n")
    print(
        f"Requests per second of CPU time of the server's process, on loopback, {CONNECTIONS} connections, "
        f"{arguments.requests:,} requests\nin each of {ROUNDS} rounds: the median, the lowest, the highest. "
        "The share of the bare echo is the median of the rounds' shares.\n"
    )
    print(f"{machine('uvicorn', 'uvloop', 'httptools', 'msgspec')}\n")
    print("| | requests per CPU second | from – to | of the bare echo | decisions per CPU second |")
    print("|---|--:|--:|--:|--:|")
    for case, rates in zip(CASES, results, strict=True):
        share = median(rate / bare for rate, bare in zip(rates, results[0], strict=True))
        each = f"{median(rates) * case[4]:,.0f}" if case[4] else ""
        print(f"| {case[0]} | {median(rates):,.0f} | {min(rates):,.0f} – {max(rates):,.0f} | {share:.0%} | {each} |")


if __name__ == "__main__":
    main(sys.argv[1:])
