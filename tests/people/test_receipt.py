"""The receipt of a choice: of the published shape, verified by its holder alone, and no word of it can be changed."""

import copy
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, get_args

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moving_clock import Clock
from small_policy import FIRST, small_policy

from store_oracle import sqlite_url
from troth.people import Change, Identifier, People, open_people
from troth.people.changes import Actor, How
from troth.people.errors import NotProvableYetError, PeopleError, UnknownPersonError
from troth.people.importing import Imported
from troth.people.receipt import choice_receipt, opening_of, receipt_schema, verify_choice_receipt
from troth.policy.history import Policy
from troth.policy.reading import parse_version
from troth.policy.values import Period
from troth.record import canonical, verifier
from troth.record.commitment import new_salt
from troth.record.keys import create_keys
from troth.record.kinds import make_entry, read_entry, write_time
from troth.record.log import Log, open_log
from troth.record.verifier import Key, VerifyError, words_of_choice
from troth.store import open_store

ANN, BOB, COOKIE = (
    Identifier("email", "ann@example.org"),
    Identifier("email", "bob@example.org"),
    Identifier("cookie", "c"),
)
ACT = "dpv:hasRecordOfActivity"


@pytest.fixture
def log(people: People, tmp_path: Path) -> Log:
    create_keys(tmp_path / "log", "example.org/log")
    return open_log(people.store, tmp_path / "log")


def every_sort_of_change(people: People, clock: Clock) -> list[Change]:
    """Changes that were made in every way there is."""
    people.choose(ANN, {"partners": "in", "marketing": "in"}, how="banner", product="shop")
    people.choose(ANN, {"marketing.news": "out"}, how="link", product="blog")
    people.choose(ANN, {"marketing.news": "unset"}, how="page")
    people.choose(BOB, {"analytics": "out"}, how="staff", staff="Zoë <s1>")
    people.refuse_everything(BOB, how="one-click")
    people.choose(BOB, {"marketing": "out"}, how="mail")
    people.choose(BOB, {"marketing.news": "out"}, how="complaint")
    people.signal(COOKIE)
    clock.move(days=3)
    people.link(ANN, COOKIE)
    people.unlink(COOKIE)
    records = [
        Imported(who=BOB, choice="analytics", state="in", made_at=clock.now - timedelta(days=1), own_act=True),
        Imported(who=COOKIE, choice="marketing", state="out", made_at=clock.now - timedelta(days=9)),
    ]
    assert {taken.outcome for taken in people.import_choices(records, staff="s1")} == {"taken"}
    people.choose(ANN, {"partners": "in"}, how="page")
    clock.move(days=500)
    assert len(people.lapse()) == 1
    changes = sorted({*people.history(ANN), *people.history(BOB), *people.history(COOKIE)}, key=lambda one: one.leaf)
    assert {change.how for change in changes} == set(get_args(How))
    assert {change.actor for change in changes} == set(get_args(Actor))
    return changes


class Story(NamedTuple):
    """Every sort of change with its receipt, as a stranger gets it, and the keys of the log."""

    changes: list[Change]
    receipts: list[dict[str, Any]]
    keys: list[Key]

    def some(self) -> list[dict[str, Any]]:
        """A receipt for each way and actor."""
        ways = {(change.how, change.actor, change.state): place for place, change in enumerate(self.changes)}
        return [self.receipts[place] for place in ways.values()]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder, clock = tmp_path_factory.mktemp("story"), Clock()
    create_keys(folder / "log", "example.org/log")
    with open_store(sqlite_url(folder), create=True, clock=clock, pragmas={"synchronous": "OFF"}) as store:
        people = open_people(store, folder / "keys", small_policy())
        log = open_log(store, folder / "log")
        changes = every_sort_of_change(people, clock)
        log.sign()
        receipts = [json.loads(json.dumps(choice_receipt(people, log, change.leaf))) for change in changes]
        yield Story(changes, receipts, list(log.keys.trusted))


def test_a_receipt_is_verified_offline(people: People, log: Log) -> None:
    (change,) = people.choose(ANN, {"marketing": "out"}, how="page", product="shop")
    with pytest.raises(NotProvableYetError) as early:
        choice_receipt(people, log, change.leaf)
    assert early.value.retryable
    log.sign()
    receipt = json.loads(json.dumps(choice_receipt(people, log, change.leaf, identifier=ANN)))
    jsonschema.Draft202012Validator.check_schema(receipt_schema())
    jsonschema.Draft202012Validator(receipt_schema()).validate(receipt)
    values = verify_choice_receipt(receipt, log.keys.trusted)
    assert values["person"] == change.person
    assert values["change"]["state"] == "out"
    process = receipt[ACT]["dpv:hasProcess"]
    assert process["dct:description"] == "You can refuse marketing."
    assert process["dpv:hasPurpose"] == [{"dct:identifier": "marketing.own", "@type": "dpv:DirectMarketing"}]
    assert receipt[ACT]["dpv:hasConsentControl"]["dpv:isExercisedAt"] == "choices"
    assert receipt[ACT]["dpv:hasDataSubject"]["schema:identifier"]["schema:value"] == ANN.value
    assert "schema:identifier" not in choice_receipt(people, log, change.leaf)[ACT]["dpv:hasDataSubject"]


