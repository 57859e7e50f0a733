"""The published policy and its record as a static site: the same bytes as the server gives at that moment.

A log in tiles is made to be served as plain files, so the copy is a whole log: verifiers read it as they read a server.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from troth.notice.site import file_name, write_site
from troth.policy.history import Policy
from troth.record.log import Log
from troth.web.recipients.routes import RecipientRoutes
from troth.web.record import RecordRoutes, publications
from troth.web.stored import Stored


def write_published_site(
    log: Log, policy: Policy, directory: Path, at: datetime, site: str | None = None
) -> list[Path]:
    """Write every page of the published policy, its recipients and everything below `/log/`; the files written.

    `site` is the address at which it will lie; without it, the feed of changes does not say that.

    OSError when one cannot be written, StoreError when the record cannot be read.
    """
    published = publications(log, policy)
    written = write_site(policy, directory, at, published)
    record = RecordRoutes(log, policy, lambda: at)
    for path in record.paths():
        found = record.find(path)
        if found is not None:
            file = directory / "log" / (path or "index.html")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(found.body)
            written.append(file)
    recipients = RecipientRoutes(Stored(log, policy, lambda: at, published, site))
    for path in recipients.paths():
        listed = recipients.find(path, (site or "").rstrip("/"))
        if listed is not None:
            file = directory / file_name(f"recipients{path}", listed.media_type)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(listed.body)
            written.append(file)
    return written
