"""The published policy and its record as a static site: the same bytes as the server gives at that moment.

A log in tiles is made to be served as plain files, so the copy is a whole log: verifiers read it as they read a server.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from troth.notice.site import write_site
from troth.policy.history import Policy
from troth.record.log import Log
from troth.web.record import RecordRoutes, publications


def write_published_site(log: Log, policy: Policy, directory: Path, at: datetime) -> list[Path]:
    """Write every page of the published policy and everything below `/log/`; the files written.

    OSError when one cannot be written, StoreError when the record cannot be read.
    """
    written = write_site(policy, directory, at, publications(log, policy))
    record = RecordRoutes(log, policy, lambda: at)
    for path in record.paths():
        found = record.find(path)
        if found is not None:
            file = directory / "log" / (path or "index.html")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(found.body)
            written.append(file)
    return written