def test_every_sort_of_change_has_a_receipt_of_the_shape(people: People, log: Log, clock: Clock) -> None:
    changes = every_sort_of_change(people, clock)
    log.sign()
    for change in changes:
        receipt = json.loads(json.dumps(choice_receipt(people, log, change.leaf)))
        jsonschema.Draft202012Validator(receipt_schema()).validate(receipt)
        proven = verify_choice_receipt(receipt, log.keys.trusted)
        stated = {
            "choice": change.choice, "state": change.state, "actor": change.actor, "how": change.how,
            "version": change.version, "product": change.product, "signal": change.signal, "staff": change.staff,
            "made": write_time(change.made_at),
        }  # fmt: skip
        assert {name: proven["change"][name] for name in stated} == stated
        status = receipt[ACT]["dpv:hasConsentStatus"]
        assert status["@type"] == {
            "in": "dpv:ConsentGiven", "out": "dpv:ConsentRefused",
            "unset": "dpv:ConsentExpired" if change.how == "lapse" else "dpv:ConsentWithdrawn",
        }[change.state]  # fmt: skip
        assert (status.get("troth:signal"), status.get("troth:staff")) == (change.signal, change.staff)
        assert ("dct:source" in status) == (change.how in ("merge", "unlink") and change.state != "unset")
        if "dct:source" in status:
            (source,) = [one for one in changes if one.leaf == status["dct:source"]]
            assert (source.choice, source.state, source.made_at) == (change.choice, change.state, change.made_at)


def test_the_schema_knows_every_way_and_actor() -> None:
    status = receipt_schema()["$defs"]["record"]["properties"]["dpv:hasConsentStatus"]["properties"]
    assert status["dpv:hasIndicationMethod"]["enum"] == list(get_args(How))
    assert status["troth:actor"]["enum"] == list(get_args(Actor))


POLICY = FIRST.replace(
    "uses:\n",
    "recipients:\n  mailer: {name: Mailer, kind: processor}\n"
    "collects:\n  visits: {says: We count., data: [usage.clickstream], for: [improve.analytics], unless: analytics,"
    " keeps: account + 2 years}\n"
    "  cookies: {says: Cookies., data: [device.cookie], for: [improve.analytics], unless: analytics, keeps: 30 days}\n"
    "shares:\n  mails: {says: To the mailer., data: [contact.email], with: [mailer, group], for: [marketing.partner],"
    " only_if: partners}\n"
    "uses:\n",
)


def test_what_the_version_says_is_in_the_receipt(people: People, log: Log) -> None:
    people.use(Policy([parse_version(POLICY.encode(), "v.yaml")]))
    leaves = [
        people.choose(ANN, {name: "in"}, how="page")[0].leaf for name in ("analytics", "partners", "partners.events")
    ]
    log.sign()
    receipts = [choice_receipt(people, log, leaf)[ACT] for leaf in leaves]
    for receipt in receipts:
        assert receipt["dpv:hasNotice"]["dct:language"] == "en"
    assert [one["dpv:hasConsentStatus"]["dpv:hasDuration"]["rdf:value"] for one in receipts] == [
        "changed by the person", "P12M", "changed by the person"
    ]  # fmt: skip
    counting, partners, events = (one["dpv:hasProcess"] for one in receipts)
    assert counting["dpv:hasStorageCondition"] == [
        {
            "@type": "dpv:StorageDuration",
            "dpv:hasDuration": {"@type": "dpv:UntilEventDuration", "rdf:value": "account + 2 years"},
        },
        {"@type": "dpv:StorageDuration", "dpv:hasDuration": {"@type": "dpv:TemporalDuration", "rdf:value": "P30D"}},
    ]
    assert [(one["dct:identifier"], one["@type"]) for one in partners["dpv:hasRecipient"]] == [
        ("mailer", "dpv:DataProcessor"), ("group", "dpv:Organisation"),
    ]  # fmt: skip
    assert partners["dpv:hasRecipient"][0]["schema:name"] == "Mailer"
    assert "dpv:hasPurpose" not in events
    from troth.people.dpv import duration

    assert duration(Period(count=90, unit="minute"))["rdf:value"] == "PT90M"


