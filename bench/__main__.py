"""Run the measurements and print their tables: `python -m bench [name …]`, all of them without names.

A measurement is a file of this folder with a `main()`. Each runs in a process of its own, so that none is measured with
the memory of another.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Those that others are made of.
PARTS = {
    "__init__",
    "__main__",
    "machine",
    "serving",
    "decision_problem",
    "decision_peers",
    "choice_peers",
    "mail_load",
    "mail_servers",
}


def measurements() -> list[str]:
    """Return the names of the measurements."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in PARTS)


def main(arguments: list[str]) -> int:
    """Run the named measurements; return how many failed."""
    unknown = set(arguments) - set(measurements())
    if unknown:
        print(f"No such measurement: {', '.join(sorted(unknown))}. There are: {', '.join(measurements())}.")
        return 2
    failed = 0
    for name in arguments or measurements():
        failed += subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode != 0
        print(flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
