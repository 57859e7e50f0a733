"""Nothing reaches a recipient that policy × contract × choice × condition does not allow at that moment.

Random policies, registers, items, choices and requests, on a clock that moves. What may be is said by the reference
evaluator and by the plain model of the register; the gate is only watched through what it wrote down and let leave.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

sys.path.append(str(Path(__file__).parents[1] / "decision"))
sys.path.append(str(Path(__file__).parents[1] / "conditions"))

import msgspec
import pytest
from gate_oracle import Clock
from random_policies import CONDITIONS, DAY, PRODUCTS, RECIPIENTS
from register_oracle import Row, all_transfers_stand, contract_holds
from sharing_oracle import Sharer, sharer
from test_register_properties import policy_with_transfers, random_fact, row_of

from troth.conditions import RecipientError
from troth.conditions.facts import Contract, Profile, Terminated, Transfer
from troth.decision import reference
from troth.decision.question import Known, Question
from troth.gates.errors import GateError
from troth.gates.share import jobs
from troth.gates.share.wanted import Segment, Shared, Wanted
from troth.people import Identifier
from troth.policy.history import Policy
from troth.policy.values import read_period
from troth.vault import NewItem, Origin

WHOS = [Identifier("account", str(n)) for n in range(5)]
MEMBERS = (*RECIPIENTS, "emil")


class Told:
    """A condition that holds when a test says so, for some or for all."""

    def __init__(self) -> None:
        self.yes = False
        self.of: frozenset[str] | None = None

    def holds(self, sharing) -> bool:
        return self.yes

    def persons(self, sharing) -> frozenset[str] | None:
        return self.of


class Item(msgspec.Struct):
    data: str
    value: str
    version: str
    expires: datetime | None


class World:
    """A store with its gate, and beside it everything that was done to it, in plain lists."""

    def __init__(self, rng: Random, policy: Policy, at: Sharer, told: dict[str, Told]) -> None:
        self.rng, self.policy, self.at, self.told = rng, policy, at, told
        self.known = Known(policy)
        self.rows: list[Row] = []
        self.items: dict[Identifier, list[Item]] = {who: [] for who in WHOS}
        self.states: dict[Identifier, dict[str, str]] = {who: {} for who in WHOS}
        self.agreed: dict[Identifier, str | None] = dict.fromkeys(WHOS)
        self.ids = {who: at.people.know(who) for who in WHOS}
        self.gone: set[Identifier] = set()
        self.number = 0

    # --- what happens -------------------------------------------------------------------------------------------------

    def happens(self) -> None:
        rng, at = self.rng, self.at
        who = rng.choice(WHOS)
        version = self.policy.in_force(at.clock.now)
        kind = rng.random()
        if kind < 0.25:
            at.clock.move(hours=rng.choice([1, 12, 24, 48]))
        elif kind < 0.4 and version is not None and who not in self.gone:
            declared = [choice.id for choice in version.choices]
            if declared:
                choice, state = rng.choice(declared), rng.choice(["in", "out", "unset"])
                at.people.choose(who, {choice: state}, how="page")
                self.states[who].pop(choice, None)
                if state != "unset":
                    self.states[who][choice] = state
        elif kind < 0.45 and version is not None and who not in self.gone:
            at.people.accept(who, how="page")
            self.agreed[who] = version.id
        elif kind < 0.6:
            for one in self.told.values():
                one.yes = rng.random() < 0.7
                some = frozenset(rng.sample([*self.ids.values()], 3))
                one.of = some if rng.random() < 0.4 else None
        elif kind < 0.62 and len(self.gone) < 2 and who not in self.gone:
            at.gates.vault.erase([who])
            self.gone.add(who)
            self.items[who] = []
        elif kind < 0.8:
            self.collect(who)
        else:
            self.register()

    def collect(self, who: Identifier) -> None:
        if who in self.gone:
            return
        rng, at = self.rng, self.at
        version = rng.choice(self.policy.versions)
        data = rng.choice(version.vocabulary.slugs("data"))
        self.number += 1
        keeps = rng.choice([None, None, "1 day", "3 days"])
        value = f"value {self.number}"
        origin = Origin("collects-0", self.policy.id, version.id)
        item = NewItem(data, value, None if keeps is None else read_period(keeps))

        def work(unit) -> None:
            at.gates.vault.put(unit, at.people.resolve(unit, who), origin, [item])

        at.people.write(work)
        ends = None if keeps is None else read_period(keeps).ends(at.clock.now)
        self.items[who].append(Item(data, value, version.id, ends))

    def register(self) -> None:
        rng, at, now = self.rng, self.at, self.at.clock.now
        recipient = rng.choice(MEMBERS)
        version = self.policy.in_force(now) or self.policy.versions[0]
        declared = [v.recipient(recipient).kind for v in self.policy.versions if v.recipient(recipient)]
        said = random_fact(rng, self.policy)
        if recipient not in at.conditions.register.standing() or isinstance(said, Profile):
            kinds = version.vocabulary.slugs("recipient")
            said = Profile(name="N", kind=declared[-1] if declared else rng.choice(kinds), countries=rng.choice(
                ((), ("US",), ("DE",))))  # fmt: skip
        elif rng.random() < 0.8:
            shares = [share for share in version.shares if recipient in share.recipients or rng.random() < 0.5]
            if shares:
                share = rng.choice(shares)
                ends = None if rng.random() < 0.5 else now + DAY * rng.randint(1, 3)
                id = f"n{len(self.rows)}"
                said = Contract(
                    id=id, begins=now, ends=ends, accepts=version.id, signed=now, purposes=share.purposes,
                    data=share.data or (rng.choice(version.vocabulary.slugs("data")),),
                )  # fmt: skip
                if share.transfer is not None and rng.random() < 0.6:
                    said = Transfer(
                        id=id, country=share.transfer.to[0], by=share.transfer.by, begins=now, ends=ends,
                        claim=share.transfer.claim,
                    )  # fmt: skip
        elif rng.random() < 0.5:
            mine = [row for row in self.rows if row["of"] == recipient and row["what"] == "contract"]
            if mine:
                said = Terminated(contract=rng.choice(mine)["id"], on=now, owed="delete", due=now)
        try:
            at.conditions.register.add(recipient, said, by="mary")
        except RecipientError:
            return
        self.rows.append(row_of(recipient, now, said))

    def wanted(self) -> Wanted:
        """A question, mostly about something that a statement shares."""
        rng = self.rng
        version = self.policy.in_force(self.at.clock.now) or self.policy.versions[0]
        recipient, purpose = rng.choice(MEMBERS), rng.choice(tuple(self.known.purpose))
        data = rng.sample(sorted(self.known.data), rng.randint(1, min(4, len(self.known.data))))
        if version.shares and rng.random() < 0.8:
            share = rng.choice(version.shares)
            purpose = rng.choice(share.purposes)
            named = [name for name in share.recipients if version.recipient(name) is not None]
            recipient = rng.choice(named or MEMBERS)
            data = sorted({*data, *share.data})
        return Wanted(
            recipient=recipient, purpose=purpose, data=tuple(data),
            product=rng.choice([None, None, *(p for p in PRODUCTS if p in self.known.product)]),
            channel=rng.choice(["webhook", "answer"]),
            consideration="money" if rng.random() < 0.05 else None,
        )  # fmt: skip

    # --- what may be --------------------------------------------------------------------------------------------------

    def allowed(self, wanted: Wanted, who: Identifier) -> dict[str, str]:
        """The newest value of each data term asked for that may be shared now, of one person."""
        now = self.at.clock.now
        version = self.policy.in_force(now)
        mine = [row for row in self.rows if row["of"] == wanted.recipient and row["at"] <= now]
        if version is None or wanted.consideration is not None or who in self.gone:
            return {}
        declared = version.recipient(wanted.recipient)
        kinds = [row["kind"] for row in mine if row["what"] == "registered"]
        if declared is None and not kinds:
            return {}
        word = wanted.recipient if declared is not None else kinds[-1]
        found: dict[str, str] = {}
        for item in self.items[who]:
            if not any(
                v.vocabulary.knows("data", item.data) and set(v.vocabulary.path("data", item.data)) & set(wanted.data)
                for v in self.policy.versions
            ):
                continue
            asking = (wanted.recipient, item.data, wanted.purpose)
            where = mine if kinds else [{"of": wanted.recipient, "what": "registered", "at": now, "kind": declared.kind,
                                         "countries": ()}]  # fmt: skip
            if not all_transfers_stand(version, where, *asking, now):
                continue
            given = {name for name, one in self.told.items() if one.yes and (one.of is None or self.ids[who] in one.of)}
            if contract_holds(self.policy, self.rows, *asking, version.id, now):
                given.add("contract")
            question = Question(
                action="share", data=item.data, purpose=wanted.purpose, recipient=word, product=wanted.product,
                choices=self.states[who], given=frozenset(given & set(self.known.condition)), at=now,
                collected_under=item.version, expires=item.expires, accepted=self.agreed[who],
            )  # fmt: skip
            if reference.decide(self.policy, question).allowed:
                found[item.data] = item.value  # the items are in their order, so the newest stays
        return found


def lines(at: Sharer, id: str, batch: int) -> dict[str | None, tuple[str, ...]]:
    rows = at.rows(
        "SELECT d.pseudonym, d.data FROM disclosed d JOIN disclosure_batches b ON b.leaf = d.leaf "
        "WHERE b.disclosure = :id AND b.number = :number", id=id, number=batch,
    )  # fmt: skip
    return {pseudonym: msgspec.json.decode(data, type=tuple[str, ...]) for pseudonym, data in rows}


def expected_of(world: World, wanted: Wanted, whos: list[Identifier]) -> dict[str, dict[str, str]]:
    pseudonym = world.at.people.key.pseudonym
    found = {pseudonym(wanted.recipient, world.ids[who]): world.allowed(wanted, who) for who in whos}
    return {name: values for name, values in found.items() if values}


def look_again(world: World, kept: list[tuple[str, int, Wanted, dict[str, set[str]]]], met: Counter) -> None:
    """Each batch, as it would leave now: what it was disclosed with, less what stayed before, if it may leave now."""
    for id, batch, wanted, left in kept:
        now = expected_of(world, wanted, WHOS)
        leaving = {one.subject: dict(one.values) for one in world.at.sharing.contents(id, batch).persons}
        for subject in left:
            may = {data: now[subject][data] for data in left[subject] if data in now.get(subject, {})}
            met["withheld"] += len(left[subject]) - len(may)
            left[subject] = set(may)
            assert leaving.get(subject, {}) == may
        assert leaving.keys() <= left.keys()


def one_policy(seed: int, met: Counter) -> None:
    rng = Random(seed)
    policy = policy_with_transfers(rng)
    told = {name: Told() for name in CONDITIONS if name != "contract"}
    clock = Clock(policy.versions[0].effective)
    quick = {"synchronous": "OFF"}  # nothing here is about power cuts
    with tempfile.TemporaryDirectory() as folder, sharer(Path(folder), policy, clock, pragmas=quick, **told) as at:
        world = World(rng, policy, at, told)
        kept: list[tuple[str, int, Wanted, dict[str, set[str]]]] = []
        for _ in range(30):
            world.happens()
        for who in WHOS * 3:
            world.collect(who)
        for _ in range(20):
            for _ in range(rng.randint(0, 4)):
                world.happens()
            wanted = world.wanted()
            if rng.random() < 0.3:
                a_job(world, wanted, kept, met)
            else:
                at_once(world, wanted, kept, met)
            if rng.random() < 0.4:
                look_again(world, kept, met)
        look_again(world, kept, met)


def asked(world: World, wanted: Wanted, whos: list[Identifier] | Segment) -> Shared | GateError:
    try:
        return world.at.sharing.share(wanted, whos)
    except GateError as problem:
        return problem


def at_once(world: World, wanted: Wanted, kept: list, met: Counter) -> None:
    whos = [who for who in world.rng.sample(WHOS, world.rng.randint(1, 4)) if who not in world.gone]
    if not whos:
        return
    expected = expected_of(world, wanted, whos)
    shared = asked(world, wanted, whos)
    if isinstance(shared, GateError):
        assert expected == {}, (shared, wanted)
        met[f"refused {shared.code}"] += 1
        return
    met[shared.state] += 1
    found = lines(world.at, shared.id, 1)
    assert {name: set(data) for name, data in found.items()} == {n: set(values) for n, values in expected.items()}
    assert (shared.persons, shared.released) == (len(found), sum(map(len, found.values())))
    met["values"] += shared.released
    if found:
        if wanted.channel == "answer":
            assert {one.subject: dict(one.values) for one in shared.contents[0].persons} == expected
        kept.append((shared.id, 1, wanted, {name: set(data) for name, data in found.items()}))


def a_job(world: World, wanted: Wanted, kept: list, met: Counter) -> None:
    """A job in batches of two, with something happening between any two of them."""
    sharing = world.at.sharing
    shared = asked(world, wanted, Segment())
    if isinstance(shared, GateError):
        assert expected_of(world, wanted, WHOS) == {}, (shared, wanted)
        return
    done, batches, seen = "", 0, set()
    for _ in range(20):
        expected = expected_of(world, wanted, WHOS)
        version = world.policy.in_force(world.at.clock.now)
        if sharing._jobs.step(shared.id) == 0:
            break
        now = sharing.look(shared.id)
        if now.batches > batches:
            batches = now.batches
            found = lines(world.at, shared.id, batches)
            assert not seen & found.keys(), "a person twice"
            seen |= found.keys()
            assert {name: set(data) for name, data in found.items()} == {name: set(expected[name]) for name in found}, (
                wanted
            )
            assert version is not None
            assert version.id == now.version, "written down under a version that is not in force"
            kept.append((shared.id, batches, wanted, {name: set(data) for name, data in found.items()}))
            met["job batches"] += 1
        if now.state == "stopped":
            met["stopped"] += 1
            assert expected == {} or version is None or version.id != now.version, now.why
        done = now.state
        closing(world, wanted) if world.rng.random() < 0.5 else world.happens()
    assert done in ("done", "stopped", "refused")
    met[f"job {done}"] += 1


def closing(world: World, wanted: Wanted) -> None:
    """Close the gate in the middle: all contracts with the recipient end, nothing holds, or a new version comes."""
    at, now = world.at, world.at.clock.now
    kind = world.rng.random()
    later = [version.effective for version in world.policy.versions if version.effective > now]
    if kind < 0.3 and later:
        at.clock.now = min(later)
        return
    for one in world.told.values():
        one.yes = False
    for row in [row for row in world.rows if row["of"] == wanted.recipient and row["what"] == "contract"]:
        said = Terminated(contract=row["id"], on=now, owed="delete", due=now)
        try:
            at.conditions.register.add(wanted.recipient, said, by="mary")
        except RecipientError:
            continue
        world.rows.append(row_of(wanted.recipient, now, said))


def run(seeds: range) -> Counter:
    met: Counter = Counter()
    for seed in seeds:
        one_policy(seed, met)
    return met


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "BATCH", 2)


def test_nothing_leaves_that_is_not_allowed_at_that_moment() -> None:
    met = run(range(18))
    assert met["values"] > 40, met
    assert met["withheld"] > 10, met
    assert met["job batches"] > 10, met
    for code in ("condition-not-met", "not-stated", "transfer"):
        assert met[f"refused {code}"] > 0, (code, met)
    assert met["job done"] > 5, met
    assert met["stopped"] > 1, met


@pytest.mark.soak
def test_nothing_leaves_that_is_not_allowed_with_many_policies() -> None:
    run(range(1_000, 3_000))


def test_a_clock_that_goes_on_by_a_moment(tmp_path: Path) -> None:
    """The last moment of a contract, and the first after it, to the microsecond."""
    from sharing_oracle import PAY

    with sharer(tmp_path) as at:
        who = Identifier("account", "a")
        at.collect(who)
        end = at.clock() + timedelta(days=3)
        at.contract(ends=end)
        at.clock.now = end - timedelta.resolution
        shared = at.sharing.share(PAY, [who])
        assert len(at.sharing.contents(shared.id, 1).persons) == 1
        at.clock.now = end
        assert at.sharing.contents(shared.id, 1).persons == ()
        with pytest.raises(GateError):
            at.sharing.share(PAY, [who])
