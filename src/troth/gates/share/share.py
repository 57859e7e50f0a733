"""The gate `share`: data leaves to a named recipient, for a stated purpose, and every departure is kept.

Each value of each person is asked of the decision point, with the conditions that hold for the recipient, the person's
choices, and the version under which it was collected. What may be shared is recorded in batches, each in one unit of
work with its entry, its lines and its delivery, and only then acknowledged. The values stay in the vault until they
leave: `contents` decides again at that moment.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

import msgspec

from troth.conditions import Conditions
from troth.decision.point import DecisionPoint
from troth.gates.errors import GateError
from troth.gates.share.asking import Asking, check_wanted
from troth.gates.share.contents import Looking
from troth.gates.share.deciding import Deciding
from troth.gates.share.disclosure import (
    BY_KEY,
    COLUMNS,
    ONE,
    Disclosure,
    Outcome,
    new_disclosure,
    read_disclosure,
)
from troth.gates.share.jobs import BATCH, RUNNING, TRIES, Jobs, MovedOnError, unreachable
from troth.gates.share.queue import Queue
from troth.gates.share.register import Register
from troth.gates.share.wanted import CHANNELS, FORMATS, Contents, Refused, Segment, Shared, State, Wanted
from troth.gates.share.writing import begin, outcome_of, seal_batch, write_batch
from troth.gates.tally import NOBODYS, Tally
from troth.gates.use import MOST_DATA, MOST_PERSONS
from troth.people import ChoiceIndex
from troth.people.errors import StaleChoicesError
from troth.people.reading import Who
from troth.people.requests import LONGEST
from troth.policy.model import Version
from troth.record.cases import is_secret
from troth.store import Unit
from troth.vault import Vault

IDENTIFYING = ("identity", "contact", "account")  # data below these says who a person is
SLICE = 1_000  # persons at once where others wait

Asked = tuple[bytes | None, bytes | None]  # the caller's key and the request, blind


class Sharing:
    """The gate over one vault, decision point, index of choices and register. Safe to share between threads.

    Without a `queue` there are no deliveries, and nothing is shared by the channel `webhook`. `tally` counts what is
    decided about persons, and once what is refused whoever it is about. Everything raises StoreUnavailableError, and
    what decides StaleChoicesError: nothing was shared, and it may be tried again.
    """

    def __init__(
        self,
        vault: Vault,
        point: DecisionPoint,
        index: ChoiceIndex,
        conditions: Conditions,
        *,
        queue: Queue | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._vault = vault
        self._tally = tally
        self._point = point
        self._conditions = conditions
        self._queue = queue
        self._deciding = Deciding(vault, point, index, conditions)
        self._looking = Looking(self._deciding)
        self._jobs = Jobs(self._deciding, queue, tally)

    def share(self, wanted: Wanted, whos: Sequence[Who] | Segment, *, key: str | None = None) -> Shared:
        """Share what is allowed of persons, or of a segment of them; how far that came, once it is durable.

        Up to 500 persons are done at once; more, and segments, are a job that `resume` goes on with. The same `key`
        with the same request is done once and answered again. GateError: it cannot be asked, or is refused whoever it
        is about; a refusal by the policy is kept as a disclosure that was refused.
        """
        asked = self._asked(wanted, whos, key)
        known = self._known(asked)
        if known is not None:
            return self._told(known)
        count = None if isinstance(whos, Segment) else len(whos)
        _check_form(wanted, count)
        at = self._vault.store.clock()
        version = check_wanted(self._point, self._conditions, wanted, at)
        terms = self._deciding.held.terms(wanted.data)
        asking = self._deciding.asking(wanted, version, at)
        self._check_open(asking, version, terms)
        if isinstance(whos, Segment):
            begun = self._begun(wanted, version, segment=whos, asked=self._jobs.count(whos, terms))
            return self._told(self._begin(begun, asked, ()))
        if len(whos) > BATCH:
            found = self._vault.people.find_all(whos)
            ids = list(dict.fromkeys(found[who] for who in whos if who in found))
            nobody = len(whos) - len(ids)
            told = tuple(Refused(data, "nothing-held", persons=nobody) for data in wanted.data if nobody)
            begun = self._begun(wanted, version, asked=len(whos), refused=nobody, outcome=Outcome({}, told))
            return self._told(self._begin(begun, asked, ids))
        return self._told(self._at_once(wanted, whos, asked))

    def refuse(self, wanted: Wanted, why: str) -> None:
        """Keep that a caller asked for what it may not ask for, as a disclosure that was refused.

        Nothing is decided by it, and nothing about anybody is read. A recipient that nobody knows is nothing to keep.
        """
        version = self._point.policy.in_force(self._vault.store.clock())
        if version is None:
            return
        if version.recipient(wanted.recipient) or wanted.recipient in self._conditions.register.standing():
            refused = self._begun(wanted, version, state="refused", why=why)
            self._vault.store.write(lambda unit: begin(unit, refused, None, None))

    def resume(self, limit: int = SLICE) -> int:
        """Go on with the jobs until about `limit` persons had their turn; how much was done, 0 when nothing is left.

        Several processes may call it at once. An error of one job is raised when the others had their turn.
        """
        return self._jobs.resume(limit)

    def running(self) -> tuple[Shared, ...]:
        """The jobs that are not done, the earliest first."""
        with self._vault.store.read() as connection:
            ids = [str(id) for (id,) in connection.execute(RUNNING)]
        return tuple(one for id in ids if (one := self.look(id)) is not None)

    def contents(self, disclosure: str, batch: int) -> Contents:
        """What of a batch may leave now, decided anew; what may not any more is recorded as withheld, and stays.

        It is for who lets it leave at this moment: a delivery at each attempt, a file as it is made.
        GateError: there is no such batch.
        """
        return self._looking.contents(disclosure, batch)

    def look(self, disclosure: str) -> Shared | None:
        """How far a disclosure came; None if there is none of that id."""
        with self._vault.store.read() as connection:
            row = connection.execute(ONE, {"of_id": disclosure}).first()
        return None if row is None else self._answer(read_disclosure(tuple(row)))

    def register(self) -> Register:
        """Who received what about whom, when, why, and by which sentence."""
        return Register(self._vault.people, self._point.policy)

    # --- what is asked ------------------------------------------------------------------------------------------------

    def _asked(self, wanted: Wanted, whos: Sequence[Who] | Segment, key: str | None) -> Asked:
        if key is None:
            return None, None
        if not 0 < len(key) <= LONGEST:
            raise GateError("bad-key", f"The key of a request has 1 to {LONGEST} characters.", field="key")
        blind = self._vault.people.key.blind_request
        whom: object = (
            msgspec.to_builtins(whos)
            if isinstance(whos, Segment)
            else [who if isinstance(who, str) else [who.kind, self._vault.people.key.blind(who).hex()] for who in whos]
        )
        content = msgspec.json.encode([wanted, whom], order="sorted").decode()
        return blind(f"share {wanted.service} {key}"), blind(f"shared content {content}")

    def _known(self, asked: Asked) -> Disclosure | None:
        key, digest = asked
        if key is None or digest is None:
            return None
        with self._vault.store.read() as connection:
            row = connection.execute(BY_KEY, {"of_key": key}).first()
        return None if row is None else _same(tuple(row), digest)

    def _check_open(self, asking: Asking, version: Version, terms: list[str]) -> None:
        """Raise the refusal of what is refused whoever it is about; it is kept."""
        wanted = asking.wanted
        refusal = asking.sold() if wanted.consideration is not None else asking.closed(terms)
        if refusal is not None:
            why = " ".join(filter(None, (refusal.message, refusal.sentence)))
            refused = self._begun(wanted, version, state="refused", why=why)
            self._vault.store.write(lambda unit: begin(unit, refused, None, None))
            if self._tally is not None and not is_secret(wanted.under):
                self._tally.count("share", refusal.statement or NOBODYS, version.id, False, asking.at)
            raise refusal
        if wanted.channel == "webhook":
            missing = unreachable(self._queue, wanted.recipient)
            if missing is not None:
                raise missing

    # --- doing it -----------------------------------------------------------------------------------------------------

    def _begun(self, wanted: Wanted, version: Version, state: State = "running", **more: object) -> Disclosure:
        id = f"dis_{self._vault.people.scribe.random(16).hex()}"
        return new_disclosure(id, wanted, version, self._vault.store.clock(), state, **more)

    def _begin(self, one: Disclosure, asked: Asked, ids: Sequence[str]) -> Disclosure:
        def work(unit: Unit) -> Disclosure:
            known = _known_in(unit, asked)
            if known is None:
                begin(unit, one, *asked, ids)
            return known or one

        return self._vault.store.write(work)

    def _at_once(self, wanted: Wanted, whos: Sequence[Who], asked: Asked) -> Disclosure:
        for _ in range(TRIES):
            try:
                return self._try(wanted, whos, asked)
            except MovedOnError:
                self._deciding.index.catch_up()
        raise StaleChoicesError("People's choices change faster than this can be decided. Please try again.")

    def _try(self, wanted: Wanted, whos: Sequence[Who], asked: Asked) -> Disclosure:
        deciding = self._deciding
        seen = deciding.seen()
        at = self._vault.store.clock()
        version = check_wanted(self._point, self._conditions, wanted, at)
        asking = deciding.asking(wanted, version, at)
        found = self._vault.people.find_all(whos)
        living = deciding.living(found.values())
        different = {one.id: one for one in living.values()}
        items = deciding.held.of(different, deciding.held.terms(wanted.data))
        decided = deciding.decide(asking, seen, tuple(different.values()), items)
        asked_about = len(dict.fromkeys(whos))
        nobody = asked_about - len(different)
        outcome = decided.refusals
        if nobody:
            told = tuple(Refused(data, "nothing-held", persons=nobody) for data in wanted.data)
            outcome = outcome.and_also(Outcome({}, told))
        one = self._begun(
            wanted, version, state="done", asked=asked_about, refused=decided.refused + nobody, outcome=outcome
        )
        batch = None
        if decided.lines:
            batch = seal_batch(self._vault.people.scribe, one, decided.lines, decided.keys)
            one = msgspec.structs.replace(
                one, batches=1, persons=len(batch.lines), released=batch.released, outcome=outcome_of(batch, outcome)
            )
        else:
            why = "Nothing of it may be shared with anybody it was asked about."
            one = msgspec.structs.replace(one, state="refused", why=why)

        def work(unit: Unit) -> Disclosure:
            known = _known_in(unit, asked)
            if known is not None:
                return known
            if decided.seen.moved_on(unit, decided.persons):
                raise MovedOnError
            begin(unit, one, *asked)
            if batch is not None:
                write_batch(unit, one, batch, self._queue)
            return one

        written = self._vault.store.write(work)
        if written is one:
            decided.count(self._tally, asking)
        return written

    # --- the answer ---------------------------------------------------------------------------------------------------

    def _told(self, one: Disclosure) -> Shared:
        """The answer to who asked; by the channel `answer` with the values, if they are one batch."""
        shared = self._answer(one)
        if one.channel != "answer" or one.state != "done" or one.batches != 1:
            return shared
        return msgspec.structs.replace(shared, contents=(self.contents(one.id, 1),))

    def _answer(self, one: Disclosure) -> Shared:
        return one.shared(next((known for known in self._point.policy.versions if known.id == one.version), None))


def _known_in(unit: Unit, asked: Asked) -> Disclosure | None:
    key, digest = asked
    rows = unit.rows(BY_KEY, {"of_key": key}) if key is not None else ()
    return _same(rows[0], digest) if rows and digest is not None else None


def _same(row: Sequence[object], digest: bytes) -> Disclosure:
    """The disclosure that a key led to, if it came with the same request."""
    if not hmac.compare_digest(bytes(row[len(COLUMNS)]), digest):  # type: ignore[call-overload]
        text = "This key came before with another request. Nothing was shared; use a new key."
        raise GateError("other-request", text, field="key")
    return read_disclosure(row)


def _check_form(wanted: Wanted, count: int | None) -> None:
    """Raise GateError for a request that is too large, or asks for what there is not."""
    if count is not None and not 0 < count <= MOST_PERSONS:
        raise GateError(
            "too-many", f"One request is about 1 to {MOST_PERSONS} persons, not {count}. A segment takes any number."
        )
    if not 0 < len(wanted.data) <= MOST_DATA:
        raise GateError("too-many", f"One request asks for 1 to {MOST_DATA} data terms, not {len(wanted.data)}.")
    for name, value, known in (("channel", wanted.channel, CHANNELS), ("format", wanted.format, FORMATS)):
        if value not in known:
            raise GateError(f"unknown-{name}", f"'{value[:100]}' is no {name}: {', '.join(known)}.", field=name)
    if wanted.identified and not any(data.split(".")[0] in IDENTIFYING for data in wanted.data):
        text = (
            f"Nothing that is asked for says who a person is. Ask for data below {', '.join(IDENTIFYING)} too, or "
            "leave `identified` out: the recipient knows each person by a pseudonym of its own."
        )
        raise GateError("identified", text, field="data")
