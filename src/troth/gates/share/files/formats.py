"""The formats of a file: CSV (RFC 4180), JSON Lines and Apache Parquet, each written piece by piece in bounded memory.

One row is one person: the pseudonym that the recipient knows the person by, then the data. In JSON Lines the data keeps
its types. In CSV and Parquet each data term is a column of texts: a text stands there as it is, anything else as JSON.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, get_args

import msgspec

Format = Literal["csv", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: Mapping[Format, str] = {
    "csv": "text/csv; charset=utf-8; header=present",  # RFC 4180, section 3
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
SUBJECT = "subject"  # the column of the pseudonym; no data term is called so, since terms of that name do not exist
ROWS_AT_ONCE = 20_000  # rows of one row group of Parquet, which is what has to be in memory

# A cell that begins so is taken for a formula by spreadsheet programs (OWASP, "CSV Injection"); their full-width forms
# count too, and a cell that begins with apostrophes before it, so that the escaping can be undone.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")

_encode = msgspec.json.Encoder(order="deterministic").encode


class Leaving(Protocol):
    """A person who leaves: by the recipient's pseudonym, and the values by data term."""

    @property
    def subject(self) -> str:
        """The pseudonym."""
        ...

    @property
    def values(self) -> Mapping[str, object]:
        """The values by data term."""
        ...


Batches = Iterable[Sequence[Leaving]]
About = Callable[[], Mapping[str, str]]


def pieces(format: Format, columns: Sequence[str], batches: Batches, about: About) -> Iterator[bytes]:
    """The bytes of a file, in pieces, while `batches` are drawn one by one.

    `columns` are the data terms of the whole file; what a person has of others is left out. `about` is asked once
    all is drawn: what Parquet keeps as metadata. ModuleNotFoundError: Parquet, and pyarrow is not installed.
    """
    if format == "csv":
        return _csv(columns, batches)
    if format == "jsonl":
        return _jsonl(columns, batches)
    return _parquet(columns, batches, about)


def cell(value: object) -> str:
    """A value as the text of a column: a text as it is, anything else as JSON; "" for none."""
    if value is None:
        return ""
    return value if isinstance(value, str) else _encode(value).decode()


def guarded(text: str) -> str:
    """A text so that no spreadsheet takes it for a formula: with an apostrophe before it, if it could be one."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """The text again, from a cell that `guarded` made."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _csv(columns: Sequence[str], batches: Batches) -> Iterator[bytes]:
    kept = io.StringIO(newline="")
    writer = csv.writer(kept, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow((SUBJECT, *columns))
    for batch in batches:
        for one in batch:
            writer.writerow((one.subject, *(guarded(cell(one.values.get(name))) for name in columns)))
        yield _taken(kept)
    yield _taken(kept)


def _taken(kept: io.StringIO) -> bytes:
    text = kept.getvalue()
    kept.seek(0)
    kept.truncate()
    return text.encode()


def _jsonl(columns: Sequence[str], batches: Batches) -> Iterator[bytes]:
    for batch in batches:
        yield b"".join(
            _encode({SUBJECT: one.subject, "data": {name: one.values[name] for name in columns if name in one.values}})
            + b"\n"
            for one in batch
        )


def _parquet(columns: Sequence[str], batches: Batches, about: About) -> Iterator[bytes]:
    import pyarrow  # type: ignore[import-untyped] # noqa: PLC0415 - large, and only who asks for Parquet needs it
    from pyarrow import parquet  # noqa: PLC0415 - likewise

    schema = pyarrow.schema(
        [pyarrow.field(SUBJECT, pyarrow.string(), nullable=False), *((name, pyarrow.string()) for name in columns)]
    )
    sink = _Sink()
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for rows in _gathered(batches, ROWS_AT_ONCE):
            held: list[list[str | None]] = [[one.subject for one in rows]]
            held += [[cell(one.values[name]) if name in one.values else None for one in rows] for name in columns]
            writer.write_table(pyarrow.table(held, schema=schema))
            yield sink.taken()
        writer.add_key_value_metadata({f"troth.{name}": value for name, value in about().items()})
    yield sink.taken()


def _gathered(batches: Batches, most: int) -> Iterator[list[Leaving]]:
    """Batches put together to some `most` rows each."""
    rows: list[Leaving] = []
    for batch in batches:
        rows += batch
        if len(rows) >= most:
            yield rows
            rows = []
    if rows:
        yield rows


class _Sink(io.RawIOBase):
    """A file that only gets longer, of which what was written so far can be taken away."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        """Nothing is closed: what was written is taken afterwards."""

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
