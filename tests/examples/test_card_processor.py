"""The card processor of the examples as a process of its own: it gets a card token, signs for it, and nobody else does.

The commands are those of its README, run in a folder of their own; the server and the processor are real processes.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from troth.gates.delivery.deliveries import Deliveries
from troth.store import open_store

ROOT = Path(__file__).parents[2]
PROCESSOR = ROOT / "examples/card-processor/processor.py"
README = (PROCESSOR.parent / "README.md").read_text("utf-8")
ANN = "email:ann@example.org"
SHARE = {"recipient": "card-processor", "purpose": "service.payment", "data": ["payment.card"], "persons": [ANN]}


@contextmanager
def process(*command: str, cwd: Path, ready: str, stdin: str = "") -> Iterator[str]:
    """A process that runs until the end; gives the URL in the line that says it is ready."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    environment = {name: value for name, value in environment.items() if not name.startswith("TROTH_")}
    with subprocess.Popen(
        command, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment,
    ) as running:  # fmt: skip
        assert running.stdin is not None
        assert running.stdout is not None
        try:
            running.stdin.write(stdin)
            running.stdin.flush()
            said = []
            for line in running.stdout:
                said.append(line)
                if (match := re.search(ready, line)) is not None:
                    yield match[1]
                    break
            else:
                raise AssertionError("".join(said))
        finally:
            running.terminate()
            running.wait(20)


def troth(place: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TROTH_")}
    done = subprocess.run(
        [sys.executable, "-m", "troth.cli", *arguments], cwd=place, text=True, capture_output=True, env=environment,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until(true: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def states(place: Path) -> list[tuple[str, int]]:
    """Where each delivery stands, and how many attempts there were."""
    with open_store(f"sqlite:///{place / 'var/troth.db'}") as store:
        return [(one.state, one.attempts) for one in Deliveries(store).list()]


def test_the_processor_gets_a_token_signs_for_it_and_when_the_contract_ends_nothing(tmp_path: Path) -> None:
    place, tokens = tmp_path / "troth", tmp_path / "processor/tokens.json"
    for folder in (place, tokens.parent):
        folder.mkdir()
    (place / "troth.toml").write_text("deliver_to_loopback = true\n")
    for command in re.findall(r"^troth ((?:publish|recipient (?:propose|contract)).*)$", README, re.M):
        troth(place, *command.split())
    with process(
        sys.executable, str(PROCESSOR), "--port", "0", "--file", str(tokens), cwd=tokens.parent,
        ready=r"at (http://\S+)", stdin=f"whsec_{base64.b64encode(bytes(32)).decode()}\n",
    ) as url:  # fmt: skip
        pass  # it stops; the port is known to be free
    secret = troth(place, "endpoint", "add", "card-processor", url).strip()
    port = url.rstrip("/").rpartition(":")[2]
    serving = (sys.executable, "-m", "troth.cli", "serve", "--port", "0")
    with (
        process(*serving, cwd=place, ready=r"overview +(http://\S+)") as site,
        httpx.Client(base_url=site, trust_env=False) as client,
    ):
        card = {"person": ANN, "moment": "trial", "fields": {"payment.card": "tok_ann_visa"}}
        assert client.post("/v1/collect/trial-card", json=card).status_code == 201
        shared = client.post("/v1/share", json=SHARE).json()
        assert shared["state"] == "done", shared
        # The processor is down: the first attempt fails, and another one is made once it is up.
        until(lambda: states(place) == [("waiting", 1)])
        with process(
            sys.executable, str(PROCESSOR), "--port", port, "--file", str(tokens), cwd=tokens.parent,
            ready=r"at (http://\S+)", stdin=f"{secret}\n",
        ):  # fmt: skip
            until(lambda: states(place) == [("acknowledged", 2)])
            kept = json.loads(tokens.read_text())
            assert list(kept["tokens"].values()) == ["tok_ann_visa"]
            assert "ann" not in tokens.read_text().replace("tok_ann_visa", "")
            assert tokens.stat().st_mode & 0o077 == 0
            strangers(url, secret, kept)
            assert json.loads(tokens.read_text()) == kept
            # Nobody else can get it, and for nothing else.
            for other in ({"recipient": "postal-service"}, {"purpose": "marketing.own"}, {"consideration": "money"}):
                refused = client.post("/v1/share", json=SHARE | other)
                assert refused.status_code == 422, refused.text
            # The contract ends, and the next request is refused with the reason.
            ended = ("recipient", "terminate", "card-processor", "c1", "--delete-by", "2030-01-31")
            assert " ".join(ended[1:]) in README
            troth(place, *ended)
            refused = client.post("/v1/share", json=SHARE)
            assert refused.status_code == 422, refused.text
            assert "terminated" in refused.text
            # She is erased: the processor is told, deletes the token and signs for that, too.
            troth(place, "people", "erase", ANN, "--yes", "--staff", "mary")
            until(lambda: sorted(states(place)) == [("acknowledged", 1), ("acknowledged", 2)])
            assert json.loads(tokens.read_text())["tokens"] == {}
        assert len(json.loads(tokens.read_text())["taken"]) == 2
    assert "acknowledged" in troth(place, "delivery", "list")
    troth(place, "record", "verify")


def strangers(url: str, secret: str, kept: dict) -> None:
    """What the processor does not take: no signature, a wrong one, an old message, one that was changed."""
    key, now = base64.b64decode(secret.removeprefix("whsec_")), int(time.time())
    message = {"type": "troth.disclosure", "id": "msg_x", "persons": [{"subject": "s", "data": {"payment.card": "t"}}]}

    def send(at: int, sent: dict, signed: dict = message, with_key: bytes = key, more: str = "") -> httpx.Response:
        body, content = json.dumps(sent).encode(), json.dumps(signed)
        digest = hmac.new(with_key, f"msg_x.{at}.{content}".encode(), hashlib.sha256).digest()
        signature = f"{more}v1,{base64.b64encode(digest).decode()}"
        headers = {"webhook-id": "msg_x", "webhook-timestamp": str(at), "webhook-signature": signature}
        return httpx.post(url, content=body, headers=headers, trust_env=False)

    assert httpx.post(url, json=message, trust_env=False).status_code == 401
    assert send(now, message, with_key=b"x" * 32).status_code == 401
    assert send(now - 301, message).status_code == 401
    assert send(now + 310, message).status_code == 401
    assert send(now, message | {"persons": []}).status_code == 401
    # The same id again is acknowledged again, and changes nothing; beside a signature of an older secret, too.
    (taken,) = kept["taken"]
    again = message | {"id": taken}
    assert send(now, again, again, more="v1,AAAA ").status_code == 200


def test_a_secret_of_another_form_is_refused() -> None:
    command = [sys.executable, str(PROCESSOR), "--port", "0"]
    done = subprocess.run(command, input="secret\n", text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert "whsec_" in done.stderr


@pytest.mark.parametrize("length", ["-1", "x", "99999999999", ""])
def test_a_length_that_is_none(length: str, tmp_path: Path) -> None:
    secret = f"whsec_{base64.b64encode(bytes(32)).decode()}\n"
    with process(
        sys.executable, str(PROCESSOR), "--port", "0", "--file", str(tmp_path / "t.json"), cwd=tmp_path,
        ready=r"at (http://\S+)", stdin=secret,
    ) as url:  # fmt: skip
        port = int(url.rstrip("/").rpartition(":")[2])
        answer = sent(port, f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 413 ")


def sent(port: int, request: bytes) -> bytes:
    """What comes back to bytes that are sent as they are."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(100)
