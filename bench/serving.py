"""Servers for the measurements: processes of their own that listen on loopback and end with the measurement."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

TICKS = os.sysconf("SC_CLK_TCK")


class Running(msgspec.Struct, frozen=True):
    """A process that serves: its address or port, as it printed it, and its number."""

    where: str
    pid: int

    @property
    def cpu(self) -> float:
        """The seconds of CPU time, user and system, that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def resident(self) -> int:
        """The bytes of memory that it has."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def running(command: list[str], folder: Path, expect: str) -> Iterator[Running]:
    """Run a Python module in a folder until the block ends; `expect` finds in what it prints where it serves."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TROTH_")}
    paths = [str(Path(__file__).parents[1]), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    with (folder / "errors.log").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(expect, line):
                yield Running(found[1], process.pid)
                break
        else:
            raise SystemExit(f"A server did not start:\n{(folder / 'errors.log').read_text()[-2000:]}")
    finally:
        process.terminate()
        process.wait(timeout=30)


def troth(folder: Path, command: str = "serve") -> AbstractContextManager[Running]:
    """Troth's own server as users run it, with its store in a folder."""
    return running(["troth.cli", command, "--port", "0"], folder, r"the overview\s+(http\S+?)/$")


def fetch(url: str) -> bytes:
    """What a server of this machine answers."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        body: bytes = answer.read()
        return body
