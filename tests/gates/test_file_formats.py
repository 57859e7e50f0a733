"""The formats of files: what goes in comes out with other programs' readers, in bounded memory, and no formula runs."""

import csv
import io
import json
import tracemalloc

import msgspec
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.gates.share.files.formats import FORMATS, cell, guarded, pieces, unguarded

TERMS = ("contact.email", "contact.phone", "usage")
texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(["=1+1", "'=1", "+49 30", "-", '"', "a,b"])
jsons = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


class One(msgspec.Struct, frozen=True):
    subject: str
    values: dict[str, object]


persons = st.builds(
    One,
    st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26),
    st.dictionaries(st.sampled_from(TERMS), texts | jsons, max_size=3),
)
batches = st.lists(st.lists(persons, max_size=4), max_size=4)


def made(format, found, about=lambda: {}) -> bytes:
    return b"".join(pieces(format, TERMS, iter(found), about))


@given(batches)
def test_csv_comes_back(found: list[list[One]]) -> None:
    header, *rows = csv.reader(io.StringIO(made("csv", found).decode(), newline=""), strict=True)
    assert header == ["subject", *TERMS]
    everybody = [one for batch in found for one in batch]
    assert [row[0] for row in rows] == [one.subject for one in everybody]
    for row, one in zip(rows, everybody, strict=True):
        assert [unguarded(text) for text in row[1:]] == [cell(one.values.get(term)) for term in TERMS]
        assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")) for text in row)


@given(texts)
def test_what_is_guarded_can_be_undone_and_only_what_could_be_a_formula_is(text: str) -> None:
    assert unguarded(guarded(text)) == text
    if text[:1].isalnum():
        assert guarded(text) == text


@given(batches)
def test_json_lines_come_back_with_their_types(found: list[list[One]]) -> None:
    lines = made("jsonl", found).decode().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == [
        {"subject": one.subject, "data": one.values} for batch in found for one in batch
    ]


@given(batches)
def test_parquet_comes_back_with_what_it_is_about(found: list[list[One]]) -> None:
    drawn = []

    def drawing():
        for batch in found:
            drawn.append(batch)
            yield batch

    data = b"".join(pieces("parquet", TERMS, drawing(), lambda: {"persons": str(sum(map(len, drawn)))}))
    table = pyarrow.parquet.read_table(io.BytesIO(data))
    everybody = [one for batch in found for one in batch]
    assert table.column_names == ["subject", *TERMS]
    about = pyarrow.parquet.read_metadata(io.BytesIO(data)).metadata
    assert about[b"troth.persons"] == str(len(everybody)).encode()
    assert table.column("subject").to_pylist() == [one.subject for one in everybody]
    for term in TERMS:
        assert table.column(term).to_pylist() == [
            cell(one.values[term]) if term in one.values else None for one in everybody
        ]


def test_a_value_of_a_term_that_is_no_column_is_left_out() -> None:
    one = One("a" * 26, {"contact.email": "ann@example.org", "payment.card": "4111"})
    for format in FORMATS:
        assert b"4111" not in made(format, [[one]])


@pytest.mark.parametrize("format", FORMATS)
def test_the_memory_does_not_grow_with_the_file(format: str) -> None:
    def taken(count: int) -> int:
        row = [One("a" * 26, {"contact.email": "x" * 200}) for _ in range(500)]
        tracemalloc.start()
        size = sum(len(piece) for piece in pieces(format, TERMS, (row for _ in range(count)), lambda: {}))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert size
        return most

    taken(80)
    assert taken(400) < 1.3 * taken(80)
