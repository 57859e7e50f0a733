"""What a measurement was made on, in one line, and how CPU time is measured."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median


def machine(*packages: str) -> str:
    """Return the processor, the operating system, and the versions of Python and of some packages."""
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")] if Path("/proc/cpuinfo").exists() else []  # fmt: skip
    processor = names[0] if names else platform.processor() or platform.machine()
    versions = "".join(f", {package} {version(package)}" for package in packages)
    return (
        f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}; "
        f"{platform.python_implementation()} {platform.python_version()}{versions}"
    )


def cpu(run: Callable[[], object]) -> float:
    """Return the seconds of CPU time that a call takes, without garbage collection."""
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        run()
        return time.process_time() - start
    finally:
        gc.enable()


def in_turns(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the CPU times of each call, in seconds, measured in turns so that a disturbance meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            found[name].append(cpu(run))
    return found


def middle(times: list[float]) -> float:
    """Return the median."""
    return median(times)
