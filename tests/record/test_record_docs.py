"""The pages about the store and the record name what there is."""

from pathlib import Path

from troth.record.kinds import KINDS
from troth.store.schema import VERSION_TABLE, metadata

DOCS = Path(__file__).parents[2] / "docs"


def test_every_table_and_every_kind_is_described() -> None:
    store = (DOCS / "reference/store.md").read_text("utf-8")
    record = (DOCS / "explanation/the-record.md").read_text("utf-8")
    assert [name for name in [*metadata.tables, VERSION_TABLE] if f"| `{name}` |" not in store] == []
    for kind in KINDS.values():
        rows = [line for line in record.splitlines() if line.startswith(f"| `{kind.name}` |")]
        assert rows, f"the kind {kind.name} is not described"
        clear, committed = rows[0].split("|")[3:5]
        for field in kind.fields:
            assert f"`{field.name}`" in (committed if field.type == "commitment" else clear)