# --- the stand-alone file ---------------------------------------------------------------------------------------------


def test_a_stranger_verifies_every_sort_of_receipt_with_one_file(story: Story, tmp_path: Path) -> None:
    shutil.copy(verifier.__file__, tmp_path / "verifier.py")
    command = [sys.executable, "-I", "verifier.py", "choice.json", "--key", str(story.keys[0])]

    def run() -> subprocess.CompletedProcess:
        # -I: without the paths through which Troth could be imported.
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    ways = {(change.how, change.actor): place for place, change in enumerate(story.changes)}
    for place in ways.values():
        change = story.changes[place]
        (tmp_path / "choice.json").write_text(json.dumps(story.receipts[place], indent=1, ensure_ascii=False))
        done = run()
        assert (done.returncode, done.stderr) == (0, "")
        assert f"entry {change.leaf} of" in done.stdout
        assert "in the log example.org/log" in done.stdout
        for said in (change.person, change.choice, change.state, change.how, change.version, change.policy):
            assert said in done.stdout
        for said in (write_time(change.made_at), change.product, change.signal, change.staff):
            assert said is None or said in done.stdout
    changed = copy.deepcopy(story.receipts[0])
    changed[ACT]["dpv:hasConsentStatus"]["troth:state"] = "out"
    (tmp_path / "choice.json").write_text(json.dumps(changed))
    done = run()
    assert (done.returncode, done.stdout) == (1, "")
    assert "NOT verified: The receipt says 'out'" in done.stderr


def verify(data: bytes, place: Path, keys: list[Key], *more: str) -> int:
    (place / "choice.json").write_bytes(data)
    return verifier.main([str(place / "choice.json"), "--key", str(keys[0]), *more])


def test_what_is_no_receipt_is_refused_with_a_reason(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.dumps(story.receipts[0])
    other = create_keys(tmp_path / "other", "example.org/log").trusted
    twice = good.replace('"dct:identifier": ', '"dct:identifier": "0", "dct:identifier": ', 1)
    assert verify(good.encode(), tmp_path, story.keys) == 0
    for data, keys in (
        (good.encode(), list(other)),
        (twice.encode(), story.keys),
        (good.replace('"troth:index": ', '"troth:index": 1.0, "x": ').encode(), story.keys),
        (good.encode("utf-16")[2:], story.keys),
        (b"{" + good.encode(), story.keys),
        (b"{}", story.keys),
        (b'{"troth:proof": 1}', story.keys),
        (b'{"troth:proof": NaN}', story.keys),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, story.keys),
    ):
        capsys.readouterr()
        assert verify(data, tmp_path, keys) == 1
        assert capsys.readouterr().err.startswith("NOT verified: ")
    assert verify(good.encode(), tmp_path, story.keys, "--document", verifier.__file__) == 1
    assert verify(good.encode(), tmp_path, story.keys, "--witnesses", "1") == 1


# --- no word can be changed -------------------------------------------------------------------------------------------


def words_in(receipt: dict[str, Any]) -> dict[str, Any]:
    """What the receipt says that its entry proves, by the way to each word."""
    proof = receipt["troth:proof"]
    values = proof["troth:opening"]["values"]
    entry = read_entry(verifier.parse_proof(verifier._base64(proof["troth:tlogProof"], "it")).extra or b"")
    words = words_of_choice(proof["troth:index"], entry, values["person"], values["change"])
    return {**words, **{f"troth:proof/{name}": True for name in ("troth:tlogProof", "troth:opening/salt")}}


def at(receipt: Any, path: str) -> Any:
    for name in path.split("/"):
        receipt = receipt.get(name) if isinstance(receipt, dict) else None
    return receipt


