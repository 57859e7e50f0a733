"""Passes, codes and the cookie: what is sealed, signed and limited, and that nothing tells who is known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.people import Identifier, People
from troth.people.browsers import Browser, Cookies, choice_order, new_browser_id, read_digits, write_digits
from troth.people.codes import EACH_DAY, LIVES, TRIES, redeem_code, request_code
from troth.people.errors import ExpiredPassError, IdentifierError, UnknownPassError
from troth.people.keys import IndexKey
from troth.people.passes import Passes
from troth.policy.history import Policy
from troth.store import Store

KEY = IndexKey(b"k" * 32)
OTHER = IndexKey(b"o" * 32)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PERSON = "0123456789abcdef" * 2
ANN = Identifier("email", "ann@example.org")


def test_a_pass_is_read_as_it_was_made_and_is_the_same_each_time():
    passes = Passes(KEY)
    one = passes.unsubscribe(PERSON, "marketing.news", "shop")
    assert one == passes.unsubscribe(PERSON, "marketing.news", "shop")
    found = passes.read(one, "unsubscribe", NOW + timedelta(days=36500))
    assert (found.person, found.choice, found.product) == (PERSON, "marketing.news", "shop")
    assert passes.read(passes.receipt(PERSON, 7), "receipt", NOW).leaf == 7
    assert PERSON not in one
    assert len(one) <= 120


def test_a_pass_ends_on_the_second():
    passes = Passes(KEY)
    one = passes.choices(PERSON, NOW)
    assert passes.read(one, "choices", NOW - timedelta(seconds=1)).person == PERSON
    with pytest.raises(ExpiredPassError):
        passes.read(one, "choices", NOW)


def test_a_pass_is_for_one_thing_and_of_one_key():
    one = Passes(KEY).unsubscribe(PERSON, "marketing")
    with pytest.raises(UnknownPassError):
        Passes(KEY).read(one, "choices", NOW)
    with pytest.raises(UnknownPassError):
        Passes(OTHER).read(one, "unsubscribe", NOW)


@given(st.data())
def test_a_changed_pass_is_none(data):
    one = Passes(KEY).unsubscribe(PERSON, "marketing")
    place = data.draw(st.integers(0, len(one)))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ é"
    letter = data.draw(st.sampled_from(letters))
    changed = data.draw(
        st.sampled_from([one[:place] + letter + one[place:], one[:place] + letter + one[place + 1 :], one[:place]])
    )
    if changed != one:
        with pytest.raises(UnknownPassError):
            Passes(KEY).read(changed, "unsubscribe", NOW)


@given(st.text(max_size=600))
def test_any_other_text_is_no_pass(text):
    with pytest.raises(UnknownPassError):
        Passes(KEY).read(text, "unsubscribe", NOW)


# --- codes ------------------------------------------------------------------------------------------------------------


def test_a_code_opens_once(people: People, clock):
    person = people.know(ANN)
    code = request_code(people, ANN)
    assert code is not None
    assert len(code) == 8
    assert redeem_code(people, ANN, f" {code[:4]} {code[4:]}") == person
    assert redeem_code(people, ANN, code) is None


def test_a_code_is_of_one_address_and_of_its_time(people: People, clock):
    people.know(ANN)
    people.know(Identifier("email", "bob@example.org"))
    code = request_code(people, ANN)
    assert code is not None
    assert redeem_code(people, Identifier("email", "bob@example.org"), code) is None
    clock.now += LIVES
    assert redeem_code(people, ANN, code) is None


def test_a_code_cannot_be_guessed_in_the_tries_it_has(people: People):
    person = people.know(ANN)
    code = request_code(people, ANN)
    assert code is not None
    wrong = f"{(int(code) + 1) % 10**8:08}"
    for _ in range(TRIES - 1):
        assert redeem_code(people, ANN, wrong) is None
    assert redeem_code(people, ANN, code) == person
    people.know(Identifier("email", "bob@example.org"))
    bob = Identifier("email", "bob@example.org")
    code = request_code(people, bob)
    assert code is not None
    for _ in range(TRIES):
        assert redeem_code(people, bob, f"{(int(code) + 1) % 10**8:08}") is None
    assert redeem_code(people, bob, code) is None


def test_nobody_is_flooded_with_codes(people: People, clock):
    people.know(ANN)
    assert request_code(people, ANN) is not None
    assert request_code(people, ANN) is None
    sent = 1
    for _ in range(60):
        clock.now += timedelta(minutes=5)
        sent += request_code(people, ANN) is not None
    assert sent == EACH_DAY
    clock.now += timedelta(days=1)
    assert request_code(people, ANN) is not None


def test_an_address_that_nobody_has_takes_the_same_steps(people: People, store: Store, monkeypatch):
    """The statements that run are the same, so neither the answer nor its time tells who is known."""
    people.know(ANN)
    ran: list[list[str]] = []
    from troth.store.unit import Unit

    real_rows, real_change = Unit.rows, Unit.change
    monkeypatch.setattr(Unit, "rows", lambda self, s, v=None: ran[-1].append(str(s)) or real_rows(self, s, v))
    monkeypatch.setattr(Unit, "change", lambda self, s, v=None: ran[-1].append(str(s)) or real_change(self, s, v))
    for address in ("ann@example.org", "nobody@example.org"):
        ran.append([])
        request_code(people, Identifier("email", address))
        ran[-1].append("redeem")
        redeem_code(people, Identifier("email", address), "12345678")
    assert ran[0] == ran[1]
    assert len(ran[0]) > 4


def test_no_code_without_an_address(people: People):
    with pytest.raises(IdentifierError):
        request_code(people, Identifier("email", "no address"))


def test_neither_address_nor_code_is_in_the_database(tmp_path: Path, policy: Policy):
    from troth.people import open_people
    from troth.store import open_store

    with open_store(f"sqlite:///{tmp_path / 'troth.db'}", create=True) as store:
        people = open_people(store, tmp_path / "keys", policy)
        people.know(ANN)
        code = request_code(people, ANN)
    assert code is not None
    found = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert ANN.value.encode() not in found
    assert code.encode() not in found


# --- the cookie -------------------------------------------------------------------------------------------------------


def test_a_cookie_is_read_as_it_was_written(policy: Policy):
    cookies = Cookies(KEY, policy)
    browser = Browser(new_browser_id(b"0" * 16), policy.versions[0].id, "0123")
    value = cookies.write(browser)
    assert cookies.read(value) == browser
    assert all("!" <= letter <= "~" and letter not in '",;\\' for letter in value)  # RFC 6265, section 4.1.1
    assert Cookies(OTHER, policy).read(value) is None


@given(st.data())
def test_a_changed_cookie_is_none(data):
    from small_policy import small_policy

    policy = small_policy()
    cookies = Cookies(KEY, policy)
    value = cookies.write(Browser(new_browser_id(b"0" * 16), policy.versions[0].id, "01201"))
    place = data.draw(st.integers(0, len(value) - 1))
    letter = data.draw(st.sampled_from("0123abcXYZ~-_"))
    changed = value[:place] + letter + value[place + 1 :]
    if changed != value:
        assert cookies.read(changed) is None


def test_a_refusal_that_waits_does_not_hide_whose_it_is(policy: Policy):
    cookies = Cookies(KEY, policy)
    browser = Browser(new_browser_id(b"0" * 16), policy.versions[0].id, "22222")
    version, digits, id, signature = cookies.write(browser).split("~")
    waiting = f"{policy.versions[1].id}~11222~{id}~{signature}~{version}~{digits}"
    assert cookies.read(waiting) == browser
    assert cookies.read(waiting.replace("~22222", "~12222")) is None
    assert cookies.read(f"{policy.versions[1].id}~11222~~~~") is None


def test_the_digits_say_what_counts(people: People, policy: Policy):
    order = choice_order(policy)
    people.choose(ANN, {"marketing": "out", "partners": "in"}, how="page")
    states = read_digits(write_digits(people.current(ANN), order), order)
    assert states == {
        "marketing": "out", "marketing.news": "out", "analytics": "unset", "partners": "in", "partners.events": "in",
    }  # fmt: skip
    people.signal(ANN)
    people.choose(ANN, {"analytics": "in"}, how="page")
    digits = write_digits(people.current(ANN), order)
    assert digits[order.index("analytics")] == "3"
    assert read_digits(digits, order)["analytics"] == "in"
    assert read_digits("", order) == dict.fromkeys(order, "unset")
