"""The list of addresses that get no mail of some kind, as staff and imports change it; each change is in the record.

Nothing here weakens: an address that is on the list stays on it, with the later of two dates, until it is taken off by
name, by staff who say why, or by the person, who says yes to the choice here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

import msgspec
from sqlalchemy import bindparam, func, select

from troth.decision.question import Known
from troth.gates.mail.streams import Stream, StreamError
from troth.people import People
from troth.people.suppressions import (
    CHOICE,
    EVERYTHING,
    PURPOSE,
    Reason,
    Suppressed,
    add_row,
    blind_address,
    enter_suppressed,
    hidden,
    read_suppressed,
)
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.policy.problems import nearest
from troth.store import Unit
from troth.store.schema import from_micros, suppressions

AT_ONCE = 5_000  # addresses in one transaction

COUNTS = (
    select(suppressions.c.scope, suppressions.c.reason, func.count())
    .group_by(suppressions.c.scope, suppressions.c.reason)
    .order_by(suppressions.c.scope, suppressions.c.reason)
)
EVERY = select(*(suppressions.c[name] for name in ("address", "scope", "reason", "source", "since"))).order_by(
    suppressions.c.address, suppressions.c.scope
)
SCOPES = (
    select(suppressions.c.scope, suppressions.c.reason)
    .where(suppressions.c.address == bindparam("of_address"))
    .order_by(suppressions.c.scope)
)
LIFT = suppressions.delete().where(
    suppressions.c.address == bindparam("of_address"), suppressions.c.scope == bindparam("of_scope")
)


class New(msgspec.Struct, frozen=True):
    """An address to be put on the list: the address or what a row holds for it, the scope, why, and since when.

    `since` is None for now; a date that is still to come counts as now.
    """

    address: str | bytes
    scope: str
    reason: Reason
    since: datetime | None = None

    def __repr__(self) -> str:
        return f"New(…, {self.scope}, {self.reason})"  # never the address: representations end up in logs


class Suppression:
    """The list of `people`'s store. Safe to share between threads.

    Everything raises StoreUnavailableError when the store is not there: nothing was changed, try again.
    """

    def __init__(self, people: People) -> None:
        self.people = people

    # --- reading ------------------------------------------------------------------------------------------------------

    def of(self, address: str) -> list[Suppressed]:
        """The rows about an address. IdentifierError: it is none."""
        address_ = hidden(self.people.key, blind_address(self.people.key, address))
        with self.people.store.glance() as glance:
            rows = read_suppressed(glance, [address_]).get(address_, [])
        return sorted(rows, key=lambda row: row.scope)

    def counts(self) -> list[tuple[str, str, int]]:
        """How many addresses are on the list, by scope and reason."""
        with self.people.store.read() as connection:
            return [(str(scope), str(reason), int(count)) for scope, reason, count in connection.execute(COUNTS)]

    def export(self) -> Iterator[Suppressed]:
        """Every row. Whoever has the same `people.key` can import them; for anybody else they say nothing."""
        with self.people.store.read() as connection:
            for row in connection.execution_options(yield_per=1000).execute(EVERY):
                yield Suppressed(bytes(row.address), row.scope, row.reason, row.source, from_micros(row.since))

    # --- writing ------------------------------------------------------------------------------------------------------

    def suppress(self, several: Sequence[New], *, source: str, by: str | None = None) -> int:
        """Put addresses on the list; how many were not on it, in their scope, once all is durable and in the record.

        All of them are checked first, so an address that is none (IdentifierError) lets nothing happen. Very many are
        written some at a time; what was interrupted can be done again. `by` says who of the staff does it.
        """
        rows = [self._row(one) for one in several]
        added = 0
        for start in range(0, len(rows), AT_ONCE):
            work = partial(self._add, rows=rows[start : start + AT_ONCE], source=source, by=by)
            added += self.people.store.write(work)
        return added

    def lift(self, address: str, scope: str | None = None, *, by: str, why: str) -> list[str]:
        """Take an address off the list, in one scope or in all; the scopes in which it was on it.

        `by` says who does it and `why` for what reason; both are in the record under a commitment.
        """
        address_ = hidden(self.people.key, blind_address(self.people.key, address))

        def work(unit: Unit) -> list[str]:
            lifted = []
            for found, reason in unit.rows(SCOPES, {"of_address": address_}):
                if scope in (None, found):
                    unit.change(LIFT, {"of_address": address_, "of_scope": found})
                    about = {"addresses": [address_.hex()], "staff": by, "why": why}
                    enter_suppressed(unit, "lifted", found, reason, "staff", 1, about)
                    lifted.append(str(found))
            return lifted

        return self.people.store.write(work)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _row(self, new: New) -> tuple[bytes, New]:
        key = self.people.key
        address = new.address if isinstance(new.address, bytes) else hidden(key, blind_address(key, new.address))
        return address, new

    def _add(self, unit: Unit, rows: Sequence[tuple[bytes, New]], source: str, by: str | None) -> int:
        added: dict[tuple[str, str], list[str]] = {}
        for address, new in rows:
            since = unit.at if new.since is None else min(new.since, unit.at)
            if add_row(unit, Suppressed(address, new.scope, new.reason, source, since)):
                added.setdefault((new.scope, new.reason), []).append(address.hex())
        for (scope, reason), addresses in added.items():
            about = {"addresses": hashlib.sha256("\n".join(sorted(addresses)).encode()).hexdigest(), "staff": by}
            enter_suppressed(unit, "added", scope, reason, source, len(addresses), about)
        return sum(map(len, added.values()))


def scope_of_stream(stream: Stream, version: Version) -> str:
    """The scope in which an address gets no more mail of a stream: the choice that its opt-out link refuses.

    Without a choice it is the purpose.
    """
    declared = {choice.id for choice in version.choices}
    gates = [name for one in stream.covering(version) for name in (*one.unless, *one.only_if)]
    names = [stream.choice, *gates]
    found = next((name for name in names if name is not None and name in declared), None)
    return PURPOSE + stream.purpose if found is None else CHOICE + found


def check_scope(scope: str, policy: Policy) -> str:
    """A scope: `*`, `choice:ID` or `purpose:TERM`. StreamError: it is none that the policy knows."""
    if scope == EVERYTHING:
        return scope
    known = Known(policy)
    for prefix, words, what in ((CHOICE, known.choice, "choice"), (PURPOSE, known.purpose, "purpose")):
        if scope.startswith(prefix):
            name = scope.removeprefix(prefix)
            if name in words:
                return scope
            near = nearest(name, list(words))
            hint = f" Did you mean '{near}'?" if near else ""
            raise StreamError(f"'{name[:100]}' is not a {what} of the policy.{hint}")
    raise StreamError(f"'{scope[:100]}' is no scope: it is * for all mail, choice:… or purpose:….")
