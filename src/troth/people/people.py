"""People and their choices as applications use them: `People.choose`, `signal`, `link`, `unlink`, `current`, `history`.

Every change is one unit of work: what is stored, its entry in the record and its message become durable together, and
only then does the call return. From that moment the choice is in force, also in every `ChoiceIndex` that was attached.
On an event loop, call through `asyncio.to_thread`: units of several threads share a commit.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from troth.people.acting import act_of, check_states, model_of, optional_states, signal_states, version_for
from troth.people.asking import why_ask
from troth.people.changes import (
    ACCEPTED,
    CHANGE_AT,
    CURRENT_OF,
    Act,
    Actor,
    Change,
    Current,
    How,
    Person,
    Scribe,
    accepted_version,
    read_change,
    read_current,
)
from troth.people.errors import ChoiceError, PeopleError
from troth.people.identifiers import Identifier, IdentifierKind
from troth.people.importing import Exported, Imported, Taken, judge
from troth.people.keys import IndexKey, load_index_key
from troth.people.lapsing import Lapsing, in_turns, lasting, let_lapse
from troth.people.persons import Registry
from troth.people.reading import Standing, Who, read_choices, read_export, read_history, read_persons, read_standing
from troth.people.requests import Request
from troth.people.sealing import KeyWrapping
from troth.people.strictness import State, choice_models
from troth.policy.history import Policy
from troth.store import Store, Unit

T = TypeVar("T")
IMPORTED_AT_ONCE = 100  # records in one transaction
WAYS = ("banner", "page", "link", "one-click", "mail", "complaint", "staff")  # how somebody chooses


class Follower(Protocol):
    """What follows the choices, such as a `ChoiceIndex`."""

    def catch_up(self) -> None:
        """Read what is new. Must not raise: a follower that cannot read refuses by itself until it can."""


class Linked(msgspec.Struct, frozen=True):
    """What linking or unlinking led to: the person's id from now on, and the changes of choices that came with it.

    `before` is the person whose identifier it was until then, None for one that was nobody's.
    """

    person: str
    changes: tuple[Change, ...] = ()
    before: str | None = None


class People:
    """The people in `store` and their choices under `policy`. Made by `open_people`; safe to share between threads.

    `who` is a person's id or an `Identifier`; one that was never seen becomes a person when something is written.
    Everything raises StoreUnavailableError when the store is not there: nothing was acknowledged, try again.
    """

    def __init__(  # noqa: PLR0917
        self,
        store: Store,
        policy: Policy,
        key: IndexKey,
        folder: Path,
        random: Callable[[int], bytes] = secrets.token_bytes,
        wrapping: KeyWrapping | None = None,
    ) -> None:
        self.store = store
        self.key = key
        self.folder = folder
        self._registry = Registry(key, Scribe(wrapping or key.wrapping, random), choice_models(policy))
        self._followers: list[Follower] = []
        self._lapsing = Lapsing()
        self.policy = policy

    def use(self, policy: Policy) -> None:
        """Go by this policy from now on: the same one, with a version more."""
        self._registry.models = choice_models(policy)
        self.policy = policy

    @property
    def wrapping(self) -> KeyWrapping:
        """How the keys of persons are wrapped."""
        return self._registry.scribe.wrapping

    @property
    def scribe(self) -> Scribe:
        """What writes entries about persons, for the rooms that stand on this one."""
        return self._registry.scribe

    def wrap_with(self, wrapping: KeyWrapping) -> None:
        """Wrap the keys of persons like this from now on; it must unwrap those that are there."""
        self._registry.scribe.wrapping = wrapping

    def attach(self, follower: Follower) -> None:
        """Let `follower` see every change of this process before it is acknowledged."""
        self._followers.append(follower)

    def detach(self, follower: Follower) -> None:
        """Forget a follower, which then gets older and refuses."""
        self._followers = [one for one in self._followers if one is not follower]

    # --- writing ------------------------------------------------------------------------------------------------------

    def choose(
        self,
        who: Who,
        states: Mapping[str, State],
        *,
        how: How,
        staff: str | None = None,
        product: str | None = None,
        version: str | None = None,
        key: str | None = None,
    ) -> tuple[Change, ...]:
        """Set choices to in or out, or take them back (unset); the changes, once they are durable and in force.

        `how` is banner, page, link, one-click, mail, complaint or staff (then `staff` names who). `version` is the one
        that the person saw; without it, the one in force. The same `key` with the same request is done once and
        answered again.
        ChoiceError: something that the policy does not know. OtherRequestError: the key came with another request.
        """
        check_states(states)
        return self._choose(who, states, how, staff, product, version, key)

    def accept(
        self, who: Who, *, how: How, version: str | None = None, staff: str | None = None, key: str | None = None
    ) -> tuple[Change, ...]:
        """Agree to a version of the policy (the one in force) for data that was given before it; the change.

        It is a change like any other, of the choice `ACCEPTED`; saying unset or out to that takes it back.
        """
        return self._choose(who, {ACCEPTED: "in"}, how, staff, None, version, key)

    def accepted(self, who: Who) -> str | None:
        """The version of the policy that a person agreed to last, or None."""
        return accepted_version(self.current(who))

    def resolve(self, unit: Unit, who: Who) -> Person:
        """The person of an id or identifier, in a unit of work; an identifier never seen becomes a person.

        UnknownPersonError: there is no such id, or the person was erased.
        """
        return self._registry.resolve(unit, who)

    def seek(self, unit: Unit, who: Who) -> Person | None:
        """The person of an id or identifier, in a unit of work; None for an identifier that nobody has.

        UnknownPersonError: there is no such id, or the person was erased.
        """
        return self._registry.person(unit, who) if isinstance(who, str) else self._registry.find(unit, who)

    def write(self, work: Callable[[Unit], T]) -> T:
        """Run a unit of work on the store; what it changes is in every follower before this returns."""
        return self._write(work)

    def refuse_everything(
        self,
        who: Who,
        *,
        how: How,
        staff: str | None = None,
        product: str | None = None,
        version: str | None = None,
        key: str | None = None,
    ) -> tuple[Change, ...]:
        """Refuse everything that is optional: every choice of the policy, and what the person is in besides, is out."""
        return self._choose(who, None, how, staff, product, version, key)

    def signal(self, who: Who, signal: str = "gpc", *, product: str | None = None) -> tuple[Change, ...]:
        """Count a browser's signal: out for every choice that lists it (Global Privacy Control, section 3).

        It may be called at every visit. What counted already is not counted again, and a choice that the person said in
        to after the signal had counted is left as it is: the later and more particular word holds.
        """

        def work(unit: Unit) -> tuple[Change, ...]:
            version = version_for(self.policy, unit.at)
            act = act_of(self.policy, version, "signal", "signal", signal=signal, product=product)
            if not any(signal in choice.signals for choice in version.choices):
                return ()
            person = self._registry.resolve(unit, who)
            current = read_current(unit.rows(CURRENT_OF, {"of_person": person.id}))
            return tuple(
                self._registry.scribe.change(unit, person, choice, "out", act)
                for choice in signal_states(version, current, signal)
            )

        return self._write(work)

    def know(self, identifier: Identifier) -> str:
        """The id of the person whom an identifier is of; one that was never seen becomes a person."""
        return self._write(lambda unit: self._registry.resolve(unit, identifier).id)

    def link(self, who: Who, identifier: Identifier) -> Linked:
        """Link an identifier to a person who signed in or confirmed it.

        If it is another person's, the two become one under the id of `who`, and for each choice the stricter state of
        the two holds. The other id goes on to mean the same person.
        """

        def work(unit: Unit) -> Linked:
            person = self._registry.resolve(unit, who)
            before = self._registry.find(unit, identifier)
            changes = self._registry.link(unit, person, identifier, self._derived(unit, "merge"))
            return Linked(person.id, tuple(changes), None if before is None else before.id)

        return self._write(work)

    def unlink(self, identifier: Identifier) -> Linked:
        """Take an identifier from its person: it is a new person, who keeps every refusal and no agreement.

        UnknownPersonError: nobody has it.
        """

        def work(unit: Unit) -> Linked:
            before = self._registry.find(unit, identifier)
            alone, changes = self._registry.unlink(unit, identifier, self._derived(unit, "unlink"))
            return Linked(alone.id, tuple(changes), None if before is None else before.id)

        return self._write(work)

    def unlink_all(self, who: Who, kind: IdentifierKind) -> tuple[Linked, ...]:
        """Take every identifier of a kind from a person, such as all browsers. UnknownPersonError: there is none."""

        def work(unit: Unit) -> tuple[Linked, ...]:
            person = self._registry.resolve(unit, who)
            parted = self._registry.unlink_all(unit, person, kind, self._derived(unit, "unlink"))
            return tuple(Linked(alone.id, tuple(changes), person.id) for alone, changes in parted)

        return self._write(work)

    def import_choices(self, records: Iterable[Imported], *, staff: str) -> Iterator[Taken]:
        """Take over choices made elsewhere, where that weakens none; what became of each, in order, once durable.

        A record that cannot be taken, or a source that fails, raises its error once all before it were taken and given.
        ChoiceError: a choice that no version declares, or one made in the future. UnknownPersonError: no such person.
        """
        if not staff:
            raise ChoiceError("What staff does for a person names who did it.")
        source, failure = iter(records), None
        while failure is None:
            waiting: list[Imported] = []
            try:
                for record in islice(source, IMPORTED_AT_ONCE):
                    waiting.append(record)  # noqa: PERF402 - what came before a failure is kept
            except Exception as error:
                failure = error
            if not waiting and failure is None:
                return
            yield from self._import(waiting, staff)
        raise failure

    def lapse(self, limit: int = 1000) -> tuple[Change, ...]:
        """Let agreements lapse that the policy lets last no longer, at most `limit` of them; () when none is due.

        Each becomes unset, by a change like any other. It may be called every second: see `lapsing`. One that is
        renewed meanwhile is left alone. StoreUnavailableError: the rest lapses with the next call.
        """
        policy = self.policy
        changes: list[Change] = []
        for some in in_turns(self._lapsing.over(self.store, policy, limit)):
            changes += self._write(partial(let_lapse, registry=self._registry, policy=policy, found=some))
        return tuple(changes)

    # --- reading ------------------------------------------------------------------------------------------------------

    def find(self, who: Who) -> str | None:
        """The id of the person whom an identifier is of, or whom an id means now; None for nobody."""
        return self.find_all((who,)).get(who)

    def find_all(self, whos: Iterable[Who]) -> dict[Who, str]:
        """The same of several at once, without those that are nobody's."""
        return read_persons(self.store, self.key, whos)

    def current(self, who: Who) -> dict[str, Current]:
        """The choices of a person as they are now, by id; also those taken back. Nobody has none."""
        return read_choices(self.store, self.key, who)

    def history(self, who: Who, choice: str | None = None) -> list[Change]:
        """Every change of a person's choices in the order of the record, also from before persons were merged."""
        return read_history(self.store, self.key, who, choice)

    def standing(self, who: Who, choice: str) -> Standing:
        """The state of one choice that counts, where it comes from, and the changes that led to it."""
        return read_standing(self.store, self.key, who, choice)

    def must_ask(self, who: Who, choice: str, version: str | None = None) -> bool:
        """Whether the person must be asked again about a choice under `version` (the one in force). See `asking`."""
        wanted = version_for(self.policy, self.store.clock(), version)
        return bool(why_ask(self.policy, self.current(who), choice, wanted))

    def export(self) -> Iterator[Exported]:
        """Every choice of every person for another system, with what counts; see `importing.Exported`."""
        return read_export(self.store, self._registry.models)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _choose(  # noqa: PLR0917
        self,
        who: Who,
        states: Mapping[str, State] | None,
        how: How,
        staff: str | None,
        product: str | None,
        version: str | None,
        key: str | None,
    ) -> tuple[Change, ...]:
        request = None
        if key is not None:
            whose = who if isinstance(who, str) else [who.kind, self.key.blind(who).hex()]
            wanted = None if states is None else dict(states)
            request = Request(self.key, key, [whose, wanted, how, staff, product, version])
        if how not in WAYS:
            raise ChoiceError(f"'{how}' is not a way of choosing: {', '.join(WAYS)}.")
        if (how == "staff") != (staff is not None) or staff == "":
            raise ChoiceError("What staff does for a person names who did it, and only that does.")

        def work(unit: Unit) -> tuple[Change, ...]:
            leaves = request.answered(unit) if request is not None else None
            if leaves is not None:
                return tuple(read_change(unit.rows(CHANGE_AT, {"at_leaf": leaf})[0]) for leaf in leaves)
            seen = version_for(self.policy, unit.at, version)
            act = act_of(self.policy, seen, "staff" if staff else "person", how, staff=staff, product=product)
            if states is not None:
                check_states({name: state for name, state in states.items() if name != ACCEPTED}, seen)
            person = self._registry.resolve(unit, who)
            current = read_current(unit.rows(CURRENT_OF, {"of_person": person.id}))
            wanted = optional_states(seen, current) if states is None else states
            changes = tuple(
                self._registry.scribe.change(unit, person, choice, state, act, _signal_leaf(current.get(choice)))
                for choice, state in wanted.items()
            )
            if request is not None:
                request.answer(unit, [change.leaf for change in changes], person.id)
            return changes

        return self._write(work)

    def _import(self, records: list[Imported], staff: str) -> Iterator[Taken]:
        def work(unit: Unit) -> tuple[list[Taken], PeopleError | None]:
            done: list[Taken] = []
            for record in records:
                try:
                    done.append(self._take(unit, record, staff))
                except PeopleError as error:  # nothing of this record was written: all of it is checked before
                    return done, error
            return done, None

        done, failure = self._write(work) if records else ([], None)
        yield from done
        if failure is not None:
            raise failure

    def _take(self, unit: Unit, record: Imported, staff: str) -> Taken:
        check_states({record.choice: record.state})
        model = model_of(self._registry.models, record.choice)
        if record.made_at > unit.at:
            raise ChoiceError("A choice that was made elsewhere was not made in the future.")
        version = version_for(self.policy, unit.at, record.version, made_at=record.made_at)
        actor: Actor = "person" if record.own_act else "staff"
        act = act_of(self.policy, version, actor, "import", staff=staff, product=record.product, made_at=record.made_at)
        person = self._registry.resolve(unit, record.who)
        current = read_current(unit.rows(CURRENT_OF, {"of_person": person.id}))
        lasts = lasting(self.policy, unit.at).get(record.choice)
        outcome = judge(model, current, record, lasts is not None and lasts.over(record.made_at, unit.at))
        if outcome != "taken":
            return Taken(outcome)
        before = _signal_leaf(current.get(record.choice))
        change = self._registry.scribe.change(unit, person, record.choice, record.state, act, before)
        return Taken("taken", change.leaf)

    def _derived(self, unit: Unit, how: How) -> Act:
        version = self.policy.in_force(unit.at) or self.policy.versions[0]
        return Act(actor="person", how=how, policy=self.policy.id, version=version.id)

    def _write(self, work: Callable[[Unit], T]) -> T:
        result = self.store.write(work)
        for follower in self._followers:
            follower.catch_up()
        return result


def open_people(
    store: Store,
    folder: Path,
    policy: Policy,
    random: Callable[[int], bytes] = secrets.token_bytes,
    wrapping: KeyWrapping | None = None,
) -> People:
    """The people in `store`, with the key of the identifiers in `folder`. Raises what `load_index_key` raises.

    `wrapping` says how the keys of persons are wrapped. Opening the vault on these people sets it, too; without either
    it is under a key derived from that of the identifiers.
    """
    return People(store, policy, load_index_key(store, folder, random), folder, random, wrapping)


def _signal_leaf(current: Current | None) -> int | None:
    return None if current is None else current.signal_leaf
