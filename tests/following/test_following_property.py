"""Random lives, and a follower that is killed at every step: who holds data learns of it, and nobody else does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from followed import AGENCY, GROUP, MAIL, PARTNER, Followed, followed
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from troth.gates.following.following import Following
from troth.people import Identifier
from troth.people.errors import UnknownPersonError
from troth.people.strictness import effective
from troth.policy.model import Shares
from troth.store import Store

NAMES = ("ann", "bob", "cat")
SHARED = (
    (AGENCY, "marketing.own", "marketing-mail"), (AGENCY, "marketing.events", "invitation-mail"),
    (MAIL, "marketing.own", "marketing-mail"), (GROUP, "service.provide", "group"),
    (PARTNER, "partner.programme", "co-branded-pages"),
)  # fmt: skip
CHOICES = ("marketing", "marketing.events", "marketing.partners", "optional-data", "analytics")
PRODUCTS = (None, "gotomeeting", "gototraining")


def life(rng: Random, length: int) -> list[tuple[Any, ...]]:
    """Steps in which data goes to many before much happens to the people."""
    first = [("share", rng.choice(SHARED), name) for name in NAMES for _ in range(2)]
    return first + [step(rng) for _ in range(length)]


def step(rng: Random) -> tuple[Any, ...]:
    """One more step."""
    match rng.choices(("share", "choose", "merge", "erase", "kill", "run"), (3, 6, 2, 1, 4, 1))[0]:
        case "share":
            return ("share", rng.choice(SHARED), rng.choice(NAMES))
        case "choose":
            state = rng.choice(("out", "out", "in", "unset"))
            return ("choose", rng.choice(NAMES), rng.choice(CHOICES), state, rng.choice(PRODUCTS))
        case "merge":
            return ("merge", rng.choice(NAMES), rng.choice(NAMES))
        case "erase":
            return ("erase", rng.choice(NAMES))
        case "kill":
            return ("kill", rng.randint(0, 4), rng.random() < 0.5)
        case _:
            return ("run",)


class KilledError(Exception):
    """The follower was killed."""


class Mortal:
    """A store whose writer is killed at the n-th unit of work: before it is committed, or right after."""

    def __init__(self, store: Store, number: int, committed: bool) -> None:
        self._store, self._number, self._committed = store, number, committed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, work: Callable[[Any], Any]) -> Any:
        self._number -= 1
        if self._number != -1:
            return self._store.write(work)
        if self._committed:
            self._store.write(work)
            raise KilledError

        def killed(unit: Any) -> Any:
            work(unit)
            raise KilledError

        return self._store.write(killed)


class Model:
    """What each recipient holds, by pseudonym, written apart from the program."""

    def __init__(self, at: Followed) -> None:
        self.at = at
        self.held: dict[tuple[str, str], set[str]] = {}  # recipient and pseudonym: the statements
        self.of: dict[tuple[str, str], str] = {}  # the id of the person at that time
        self.on_page: dict[str, set[str]] = {}  # whom a partner may learn of beside that: pseudonyms that they ever had
        self.erased: set[str] = set()
        policy = at.gated.people.policy
        self.statements: dict[str, Shares] = {one.id: one for one in policy.versions[-1].shares}

    def must(self) -> set[tuple[str, str, str]]:
        """What has to have been told by now."""
        found = set()
        for (recipient, pseudonym), ids in self.held.items():
            person = self.of[recipient, pseudonym]
            if person in self.erased:
                found.add((recipient, "erasure", pseudonym))
                continue
            said = {name: row.state for name, row in self.at.gated.people.current(person).items()}
            for id in ids:
                statement = self.statements[id]
                if any(effective(said, gate) == "out" for gate in statement.unless):
                    found.add((recipient, "opt-out", pseudonym))
        return found

    def may(self, recipient: str, kind: str, pseudonym: str) -> bool:
        """Whether a recipient may have been told at all."""
        if kind == "erasure":
            return self.of.get((recipient, pseudonym)) in self.erased
        on_page = recipient == PARTNER and any(pseudonym in ever for ever in self.on_page.values())
        return (recipient, pseudonym) in self.held or on_page

    def look(self) -> None:
        """Take notice of who became one with somebody else, and has another pseudonym now."""
        for name, ever in self.on_page.items():
            if self.at.gated.people.find(Identifier("account", name)) is not None:
                ever.add(self.at.pseudonym(PARTNER, name))


def take(at: Followed, model: Model, step: tuple[Any, ...]) -> None:
    people = at.gated.people
    match step:
        case ("share", (recipient, purpose, statement), name):
            person = at.know(name)
            shared = at.share(recipient, purpose, name)
            for contents in shared.contents:
                for leaving in contents.persons:
                    key = recipient, leaving.subject
                    model.held.setdefault(key, set()).add(statement)
                    model.of[key] = person
        case ("choose", name, choice, state, product):
            people.choose(Identifier("account", name), {choice: state}, how="page", product=product)
            if product == "gotomeeting" and state == "out":
                model.on_page.setdefault(name, set())
        case ("merge", name, other):
            people.link(Identifier("account", name), Identifier("account", other))
        case ("erase", name):
            person = people.find(Identifier("account", name))
            if person is None:
                return
            family = {one for one in {*model.of.values(), person} if people.find(one) == person}
            at.gated.vault.erase([person], staff="mary")
            model.erased |= family
        case ("kill", number, committed):
            mortal = Following(at.gated.vault, at.conditions.register, at.queue, at.sharing)
            mortal._store = Mortal(at.gated.store, number, committed)  # type: ignore[assignment]
            try:
                mortal.run()
                event("the follower outlived it")
            except KilledError:
                event("killed")
        case ("run",):
            at.following.run()


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_who_holds_data_learns_of_it_and_nobody_else_learns_anything(seed: int) -> None:
    with TemporaryDirectory() as place, followed(Path(place)) as at:
        model = Model(at)
        for one in life(Random(seed), 16):
            try:
                take(at, model, one)
            except UnknownPersonError:
                continue
            model.look()
            told = {(recipient, kind, pseudonym) for recipient, kind, pseudonym, _ in at.told()}
            assert all(model.may(*each) for each in told), told
            if one[0] == "run":
                assert model.must() <= told
        while at.following.run():  # a run decides about some corrections, and leaves the rest to the next
            pass
        told = {(recipient, kind, pseudonym) for recipient, kind, pseudonym, _ in at.told()}
        assert model.must() <= told
        assert all(model.may(*each) for each in told)
        for recipient, body in at.messages():
            assert (recipient, str(body["type"]).removeprefix("troth."), body["subject"]) in told
            assert not {"person", "account", "email"} & body.keys()
        # Everything is told once: what runs again finds nothing.
        count = len(at.messages())
        at.following.run()
        assert len(at.messages()) == count
        event(f"told: {min(len(told), 4)}")
