"""The notice as a static site: the same bytes as a server gives at that moment, as files.

A page at `/policy/versions` becomes `policy/versions.html`, which hosts of static sites serve at that address.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from troth.notice import pages
from troth.notice.view import Published
from troth.policy.history import Policy


def write_site(policy: Policy, directory: Path, at: datetime, published: tuple[Published, ...] = ()) -> list[Path]:
    """Write every page as it is at a moment; the files written, `404.html` last. OSError when one cannot be written.

    `published` says which versions are in the record, which then has to be written beside the pages.
    """
    written = []
    for address in pages.addresses(policy, at):
        page = pages.find(policy, address, at, published=published)
        if page is not None:
            written.append(_write(directory / file_name(address, page.media_type), page.body))
    return [*written, _write(directory / "404.html", pages.missing(policy, "404", at, rooted=True).body)]


def file_name(address: str, media_type: str) -> str:
    """The file of a page: `index.html` for a directory, `.html` added to other pages for people."""
    if address == "" or address.endswith("/"):
        return f"{address}index.html"
    return f"{address}.html" if media_type == pages.HTML else address


def _write(file: Path, body: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    return file
