"""What a server opens: without a store nothing besides decisions and pages, and nothing else is loaded for it."""

from __future__ import annotations

import subprocess
import sys

from running import EXAMPLE

ASKED = f"""
import sys
import troth
from troth.web.app import make_app

app = make_app(troth.Policy.read({str(EXAMPLE)!r}))
assert (app.callers, app.collecting, app.teller, app.files) == (None, None, None, None)
print(sorted(name for name in ("sqlalchemy", "troth.web.rooms", "troth.store", "troth.vault") if name in sys.modules))
"""


def test_who_serves_decisions_and_pages_alone_loads_no_store() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
