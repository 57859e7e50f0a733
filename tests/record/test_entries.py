"""Entries: one spelling, declared kinds, and nothing about a person in the clear."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.record import canonical, kinds, verifier
from troth.record.commitment import Opening, commit, new_event, new_salt, opens
from troth.record.kinds import KINDS, Field, Kind, make_entry, make_opening, read_entry

AT = datetime(2015, 12, 31, tzinfo=UTC)
PUBLISHED = {"policy": "p", "version": "2015-12-31", "effective": "2015-12-31", "title": "Ü", "sha256": "0" * 64}

text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | text,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner),
    max_leaves=20,
)


@given(values)
def test_canonical_json_is_rfc_8785(value: object) -> None:
    data = canonical.encode(value)
    assert data == json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    assert canonical.decode(data) == value
    # A stranger's file has its own spelling of it, from the standard library.
    assert verifier.canonical_json(value) == data
    assert verifier.read_json(data) == value
    assert verifier.commitment(b"s" * 32, "field", value) == commit(b"s" * 32, "field", value)


@pytest.mark.parametrize("bad", [1.0, 2**53, -(2**53), {"é": 1}, {1: 2}, b"x", {"a": {1}}, "\ud800", float("nan")])
def test_what_has_no_single_spelling_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical.encode(bad)


@pytest.mark.parametrize("bad", [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1,"a":1}', b'"\\u0041"', b"1.0", b"{", b"\xff"])
def test_another_spelling_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical.decode(bad)


def test_an_entry_and_its_fields() -> None:
    entry = make_entry("published", "ab" * 16, AT, PUBLISHED)
    assert (
        entry
        == (
            '{"at":"2015-12-31T00:00:00Z","effective":"2015-12-31","event":"' + "ab" * 16 + '","kind":"published",'
            '"policy":"p","sha256":"' + "0" * 64 + '","title":"Ü","version":"2015-12-31"}'
        ).encode()
    )
    assert read_entry(entry)["title"] == "Ü"


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "unknown"},
        {"event": "short"},
        {"policy": None},
        {"policy": "with spaces"},
        {"effective": "yesterday"},
        {"sha256": "x" * 64},
        {"title": 5},
        {"more": "x"},
    ],
)
def test_other_forms_are_refused(change: dict[str, object]) -> None:
    body = {**json.loads(make_entry("published", "ab" * 16, AT, PUBLISHED)), **change}
    with pytest.raises(ValueError, match=r"."):
        read_entry(canonical.encode(body))
    with pytest.raises(ValueError, match=r"fields|form|kind|event"):
        make_entry(
            str(change.get("kind", "published")), str(change.get("event", "ab" * 16)), AT, {**PUBLISHED, **change}
        )


def test_the_largest_entry() -> None:
    with pytest.raises(ValueError, match="65535"):
        make_entry("published", "ab" * 16, AT, {**PUBLISHED, "title": "x" * 65_535})


def test_a_commitment_opens_with_its_salt_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Kind("chosen", "A choice.", (Field("person", "commitment", "who"), Field("choice", "id", "what")))
    monkeypatch.setitem(kinds.KINDS, "chosen", kind)
    given_values = {"person": {"email": "ada@example.org"}, "choice": "marketing"}
    salt, event = new_salt(), new_event()
    entry = make_entry("chosen", event, AT, given_values, salt)
    assert b"ada" not in entry
    body = read_entry(entry)
    opening = make_opening("chosen", event, salt, given_values)
    assert opens(opening, body)
    assert not opens(Opening(event, new_salt(), opening.values), body)
    assert not opens(Opening(event, salt, {"person": {"email": "eve@example.org"}}), body)
    assert not opens(Opening(new_event(), salt, opening.values), body)
    with pytest.raises(ValueError, match="needs a salt"):
        make_entry("chosen", event, AT, given_values)
    with pytest.raises(ValueError, match="32 bytes"):
        commit(b"short", "person", 1)
    assert commit(salt, "a", 1) != commit(salt, "b", 1)


def test_every_kind_is_described() -> None:
    for name, kind in KINDS.items():
        assert name == kind.name
        assert kind.about.endswith(".")
        assert len({field.name for field in kind.fields} | {"kind", "event", "at"}) == len(kind.fields) + 3
        assert all(field.about for field in kind.fields)
