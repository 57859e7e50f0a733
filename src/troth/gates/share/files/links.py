"""The links by which recipients fetch files: unguessable, each for one recipient, for a time, and for one download.

The token of a link is 256 random bits; the store keeps its SHA-256. It alone opens nothing: whoever fetches must show,
besides, to be the recipient. A file is fetched by one at a time. The first whole download ends every link to it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from troth.gates.share.files.row import KEPT, FileRow, add, change, row_in, secret
from troth.store import Store, Unit
from troth.store.schema import disclosures, file_links, from_micros, to_micros

Random = Callable[[int], bytes]

PATH = "/v1/files/"
LONGEST = timedelta(days=30)
MOST_FETCHES = 20  # downloads that a link may begin, so that one that breaks off can be gone on with
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

_COLUMNS = list(file_links.columns)
BY_DIGEST = select(*_COLUMNS).where(file_links.c.digest == bindparam("of_digest"))
EVERY = select(*_COLUMNS).order_by(file_links.c.created_at, file_links.c.digest)
ADD = file_links.insert().values({column.name: bindparam(column.name) for column in _COLUMNS})
BEGIN = (
    file_links.update()
    .where(
        file_links.c.digest == bindparam("of_digest"),
        file_links.c.ended_at.is_(None),
        file_links.c.fetches < bindparam("most"),
    )
    .values(fetches=file_links.c.fetches + 1)
)
USE = file_links.update().where(file_links.c.digest == bindparam("of_digest")).values(used_at=bindparam("new_used_at"))
END_ALL = (
    file_links.update()
    .where(file_links.c.disclosure == bindparam("of_disclosure"), file_links.c.ended_at.is_(None))
    .values(ended_at=bindparam("new_ended_at"))
)
UNDER = (
    select(disclosures.c.id)
    .where(
        disclosures.c.under == bindparam("of_under"),
        disclosures.c.channel == "file",
        disclosures.c.state == "done",
    )
    .order_by(disclosures.c.created_at.desc(), disclosures.c.id)
)
DISCLOSURE = select(disclosures.c.recipient, disclosures.c.channel, disclosures.c.state).where(
    disclosures.c.id == bindparam("of_id")
)


class LinkError(ValueError):
    """There can be no such link; the text says why."""


class Link(msgspec.Struct, frozen=True):
    """A link as it is kept: by the SHA-256 of its token. `used_at` is when the download by it was whole."""

    digest: bytes
    disclosure: str
    recipient: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    fetches: int
    used_at: datetime | None
    ended_at: datetime | None

    def state(self, at: datetime) -> str:
        """What it is at a moment: open, used, ended or expired."""
        if self.used_at is not None:
            return "used"
        if self.ended_at is not None:
            return "ended"
        return "expired" if self.expires_at <= at else "open"


class Links:
    """The links in `store`. Safe to share between threads. Everything raises StoreUnavailableError.

    `address` is the address under which recipients reach this server, without a slash at its end.
    """

    def __init__(self, store: Store, address: str, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self._address = address.rstrip("/")
        self._random = random

    def find(self, token: str) -> Link | None:
        """The link with this token; None if there is none, or never was."""
        if not _TOKEN.fullmatch(token):
            return None
        with self.store.read() as connection:
            row = connection.execute(BY_DIGEST, {"of_digest": _digest(token)}).first()
        return None if row is None else _read(row)

    def list(self, disclosure: str | None = None) -> list[Link]:
        """Every link there ever was, or those to one file, in the order in which they were made."""
        with self.store.read() as connection:
            return [_read(row) for row in connection.execute(EVERY) if disclosure in (None, row.disclosure)]

    def under(self, id: str) -> Sequence[str]:
        """The disclosures that are files and were done under a legal request, of which something may leave; the latest
        first.
        """
        with self.store.read() as connection:
            return [str(found) for found in connection.execute(UNDER, {"of_under": id}).scalars()]

    def make(self, disclosure: str, *, by: str, lasts: timedelta = KEPT) -> tuple[str, datetime]:
        """A new link to the file of a disclosure, which is shown this once, and when it expires.

        A file that was fetched or has expired is made again for it. LinkError: there is no such file, it was stopped,
        or it is given under a legal request.
        """

        def work(unit: Unit) -> tuple[str, datetime]:
            if secret(unit, disclosure):
                raise LinkError(
                    "This file is given under a legal request, so a link to it is signed for: `troth legal link`."
                )
            return self.put(unit, disclosure, by=by, lasts=lasts)

        return self.store.write(work)

    def put(self, unit: Unit, disclosure: str, *, by: str, lasts: timedelta = KEPT) -> tuple[str, datetime]:
        """The same in a unit of work, for whoever has made sure that there may be one."""
        if not by:
            raise LinkError("A link names who made it.")
        if not timedelta(0) < lasts <= LONGEST:
            raise LinkError(f"A link opens for up to {LONGEST.days} days.")
        now = to_micros(unit.at)
        found = unit.rows(DISCLOSURE, {"of_id": disclosure})
        if not found or found[0][1] != "file":
            raise LinkError(f"There is no disclosure '{disclosure[:100]}' that is a file. `troth file list` has them.")
        recipient, _, state = found[0]
        row = row_in(unit, disclosure)
        if (row is not None and row.state == "stopped") or state in ("stopped", "refused"):
            raise LinkError("Nothing of this disclosure may leave any more. Share anew what still may.")
        if row is None:
            add(unit, disclosure, str(recipient), now)
        elif row.state in ("fetched", "expired"):
            change(unit, disclosure, {"state": "waiting", "why": None, "name": None, "next_at": now})
        keep_until = max((row.keep_until if row is not None else None) or 0, to_micros(unit.at + lasts))
        change(unit, disclosure, {"keep_until": keep_until})
        return self.add(unit, disclosure, str(recipient), by, lasts)

    def add(
        self, unit: Unit, disclosure: str, recipient: str, by: str, lasts: timedelta = KEPT
    ) -> tuple[str, datetime]:
        """A new link in a unit of work, to a file that is there."""
        token = base64.urlsafe_b64encode(self._random(32)).rstrip(b"=").decode()
        row: dict[str, Any] = {
            "digest": _digest(token), "disclosure": disclosure, "recipient": recipient,
            "created_at": to_micros(unit.at), "created_by": by, "expires_at": to_micros(unit.at + lasts), "fetches": 0,
            "used_at": None, "ended_at": None,
        }  # fmt: skip
        unit.change(ADD, row)
        return f"{self._address}{PATH}{token}", unit.at + lasts


def begin(unit: Unit, link: Link) -> bool:
    """Count a download that begins; False if the link ended meanwhile, or began too many."""
    return unit.change(BEGIN, {"of_digest": link.digest, "most": MOST_FETCHES}) == 1


def use(unit: Unit, link: Link, row: FileRow) -> None:
    """A link was used up; every other one to the same file has ended, too."""
    unit.change(USE, {"of_digest": link.digest, "new_used_at": to_micros(unit.at)})
    end_all(unit, row.disclosure)


def end_all(unit: Unit, disclosure: str) -> None:
    """End every link to a file."""
    unit.change(END_ALL, {"of_disclosure": disclosure, "new_ended_at": to_micros(unit.at)})


def _read(row: Any) -> Link:
    used, ended = (None if at is None else from_micros(at) for at in (row.used_at, row.ended_at))
    return Link(
        bytes(row.digest), row.disclosure, row.recipient, from_micros(row.created_at), row.created_by,
        from_micros(row.expires_at), row.fetches, used, ended,
    )  # fmt: skip


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
