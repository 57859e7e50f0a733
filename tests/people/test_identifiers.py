"""Identifiers: one spelling where it certainly means the same, blind in the database, and nothing without the key."""

import os
import sqlite3
from pathlib import Path

import pytest

from store_oracle import sqlite_url
from troth.people import Identifier, People, open_people
from troth.people.errors import IdentifierError, MissingIndexKeyError, UnknownFormError, UnsafeIndexKeyError
from troth.people.identifiers import normalise, parse_who
from troth.people.keys import FILE
from troth.policy.history import Policy
from troth.store import Store, open_store


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "ann@Example.ORG", " ann@example.org. "),
        ("email", "ann@bücher.example", "ann@XN--BCHER-KVA.example"),
        ("email", "ann@bu\u0308cher.example", "ann@b\u00fccher.example"),
        ("email", "ann@ｅｘａｍｐｌｅ。org", "ann@example.org"),
        ("email", "re\u0301ne@example.org", "r\u00e9ne@example.org"),
        ("account", " 4711", "4711"),
        ("account", "re\u0301ne", "r\u00e9ne"),
    ],
)
def test_the_same(kind: str, one: str, other: str) -> None:
    assert normalise(Identifier(kind, one)) == normalise(Identifier(kind, other))


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "Ann@example.org", "ann@example.org"),
        ("email", "ann+shop@example.org", "ann@example.org"),
        ("email", "a.nn@example.org", "ann@example.org"),
        ("email", "ann@faß.example", "ann@fass.example"),
        ("account", "ABC", "abc"),
        ("cookie", "ABC", "abc"),
    ],
)
def test_not_the_same(kind: str, one: str, other: str) -> None:
    assert normalise(Identifier(kind, one)) != normalise(Identifier(kind, other))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "ann"),
        ("email", "@example.org"),
        ("email", "ann@"),
        ("email", "ann@a..b"),
        ("email", "ann@" + "a" * 64 + ".org"),
        ("email", "ann@ex ample.org"),
        ("email", "a" * 330 + "@b.org"),
        ("account", "  "),
        ("account", "a\x00b"),
        ("account", "\ud800"),
        ("cookie", "a b"),
        ("cookie", "ü"),
        ("phone", "1"),
    ],
)
def test_refused(kind: str, value: str) -> None:
    with pytest.raises(IdentifierError):
        normalise(Identifier(kind, value))


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("0123456789abcdef" * 2, "0123456789abcdef" * 2),
        ("email:ann@example.org", Identifier("email", "ann@example.org")),
        ("account:4711", Identifier("account", "4711")),
        ("account:ann@example.org", Identifier("account", "ann@example.org")),
        ("account:" + "0" * 32, Identifier("account", "0" * 32)),
        ("account:a:b", Identifier("account", "a:b")),
        ("cookie:c1", Identifier("cookie", "c1")),
    ],
)
def test_who_is_meant(text: str, who: object) -> None:
    assert parse_who(text) == parse_who(text, bare=True) == who


@pytest.mark.parametrize(
    "text",
    ["", "4711", ":", "email", "phone:1", "emial:ann@example.org", "Email:a@b.org", "0" * 31, "A" * 32, "g" * 32],
)
def test_a_text_that_names_nobody(text: str) -> None:
    for bare in (False, True):
        with pytest.raises(
            UnknownFormError, match=r"32 hex digits.*email:name@domain, account:…, or cookie:…"
        ) as error:
            parse_who(text, bare=bare)
        assert "ann" not in str(error.value)  # errors end up in logs
        assert "4711" not in str(error.value)
    if text == "emial:ann@example.org":
        assert "Did you mean email:…?" in str(error.value)


@pytest.mark.parametrize("text", ["email:ann", "account: ", "cookie:a b", "account:" + "x" * 513])
def test_a_form_with_nothing_proper_in_it(text: str) -> None:
    with pytest.raises(IdentifierError) as error:
        parse_who(text)
    assert not isinstance(error.value, UnknownFormError)


def test_an_address_alone_is_taken_only_where_a_person_types_it() -> None:
    assert parse_who("ann@example.org", bare=True) == Identifier("email", "ann@example.org")
    with pytest.raises(UnknownFormError, match="is written email:name@domain"):
        parse_who("ann@example.org")


def test_a_representation_never_shows_the_value() -> None:
    assert "ann" not in repr(Identifier("email", "ann@example.org"))


def test_no_identifier_in_the_database(tmp_path: Path, policy: Policy) -> None:
    with open_store(sqlite_url(tmp_path), create=True) as store:
        people = open_people(store, tmp_path / "keys", policy)
        mail, account, cookie = (
            Identifier("email", "ann.unmistakable@example.org"),
            Identifier("account", "unmistakable-4711"),
            Identifier("cookie", "unmistakable0815"),
        )
        people.choose(mail, {"marketing": "out"}, how="page", key="request of ann.unmistakable")
        people.choose(cookie, {"marketing": "in"}, how="banner")
        people.link(account, mail)
        people.link(account, cookie)
        people.unlink(cookie)
    with sqlite3.connect(tmp_path / "troth.db") as plain:
        assert plain.execute("SELECT count(*) FROM identifiers").fetchone() == (3,)
    data = b"".join(path.read_bytes() for path in tmp_path.glob("troth.db*"))
    assert b"identifiers" in data
    assert b"unmistakable" not in data.lower()
    for word in ("unmistakable-4711", "ann.unmistakable@example.org"):
        assert word.encode("utf-16-le") not in data
        assert word.encode().hex().encode() not in data


def test_the_key_is_made_once_and_kept_from_others(store: Store, policy: Policy, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    ann = Identifier("email", "ann@example.org")
    id = open_people(store, keys, policy).choose(ann, {"marketing": "out"}, how="page")[0].person
    assert (keys / FILE).stat().st_mode & 0o777 == 0o600
    assert open_people(store, keys, policy).find(ann) == id
    os.chmod(keys / FILE, 0o640)
    with pytest.raises(UnsafeIndexKeyError, match="chmod 600"):
        open_people(store, keys, policy)
    os.chmod(keys / FILE, 0o600)
    (keys / FILE).rename(keys / "away")
    with pytest.raises(MissingIndexKeyError, match="Restore"):
        open_people(store, keys, policy)
    assert not (keys / FILE).exists()
    (keys / FILE).write_text("TROTH+PEOPLE+" + "00" * 32)
    (keys / FILE).chmod(0o600)
    with pytest.raises(UnsafeIndexKeyError, match="not the key"):
        open_people(store, keys, policy)
    (keys / FILE).write_text("something else")
    with pytest.raises(UnsafeIndexKeyError, match="does not hold"):
        open_people(store, keys, policy)


def test_kinds_do_not_meet(people: People) -> None:
    same = "4711@example.org"
    assert people.key.blind(Identifier("email", same)) != people.key.blind(Identifier("account", same))
