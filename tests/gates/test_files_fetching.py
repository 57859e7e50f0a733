"""Fetching files: by the recipient, once, in time, and only what may still leave. Everything else is refused."""

import hashlib
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from filing import FIRM, OTHER, Filing, filing
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.conditions.facts import Contract, Terminated
from troth.gates.share.files import fetching
from troth.gates.share.files.fetching import FetchError
from troth.gates.share.files.links import MOST_FETCHES, LinkError


@pytest.fixture
def at(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Filing]:
    """The gate over SQLite, or over each database where a test asks for both."""
    with filing(tmp_path, url=getattr(request, "param", None) and request.getfixturevalue("cluster").url()) as found:
        yield found


BOTH = pytest.mark.parametrize("at", [None, pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)


def ready(at: Filing, *names: str) -> tuple[str, str]:
    """A file that was made, and the token of a link to it."""
    shared = at.share(at.register(*(names or ("ann", "bob"))))
    assert at.files.make_next() == shared.id
    return shared.id, at.token(shared.id)


def refused(at: Filing, token: str, who: str = FIRM, start: int | None = None) -> str:
    with pytest.raises(FetchError) as problem:
        at.fetch(token, who, start)
    return problem.value.code


def move(at: Filing, **by: float) -> None:
    at.clock.move(**by)
    at.at.index.refresh()


@BOTH
def test_the_recipient_fetches_it_once_and_it_is_entered_once(at: Filing) -> None:
    id, token = ready(at)
    row = at.row(id)
    data = at.fetch(token)
    assert hashlib.sha256(data).hexdigest() == row.sha256
    assert b"ann@example.org" in pyrage.decrypt(data, [at.identity])
    (entry,) = at.entries("file-fetched")
    assert (entry["disclosure"], entry["recipient"], entry["sha256"]) == (id, FIRM, row.sha256)
    assert refused(at, token) == "used"
    assert at.row(id).state == "fetched"
    assert len(at.entries("file-fetched")) == 1


def test_it_is_deleted_soon_after(at: Filing) -> None:
    _, token = ready(at)
    at.fetch(token)
    assert at.files.sweep() == 0
    move(at, minutes=5)
    assert at.files.sweep() == 1
    assert at.on_disk() == []
    assert refused(at, token) == "used"


def test_a_token_that_is_wrong_or_somebody_elses_opens_nothing(at: Filing) -> None:
    id, token = ready(at)
    other = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (other, "", "x", token[:-1], token + "A", "../../etc/passwd", token.upper(), "é" * 43):
        assert refused(at, wrong) == "unknown-link"
    assert refused(at, token, OTHER) == "unknown-link"
    assert refused(at, token, "") == "unknown-link"
    assert at.entries("file-fetched") == []
    assert at.row(id).state == "ready"
    assert at.fetch(token)


def test_it_expires(at: Filing) -> None:
    id, _ = ready(at)
    token = at.token(id, lasts=timedelta(hours=1))
    move(at, minutes=59)
    at.files.fetching.look(token, FIRM)
    move(at, minutes=1)
    assert refused(at, token) == "expired"
    with pytest.raises(LinkError):
        at.token(id, lasts=timedelta(days=31))
    with pytest.raises(LinkError):
        at.token(id, lasts=timedelta(0))


def test_looking_changes_nothing(at: Filing) -> None:
    id, token = ready(at)
    before, links = at.row(id), at.files.links.list()
    for _ in range(50):
        at.files.fetching.look(token, FIRM)
    assert (at.row(id), at.files.links.list()) == (before, links)


def test_one_fetches_at_a_time(at: Filing) -> None:
    id, token = ready(at)
    second = at.token(id)
    first = at.files.fetching.open(token, FIRM)
    assert refused(at, token) == "being-fetched"
    assert refused(at, second) == "being-fetched"
    first.close()
    assert at.fetch(second)
    assert refused(at, token) == "ended", "the first whole download ends every link"
    assert len(at.entries("file-fetched")) == 1


@BOTH
def test_many_at_once_get_it_once(at: Filing) -> None:
    _, token = ready(at)
    outcomes: list[object] = []
    barrier = threading.Barrier(8)

    def fetch() -> None:
        barrier.wait()
        try:
            outcomes.append(hashlib.sha256(at.fetch(token)).hexdigest())
        except FetchError as problem:
            outcomes.append(problem.code)

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(str(outcome)) == 64 for outcome in outcomes) == [False] * 7 + [True]
    assert len(at.entries("file-fetched")) == 1


