"""Choices as lines: what leaves comes in again as it was, and a bad line stops after all before it were taken."""

import json
from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest

from troth.people import Identifier, People
from troth.people.errors import ChoiceError, PeopleError
from troth.people.exchange import OUTCOMES, BadLineError, export_lines, import_lines
from troth.people.importing import Imported, Outcome
from troth.record.reader import RecordReader
from troth.store import StoreUnavailableError

ANN, BOB = Identifier("email", "ann@example.org"), Identifier("account", "b")
MADE = "2020-05-01T12:00:00Z"


def line(who: str = "ann@example.org", choice: str = "marketing", state: str = "out", **more: object) -> bytes:
    return json.dumps({"who": who, "choice": choice, "state": state, "made_at": MADE, **more}).encode() + b"\n"


def outcomes(people: People, *lines: bytes) -> list[tuple[int, str | None]]:
    done = import_lines(people, lines, staff="s1")
    return [(one.number, one.taken.outcome if one.taken else None) for one in done]


def states(people: People, who: object) -> dict[str, str]:
    return {name: row.state for name, row in people.current(who).items()}


def test_lines_are_taken_in_their_order(people: People) -> None:
    people.choose(BOB, {"analytics": "out"}, how="page")
    lines = (
        line(own_act=True, product="shop", version="2020-01-01"),
        b"\n",
        line("account:b", "analytics", "in"),
        line("email:ann@EXAMPLE.org", state="out"),
        line(people.find(BOB) or "", "marketing", "in"),
    )
    assert outcomes(people, *lines) == [(1, "taken"), (3, "weaker"), (4, "same"), (5, "taken")]
    (change,) = people.history(ANN)
    assert (change.state, change.actor, change.how, change.staff, change.product) == (
        "out", "person", "import", "s1", "shop",
    )  # fmt: skip
    assert change.made_at == datetime(2020, 5, 1, 12, tzinfo=UTC)
    assert states(people, BOB) == {"analytics": "out", "marketing": "in"}
    assert outcomes(people) == []


def test_what_goes_out_comes_in_again(people: People, clock) -> None:
    people.choose(ANN, {"marketing": "out", "partners": "in"}, how="page")
    people.choose(BOB, {"marketing": "in", "marketing.news": "out", "analytics": "in"}, how="page")
    people.choose(BOB, {"marketing": "unset"}, how="page")
    people.signal(Identifier("cookie", "c1"))
    lines = list(export_lines(people))
    before = {who: states(people, who) for who in (ANN, BOB, Identifier("cookie", "c1"))}
    size = RecordReader(people.store).size()
    found = outcomes(people, *lines)
    assert {outcome for _, outcome in found} == {"same", None}
    assert [number for number, _ in found] == list(range(1, len(lines) + 1))
    assert RecordReader(people.store).size() == size
    # What follows from others has no time of its own, and nothing is taken for it.
    idle = [lines[number - 1] for number, outcome in found if outcome is None]
    assert idle
    assert all(json.loads(text)["made_at"] is None for text in idle)
    # Later agreements are undone by what went out before only where that is stricter.
    clock.move(days=1)
    people.choose(ANN, {"marketing": "in", "partners": "out"}, how="page")
    assert {outcome for _, outcome in outcomes(people, *lines)} == {"same", "older", "weaker", None}
    assert states(people, ANN) == {"marketing": "in", "partners": "out"}
    assert {who: states(people, who) for who in list(before)[1:]} == {who: before[who] for who in list(before)[1:]}


BAD = [
    (b"x\n", "is not a choice: JSON is malformed"),
    (b"[]\n", "Expected `object`"),
    (b"\xff\n", "is not a choice"),
    (line(ownact=True), "unknown field `ownact`. A line has who, choice"),
    (line(made_at="2020-05-01T12:00:00"), "timezone"),
    (line(made_at=None), "`made_at` is missing"),
    (line(who=None), "`who` says whose it is, once"),
    (line(person="0" * 32), "`who` says whose it is, once"),
    (line(who="4711"), "names nobody. There are: the id of a person"),
    (line(who="email:ann"), "name@domain"),
    (line(who="0" * 32), "There is no person"),
    (line(choice="marketting"), "Did you mean 'marketing'?"),
    (line(state="off"), "in, out or unset, not 'off'"),
    (line(version="2019-01-01"), "not a version of the policy"),
    (line(version="2021-01-01"), "not in force yet"),
    (line(product="shopp"), "Did you mean 'shop'?"),
    (line(made_at="2020-06-02T00:00:00Z"), "not made in the future"),
]


@pytest.mark.parametrize(("bad", "says"), BAD)
def test_a_bad_line_is_named_and_the_lines_before_it_were_taken(people: People, bad: bytes, says: str) -> None:
    lines = [line(f"account:{number}") for number in range(3)]
    done = import_lines(people, [*lines, b"\n", bad, line("account:after")], staff="s1")
    for number in range(3):
        assert next(done).number == number + 1
    with pytest.raises(BadLineError) as refused:
        next(done)
    assert refused.value.number == 5
    assert str(refused.value).startswith("Line 5: ")
    assert says in str(refused.value)
    assert [states(people, Identifier("account", str(number))) for number in range(3)] == [{"marketing": "out"}] * 3
    for nobody in ("after", "ann"):
        assert people.find(Identifier("account", nobody)) is None
    assert people.find(ANN) is None  # nothing of the bad line either


@pytest.mark.parametrize("bad", [line(choice="no-such"), b"x\n"])
def test_however_many_lines_come_before_it(people: People, bad: bytes) -> None:
    """More than one transaction takes."""
    lines = [line(f"account:{number}") for number in range(230)]
    taken = []
    with pytest.raises(BadLineError, match="Line 231: "):
        taken.extend(import_lines(people, [*lines, bad], staff="s1"))
    assert [one.number for one in taken] == list(range(1, 231))
    assert len({row.person for row in people.export()}) == 230


def test_a_store_that_goes_away_is_told_as_such(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(work: object) -> None:
        raise StoreUnavailableError("down")

    done = import_lines(people, [line(f"account:{number}") for number in range(150)], staff="s1")
    next(done)
    monkeypatch.setattr(people.store, "write", down)
    given = []
    with pytest.raises(StoreUnavailableError):
        given.extend(done)
    assert len(given) == 99  # the rest of those that were durable


def test_an_import_names_who_does_it(people: People) -> None:
    with pytest.raises(ChoiceError, match="names who"):
        list(import_lines(people, [line()], staff=""))
    with pytest.raises(PeopleError, match="names who"):
        people.choose(ANN, {"marketing": "out"}, how="staff", staff="")


def test_a_source_that_fails_loses_nothing_that_came_before(people: People) -> None:
    def records():
        yield Imported(who=ANN, choice="marketing", state="out", made_at=datetime(2020, 5, 1, tzinfo=UTC))
        raise OSError("the disk is gone")

    done = people.import_choices(records(), staff="s1")
    assert next(done).outcome == "taken"
    with pytest.raises(OSError, match="gone"):
        next(done)
    assert states(people, ANN) == {"marketing": "out"}


def test_every_outcome_is_explained() -> None:
    assert set(get_args(Outcome)) <= set(OUTCOMES)


def test_a_line_that_leaves_has_what_the_reference_says(people: People) -> None:
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs/reference/people.md").read_text("utf-8")
    people.choose(ANN, {"marketing": "out"}, how="page")
    (first, *_) = export_lines(people)
    for name in msgspec.json.decode(first):
        assert f"| `{name}` | yes |" in text
    for name in ("who", "own_act", "product"):
        assert f"| `{name}` |" in text