def changed(receipt: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy that says something else there, or nothing if the value is None."""
    copied = place = copy.deepcopy(receipt)
    *way, last = path.split("/")
    for name in way:
        place = place[name]
    if value is None:
        place.pop(last, None)
    else:
        place[last] = value
    return copied


def others(word: Any) -> list[Any]:
    """What else might be said instead of a word: nothing, something near, something of another kind."""
    near = [f"{word} ", word.upper(), word[:-1], f"{word[:-1]}x"] if isinstance(word, str) else [str(word)]
    if isinstance(word, int):
        near += [word + 1, float(word), -word - 1]
    return [
        value
        for value in (None, "", "x", 0, True, [], {}, [word], *near)
        if value != word or type(value) is not type(word)
    ]


def test_each_word_is_held_against_the_record(story: Story) -> None:
    count = 0
    for receipt in story.some()[::2]:
        for path in words_in(receipt):
            for value in others(at(receipt, path)):
                if value is None and at(receipt, path) is None:
                    continue
                with pytest.raises(VerifyError):
                    verifier.verify_choice_receipt(changed(receipt, path, value), story.keys)
                count += 1
    assert count > 1000


def test_no_word_of_another_receipt_fits(story: Story) -> None:
    for receipt in story.some()[::3]:
        for other in story.some():
            for path in words_in(receipt):
                if at(receipt, path) != at(other, path):
                    with pytest.raises(VerifyError):
                        verifier.verify_choice_receipt(changed(receipt, path, at(other, path)), story.keys)


def ways_in(value: Any, before: str = "") -> Iterator[str]:
    """The ways to everything that a receipt says."""
    for name, inner in value.items():
        yield before + name
        if isinstance(inner, dict):
            yield from ways_in(inner, f"{before}{name}/")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_whatever_is_changed_the_proven_words_stay_or_it_fails(story: Story, data: st.DataObject) -> None:
    receipt = data.draw(st.sampled_from(story.receipts))
    path = data.draw(st.sampled_from(list(ways_in(receipt))))
    if data.draw(st.booleans()):
        path += "/" + data.draw(st.sampled_from(["x", "troth:state", "dct:identifier"]))
    try:
        told = changed(receipt, path, data.draw(json_values))
    except (TypeError, AttributeError):  # no place for more below a word
        return
    try:
        proven = verifier.verify_choice_receipt(told, story.keys)
    except VerifyError:
        return
    words = words_in(receipt)
    assert {way: at(told, way) for way in words} == {way: at(receipt, way) for way in words}
    assert proven == verifier.verify_choice_receipt(receipt, story.keys)


def test_no_flipped_bit_changes_what_is_proven(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(27560)
    refused = 0
    for receipt in story.some():
        good = json.dumps(receipt, ensure_ascii=False).encode()
        assert verify(good, tmp_path, story.keys) == 0
        told = capsys.readouterr().out
        for _ in range(60):
            data = bytearray(good)
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            if verify(bytes(data), tmp_path, story.keys):
                refused += 1
            else:
                assert capsys.readouterr().out == told
            capsys.readouterr()
    assert refused > 500


def test_an_opening_of_more_or_of_another_kind_is_refused(people: People, log: Log) -> None:
    """An entry of the log that is no choice proves none, however its opening is dressed up."""
    from troth.record.log import append

    (change,) = people.choose(ANN, {"marketing": "out"}, how="page")
    salt, values = new_salt(), {"person": change.person, "identifier": ["email", "0"]}
    entry = make_entry("linked", "ab" * 16, people.store.clock(), values, salt)
    leaf = people.store.write(lambda unit: append(unit, entry))
    log.sign()
    receipt = choice_receipt(people, log, change.leaf)
    proof = receipt["troth:proof"]
    proof["troth:opening"]["values"]["policy"] = "small"
    with pytest.raises(VerifyError, match="opening"):
        verifier.verify_choice_receipt(receipt, log.keys.trusted)
    proof["troth:opening"] = {"event": "ab" * 16, "salt": salt.hex(), "values": values}
    proof["troth:tlogProof"] = verifier.base64.b64encode(log.receipt(leaf) or b"").decode()
    with pytest.raises(VerifyError, match="not that of a choice"):
        verifier.verify_choice_receipt(receipt, log.keys.trusted)


def test_both_spellings_of_a_commitment_are_one(story: Story) -> None:
    for receipt in story.receipts:
        values = receipt["troth:proof"]["troth:opening"]["values"]
        assert verifier.canonical_json(values) == canonical.encode(values)


# --- whose it is ------------------------------------------------------------------------------------------------------


def test_whose_receipt_it_is(people: People, log: Log) -> None:
    (change,) = people.choose(ANN, {"marketing": "out"}, how="page")
    log.sign()
    for wrong in (BOB, Identifier("account", "ann@example.org")):
        with pytest.raises(UnknownPersonError):
            choice_receipt(people, log, change.leaf, identifier=wrong)
    with pytest.raises(PeopleError):
        choice_receipt(people, log, change.leaf - 1)  # the entry of the link


def test_who_is_erased_cannot_be_opened(people: People, log: Log) -> None:
    from troth.store.schema import persons

    (change,) = people.choose(ANN, {"marketing": "out"}, how="page")
    people.store.write(lambda unit: unit.change(persons.update().values(sealing_key=None)))
    with pytest.raises(UnknownPersonError, match="erased"):
        opening_of(people, change.leaf)
    with pytest.raises(UnknownPersonError, match="erased"):
        people.choose(ANN, {"marketing": "in"}, how="page")