def test_a_fetch_that_vanished_is_followed_by_another_after_a_minute(at: Filing) -> None:
    _, token = ready(at)
    lost = at.files.fetching.open(token, FIRM)
    with pytest.raises(FetchError) as problem:
        at.files.fetching.open(token, FIRM)
    assert 0 < problem.value.retry_after <= 61
    move(at, seconds=61)
    assert at.fetch(token)
    with pytest.raises(FetchError):
        b"".join(lost.pieces())
    lost.close()
    assert len(at.entries("file-fetched")) == 1


@BOTH
def test_one_that_breaks_off_is_gone_on_with(at: Filing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PIECE", 100)
    id, token = ready(at)
    row = at.row(id)
    first = at.files.fetching.open(token, FIRM)
    got = b""
    for piece in first.pieces():
        got += piece
        if len(got) >= 200:
            break
    first.close()
    assert at.entries("file-fetched") == []
    got += at.fetch(token, start=len(got))
    assert hashlib.sha256(got).hexdigest() == row.sha256
    assert len(at.entries("file-fetched")) == 1


def test_the_entry_is_there_before_the_last_piece(at: Filing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PIECE", 100)
    id, token = ready(at)
    size = at.row(id).size
    fetch = at.files.fetching.open(token, FIRM)
    got = 0
    for piece in fetch.pieces():
        got += len(piece)
        assert len(at.entries("file-fetched")) == (1 if got == size else 0)
    fetch.close()


def test_the_last_piece_alone_can_be_had_again_for_some_minutes(at: Filing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PIECE", 100)
    id, token = ready(at)
    data = at.fetch(token)
    last = (len(data) - 1) // 100 * 100
    assert at.fetch(token, start=last) == data[last:]
    assert at.fetch(token, start=last + 1) == data[last + 1 :]
    for start in (None, 0, 1, last - 1, len(data)):
        assert refused(at, token, start=start) == "used"
    assert refused(at, token, OTHER, last) == "unknown-link"
    move(at, minutes=5)
    assert refused(at, token, start=last) == "used"
    assert len(at.entries("file-fetched")) == 1
    assert at.row(id).state == "fetched"


def test_a_small_file_cannot_be_had_twice_by_way_of_its_last_piece(at: Filing) -> None:
    _, token = ready(at)
    at.fetch(token)
    assert refused(at, token, start=0) == "used"


def test_a_range_that_is_none_is_refused_and_costs_nothing(at: Filing) -> None:
    id, token = ready(at)
    for start in (-1, at.row(id).size, 10**12):
        assert refused(at, token, start=start) == "bad-range"
    assert at.fetch(token)


def test_a_link_does_not_begin_for_ever(at: Filing) -> None:
    id, token = ready(at)
    for _ in range(MOST_FETCHES):
        at.files.fetching.open(token, FIRM).close()
    assert refused(at, token) == "ended"
    assert at.fetch(at.token(id))


# --- whether it may still leave ---------------------------------------------------------------------------------------


def test_a_contract_that_lapsed_stops_it(at: Filing) -> None:
    id, token = ready(at)
    ends = at.clock.now + timedelta(days=1)
    at.conditions.register.add(FIRM, Terminated(contract="c1", on=ends, owed="delete", due=ends), by="mary")
    move(at, days=1)
    assert refused(at, token) == "stopped"
    assert at.row(id).state == "stopped"
    assert at.sharing.look(id).state == "stopped"
    assert [entry["why"] for entry in at.entries("file-ended")] == ["condition-not-met"]
    assert refused(at, token) == "stopped"
    at.files.sweep()
    assert at.on_disk() == []
    assert at.entries("file-fetched") == []


@BOTH
def test_who_opts_out_meanwhile_is_taken_out_before_it_is_given(at: Filing) -> None:
    shared = at.share(whos := at.register("ann", "bob"))
    at.files.make_next()
    token = at.token(shared.id)
    at.at.people.choose(whos[0], {"marketing": "out"}, how="one-click")
    assert refused(at, token) == "being-made"
    assert refused(at, token) == "being-made"
    at.files.sweep()
    assert at.on_disk() == [], "what may not leave any more is deleted at once"
    assert at.files.make_next() == shared.id
    plain = pyrage.decrypt(at.fetch(token), [at.identity])
    assert b"bob@" in plain
    assert b"ann@" not in plain
    assert [entry["kind"] for entry in at.entries()] == ["file-made", "withheld", "file-made", "file-fetched"]


@BOTH
def test_who_is_erased_meanwhile_is_taken_out_before_it_is_given(at: Filing) -> None:
    shared = at.share(whos := at.register("ann", "bob"))
    at.files.make_next()
    token = at.token(shared.id)
    at.at.vault.erase([whos[0]], staff="mary")
    assert refused(at, token) == "being-made"
    at.files.make_next()
    assert b"ann@" not in pyrage.decrypt(at.fetch(token), [at.identity])


@BOTH
def test_the_file_of_who_is_erased_is_deleted_whether_or_not_anybody_fetches(at: Filing) -> None:
    shared = at.share(whos := at.register("ann", "bob"))
    at.files.make_next()
    (before,) = at.on_disk()
    assert at.files.sweep() == 0
    at.at.vault.erase([whos[0]], staff="mary")
    assert at.files.sweep() == 1
    assert not before.exists()
    assert at.files.make_next() == shared.id
    assert at.files.sweep() == 0
    assert b"ann@" not in at.plain(shared.id)


def test_data_whose_time_is_over_is_taken_out_before_it_is_given(at: Filing) -> None:
    shared = at.share(whos := at.register("ann", "bob"))
    at.files.make_next()
    token = at.token(shared.id)
    at.at.vault.happened(whos[0], "account", at.clock.now - timedelta(days=3000))
    for swept in (False, True):
        if swept:
            assert at.at.vault.sweep() > 0
        with pytest.raises(FetchError) as problem:
            at.fetch(token)
        assert problem.value.code == "being-made"
    at.files.make_next()
    plain = pyrage.decrypt(at.fetch(token), [at.identity])
    assert b"bob@" in plain
    assert b"ann@" not in plain


@BOTH
def test_swept_before_anybody_looked_it_is_noticed_too(at: Filing) -> None:
    shared = at.share(whos := at.register("ann", "bob"))
    at.files.make_next()
    token = at.token(shared.id)
    at.at.vault.happened(whos[0], "account", at.clock.now - timedelta(days=3000))
    at.at.vault.sweep()
    assert refused(at, token) == "being-made"


def test_another_choice_changes_nothing(at: Filing) -> None:
    shared = at.share(whos := at.register("ann", "bob"))
    at.files.make_next()
    token = at.token(shared.id)
    at.at.people.choose(whos[0], {"analytics": "out"}, how="one-click")
    at.register("eve")
    assert at.fetch(token)
    assert len(at.entries("file-made")) == 1


@BOTH
def test_a_choice_of_who_became_another_person_is_noticed(at: Filing) -> None:
    shared = at.share(whos := at.register("ann", "bob"))
    at.files.make_next()
    token = at.token(shared.id)
    (eve,) = at.register("eve")
    at.at.people.link(eve, whos[0])
    assert at.at.people.find(eve) == at.at.people.find(whos[0])
    at.at.people.choose(eve, {"marketing": "out"}, how="one-click")
    assert refused(at, token) == "being-made"
    at.files.make_next()
    assert b"ann@" not in pyrage.decrypt(at.fetch(token), [at.identity])


def test_another_key_makes_it_anew_for_that_key(at: Filing) -> None:
    id, token = ready(at)
    identity = pyrage.x25519.Identity.generate()
    at.files.keys.register(FIRM, str(identity.to_public()).encode(), by="mary")
    assert refused(at, token) == "being-made"
    assert at.files.make_next() == id
    assert b"ann@" in pyrage.decrypt(at.fetch(token), [identity])


def test_what_a_newer_contract_gives_no_more_is_taken_out(at: Filing) -> None:
    _, token = ready(at)
    ends = at.clock.now + timedelta(days=1)
    terms = Contract(
        id="c2", begins=ends, accepts="2017-02-01", data=("contact.email",), purposes=("marketing.own",), signed=ends
    )
    at.conditions.register.add(FIRM, terms, by="mary")
    at.conditions.register.add(FIRM, Terminated(contract="c1", on=ends, owed="delete", due=ends), by="mary")
    at.files.fetching.open(token, FIRM).close()
    move(at, days=1)
    assert refused(at, token) == "being-made"
    at.files.make_next()
    plain = pyrage.decrypt(at.fetch(token), [at.identity])
    assert b"ann@example.org" in plain
    assert b"Ann" not in plain


def test_a_new_link_after_the_download_makes_it_anew(at: Filing) -> None:
    id, token = ready(at)
    at.fetch(token)
    again = at.token(id)
    assert refused(at, again) == "being-made"
    assert at.files.make_next() == id
    assert at.fetch(again)
    assert len(at.entries("file-fetched")) == 2
    assert len(at.entries("file-made")) == 2


@pytest.mark.parametrize("damage", ["gone", "short"])
def test_a_file_that_is_gone_or_too_short_is_no_download_and_is_made_anew(at: Filing, damage: str) -> None:
    id, token = ready(at)
    path = at.files.folder / at.row(id).name
    data = path.read_bytes()
    path.unlink()
    if damage == "short":
        path.write_bytes(data[:-1])
    assert refused(at, token) == "being-made"
    assert at.row(id).why == "gone"
    assert at.entries("file-fetched") == []
    assert at.files.make_next() == id
    assert b"ann@" in pyrage.decrypt(at.fetch(token), [at.identity])


def test_a_file_that_is_cut_off_while_it_is_fetched_is_no_download(at: Filing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PIECE", 100)
    id, token = ready(at)
    fetch = at.files.fetching.open(token, FIRM)
    pieces = fetch.pieces()
    next(pieces)
    os.truncate(at.files.folder / at.row(id).name, 150)
    with pytest.raises(fetching.DamagedFileError):
        list(pieces)
    fetch.close()
    assert at.entries("file-fetched") == []


# --- the secrets ------------------------------------------------------------------------------------------------------


def test_a_fetch_secret_says_who_it_is_until_another_one_is_made(at: Filing) -> None:
    assert at.files.keys.who(at.secret) == FIRM
    for wrong in (
        "",
        "x",
        at.secret[:-1] + "!",
        at.secret[:-1] + ("A" if at.secret[-1] != "A" else "B"),
        "troth_fetch_",
    ):
        assert at.files.keys.who(wrong) is None
    key, other = at.files.keys.make_secret(FIRM, by="mary")
    assert at.files.keys.who(at.secret) is None
    assert at.files.keys.who(other) == FIRM
    at.files.keys.end(key.id)
    assert at.files.keys.who(other) is None
    entries = at.entries("recipient-key")
    assert [(entry["change"], entry["sort"]) for entry in entries] == [
        ("registered", "age"), ("registered", "fetch"), ("ended", "fetch"), ("registered", "fetch"), ("ended", "fetch"),
    ]  # fmt: skip
    assert at.secret[-43:] not in repr(at.entries("recipient-key"))


# --- property ---------------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(
        ["fetch", "part", "resume", "tail", "other", "wrong", "expire", "opt-out", "make", "sweep", "lapse"]
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@given(STEPS)
@settings(max_examples=10)
def test_whatever_happens_each_whole_download_is_entered_once_and_no_more(tmp_path_factory, steps: list[str]) -> None:
    happen(tmp_path_factory, steps)


@pytest.mark.soak
@given(STEPS)
@settings(max_examples=300)
def test_whatever_happens_for_long(tmp_path_factory, steps: list[str]) -> None:
    happen(tmp_path_factory, steps)


def happen(tmp_path_factory, steps: list[str]) -> None:
    """Do the steps; nothing leaves that may not, and nothing unrecorded."""
    with pytest.MonkeyPatch.context() as patch, filing(tmp_path_factory.mktemp("store")) as at:
        patch.setattr(fetching, "PIECE", 100)
        shared = at.share(whos := at.register("ann", "bob", "eve"))
        at.files.make_next()
        token = at.token(shared.id)
        out: set[str] = set()
        whole = 0
        for step in steps:
            if step == "opt-out" and len(out) < 2:
                who = whos[len(out)]
                out.add(who.value)
                at.at.people.choose(who, {"marketing": "out"}, how="one-click")
            elif step == "make":
                at.files.make_next()
            elif step == "sweep":
                at.files.sweep()
            elif step == "expire":
                move(at, days=2)
            elif step == "lapse":
                move(at, days=200)
            start = {"fetch": None, "part": None, "resume": 100, "tail": 200}.get(step)
            if step in ("fetch", "part", "resume", "tail", "other", "wrong"):
                who, used = (OTHER if step == "other" else FIRM), (token[::-1] if step == "wrong" else token)
                try:
                    fetch = at.files.fetching.open(used, who, start)
                except FetchError:
                    continue
                assert step not in ("other", "wrong")
                got = b""
                for piece in fetch.pieces():
                    got += piece
                    if step == "part" and len(got) >= 100:
                        break
                fetch.close()
                row = at.row(shared.id)
                if start is None and len(got) == row.size:
                    whole += 1
                    plain = pyrage.decrypt(got, [at.identity])
                    assert not any(one.encode() in plain for one in out), "somebody who opted out left"
        assert whole <= len(at.entries("file-fetched")) <= 1
